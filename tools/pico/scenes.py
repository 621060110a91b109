"""Scenes and clips, painted in batches by torch: layers of textured, lit, shadowed objects, some with parts.

Everything random comes from the generator that is passed in, so a CPU generator gives the same scenes everywhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from .shapes import EXTENT, Atlas

VERSION = 1
"""Of the data: it changes when the same seed gives other scenes."""
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""What SAM 2 subtracts from an image and divides it by."""
_AWAY = 20.0


@dataclass(frozen=True, slots=True)
class Scenes:
    """b clips of t frames (pictures have one), n layers each."""

    images: Tensor
    """(b, t, 3, s, s), normalised as SAM 2 wants them."""
    owner: Tensor
    """(b, t, s, s) int8: the topmost layer of each pixel, −1 where there is none."""
    parent: Tensor
    """(b, n) the layer that a layer is a part of; itself if it is none."""
    family: Tensor
    """(b, n) which of the atlas's families."""

    def mirrored(self) -> Scenes:
        """The same, left for right."""
        return Scenes(self.images.flip(-1), self.owner.flip(-1), self.parent, self.family)

    def masks(self, rows: Tensor, layers: Tensor) -> Tensor:
        """(k, t, s, s) bool: the visible pixels of layer ``layers[i]`` of clip ``rows[i]``, its parts with it."""
        owner = self.owner[rows].long()
        whose = torch.where(owner < 0, -1, self.parent[rows].gather(1, owner.clamp(min=0).flatten(1)).view_as(owner))
        layer = layers[:, None, None, None]
        return (owner == layer) | (whose == layer)


def _hsv(hue: Tensor, saturation: Tensor, value: Tensor) -> Tensor:
    """(…, 3) RGB."""
    shift = torch.tensor([0.0, 4.0, 2.0], device=hue.device)
    pure = (((hue[..., None] * 6 + shift) % 6 - 3).abs() - 1).clamp(0, 1)
    return value[..., None] * (1 - saturation[..., None] * (1 - pure))


class _Dice:
    """Uniform numbers from one generator, on one device."""

    def __init__(self, generator: torch.Generator, device: torch.device) -> None:
        self.generator, self.device = generator, device

    def __call__(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        u = torch.rand(*shape, generator=self.generator, device=self.generator.device)
        return (low + (high - low) * u).to(self.device)

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self.generator, device=self.generator.device).to(self.device)

    def below(self, most: int, *shape: int) -> Tensor:
        return (self(*shape) * most).long().clamp(max=most - 1)


