"""Procedural scenes: textured, lit, shadowed, occluded, noisy objects, with exact boxes and masks.

A scene depends on its seed and number alone: the same on every machine, whatever was made before it.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evalnb.core import masks
from evalnb.core.masks import Rle
from evalnb.demo.shapes import OUTLINES, WITHOUT_HOLES, traced

CLASSES = tuple(OUTLINES)
Image = NDArray[np.float64]

_HUES = {
    "ball": 0.01,
    "crate": 0.09,
    "cone": 0.07,
    "ring": 0.55,
    "star": 0.14,
    "bottle": 0.42,
    "leaf": 0.30,
    "gear": 0.62,
}
"""Each class leans to a hue, so that colour helps and does not decide."""


@dataclass(frozen=True, slots=True)
class Placed:
    """One object as it can be seen."""

    name: str
    mask: Rle
    """Its visible pixels."""
    outline: tuple[float, ...]
    """x0, y0, x1, y1, … of the whole outline in pixels, where nothing covers it and it has no hole; else empty."""
    hidden: float
    """The covered fraction, 0 … 1."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One picture and everything in it."""

    pixels: NDArray[np.uint8]
    """(h, w, 3) RGB."""
    objects: tuple[Placed, ...]
    tags: tuple[str, ...]
    """day or night, and crowded from seven objects on."""


def scene(seed: int, number: int, *, width: int = 512, height: int = 384) -> Scene:
    """The ``number``-th scene of ``seed``."""
    rng = np.random.default_rng([seed, number])
    night = bool(rng.random() < 0.3)
    light = rng.uniform(0, 2 * np.pi)
    image = _background(rng, width, height)
    count = int(rng.integers(3, 12))
    owner = np.full((height, width), -1)
    names, whole, outlines = [], [], []
    for place in range(count):
        name = CLASSES[int(rng.integers(len(CLASSES)))]
        inside, outline = _paint(image, name, rng, light)
        owner[inside] = place
        names.append(name)
        whole.append(int(inside.sum()))
        outlines.append(outline)
    objects = []
    for place, name in enumerate(names):
        seen = owner == place
        area = int(seen.sum())
        if area < 120 or area < 0.25 * whole[place]:
            continue
        entire = area == whole[place] and name in WITHOUT_HOLES
        points = tuple(outlines[place].round(2).ravel().tolist()) if entire else ()
        objects.append(Placed(name, masks.encode(seen), points, 1 - area / whole[place]))
    tags = ("night" if night else "day", *(("crowded",) if len(objects) >= 7 else ()))
    return Scene(_expose(image, rng, light, night=night), tuple(objects), tags)


@dataclass(frozen=True, slots=True)
class Clip:
    """One picture of a clip, and where its objects are seen."""

    pixels: NDArray[np.uint8]
    """(h, w, 3) RGB."""
    objects: tuple[tuple[str, Rle], ...]
    """Class and visible pixels of each, in the same order on every picture; of one that is out of sight, none."""


def clip(seed: int, number: int, *, of: int = 48, width: int = 512, height: int = 384) -> Clip:
    """The ``number``-th of ``of`` pictures in which a few objects go their ways over one floor, before and behind
    one another."""
    rng = np.random.default_rng([seed, 7])
    light = rng.uniform(0, 2 * np.pi)
    image = _background(rng, width, height)
    owner = np.full((height, width), -1)
    names = [str(name) for name in rng.choice(CLASSES, 4, replace=False)]
    at = number / max(of - 1, 1)
    for place, name in enumerate(names):
        way = np.random.default_rng([seed, 7, place])
        # A bow around the middle, so that paths cross and speeds differ; some leave the picture for a while.
        reach, phase = way.uniform(0.25, 0.55, 2) * [width, height], way.uniform(0, 2 * np.pi, 2)
        turn = 2 * np.pi * way.uniform(0.4, 0.8) * at
        put = (width / 2 + reach[0] * np.sin(phase[0] + turn), height / 2 + reach[1] * np.sin(phase[1] + 1.3 * turn))
        inside, _ = _paint(image, name, way, light, put=put, turned=way.normal(0, 0.8) * at)
        owner[inside] = place
    seen = tuple((name, masks.encode(owner == place)) for place, name in enumerate(names))
    return Clip(_expose(image, np.random.default_rng([seed, 8, number]), light, night=False), seen)


def _noise(rng: np.random.Generator, width: int, height: int, cells: int) -> Image:
    """(h, w) smooth noise in 0 … 1 with about ``cells`` bumps across."""
    grid = rng.random((cells + 2, cells + 2))
    x = np.linspace(0, cells, width, endpoint=False)
    y = np.linspace(0, cells, height, endpoint=False)
    x0, y0 = x.astype(int), y.astype(int)
    u, v = _smooth(x - x0)[None, :], _smooth(y - y0)[:, None]
    top = grid[y0][:, x0] * (1 - u) + grid[y0][:, x0 + 1] * u
    bottom = grid[y0 + 1][:, x0] * (1 - u) + grid[y0 + 1][:, x0 + 1] * u
    out: Image = top * (1 - v) + bottom * v
    return out


def _smooth(t: Image) -> Image:
    return t * t * (3 - 2 * t)


def _colour(hue: float, lightness: float, saturation: float) -> NDArray[np.float64]:
    return np.array(colorsys.hls_to_rgb(hue % 1.0, lightness, saturation))


