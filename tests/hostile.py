"""Files that somebody means badly with, made here so that none of them stands in git.

``IMAGES``, ``ZIPS``, ``DATASETS`` and ``CHECKPOINTS`` map a name to a ``Hostile``: the file's name, how its bytes are
made, and what the refusal must say. Those with ``refused=None`` are odd but honest, and must be taken.
"""

from __future__ import annotations

import io
import json
import pickle
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image


@dataclass(frozen=True)
class Hostile:
    filename: str
    make: Callable[[], bytes]
    refused: str | None
    """A pattern that the refusal must match; None where the file is to be taken."""
    size: tuple[int, int] | None = None
    """What a taken image measures."""


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def picture(width: int = 48, height: int = 32) -> Image.Image:
    """A picture that does not compress to nothing."""
    noise = np.random.default_rng(width * 10_007 + height)
    return Image.fromarray(noise.integers(0, 255, (height, width, 3), dtype=np.uint8))


def jpeg(width: int = 48, height: int = 32, **options: object) -> bytes:
    return _saved(picture(width, height), "JPEG", **options)


def png(width: int = 48, height: int = 32) -> bytes:
    return _saved(picture(width, height), "PNG")


# ---------------------------------------------------------------------------------------------- images


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _png_that_says(width: int, height: int, *chunks: tuple[bytes, bytes], data: bytes = b"") -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = [_chunk(b"IHDR", head), *(_chunk(*one) for one in chunks), _chunk(b"IDAT", data or zlib.compress(b"\0"))]
    return b"\x89PNG\r\n\x1a\n" + b"".join(body) + _chunk(b"IEND", b"")


def _tiff_that_says(width: int, height: int, *, strip_bytes: int = 8) -> bytes:
    entries = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 1, 8),
        (259, 3, 1, 8),  # deflate
        (262, 3, 1, 1),
        (273, 4, 1, 8),
        (277, 3, 1, 1),
        (278, 4, 1, height),
        (279, 4, 1, strip_bytes),
    ]
    strip = zlib.compress(b"\0" * 64)
    table = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *one) for one in entries) + b"\0" * 4
    return struct.pack("<2sHI", b"II", 42, 8 + len(strip)) + strip + table


def _gif_with(screen: tuple[int, int], frame: tuple[int, int, int, int]) -> bytes:
    whole = bytearray(_saved(Image.new("P", (8, 8)), "GIF"))
    struct.pack_into("<HH", whole, 6, *screen)
    at = whole.rindex(b"\x2c")  # the image descriptor
    struct.pack_into("<HHHH", whole, at + 1, *frame)
    return bytes(whole)


def _jpeg_that_says(width: int, height: int) -> bytes:
    whole = bytearray(jpeg())
    at = whole.index(b"\xff\xc0") + 5
    struct.pack_into(">HH", whole, at, height, width)
    return bytes(whole)


def _exif(*entries: tuple[int, int, int, int], following: int = 0) -> bytes:
    table = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *one) for one in entries)
    return b"Exif\0\0" + struct.pack("<2sHI", b"II", 42, 8) + table + struct.pack("<I", following)


def _jpeg_with_exif(exif: bytes) -> bytes:
    return jpeg(exif=exif)


