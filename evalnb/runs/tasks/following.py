"""How well a model follows objects: the semi-supervised protocol of video object segmentation, first mask given."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from evalnb.core import masks
from evalnb.core.following import Frames
from evalnb.core.metrics import video as core
from evalnb.core.ports import Follower
from evalnb.core.records import Annotation
from evalnb.core.shapes import mask_of
from evalnb.core.slices import Slice
from evalnb.errors import Invalid, NotFound
from evalnb.registry.frames import SliceFrames
from evalnb.runs.tasks.maps import Name
from evalnb.runs.tasks.video import Track, Video
from evalnb.runs.tasks.video_frames import labels
from evalnb.store import Store
from evalnb.store.repositories import annotations as rows
from evalnb.store.repositories import images

OUTLINED = ("mask", "polygon", "ellipse", "rotated")
"""The kinds of shapes that are a mask's truth; a box is none."""
_PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp")

Bits = NDArray[np.bool_]


class HasTracks(Protocol):
    """A dataset, or a slice of one: its images in their order are one sequence."""

    @property
    def store(self) -> Store:
        """Where it is kept."""

    @property
    def id(self) -> int:
        """Its row."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def part(self) -> Slice:
        """The slice."""


@dataclass(frozen=True, slots=True)
class _Sequence:
    name: Name
    frames: Frames
    called: Sequence[Name]
    """The frames' names."""
    given: Mapping[int | str, int]
    """By object the frame whose mask is given."""
    truths: Callable[[int], Mapping[int | str, Bits]]
    """What is known of a frame, by object: an empty mask where it is not in sight."""


def evaluate_following(
    samples: HasTracks | Mapping[Name, tuple[object, object]],
    follower: Follower,
    *,
    skip_ends: bool = True,
) -> Video:
    """J, F and J&F of a model that is given each object's first mask and follows it forward to the end.

    ``samples`` is a dataset (or a slice), whose images in their order are one sequence and whose tracks are the
    objects: masks, polygons, ellipses and rotated boxes, each from its first image on, on every image that has a
    shape of the track (out of sight: nothing is to be found there). Or it maps each sequence's name to its frames
    and its truth: lists of arrays, paths or bytes, or folders; the truth are (h, w) maps of object numbers as
    ``evaluate_video`` takes them, and the objects those of its first frame.

    ``follower`` is what ``ev.sam2`` returns, or anything with ``tracking``. The frame that is given never counts;
    ``skip_ends`` leaves out each sequence's last, too, as DAVIS does. Each object is judged by itself: where two
    masks overlap, both keep the pixels.

    Invalid, naming sequence and frame, for what cannot be read, sizes that differ, and a truth without objects.
    """
    sequences = _of_mapping(samples) if isinstance(samples, Mapping) else iter([_of_dataset(samples)])
    tracks: list[Track] = []
    for one in sequences:
        tracks += _followed(one, follower, skip_ends)
    return Video(tuple(tracks))


def _followed(one: _Sequence, follower: Follower, skip_ends: bool) -> Iterator[Track]:
    tracking = follower.tracking(one.frames)
    for object, frame in one.given.items():
        tracking.prompt(frame, object, mask=one.truths(frame)[object])
    end = len(one.frames) - 1 if skip_ends else len(one.frames)
    found: dict[int | str, tuple[list[Name], list[float], list[float]]] = {name: ([], [], []) for name in one.given}
    for followed in tracking.run(min(one.given.values()), end, direction="forward"):
        at = followed.frame
        if followed.problem:
            raise Invalid(f"sequence {one.name!r}: {followed.problem}", remedy="mend the file, or leave it out")
        for name, truth in one.truths(at).items():
            if name not in one.given or at <= one.given[name]:
                continue
            drawn = masks.decode(followed.found[name].mask)
            if drawn.shape != truth.shape:
                raise Invalid(
                    f"sequence {one.name!r}, frame {one.called[at]!r}: the truth has shape {truth.shape} and the "
                    f"frame {drawn.shape}",
                    remedy="give both in one size",
                )
            names, j, f = found[name]
            names.append(one.called[at])
            j.append(core.jaccard(truth, drawn))
            f.append(core.contour(truth, drawn))
    if not any(names for names, _, _ in found.values()):
        raise Invalid(
            f"sequence {one.name!r} has too few frames",
            remedy="leave it out, or pass skip_ends=False to count its last",
        )
    for name, (names, j, f) in found.items():
        if names:
            yield Track(one.name, name, tuple(names), np.array(j), np.array(f))