def paint(
    atlas: Atlas, generator: torch.Generator, *, batch: int, frames: int = 1, side: int = 256, layers: int = 10
) -> Scenes:
    """Draw ``batch`` clips of ``frames`` frames from ``atlas``, on its device."""
    u = _Dice(generator, atlas.outlines.device)
    where, parent = _placed(u, batch, frames, layers)
    shape = u.below(len(atlas.family), batch, layers)
    # The eight outlines of the demo are one each and the others are hundreds: families are equally frequent.
    wanted = u.below(len(atlas.names), batch, layers)
    first = torch.searchsorted(atlas.family, torch.arange(len(atlas.names), device=u.device))
    last = torch.searchsorted(atlas.family, torch.arange(len(atlas.names), device=u.device), right=True)
    shape = first[wanted] + shape % (last - first)[wanted]
    twin = u(batch, layers) < 0.2
    twin[:, 0] = False
    style = _styles(u, batch, layers, len(atlas.textures))
    for k in range(1, layers):
        # Twins: two of the same outline and paint, which only their place tells apart.
        shape[:, k] = torch.where(twin[:, k], shape[:, k - 1], shape[:, k])
        for one in style.values():
            choose = twin[:, k].view(-1, *[1] * (one.ndim - 2))
            one[:, k] = torch.where(choose, one[:, k - 1], one[:, k])
    light, aspect = u(batch, low=0, high=2 * math.pi), torch.exp(u(batch, low=-0.3, high=0.3))

    def each(one: Tensor) -> Tensor:
        """(b, …) → (b·t, …)."""
        return one.repeat_interleave(frames, dim=0)

    line = (torch.arange(side, device=u.device) + 0.5) / side
    y, x = torch.meshgrid(line, line, indexing="ij")
    image = _floor(u, atlas, batch, frames, x, y, where.pan)
    owner = torch.full((batch * frames, side, side), -1, dtype=torch.int8, device=u.device)
    before: Tensor | None = None
    light, aspect = each(light)[:, None, None], each(aspect)[:, None, None]
    for k in range(layers):
        moved = {name: one[:, :, k].flatten()[:, None, None] for name, one in where.tracks.items()}
        r = moved["radius"]
        across, down = (x - moved["x"]) * aspect / r, (y - moved["y"]) / aspect / r
        c, s = torch.cos(moved["turn"]), torch.sin(moved["turn"])
        flat, tall = each(where.flat[:, k])[:, None, None], each(where.tall[:, k])[:, None, None]
        p, q = (across * c + down * s) / flat, (down * c - across * s) / tall
        outline = atlas.outlines[each(shape[:, k])]
        px = r * side * torch.minimum(flat, tall)
        depth = _sampled(outline, p / EXTENT, q / EXTENT) * px
        clipped = each(where.clipped[:, k])[:, None, None]
        if before is not None:
            depth = torch.where(clipped, torch.maximum(depth, before), depth)
        before = depth
        look = {name: each(one[:, k]) for name, one in style.items()}
        shade = look["shadow"][:, None, None] * ~each(where.part[:, k])[:, None, None]
        cast = _sampled(outline, (p + 0.16 * torch.cos(light)) / EXTENT, (q + 0.16 * torch.sin(light)) / EXTENT)
        image *= (1 - shade * (0.5 - cast * 4).clamp(0, 1))[:, None]
        body = _body(atlas, look, p, q, depth, px, light)
        edge = (0.5 - depth).clamp(0, 1)[:, None]
        image = image + (body.clamp(0, 1.2) - image) * edge
        owner = torch.where(depth < 0, k, owner)
    image = _exposed(u, image, light, x, y, batch, frames)
    mean, std = (torch.tensor(one, device=u.device)[:, None, None] for one in (MEAN, STD))
    return Scenes(
        ((image - mean) / std).view(batch, frames, 3, side, side),
        owner.view(batch, frames, side, side),
        parent,
        atlas.family[shape],
    )


def _sampled(pictures: Tensor, p: Tensor, q: Tensor, padding: str = "border") -> Tensor:
    grid = torch.stack([p, q], dim=-1)
    return functional.grid_sample(pictures, grid, padding_mode=padding, align_corners=False)[:, 0]


@dataclass(frozen=True, slots=True)
class _Placed:
    tracks: dict[str, Tensor]
    """x, y, radius (of the picture's side) and turn, each (b, t, n)."""
    flat: Tensor
    tall: Tensor
    part: Tensor
    clipped: Tensor
    pan: Tensor
    """(b, t, 2)."""


