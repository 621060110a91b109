"""Pyramids by a real worker: one for however many look, by content, resumed, and honest about what failed."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from evalnb import imagery, jobs
from evalnb.core.images import ImageRecord
from evalnb.core.sources import SourceImage
from evalnb.errors import Conflict
from evalnb.jobs import Job
from evalnb.registry import pyramids
from evalnb.store import Store
from evalnb.store.repositories import datasets, images
from tests.crew import Crew

WIDTH, HEIGHT = 6400, 4100


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """26 megapixels: a little more than goes without a pyramid."""
    path = tmp_path_factory.mktemp("picture") / "large.jpg"
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.uint8)
    Image.fromarray(np.stack([x, y, x ^ y], axis=-1)).save(path, quality=80)
    assert WIDTH * HEIGHT > imagery.PYRAMID_PIXELS
    return path


def add(store: Store, project_id: int, name: str, *sources: tuple[str | None, str | None]) -> list[ImageRecord]:
    with store.database.transaction() as session:
        dataset = datasets.create(session, project_id, name)
        new = [SourceImage(str(n), f"{n}.jpg", uri, sha256, WIDTH, HEIGHT) for n, (uri, sha256) in enumerate(sources)]
        return [images.get(session, one) for one in images.add(session, dataset, new)]


def standing(store: Store, image: ImageRecord) -> pyramids.Standing:
    with store.database.transaction() as session:
        return pyramids.standing(session, image)


def test_a_large_image_gets_one_pyramid_however_many_look(crew: Crew, picture: Path, tmp_path: Path) -> None:
    store = crew.store
    place = tmp_path / "in-place.jpg"
    shutil.copy(picture, place)
    kept, there = add(store, crew.project_id, "a", (None, store.blobs.put_file(picture)), (str(place), None))
    assert not standing(store, kept).ready and standing(store, kept).job is None
    found: list[pyramids.Standing] = []
    looking = [
        threading.Thread(target=lambda: found.append(pyramids.ask(store, kept, author="ada"))) for _ in range(6)
    ]
    for one in looking:
        one.start()
    for one in looking:
        one.join()
    assert len({one.job.id for one in found if one.job}) == 1
    crew.worker()
    crew.until(lambda: standing(store, kept).ready, within_s=120, what="no pyramid")
    made = standing(store, kept).pyramid
    assert made is not None and (made.width, made.height) == (WIDTH, HEIGHT) and store.blobs.exists(made.sha256)
    # The same bytes elsewhere: the job finds that they have a pyramid.
    asked = pyramids.ask(store, there, author="ada")
    assert asked.job is not None and not asked.ready
    crew.until(lambda: standing(store, there).ready, within_s=60)
    assert standing(store, there).pyramid == made
    # Looked at again, nothing is asked for; another file in its place is another picture.
    assert pyramids.ask(store, there, author="ada").ready
    first = Job(store, asked.job.id)
    crew.until(lambda: first.state == "succeeded")
    os.utime(place, ns=(1, 1))
    assert not standing(store, there).ready
    again = pyramids.ask(store, there, author="ada")
    assert again.job is not None and again.job.id != asked.job.id
    with store.database.transaction() as session:
        assert sum(one.kind == "pyramid" for one in jobs.recent(session, crew.project_id)) == 3


def test_a_picture_that_cannot_be_read_is_told_and_not_tried_at_every_look(
    crew: Crew, picture: Path, tmp_path: Path
) -> None:
    store = crew.store
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(picture.read_bytes()[:300_000])
    (image,) = add(store, crew.project_id, "b", (str(broken), None))
    crew.worker()
    first = pyramids.ask(store, image, author="ada").job
    assert first is not None

    def failed() -> bool:
        job = standing(store, image).job
        return job is not None and job.state == "failed"

    crew.until(failed, within_s=120)
    job = standing(store, image).job
    assert job is not None and job.failure is not None
    assert "damaged or truncated" in job.failure.happened
    same = pyramids.ask(store, image, author="ada").job
    assert same is not None and same.id == first.id
    shutil.copy(picture, broken)
    anew = pyramids.ask(store, image, author="ada", again=True).job
    assert anew is not None and anew.id != first.id
    crew.until(lambda: standing(store, image).ready, within_s=120)


def test_a_worker_that_is_killed_leaves_no_half_pyramid(crew: Crew, picture: Path) -> None:
    store = crew.store
    (image,) = add(store, crew.project_id, "c", (None, store.blobs.put_file(picture)))
    crew.worker()
    job = pyramids.ask(store, image, author="ada").job
    assert job is not None
    folder = store.settings.home / "jobs" / str(job.id)
    crew.until(lambda: list(folder.glob(".*.part")), within_s=120, what="it did not begin")
    tree = [psutil.Process(crew.workers[0].pid), *psutil.Process(crew.workers[0].pid).children(recursive=True)]
    for one in tree:
        one.send_signal(signal.SIGKILL)
    crew.workers[0].wait(10)
    assert not standing(store, image).ready
    crew.worker()
    crew.until(lambda: standing(store, image).ready, within_s=120)
    made = standing(store, image).pyramid
    assert made is not None
    assert imagery.probe(store.blobs.local_path(made.sha256)).width == WIDTH


def test_a_picture_of_another_size_than_it_was_imported_is_refused(store: Store, tmp_path: Path) -> None:
    other = tmp_path / "other.png"
    Image.new("RGB", (64, 48)).save(other)
    with store.database.transaction() as session:
        from evalnb.store.repositories import projects

        project = projects.opened(session, "main")
    (image,) = add(store, project, "d", (str(other), None))
    with pytest.raises(Conflict, match="64 × 48"):
        pyramids.make(store, image.id, folder=tmp_path / "work")
    assert list((tmp_path / "work").iterdir()) == []