def _of_dataset(dataset: HasTracks) -> _Sequence:
    part = dataset.part
    whole = Slice(tags=part.tags, images=part.images, text=part.text)
    with dataset.store.database.transaction() as session:
        frames = SliceFrames(dataset.store, images.ids(session, dataset.id, whole))
        tracks = {one for one, *_ in rows.keyframes(session, dataset.id, part)}

    def truths(frame: int) -> dict[int | str, Bits]:
        with dataset.store.database.transaction() as session:
            image = images.get(session, frames.image_id(frame))
            some = rows.of_image(session, image.id)
        return {str(id): bits for id, bits in _outlines(some, tracks, (image.height, image.width))}

    given: dict[int | str, int] = {}
    with dataset.store.database.transaction() as session:
        for id in tracks:
            for image, shape_id, _, outside in images.of_track(session, dataset.id, whole, id, limit=len(frames)):
                place = frames.place(image.id)
                (shape,) = rows.of_ids(session, [shape_id])
                if place is not None and not outside and shape.geometry.kind in OUTLINED:
                    given[str(id)] = place
                    break
    if not given:
        raise Invalid(
            f"{dataset.name!r} has no track of masks or polygons",
            remedy="follow some with Shift V, or by dataset.follow()",
        )
    in_order = dict(sorted(given.items(), key=lambda item: (item[1], item[0])))
    return _Sequence(dataset.name, frames, range(len(frames)), in_order, truths)


def _outlines(shapes: Sequence[Annotation], tracks: set[UUID], size: tuple[int, int]) -> Iterator[tuple[UUID, Bits]]:
    for one in shapes:
        if one.track.id not in tracks:
            continue
        if one.track.outside:
            yield one.track.id, np.zeros(size, dtype=bool)
        elif one.geometry.kind in OUTLINED:
            yield one.track.id, masks.decode(mask_of(one.geometry, size))


def _of_mapping(samples: Mapping[Name, tuple[object, object]]) -> Iterator[_Sequence]:
    for name, (pictures, truth) in samples.items():
        frames, maps = _listed(pictures, name, "frames"), _listed(truth, name, "truth")
        if len(frames) != len(maps):
            raise Invalid(
                f"sequence {name!r} has {len(frames)} frames and {len(maps)} maps of objects",
                remedy="give a map for each frame",
            )
        called = [Path(one).stem if isinstance(one, (str, Path)) else at for at, one in enumerate(maps)]
        yield _mapped(name, frames, maps, called)


def _mapped(name: Name, frames: Any, maps: Any, called: list[Name]) -> _Sequence:
    def read(frame: int) -> NDArray[Any]:
        return labels(maps[frame], f"sequence {name!r}, frame {called[frame]!r}: the truth")

    objects = [int(one) for one in np.setdiff1d(np.unique(read(0)), [0])] if len(frames) else []
    if not objects:
        raise Invalid(f"the first frame of sequence {name!r} shows no object", remedy="leave the sequence out")

    def truths(frame: int) -> dict[int | str, Bits]:
        drawn = read(frame)
        return {one: drawn == one for one in objects}

    return _Sequence(name, frames, called, dict.fromkeys(objects, 0), truths)


def _listed(given: Any, name: Name, what: str) -> Any:
    if isinstance(given, (str, Path)):
        folder = Path(given)
        if not folder.is_dir():
            raise NotFound(f"sequence {name!r}: {folder} is no folder", remedy=f"give the folder of its {what}")
        return sorted(one for one in folder.iterdir() if one.suffix.lower() in _PICTURES)
    if not hasattr(given, "__len__") or not hasattr(given, "__getitem__"):
        raise Invalid(f"sequence {name!r}: its {what} are {type(given).__name__}", remedy="give a list or a folder")
    return given
