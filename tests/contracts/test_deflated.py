"""Compressed parts of a message: what they hold comes out, and nothing broken gets in."""

from __future__ import annotations

import json
import zlib
from typing import Any

import pytest

from evalnb.errors import Invalid
from evalnb.wire.deflated import MOST_BYTES, whole


def packed(value: Any) -> bytes:
    return zlib.compress(json.dumps(value).encode())


def test_parts_come_out_in_their_order() -> None:
    message = {"id": 1, "ask": "apply", "deflated": ["ops", "more"]}
    ops = [{"note": "ü", "counts": "abc1" * 5000}]
    expected = {"id": 1, "ask": "apply", "ops": ops, "more": {"a": None}}
    assert whole(message, [memoryview(packed(ops)), packed({"a": None})]) == expected
    assert "ops" not in message
    plain = {"id": 1, "ops": []}
    assert whole(plain, []) is plain


@pytest.mark.parametrize(
    ("names", "buffers", "what"),
    [
        (["ops"], [], "0 buffers"),
        ([], [b"x"], "1 buffers"),
        ("ops", [packed([])] * 3, "named 'ops'"),
        ([7], [packed([])], "named"),
        (None, [], "named None"),
        (["id"], [packed(2)], "'id' is there twice"),
        (["a", "a"], [packed(1), packed(2)], "'a' is there twice"),
        (["ops"], [b""], "'ops' is cut off"),
        (["ops"], [b"no zlib"], "'ops' cannot be unpacked"),
        (["ops"], [packed([1] * 1000)[:-20]], "'ops' is cut off"),
        (["ops"], [zlib.compress(b"[1,")], "'ops' cannot be unpacked"),
    ],
)
def test_what_is_broken_is_refused_by_name(names: Any, buffers: list[bytes], what: str) -> None:
    with pytest.raises(Invalid, match=what):
        whole({"id": 1, "deflated": names}, buffers)


def test_no_more_is_unpacked_than_a_message_may_have() -> None:
    half = zlib.compress(b'"' + b"x" * (MOST_BYTES // 2 - 2) + b'"')
    assert len(whole({"deflated": ["a", "b"]}, [half, half])["b"]) == MOST_BYTES // 2 - 2
    with pytest.raises(Invalid, match="more than 16 MiB"):
        whole({"deflated": ["a", "b", "c"]}, [half, half, packed(1)])
    bomb = zlib.compress(bytes(200 * 2**20))
    with pytest.raises(Invalid, match="more than 16 MiB"):
        whole({"deflated": ["a"]}, [bomb])
