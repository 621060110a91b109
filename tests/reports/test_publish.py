"""Publishing: a bundle that nothing changes, a page that asks nobody, a name of its own."""

from __future__ import annotations

import html as html_
import json
import re
from pathlib import Path
from typing import Any

import pytest

from evalnb.errors import Invalid, NotFound
from evalnb.reports import PublishedReport, find, publish, published, read
from evalnb.reports import html as pages
from evalnb.reports.bundle import pack, unpack
from evalnb.reports.gather import gather, operating_point, outline
from evalnb.reports.live import evaluation_of
from evalnb.reports.publish import live_url, slug_of
from evalnb.runs.evaluate import evaluate
from evalnb.runs.files import evaluate_coco
from evalnb.store import Store
from tests.parity import problems
from tests.runs.loaded import Loaded, load_run, load_truth

HOSTILE = "</script><script>alert('1')</script>"


def problem(kind: str = "bbox") -> tuple[dict[str, Any], list[dict[str, Any]]]:
    truth, results = problems.make(seed=5, kind=kind, images=6, classes=3, truths=5, detections=12, score_steps=20)
    known = {one["id"] for one in truth["categories"]}
    return truth, [one for one in results if one["category_id"] in known]


@pytest.fixture
def loaded(store: Store, tmp_path: Path) -> Loaded:
    return load_truth(store, tmp_path / "images", problem()[0])


def test_a_report_keeps_the_evaluation_s_numbers_and_pictures(store: Store, loaded: Loaded) -> None:
    evaluation = evaluate(store, load_run(store, loaded, problem()[1]))
    report = publish(store, loaded.project_id, evaluation, title="Detector v1")
    bundle, record = read(store, report.slug)
    assert bundle.contents.summary == evaluation.summary()
    assert evaluation_of(bundle).summary() == evaluation.summary()
    assert evaluation_of(bundle).where(confidence=0.5).summary() == evaluation.where(confidence=0.5).summary()
    assert bundle.contents.confusion == tuple(
        map(tuple, evaluation.confusion(confidence=bundle.contents.confidence).to_numpy().tolist())
    )
    assert bundle.contents.pictures and all(one.member in bundle.pictures for one in bundle.contents.pictures)
    assert all(one[:4] == b"RIFF" and one[8:12] == b"WEBP" for one in bundle.pictures.values())
    assert record.evaluation_id == evaluation.id
    assert bundle.contents.provenance["dataset"] == "street"


def test_a_picture_s_shapes_are_its_counts(store: Store, loaded: Loaded) -> None:
    evaluation = evaluate(store, load_run(store, loaded, problem()[1]))
    publish(store, loaded.project_id, evaluation, title="Detector")
    bundle, _ = read(store, "detector")
    named = 0
    for one in bundle.contents.pictures:
        states = [shape.state for shape in one.shapes]
        assert (states.count("found"), states.count("ghost")) == (one.tp, one.fp)
        # Annotation id 0 is taken for no truth at all by COCO's rules, and so by the counts.
        assert states.count("miss") == one.fn
        named += len(states)
    assert named > 10


def test_a_bundle_is_the_same_bytes_again(store: Store, loaded: Loaded) -> None:
    evaluation = evaluate(store, load_run(store, loaded, problem()[1]))
    publish(store, loaded.project_id, evaluation, title="Detector")
    bundle, record = read(store, "detector")
    assert pack(bundle) == store.blobs.read(record.bundle_sha256)
    assert pack(unpack(pack(bundle))) == pack(bundle)


def test_it_is_compared_with_the_dataset_s_evaluation_before_it(store: Store, loaded: Loaded) -> None:
    results = problem()[1]
    first = evaluate(store, load_run(store, loaded, results[::2], "before"))
    second = evaluate(store, load_run(store, loaded, results, "after"))
    alone = publish(store, loaded.project_id, first, title="First")
    assert read(store, alone.slug)[0].contents.baseline is None
    report = publish(store, loaded.project_id, second, title="Second")
    baseline = read(store, report.slug)[0].contents.baseline
    assert baseline is not None
    assert baseline.summary == first.summary()
    assert baseline.label.startswith("before")
    assert "against before" in report.html_path.read_text()
    named = publish(store, loaded.project_id, second, title="Third", compare_to=second)
    contents = read(store, named.slug)[0].contents
    assert contents.baseline is not None and contents.baseline.summary == second.summary()
    assert {one.difference for one in contents.classes} <= {0.0, None}


def test_a_narrowed_evaluation_is_compared_with_one_narrowed_alike(store: Store, loaded: Loaded) -> None:
    truth, results = problem()
    first = evaluate(store, load_run(store, loaded, results[::2], "before"))
    second = evaluate(store, load_run(store, loaded, results, "after"))
    name = truth["categories"][0]["name"]
    report = publish(store, loaded.project_id, second.where(classes=[name], confidence=0.3), title="One class")
    contents = read(store, report.slug)[0].contents
    assert contents.baseline is not None
    assert contents.baseline.summary == first.where(classes=[name], confidence=0.3).summary()
    assert [one.name for one in contents.classes] == [name]
    assert evaluation_of(read(store, report.slug)[0]).summary() == contents.summary


def test_equal_titles_get_slugs_of_their_own(store: Store, loaded: Loaded) -> None:
    evaluation = evaluate(store, load_run(store, loaded, problem()[1]))
    found = [publish(store, loaded.project_id, evaluation, title="Détecteur  nº 3!") for _ in range(3)]
    assert [one.slug for one in found] == ["detecteur-no-3", "detecteur-no-3-2", "detecteur-no-3-3"]
    assert len({one.html_path for one in found}) == 3
    assert [one.slug for one in published(store, loaded.project_id)] == [one.slug for one in reversed(found)]


