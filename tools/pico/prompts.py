"""Simulated people: where they click, how they draw a box, and how they correct a mask."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def targets(areas: Tensor, count: int, generator: torch.Generator, *, area_min: int) -> tuple[Tensor, Tensor]:
    """``count`` layers for each of b pictures, among those of ``areas`` (b, n) pixels that are large enough.

    Layers (b·count,), and whether there was any such (b·count,).
    """
    able = areas >= area_min
    weight = able.float() + 1e-9
    layers = torch.multinomial(weight, count, replacement=True, generator=generator)
    return layers.flatten(), able.gather(1, layers).flatten()


def areas(owner: Tensor, parent: Tensor) -> Tensor:
    """(b, n) visible pixels of each layer with its parts, of (b, s, s) owners."""
    batch, layers = parent.shape
    flat = owner.flatten(1).long() + 1
    counts = torch.zeros(batch, layers + 1, device=owner.device)
    counts.scatter_add_(1, flat, torch.ones_like(flat, dtype=counts.dtype))
    own = counts[:, 1:]
    own_parent = parent != torch.arange(layers, device=parent.device)
    return own + torch.zeros_like(own).scatter_add_(1, parent, own * own_parent)


def click(region: Tensor, generator: torch.Generator, *, centred: Tensor, scale: int) -> Tensor:
    """A point (n, 2) x, y in each region (n, h, w) bool, in pixels of the picture that is ``scale`` times as large.

    Near the region's middle where ``centred`` (n,) says so, anywhere in it elsewhere; anywhere if it is empty.
    """
    count, height, width = region.shape
    solid = region[:, None].float()
    deep = solid
    for size in (5, 13, 31):
        wide = functional.avg_pool2d(solid, (1, size), 1, (0, size // 2))
        deep = deep + functional.avg_pool2d(wide, (size, 1), 1, (size // 2, 0))
    noise = torch.rand(count, height, width, generator=generator, device=region.device)
    liking = torch.where(centred[:, None, None], deep[:, 0] + 0.12 * noise, noise)
    place = torch.where(region, liking, -1.0).flatten(1).argmax(1)
    x, y = place % width, place // width
    jitter = torch.rand(count, 2, generator=generator, device=region.device)
    return torch.stack([x, y], 1) * scale + jitter * (scale - 1)


def boxes(masks: Tensor) -> Tensor:
    """The tight boxes (n, 4) x0, y0, x1, y1 of (n, s, s) masks, in pixel edges."""
    side = masks.shape[-1]
    out = []
    for along in (1, 2):
        line = masks.any(along).float()
        first = line.argmax(1)
        last = side - line.flip(1).argmax(1)
        out.append((first, last))
    (x0, x1), (y0, y1) = out
    return torch.stack([x0, y0, x1, y1], 1).float()


def drawn(tight: Tensor, generator: torch.Generator, *, side: int) -> Tensor:
    """Boxes as a hand draws them: each edge off by some per cent of the side, never by more than 16 pixels."""
    size = (tight[:, 2:] - tight[:, :2]).repeat(1, 2)
    noise = torch.randn(tight.shape, generator=generator, device=tight.device)
    return (tight + (noise * 0.06 * size).clamp(-16, 16)).clamp(0, side)


def correction(
    wanted: Tensor, got: Tensor, generator: torch.Generator, *, centred: Tensor, scale: int
) -> tuple[Tensor, Tensor]:
    """A click (n, 1, 2) and its label (n, 1) where ``got`` errs most: in what is missing, or in what is too much."""
    missing, extra = wanted & ~got, got & ~wanted
    more = missing.flatten(1).sum(1).float() >= extra.flatten(1).sum(1).float()
    region = torch.where(more[:, None, None], missing, extra)
    right = ~region.flatten(1).any(1)
    region = torch.where(right[:, None, None], wanted, region)
    label = (more | right).to(torch.int32)
    return click(region, generator, centred=centred, scale=scale)[:, None], label[:, None]
