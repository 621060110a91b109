"""Measure weights on scenes and clips that training never draws: other seeds, and shape families held out.

python -m tools.pico.evaluate evalnb/models/pico.safetensors [--validate]
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from . import demo as demo_scenes
from . import network, prompts, shapes
from .scenes import Scenes, paint

SEED = 20_251_126
"""Training's generators never start here."""
VALIDATION = 31_337
"""Neither training's nor the evaluation's: what is chosen is chosen on these."""
AREA_MIN = 500
"""Pixels of 256 × 256 that an object must show."""
GOALS = {"one click": 0.75, "three clicks": 0.85, "box": 0.82, "tracking": 0.70}
_BATCH = 32


def evaluate(model: Any, device: torch.device, *, scenes: int) -> dict[str, Any]:
    """Mean IoUs by prompt and by set; ``scenes`` pictures of each set, and a third as many clips of 16 frames."""
    model.eval()
    with torch.no_grad():
        sets = {}
        for number, (name, families) in enumerate((("seen", shapes.SEEN), ("unseen", shapes.UNSEEN))):
            generator = torch.Generator().manual_seed(SEED + number)
            atlas = shapes.atlas(families, 60, generator, device)
            found = _still(model, device, atlas, generator, scenes)
            found["tracking"] = _moving(model, device, atlas, generator, max(4, scenes // 3))
            sets[name] = found
        demo = _demo(model, device, demo_scenes.HELD_OUT, max(4, scenes // 3))
    overall: dict[str, float] = {}
    for name in ("one click", "three clicks", "box"):
        both = [(one["objects"][name], one["objects"]["count"]) for one in sets.values()]
        overall[name] = round(sum(v * n for v, n in both) / sum(n for _, n in both), 4)
    tracks = [(one["tracking"]["from a mask"], one["tracking"]["tracks"]) for one in sets.values()]
    overall["tracking"] = round(sum(v * n for v, n in tracks) / sum(n for _, n in tracks), 4)
    return {"goals": GOALS, "overall": overall, "sets": sets, "demo": demo, "area_min_px": AREA_MIN, "seed": SEED}


def validate(model: Any, device: torch.device, *, scenes: int) -> dict[str, Any]:
    """What may be chosen by: other scenes of the families that are trained on, and other scenes of the demo."""
    model.eval()
    with torch.no_grad():
        generator = torch.Generator().manual_seed(VALIDATION)
        atlas = shapes.atlas(shapes.SEEN, 60, generator, device)
        return {
            "painted": _still(model, device, atlas, generator, scenes)["objects"],
            "demo": _demo(model, device, VALIDATION, max(4, scenes // 4)),
            "tracking": _moving(model, device, atlas, generator, max(4, scenes // 6)),
        }


def middle(region: NDArray[np.bool_]) -> tuple[float, float]:
    """The pixel x, y that is farthest from the region's outside."""
    y, x = np.nonzero(region)
    top, left = y.min(), x.min()
    window = np.pad(region[top : y.max() + 1, left : x.max() + 1], 1)
    far = ndimage.distance_transform_edt(window)
    down, right = np.unravel_index(int(far.argmax()), far.shape)
    return float(left + right - 1), float(top + down - 1)


def _next(wanted: Tensor, got: Tensor) -> tuple[Tensor, Tensor]:
    """The corrections that a careful person makes: the middle of the larger error. (n, 1, 2) and (n, 1)."""
    points, labels = [], []
    for goal, mask in zip(wanted.cpu().numpy(), got.cpu().numpy(), strict=True):
        missing, extra = goal & ~mask, mask & ~goal
        more = missing.sum() >= extra.sum()
        region = missing if more else extra
        points.append(middle(region if region.any() else goal))
        labels.append(int(more or not region.any()))
    return (
        torch.tensor(points, device=wanted.device)[:, None],
        torch.tensor(labels, dtype=torch.int32, device=wanted.device)[:, None],
    )


def _iou(got: Tensor, wanted: Tensor) -> Tensor:
    return (got & wanted).flatten(1).sum(1) / (got | wanted).flatten(1).sum(1).clamp(min=1)


def _full(logits: Tensor) -> Tensor:
    side = (network.SIDE, network.SIDE)
    return functional.interpolate(logits, side, mode="bilinear", align_corners=False)[:, 0] > 0


def _still(
    model: Any, device: torch.device, atlas: shapes.Atlas, generator: torch.Generator, count: int
) -> dict[str, Any]:
    told: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for first in range(0, count, _BATCH):
        drawn = paint(atlas, generator, batch=min(_BATCH, count - first))
        area = prompts.areas(drawn.owner[:, 0], drawn.parent)
        rows, layers = torch.nonzero(area >= AREA_MIN, as_tuple=True)
        part = drawn.parent[rows, layers] != layers
        wanted = drawn.masks(rows, layers)[:, 0]
        maps = network.encode(model, drawn.images[:, 0]).rows(rows)
        ious = _prompted(model, maps, wanted)
        for n in range(len(rows)):
            family = atlas.names[int(drawn.family[rows[n], layers[n]])]
            for group in ("parts",) if part[n] else ("objects", f"family {family}"):
                for name, values in ious.items():
                    told[group][name].append(float(values[n]))
    return {
        group: {name: round(float(np.mean(values)), 4) for name, values in held.items()} | {"count": len(held["box"])}
        for group, held in sorted(told.items())
    }


def _demo(model: Any, device: torch.device, seed: int, count: int) -> dict[str, float]:
    """The same of the demo's own scenes, which numpy draws; its pixels are 512 × 384."""
    told: dict[str, list[float]] = defaultdict(list)
    for number in range(count):
        drawn = demo_scenes.drawn(seed, number)
        batch = demo_scenes.gathered([drawn], device)
        layers = [k for k in range(len(drawn[2])) if (drawn[1] == k).sum() >= AREA_MIN]
        rows = torch.zeros(len(layers), dtype=torch.long, device=device)
        wanted = batch.masks(rows, torch.tensor(layers, device=device))[:, 0]
        maps = network.encode(model, batch.images[:, 0]).rows(rows)
        for name, values in _prompted(model, maps, wanted).items():
            told[name] += values.tolist()
    return {name: round(float(np.mean(values)), 4) for name, values in told.items()} | {"count": len(told["box"])}


def _prompted(model: Any, maps: network.Maps, wanted: Tensor) -> dict[str, Tensor]:
    features = network.picture(model, maps)
    every = torch.arange(len(wanted), device=wanted.device)
    points, labels = _next(wanted, torch.zeros_like(wanted))
    decoded = network.decode(model, features, maps.fine, points, labels, None)
    which = network.answer(model, decoded, 1)
    logits = decoded.mask(which)
    all_three = torch.stack([_iou(_full(decoded.logits[:, k : k + 1]), wanted) for k in (1, 2, 3)], 1)
    out = {"one click": _iou(_full(logits), wanted), "best of three": all_three.max(1).values}
    out["promise off by"] = (decoded.ious[every, which] - out["one click"]).abs()
    for name in ("two clicks", "three clicks"):
        at, label = _next(wanted, _full(logits))
        points, labels = torch.cat([points, at], 1), torch.cat([labels, label], 1)
        decoded = network.decode(model, features, maps.fine, points, labels, logits.clamp(-32, 32))
        logits = decoded.mask(network.answer(model, decoded, points.shape[1]))
        out[name] = _iou(_full(logits), wanted)
    blind = network.decode(model, features, maps.fine, points, labels, None)
    out["three clicks, mask not fed back"] = _iou(_full(blind.mask(network.answer(model, blind, 3))), wanted)
    corners = prompts.boxes(wanted).view(-1, 2, 2)
    two = torch.tensor([[2, 3]], dtype=torch.int32, device=wanted.device).expand(len(wanted), 2)
    boxed = network.decode(model, features, maps.fine, corners, two, None)
    out["box"] = _iou(_full(boxed.mask(network.answer(model, boxed, 2))), wanted)
    return out


def _moving(
    model: Any, device: torch.device, atlas: shapes.Atlas, generator: torch.Generator, count: int
) -> dict[str, Any]:
    ious: dict[str, list[float]] = defaultdict(list)
    away: list[bool] = []
    tracks = 0
    for _ in range(0, count, 8):
        drawn = paint(atlas, generator, batch=8, frames=16)
        area = prompts.areas(drawn.owner[:, 0], drawn.parent)
        whole = drawn.parent == torch.arange(drawn.parent.shape[1], device=device)
        rows, layers = torch.nonzero((area >= AREA_MIN) & whole, as_tuple=True)
        if not len(rows):
            continue
        tracks += len(rows)
        wanted = drawn.masks(rows, layers)
        for name in ("from a mask", "from a click", "from a box"):
            got = _tracked(model, drawn, rows, wanted, name)
            seen = wanted[:, 1:].flatten(2).sum(2) >= 50
            values = torch.stack([_iou(got[:, t], wanted[:, t]) for t in range(1, 16)], 1)
            for n in range(len(rows)):
                if bool(seen[n].any()):
                    ious[name].append(float(values[n][seen[n]].mean()))
            if name == "from a mask":
                gone = ~wanted[:, 1:].flatten(2).any(2)
                away += (~got[:, 1:].flatten(2).any(2))[gone].tolist()
    out: dict[str, Any] = {name: round(float(np.mean(values)), 4) for name, values in ious.items()}
    return out | {"tracks": tracks, "said away when away": round(float(np.mean(away or [1.0])), 4), "away": len(away)}


def _tracked(model: Any, drawn: Scenes, rows: Tensor, wanted: Tensor, start: str) -> Tensor:
    frames = drawn.images.shape[1]
    maps = network.encode(model, drawn.images.flatten(0, 1))
    memory, out = network.Memory(), []
    for frame in range(frames):
        own = maps.rows(rows * frames + frame)
        features = network.remembering(model, frame, own, memory, frames)
        points = labels = None
        if frame == 0 and start == "from a mask":
            seen = network.given(model, features, own, wanted[:, :1])
        else:
            if frame == 0 and start == "from a click":
                points, labels = _next(wanted[:, 0], torch.zeros_like(wanted[:, 0]))
            elif frame == 0:
                points = prompts.boxes(wanted[:, 0]).view(-1, 2, 2)
                labels = torch.tensor([[2, 3]], dtype=torch.int32, device=rows.device).expand(len(rows), 2)
            seen = network.see(model, features, own, points, labels, None)
        memory.remember(model, frame, own, seen, prompted=frame == 0, clicked=points is not None)
        # What is older than anything that sam2 looks back to.
        memory.followed.pop(frame - 17, None)
        out.append(_full(seen.mask))
    return torch.stack(out, 1)


def main() -> None:
    """The command line."""
    from safetensors.torch import load_file

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--scenes", type=int, default=100)
    parser.add_argument("--validate", action="store_true", help="on what may be chosen by, not on what is held out")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    model = network.build()
    model.load_state_dict(load_file(asked.weights), strict=True)
    measure = validate if asked.validate else evaluate
    print(json.dumps(measure(model.float(), torch.device("cpu"), scenes=asked.scenes), indent=1))


if __name__ == "__main__":
    main()
