"""Outlines and textures, each drawn once as a small picture; a scene samples them through affine maps.

An outline is a signed distance, negative inside, over a square of ±``EXTENT`` around the object's centre. The
families in ``UNSEEN`` are never trained on: they are what the evaluation holds out.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from evalnb.demo.shapes import OUTLINES

EXTENT = 1.25
_GRID = 96
_TEXTURE = 128

Family = Callable[[Tensor, Tensor, Tensor], Tensor]
"""x, y (1, s, s) and u (n, 24, 1, 1) uniform in 0 … 1 → values (n, s, s), negative inside; scale is of no matter."""


@dataclass(frozen=True, slots=True)
class Atlas:
    """What scenes are made from."""

    outlines: Tensor
    """(a, 1, s, s) signed distances, in units of the object's radius."""
    family: Tensor
    """(a,) which of ``names``."""
    textures: Tensor
    """(t, 1, s, s) in 0 … 1."""
    names: tuple[str, ...]


def _turned(x: Tensor, y: Tensor, angle: Tensor, dx: Tensor, dy: Tensor) -> tuple[Tensor, Tensor]:
    c, s = torch.cos(angle), torch.sin(angle)
    return (x - dx) * c + (y - dy) * s, (y - dy) * c - (x - dx) * s


def _bar(x: Tensor, y: Tensor, half: Tensor | float, thick: Tensor | float) -> Tensor:
    return torch.maximum(x.abs() - half, y.abs() - thick)


def _round(x: Tensor, y: Tensor, a: Tensor, b: Tensor, power: Tensor) -> Tensor:
    return ((x.abs() / a) ** power + (y.abs() / b) ** power) ** (1 / power) - 1


def _blob(x: Tensor, y: Tensor, u: Tensor) -> Tensor:
    angle, edge = torch.atan2(y, x), 0.68 + 0 * u[:, 0]
    for k in range(1, 7):
        edge = edge + (0.22 / k**0.7) * (u[:, k] - 0.2) * torch.cos(k * angle + 2 * math.pi * u[:, 8 + k])
    return torch.hypot(x, y) - edge.clamp(0.2, 1.15)


def _polygon(x: Tensor, y: Tensor, u: Tensor) -> Tensor:
    count = (3 + 6 * u[:, 0]).floor()
    out = torch.full_like(x, -9.0).expand(len(u), *x.shape[1:])
    for k in range(8):
        turn = 2 * math.pi * (k + 0.7 * (u[:, 1 + k] - 0.5)) / count
        side = x * torch.cos(turn) + y * torch.sin(turn) - (0.42 + 0.38 * u[:, 9 + k])
        out = torch.where(k < count, torch.maximum(out, side), out)
    # Three far sides can leave a corner far out: cut what the picture cannot hold.
    return torch.maximum(out, torch.hypot(x, y) - 1.12)


def _superellipse(x: Tensor, y: Tensor, u: Tensor) -> Tensor:
    return _round(x, y, 0.5 + 0.5 * u[:, 0], 0.35 + 0.6 * u[:, 1], 0.8 + 5 * u[:, 2] ** 2)


def _flower(x: Tensor, y: Tensor, u: Tensor) -> Tensor:
    petals = (3 + 7 * u[:, 0]).floor()
    edge = 0.72 + (0.06 + 0.2 * u[:, 1]) * torch.cos(petals * torch.atan2(y, x))
    return torch.hypot(x, y) - edge


def _capsule(x: Tensor, y: Tensor, u: Tensor) -> Tensor:
    thick = 0.1 + 0.3 * u[:, 0]
    return torch.hypot((x.abs() - (1 - thick)).clamp(min=0), y) - thick


def _compound(x: Tensor, y: Tensor, u: Tensor) -> Tensor:
    out = _round(x, y, 0.3 + 0.35 * u[:, 0], 0.25 + 0.4 * u[:, 1], 1.5 + 4 * u[:, 2])
    for k in (3, 10):
        p, q = _turned(x, y, 6.3 * u[:, k], 0.9 * (u[:, k + 1] - 0.5), 0.9 * (u[:, k + 2] - 0.5))
        out = torch.minimum(
            out, _round(p, q, 0.3 + 0.35 * u[:, k + 3], 0.1 + 0.3 * u[:, k + 4], 1.5 + 4 * u[:, k + 5])
        )
    return out


