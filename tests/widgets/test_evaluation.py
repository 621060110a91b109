"""The Evaluation widget's kernel half: its figures are the evaluation's own, and every mark names its images."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest
from PIL import Image

from evalnb import edits
from evalnb.runs.evaluate import evaluate
from evalnb.runs.evaluation import Evaluation
from evalnb.runs.files import evaluate_coco
from evalnb.store import Store
from evalnb.wire.shapes import Op, Patch
from tests.parity import problems
from tests.runs.loaded import load_run, load_truth

EXACT = 1e-12


def made(seed: int = 11, **shape: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    shape = {"images": 8, "classes": 3, "truths": 6, "detections": 30, "score_steps": 50, "crowd": 0.1, **shape}
    truth, results = problems.make(seed=seed, **shape)
    for place, one in enumerate(truth["images"]):
        one["tags"] = ["night"] if place % 3 == 0 else ["day"]
    for one in truth["images"]:
        one["height"] = 300
    for one in truth["annotations"]:
        one["id"] += 1  # what COCO does with id 0 is told elsewhere
    known = {one["id"] for one in truth["categories"]}
    return truth, [one for one in results if one["category_id"] in known]


@pytest.fixture
def files() -> Evaluation:
    return evaluate_coco(*made())


def query(**change: Any) -> dict[str, Any]:
    return {"confidence": 0.0, "iou": 0.5, "area": "all", "tags": [], **change}


def asked(browser: Any, **ask: Any) -> tuple[dict[str, Any], list[Any]]:
    message, buffers = browser.answer(browser.tell(**ask))
    assert "ok" in message, message
    return message["ok"], list(buffers)


def array(buffer: Any, dtype: str, *shape: int) -> Any:
    return np.frombuffer(bytes(buffer), dtype).reshape(shape)


def test_hello_tells_what_stays_as_it_is(explore: Any, files: Evaluation) -> None:
    hello = explore(files).ask(ask="hello", view="a")
    assert hello["keys"] == list(files.summary())
    assert [one["id"] for one in hello["classes"]] == files.matches.classes.tolist()
    assert {one["name"]: one["images"] for one in hello["tags"]} == {"day": 5, "night": 3}
    assert (hello["pictures"], hello["opens"], hello["image_count"]) == (False, "nothing", 8)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"confidence": 0.4},
        {"area": "medium"},
        {"tags": ["night"], "confidence": 0.2, "iou": 0.75},
        {"classes": [0, 2]},
    ],
)
def test_the_figures_are_those_of_where(explore: Any, files: Evaluation, change: dict[str, Any]) -> None:
    ids = files.matches.classes.tolist()
    chosen = [ids[one] for one in change["classes"]] if "classes" in change else None
    if chosen is not None:
        change = {**change, "classes": chosen}
    reply, buffers = asked(explore(files), ask="figures", query=query(**change))
    part = files.where(
        confidence=change.get("confidence"),
        area=change.get("area"),
        tag=change.get("tags"),
        classes=None if chosen is None else [files.named(one) for one in chosen],
    )
    assert reply["numbers"] == pytest.approx(list(part.summary().values()), abs=EXACT)
    assert reply["whole"] == pytest.approx(list(files.summary().values()), abs=EXACT)
    assert reply["before"] is None
    table = part.per_class()
    rows = array(buffers[0], "<f4", len(ids), 5)
    shown = ~np.isnan(rows[:, 3])
    assert [files.named(one) for one, is_shown in zip(ids, shown, strict=True) if is_shown] == table["class"].tolist()
    for column, name in enumerate(("AP", "AP50", "AR", "truths", "detections")):
        np.testing.assert_allclose(rows[shown, column], table[name], atol=1e-6)
    np.testing.assert_allclose(array(buffers[1], "<f4", len(ids)), files.per_class()["AP"], atol=1e-6)
    curves = array(buffers[2], "<f4", -1, 101)
    expected = part.curve_data(iou=change.get("iou", 0.5))
    np.testing.assert_allclose(curves[0], expected[expected["class"] == "all"]["precision"], atol=1e-6)
    assert reply["curve_classes"] == [one for one in chosen or () if files.named(one) in set(expected["class"])]
    at_0 = files.where(area=change.get("area"), tag=change.get("tags")).per_image(
        confidence=0, iou=change.get("iou", 0.5)
    )
    if chosen is None:
        hits, ghosts = array(buffers[3], "<i4", 2, 50)
        assert (hits.sum(), ghosts.sum()) == (at_0["TP"].sum(), at_0["FP"].sum())
    found, missed = array(buffers[4], "<i4", 2, 32)
    if change.get("area") is None and change.get("iou", 0.5) == 0.5:
        sure = part.per_image(confidence=part.confidence)
        assert (found.sum(), missed.sum()) == (sure["TP"].sum(), sure["FN"].sum())


def test_the_confusion_is_the_evaluations_own_and_each_cell_names_its_images(explore: Any, files: Evaluation) -> None:
    browser = explore(files)
    reply, (buffer,) = asked(browser, ask="detail", query=query(confidence=0.3))
    counts = array(buffer, "<i4", 4, 4)
    np.testing.assert_array_equal(counts, files.confusion(confidence=0.3).to_numpy())
    assert (reply["classes"], reply["others"]) == (files.matches.classes.tolist(), 0)
    ids = [*reply["classes"], None]
    for i, j in np.argwhere(counts > 0).tolist():
        mark = {"mark": "cell", "truth": ids[i], "detected": ids[j]}
        mark = {key: value for key, value in mark.items() if value is not None}
        images, buffers = asked(browser, ask="images", query=query(confidence=0.3), mark=mark, count=100)
        assert sum(one["count"] for one in images["images"]) == counts[i, j]
        start, kinds = array(buffers[0], "<i4", -1), array(buffers[2], "u1", -1)
        for n, one in enumerate(images["images"]):
            marked = kinds[start[n] : start[n + 1]] >= 4
            assert marked.sum() == one["count"], (i, j)


def test_many_classes_are_summed_up(explore: Any) -> None:
    one = evaluate_coco(*made(classes=30, images=12, truths=12, detections=40))
    reply, (buffer,) = asked(explore(one), ask="detail", query=query())
    side = len(reply["classes"]) + 2
    assert (len(reply["classes"]), reply["others"]) == (19, 11)
    assert array(buffer, "<i4", side, side).sum() == one.confusion().to_numpy().sum()


def test_the_worst_images_come_first(explore: Any, files: Evaluation) -> None:
    reply, buffers = asked(explore(files), ask="images", query=query(confidence=0.4), mark={"mark": "worst"})
    table = files.where(confidence=0.4).per_image(confidence=0.4)
    wrong = table[table["FP"] + table["FN"] > 0]
    assert reply["total"] == len(wrong)
    assert {(one["width"], one["height"]) for one in reply["images"]} == {(400, 300)}
    assert [one["f1"] for one in reply["images"]] == pytest.approx(wrong["F1"].tolist())
    first = table.set_index("image").loc[reply["images"][0]["id"]]
    kinds = array(buffers[2], "u1", -1)[: array(buffers[0], "<i4", -1)[1]] % 4
    assert np.bincount(kinds, minlength=3).tolist() == [first["TP"], first["FP"], first["FN"]]


def test_scores_sizes_and_classes_name_their_images(explore: Any, files: Evaluation) -> None:
    browser = explore(files)
    _, buffers = asked(browser, ask="figures", query=query())
    hits, ghosts = array(buffers[3], "<i4", 2, 50)
    found, missed = array(buffers[4], "<i4", 2, 32)

    def total(mark: dict[str, Any]) -> int:
        # The brush looks at scores below the slider's too.
        reply, _ = asked(browser, ask="images", query=query(confidence=0), mark=mark, count=100)
        return sum(one["count"] for one in reply["images"])

    assert total({"mark": "scores", "low": 0.0, "high": 1.0, "outcome": "hit"}) == hits.sum()
    assert total({"mark": "scores", "low": 0.0, "high": 1.0, "outcome": "ghost"}) == ghosts.sum()
    assert total({"mark": "sizes", "low": 0, "high": 1e6, "outcome": "missed"}) == missed.sum()
    assert total({"mark": "sizes", "low": 0, "high": 1e6, "outcome": "found"}) == found.sum()
    class_id = int(files.matches.classes[0])
    part = files.where(classes=[files.named(class_id)]).per_image()
    assert total({"mark": "class", "class_id": class_id}) == (part["FP"] + part["FN"]).sum()


def test_python_reads_and_sets_what_is_looked_at(explore: Any, files: Evaluation) -> None:
    widget = explore(files).widget
    widget.confidence, widget.tags = 0.3, ["day"]
    assert widget.evaluation.summary() == files.where(confidence=0.3, tag="day").summary()


def test_a_narrowed_evaluation_is_the_whole_of_its_widget(explore: Any, files: Evaluation) -> None:
    part = files.where(area="small", confidence=0.2)
    browser = explore(part)
    hello = browser.ask(ask="hello", view="a")
    assert (hello["areas"], hello["least_confidence"]) == (["small"], 0.2)
    reply, _ = asked(browser, ask="figures", query=query())
    assert reply["numbers"] == reply["whole"] == pytest.approx(list(part.summary().values()), abs=EXACT)


def test_files_with_a_folder_have_thumbnails_and_a_click_calls_back(
    explore: Any, files: Evaluation, tmp_path: Path
) -> None:
    for name in files.images.name:
        Image.new("RGB", (400, 400), "red").save(tmp_path / name)
    opened: list[int] = []
    browser = explore(files, images=tmp_path, on_open=opened.append)
    image = int(files.images.id[0])
    _, (small,) = asked(browser, ask="thumb", image_id=image)
    assert max(Image.open(io.BytesIO(bytes(small))).size) == 320
    assert asked(browser, ask="open", image_id=image)[0] == {"model": ""}
    assert opened == [image]
    assert browser.refused(ask="open", image_id=10**9)["kind"] == "NotFound"
    (tmp_path / files.images.name[0]).unlink()
    assert "name the folder" in browser.refused(ask="thumb", image_id=image)["remedy"]


def test_without_a_dataset_a_click_says_what_to_do(explore: Any, files: Evaluation) -> None:
    browser = explore(files)
    image = int(files.images.id[0])
    assert "import_coco" in browser.refused(ask="open", image_id=image)["remedy"]
    assert "explore(images=" in browser.refused(ask="thumb", image_id=image)["remedy"]


def rename(store: Store, image_id: int, shape_id: UUID, class_id: int) -> None:
    with store.database.transaction() as session:
        (shape,) = [one for one in edits.shapes(session, image_id).shapes if one.id == shape_id]
        op = Op(
            client_op_id=uuid4(),
            shape_id=shape_id,
            base_rev=shape.rev,
            action="update",
            patch=Patch(class_id=class_id),
        )
        edits.apply(session, image_id, [op], author="ben")


def test_an_edit_in_the_annotator_moves_the_numbers(explore: Any, store: Store, tmp_path: Path) -> None:
    truth, results = made()
    loaded = load_truth(store, tmp_path / "images", truth)
    run = load_run(store, loaded, results)
    one = evaluate(store, run)
    browser = explore(one)
    assert browser.ask(ask="hello", view="a")["opens"] == "annotator"
    image = loaded.image_of[truth["annotations"][0]["image_id"]]
    assert asked(browser, ask="thumb", image_id=image)[0]["mime"] == "image/jpeg"

    model = browser.ask(ask="open", image_id=image)["model"]
    annotator = browser.widget.annotator
    assert (annotator.model_id, annotator.image_id) == (model, image)
    with store.database.transaction() as session:
        shape = edits.shapes(session, image).shapes[0]
    classes = [one["id"] for one in truth["categories"]]
    other = next(id for id in classes if id != shape.class_id)
    op = {
        "client_op_id": str(uuid4()),
        "shape_id": str(shape.id),
        "base_rev": shape.rev,
        "action": "update",
        "patch": {"class_id": other},
    }
    # As its canvas would save it.
    data = {"method": "custom", "content": {"id": 1, "ask": "apply", "image_id": image, "ops": [op]}}
    annotator.comm.handle_msg({"content": {"data": data}, "buffers": []})
    message, _ = browser.until(lambda one: one.get("push") == "edited")
    assert (message["images"], message["edits"]) == ([image], 1)
    reply, _ = asked(browser, ask="figures", query=query(confidence=0.1))
    anew = evaluate(store, run).where(confidence=0.1)
    assert reply["numbers"] == list(anew.summary().values()) != reply["before"]
    assert reply["before"] == list(one.where(confidence=0.1).summary().values())
    assert (reply["edits"], reply["edited_images"]) == (1, 1)

    # Somebody else's edit is found in the log, and back it goes.
    browser.sent.clear()
    rename(store, image, shape.id, shape.class_id)
    browser.until(lambda one: one.get("push") == "edited")
    reply, _ = asked(browser, ask="figures", query=query())
    assert reply["numbers"] == list(one.summary().values())

    # Another image opens in the same Annotator.
    second = next(id for id in loaded.image_of.values() if id != image)
    assert browser.ask(ask="open", image_id=second)["model"] == model
    assert annotator.image_id == second


def test_edits_before_the_widget_come_with_refresh(explore: Any, store: Store, tmp_path: Path) -> None:
    truth, results = made()
    loaded = load_truth(store, tmp_path / "images", truth)
    run = load_run(store, loaded, results)
    one = evaluate(store, run)
    image = loaded.image_of[truth["annotations"][0]["image_id"]]
    with store.database.transaction() as session:
        shape = edits.shapes(session, image).shapes[0]
    rename(store, image, shape.id, next(c["id"] for c in truth["categories"] if c["id"] != shape.class_id))
    widget = explore(one).widget
    assert widget.evaluation.summary() == one.summary()
    widget.refresh()
    assert widget.evaluation.summary() == evaluate(store, run).summary() != one.summary()


def test_after_the_last_bye_nobody_looks(explore: Any, store: Store, tmp_path: Path) -> None:
    truth, results = made()
    one = evaluate(store, load_run(store, load_truth(store, tmp_path / "images", truth), results))
    browser = explore(one)
    browser.ask(ask="hello", view="a")
    assert browser.widget._watch._stop is not None
    browser.ask(ask="bye", view="a")
    assert browser.widget._watch._stop is None
