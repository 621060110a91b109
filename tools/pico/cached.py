"""What the frozen encoder sees of thousands of pictures, kept on disk, so that tuning costs the decoder alone.

All arrays are memory-mapped, float16 where the encoder wrote them: a quarter of a megabyte a picture.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from . import demo, network, prompts, scenes, shapes

SEES = ("image_encoder.", "sam_mask_decoder.conv_s0.", "sam_mask_decoder.conv_s1.")
"""What the names of the parameters begin with that pictures have gone through."""
LAYERS = 12
_BATCH = 16
_CLIPS, _FRAMES = 4, 6
_RENEWED = 32
"""The batches after which there are other outlines and textures."""
_PICTURE = {
    "fine": ((12, 64, 64), np.float16),
    "middle": ((24, 32, 32), np.float16),
    "coarse": ((96, 16, 16), np.float16),
    "owner": ((256, 256), np.int8),
    "parent": ((LAYERS,), np.int8),
}
_FOLLOWED = {
    "fine": ((12, 64, 64), np.float16),
    "middle": ((24, 32, 32), np.float16),
    "features": ((96, 16, 16), np.float16),
    "wanted": ((128, 128), np.float16),
}


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is kept."""

    painted: int = 1500
    """Scenes; each counts twice, the second time mirrored."""
    demo: int = 350
    """The demo's own scenes, also twice."""
    followed: int = 600
    """Objects in frames of clips, in the light of what came before."""


class Store:
    """Arrays of one length in a folder, filled from the front."""

    def __init__(
        self, folder: Path, fields: dict[str, tuple[tuple[int, ...], Any]], capacity: int, *, made_by: str
    ) -> None:
        """Open what is there, if ``made_by`` the same and whole; or make room for ``capacity`` rows."""
        folder.mkdir(parents=True, exist_ok=True)
        self.capacity, self.made_by, self._done = capacity, made_by, folder / "done.json"
        whole = self._done.is_file() and json.loads(self._done.read_text()) == [made_by, capacity]
        # What was left half filled would go on with the scenes that it began with.
        self.count = capacity if whole else 0
        self.arrays: dict[str, NDArray[Any]] = {}
        for name, (shape, kind) in fields.items():
            path = folder / f"{name}.npy"
            new = {"dtype": kind, "shape": (capacity, *shape)}
            self.arrays[name] = np.lib.format.open_memmap(path, **({"mode": "r"} if whole else {"mode": "w+"} | new))

    @property
    def full(self) -> bool:
        """Whether nothing more is wanted."""
        return self.count >= self.capacity

    def add(self, **rows: Tensor) -> None:
        """Append rows, as many as there is room for."""
        room = min(len(next(iter(rows.values()))), self.capacity - self.count)
        for name, one in rows.items():
            held = self.arrays[name]
            held[self.count : self.count + room] = one[:room].numpy().astype(held.dtype)
        self.count += room
        if self.full:
            for held in self.arrays.values():
                held.flush()  # type: ignore[attr-defined]
            self._done.write_text(json.dumps([self.made_by, self.capacity]))

    def rows(self, name: str, index: NDArray[np.int64]) -> Tensor:
        """Some rows of one array, float32 where it is float16."""
        found = torch.from_numpy(self.arrays[name][index])
        return found.float() if found.dtype == torch.float16 else found


@dataclass(frozen=True, slots=True)
class Cache:
    """The pictures and the objects followed that tuning draws from."""

    painted: Store
    demo: Store
    followed: Store


def filled(folder: Path, model: Any, sizes: Sizes, *, seed: int) -> Cache:
    """The cache in ``folder``, with what it lacks computed by ``model``; told as it goes.

    It is another's if the encoder is, or the seed. Objects are followed with the decoder that fills it.
    """
    made_by = f"seed {seed}, encoder {_digest(model)}, data {scenes.VERSION}"
    stores = {
        "painted": Store(folder / "painted", _PICTURE, 2 * sizes.painted, made_by=made_by),
        "demo": Store(folder / "demo", _PICTURE, 2 * sizes.demo, made_by=made_by),
        "followed": Store(folder / "followed", _FOLLOWED, sizes.followed, made_by=made_by),
    }
    begin = seed * 1009
    sources = {
        "painted": _paint(begin, batch=min(_BATCH, sizes.painted)),
        "demo": demo.batches(
            min(_BATCH, sizes.demo), torch.device("cpu"), first=(begin + 1) * 1_000_000, processes=0
        ),
        "followed": _paint(begin + 2, batch=_CLIPS, frames=_FRAMES),
    }
    model.eval()
    with torch.no_grad():
        for name, source in sources.items():
            store = stores[name]
            if store.full:
                continue
            for some in source:
                if name == "followed":
                    _follow(model, store, some)
                else:
                    _see(model, store, some)
                    _see(model, store, some.mirrored())
                print(f"cached {store.count} of {store.capacity} {name}", flush=True)
                if store.full:
                    break
    return Cache(**stores)


def _digest(model: Any) -> str:
    told = hashlib.sha256()
    for name, one in sorted(model.state_dict().items()):
        if name.startswith(SEES):
            told.update(one.detach().float().numpy().tobytes())
    return told.hexdigest()[:16]


def _paint(seed: int, *, batch: int, frames: int = 1) -> Iterator[scenes.Scenes]:
    generator = torch.Generator().manual_seed(seed)
    while True:
        atlas = shapes.atlas(shapes.SEEN, 200, generator, torch.device("cpu"))
        for _ in range(_RENEWED):
            yield scenes.paint(atlas, generator, batch=batch, frames=frames)


def _see(model: Any, store: Store, drawn: scenes.Scenes) -> None:
    maps = network.encode(model, drawn.images[:, 0])
    own = torch.arange(LAYERS).repeat(len(drawn.parent), 1)
    own[:, : drawn.parent.shape[1]] = drawn.parent
    store.add(fine=maps.fine[0], middle=maps.fine[1], coarse=maps.coarse, owner=drawn.owner[:, 0], parent=own)


def _follow(model: Any, store: Store, drawn: scenes.Scenes) -> None:
    """Follow two objects of each clip from their masks, and keep what the decoder is given on the way."""
    frames = drawn.images.shape[1]
    maps = network.encode(model, drawn.images.flatten(0, 1))
    area = prompts.areas(drawn.owner[:, 0], drawn.parent)
    rows, layers = torch.nonzero(area >= 200, as_tuple=True)
    keep = torch.randperm(len(rows), generator=torch.Generator().manual_seed(store.count))[: 2 * _CLIPS]
    rows, layers = rows[keep], layers[keep]
    wanted = drawn.masks(rows, layers)
    memory = network.Memory()
    for frame in range(frames):
        own = maps.rows(rows * frames + frame)
        features = network.remembering(model, frame, own, memory, frames)
        if frame:
            soft = functional.avg_pool2d(wanted[:, frame, None].float(), 2)[:, 0]
            store.add(fine=own.fine[0], middle=own.fine[1], features=features, wanted=soft)
            seen = network.see(model, features, own, None, None, None)
        else:
            seen = network.given(model, features, own, wanted[:, :1])
        memory.remember(model, frame, own, seen, prompted=frame == 0, clicked=False)
