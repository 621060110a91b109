"""How far two people's labels agree, or a person's with a run's predictions: by class, by image, label by label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy.orm import Session

from evalnb.core.metrics import agreement as agreeing
from evalnb.core.records import Floats, Truths
from evalnb.core.slices import Slice
from evalnb.errors import Invalid
from evalnb.store import Store
from evalnb.store.repositories import annotations as annotation_rows
from evalnb.store.repositories import datasets, images, predictions

if TYPE_CHECKING:
    import pandas as pd

ALL = "all"
NOTHING = "nothing"
"""What a table calls the label of whoever did not see an object."""


@dataclass(frozen=True, slots=True)
class Labels:
    """Whose labels: a slice of a dataset as it stands, or a run's predictions on it from a confidence on."""

    dataset_id: int
    part: Slice = Slice()
    run_id: int | None = None
    confidence: float = 0.0


@dataclass(frozen=True)
class Compared:
    """Two people's shapes on the images that both looked at, paired whatever their class."""

    images: tuple[tuple[int, int], ...]
    """The ids of each image, in the one's dataset and in the other's."""
    file_names: tuple[str, ...]
    pairs: tuple[tuple[str | None, str | None], ...]
    """What either called each object; None: did not see it. Those that both saw come first."""
    overlap: Floats
    """IoU of the objects that both saw."""
    place: Sequence[int]
    """Each object's image, as its place among ``images``."""

    @cached_property
    def names(self) -> list[str]:
        """The classes that occur, by name."""
        return sorted({name for pair in self.pairs for name in pair if name is not None})

    def by_class(self) -> pd.DataFrame:
        """See ``Dataset.agreement``."""
        import pandas as pd

        rows = []
        both = self.pairs[: len(self.overlap)]
        for name in [ALL, *self.names]:
            labels = ([pair[side] for pair in self.pairs if pair[side] is not None] for side in (0, 1))
            seen = [len(mine) if name == ALL else mine.count(name) for mine in labels]
            agreed = np.array([a == b and name in (ALL, a) for a, b in both], dtype=bool)
            units = [(a or _Nothing, b or _Nothing) for a, b in self.pairs]
            here = units if name == ALL else [(a == name, b == name) for a, b in units]
            rows.append(
                {
                    "class": name,
                    "left": seen[0],
                    "right": seen[1],
                    "agreed": int(agreed.sum()),
                    "F1": agreeing.f1(int(agreed.sum()), *seen),
                    "mean IoU": float(self.overlap[agreed].mean()) if agreed.any() else float("nan"),
                    "alpha": agreeing.krippendorff(here),
                }
            )
        return pd.DataFrame(rows).set_index("class")

    def by_image(self) -> pd.DataFrame:
        """See ``Dataset.disagreements``."""
        import pandas as pd

        columns = ["agreed", "other class", "only left", "only right"]
        counts = np.zeros((len(self.images), 4), dtype=np.int64)
        for place, (a, b) in zip(self.place, self.pairs, strict=True):
            counts[place, 0 if a == b else 1 if a and b else 2 if a else 3] += 1
        out = pd.DataFrame(counts, columns=columns, index=pd.Index([one for one, _ in self.images], name="image"))
        out.insert(0, "file_name", list(self.file_names))
        sides = 2 * (counts[:, 0] + counts[:, 1]) + counts[:, 2] + counts[:, 3]
        # Where neither saw anything they agree.
        out["F1"] = np.where(sides > 0, 2 * counts[:, 0] / np.maximum(sides, 1), 1.0)
        differ = counts[:, 1:].sum(axis=1)
        worst = np.lexsort((-differ, out["F1"].to_numpy()))
        chosen: pd.DataFrame = out.iloc[worst[differ[worst] > 0]]
        return chosen

    def confusion(self) -> pd.DataFrame:
        """What the one called it by rows, the other by columns; *nothing* last."""
        import pandas as pd

        count = Counter((a or NOTHING, b or NOTHING) for a, b in self.pairs)
        names = [*(one for one in self.names if one != NOTHING), NOTHING]
        table = [[count[a, b] for b in names] for a in names]
        return pd.DataFrame(table, index=pd.Index(names, name="left"), columns=pd.Index(names, name="right"))


