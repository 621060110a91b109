"""Large images as tiled pyramids: asked for when one is first looked at, made by a job, kept by content.

Up to ``imagery.PYRAMID_PIXELS`` a picture needs none. A pyramid belongs to bytes, not to an image: the same picture
in ten datasets has one, and a job that finds it there is done at once.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sqlalchemy.orm import Session

from evalnb import imagery, jobs
from evalnb.core.images import ImageRecord
from evalnb.core.jobs import JobRecord
from evalnb.core.progress import NullProgress, Progress
from evalnb.errors import Cancelled, Conflict, EvalnbError, NotFound, Unavailable
from evalnb.registry import pixels
from evalnb.store import Store
from evalnb.store.repositories import datasets, images
from evalnb.store.repositories import pyramids as rows
from evalnb.store.repositories.pyramids import Pyramid

KIND = "pyramid"
"""The kind of job."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How it stands with an image's tiles."""

    needed: bool
    """Whether the image is so large that its tiles come from a pyramid."""
    pyramid: Pyramid | None
    job: JobRecord | None
    """What makes it, or has failed to."""
    building: Building | None = None
    """How far this process is, where it makes it by itself."""

    @property
    def ready(self) -> bool:
        """Whether tiles can be cut now."""
        return self.pyramid is not None or not self.needed

    @property
    def state(self) -> Literal["ready", "making", "failed", "cancelled"]:
        """In a word."""
        if self.ready:
            return "ready"
        if self.building is not None:
            return "failed" if self.building.failure else "making"
        if self.job is not None and self.job.state in {"failed", "cancelled"}:
            return "failed" if self.job.state == "failed" else "cancelled"
        return "making"

    @property
    def done(self) -> float | None:
        """The share that is made, where that is known."""
        if self.building is not None:
            return self.building.done
        if self.state == "making" and self.job is not None and self.job.progress.total:
            return self.job.progress.done / self.job.progress.total
        return None

    @property
    def failure(self) -> tuple[str, str] | None:
        """What happened and the remedy, where it failed."""
        failure = self.building.failure if self.building is not None else self.job.failure if self.job else None
        return None if failure is None else (failure.happened, failure.remedy)


@dataclass(frozen=True, slots=True)
class Building:
    """A pyramid that this process makes."""

    done: float
    failure: EvalnbError | None


def standing(session: Session, image: ImageRecord) -> Standing:
    """How it stands with the image's tiles, asking for nothing. NotFound if its file has moved."""
    if image.width * image.height <= imagery.PYRAMID_PIXELS:
        return Standing(needed=False, pyramid=None, job=None)
    known = rows.asked(session, image.id)
    source = image.sha256
    if source is None and known is not None and known.stamp == pixels.identity(image):
        source = known.source_sha256
    found = None if source is None else rows.of_source(session, source)
    job = None if found is not None or known is None or known.job_id is None else jobs.read(session, known.job_id)
    return Standing(needed=True, pyramid=found, job=job)


def ask(store: Store, image: ImageRecord, *, author: str, again: bool = False) -> Standing:
    """As ``standing``, and where a pyramid is needed, missing and not on its way, a job is asked for: one, however
    many look at the image at once. A job that failed or was cancelled is asked for anew only ``again``.
    """
    with store.database.transaction() as session:
        now = standing(session, image)
        if now.ready or _settled(now.job, again):
            return now
        # Whoever comes second waits here, and finds the job of the first.
        rows.asked(session, image.id, lock=True)
        now = standing(session, image)
        if now.ready or _settled(now.job, again):
            return now
        project_id = datasets.get(session, image.dataset_id).project_id
        job_id = jobs.ask(session, project_id, KIND, {"image_id": image.id}, author=author)
        rows.set_job(session, image.id, job_id)
        now = standing(session, image)
    jobs.ring(store, job_id)
    return now


