"""Videos become images in order; an import that is killed doubles no frame; labels of CVAT meet frames by number."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text

from evalnb.core.frames import FrameOf, frame_of
from evalnb.core.images import ImageRecord
from evalnb.core.slices import Slice
from evalnb.core.sources import SourceImage
from evalnb.core.taxonomy import Class
from evalnb.errors import Invalid, NotFound
from evalnb.registry import ingest, pixels
from evalnb.registry.exports import export
from evalnb.store import Store
from evalnb.store.repositories import annotations, datasets, images, projects
from tests.clips import clip, number_of


def images_of(store: Store, dataset_id: int) -> list[ImageRecord]:
    with store.database.transaction() as session:
        return images.page(session, dataset_id, limit=1000)


def names_of(store: Store, dataset_id: int) -> list[str]:
    return [one.file_name for one in images_of(store, dataset_id)]


def test_each_frame_is_an_image_that_knows_where_it_was(store: Store, project: int, tmp_path: Path) -> None:
    path = clip(tmp_path / "street.mp4", 12)
    report = ingest.import_video(store, project, "clips", videos=path, every=5, start=1)
    assert (report.images, report.problem_counts, report.repeated) == (3, {}, False)
    found = images_of(store, report.dataset_id)
    assert [one.file_name for one in found] == ["street/000001.jpg", "street/000006.jpg", "street/000011.jpg"]
    assert [(one.width, one.height) for one in found] == [(64, 48)] * 3
    assert [number_of(pixels.decode(store, one)) for one in found] == [1, 6, 11]
    frame = frame_of(found[1])
    assert frame is not None and (frame.name, frame.frame, frame.fps) == ("street.mp4", 6, 10)
    assert frame.time_s == pytest.approx(0.6) and len(frame.sha256) == 64

    export(store, report.dataset_id, "coco", tmp_path / "out")
    carried = ingest.import_coco(
        store, project, "e", images=tmp_path / "out/images", annotations=tmp_path / "out/annotations.json"
    )
    assert [frame_of(one) for one in images_of(store, carried.dataset_id)] == [frame_of(one) for one in found]

    again = ingest.import_video(store, project, "clips", videos=path, every=5, start=1)
    assert (
        again.repeated
        and again.images == 3
        and names_of(store, report.dataset_id) == names_of(store, again.dataset_id)
    )


def test_more_of_a_video_goes_behind_what_is_there_and_never_between(
    store: Store, project: int, tmp_path: Path
) -> None:
    path = clip(tmp_path / "a.mp4", 12)
    report = ingest.import_video(store, project, "d", videos=path, every=2, stop=7)
    more = ingest.import_video(store, project, "d", videos=path, every=1)
    assert (more.images, more.images_unchanged, more.images_refused) == (5, 4, 3)
    assert "frame lies between frames that the dataset has" in str(more)
    shown = [0, 2, 4, 6, 7, 8, 9, 10, 11]
    assert names_of(store, report.dataset_id) == [f"a/{number:06}.jpg" for number in shown]


def test_a_folder_of_videos_goes_in_by_natural_order_and_what_is_none_is_listed(
    store: Store, project: int, tmp_path: Path
) -> None:
    for name in ("clip10.mp4", "clip9.mp4", "clip9/part.mkv", "same.mp4", "same.webm"):
        clip(tmp_path / name, 1, codec={"mp4": "mpeg4", "mkv": "ffv1", "webm": "libvpx"}[name.rsplit(".", 1)[1]])
    (tmp_path / "broken.avi").write_text("no video")
    (tmp_path / "notes.txt").write_text("not looked at")
    report = ingest.import_video(store, project, "d", videos=tmp_path, format="png")
    assert names_of(store, report.dataset_id) == [
        *("clip9/000000.png", "clip9/part/000000.png", "clip10/000000.png"),
        *("same.mp4/000000.png", "same.webm/000000.png"),
    ]
    assert report.images == 5 and list(report.problem_counts) == [("video", "file was refused")]
    assert "broken" in str(report)


def test_a_video_that_breaks_off_leaves_its_frames_and_is_named(store: Store, project: int, tmp_path: Path) -> None:
    path = clip(tmp_path / "cut.mkv", 30, codec="ffv1", size=(320, 240))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 6 // 10])
    report = ingest.import_video(store, project, "d", videos=path)
    count = len(images_of(store, report.dataset_id))
    assert 5 < count < 29 and report.images == count
    assert f"file breaks off (after frame {count - 1}" in str(report)
    # The whole file, copied again: the same pixels are the same frames, and the rest follows.
    path.write_bytes(whole)
    repaired = ingest.import_video(store, project, "d", videos=path)
    assert (repaired.images, repaired.images_unchanged, repaired.problem_counts) == (30 - count, count, {})


def test_another_video_of_that_name_takes_no_frame_s_place(store: Store, project: int, tmp_path: Path) -> None:
    ingest.import_video(store, project, "d", videos=clip(tmp_path / "a.mp4", 2))
    other = clip(tmp_path / "other" / "a.mp4", 2, bright_corner=True)
    report = ingest.import_video(store, project, "d", videos=other)
    assert (report.images, report.images_refused) == (0, 2)
    assert "name is that of another image" in str(report)


@pytest.mark.parametrize("numbers", [{"every": 0}, {"start": -1}, {"start": 5, "stop": 5}])
def test_numbers_that_choose_no_frame_are_refused(
    store: Store, project: int, tmp_path: Path, numbers: dict[str, int]
) -> None:
    with pytest.raises(Invalid, match="chooses no frame"):
        ingest.import_video(store, project, "d", videos=tmp_path, **numbers)  # type: ignore[arg-type]


def test_paths_without_a_video_are_refused_by_name(store: Store, project: int, tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("no video")
    with pytest.raises(Invalid, match=r"a\.mp4 is no video"):
        ingest.import_video(store, project, "d", videos=tmp_path / "a.mp4")
    with pytest.raises(NotFound, match="gone"):
        ingest.import_video(store, project, "d", videos=[tmp_path / "gone.mp4"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotFound, match="has no videos"):
        ingest.import_video(store, project, "d", videos=tmp_path / "empty")
    with store.database.transaction() as session:
        assert session.execute(text("SELECT count(*) FROM dataset")).scalar() == 0


def test_an_import_that_is_killed_goes_on_and_doubles_no_frame(store: Store, project: int, tmp_path: Path) -> None:
    path = clip(tmp_path / "long.mp4", 400, size=(320, 240))
    undisturbed = ingest.import_video(store, project, "undisturbed", videos=path, every=2)

    def done() -> int:
        with store.database.transaction() as session:
            asked = text("SELECT count(*) FROM image i JOIN dataset d ON d.id = i.dataset_id WHERE d.name = 'killed'")
            return session.execute(asked).scalar() or 0

    environment = {
        **os.environ,
        "EVALNB_HOME": str(store.settings.home),
        "EVALNB_DATABASE_URL": store.settings.database_url,
    }
    for beyond in (0, 60):
        command = [sys.executable, "-m", "tests.registry.killed_video", str(project), str(path)]
        child = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None and child.stdout.readline() == "begun\n"
        until = time.monotonic() + 60
        while done() <= beyond and time.monotonic() < until:
            time.sleep(0.01)
        child.send_signal(signal.SIGKILL)
        child.wait()
        assert "finished" not in child.stdout.read(), "the import must be long enough to be killed"
        assert done() > beyond and done() % 10 == 0
    resumed = ingest.import_video(store, project, "killed", videos=path, every=2)
    assert not resumed.repeated and resumed.images == 200
    of_both = [
        [(one.source_key, one.sha256, one.extra) for one in images_of(store, report.dataset_id)]
        for report in (undisturbed, resumed)
    ]
    assert of_both[0] == of_both[1]


def cvat(path: Path, source: str, frames: Sequence[tuple[int, int]]) -> Path:
    """A file for video with one track: (frame, outside) of each of its boxes."""
    boxes = "".join(
        f'<box frame="{frame}" outside="{outside}" keyframe="1" xtl="{frame}" ytl="1" xbr="{frame + 9}" ybr="9"/>'
        for frame, outside in frames
    )
    path.write_text(
        "<annotations><version>1.1</version><meta><task><size>12</size><mode>interpolation</mode>"
        "<original_size><width>64</width><height>48</height></original_size>"
        f"<labels><label><name>car</name></label></labels><source>{source}</source></task></meta>"
        f'<track id="0" label="car">{boxes}</track></annotations>'
    )
    return path


def test_tracks_of_cvat_come_onto_the_frames_of_their_video(store: Store, project: int, tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        clip(tmp_path / "videos" / name, 12, bright_corner=name == "b.mp4")
    taken = ingest.import_video(store, project, "d", videos=tmp_path / "videos", every=2)
    labels = cvat(tmp_path / "labels.xml", "b.mp4", [(0, 0), (5, 0), (6, 0), (10, 1)])
    report = ingest.import_cvat(store, project, "d", annotations=labels)
    assert (report.images, report.annotations, report.images_refused) == (0, 3, 1)
    with store.database.transaction() as session:
        shapes = {
            one.file_name: [
                (round(shape.geometry.box[0]), shape.track.outside) for shape in annotations.of_image(session, one.id)
            ]
            for one in images.page(session, taken.dataset_id)
        }
    assert {name: said for name, said in shapes.items() if said} == {
        "b/000000.jpg": [(0, False)],
        "b/000006.jpg": [(6, False)],
        "b/000010.jpg": [(10, True)],
    }
    with pytest.raises(Invalid, match=r"video 'c\.mp4', and 'd' has frames of a\.mp4, b\.mp4"):
        ingest.import_cvat(store, project, "d", annotations=cvat(tmp_path / "c.xml", "c.mp4", [(0, 0)]))


def test_tracks_written_for_cvat_come_back_onto_another_import_of_the_video(
    store: Store, project: int, tmp_path: Path
) -> None:
    path = clip(tmp_path / "a.mp4", 12)
    taken = ingest.import_video(store, project, "d", videos=path)
    ingest.import_cvat(store, project, "d", annotations=cvat(tmp_path / "in.xml", "a.mp4", [(0, 0), (4, 0), (8, 1)]))
    export(store, taken.dataset_id, "cvat-video", tmp_path / "out")
    ingest.import_video(store, project, "e", videos=path)
    back = ingest.import_cvat(store, project, "e", annotations=tmp_path / "out" / "annotations.xml")
    assert (back.images, back.annotations, back.problem_counts) == (0, 3, {})


def test_a_videos_frames_are_found_among_many_images_by_an_index(store: Store) -> None:
    with store.database.transaction() as session:
        project = projects.opened(session, "many")
        dataset_id = datasets.create(session, project, "many", classes=[Class(1, "a")], source={})
        of = {
            n: FrameOf("a.mp4", f"{n // 100:064}", n % 100, n % 100 / 25, 25.0).extra() for n in range(0, 20_000, 2)
        }
        sources = [
            SourceImage(f"{n}", f"{n}.png", f"/{n}.png", None, 9, 9, extra=of.get(n, {})) for n in range(20_000)
        ]
        ids = images.add(session, dataset_id, sources)
        session.execute(text("ANALYZE image"))
        asked: list[tuple[str, Any]] = []
        keep = lambda _connection, _cursor, statement, parameters, *_: asked.append((statement, parameters))  # noqa: E731
        connection = session.connection()
        event.listen(connection, "before_cursor_execute", keep)
        found = images.of_video(session, dataset_id, Slice(), f"{7:064}")
        event.remove(connection, "before_cursor_execute", keep)
        assert found is not None and [one.id for one in found] == [ids[700], ids[798]]
        statement, parameters = asked[0]
        plan = "\n".join(row[0] for row in connection.exec_driver_sql(f"EXPLAIN {statement}", parameters))
        assert "ix_image_video" in plan, plan
        assert images.of_video(session, dataset_id, Slice(), "0") is None
