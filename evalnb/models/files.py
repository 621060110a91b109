"""Weight files: safetensors with a header that says what they are. Nothing here imports torch.

A pickle (``.pt``, ``.pth``) can run code when it is read, so it is only ever read by ``_convert.py`` in a confined
process that interprets it without running it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from evalnb import errors
from evalnb.errors import EvalnbError, Invalid, NotFound, Unsafe
from evalnb.models.architectures import ARCHITECTURES

_HEADER_MOST_BYTES = 100_000_000
_SECONDS = 180


@dataclass(frozen=True, slots=True)
class Weights:
    """A safetensors file and what it says of itself."""

    path: Path
    architecture: str | None = None
    """A name of ``architectures``, or None where the file does not say."""
    class_names: tuple[str, ...] | None = None
    image_size: int | None = None
    """The side that it was trained at, in pixels."""


def open_weights(path: Path, *, into: Path) -> Weights:
    """The weights in a file, as safetensors; what a file is, its first bytes say.

    Safetensors are read where they lie; a PyTorch checkpoint is converted into the folder ``into`` by a confined
    process, once. Unsafe for a pickle that asks for anything but tensors and modules, and for any other kind of file;
    Invalid for a damaged one; NotFound if there is none.
    """
    if not path.is_file():
        raise NotFound(f"there are no weights at {path}", remedy="give the path of a .safetensors or .pt file")
    with path.open("rb") as file:
        head = file.read(9)
    if head[8:] == b"{" or path.suffix.lower() == ".safetensors":
        return read_header(path)
    if head.startswith(b"PK\x03\x04"):
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        done = into / f"{path.stem}-{digest[:16]}.safetensors"
        return read_header(done) if done.is_file() else convert(path, done)
    raise Unsafe(
        f"{path.name} is no kind of weights that evalnb opens",
        remedy="export it as .safetensors, or give the .pt checkpoint (of PyTorch 1.6 or later) it was made from",
    )


def convert(checkpoint: Path, out: Path) -> Weights:
    """Read a PyTorch checkpoint in a confined process and write ``out`` as safetensors with a describing header.

    Errors as ``open_weights``.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="evalnb-convert-", dir=out.parent) as folder:
        raw = Path(folder) / "raw.safetensors"
        said = _confined(checkpoint.resolve(), raw)
        config = Path(str(said.get("config") or "")).stem
        names = said.get("class_names")
        weights = Weights(
            raw,
            architecture=config if config in ARCHITECTURES else None,
            class_names=tuple(names) if names else None,
            image_size=said.get("image_size"),
        )
        return describe(weights, out)


def describe(weights: Weights, out: Path) -> Weights:
    """Write ``weights`` to ``out`` with its description in the header; the tensors are copied as they are."""
    tensors, start = _raw_header(weights.path)
    said = {
        "format": "pt",
        "evalnb": json.dumps(
            {
                "architecture": weights.architecture,
                "class_names": weights.class_names,
                "image_size": weights.image_size,
            }
        ),
    }
    encoded = json.dumps({"__metadata__": said, **{k: v for k, v in tensors.items() if k != "__metadata__"}}).encode()
    encoded += b" " * (-len(encoded) % 8)
    part = out.with_name(f"{out.name}.{os.getpid()}.part")
    with weights.path.open("rb") as source, part.open("wb") as target:
        target.write(len(encoded).to_bytes(8, "little") + encoded)
        source.seek(start)
        shutil.copyfileobj(source, target, 1 << 20)
    part.replace(out)
    return replace(weights, path=out)


def read_header(path: Path) -> Weights:
    """What a safetensors file says of itself; Invalid if it is damaged."""
    header, _ = _raw_header(path)
    metadata = header.get("__metadata__")
    try:
        said = json.loads(metadata.get("evalnb", "{}")) if isinstance(metadata, dict) else {}
        names = said.get("class_names")
        return Weights(
            path,
            architecture=said.get("architecture"),
            class_names=tuple(str(one) for one in names) if names else None,
            image_size=int(said["image_size"]) if said.get("image_size") else None,
        )
    except (ValueError, TypeError, AttributeError) as error:
        raise _damaged(path, f"its description is unreadable: {error}") from error


def shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """The shape of each tensor in a safetensors file."""
    return {name: tuple(one["shape"]) for name, one in _raw_header(path)[0].items() if name != "__metadata__"}


def _raw_header(path: Path) -> tuple[dict[str, Any], int]:
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 10 or not 2 <= length <= min(_HEADER_MOST_BYTES, size - 8):
            raise _damaged(path, "its header's length is impossible")
        try:
            header = json.loads(file.read(length))
            ends = [one["data_offsets"][1] for name, one in header.items() if name != "__metadata__"]
        except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
            raise _damaged(path, f"its header is unreadable: {error}") from error
    if max(ends, default=0) != size - 8 - length:
        raise _damaged(path, f"its header describes {max(ends, default=0)} bytes and {size - 8 - length} follow")
    return header, 8 + length


def _damaged(path: Path, why: str) -> Invalid:
    return Invalid(f"{path.name} is damaged ({why})", remedy="copy or download it again")


_FOLDERS = [str(Path(one).parents[1]) for one in (np.__file__, errors.__file__)]


def _confined(checkpoint: Path, raw: Path) -> dict[str, Any]:
    command: Sequence[str] = (
        # No user environment, no working directory on the path, no byte code written.
        *(sys.executable, "-E", "-P", "-B", str(Path(__file__).with_name("_convert.py"))),
        *(str(checkpoint), str(raw), *dict.fromkeys(_FOLDERS)),
    )
    try:
        done = subprocess.run(
            command,
            cwd=raw.parent,
            env={"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "LANG": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _unsafe(checkpoint, f"reading it took more than {_SECONDS} s") from None
    try:
        answer = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        tail = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or [f"exit status {done.returncode}"]
        raise _unsafe(checkpoint, f"its reader was stopped: {tail[0]}") from None
    if "refused" in answer:
        raise _unsafe(checkpoint, f"it asks for {answer['refused']}")
    if "broken" in answer:
        raise Invalid(
            f"{checkpoint.name} cannot be read as weights ({answer['broken']})",
            remedy="download or export it again; evalnb reads PyTorch checkpoints and .safetensors",
        )
    said = answer["ok"]
    return said if isinstance(said, dict) else {}


def _unsafe(checkpoint: Path, why: str) -> EvalnbError:
    return Unsafe(
        f"{checkpoint.name} is not safe to open ({why})",
        remedy="get the weights from somewhere you trust, or as .safetensors",
    )
