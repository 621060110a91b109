"""What an encoder says of images, kept: in memory by bytes, and on a disk that several processes share."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MEMORY_BYTES = 512 * 2**20
DISK_BYTES = 4 * 2**30

_MAGIC = b"evalnb features 1\n"
_SUFFIX, _PART = ".features", ".part"
_PART_S = 3600.0
"""A part file this old is of a process that died while it wrote: writing one takes milliseconds."""


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """What the encoder says of one image."""

    size: tuple[int, int]
    """(height, width) of the image, in pixels."""
    maps: tuple[Any, ...]
    """Tensors (1, c, h, w), finest first; the last is the embedding."""

    @property
    def bytes(self) -> int:
        """What they take in memory."""
        return sum(one.numel() * one.element_size() for one in self.maps)


class Memory:
    """Features by key up to ``limit_bytes``: the least recently used go first. Threads may share it."""

    def __init__(self, limit_bytes: int = MEMORY_BYTES) -> None:
        self._limit = limit_bytes
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, Features] = OrderedDict()

    def get(self, key: str) -> Features | None:
        """Those under the key, now the most recently used."""
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def put(self, key: str, features: Features) -> None:
        """Keep them. The newest stay, however large they are."""
        with self._lock:
            self._kept[key] = features
            self._kept.move_to_end(key)
            total = sum(one.bytes for one in self._kept.values())
            while total > self._limit and len(self._kept) > 1:
                total -= self._kept.popitem(last=False)[1].bytes

    def forget(self, key: str) -> None:
        """Drop those under the key, if they are there: whoever goes once through thousands of images needs none."""
        with self._lock:
            self._kept.pop(key, None)


class Disk:
    """Features as files of ``root/model``: the least recently used of all models under ``root`` go first.

    Processes may share it. A file holds the SHA-256 of its key and content, and whatever is not what was written
    (torn by a power cut, renamed, of an earlier format) is no hit. It is a cache: a disk that is full, read-only or
    gone costs the time to encode again, never a click.
    """

    def __init__(self, root: Path, model: str, *, device: Any, limit_bytes: int = DISK_BYTES) -> None:
        """``model`` names the weights: other weights have other features. ``device`` is where they are read to."""
        self._root, self._folder, self._device, self._limit = root, root / model, device, limit_bytes
        self._lock = threading.Lock()
        self._written: int | None = None

    def get(self, key: str) -> Features | None:
        """Those under the key, whole; None without."""
        path = self._path(key)
        try:
            data = path.read_bytes()
        except OSError:
            return None
        body = data[len(_MAGIC) + 32 :]
        if data[: len(_MAGIC)] != _MAGIC or data[len(_MAGIC) : len(_MAGIC) + 32] != _sum(key, body):
            _drop(path)
            return None
        with contextlib.suppress(OSError):
            # Used just now. Whoever evicted it meanwhile did no harm: it is read.
            os.utime(path)
        from safetensors.torch import load

        held = load(body)
        height, width = held.pop("size").tolist()
        return Features((height, width), tuple(held[name].to(self._device) for name in sorted(held)))

    def put(self, key: str, features: Features) -> None:
        """Write them whole or not at all, and make room."""
        import torch
        from safetensors.torch import save

        tensors = {f"map{i}": one.cpu() for i, one in enumerate(features.maps)}
        body = save({"size": torch.tensor(features.size), **tensors})
        path, part = self._path(key), None
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            handle, part = tempfile.mkstemp(dir=self._folder, suffix=_PART)
            with os.fdopen(handle, "wb") as file:
                file.write(_MAGIC + _sum(key, body) + body)
            Path(part).replace(path)
        except OSError:
            if part is not None:
                _drop(Path(part))
            return
        self._make_room(path, len(body))

    def holds(self, features: Features) -> int:
        """How many images with features of this size stay, if there is nothing else."""
        return int(0.9 * self._limit / features.bytes)

    def _path(self, key: str) -> Path:
        return self._folder / f"{hashlib.sha256(key.encode()).hexdigest()[:40]}{_SUFFIX}"

    def _make_room(self, newest: Path, size_bytes: int) -> None:
        """Look through the files once in a twentieth of the limit: of small features there are thousands."""
        with self._lock:
            self._written = None if self._written is None else self._written + size_bytes
            if self._written is not None and self._written < self._limit / 20:
                return
            self._written = 0
        held: list[tuple[float, int, Path]] = []
        for path in [*self._root.glob("*/*")]:
            try:
                about = path.stat()
            except OSError:
                continue  # another process evicted it
            if path.suffix == _SUFFIX:
                held.append((about.st_mtime, about.st_size, path))
            elif time.time() - about.st_mtime > _PART_S and path.suffix in (_PART, ".safetensors"):
                # The second is what earlier versions wrote.
                _drop(path)
        total = sum(size for _, size, _ in held)
        if total <= self._limit:
            return
        for _, size, path in sorted(held):
            if path != newest:
                _drop(path)
                total -= size
            # A tenth lower: it lasts until the next look, in this process and in another.
            if total <= 0.9 * self._limit:
                return


def _sum(key: str, body: bytes) -> bytes:
    name = key.encode()
    return hashlib.sha256(len(name).to_bytes(8, "little") + name + body).digest()


def _drop(path: Path) -> None:
    with contextlib.suppress(OSError):
        # Gone already, or on a disk that is read-only: either way nothing can be done, and nothing needs to be.
        path.unlink()
