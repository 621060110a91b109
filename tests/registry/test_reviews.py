"""Images come along: status, assignee, comments; and two people's labels are compared."""

from __future__ import annotations

import math
from itertools import product
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from sqlalchemy import text

from evalnb import edits
from evalnb.core.slices import Slice
from evalnb.core.sources import SourceImage, id_of
from evalnb.core.taxonomy import Class
from evalnb.dataset import Dataset
from evalnb.errors import Invalid, NotFound
from evalnb.registry.ingest import import_results
from evalnb.store import Store
from evalnb.store.repositories import datasets, images, predictions, projects, review_lists, reviews
from evalnb.wire.shapes import BoxGeometry, Op, Patch
from tests.yard import Yard, make_yard


@pytest.fixture
def dataset(yard: Yard, store: Store) -> Dataset:
    with store.database.transaction() as session:
        return Dataset(store, datasets.get(session, yard.dataset_id))


def test_images_are_listed_by_their_status(dataset: Dataset, yard: Yard) -> None:
    one, two, three = yard.image_ids
    assert dataset.reviews()["status"].tolist() == ["todo"] * 3
    dataset.review([one, two], status="review", assignee="ben", author="ada")
    dataset.review([two], status="rejected", author="ben")
    dataset.review([three], assignee="cyd")
    found = dataset.reviews()
    assert found["status"].tolist() == ["review", "rejected", "todo"]
    assert found["assignee"].tolist() == ["ben", "ben", "cyd"]
    assert found["author"].tolist()[:2] == ["ada", "ben"]
    assert dataset.reviews("todo").index.tolist() == [three]
    rejected = dataset.where(images=dataset.reviews("rejected").index)
    assert [image.id for image in rejected] == [two] == rejected.reviews().index.tolist()
    dataset.review([one], assignee="")
    assert dataset.reviews().loc[one, "assignee"] == ""


def test_what_cannot_be_is_refused_and_nothing_is_set(dataset: Dataset, yard: Yard) -> None:
    with pytest.raises(Invalid, match="no status 'done'"):
        dataset.review([yard.image_ids[0]], status="done")
    with pytest.raises(NotFound, match="no image 999999"):
        dataset.review([yard.image_ids[0], 999_999], status="doing")
    with pytest.raises(Invalid, match="a name of 201"):
        dataset.review([yard.image_ids[0]], assignee="a" * 201)
    with pytest.raises(Invalid, match="no status 'old'"):
        dataset.reviews("old")
    assert dataset.reviews()["status"].tolist() == ["todo"] * 3
    dataset.review([], status="doing")


def test_comments_are_pinned_once_resolved_and_opened_again(dataset: Dataset, yard: Yard, store: Store) -> None:
    image_id, id = yard.image_ids[0], uuid4()
    with store.database.transaction() as session:
        for text in ("too wide?", "sent again"):
            reviews.comment(session, image_id, id=id, x=10, y=20.5, text=text, author="ben")
        reviews.comment(session, image_id, id=uuid4(), x=0, y=0, text=" and here ", author="ada")
    with store.database.transaction() as session:
        remarks = reviews.get(session, image_id).comments
    assert [(one.text, one.author, one.x, one.y) for one in remarks] == [
        ("too wide?", "ben", 10, 20.5),
        ("and here", "ada", 0, 0),
    ]
    assert dataset.reviews()["open_comments"].tolist() == [2, 0, 0]
    with store.database.transaction() as session:
        reviews.resolve(session, image_id, id, resolved=True, author="ada")
    assert dataset.reviews()["open_comments"].tolist() == [1, 0, 0]
    with store.database.transaction() as session:
        assert reviews.get(session, image_id).comments[0].resolved_by == "ada"
        reviews.resolve(session, image_id, id, resolved=False, author="ada")
        assert reviews.get(session, image_id).comments[0].resolved_by == ""
        with pytest.raises(NotFound, match="has no comment"):
            reviews.resolve(session, yard.image_ids[1], id, resolved=True, author="ada")
        with pytest.raises(Invalid, match="is another image's"):
            reviews.comment(session, yard.image_ids[1], id=id, x=1, y=1, text="x", author="ada")
        for given, says in (
            ({"x": -1, "y": 5}, "-1, 5 is not in image"),
            ({"x": 1, "y": 1, "text": "  "}, "a comment of 2 characters"),
            ({"x": 1, "y": 1, "text": "a\0b"}, "without NUL"),
        ):
            with pytest.raises(Invalid, match=says):
                reviews.comment(session, image_id, **{"id": uuid4(), "text": "x", "author": "ada", **given})  # type: ignore[arg-type]


