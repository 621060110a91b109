"""Where an evaluation's pictures are, and its truth as it stands now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from evalnb.core.kinds import Kind
from evalnb.core.records import Floats, Truths
from evalnb.core.rematch import taken
from evalnb.core.slices import Slice
from evalnb.core.sources import id_of
from evalnb.errors import Invalid, NotFound
from evalnb.registry import pixels
from evalnb.store import Store
from evalnb.store.repositories import annotations as annotation_rows
from evalnb.store.repositories import images


class Source(Protocol):
    """What stands behind an evaluation's images."""

    def read(self, image_id: int) -> bytes:
        """The image's bytes. NotFound where there is no such image, or its file has moved."""


@dataclass(frozen=True, slots=True)
class Folder:
    """Pictures in a folder, by the file names that a COCO file gives them."""

    path: Path
    names: Mapping[int, str]

    def read(self, image_id: int) -> bytes:
        """The file's bytes."""
        place = self.path / self.names[image_id]
        try:
            return place.read_bytes()
        except OSError as error:
            raise NotFound(
                f"image {image_id} is not at {place} ({error.strerror})", remedy="name the folder of the images"
            ) from error


@dataclass(frozen=True, slots=True)
class StoredSource:
    """A dataset of the store: its pictures, and its annotations whenever they are asked."""

    store: Store
    dataset_id: int
    part: Slice
    kind: Kind
    """What is compared: truths carry masks or corners where that asks for them."""

    def read(self, image_id: int) -> bytes:
        """The image's bytes."""
        with self.store.database.transaction() as session:
            image = images.get(session, image_id)
        return pixels.read(self.store, image)

    def source_ids(self) -> dict[int, int | str]:
        """Each image's id in the file that it came from, by its id in the store: what an export calls it."""
        with self.store.database.transaction() as session:
            known = images.known(session, self.dataset_id)
        return {image_id: id_of(key) for key, (image_id, _, _) in known.items()}

    def truths(self, of: Iterable[int] | None = None) -> Truths:
        """The truths of these images (default: of all that the evaluation was made for) as they are now."""
        part = self.part if of is None else self.part.where(images=of)
        asked = {"masks": self.kind in ("segm", "boundary"), "corners": self.kind == "obb"}
        with self.store.database.transaction() as session:
            found = annotation_rows.truths(session, self.dataset_id, part, **asked)
        # As when it was evaluated: COCO's evaluation overwrites the annotations' own ``ignore``.
        return replace(found, ignore=None)


def edited_images(before: Truths, now: Truths) -> list[int]:
    """The images whose truths differ, in number, order, class, outline, area or being a crowd."""
    left, right = (np.argsort(one.image, kind="stable") for one in (before, now))
    ids, at_left, many_left = np.unique(before.image[left], return_index=True, return_counts=True)
    ids_now, at_right, many_right = np.unique(now.image[right], return_index=True, return_counts=True)
    out = set(np.setxor1d(ids, ids_now).tolist())
    both, where, where_now = np.intersect1d(ids, ids_now, return_indices=True)
    same = many_left[where] == many_right[where_now]
    out.update(both[~same].tolist())
    where, where_now = where[same], where_now[same]
    many = many_left[where]
    step = np.arange(int(many.sum())) - np.repeat(np.cumsum(many) - many, many)
    one = left[np.repeat(at_left[where], many) + step]
    other = right[np.repeat(at_right[where_now], many) + step]
    differs = (before.class_id[one] != now.class_id[other]) | (before.crowd[one] != now.crowd[other])
    differs |= (before.box[one] != now.box[other]).any(axis=1) | (before.area[one] != now.area[other])
    if before.corners is not None and now.corners is not None:
        differs |= (before.corners[one] != now.corners[other]).any(axis=(1, 2))
    if before.masks is not None and now.masks is not None:
        for place in np.flatnonzero(~differs).tolist():
            mine, theirs = before.masks[one[place]], now.masks[other[place]]
            differs[place] = mine.size != theirs.size or not np.array_equal(mine.counts, theirs.counts)
    out.update(before.image[one[differs]].tolist())
    return sorted(out)


def with_edited(truths: Truths, now: Truths, edited: Iterable[int]) -> Truths:
    """``truths`` with those of the edited images replaced by ``now``'s, which come last."""
    wanted = np.fromiter(edited, dtype=np.int64)
    stay = taken(truths, np.flatnonzero(~np.isin(truths.image, wanted)))
    if truths.ignore is not None or truths.keypoints is not None:
        raise Invalid("truths with keypoints are not edited in the store", remedy="evaluate the files again")
    fresh = taken(now, np.flatnonzero(np.isin(now.image, wanted)))
    return Truths(
        id=np.concatenate([stay.id, fresh.id]),
        image=np.concatenate([stay.image, fresh.image]),
        class_id=np.concatenate([stay.class_id, fresh.class_id]),
        box=np.concatenate([stay.box, fresh.box]),
        area=np.concatenate([stay.area, fresh.area]),
        crowd=np.concatenate([stay.crowd, fresh.crowd]),
        masks=None if stay.masks is None else [*stay.masks, *(fresh.masks or ())],
        corners=_joined(stay.corners, fresh.corners),
    )


def _joined(stay: Floats | None, fresh: Floats | None) -> Floats | None:
    return None if stay is None or fresh is None else np.concatenate([stay, fresh])