def _placed(u: _Dice, batch: int, frames: int, layers: int) -> tuple[_Placed, Tensor]:
    """Where every layer is in every frame, and the parent of each."""
    time = torch.arange(frames, device=u.device)[None, :, None]
    n = (batch, layers)
    radius = torch.exp(u(*n, low=math.log(0.03), high=math.log(0.3)))
    # One picture in eight is of large things.
    radius = torch.where(u(batch, 1) < 0.12, radius * 2.2, radius).clamp(max=0.55)
    still = (u(*n) < 0.3)[:, None]

    def drift(most: float) -> Tensor:
        return torch.where(still, 0.0, u(*n, low=-most, high=most)[:, None]) * time

    sway, beat = u(*n, high=0.03)[:, None] * ~still, u(*n, high=1.2)[:, None]
    pan = torch.where(u(batch, 1, 1) < 0.5, 0.0, u(batch, 1, 2, low=-0.012, high=0.012)) * time
    tracks = {
        "x": u(*n, low=0.04, high=0.96)[:, None] + drift(0.035) + sway * torch.sin(beat * time) + pan[..., :1],
        "y": u(*n, low=0.04, high=0.96)[:, None] + drift(0.035) + sway * torch.cos(beat * time) + pan[..., 1:],
        "turn": u(*n, low=-math.pi, high=math.pi)[:, None] + drift(0.12),
        "radius": radius[:, None] * torch.exp(drift(0.035)).clamp(0.6, 1.7),
    }
    part = u(*n) < 0.22
    part[:, 0] = False
    offset, share = u(2, *n, low=-0.55, high=0.55), u(*n, low=0.22, high=0.6)
    active = torch.arange(layers, device=u.device)[None] < 3 + u.below(layers - 2, batch, 1)
    gone, back = u.below(frames, *n)[:, None], 1 + u.below(4, *n)[:, None]
    absent = (u(*n) < 0.15)[:, None] & (time >= gone.clamp(min=1)) & (time < gone + back) & (frames > 1)
    tracks["x"] = tracks["x"] + _AWAY * (absent | ~active[:, None])
    parent = torch.arange(layers, device=u.device).repeat(batch, 1)
    for k in range(1, layers):
        # A part rides on the layer just below it, which is no part itself.
        part[:, k] &= ~part[:, k - 1]
        it, rides = {name: one[:, :, k - 1] for name, one in tracks.items()}, part[:, k, None]
        c, s = torch.cos(it["turn"]), torch.sin(it["turn"])
        dx, dy = (offset[axis, :, k, None] * it["radius"] for axis in (0, 1))
        out = ~active[:, k, None] * _AWAY
        tracks["x"][:, :, k] = torch.where(rides, it["x"] + dx * c - dy * s + out, tracks["x"][:, :, k])
        tracks["y"][:, :, k] = torch.where(rides, it["y"] + dx * s + dy * c, tracks["y"][:, :, k])
        turned = it["turn"] + tracks["turn"][:, :1, k]
        tracks["turn"][:, :, k] = torch.where(rides, turned, tracks["turn"][:, :, k])
        tracks["radius"][:, :, k] = torch.where(rides, it["radius"] * share[:, k, None], tracks["radius"][:, :, k])
        parent[:, k] = torch.where(part[:, k], parent[:, k - 1], parent[:, k])
    flat, tall = u(*n, low=0.6, high=1.0), u(*n, low=0.75, high=1.0)
    return _Placed(tracks, flat, tall, part, part & (u(*n) < 0.6), pan), parent


def _styles(u: _Dice, batch: int, layers: int, textures: int) -> dict[str, Tensor]:
    n = (batch, layers)
    hue, dull = u(*n), u(batch, 1) < 0.15
    saturation = torch.where(dull, 0.15, 1.0) * u(*n, low=0.1, high=0.9)
    one = _hsv(hue, saturation, u(*n, low=0.2, high=1.0))
    near = (u(*n) < 0.5)[..., None]
    other = torch.where(near, one * u(*n, 1, low=0.55, high=1.35), _hsv(u(*n), u(*n, high=0.8), u(*n, low=0.1)))
    return {
        "one": one,
        "other": other,
        "texture": u.below(textures, *n),
        "scale": torch.exp(u(*n, low=-1.6, high=0.2)),
        "shift": u(2, *n, low=-1, high=1).permute(1, 2, 0).contiguous(),
        "weight": torch.where(u(*n) < 0.3, 0.0, u(*n, low=0.15, high=1.0)),
        "shadow": torch.where(u(*n) < 0.4, 0.0, u(*n, low=0.1, high=0.5)),
        "relief": torch.where(u(*n) < 0.4, 0.0, u(*n, low=0.2, high=1.0)),
        "gloss": u(*n, high=0.9),
        "stroke": torch.where(u(*n) < 0.8, 0.0, u(*n, low=0.6, high=3.0)),
    }


