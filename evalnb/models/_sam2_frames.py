"""The frames of a sequence as SAM 2's memory part takes them: read one by one, encoded once, kept by the cache."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from evalnb import imagery
from evalnb.core.following import Frames
from evalnb.core.pixels import rgb
from evalnb.errors import EvalnbError, Unavailable
from evalnb.models._features import Features, Memory


@dataclass(frozen=True, slots=True)
class Look:
    """One frame."""

    size: tuple[int, int]
    """(height, width) of the frame, in pixels."""
    maps: list[Any]
    """(h·w, 1, c), finest first; the last without the token of no memory."""
    positions: list[Any]
    """That of the last."""
    sizes: list[tuple[int, int]]
    """(h, w) of each."""


class Encoder(Protocol):
    """What encodes them."""

    _module: Any
    _memory: Memory
    encode: Callable[..., None]
    _find: Callable[..., Features | None]


class Looks:
    """A sequence's frames. The last one looked at is kept; others stay where the encoder's cache keeps them."""

    def __init__(self, encoder: Encoder, frames: Frames) -> None:
        """Nothing is read yet."""
        self._encoder, self._frames = encoder, frames
        self._keys: dict[int, str] = {}
        self._latest: tuple[int, Look] | None = None
        self._position: Any = None

    def at(self, frame: int, told: Callable[[float], None] | None = None) -> Look:
        """A frame's features. ``told`` as in ``encode``. An error naming the frame if it is no image."""
        import torch

        if self._latest is not None and self._latest[0] == frame:
            return self._latest[1]
        features = self._features(frame, told)
        module = self._encoder._module
        with torch.inference_mode():
            coarse = features.maps[-1]
            if module.directly_add_no_mem_embed:
                # They are kept as a picture by itself is decoded.
                coarse = coarse - module.no_mem_embed.view(1, -1, 1, 1)
            if self._position is None:
                self._position = _flat(module.image_encoder.neck.position_encoding(coarse).to(coarse.dtype))
            maps = [*features.maps[:-1], coarse]
            look = Look(
                features.size,
                [_flat(one) for one in maps],
                [self._position],
                [(int(one.shape[-2]), int(one.shape[-1])) for one in maps],
            )
        self._latest = frame, look
        return look

    def _features(self, frame: int, told: Callable[[float], None] | None) -> Features:
        encoder, key = self._encoder, self._keys.get(frame)
        found = None if key is None else self._kept(key)
        if found is not None:
            return found
        key, pixels = self._pixels(frame)
        self._keys[frame] = key
        found = self._kept(key)
        if found is None:
            encoder.encode(key, pixels(), told=told)
            found = self._kept(key, fresh=True)
        assert found is not None
        return found

    def _kept(self, key: str, *, fresh: bool = False) -> Features | None:
        """Those of the cache. In memory stays only what was there before: thousands of frames go by once."""
        held = self._encoder._memory.get(key)
        if held is not None and not fresh:
            return held
        found = self._encoder._find(key)
        self._encoder._memory.forget(key)
        return found

    def _pixels(self, frame: int) -> tuple[str, Callable[[], NDArray[np.uint8]]]:
        """The key under which the frame's features are kept, and its pixels if they are needed."""
        try:
            given = self._frames[frame]
            if isinstance(given, (str, Path)):
                given = Path(given).read_bytes()
        except EvalnbError as error:
            raise Unavailable(f"frame {frame}: {error.happened}", remedy=error.remedy) from error
        except OSError as error:
            raise Unavailable(f"frame {frame} cannot be read ({error})", remedy="mend it or leave it out") from error
        if isinstance(given, bytes):
            data = given
            return hashlib.sha256(data).hexdigest(), lambda: imagery.decode(data, name=f"frame {frame}")
        pixels = rgb(given, f"frame {frame}")
        body = f"{pixels.shape}".encode() + np.ascontiguousarray(pixels).tobytes()
        return hashlib.sha256(body).hexdigest(), lambda: pixels


def _flat(maps: Any) -> Any:
    return maps.flatten(2).permute(2, 0, 1)
