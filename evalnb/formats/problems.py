"""What a reader refused, or a writer could not say: counted in full, told in detail for the first of each kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

FIRST = 20
"""How many of each reason are told in detail."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that was refused."""

    what: str
    """file, class, image or annotation."""
    id: str
    """The source's id; for a file, the byte; empty where there is none."""
    field: str
    """The key that is at fault."""
    reason: str
    detail: str = ""
    """The value, shortened."""

    def __str__(self) -> str:
        where = f"{self.what} {self.id}".strip()
        return f"{where}: {self.field} {self.reason}".rstrip() + (f" ({self.detail})" if self.detail else "")


class Problems:
    """A bounded account of problems; it goes to JSON and back, so that an interrupted import resumes it."""

    def __init__(self) -> None:
        self.counts: dict[tuple[str, str], int] = {}
        self.unchanged: dict[str, int] = {}
        """What the dataset had already, by image and annotation: no problem, but part of the account."""
        self._first: list[Problem] = []

    def add(self, what: str, id: object, field: str, reason: str, detail: object = "") -> None:
        """Count one, and keep it if it is among the first of its reason."""
        kind = (what, f"{field} {reason}".strip())
        self.counts[kind] = self.counts.get(kind, 0) + 1
        if self.counts[kind] <= FIRST:
            text = detail if isinstance(detail, str) else repr(detail)
            known = "" if id is None else str(id)
            self._first.append(Problem(what, _kept(known), field, reason, _kept(text)))

    def refused(self, what: str) -> int:
        """How many problems there are with images, annotations, …"""
        return sum(n for (kind, _), n in self.counts.items() if kind == what)

    def keep(self, what: str) -> None:
        """Count one that the dataset had already."""
        self.unchanged[what] = self.unchanged.get(what, 0) + 1

    def __iter__(self) -> Iterator[Problem]:
        return iter(self._first)

    def __len__(self) -> int:
        return sum(self.counts.values())

    def has(self, reason: str) -> bool:
        """Whether any problem has this reason."""
        return any(kind.endswith(reason) for _, kind in self.counts)

    def to_json(self) -> dict[str, Any]:
        """Counts and details, as JSON can hold them."""
        return {
            "counts": [[what, kind, n] for (what, kind), n in self.counts.items()],
            "first": [[one.what, one.id, one.field, one.reason, one.detail] for one in self._first],
            "unchanged": dict(self.unchanged),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Problems:
        """What ``to_json`` wrote; an empty object is no problems."""
        out = cls()
        out.counts = {(what, kind): n for what, kind, n in value.get("counts", ())}
        out._first = [Problem(*one) for one in value.get("first", ())]
        out.unchanged = dict(value.get("unchanged", {}))
        return out


def _kept(text: str) -> str:
    """Short, and storable: no NUL, no lone surrogates."""
    clean = text.replace("\0", "␀").encode("utf-8", "replace").decode()
    return clean if len(clean) <= 80 else clean[:79] + "…"