def _body(
    atlas: Atlas, look: dict[str, Tensor], p: Tensor, q: Tensor, depth: Tensor, px: Tensor, light: Tensor
) -> Tensor:
    """(n, 3, s, s): paint, pattern, relief, gloss and stroke of one layer."""
    scale = look["scale"][:, None, None]
    shift = look["shift"][:, :, None, None]
    marked = _sampled(
        atlas.textures[look["texture"]], p * scale + shift[:, 0], q * scale + shift[:, 1], padding="reflection"
    )
    one, other = look["one"][:, :, None, None], look["other"][:, :, None, None]
    paint = one + (other - one) * (marked * look["weight"][:, None, None])[:, None]
    # A pillow, as in the demo's scenes: the surface rises from the outline inwards, and its slope catches the light.
    rise = (-depth / px).clamp(0, 0.45).sqrt() * px * 0.9
    towards = torch.zeros_like(rise)
    towards[:, :, 1:] -= (rise[:, :, 1:] - rise[:, :, :-1]) * torch.cos(light)
    towards[:, 1:] -= (rise[:, 1:] - rise[:, :-1]) * torch.sin(light)
    towards = torch.tanh(towards) * look["relief"][:, None, None]
    lit = 1 + 0.5 * towards
    gloss = (towards - 0.5).clamp(min=0) * look["gloss"][:, None, None]
    body = paint * lit[:, None] + gloss[:, None]
    stroke = (depth > -look["stroke"][:, None, None])[:, None]
    return torch.where(stroke & (look["stroke"] > 0)[:, None, None, None], 0.25 * one, body)


def _floor(u: _Dice, atlas: Atlas, batch: int, frames: int, x: Tensor, y: Tensor, pan: Tensor) -> Tensor:
    """(b·t, 3, s, s): two textures over each other in muted colours, moved by ``pan``."""
    colours = _hsv(u(batch, 3), u(batch, 3, high=0.55), u(batch, 3, low=0.15, high=0.95))
    colours[:, 1] = torch.where(u(batch, 1) < 0.6, colours[:, 0] * u(batch, 1, low=0.6, high=1.4), colours[:, 1])
    out = colours[:, 0].repeat_interleave(frames, 0)[:, :, None, None]
    for n, weight in ((1, 1.0), (2, 0.5)):
        scale = torch.exp(u(batch, 1, low=-1.5, high=0.9))
        shift = u(batch, 1, 2, low=-1, high=1) - pan * scale[..., None] * 2
        scale, shift = scale.repeat_interleave(frames, 0)[..., None], shift.flatten(0, 1)[..., None, None]
        which = u.below(len(atlas.textures), batch).repeat_interleave(frames)
        marked = _sampled(
            atlas.textures[which], 2 * x * scale + shift[:, 0], 2 * y * scale + shift[:, 1], padding="reflection"
        )
        share = (marked * (u(batch, high=weight).repeat_interleave(frames)[:, None, None]))[:, None]
        out = out + (colours[:, n].repeat_interleave(frames, 0)[:, :, None, None] - out) * share
    return out.clamp(0, 1).contiguous()


def _exposed(u: _Dice, image: Tensor, light: Tensor, x: Tensor, y: Tensor, batch: int, frames: int) -> Tensor:
    """Light that falls off, exposure, tint, blur, then the sensor's noise and its 256 levels."""

    def per(low: float, high: float) -> Tensor:
        return u(batch, low=low, high=high).repeat_interleave(frames)[:, None, None, None]

    fall = 1 - per(0, 0.3) * (2 * (x - 0.5) * torch.cos(light) + 2 * (y - 0.5) * torch.sin(light))[:, None]
    night = per(0, 1) < 0.25
    gain = torch.where(night, per(0.3, 0.6), per(0.8, 1.25))
    tint = 1 + 0.15 * u(batch, 3, low=-1, high=1).repeat_interleave(frames, 0)[:, :, None, None]
    image = image * fall * gain * tint
    grey = image.mean(1, keepdim=True)
    image = torch.where(per(0, 1) < 0.08, grey, image)
    soft = functional.avg_pool2d(functional.avg_pool2d(image, 3, 1, 1), 3, 1, 1)
    image = image + (soft - image) * (per(-0.6, 1).clamp(min=0))
    image = image + u.normal(*image.shape) * torch.where(night, per(0.005, 0.05), per(0, 0.03))
    return ((image.clamp(0, 1) * 255).round()) / 255
