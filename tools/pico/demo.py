"""The demo's own scenes as training pictures: drawn by numpy, in other processes where there are cores to spare."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from evalnb.core.masks import decode
from evalnb.demo.scenes import CLASSES, scene

from .network import SIDE
from .scenes import MEAN, STD, Scenes

SEED = 41
"""Of the scenes that are trained on. The demo draws from others, and so does the evaluation."""
HELD_OUT = 777
"""Of the scenes that are measured on."""
_BLOCK = 512


def drawn(seed: int, number: int) -> tuple[NDArray[np.uint8], NDArray[np.int8], list[int]]:
    """Pixels (h, w, 3), owners (h, w) and the class of each layer of one scene."""
    one = scene(seed, number)
    owner = np.full(one.pixels.shape[:2], -1, np.int8)
    for place, found in enumerate(one.objects):
        owner[decode(found.mask)] = place
    return one.pixels, owner, [CLASSES.index(found.name) for found in one.objects]


def gathered(scenes: list[tuple[NDArray[np.uint8], NDArray[np.int8], list[int]]], device: torch.device) -> Scenes:
    """Those scenes as one batch of the model's size."""
    layers = 12
    images = _shrunk(np.stack([pixels for pixels, _, _ in scenes]), device)
    owners = torch.stack([torch.from_numpy(_sampled(owner)) for _, owner, _ in scenes]).to(device)
    family = torch.tensor([names + [0] * (layers - len(names)) for _, _, names in scenes], device=device)
    parent = torch.arange(layers, device=device).repeat(len(scenes), 1)
    return Scenes(images[:, None], owners[:, None], parent, family)


def batches(size: int, device: torch.device, *, first: int, processes: int) -> Iterator[Scenes]:
    """Batches without end, from the ``first`` scene on; ``processes`` 0 draws them here."""
    if not processes:
        while True:
            yield gathered([drawn(SEED, first + n) for n in range(size)], device)
            first += size
    block = size * max(1, _BLOCK // size)
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        # One block is drawn while the one before it is used: imap would run ahead without end.
        ahead = pool.map_async(_numbered, range(first, first + block), chunksize=4)
        while True:
            first += block
            ready, ahead = ahead.get(), pool.map_async(_numbered, range(first, first + block), chunksize=4)
            for begin in range(0, block, size):
                yield gathered(ready[begin : begin + size], device)


def _numbered(number: int) -> tuple[NDArray[np.uint8], NDArray[np.int8], list[int]]:
    return drawn(SEED, number)


def _shrunk(pixels: NDArray[np.uint8], device: torch.device) -> Tensor:
    images = torch.from_numpy(pixels).to(device).permute(0, 3, 1, 2).float() / 255
    images = functional.interpolate(images, (SIDE, SIDE), mode="bilinear", antialias=True, align_corners=False)
    mean, std = (torch.tensor(one, device=device)[:, None, None] for one in (MEAN, STD))
    return (images - mean) / std


def _sampled(owner: NDArray[np.int8]) -> NDArray[np.int8]:
    height, width = owner.shape
    rows = ((np.arange(SIDE) + 0.5) * height / SIDE).astype(int)
    columns = ((np.arange(SIDE) + 0.5) * width / SIDE).astype(int)
    return np.ascontiguousarray(owner[rows][:, columns])
