"""Reviews as tables: how far a dataset's images have come, and what became of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalnb.core.slices import Slice
from evalnb.errors import NotFound
from evalnb.store import Store
from evalnb.store.repositories import images, reviews

if TYPE_CHECKING:
    import pandas as pd


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