def make(
    store: Store,
    image_id: int,
    *,
    folder: Path,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Pyramid:
    """Make the image's pyramid, unless there is one; what the job does. ``folder`` is for files on the way.

    Killed at any moment and begun again, it goes on with the file that was finished, or from the beginning (about ten
    seconds for 400 MP). NotFound, Unsafe and Invalid as decoding; Conflict if the file changes while it is read;
    Cancelled; MissingExtra without libvips.
    """
    progress = progress or NullProgress()
    with store.database.transaction() as session:
        image = images.get(session, image_id)
    stamp = pixels.identity(image)
    with _local(store, image, folder) as source:
        sha256 = image.sha256 or imagery.sha256(source)
        with store.database.transaction() as session:
            found = rows.of_source(session, sha256)
        if found is None or not store.blobs.exists(found.sha256):
            found = _built(store, image, source, sha256, folder, progress, cancelled)
    if pixels.identity(image) != stamp:
        raise Conflict(
            f"image {image.id} ({image.file_name}) changed while its pyramid was made",
            remedy="look at it again when nobody writes to it",
        )
    with store.database.transaction() as session:
        rows.keep(session, found)
        rows.set_source(session, image.id, sha256, stamp)
    return found


def _settled(job: JobRecord | None, again: bool) -> bool:
    if job is None or job.state == "succeeded":
        # Succeeded, and yet there is no pyramid of what the file holds now: it was replaced.
        return False
    return job.state in {"queued", "running"} or not again


def _built(
    store: Store,
    image: ImageRecord,
    source: Path,
    sha256: str,
    folder: Path,
    progress: Progress,
    cancelled: Callable[[], bool],
) -> Pyramid:
    folder.mkdir(parents=True, exist_ok=True)
    # By content: a folder that outlived a change of the file does not pass the old picture for the new one.
    target = folder / f"{sha256}.tif"
    if target.is_file():
        width, height = image.width, image.height
    else:
        progress.start(100, unit="%", what=f"making tiles of {image.file_name}")
        done = 0

        def tell(share: float) -> None:
            nonlocal done
            fresh = int(100 * share) - done
            if fresh > 0:
                progress.advance(fresh)
                done += fresh

        try:
            width, height = imagery.build_pyramid(
                source, target, name=image.file_name, tell=tell, cancelled=cancelled
            )
        finally:
            progress.close()
    if cancelled():
        raise Cancelled(
            f"the pyramid of image {image.id} was stopped", remedy="look at the image to ask for it again"
        )
    if (width, height) != (image.width, image.height):
        target.unlink()
        raise Conflict(
            f"image {image.id} ({image.file_name}) is {width} × {height} pixels now and was {image.width} × "
            f"{image.height} when it was imported",
            remedy="put the old file back, or import the dataset again",
        )
    size = target.stat().st_size
    blob = store.blobs.put_file(target)
    target.unlink()
    return Pyramid(source_sha256=sha256, sha256=blob, width=width, height=height, bytes=size)


@contextmanager
def _local(store: Store, image: ImageRecord, folder: Path) -> Iterator[Path]:
    """The image's file on this machine; one that lies elsewhere is fetched first, and removed afterwards."""
    path = pixels.local_path(store, image)
    if path is not None:
        yield path
        return
    folder.mkdir(parents=True, exist_ok=True)
    fetched = folder / "source"
    try:
        with pixels.elsewhere(image) as there, fetched.open("wb") as here:
            shutil.copyfileobj(there, here, 1 << 20)
    except FileNotFoundError as error:
        raise NotFound(
            f"image {image.id} ({image.file_name}) is no longer at {image.uri}", remedy="put the file back"
        ) from error
    except OSError as error:
        raise Unavailable(
            f"image {image.id} cannot be fetched from {image.uri} ({error})",
            remedy="see that the place can be reached",
        ) from error
    try:
        yield fetched
    finally:
        fetched.unlink(missing_ok=True)


def tile_etag(identity: str, level: int, x: int, y: int, kind: str) -> str:
    """What changes whenever a tile's bytes may have changed."""
    said: tuple[Any, ...] = (identity, imagery.RECIPE, level, x, y, kind)
    return hashlib.sha256("\0".join(map(str, said)).encode()).hexdigest()[:32]
