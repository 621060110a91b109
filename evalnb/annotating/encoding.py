"""Images encoded ahead of everybody: after it, the wand's first click on each of them waits for nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from evalnb import imagery
from evalnb.core.ports import Ahead
from evalnb.core.progress import NullProgress, Progress
from evalnb.core.slices import Slice
from evalnb.errors import Cancelled, EvalnbError
from evalnb.registry import pixels
from evalnb.store import Store
from evalnb.store.repositories import images

_MOST_PROBLEMS = 100


@dataclass(frozen=True, slots=True)
class Encoded:
    """What became of a slice's images."""

    images: int
    """How many it has."""
    encoded: int
    """Encoded now."""
    there: int
    """Encoded before."""
    left: int
    """Not encoded, since the cache would have dropped others of the slice for them."""
    problems: list[str] = field(default_factory=list)
    """Images that could not be read, by name, with the reason."""

    def to_json(self) -> dict[str, Any]:
        """As a job's result."""
        return asdict(self)


def encode_ahead(
    store: Store,
    dataset_id: int,
    segmenter: Ahead,
    *,
    part: Slice = Slice(),
    progress: Progress | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Encoded:
    """Have the features of each image of the slice in the cache that kernels of this home share.

    As many as the cache holds, from the first on: the rest are counted in ``left``. An image that is there already
    costs a look, so that an interrupted call is simply repeated. NotFound without the dataset; Cancelled between two
    blocks of the encoder (what was encoded stays).
    """
    progress = progress or NullProgress()
    with store.database.transaction() as session:
        wanted = images.ids(session, dataset_id, part).tolist()

    def told(_share: float) -> None:
        if cancelled():
            raise Cancelled("encoding was cancelled", remedy="what was encoded stays; ask again to go on")

    done = there = 0
    problems: list[str] = []
    room: int | None = None
    progress.start(len(wanted), unit="images", what="encoding images")
    try:
        for image_id in wanted:
            told(0.0)
            if room is not None and done + there >= room:
                break
            with store.database.transaction() as session:
                image = images.find(session, image_id)
            if image is None:
                continue
            try:
                data = b"" if image.sha256 else pixels.read(store, image)
                key = image.sha256 or hashlib.sha256(data).hexdigest()
                if segmenter.encoded(key):
                    there += 1
                else:
                    decoded = imagery.decode(data or pixels.read(store, image), name=image.file_name)
                    segmenter.encode(key, decoded, told=told)
                    done += 1
                room = segmenter.forget(key)
            except Cancelled:
                raise
            except EvalnbError as error:
                if len(problems) < _MOST_PROBLEMS:
                    problems.append(f"{image.file_name}: {error.happened}")
            progress.advance()
    finally:
        progress.close()
    left = max(0, len(wanted) - done - there - len(problems))
    return Encoded(len(wanted), done, there, left, problems)
