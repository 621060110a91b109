"""Pictures of numbers as other tools write them: VOC's segmentation, COCO's panoptic, CVAT's frames."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from PIL import Image

from evalnb.core import masks as rle
from evalnb.core.records import Annotation, Geometry, Track
from evalnb.core.sources import SourceImage
from evalnb.core.taxonomy import Class
from evalnb.errors import Invalid
from evalnb.formats.voc_masks import colour_map
from evalnb.registry import ingest
from evalnb.registry.exports import export
from evalnb.runs.tasks.panoptic import evaluate_panoptic
from evalnb.store import Store
from evalnb.store.repositories import annotations, datasets, images
from tests.registry import every_kind
from tests.registry.foreign import classes, picture, taken
from tests.registry.test_formats_in import OBJECT, voc

NUMBERS = np.zeros((50, 100), np.uint8)
NUMBERS[5:25, 10:40] = 1
NUMBERS[5:25, 40] = 255
NUMBERS[30:40, 50:60] = 2


def indexed(path: Path, numbers: np.ndarray[Any, Any], *, colours: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    made = Image.fromarray(numbers)
    made.putpalette(colour_map())
    (made.convert("RGB") if colours else made).save(path)


def pixels(one: Annotation) -> int:
    assert one.geometry.mask is not None
    return one.geometry.mask.area_px


@pytest.mark.parametrize("colours", [False, True])
def test_an_object_of_voc_that_has_pixels_is_a_mask(
    store: Store, project: int, tmp_path: Path, colours: bool
) -> None:
    objects = "".join(OBJECT.format(name=name, x0=10) for name in ("dog", "cat", "dog"))
    folder = voc(tmp_path, objects)
    indexed(folder / "SegmentationObject" / "a.png", NUMBERS, colours=colours)
    report = ingest.import_voc(store, project, "v", folder=folder)
    assert report.problem_counts == {} and classes(store, report) == ["cat", "dog"]
    ((tags, (dog, cat, bare)),) = taken(store, report).values()
    assert (pixels(dog), pixels(cat), bare.geometry.kind, tags) == (600, 100, "box", ("train",))
    assert dog.geometry.box == (10, 5, 30, 20) and dog.attributes["pose"] == "Left"


@pytest.mark.parametrize("labelled", [True, False])
def test_pixels_without_an_xml_file_are_objects_of_their_classes(
    store: Store, project: int, tmp_path: Path, labelled: bool
) -> None:
    picture(tmp_path / "JPEGImages" / "a.jpg")
    indexed(
        tmp_path / "SegmentationClass" / "a.png", np.where(NUMBERS == 255, 255, (NUMBERS > 0) * 2).astype(np.uint8)
    )
    if labelled:
        (tmp_path / "labelmap.txt").write_text(
            "# label:color:parts:actions\nbackground:0,0,0::\nroad:1,2,3::\ncar:9,9,9::\n"
        )
    report = ingest.import_voc(store, project, "classes", folder=tmp_path)
    ((_, (one,)),) = taken(store, report).values()
    assert (pixels(one), classes(store, report)) == (700, ["car" if labelled else "bicycle"])
    indexed(tmp_path / "SegmentationObject" / "a.png", NUMBERS)
    report = ingest.import_voc(store, project, "objects", folder=tmp_path)
    ((_, drawn),) = taken(store, report).values()
    assert list(map(pixels, drawn)) == [600, 100] and report.problem_counts == {}


def test_broken_pixels_of_voc_are_listed_and_the_boxes_go_in(store: Store, project: int, tmp_path: Path) -> None:
    folder = voc(tmp_path, OBJECT.format(name="dog", x0=10))
    (folder / "SegmentationObject").mkdir()
    (folder / "SegmentationObject" / "a.png").write_bytes(b"no picture")
    report = ingest.import_voc(store, project, "v", folder=folder)
    assert [reason for what, reason in report.problem_counts] == [
        "SegmentationObject was left out: file is no PNG file"
    ]
    assert report.annotations == 1


# ------------------------------------------------------------------------------------------------ panoptic


def panoptic(folder: Path, rows: list[dict[str, Any]], **more: Any) -> Path:
    picture(folder / "val" / "000.jpg")
    (folder / "panoptic_val").mkdir(exist_ok=True)
    ids = np.zeros((50, 100), np.int64)
    ids[5:25, 10:40], ids[30:40, 50:60] = 70_000, 300
    rgb = np.stack([ids % 256, ids // 256 % 256, ids // 65536], axis=-1).astype(np.uint8)
    Image.fromarray(rgb).save(folder / "panoptic_val" / "000.png")
    content = {
        "images": [{"id": 1, "file_name": "000.jpg", "width": 100, "height": 50}],
        "annotations": [{"image_id": 1, "file_name": "000.png", "segments_info": rows, **more}],
        "categories": [
            {"id": 1, "name": "person", "supercategory": "being", "isthing": 1},
            {"id": 200, "name": "sky", "isthing": 0, "color": [1, 2, 3]},
        ],
    }
    (folder / "panoptic_val.json").write_text(json.dumps(content))
    return folder / "panoptic_val.json"


THING: dict[str, Any] = {"id": 70_000, "category_id": 1, "area": 600, "bbox": [10, 5, 30, 20], "iscrowd": 1}
STUFF: dict[str, Any] = {"id": 300, "category_id": 200, "area": 100, "bbox": [50, 30, 10, 10], "iscrowd": 0}


def test_segments_of_coco_are_masks_and_go_back(store: Store, project: int, tmp_path: Path) -> None:
    file = panoptic(tmp_path, [THING, STUFF])
    report = ingest.import_panoptic(store, project, "p", images=tmp_path / "val", annotations=file)
    assert report.problem_counts == {} and classes(store, report) == ["person", "sky"]
    ((_, (person, sky)),) = taken(store, report).values()
    assert (pixels(person), person.crowd, pixels(sky), sky.crowd) == (600, True, 100, False)
    assert export(store, report.dataset_id, "panoptic", tmp_path / "out").lossless
    written = json.loads((tmp_path / "out" / "panoptic.json").read_bytes())
    assert [one["isthing"] for one in written["categories"]] == [1, 0]
    assert written["categories"][1]["color"] == [1, 2, 3]
    rows = written["annotations"][0]["segments_info"]
    assert rows == [{**THING, "id": 1}, {**STUFF, "id": 2}]
    # The two files say the same to the measure that the format is made for.
    score = evaluate_panoptic(file, tmp_path / "out" / "panoptic.json")
    assert score.summary()["PQ"] == 1.0


def test_images_of_coco_keep_their_ids(store: Store, project: int, source: Any, tmp_path: Path) -> None:
    source.image(7)
    source.image("x")
    source.image(1)
    report = source.into(store, project)
    export(store, report.dataset_id, "panoptic", tmp_path / "out")
    written = json.loads((tmp_path / "out" / "panoptic.json").read_bytes())
    assert [one["id"] for one in written["images"]] == [7, 2, 1]


@pytest.mark.parametrize(
    ("rows", "more", "reason"),
    [
        ([THING, {**STUFF, "id": 301}], {}, "id has no pixel, or is listed twice"),
        ([THING, THING], {}, "id has no pixel, or is listed twice"),
        ([THING, {**STUFF, "category_id": 2}], {}, "category_id is no category of the file"),
        ([THING, {**STUFF, "iscrowd": 2}], {}, "iscrowd is not 0 or 1"),
        ([THING, "x"], {}, "is not an object"),
        ([THING], {}, "segment is not listed in segments_info"),
        ([THING], {"file_name": "../000.png"}, "file_name leads out of the segments' folder"),
        ([THING], {"file_name": "none.png"}, "file_name is no PNG file"),
        ([THING], {"image_id": 8}, "image_id is no image of the file"),
    ],
)
def test_a_bad_segment_is_listed(
    store: Store, project: int, tmp_path: Path, rows: list[Any], more: dict[str, Any], reason: str
) -> None:
    file = panoptic(tmp_path, rows, **more)
    report = ingest.import_panoptic(store, project, "p", images=tmp_path / "val", annotations=file)
    assert reason in {why for _, why in report.problem_counts}
    assert report.annotations == (0 if more else 1)


def test_a_file_that_is_not_panoptic_is_refused(store: Store, project: int, tmp_path: Path) -> None:
    file = panoptic(tmp_path, [THING])
    with pytest.raises(Invalid, match="nowhere"):
        ingest.import_panoptic(
            store, project, "p", images=tmp_path / "val", annotations=file, masks=tmp_path / "nowhere"
        )
    file.write_text('{"images": []}')
    with pytest.raises(Invalid, match="categories"):
        ingest.import_panoptic(store, project, "p", images=tmp_path / "val", annotations=file)


# ------------------------------------------------------------------------------------------------ video


def test_a_track_goes_to_cvat_and_back_frame_by_frame(store: Store, project: int, tmp_path: Path) -> None:
    identity = uuid4()
    states = [(True, False), (False, False), (True, True), (True, False)]
    with store.database.transaction() as session:
        dataset_id = datasets.create(session, project, "film", classes=[Class(1, "car")], source={})
        sources = []
        for place in range(6):
            path = tmp_path / "film" / f"frame_{place:06}.png"
            picture(path)
            sources.append(SourceImage(path.name, path.name, str(path), None, 100, 50))
        ids = images.add(session, dataset_id, sources)
        for place, (image_id, state) in enumerate(zip(ids, states, strict=False)):
            box = Geometry("box", (1.0 + place, 2.0, 20.0, 10.5))
            said = {"occluded": True, "group_id": 3}
            one = Annotation(uuid4(), image_id, 1, box, attributes=said, track=Track(identity, *state))
            session.add(annotations.new_row(one, dataset_id=dataset_id))
    losses = export(store, dataset_id, "cvat-video", tmp_path / "out")
    assert losses.losses == {
        ("annotation", "is the last of its track: a shape that is out of sight ends it on the next frame"): 1
    }
    report = ingest.import_cvat(store, project, "back", annotations=tmp_path / "out" / "annotations.xml")
    assert (report.images, report.annotations, report.problem_counts) == (6, 5, {})
    back = taken(store, report)
    assert list(back) == [one.file_name for one in sources]
    drawn = [one for _, (*some,) in back.values() for one in some]
    assert len({one.track.id for one in drawn}) == 1
    assert [(one.track.keyframe, one.track.outside) for one in drawn] == [*states, (True, True)]
    assert all(one.attributes == {"occluded": True, "group_id": 3} for one in drawn)
    assert [one.geometry.box for one in drawn][:4] == [(1.0 + place, 2.0, 20.0, 10.5) for place in range(4)]
    text = (tmp_path / "out" / "annotations.xml").read_text()
    assert "<mode>interpolation</mode>" in text and text.count("<track ") == 1


def test_frames_are_called_as_cvat_calls_them_and_that_is_named(store: Store, project: int, tmp_path: Path) -> None:
    before, named = every_kind.fill(store, project, tmp_path / "pixels")
    losses = export(store, before, "cvat-video", tmp_path / "out")
    assert losses.losses[("image", "is called as a frame")] == losses.images == len(named) + 1
    assert (tmp_path / "out" / "images" / "frame_000000.png").is_file()
    report = ingest.import_cvat(store, project, "back", annotations=tmp_path / "out" / "annotations.xml")
    assert report.images == losses.images and report.problem_counts == {}


def test_a_mask_of_a_track_has_the_videos_size(store: Store, project: int, tmp_path: Path) -> None:
    picture(tmp_path / "images" / "frame_000000.png")
    (tmp_path / "annotations.xml").write_text(
        "<annotations><version>1.1</version><meta><task><size>1</size><mode>interpolation</mode><original_size>"
        "<width>100</width><height>50</height></original_size><labels><label><name>car</name></label></labels></task>"
        '</meta><track id="0" label="car"><mask frame="0" outside="0" keyframe="1" rle="0, 6" left="5" top="6"'
        ' width="3" height="2"/></track></annotations>'
    )
    report = ingest.import_cvat(store, project, "c", annotations=tmp_path / "annotations.xml")
    assert report.problem_counts == {}
    ((_, (one,)),) = taken(store, report).values()
    assert one.geometry.mask is not None and one.geometry.mask.size == (50, 100)
    assert rle.box(one.geometry.mask) == (5, 6, 3, 2)
