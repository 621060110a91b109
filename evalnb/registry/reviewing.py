"""Reviews as tables: how far a dataset's images have come, and how far two people's labels agree."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from evalnb.core.metrics import agreement as agreeing
from evalnb.core.records import Truths
from evalnb.core.slices import Slice
from evalnb.errors import Invalid, NotFound
from evalnb.store import Store
from evalnb.store.repositories import annotations as annotation_rows
from evalnb.store.repositories import datasets, images, reviews

if TYPE_CHECKING:
    import pandas as pd

ALL = "all"
_NOTHING = object()
"""The label of whoever did not see an object."""


def table(store: Store, dataset_id: int, part: Slice, status: str | None, assignee: str | None) -> pd.DataFrame:
    """See ``Dataset.reviews``."""
    import pandas as pd

    with store.database.transaction() as session:
        found = reviews.of_dataset(session, dataset_id, part, status=status, assignee=assignee)
    columns = ["file_name", "status", "assignee", "author", "at", "open_comments"]
    rows = [[getattr(one, name) for name in columns] for one in found]
    return pd.DataFrame(
        rows, columns=columns, index=pd.Index([one.image_id for one in found], name="image", dtype="int64")
    )


def log(store: Store, dataset_id: int, image_id: int) -> pd.DataFrame:
    """See ``Dataset.review_log``."""
    import pandas as pd

    with store.database.transaction() as session:
        if images.get(session, image_id).dataset_id != dataset_id:
            raise NotFound(f"the dataset has no image {image_id}", remedy="use an id of its own images")
        found = reviews.changes(session, image_id)
    columns = ["status", "assignee", "author", "at"]
    return pd.DataFrame([[getattr(one, name) for name in columns] for one in found], columns=columns)


def agreement(
    store: Store, left: tuple[int, Slice], right: tuple[int, Slice], *, iou: float, masks: bool
) -> pd.DataFrame:
    """See ``Dataset.agreement``."""
    import pandas as pd

    with store.database.transaction() as session:
        known = [images.known(session, dataset_id) for dataset_id, _ in (left, right)]
        ids = [set(images.ids(session, *one).tolist()) for one in (left, right)]
        shared = [
            (known[0][key][0], known[1][key][0])
            for key in known[0].keys() & known[1].keys()
            if known[0][key][0] in ids[0] and known[1][key][0] in ids[1]
        ]
        if not shared:
            raise Invalid("the two share no image", remedy="compare two imports of one source, or of slices of it")
        names = [
            {one.id: one.name for one in datasets.taxonomy(session, dataset_id)} for dataset_id, _ in (left, right)
        ]
        truths = [
            annotation_rows.truths(session, dataset_id, part, masks=masks) for dataset_id, part in (left, right)
        ]
    place = [{pair[side]: n for n, pair in enumerate(shared)} for side in (0, 1)]
    mine, theirs = (_onto(one, where) for one, where in zip(truths, place, strict=True))
    labels = [[name[id_] for id_ in one.class_id.tolist()] for one, name in zip((mine, theirs), names, strict=True)]
    found = agreeing.paired(mine, theirs, masks=masks, iou=iou)
    units = [(labels[0][a], labels[1][b]) for a, b in zip(found.left.tolist(), found.right.tolist(), strict=True)]
    same = np.array([a == b for a, b in units], dtype=bool)
    alone = [(labels[0][row], _NOTHING) for row in found.only_left.tolist()]
    alone += [(_NOTHING, labels[1][row]) for row in found.only_right.tolist()]
    rows = []
    for name in [ALL, *sorted({*labels[0], *labels[1]})]:
        of_class = np.array([name in (ALL, a) for a, _ in units], dtype=bool)
        agreed = same & of_class
        seen = [sum(name in (ALL, one) for one in side) for side in labels]
        here = [tuple(one == name for one in unit) if name != ALL else unit for unit in [*units, *alone]]
        rows.append(
            {
                "class": name,
                "left": seen[0],
                "right": seen[1],
                "agreed": int(agreed.sum()),
                "F1": agreeing.f1(int(agreed.sum()), *seen),
                "mean IoU": float(found.overlap[agreed].mean()) if agreed.any() else float("nan"),
                "alpha": agreeing.krippendorff(here),
            }
        )
    return pd.DataFrame(rows).set_index("class")


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