def _background(rng: np.random.Generator, width: int, height: int) -> Image:
    """A floor: planks, tiles or cloth, in a muted colour."""
    base = _colour(rng.random(), rng.uniform(0.35, 0.68), rng.uniform(0.05, 0.28))
    grain = 0.55 * _noise(rng, width, height, 4) + 0.3 * _noise(rng, width, height, 16)
    grain = grain + 0.15 * _noise(rng, width, height, 90)
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    turn = rng.uniform(-0.5, 0.5)
    along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    pattern = int(rng.integers(3))
    if pattern == 0:
        pitch = rng.uniform(36, 70)
        board = np.floor(across / pitch)
        seam = np.minimum(across % pitch, pitch - across % pitch) < 1.0
        shade = 0.9 + 0.16 * ((np.sin(board * 12.9898) * 43758.5453) % 1.0) - 0.22 * seam
        shade += 0.05 * np.sin(across * 0.9 + 6 * _noise(rng, width, height, 6))
    elif pattern == 1:
        pitch = rng.uniform(40, 90)
        joint = np.minimum(along % pitch, across % pitch) < 1.6
        shade = 1.0 - 0.2 * joint + 0.08 * ((np.floor(along / pitch) + np.floor(across / pitch)) % 2)
    else:
        shade = 1.0 + 0.05 * np.sin(along * 1.1) * np.sin(across * 1.1)
    return np.asarray(base * (0.72 + 0.5 * grain)[..., None] * shade[..., None])


def _paint(
    image: Image,
    name: str,
    rng: np.random.Generator,
    light: float,
    *,
    put: tuple[float, float] | None = None,
    turned: float = 0.0,
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Draw one object and its shadow into ``image``; its pixels (h, w), and its outline (k, 2) in pixels.

    Its centre is where chance put it, unless ``put`` says another (px); it is ``turned`` that much further (radians).
    """
    frame = image
    height, width = frame.shape[:2]
    radius = float(np.exp(rng.uniform(np.log(24), np.log(88))))
    centre = rng.uniform([0.06 * width, 0.06 * height], [0.94 * width, 0.94 * height])
    centre = centre if put is None else np.array(put)
    turn = turned + (rng.uniform(-np.pi, np.pi) if name not in {"bottle", "cone"} else rng.normal(0, 0.35))
    squeeze = rng.uniform(0.8, 1.0)
    # Only the window that the object and its shadow can reach is computed, at pixel centres.
    x0, y0 = np.maximum(centre - 1.5 * radius, 0).astype(int)
    x1, y1 = np.minimum(centre + 1.5 * radius + 1, [width, height]).astype(int)
    y, x = np.mgrid[y0:y1, x0:x1] + 0.5
    image = frame[y0:y1, x0:x1]
    u, v = (x - centre[0]) / radius, (y - centre[1]) / radius
    c, s = np.cos(turn), np.sin(turn)
    p, q = (u * c + v * s) / squeeze, v * c - u * s
    depth = OUTLINES[name](p, q)
    inside = depth < 0

    reach = 0.18 + 0.1 * rng.random()
    shadow = OUTLINES[name](p + reach * (np.cos(light) * c + np.sin(light) * s), q + reach * np.sin(light - turn))
    image *= 1 - 0.45 * np.clip(0.5 - shadow * 4, 0, 1)[..., None]

    hue = _HUES[name] + rng.normal(0, 0.05)
    paint = np.broadcast_to(_colour(hue, rng.uniform(0.38, 0.6), rng.uniform(0.45, 0.8)), image.shape)
    trim = _colour(hue + rng.choice([0.0, 0.5, 0.08]), rng.uniform(0.2, 0.8), 0.5)
    texture = int(rng.integers(4))
    if texture == 0:
        marked = np.sin(q * rng.uniform(7, 13)) > 0.45
    elif texture == 1:
        k = rng.uniform(6, 10)
        marked = np.sin(p * k) * np.sin(q * k) > 0.55
    elif texture == 2:
        marked = _noise(rng, x1 - x0, y1 - y0, 7) > 0.66
    else:
        marked = np.zeros_like(inside)
    paint = np.where(marked[..., None], trim, paint)

    # A pillow: the surface rises from the outline inwards, and its slope catches the light.
    rise = np.sqrt(np.clip(-depth, 0, 0.45))
    slope_y, slope_x = np.gradient(rise * radius * 0.9)
    towards = -(slope_x * np.cos(light) + slope_y * np.sin(light))
    lit = 0.72 + 0.45 * np.tanh(towards) + 0.1 * rise
    gloss = np.clip(np.tanh(towards) - 0.55, 0, 1) * rng.uniform(0, 1.1)
    body = paint * lit[..., None] + gloss[..., None]
    edge = np.clip(0.5 - depth * radius, 0, 1)[..., None]
    image[:] = image * (1 - edge) + np.clip(body, 0, 1.2) * edge

    ring = traced(name) if name in WITHOUT_HOLES else np.zeros((0, 2))
    ring = ring * [squeeze, 1.0]
    outline = radius * np.stack([ring[:, 0] * c - ring[:, 1] * s, ring[:, 0] * s + ring[:, 1] * c], axis=1) + centre
    covered = np.zeros((height, width), dtype=bool)
    covered[y0:y1, x0:x1] = inside
    return covered, np.clip(outline, 0, [width, height])


def _expose(image: Image, rng: np.random.Generator, light: float, *, night: bool) -> NDArray[np.uint8]:
    """Light falling off to one side, a vignette, then the sensor: less light means more noise."""
    height, width = image.shape[:2]
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    fall = 1 - 0.18 * (x * np.cos(light) + y * np.sin(light)) - 0.16 * (x * x + y * y)
    gain, noise = (rng.uniform(0.32, 0.48), 0.03) if night else (rng.uniform(1.05, 1.3), 0.012)
    tint = np.array([0.82, 0.92, 1.18]) if night else np.array([1.03, 1.0, 0.96])
    out = image * fall[..., None] * gain * tint + rng.normal(0, noise, image.shape)
    return np.asarray(np.clip(out * 255, 0, 255), dtype=np.uint8)
