"""Files of other tools: golden ones by the published formats, and broken ones, whose faults are named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalnb.core import masks as rle
from evalnb.core.records import Turned
from evalnb.errors import EvalnbError, Invalid, Unsafe
from evalnb.registry import ingest
from evalnb.registry.exports import export
from evalnb.registry.ingest import ImportReport
from evalnb.store import Store
from evalnb.store.repositories import datasets
from tests.registry import every_kind
from tests.registry.foreign import classes, picture, taken

# ------------------------------------------------------------------------------------------------ VOC

VOC = """<annotation><folder>VOC2012</folder><filename>a.jpg</filename><source><database>x</database></source>
<size><width>100</width><height>50</height><depth>3</depth></size><segmented>0</segmented>{}</annotation>"""
OBJECT = """<object><name>{name}</name><pose>Left</pose><truncated>1</truncated><difficult>0</difficult>
<bndbox><xmin>{x0}</xmin><ymin>5</ymin><xmax>40.5</xmax><ymax>25</ymax></bndbox>
<part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></part></object>"""


def voc(folder: Path, objects: str) -> Path:
    picture(folder / "JPEGImages" / "a.jpg")
    (folder / "Annotations").mkdir()
    (folder / "Annotations" / "a.xml").write_text(VOC.format(objects))
    (folder / "ImageSets" / "Main").mkdir(parents=True)
    (folder / "ImageSets" / "Main" / "train.txt").write_text("a\n")
    (folder / "ImageSets" / "Main" / "dog_train.txt").write_text("a  1\n")
    return folder


def test_voc_as_its_kit_writes_it(store: Store, project: int, tmp_path: Path) -> None:
    report = ingest.import_voc(store, project, "v", folder=voc(tmp_path, OBJECT.format(name="dog", x0=10)))
    assert report.problem_counts == {} and classes(store, report) == ["dog"]
    ((tags, (one,)),) = taken(store, report).values()
    assert tags == ("train",) and one.geometry.box == (10, 5, 30.5, 20)
    assert one.attributes == {"pose": "Left", "truncated": True, "difficult": False}


@pytest.mark.parametrize(
    ("objects", "reason"),
    [
        (OBJECT.format(name="dog", x0="ten"), "xmin is not a number"),
        (OBJECT.format(name="dog", x0="nan"), "xmin has NaN or infinity"),
        (OBJECT.format(name="dog", x0="1e99"), "xmin has a number out of range"),
        (OBJECT.format(name="dog", x0="90"), "bndbox is degenerate"),
        (OBJECT.format(name="", x0="1"), "name is missing"),
        ("<object><name>dog</name></object>", "bndbox is missing"),
    ],
)
def test_a_bad_object_of_voc_is_listed(store: Store, project: int, tmp_path: Path, objects: str, reason: str) -> None:
    folder = voc(tmp_path, objects + OBJECT.format(name="cat", x0=1))
    report = ingest.import_voc(store, project, "v", folder=folder)
    assert report.problem_counts == {("annotation", reason): 1}
    assert report.problems[0].id == "a.xml:1"
    assert (report.annotations, report.annotations_refused) == (1, 1)


def test_a_hostile_file_of_voc_is_listed_and_the_rest_goes_in(store: Store, project: int, tmp_path: Path) -> None:
    folder = voc(tmp_path, OBJECT.format(name="dog", x0=10))
    (folder / "Annotations" / "b.xml").write_text('<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>')
    (folder / "Annotations" / "c.xml").write_text(VOC.format("").replace("a.jpg", "../../../etc/passwd"))
    report = ingest.import_voc(store, project, "v", folder=folder)
    assert report.problem_counts == {
        ("image", "file cannot be read"): 1,
        ("image", "file leads out of the images' folder"): 1,
    }
    assert (report.images, report.annotations) == (1, 1)


# ------------------------------------------------------------------------------------------------ CVAT

CVAT = """<?xml version="1.0" encoding="utf-8"?><annotations><version>1.1</version><meta><task><labels>
<label><name>car</name><color>#aa0011</color><type>any</type><attributes>
<attribute><name>model</name><mutable>False</mutable><input_type>select</input_type><default_value>a</default_value>
<values>a
b</values></attribute>
<attribute><name>doors</name><mutable>False</mutable><input_type>number</input_type><default_value>2</default_value>
<values>1;5;1</values></attribute></attributes></label>
<label><name>person</name><type>skeleton</type><attributes></attributes>
<svg>&lt;line data-type="edge" data-node-from="2" data-node-to="1"&gt;&lt;/line&gt;
&lt;circle data-node-id="1" data-label-name="foot"&gt;&lt;/circle&gt;
&lt;circle data-node-id="2" data-label-name="head"&gt;&lt;/circle&gt;</svg></label>
<label><name>head</name><type>points</type><attributes></attributes><parent>person</parent></label>
<label><name>foot</name><type>points</type><attributes></attributes><parent>person</parent></label>
<label><name>night</name><type>tag</type><attributes></attributes></label>
</labels></task></meta>{}</annotations>"""
IMAGE = '<image id="0" name="a.png" subset="train" width="100" height="50">{}</image>'


def cvat(store: Store, project: int, folder: Path, inner: str) -> ImportReport:
    picture(folder / "images" / "a.png")
    (folder / "annotations.xml").write_text(CVAT.format(inner))
    return ingest.import_cvat(store, project, "c", annotations=folder / "annotations.xml")


def test_cvat_as_it_exports(store: Store, project: int, tmp_path: Path) -> None:
    inner = """<tag label="night" source="manual"></tag>
    <box label="car" source="manual" occluded="1" xtl="10.00" ytl="10.00" xbr="30.00" ybr="20.00" rotation="90.00"
     z_order="4" group_id="7"><attribute name="model">b</attribute><attribute name="doors">4</attribute></box>
    <ellipse label="car" source="manual" occluded="0" cx="50.00" cy="20.00" rx="10.00" ry="5.00" z_order="0"/>
    <polyline label="car" source="manual" occluded="0" points="1.00,2.00;3.00,4.00" z_order="0"></polyline>
    <points label="car" source="manual" occluded="0" points="1.00,2.00;3.00,4.00" z_order="0"></points>
    <mask label="car" source="manual" occluded="0" rle="1, 2, 2, 1" left="5" top="6" width="3" height="2"
     z_order="0"/>
    <skeleton label="person" source="manual" z_order="0"><points label="head" source="manual" outside="0" occluded="1"
     points="5.00,6.00"></points><points label="foot" source="manual" outside="1" occluded="0" points="9.00,9.00">
     </points></skeleton>"""
    report = cvat(store, project, tmp_path, IMAGE.format(inner))
    assert report.problem_counts == {}
    ((tags, (box, ellipse, line, points, mask, person)),) = taken(store, report).values()
    assert tags == ("train", "night")
    assert box.geometry.turned == Turned((20.0, 15.0), (20.0, 10.0), np.pi / 2)
    assert box.geometry.box == pytest.approx((15, 5, 10, 20))
    assert box.attributes == {"model": "b", "doors": 4, "occluded": True, "group_id": 7} and box.z == 4
    assert ellipse.geometry.turned == Turned((50.0, 20.0), (20.0, 10.0), 0.0)
    assert line.geometry.parts == points.geometry.parts == ((1, 2, 3, 4),)
    assert (line.geometry.kind, points.geometry.kind) == ("polyline", "points")
    assert mask.geometry.mask is not None
    there = [(int(x), int(y)) for y, x in np.argwhere(rle.decode(mask.geometry.mask))]
    assert there == [(6, 6), (7, 6), (7, 7)]
    assert person.geometry.points == ((9, 9, 0), (5, 6, 1))
    with store.database.transaction() as session:
        car, man = datasets.taxonomy(session, report.dataset_id)
    assert [(one.name, one.kind, one.choices, one.default, one.low, one.high) for one in car.attributes] == [
        ("model", "select", ("a", "b"), "a", None, None),
        ("doors", "number", (), 2, 1, 5),
    ]
    assert (car.color, man.keypoints, man.skeleton) == ("#aa0011", ("foot", "head"), ((2, 1),))


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ('<box label="van" xtl="1" ytl="1" xbr="2" ybr="2"/>', "label is no label of the file"),
        ('<box label="car" xtl="1" ytl="1" xbr="2"/>', "ybr is missing"),
        ('<box label="car" xtl="3" ytl="1" xbr="2" ybr="2"/>', "box is degenerate"),
        ('<box label="car" xtl="1" ytl="1" xbr="2" ybr="2" z_order="x"/>', "z_order is not a number"),
        ('<polygon label="car" points="1,2;3,4"/>', "points has fewer than 3 points"),
        ('<polygon label="car" points="1,2;3,4;5"/>', "points has an odd number of coordinates"),
        ('<polygon label="car" points="1,2;3,4;a,b"/>', "points is not a number"),
        (
            '<mask label="car" rle="1,1" left="0" top="0" width="3" height="2"/>',
            "rle has runs that do not fill the mask",
        ),
        ('<mask label="car" rle="6" left="99" top="0" width="3" height="2"/>', "mask reaches beyond its image"),
        ('<mask label="car" rle="1,b" left="0" top="0" width="3" height="2"/>', "rle is not whole numbers"),
        ('<ellipse label="car" cx="1" cy="1" rx="0" ry="2"/>', "ellipse is degenerate"),
        ('<cuboid label="car" xtl1="1"/>', "shape is of a kind that has no place here"),
        (
            '<box label="car" xtl="1" ytl="1" xbr="2" ybr="2"><attribute name="doors">many</attribute></box>',
            "attribute doors is not a number",
        ),
        (
            '<skeleton label="person"><points label="tail" points="1,2"/></skeleton>',
            "points have a label that the skeleton has not",
        ),
    ],
)
def test_a_bad_shape_of_cvat_is_listed(store: Store, project: int, tmp_path: Path, shape: str, reason: str) -> None:
    good = '<box label="car" xtl="1" ytl="1" xbr="9" ybr="9"/>'
    if 'label="van"' in shape:  # a label that no meta names is taken, but not one that is empty
        shape, reason = shape.replace("van", ""), "label is missing"
    report = cvat(store, project, tmp_path, IMAGE.format(good + shape))
    assert report.problem_counts == {("annotation", reason): 1}
    assert report.problems[0].id == "a.png:2" and report.annotations == 1


def test_tracks_of_cvat_are_shapes_on_frames(store: Store, project: int, tmp_path: Path) -> None:
    for frame in range(3):
        picture(tmp_path / "images" / f"frame_{frame:06}.PNG")
    box = '<box frame="{}" outside="{}" occluded="0" keyframe="{}" xtl="1" ytl="1" xbr="9" ybr="9" z_order="0"/>'
    boxes = "".join(box.format(*one) for one in ((0, 0, 1), (1, 0, 0), (2, 1, 1)))
    inner = f'<track id="5" label="car" source="manual">{boxes}</track>'
    (tmp_path / "a.xml").write_text(CVAT.format(inner))
    report = ingest.import_cvat(store, project, "c", annotations=tmp_path / "a.xml", images=tmp_path / "images")
    assert (report.images, report.annotations, report.problem_counts) == (3, 3, {})
    tracks = [drawn[0].track for _, drawn in taken(store, report).values()]
    assert len({one.id for one in tracks}) == 1 and tracks[0].id is not None
    assert [(one.keyframe, one.outside) for one in tracks] == [(True, False), (False, False), (True, True)]


@pytest.mark.parametrize("text", ["<annotations/>", "<!DOCTYPE a><annotations/>", "no xml", "<annotations><image>"])
def test_a_file_that_is_not_cvats_is_refused(store: Store, project: int, tmp_path: Path, text: str) -> None:
    (tmp_path / "a.xml").write_text(text)
    with pytest.raises((Invalid, Unsafe)):
        ingest.import_cvat(store, project, "c", annotations=tmp_path / "a.xml")


# ------------------------------------------------------------------------------------------------ YOLO, LVIS


@pytest.mark.parametrize(
    ("about", "line", "reason"),
    [
        ("task: obb", "0 0.1 0.1 0.2 0.1", "line is no rotated box (9 numbers)"),
        ("kpt_shape: [2, 3]", "0 0.5 0.5 0.2 0.2", "line is not a box and 2 keypoints of 3 numbers (11 numbers)"),
        ("kpt_shape: [1, 3]", "0 0.5 0.5 0.2 0.2 0.5 0.5 3", "line has a visibility that is not 0, 1 or 2"),
        ("kpt_shape: [1, 3]", "0 0.5 0.5 0.2 0.2 0.5 1.5 2", "line has a coordinate outside 0 to 1"),
    ],
)
def test_a_bad_line_of_poses_and_rotated_boxes_is_listed(
    store: Store, project: int, tmp_path: Path, about: str, line: str, reason: str
) -> None:
    picture(tmp_path / "images" / "a.png")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_text(f"{line}\n")
    (tmp_path / "data.yaml").write_text(f"train: images\nnames: [cat]\n{about}\n")
    report = ingest.import_yolo(store, project, "y", data=tmp_path / "data.yaml")
    assert report.problem_counts == {("annotation", reason): 1}
    assert report.problems[0].id == "images/a.png:1"


def test_eight_coordinates_everywhere_are_rotated_boxes(store: Store, project: int, tmp_path: Path) -> None:
    picture(tmp_path / "images" / "a.png")
    (tmp_path / "labels").mkdir()
    rectangle = "0 0.2 0.2 0.4 0.2 0.4 0.6 0.2 0.6"
    (tmp_path / "labels" / "a.txt").write_text(f"{rectangle}\n0 0.2 0.2 0.4 0.2 0.5 0.6 0.2 0.6\n")
    (tmp_path / "data.yaml").write_text("train: images\nnames: [cat]\n")
    report = ingest.import_yolo(store, project, "y", data=tmp_path / "data.yaml")
    assert report.problem_counts == {("label", "line is no rectangle; the least one around it was taken"): 1}
    ((_, (exact, around)),) = taken(store, report).values()
    assert exact.geometry.turned == Turned((30, 20), (20, 20), 0)
    assert around.geometry.kind == "rotated" and around.geometry.box[2:] == pytest.approx((30, 20))
    outlines = ingest.import_yolo(store, project, "z", data=tmp_path / "data.yaml", task="segment")
    assert {one.geometry.kind for _, shapes in taken(store, outlines).values() for one in shapes} == {"polygon"}
    with pytest.raises(Invalid, match="kpt_shape"):
        ingest.import_yolo(store, project, "z", data=tmp_path / "data.yaml", task="pose")
    with pytest.raises(Invalid, match="'draw'"):
        ingest.import_yolo(store, project, "z", data=tmp_path / "data.yaml", task="draw")


def test_lvis_finds_its_images_by_their_addresses(store: Store, project: int, source: Any, tmp_path: Path) -> None:
    source.image(7, neg_category_ids=[3], not_exhaustive_category_ids=[90])
    one = source.content["images"][0]
    one["coco_url"] = f"http://images.cocodataset.org/imgs/{one.pop('file_name')}"
    source.box(1, 7, segmentation=[[1, 2, 31, 2, 31, 22]])
    del source.content["annotations"][0]["iscrowd"]
    report = source.into(store, project, format="lvis")
    assert (report.images, report.annotations, report.problem_counts) == (1, 1, {})
    assert export(store, report.dataset_id, "lvis", tmp_path / "out").lossless
    written = json.loads((tmp_path / "out" / "annotations.json").read_bytes())
    assert written["images"][0]["neg_category_ids"] == [3]
    assert written["annotations"] == source.content["annotations"]
    assert [(c["image_count"], c["instance_count"], c["frequency"]) for c in written["categories"]] == [
        (1, 1, "r"),
        (0, 0, "r"),
    ]


def test_the_lvis_api_reads_what_is_exported(store: Store, project: int, tmp_path: Path) -> None:
    lvis = pytest.importorskip("lvis")
    dataset_id, named = every_kind.fill(store, project, tmp_path / "pixels")
    export(store, dataset_id, "lvis", tmp_path / "out")
    read = lvis.LVIS(str(tmp_path / "out" / "annotations.json"))
    assert len(read.get_ann_ids()) == len(named) and len(read.get_cat_ids()) == len(every_kind.CLASSES)
    for one in read.load_anns(read.get_ann_ids()):
        if one["segmentation"]:
            assert read.ann_to_mask(one).sum() > 0


# ------------------------------------------------------------------------------------------------ of all


def test_a_key_of_ours_counts_only_while_the_rest_says_the_same(store: Store, project: int, source: Any) -> None:
    source.image(1)
    turned = {"kind": "ellipse", "turned": [30, 30, 20, 10, 0.5]}
    source.box(1, 1, segmentation=[[1, 2, 9, 2, 9, 9]], evalnb=turned)
    source.box(2, 1, segmentation=[[1, 2, 9, 2, 9, 9]], evalnb={"kind": "ellipse", "turned": "x", "z": 2})
    source.box(3, 1, segmentation=[[1, 2, 9, 2, 9, 9]], evalnb="another tool's")
    report = source.into(store, project)
    ((_, shapes),) = taken(store, report).values()
    assert [(one.geometry.kind, one.z) for one in shapes] == [("polygon", 0), ("polygon", 2), ("polygon", 0)]


@pytest.mark.parametrize("format", ["voc", "labelme", "cvat", "masks", "datumaro"])
def test_a_folder_of_someone_else_is_left_alone_and_a_former_export_replaced(
    store: Store, project: int, tmp_path: Path, format: str
) -> None:
    dataset_id, _ = every_kind.fill(store, project, tmp_path / "pixels")
    first = export(store, dataset_id, format, tmp_path / "out")
    assert export(store, dataset_id, format, tmp_path / "out") == first
    (tmp_path / "out" / ".evalnb-export").unlink()
    with pytest.raises(Invalid, match="did not write"):
        export(store, dataset_id, format, tmp_path / "out")


@pytest.mark.parametrize(
    "take",
    [
        lambda store, project, path: ingest.import_voc(store, project, "x", folder=path),
        lambda store, project, path: ingest.import_labelme(store, project, "x", folder=path),
        lambda store, project, path: ingest.import_cvat(store, project, "x", annotations=path / "a.xml"),
        lambda store, project, path: ingest.import_cvat(store, project, "x", annotations=path),
        lambda store, project, path: ingest.import_datumaro(store, project, "x", folder=path),
        lambda store, project, path: ingest.import_masks(store, project, "x", images=path, masks=path),
        lambda store, project, path: ingest.import_voc(store, project, "x", folder=path / "nowhere"),
    ],
)
def test_a_place_without_such_files_is_named(
    store: Store, project: int, tmp_path: Path, take: Callable[[Store, int, Path], object]
) -> None:
    with pytest.raises(EvalnbError, match=str(tmp_path)):
        take(store, project, tmp_path)


def test_what_came_from_another_format_becomes_coco_with_whole_numbers_for_ids(
    store: Store, project: int, tmp_path: Path
) -> None:
    report = ingest.import_voc(store, project, "v", folder=voc(tmp_path, OBJECT.format(name="dog", x0=10)))
    assert export(store, report.dataset_id, "coco", tmp_path / "out").lossless
    written = json.loads((tmp_path / "out" / "annotations.json").read_bytes())
    assert written.keys() == {"images", "annotations", "categories"}
    assert [one["id"] for one in (*written["images"], *written["annotations"], *written["categories"])] == [1, 1, 1]
