"""Write scenes to disk as a COCO dataset, with some labels wrong on purpose."""

from __future__ import annotations

import io
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import orjson
from numpy.typing import NDArray
from PIL import Image

from evalnb.core import masks
from evalnb.core.frames import FrameOf
from evalnb.core.masks import Rle
from evalnb.core.progress import NullProgress, Progress
from evalnb.demo.scenes import CLASSES, Scene, clip, scene

SEED = 20
CLIP_SEED, CLIP_FPS = 22, 12.0


@dataclass(frozen=True, slots=True)
class Written:
    """Where a demo dataset lies."""

    images: Path
    annotations: Path
    wrong: Path
    """JSON: what was done wrong on purpose, by annotation id."""


def write(
    folder: Path,
    *,
    images: int = 320,
    seed: int = SEED,
    width: int = 512,
    height: int = 384,
    wrong_fraction: float = 0.05,
    progress: Progress | None = None,
    processes: int = 2,
) -> Written:
    """Make ``images`` scenes under ``folder``: the last fifth tagged ``val``, the others ``train``.

    Every image that already lies there is kept, so an interrupted run goes on. ``wrong_fraction`` of the labels are
    spoiled: another class, a shifted box, or none at all; ``wrong-labels.json`` says which.
    """
    bar = progress or NullProgress()
    out = Written(folder / "images", folder / "instances.json", folder / "wrong-labels.json")
    if out.annotations.exists():
        return out
    out.images.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([seed, 1_000_003])
    truths: dict[str, list[Any]] = {"images": [], "annotations": []}
    wrong: list[dict[str, Any]] = []
    bar.start(images, unit="images", what="painting scenes")
    for number, one, name in _scenes(out.images, seed, images, width, height, processes):
        tags = [*one.tags, "val" if number >= images * 4 // 5 else "train"]
        truths["images"].append(
            {"id": number + 1, "file_name": name, "width": width, "height": height, "tags": tags, "license": 1}
        )
        for entry in _entries(one, number + 1, first=len(truths["annotations"]) + len(wrong) + 1):
            spoiled = _spoil(entry, rng, wrong_fraction)
            if spoiled is not entry:
                wrong.append({"annotation": entry["id"], "image": name, "was": entry, "became": spoiled})
            if spoiled is not None:
                truths["annotations"].append(spoiled)
        bar.advance()
    bar.close()
    document = {
        "info": {"description": "evalnb procedural scenes", "version": "1", "seed": seed},
        "licenses": [{"id": 1, "name": "CC0-1.0", "url": "https://creativecommons.org/publicdomain/zero/1.0/"}],
        **truths,
        "categories": [{"id": n + 1, "name": name, "supercategory": "object"} for n, name in enumerate(CLASSES)],
    }
    out.wrong.write_bytes(orjson.dumps(wrong, option=orjson.OPT_INDENT_2))
    _written(out.annotations, document)
    return out


def write_clip(folder: Path, *, pictures: int = 36, seed: int = CLIP_SEED) -> Written:
    """Paint a clip under ``folder``: each object is labelled on the first picture, as the beginning of a track."""
    out = Written(folder / "images", folder / "instances.json", folder / "wrong-labels.json")
    if out.annotations.exists():
        return out
    out.images.mkdir(parents=True, exist_ok=True)
    images, labels = [], []
    for number in range(pictures):
        one = clip(seed, number, of=pictures)
        height, width = one.pixels.shape[:2]
        name = f"clip/{number:06d}.jpg"
        (out.images / name).parent.mkdir(exist_ok=True)
        (out.images / name).write_bytes(_jpeg(one.pixels))
        frame = FrameOf("clip", "", number, number / CLIP_FPS, CLIP_FPS)
        images.append({"id": number + 1, "file_name": name, "width": width, "height": height, **frame.extra()})
        if number == 0:
            labels = [_track(seed, place, *seen) for place, seen in enumerate(one.objects) if seen[1].area_px]
    categories = [{"id": n + 1, "name": name, "supercategory": "object"} for n, name in enumerate(CLASSES)]
    _written(out.annotations, {"images": images, "annotations": labels, "categories": categories})
    return out


def _track(seed: int, place: int, name: str, mask: Rle) -> dict[str, Any]:
    """COCO's annotation of an object on the first picture, with evalnb's own word for a track."""
    return {
        "id": place + 1,
        "image_id": 1,
        "category_id": CLASSES.index(name) + 1,
        "bbox": list(masks.box(mask)),
        "area": mask.area_px,
        "segmentation": {"size": list(mask.size), "counts": masks.to_string(mask)},
        "iscrowd": 0,
        "evalnb": {"track": {"id": str(UUID(int=(seed << 16) + place + 1)), "keyframe": True, "outside": False}},
    }


def _written(path: Path, document: dict[str, Any]) -> None:
    # Last, and by rename: its presence says that everything else is there.
    draft = path.with_suffix(".part")
    draft.write_bytes(orjson.dumps(document))
    draft.rename(path)


def _jpeg(pixels: NDArray[np.uint8]) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=90, subsampling=0)
    return out.getvalue()


def _scenes(
    folder: Path, seed: int, count: int, width: int, height: int, processes: int
) -> Iterator[tuple[int, Scene, str]]:
    # A fresh interpreter for each process: forking a kernel with threads may deadlock.
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        calls = ((seed, number, width, height) for number in range(count))
        for number, one in enumerate(pool.map(_scene, calls, chunksize=8)):
            name = f"scene-{number:04d}.jpg"
            path = folder / name
            if not path.exists():
                path.write_bytes(_jpeg(one.pixels))
            yield number, one, name


def _scene(call: tuple[int, int, int, int]) -> Scene:
    seed, number, width, height = call
    return scene(seed, number, width=width, height=height)


def _entries(one: Scene, image_id: int, *, first: int) -> Iterator[dict[str, Any]]:
    """COCO's annotations of one scene: polygons where an outline is whole, run lengths elsewhere."""
    for place, thing in enumerate(one.objects):
        segmentation: Any
        if thing.outline:
            segmentation = [list(thing.outline)]
        else:
            segmentation = {"size": list(thing.mask.size), "counts": masks.to_string(thing.mask)}
        yield {
            "id": first + place,
            "image_id": image_id,
            "category_id": CLASSES.index(thing.name) + 1,
            "bbox": list(masks.box(thing.mask)),
            "area": thing.mask.area_px,
            "segmentation": segmentation,
            "iscrowd": 0,
            "attributes": {"hidden": round(thing.hidden, 3)},
        }


def _spoil(entry: dict[str, Any], rng: np.random.Generator, fraction: float) -> dict[str, Any] | None:
    """The entry as a tired person might have written it; the same object where nothing went wrong."""
    luck, kind = rng.random(), int(rng.integers(3))
    if luck >= fraction:
        return entry
    if kind == 0:
        other = (entry["category_id"] - 1 + int(rng.integers(1, len(CLASSES)))) % len(CLASSES) + 1
        return {**entry, "category_id": other}
    if kind == 1:
        x, y, w, h = entry["bbox"]
        box = [round(x * 0.92, 1), round(y * 0.94, 1), round(w * 0.75, 1), round(h * 0.8, 1)]
        bare = {name: value for name, value in entry.items() if name != "segmentation"}
        return {**bare, "bbox": box, "area": round(box[2] * box[3], 2)}
    return None