@pytest.mark.parametrize(
    ("title", "slug"),
    [("検出器", "report"), ("  A/B: v1.2 ", "a-b-v1-2"), ("../../etc/passwd", "etc-passwd"), ("x" * 99, "x" * 60)],
)
def test_a_slug_is_plain_whatever_the_title(title: str, slug: str) -> None:
    assert slug_of(title) == slug


def test_the_page_refers_to_nothing_outside_itself(store: Store, loaded: Loaded) -> None:
    evaluation = evaluate(store, load_run(store, loaded, problem()[1]))
    page = publish(store, loaded.project_id, evaluation, title="Alone").html_path.read_text()
    references = re.findall(r"""(?:src|href|action|data)\s*=\s*["']([^"']*)""", page)
    assert references and all(one.startswith("data:") for one in references)
    assert not re.search(r"@import|url\(|https?://(?!www\.w3\.org/)", page)
    assert "default-src 'none'" in page


def test_names_cannot_smuggle_markup_into_the_page() -> None:
    truth, results = problem()
    truth["categories"][0]["name"] = HOSTILE
    truth["images"][0]["file_name"] = f'"><img src=x onerror="{HOSTILE}">.png'
    for one in truth["images"]:
        one["file_name"] = f"{HOSTILE}{one['id']}.png"
    results.append({"image_id": HOSTILE})
    evaluation = evaluate_coco(truth, results)

    def gone(_: int) -> Any:
        raise NotFound(f"gone {HOSTILE}", remedy="")

    bundle = gather(
        evaluation,
        title=HOSTILE,
        provenance={"dataset": HOSTILE, HOSTILE: "x"},
        baseline=(HOSTILE, evaluation),
        pixels_of=gone,
    )
    page = pages.report(bundle)
    assert html_.escape(HOSTILE, quote=False)[:20] in page or "&lt;/script&gt;" in page
    assert "<script>alert" not in page and "<img src=x" not in page
    assert page.count("<script>") == page.count("</script>") == 1
    for part in (pages.masthead(bundle.contents), pages.gallery(bundle), pages.facts(bundle.contents)):
        assert "<script" not in part


def test_masks_are_drawn_as_outlines(store: Store, tmp_path: Path) -> None:
    truth, results = problem("segm")
    loaded = load_truth(store, tmp_path / "masks", truth, "masks")
    evaluation = evaluate(store, load_run(store, loaded, results), kind="segm")
    report = publish(store, loaded.project_id, evaluation, title="Masks")
    shapes = [shape for one in read(store, report.slug)[0].contents.pictures for shape in one.shapes]
    assert shapes and all(shape.outline.startswith("M") for shape in shapes)
    masks = evaluation.records()[0].masks
    assert masks is not None
    # Every set pixel of a mask that is small enough to be drawn row by row is under the outline.
    drawn = sum(int(width) for width in re.findall(r"h(\d+)v1h", outline(masks[0])))
    assert drawn == masks[0].area_px


def test_a_missing_file_leaves_its_shapes_and_says_so(store: Store, loaded: Loaded, tmp_path: Path) -> None:
    evaluation = evaluate(store, load_run(store, loaded, problem()[1]))
    for one in (tmp_path / "images").glob("*.png"):
        one.unlink()
    report = publish(store, loaded.project_id, evaluation, title="Moved away")
    bundle, _ = read(store, report.slug)
    assert bundle.pictures == {}
    assert all("no longer" in one.note and one.shapes for one in bundle.contents.pictures)
    assert "no longer" in report.html_path.read_text()


def test_the_static_page_is_put_back_where_it_was_deleted(store: Store, loaded: Loaded) -> None:
    evaluation = evaluate(store, load_run(store, loaded, problem()[1]))
    report = publish(store, loaded.project_id, evaluation, title="Kept")
    text = report.html_path.read_text()
    report.html_path.unlink()
    assert find(store, loaded.project_id, "kept").html_path.read_text() == text
    with pytest.raises(NotFound, match="no report 'lost'"):
        find(store, loaded.project_id, "lost")


def test_its_cell_links_to_the_live_page_only_while_there_is_one(
    store: Store, loaded: Loaded, tmp_path: Path
) -> None:
    evaluation = evaluate(store, load_run(store, loaded, problem()[1]))
    report = publish(store, loaded.project_id, evaluation, title="Linked <b>")
    assert report.url is None
    assert "evalnb up" in report._repr_html_() and "<b>Linked &lt;b&gt;" in report._repr_html_()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "addresses.json").write_text(json.dumps({"voila": "http://127.0.0.1:8899/?token=abc"}))
    assert live_url(tmp_path, "linked", 4) == (
        "http://127.0.0.1:8899/voila/render/report.ipynb?token=abc&slug=linked&project=4"
    )
    there = PublishedReport(1, "linked", "Linked", report.html_path, 4, tmp_path)
    assert "live page</a>" in there._repr_html_()


def test_a_report_needs_a_title(store: Store, loaded: Loaded) -> None:
    evaluation = evaluate(store, load_run(store, loaded, problem()[1]))
    with pytest.raises(Invalid, match="no title"):
        publish(store, loaded.project_id, evaluation, title="  ")


def test_the_operating_point_is_the_best_f1_and_of_equals_the_surest() -> None:
    lines = {"confidence": (0.0, 0.5, 0.9), "F1": (0.2, 0.6, 0.6)}
    assert operating_point(lines) == 0.9
    assert operating_point(lines | {"F1": (0.0, 0.0, 0.0)}) == 0.25