IMAGES: dict[str, Hostile] = {
    "a header of 30,000 × 30,000": Hostile(
        "huge.png",
        lambda: _png_that_says(30_000, 30_000),
        r"huge\.png claims 30000 × 30000 pixels.*cut it into tiles",
    ),
    "a tiff header of 60,000 × 60,000": Hostile(
        "huge.tif", lambda: _tiff_that_says(60_000, 60_000), r"claims 60000 × 60000"
    ),
    "a tiff whose strip is not there": Hostile(
        "strip.tif", lambda: _tiff_that_says(64, 64, strip_bytes=2**31), r"strip\.tif is damaged|more than it says"
    ),
    "a header that promises more rows than there are": Hostile(
        "rows.png", lambda: _png_that_says(6_000, 60_000), r"rows\.png is damaged or truncated.*copy it again"
    ),
    "a negative size": Hostile("minus.png", lambda: _png_that_says(2**31 + 5, 4), r"minus\.png"),
    "a gif with a screen of 65,535": Hostile(
        "screen.gif", lambda: _gif_with((65_535, 65_535), (0, 0, 8, 8)), r"claims 65535 × 65535"
    ),
    "a gif whose frame lies outside its screen": Hostile(
        "frame.gif", lambda: _gif_with((8, 8), (60_000, 60_000, 5_000, 5_000)), r"frame\.gif"
    ),
    "a truncated jpeg": Hostile("cut.jpg", lambda: jpeg(256, 256)[:4000], r"cut\.jpg is damaged or truncated"),
    "a jpeg that says it is larger": Hostile(
        "lies.jpg", lambda: _jpeg_that_says(9_000, 9_000), r"lies\.jpg claims 9000 × 9000 pixels, which its .* bytes"
    ),
    "an svg called png": Hostile(
        "drawing.png",
        lambda: b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        r"drawing\.png is not an image that evalnb opens; convert it to JPEG",
    ),
    "html called jpg": Hostile("page.jpg", lambda: b"<html><script>1</script></html>", r"page\.jpg is not an image"),
    "a program called png": Hostile("program.png", lambda: b"\x7fELF" + bytes(200), r"program\.png is not an image"),
    "a text chunk that becomes 100 MB": Hostile(
        "text.png",
        lambda: _png_that_says(8, 8, (b"zTXt", b"c\0\0" + zlib.compress(bytes(100_000_000), 9))),
        r"text\.png is damaged",
    ),
    "16 bits of grey": Hostile(
        "deep.png",
        lambda: _saved(Image.fromarray(np.arange(48 * 32, dtype=np.uint16).reshape(32, 48)), "PNG"),
        None,
        (48, 32),
    ),
    "exif that turns it": Hostile("turned.jpg", lambda: _jpeg_with_exif(_exif((0x112, 3, 1, 6))), None, (32, 48)),
    "exif with an orientation of 99": Hostile(
        "ninety-nine.jpg", lambda: _jpeg_with_exif(_exif((0x112, 3, 1, 99))), None, (48, 32)
    ),
    "exif that points to itself": Hostile(
        "circle.jpg", lambda: _jpeg_with_exif(_exif((0x8769, 4, 1, 8), following=8)), None, (48, 32)
    ),
    "exif that points nowhere": Hostile(
        "nowhere.jpg", lambda: _jpeg_with_exif(_exif((0x112, 3, 2**31, 2**31 - 5))), None, (48, 32)
    ),
    "a jpeg that is a zip too": Hostile("both.jpg", lambda: jpeg() + zipped({"a.txt": b"a"}), None, (48, 32)),
}


# ---------------------------------------------------------------------------------------------- zips


def zipped(files: dict[str, bytes], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An honest zip, but for the names."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, body in files.items():
            archive.writestr(zipfile.ZipInfo(name), body, compress_type=method)
    return out.getvalue()


def _with_mode(mode: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.png", png())
        info = zipfile.ZipInfo("link.png")
        info.create_system = 3
        info.external_attr = (mode | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    return out.getvalue()


def _twice() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(zipfile.ZipInfo("a.png"), png())
        archive.writestr(zipfile.ZipInfo("b.png"), b"the other")
    # zipfile warns of duplicates when it writes them itself.
    return out.getvalue().replace(b"b.png", b"a.png")


def _local(name: bytes, body: bytes, size: int) -> bytes:
    head = struct.pack("<4sHHHHHIIIHH", b"PK\3\4", 20, 0, 8, 0, 33, zlib.crc32(b""), len(body), size, len(name), 0)
    return head + name + body


def _central(name: bytes, offset: int, packed: int, size: int, *, crc: int = 0) -> bytes:
    return (
        struct.pack(
            "<4sHHHHHHIIIHHHHHII", b"PK\1\2", 20, 20, 0, 8, 0, 33, crc, packed, size, len(name), 0, 0, 0, 0, 0, offset
        )
        + name
    )


def _end(entries: int, length: int, offset: int) -> bytes:
    shown = min(entries, 0xFFFF)
    return struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, shown, shown, length, offset, 0)


def _entries(count: int) -> bytes:
    """``count`` entries in the directory, all of one file; a 64-bit end, as so many need."""
    one = _central(b"a.png", 0, 0, 0)
    local = _local(b"a.png", b"", 0)
    directory = one * count
    at = len(local) + len(directory)
    end64 = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, count, count, len(directory), len(local))
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, at, 1)
    return local + directory + end64 + locator + _end(count, 0xFFFFFFFF, 0xFFFFFFFF)