class _Nothing:
    """The label of whoever did not see an object: equal to no class's name."""


def compare(store: Store, left: Labels, right: Labels, *, iou: float, masks: bool) -> Compared:
    """Pair what either labelled on the images that both have, which are the same where their source keys are.

    Invalid where they share no image, for a confidence that is no number, or where a run has no masks to compare.
    """
    with store.database.transaction() as session:
        known = [images.known(session, one.dataset_id) for one in (left, right)]
        ids = [_images(session, one) for one in (left, right)]
        shared = [
            (key, known[0][key][0], known[1][key][0])
            for key in known[0].keys() & known[1].keys()
            if known[0][key][0] in ids[0] and known[1][key][0] in ids[1]
        ]
        if not shared:
            raise Invalid("the two share no image", remedy="compare two imports of one source, or of slices of it")
        shared.sort(key=lambda one: one[1])
        truths = [_truths(session, one, masks=masks) for one in (left, right)]
        names = [{one.id: one.name for one in datasets.taxonomy(session, of.dataset_id)} for of in (left, right)]
        records = {one.id: one.file_name for one in images.by_ids(session, [one for _, one, _ in shared])}
    places = [
        {one: place for place, (_, one, _) in enumerate(shared)},
        {one: n for n, (*_, one) in enumerate(shared)},
    ]
    mine, theirs = (_onto(one, where) for one, where in zip(truths, places, strict=True))
    labels = [[name[id_] for id_ in one.class_id.tolist()] for one, name in zip((mine, theirs), names, strict=True)]
    found = agreeing.paired(mine, theirs, masks=masks, iou=iou)
    pairs: list[tuple[str | None, str | None]] = [
        (labels[0][a], labels[1][b]) for a, b in zip(found.left.tolist(), found.right.tolist(), strict=True)
    ]
    pairs += [(labels[0][row], None) for row in found.only_left.tolist()]
    pairs += [(None, labels[1][row]) for row in found.only_right.tolist()]
    place = [*mine.image[found.left], *mine.image[found.only_left], *theirs.image[found.only_right]]
    return Compared(
        images=tuple((one, other) for _, one, other in shared),
        file_names=tuple(records[one] for _, one, _ in shared),
        pairs=tuple(pairs),
        overlap=found.overlap,
        place=[int(one) for one in place],
    )


def _images(session: Session, of: Labels) -> set[int]:
    ids = images.ids(session, of.dataset_id, of.part).tolist()
    if of.run_id is None:
        return set(ids)
    return set(predictions.covered(session, predictions.get(session, of.run_id), ids))


def _truths(session: Session, of: Labels, *, masks: bool) -> Truths:
    if of.run_id is None:
        return annotation_rows.truths(session, of.dataset_id, of.part, masks=masks)
    if not np.isfinite(of.confidence):
        raise Invalid(f"a confidence of {of.confidence:g}", remedy="use a number")
    found = predictions.detections(session, of.run_id, of.part)
    if masks and found.masks is None and len(found):
        raise Invalid("the run predicts boxes and no masks", remedy="compare them without masks=True")
    keep = np.flatnonzero(found.score >= of.confidence)
    return Truths(
        id=np.arange(1, len(keep) + 1),
        image=found.image[keep],
        class_id=found.class_id[keep],
        box=found.box[keep],
        area=found.box[keep, 2] * found.box[keep, 3],
        crowd=np.zeros(len(keep), bool),
        masks=[found.masks[row] for row in keep.tolist()] if masks and found.masks is not None else None,
    )


def _onto(truths: Truths, place: dict[int, int]) -> Truths:
    """The truths of the shared images, by the images' places among those."""
    keep = np.flatnonzero(np.isin(truths.image, list(place)))
    return replace(
        truths,
        id=truths.id[keep],
        image=np.array([place[one] for one in truths.image[keep].tolist()], dtype=np.int64),
        class_id=truths.class_id[keep],
        box=truths.box[keep],
        area=truths.area[keep],
        crowd=truths.crowd[keep],
        ignore=None,
        masks=None if truths.masks is None else [truths.masks[one] for one in keep.tolist()],
    )
