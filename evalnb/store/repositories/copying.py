"""PostgreSQL's COPY within a session's transaction, both ways."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psycopg import Connection
from sqlalchemy import Select
from sqlalchemy.orm import Session


def copy_in(session: Session, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Append rows of Python values to ``table``; names are ours, never a user's."""
    with (
        _connection(session).cursor() as cursor,
        cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy,
    ):
        for row in rows:
            copy.write_row(row)


def copy_lines_in(session: Session, table: str, columns: Sequence[str], lines: Iterable[bytes]) -> None:
    """Append rows already written in COPY's text format (blocks of whole lines) to ``table``."""
    with (
        _connection(session).cursor() as cursor,
        cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy,
    ):
        for block in lines:
            copy.write(block)


_BIG_ENDIAN = {"i8": (8, ">i8"), "f8": (8, ">f8"), "i4": (4, ">i4"), "bool": (1, "?")}


def copy_columns_out(session: Session, query: Select[Any], types: Sequence[str]) -> list[NDArray[Any]]:
    """The query's columns as arrays. ``types`` name each: i8, f8, i4 or bool; no value may be NULL.

    In COPY's binary format rows of such types have one length, so that numpy reads them without a loop.
    """
    fields: list[tuple[str, str]] = [("width", ">i2")]
    for place, name in enumerate(types):
        fields += [(f"n{place}", ">i4"), (f"v{place}", _BIG_ENDIAN[name][1])]
    row = np.dtype(fields)
    compiled = query.compile(session.get_bind(), compile_kwargs={"render_postcompile": True})
    body = bytearray()
    with (
        _connection(session).cursor() as cursor,
        cursor.copy(f"COPY ({compiled.string}) TO STDOUT (FORMAT BINARY)", compiled.params) as copy,
    ):
        for block in copy:
            body += block
    # 11 bytes of signature, 4 of flags, 4 of extension length (always 0); 2 of trailer.
    table = np.frombuffer(body, dtype=row, offset=19, count=(len(body) - 21) // row.itemsize)
    if len(table) and any((table[f"n{p}"] != _BIG_ENDIAN[name][0]).any() for p, name in enumerate(types)):
        raise AssertionError("a column of the query has another type than was declared, or a NULL")
    return [
        table[f"v{place}"].astype(np.dtype(_BIG_ENDIAN[name][1]).newbyteorder("="))
        for place, name in enumerate(types)
    ]


def _connection(session: Session) -> Connection[Any]:
    driver = session.connection().connection.driver_connection
    assert isinstance(driver, Connection)
    return driver