def _notched(x: Tensor, y: Tensor, u: Tensor) -> Tensor:
    whole = _round(x, y, 0.6 + 0.35 * u[:, 0], 0.5 + 0.4 * u[:, 1], 1.5 + 4 * u[:, 2])
    p, q = _turned(x, y, 6.3 * u[:, 3], 0.5 + 0 * u[:, 4], 0.4 * (u[:, 5] - 0.5))
    return torch.maximum(whole, -_bar(p, q, 0.3 + 0.3 * u[:, 6], 0.12 + 0.2 * u[:, 7]) * 2)


def _letter(x: Tensor, y: Tensor, u: Tensor) -> Tensor:
    thick = 0.13 + 0.12 * u[:, 0]
    out = _bar(x + 0.55 * (u[:, 1] - 0.5), y, thick, 0.85)
    out = torch.minimum(out, _bar(x, y - 1.3 * (u[:, 2] - 0.5), 0.45 + 0.25 * u[:, 3], thick))
    p, q = _turned(x, y, 1.2 + 0 * u[:, 4], 0.4 * (u[:, 5] - 0.5), 0.6 * (u[:, 6] - 0.5))
    return torch.where(u[:, 7] < 0.5, out, torch.minimum(out, _bar(p, q, 0.7 + 0 * u[:, 8], thick)))


def _heart(x: Tensor, y: Tensor, u: Tensor) -> Tensor:
    a, b = 1.25 * x, 0.1 - (1.1 + 0.3 * u[:, 0]) * y
    return (a * a + b * b - 1) ** 3 - a * a * b**3


def _arrow(x: Tensor, y: Tensor, u: Tensor) -> Tensor:
    head = torch.maximum(0.95 * (x - 0.95) + (0.8 + u[:, 0]) * y.abs(), -(x - 0.05))
    return torch.minimum(head, torch.maximum(_bar(x + 0.4, y, 0.55, 0.12 + 0.16 * u[:, 1]), x - 0.2))


def _crescent(x: Tensor, y: Tensor, u: Tensor) -> Tensor:
    return torch.maximum(torch.hypot(x, y) - 0.95, 0.6 + 0.2 * u[:, 0] - torch.hypot(x - 0.45 - 0.2 * u[:, 1], y))


def _cross(x: Tensor, y: Tensor, u: Tensor) -> Tensor:
    thick = 0.18 + 0.2 * u[:, 0]
    return torch.minimum(_bar(x, y, 0.95, thick), _bar(y, x - 0.5 * (u[:, 1] - 0.5), 0.9, thick))


def _key(x: Tensor, y: Tensor, u: Tensor) -> Tensor:
    bow = (torch.hypot(x + 0.6, y) - 0.28).abs() - 0.1 - 0.04 * u[:, 0]
    bits = torch.minimum(_bar(x - 0.55, y - 0.2, 0.08, 0.22), _bar(x - 0.85, y - 0.16, 0.08, 0.18))
    return torch.minimum(torch.minimum(bow, _bar(x - 0.3, y, 0.65, 0.1 + 0.05 * u[:, 1])), bits)


def _wave(x: Tensor, y: Tensor, u: Tensor) -> Tensor:
    middle = 0.45 * torch.sin((2.5 + 2.5 * u[:, 0]) * x + 6.3 * u[:, 1])
    return torch.maximum((y - middle).abs() - (0.16 + 0.14 * u[:, 2]), x.abs() - 0.95)


DRAWN: dict[str, Family] = {
    "blob": _blob,
    "polygon": _polygon,
    "superellipse": _superellipse,
    "flower": _flower,
    "capsule": _capsule,
    "compound": _compound,
    "notched": _notched,
    "letter": _letter,
}
SEEN = (*OUTLINES, *DRAWN)
"""The demo's eight outlines and eight families of random ones: what is trained on."""
_HELD: dict[str, Family] = {
    "heart": _heart,
    "arrow": _arrow,
    "crescent": _crescent,
    "cross": _cross,
    "key": _key,
    "wave": _wave,
}
UNSEEN = tuple(_HELD)
"""What is never trained on."""


