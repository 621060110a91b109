"""An import that is killed with SIGKILL goes on where it was, and ends as if nothing had happened."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from evalnb.errors import Conflict
from evalnb.registry import _coco_import
from evalnb.registry.ingest import ImportReport, import_coco
from evalnb.settings import Settings
from evalnb.store import Store
from evalnb.store.repositories import datasets, imports

KILLS = 8
CHILD = Path(__file__).with_name("killed_import.py")


def fill(source: Any) -> None:
    """600 images and 9,000 annotations, some of them bad in every way that a batch border could cut."""
    chance = random.Random(3)
    source.image(0)
    for one in range(1, 600):
        source.content["images"].append({"id": one, "file_name": "0.png", "width": 64, "height": 64})
    source.content["images"][77]["file_name"] = "gone.png"
    source.content["images"][300]["id"] = 299
    for one in range(9000):
        source.box(one, chance.randrange(600), [1, 2, chance.random() * 9 + 1, 4], segmentation=[[1, 2, 3, 4, 5, 6]])
    for one in (100, 2500, 5200, 8800):
        source.content["annotations"][one]["id"] = 42
        source.content["annotations"][one + 1]["bbox"] = [1, 2, 0, 4]
        source.content["annotations"][one + 2]["category_id"] = 1


def rows(store: Store, dataset_id: int) -> tuple[list[Any], list[Any], list[Any]]:
    """Everything that an import wrote, without the ids that the database made."""
    with store.database.transaction() as session:
        images = session.execute(
            text(
                "SELECT source_key, file_name, uri, width, height, tags, extra FROM image"
                " WHERE dataset_id = :d ORDER BY id"
            ),
            {"d": dataset_id},
        ).all()
        shapes = session.execute(
            text(
                "SELECT a.source_key, i.source_key, class_id, kind, x, y, w, h, area, geometry, crowd, a.extra"
                " FROM annotation a JOIN image i ON i.id = a.image_id WHERE a.dataset_id = :d ORDER BY place"
            ),
            {"d": dataset_id},
        ).all()
        anchors = session.execute(
            text(
                "SELECT place, source_key FROM image_anchor JOIN image ON image.id = image_id"
                " WHERE image_anchor.dataset_id = :d ORDER BY place"
            ),
            {"d": dataset_id},
        ).all()
    return [tuple(one) for one in images], [tuple(one) for one in shapes], [tuple(one) for one in anchors]


def account(report: ImportReport) -> tuple[Any, ...]:
    return (
        report.images,
        report.annotations,
        report.images_refused,
        report.annotations_refused,
        report.images_unchanged,
        report.annotations_unchanged,
        dict(report.problem_counts),
        list(report.problems),
    )


def cursor(store: Store, project: int) -> tuple[int, int] | None:
    """How far the import into ``killed`` is."""
    with store.database.transaction() as session:
        found = datasets.find(session, project, "killed")
        if found is None:
            return None
        done = session.execute(
            text("SELECT images_done, annotations_done FROM import WHERE dataset_id = :d"), {"d": found.id}
        ).one()
    return (done[0], done[1])


def wait_for_rows(store: Store, project: int, *, beyond: tuple[int, int]) -> None:
    end = time.monotonic() + 60
    while (cursor(store, project) or (0, 0)) <= beyond:
        assert time.monotonic() < end, "the import does not go on"
        time.sleep(0.002)


@pytest.mark.chaos
def test_an_import_killed_again_and_again_ends_like_an_undisturbed_one(
    store: Store, settings: Settings, project: int, source: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(source)
    monkeypatch.setattr(_coco_import, "BATCH", 40)
    undisturbed = source.into(store, project, name="undisturbed")
    assert len(undisturbed.problems) > 10
    environment = {**os.environ, **settings.to_environment()}
    chance = random.Random(5)
    killed = 0
    cursors = []
    while killed < KILLS:
        child = subprocess.Popen(
            [sys.executable, str(CHILD), str(project), str(source.file), str(source.folder / "imgs")],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None and child.stdout.readline() == "begun\n"
        # The first two strike where they may; the others once it went on, so that slow machines are struck as often.
        if killed >= 2:
            wait_for_rows(store, project, beyond=cursors[-1] if cursors else (0, 0))
        time.sleep(chance.random() * 0.05)
        child.send_signal(signal.SIGKILL)
        child.wait()
        killed += 1
        assert "finished" not in child.stdout.read(), "the import must be long enough to be killed"
        done = cursor(store, project)
        if done is None:
            continue
        with store.database.transaction() as session:
            found = datasets.find(session, project, "killed")
            assert found is not None and not found.complete
        cursors.append(done)
        images, shapes, _ = rows(store, found.id)
        # Whole batches and nothing else: as many rows as the cursor says, less what was refused before it.
        assert len(images) <= done[0] and len(shapes) <= done[1]
        assert done[0] % 10 == 0 or done[0] == 600
    assert cursors == sorted(cursors) and len(set(cursors)) >= KILLS - 2, cursors
    resumed = import_coco(store, project, "killed", images=source.folder / "imgs", annotations=source.file)
    assert not resumed.repeated
    assert account(resumed) == account(undisturbed)
    assert rows(store, resumed.dataset_id) == rows(store, undisturbed.dataset_id)


def test_two_imports_into_one_dataset_take_turns(store: Store, project: int, source: Any) -> None:
    source.image(1)
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with imports.locked(store.database, project, "d"):
            held.set()
            release.wait(20)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(20)
    with (
        pytest.raises(Conflict, match="another import"),
        imports.locked(store.database, project, "d", patience_s=0.2),
    ):
        pass
    release.set()
    thread.join()
    assert source.into(store, project).images == 1
