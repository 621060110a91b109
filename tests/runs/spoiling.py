"""Ways to spoil a COCO file: rows that cannot be used, with the field that is at fault, and bytes that are wrong."""

from __future__ import annotations

import copy
import random
from typing import Any

NAN, INFINITE = float("nan"), float("inf")
NO_NUMBERS: list[Any] = [NAN, INFINITE, -INFINITE, "0.5", None, True, [], {}, [0.5], "NaN"]
NO_IDS: list[Any] = [None, "1", 1.5, NAN, True, 2**63, 2**200, -(2**70), [1], {}, 987_654_321]
NO_BOXES: list[Any] = [
    None,
    [],
    [1, 2, 3],
    [1, 2, 3, 4, 5],
    [1, 2, -3, 4],
    [1, 2, 3, -0.5],
    [1, 2, NAN, 4],
    [1, INFINITE, 3, 4],
    ["1", 2, 3, 4],
    [[1, 2, 3, 4]],
    "1 2 3 4",
    {"x": 1},
    [1e200, 1, 1e200, 1e200],
    [1, None, 3, 4],
    [True, 2, 3, 4],
]
NO_MASKS: list[Any] = [
    None,
    [],
    [[]],
    [[1, 2, 3, 4]],
    [[1, 2, 3, 4, 5, 6, 7]],
    [[1, 2, "3", 4, 5, 6]],
    [[1, 2, 3, 4, 5, 1e7]],
    [[1, 2, NAN, 4, 5, 6]],
    [1, 2, 3, 4, 5, 6],
    {"size": [160, 160]},
    {"counts": "0"},
    {"size": [160, 160], "counts": ""},
    {"size": [160, 160], "counts": "\x7f\x01"},
    {"size": [160, 160], "counts": "é€"},
    {"size": [160, 160], "counts": [25599]},
    {"size": [160, 160], "counts": [25601]},
    {"size": [160, 160], "counts": [-1, 25601]},
    {"size": [160, 160], "counts": [2**32 + 25600]},
    {"size": [160, 160], "counts": [1.5, 25598.5]},
    {"size": [160], "counts": [25600]},
    {"size": [0, 160], "counts": []},
    {"size": [-160, -160], "counts": [25600]},
    {"size": [1e300, 160], "counts": [25600]},
    {"size": "160x160", "counts": [25600]},
    {"size": [160, 160], "counts": {"a": 1}},
    {"size": [160, 160], "counts": "P" * 30},
    "mask",
    7,
    True,
]
NO_KEYPOINTS: list[Any] = [
    None,
    [],
    [1, 2],
    "1 2 2",
    {},
    [NAN] * 51,
    ["1"] * 51,
    [1e12] * 51,
    [None] * 51,
]
STRANGE = [b"null", b"NaN", b"1e999", b"-", b"{}", b"[]", b'"x":1,', b"// no\n", b"\xef\xbb\xbf"]
NO_ROWS: list[Any] = [None, 7, "row", [], [1, 2], True, 1.5]


def spoiled(row: dict[str, Any], field: str, value: Any) -> dict[str, Any]:
    """The row with a field replaced; ``...`` takes it out."""
    out = copy.deepcopy(row)
    if value is ...:
        out.pop(field, None)
    else:
        out[field] = value
    return out


def unusable(rng: random.Random, row: dict[str, Any], kind: str, *, truth: bool) -> tuple[Any, str]:
    """A row like this one that must be left out, and the field that is named for it ("" for no object at all)."""
    fields: dict[str, list[Any]] = {"image_id": NO_IDS, "category_id": NO_IDS}
    if kind == "bbox":
        fields["bbox"] = NO_BOXES
    elif kind == "keypoints":
        fields["keypoints"] = NO_KEYPOINTS
    else:
        fields["segmentation"] = NO_MASKS
    if truth:
        fields["id"] = [one for one in NO_IDS if one != 987_654_321]
        fields["iscrowd"] = [2, -1, "0", [], NAN]
    else:
        fields["score"] = NO_NUMBERS
    if rng.random() < 0.1:
        return rng.choice(NO_ROWS), ""
    field = rng.choice(sorted(fields))
    gone = [] if field == "iscrowd" else [...]
    return spoiled(row, field, rng.choice([*fields[field], *gone])), field


def with_extras(rng: random.Random, row: dict[str, Any]) -> dict[str, Any]:
    """The same row with fields that nobody asked for, in another order, some of them written strangely."""
    extra: list[tuple[str, Any]] = [
        ("attributes", {"occluded": True, "score": NAN, "bbox": [[], {"a": "]}"}]}),
        ("note", 'a "quoted" \\ back\tslash \u2603 }],{'),
        ("", None),
        ("image_ids", [1e400, -0.0, 1e-320]),
        ("deep", [[[[[[[[[[]]]]]]]]]]),
    ]
    items = [*row.items(), *rng.sample(extra, rng.randint(0, 3))]
    rng.shuffle(items)
    return dict(items)


def wrong_bytes(rng: random.Random, raw: bytes) -> bytes:
    """Cut, flipped, doubled, dropped or inserted bytes, mostly such as mean something to JSON."""
    out = bytearray(raw)
    for _ in range(rng.choice([1, 1, 1, 2, 5])):
        at = rng.randrange(len(out) + 1)
        what = rng.randrange(6)
        if what == 0:
            del out[at:]
        elif what == 1:
            del out[at : at + rng.choice([1, 1, 2, 50])]
        elif what == 2 and out:
            out[min(at, len(out) - 1)] = rng.choice(b'{}[]",:\\0123456789eE+-. ntfN\n\x00\xff')
        elif what == 3:
            out[at:at] = bytes([rng.choice(b'{}[]",:\\09eE+-. ntfN\n\x00\xff')])
        elif what == 4:
            out[at:at] = out[at : at + rng.choice([1, 5, 80])]
        else:
            out[at:at] = rng.choice(
                [b"null", b"NaN", b"1e999", b"-", b"{}", b"[]", b'"x":1,', b"// no\n", b"\xef\xbb\xbf"]
            )
        if not out:
            break
    return bytes(out)