def _distances(values: Tensor) -> Tensor:
    """Any function with the right zero set → about the distance to it: divided by its slope."""
    step = 2 * EXTENT / (_GRID - 1)
    down, right = torch.gradient(values, spacing=step, dim=(1, 2))
    return (values / torch.hypot(down, right).clamp(min=0.25)).clamp(-0.7, 0.7)


def atlas(families: tuple[str, ...], each: int, generator: torch.Generator, device: torch.device) -> Atlas:
    """``each`` outlines of every family, and a few hundred textures."""
    line = torch.linspace(-EXTENT, EXTENT, _GRID, device=device)
    y, x = (one[None] for one in torch.meshgrid(line, line, indexing="ij"))
    found, family = [], []
    for number, name in enumerate(families):
        if name in OUTLINES:
            plane = OUTLINES[name](x[0].cpu().double().numpy(), y[0].cpu().double().numpy())
            drawn = torch.as_tensor(np.asarray(plane), dtype=torch.float32, device=device)[None]
        else:
            u = torch.rand(each, 24, 1, 1, generator=generator, device=generator.device).to(device)
            drawn = (DRAWN | _HELD)[name](x, y, u)
        found.append(_distances(drawn))
        family += [number] * len(drawn)
    return Atlas(
        torch.cat(found)[:, None],
        torch.tensor(family, device=device),
        _textures(max(32, min(each, 320)), generator, device)[:, None],
        families,
    )


def _noise(count: int, cells: int, generator: torch.Generator, device: torch.device) -> Tensor:
    grid = torch.rand(count, 1, cells + 1, cells + 1, generator=generator, device=generator.device).to(device)
    out = functional.interpolate(grid, (_TEXTURE, _TEXTURE), mode="bicubic", align_corners=True)
    return out[:, 0].clamp(0, 1)


def _textures(count: int, generator: torch.Generator, device: torch.device) -> Tensor:
    """(count, s, s) in 0 … 1: stripes, checks, dots, planks, tiles, cloth, clouds, cells."""
    kinds = 8
    each = -(-count // kinds)

    def u() -> Tensor:
        return torch.rand(each, 1, 1, generator=generator, device=generator.device).to(device)

    line = torch.linspace(0, 1, _TEXTURE, device=device)
    y, x = (one[None] for one in torch.meshgrid(line, line, indexing="ij"))
    turn = 6.3 * u()
    a, b = x * torch.cos(turn) + y * torch.sin(turn), y * torch.cos(turn) - x * torch.sin(turn)
    k = 25 + 70 * u()
    soft = _noise(each, 4, generator, device)
    clouds = sum(_noise(each, n, generator, device) * w for n, w in ((4, 0.45), (11, 0.3), (28, 0.25)))
    points = torch.rand(each, 24, 2, generator=generator, device=generator.device).to(device)
    near = torch.full((each, _TEXTURE, _TEXTURE), 9.0, device=device)
    cell = torch.zeros_like(near)
    for n in range(24):
        far = torch.hypot(x - points[:, n, 0, None, None], y - points[:, n, 1, None, None])
        cell, near = torch.where(far < near, (n * 0.618) % 1.0, cell), torch.minimum(far, near)
    pitch = 0.08 + 0.15 * u()
    board = (a / pitch).floor()
    seam = (((a / pitch) % 1 - 0.5).abs() > 0.46).float()
    plank = (0.5 + 0.5 * torch.sin(board * 12.99) - 0.5 * seam + 0.3 * torch.sin(a * 150 + 9 * soft)).clamp(0, 1)
    joint = torch.maximum(((a / pitch) % 1 - 0.5).abs(), ((b / pitch) % 1 - 0.5).abs())
    found = [
        (0.5 + torch.sin(a * k + 3 * soft)).clamp(0, 1),
        (torch.sin(a * k) * torch.sin(b * k) > 0).float(),
        (torch.sin(a * k) * torch.sin(b * k) > 0.4 + 0.4 * u()).float(),
        plank,
        (joint < 0.46).float(),
        0.5 + 0.5 * torch.sin(a * 3 * k) * torch.sin(b * 3 * k),
        ((clouds - 0.5) * 2.5 + 0.5).clamp(0, 1),
        cell,
    ]
    return torch.cat(found)[:count] if count >= kinds * each else torch.cat(found)