def _more_than_it_says() -> bytes:
    whole = bytearray(_entries(1_000))
    at = whole.index(b"PK\6\6")
    struct.pack_into("<QQ", whole, at + 24, 1, 1)
    return bytes(whole)


def _overlapping() -> bytes:
    """Thirty entries, each of whose bytes are the headers and bytes of all that follow: 2019's zip bomb in small."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    kernel = packer.compress(bytes(1 << 20)) + packer.flush()
    locals_ = [_local(b"%d.png" % n, kernel, 1 << 20) for n in range(30)]
    body = b"".join(locals_)
    directory, at = b"", 0
    for n, one in enumerate(locals_):
        directory += _central(b"%d.png" % n, at, len(body) - at - 35, 1 << 20)
        at += len(one)
    return body + directory + _end(len(locals_), len(directory), len(body))


def _lying_size(says: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(bytes(8 << 20)) + packer.flush()
    local = _local(b"a.png", packed, says)
    directory = _central(b"a.png", 0, len(packed), says, crc=zlib.crc32(bytes(says if says < 1 << 20 else 0)))
    return local + directory + _end(1, len(directory), len(local))


def _encrypted() -> bytes:
    whole = bytearray(zipped({"a.png": png()}))
    for sign, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        whole[whole.index(sign) + at] |= 1
    return bytes(whole)


_YAML_BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)

ZIPS: dict[str, Hostile] = {
    "a name that climbs out": Hostile(
        "slip.zip",
        lambda: zipped({"../../evil.png": png()}),
        r"slip\.zip: '\.\./\.\./evil\.png' leads out of the zip",
    ),
    "an absolute name": Hostile("root.zip", lambda: zipped({"/etc/cron.d/evil.png": png()}), r"leads out of the zip"),
    "a name on a drive": Hostile("drive.zip", lambda: zipped({"C:\\evil.png": png()}), r"leads out of the zip"),
    "backslashes that climb out": Hostile(
        "back.zip", lambda: zipped({"a\\..\\..\\evil.png": png()}), r"leads out of the zip"
    ),
    "a name with control characters": Hostile(
        "bell.zip", lambda: zipped({"a\x07\x1b[31m.png": png()}), r"is no usable name"
    ),
    "a name that no disk takes": Hostile("long.zip", lambda: zipped({"a" * 300 + ".png": png()}), r"no usable name"),
    "a symbolic link": Hostile("link.zip", lambda: _with_mode(stat.S_IFLNK), r"link\.zip: 'link\.png' is a symbolic"),
    "a device": Hostile("device.zip", lambda: _with_mode(stat.S_IFCHR), r"'link\.png' is no plain file"),
    "one name twice": Hostile("twice.zip", _twice, r"has two files called 'a\.png'"),
    "a file that is a folder too": Hostile(
        "folder.zip", lambda: zipped({"a": b"1", "a/b.png": png()}), r"'a' both as a file and as a folder"
    ),
    "a million entries": Hostile("million.zip", lambda: _entries(1_000_000), r"more than 200,000 entries; split it"),
    "more entries than it says": Hostile("liar.zip", _more_than_it_says, r"it says 1 entries and has 1000"),
    "entries that share their bytes": Hostile("overlap.zip", _overlapping, r"overlaps '0\.png'"),
    "a file that unpacks a thousandfold": Hostile(
        "thousand.zip", lambda: zipped({"a.png": bytes(20 << 20)}), r"'a\.png' unpacks from 0\.0 MB to 21 MB"
    ),
    "a file that says 4 GB": Hostile("says.zip", lambda: _lying_size(4_000_000_000), r"unpacks from 0\.0 MB to 4000"),
    "a file that is larger than it says": Hostile(
        "small.zip", lambda: _lying_size(1000), r"none of the 1 images in small\.zip can be taken"
    ),
    "a file with another sum": Hostile(
        "sum.zip", lambda: _lying_size(8 << 20), r"a\.png in sum\.zip is damaged \(Bad CRC"
    ),
    "a password": Hostile("secret.zip", _encrypted, r"'a\.png' is encrypted; make the zip without a password"),
    "a compression that bombs better": Hostile(
        "lzma.zip", lambda: zipped({"a.png": png()}, method=zipfile.ZIP_LZMA), r"compressed by method 14"
    ),
    "something before it": Hostile("front.zip", lambda: jpeg() + zipped({"a.png": png()}), r"does not begin as one"),
    "something after it": Hostile("after.zip", lambda: zipped({"a.png": png()}) + b"more", r"something follows"),
    "cut off": Hostile("cut.zip", lambda: zipped({"a.png": png(200, 200)})[:-40], r"cut\.zip is no zip file"),
    "only a zip in a zip": Hostile(
        "nested.zip", lambda: zipped({"inner.zip": zipped({"a.png": png()})}), r"nested\.zip has no images"
    ),
    "only files that are no images": Hostile(
        "fakes.zip", lambda: zipped({"a.png": b"<svg/>", "b.jpg": b"MZ"}), r"none of the 2 images in fakes\.zip"
    ),
}


def coco(file_name: str = "a.png", **more: object) -> bytes:
    """A COCO file of one image and one box."""
    image = {"id": 1, "file_name": file_name, "width": 48, "height": 32}
    box = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 10, 10], "area": 100, "iscrowd": 0}
    whole = {"images": [image], "annotations": [box], "categories": [{"id": 1, "name": "cat"}], **more}
    return json.dumps(whole).encode()


DATASETS: dict[str, Hostile] = {
    "a data.yaml of aliases": Hostile(
        "laughs.zip",
        lambda: zipped({"data.yaml": f"{_YAML_BOMB}names: *i\ntrain: images".encode(), "images/a.png": png()}),
        r"data\.yaml in laughs\.zip uses YAML aliases",
    ),
    "a data.yaml that names the server's folders": Hostile(
        "etc.zip",
        lambda: zipped({"data.yaml": b"names: [a]\ntrain: /etc\nval: images", "images/a.png": png()}),
        r"data\.yaml in etc\.zip names '/etc', which is not in the zip",
    ),
    "a data.yaml that climbs out": Hostile(
        "climb.zip",
        lambda: zipped({"data.yaml": b"names: [a]\ntrain: ../../../../etc", "images/a.png": png()}),
        r"which is not in the zip; write paths that are relative",
    ),
    "neither COCO nor YOLO": Hostile(
        "bare.zip", lambda: zipped({"images/a.png": png(), "x.json": b"[1]"}), r"bare\.zip has neither a COCO file"
    ),
}


# ---------------------------------------------------------------------------------------------- checkpoints


class _Runs:
    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[object, ...]:
        import os

        return os.system, (self.command,)


def _torch_file(body: bytes) -> bytes:
    files = {"archive/data.pkl": body, "archive/version": b"3\n", "archive/byteorder": b"little"}
    return zipped(files, method=zipfile.ZIP_STORED)


def checkpoint_that_runs(command: str) -> bytes:
    """A PyTorch file whose reading would run a command."""
    return _torch_file(pickle.dumps({"model": _Runs(command)}, protocol=2))


def _safetensors(length: int, header: bytes, body: bytes = b"") -> bytes:
    return struct.pack("<Q", length) + header + body


_HEADER = b'{"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}'

CHECKPOINTS: dict[str, Hostile] = {
    "a pickle that runs a command": Hostile(
        "evil.pt", lambda: checkpoint_that_runs("touch /tmp/evalnb-was-here"), r"evil\.pt is not safe to open.*system"
    ),
    "a bare pickle": Hostile("bare.pt", lambda: pickle.dumps(_Runs("true")), r"bare\.pt is no kind of weights"),
    "a header longer than the file": Hostile(
        "long.safetensors", lambda: _safetensors(2**40, _HEADER, bytes(16)), r"long\.safetensors is damaged"
    ),
    "a header of 2^63 bytes": Hostile("most.safetensors", lambda: _safetensors(2**63, _HEADER), r"is damaged"),
    "offsets beyond the end": Hostile(
        "beyond.safetensors",
        lambda: _safetensors(len(_HEADER), _HEADER, bytes(4)),
        r"describes 16 bytes and 4 follow",
    ),
    "a header that is no JSON": Hostile("text.safetensors", lambda: _safetensors(8, b"{{{{{{{{"), r"is unreadable"),
    "weights that do not say what they are": Hostile(
        "plain.safetensors",
        lambda: _safetensors(len(_HEADER), _HEADER, bytes(16)),
        r"plain\.safetensors does not say its architecture; upload it again and choose one",
    ),
}