def test_two_peoples_labels_are_compared_class_by_class(dataset: Dataset, yard: Yard, store: Store, tmp_path) -> None:  # type: ignore[no-untyped-def]
    same = dataset.agreement(dataset)
    assert same.loc["all", ["left", "right", "agreed", "F1", "mean IoU"]].tolist() == [2, 2, 2, 1, 1]
    with store.database.transaction() as session:
        project_id = datasets.get(session, yard.dataset_id).project_id
    second = make_yard(store, tmp_path / "second", project_id=project_id, name="second")
    with store.database.transaction() as session:
        other = Dataset(store, datasets.get(session, second.dataset_id))
    # Of two persons one is called a bag there, and a van stands where nobody else saw one.
    box, outline = second.shapes()
    ops = [
        Op(client_op_id=uuid4(), shape_id=outline.id, base_rev=1, action="update", patch=Patch(class_id=7)),
        Op(
            client_op_id=uuid4(),
            shape_id=uuid4(),
            base_rev=0,
            action="create",
            patch=Patch(class_id=30, geometry=BoxGeometry(box=(400, 300, 40, 40))),
        ),
    ]
    with store.database.transaction() as session:
        edits.apply(session, second.image_ids[0], ops, author="ben")
    found = dataset.agreement(other)
    assert found.index.tolist() == ["all", "bag", "person", "van"]
    assert found.loc["all", ["left", "right", "agreed"]].tolist() == [2, 3, 1]
    assert found.loc["all", "F1"] == 2 / 5
    assert found.loc["person", ["left", "right", "agreed"]].tolist() == [2, 1, 1]
    assert found.loc["van", ["left", "right", "agreed", "F1"]].tolist() == [0, 1, 0, 0]
    # Three units (person person, person bag, nothing van), six labels: by hand, D_o 2/3 over D_e 24/30.
    assert found.loc["all", "alpha"] == pytest.approx(1 - (4 / 6) / (24 / 30))
    assert math.isnan(found.loc["van", "mean IoU"])
    masks = dataset.agreement(other, masks=True)
    assert masks.loc["all", "agreed"] == 1
    with pytest.raises(Invalid, match="share no image"):
        dataset.agreement(other.where(images=[second.image_ids[1]]).where(text="nowhere"))
    assert box.class_id == 1


def test_what_became_of_a_status_is_remembered(dataset: Dataset, yard: Yard, store: Store) -> None:
    one, two, _ = yard.image_ids
    dataset.review([one, two], status="review", assignee="ben", author="ada")
    dataset.review([one], status="review", author="ben")  # as it is already
    dataset.review([one], status="rejected", author="ben")
    dataset.review([one, two], assignee="", author="cyd")
    found = dataset.review_log(one)
    assert found["status"].tolist() == ["review", "rejected", "rejected"]
    assert found["assignee"].tolist() == ["ben", "ben", ""]
    assert found["author"].tolist() == ["ada", "ben", "cyd"] and found["at"].is_monotonic_increasing
    assert dataset.review_log(two)["status"].tolist() == ["review", "review"]
    assert dataset.reviews().loc[one, "author"] == "cyd"
    with pytest.raises(NotFound, match="no image 999999"):
        dataset.review_log(999_999)


def test_a_comment_says_when_it_was_resolved_first(yard: Yard, store: Store) -> None:
    image_id, id = yard.image_ids[0], uuid4()
    with store.database.transaction() as session:
        reviews.comment(session, image_id, id=id, x=1, y=1, text="so?", author="ben")
        reviews.resolve(session, image_id, id, resolved=True, author="ada")
        (first,) = reviews.get(session, image_id).comments
        assert first.resolved_at is not None and first.resolved_at >= first.at and first.resolved_by == "ada"
        reviews.resolve(session, image_id, id, resolved=True, author="cyd")
        assert reviews.get(session, image_id).comments == (first,)
        reviews.resolve(session, image_id, id, resolved=False, author="cyd")
        assert reviews.get(session, image_id).comments[0].resolved_at is None


@pytest.mark.parametrize("seed", range(4))
def test_pages_of_any_list_are_what_a_plain_reading_gives(store: Store, tmp_path: Path, seed: int) -> None:
    chance = np.random.default_rng(seed)
    with store.database.transaction() as session:
        project = projects.opened(session, "lists")
        dataset_id = datasets.create(session, project, "many", classes=[Class(1, "a")], source={})
        sources = [
            SourceImage(f"{n}", f"{n}.png", f"/{n}.png", None, 9, 9, tags=("x",) if n % 3 else ()) for n in range(60)
        ]
        ids = images.add(session, dataset_id, sources)
        for _ in range(40):
            some = chance.choice(ids, size=3, replace=False).tolist()
            status = [None, *reviews.STATUSES][chance.integers(0, 6)]
            assignee = [None, "", "ada", "ben"][chance.integers(0, 4)]
            reviews.put(session, dataset_id, some, author="cyd", status=status, assignee=assignee)
    with store.database.transaction() as session:
        for part in (Slice(), Slice().where(tag="x"), Slice().where(text="1")):
            plain = reviews.of_dataset(session, dataset_id, part)
            for status, assignee in product([None, *reviews.STATUSES], [None, "", "ada", "nobody"]):
                wanted = review_lists.Wanted(status, assignee)
                expected = [
                    (one.image_id, one.status, one.assignee)
                    for one in plain
                    if status in (None, one.status) and assignee in (None, one.assignee)
                ]
                found: list[review_lists.Reviewed] = []
                while page := review_lists.page(
                    session, dataset_id, part, wanted, after=found[-1].image.id if found else 0, limit=7
                ):
                    found += page
                assert [(one.image.id, one.status, one.assignee) for one in found] == expected, wanted
                assert review_lists.count(session, dataset_id, part, wanted) == len(expected)
        plain = reviews.of_dataset(session, dataset_id)
        counts = review_lists.counts(session, dataset_id)
        assert counts.by_status == {name: sum(one.status == name for one in plain) for name in reviews.STATUSES}
        assert counts.by_assignee == {name: sum(one.assignee == name for one in plain) for name in ("ada", "ben")}


def test_lists_by_status_and_assignee_are_read_from_their_indexes(store: Store) -> None:
    with store.database.transaction() as session:
        project = projects.opened(session, "lists")
        dataset_id = datasets.create(session, project, "many", classes=[Class(1, "a")], source={})
        sources = [SourceImage(f"{n}", f"{n}.png", f"/{n}.png", None, 9, 9) for n in range(20_000)]
        ids = images.add(session, dataset_id, sources)
        reviews.put(session, dataset_id, ids, author="cyd", status="accepted", assignee="ada")
        reviews.put(session, dataset_id, ids[-30:], author="cyd", status="rejected", assignee="ben")
        # More than a statement takes as parameters, in a slice and in a list.
        many = range(1, 80_000)
        assert images.count(session, dataset_id, Slice().where(images=many)) == 20_000
        assert len(images.by_ids(session, many)) == 20_000
        session.execute(text("ANALYZE image_review"))
        for wanted, index in (
            (review_lists.Wanted(status="rejected"), "ix_image_review_status"),
            (review_lists.Wanted(assignee="ben"), "ix_image_review_assignee"),
        ):
            query = review_lists.page_query(session, dataset_id, Slice(), wanted, after=ids[-20], limit=5)
            compiled = query.compile(session.get_bind(), compile_kwargs={"literal_binds": True})
            plan = "\n".join(row[0] for row in session.execute(text(f"EXPLAIN {compiled}")))
            assert index in plan and "Sort" not in plan, plan


def test_a_persons_labels_are_compared_with_a_runs(
    dataset: Dataset, yard: Yard, store: Store, tmp_path: Path
) -> None:
    first = yard.image_ids[0]
    truths = {shape.class_id: shape for shape in yard.shapes()}
    names = {one.id: one.name for one in dataset.taxonomy}
    with store.database.transaction() as session:
        key = images.get(session, first).source_key
    other = next(one for one in names if one not in truths)
    results = [
        {"image_id": id_of(key), "category_id": shape.class_id, "bbox": list(shape.geometry.box), "score": 0.9}
        for shape in yard.shapes()[:1]
    ]
    results += [
        {"image_id": id_of(key), "category_id": other, "bbox": [1, 1, 5, 5], "score": score} for score in (0.1, 0.5)
    ]
    with store.database.transaction() as session:
        run = predictions.get(session, import_results(store, dataset.id, results, "found"))
    found = dataset.agreement(run)
    assert found.loc["all", ["left", "right", "agreed"]].tolist() == [2, 2, 1]
    assert found.loc[names[other], ["left", "right"]].tolist() == [0, 1]
    assert dataset.agreement(run, confidence=0.0).loc["all", "right"] == 3
    with pytest.raises(Invalid, match="predicts boxes and no masks"):
        dataset.agreement(run, masks=True)
    with pytest.raises(Invalid, match="a confidence of nan"):
        dataset.agreement(run, confidence=float("nan"))
    worst = dataset.disagreements(run)
    assert worst.index.tolist() == [first]
    assert worst.loc[first, ["agreed", "other class", "only left", "only right", "F1"]].tolist() == [1, 0, 1, 1, 0.5]
    assert len(dataset.disagreements(dataset)) == 0
    assert [one.id for one in dataset.where(images=worst.index)] == [first]


def test_agreement_is_a_figure_too(dataset: Dataset, yard: Yard, store: Store, tmp_path: Path) -> None:
    with store.database.transaction() as session:
        project_id = datasets.get(session, yard.dataset_id).project_id
    second = make_yard(store, tmp_path / "second", project_id=project_id, name="second")
    with store.database.transaction() as session:
        other = Dataset(store, datasets.get(session, second.dataset_id))
    _, outline = second.shapes()
    change = Op(client_op_id=uuid4(), shape_id=outline.id, base_rev=1, action="update", patch=Patch(class_id=7))
    with store.database.transaction() as session:
        edits.apply(session, second.image_ids[0], [change], author="ben")
    chart = dataset.agreement_chart(other)
    said = {text.get_text() for axes in chart.axes for text in axes.findobj() if hasattr(text, "get_text")}
    assert {"all", "person", "bag", "nothing", "0.50", "second"} <= said
    assert f"{dataset.name} and second: agreement at IoU 0.5" in said
    assert chart._repr_svg_().startswith("<svg")
