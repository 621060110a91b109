"""Slices in SQL say what a plain reading of them says."""

from __future__ import annotations

import random
from typing import Any

import pytest
from sqlalchemy import text

from evalnb.core.slices import AREAS, Slice
from evalnb.store import Store
from evalnb.store.repositories import annotations, images
from evalnb.store.repositories.slices import BLOCK, members
from evalnb.store.tables import ImageRow

SLICES = {
    "all": Slice(),
    "tag": Slice().where(tag="night"),
    "two tags": Slice().where(tag=["night", "fog"]),
    "no such tag": Slice().where(tag="day"),
    "class": Slice().where(classes=["van"]),
    "two classes": Slice().where(classes=["van", "person"]),
    "no class": Slice().where(classes=[]),
    "area": Slice().where(area=["small", "large"]),
    "class and area": Slice().where(classes=["person"], area="medium"),
    "tag, class and area": Slice().where(tag="fog", classes=["van"], area="small"),
    "tag and two classes": Slice().where(tag="night", classes=["van", "person"]),
    "text": Slice().where(text="1"),
    "text with wildcards": Slice().where(text="1_"),
    "text and tag": Slice().where(text="1", tag="night"),
    "text and class": Slice().where(text="1", classes=["van"]),
}


def test_names_are_found_across_blocks_and_after_a_renaming(store: Store, project: int, source: Any) -> None:
    source.image(0)
    dataset_id = source.into(store, project).dataset_id
    with store.database.transaction() as session:
        # Ids that leave gaps, over four blocks of names; one statement for some, one each for others.
        base = session.scalars(text("SELECT max(id) FROM image")).one() // BLOCK * BLOCK
        made = {base + BLOCK + place: f"n{place % 7}-{place}.png" for place in range(0, 3 * BLOCK, 23)}
        for id, name in made.items():
            session.execute(
                text(
                    "INSERT INTO image (id, dataset_id, source_key, file_name, uri, width, height, extra)"
                    " VALUES (:id, :d, :n, :n, :n, 1, 1, '{}')"
                ),
                {"id": id, "d": dataset_id, "n": name},
            )

        def found(what: str, *, after: int = 0, limit: int | None = None) -> list[int]:
            chosen = members(session, dataset_id, Slice().where(text=what), after=after, limit=limit)
            return list(session.scalars(chosen))

        expected = [id for id, name in made.items() if "n3-" in name]
        assert found("n3-") == expected
        assert found("n3-", after=expected[2], limit=2) == expected[3:5]
        assert found("nowhere") == found("n3-\nn4") == []
        session.execute(text("UPDATE image SET file_name = 'n3-late.png' WHERE id = :i"), {"i": base + BLOCK})
        session.execute(text("DELETE FROM image WHERE id = :i"), {"i": expected[0]})
        assert found("n3-") == [base + BLOCK, *expected[1:]]


@pytest.fixture
def filled(store: Store, project: int, source: Any) -> tuple[int, dict[str, Any]]:
    chance = random.Random(1)
    source.image(0)
    source.content["images"] = [
        {
            "id": one,
            "file_name": "0.png",
            "width": 64,
            "height": 64,
            "tags": [tag for tag in ("night", "fog") if chance.random() < 0.4],
        }
        for one in range(60)
    ]
    for one in source.content["images"]:
        (source.folder / "imgs" / f"{one['id']}.png").write_bytes(b"")
        one["file_name"] = f"{one['id']}.png"
    for one in range(50):
        area = chance.choice([500.0, 1024.0, 5000.0, 9216.0, 20000.0])
        source.box(one, chance.randrange(60), category=chance.choice([3, 90]), area=area)
    return source.into(store, project).dataset_id, source.content


def expected(content: dict[str, Any], part: Slice) -> list[int]:
    names = {one["id"]: one["name"] for one in content["categories"]}

    def bears(image: int) -> bool:
        return any(
            one["image_id"] == image
            and (part.classes is None or names[one["category_id"]] in part.classes)
            and (part.areas is None or any(AREAS[a][0] <= one["area"] <= AREAS[a][1] for a in part.areas))
            for one in content["annotations"]
        )

    return [
        one["id"]
        for one in content["images"]
        if part.tags <= set(one["tags"])
        and part.text in one["file_name"]
        and ((part.classes is None and part.areas is None) or bears(one["id"]))
    ]


@pytest.mark.parametrize("name", SLICES)
def test_lists_pages_places_and_counts_agree(store: Store, filled: tuple[int, dict[str, Any]], name: str) -> None:
    dataset_id, content = filled
    part = SLICES[name]
    wanted = [str(one) for one in expected(content, part)]
    with store.database.transaction() as session:
        assert images.count(session, dataset_id, part) == len(wanted)
        found: list[Any] = []
        after = 0
        while page := images.page(session, dataset_id, part, after=after, limit=7):
            found += page
            after = page[-1].id
        assert [one.source_key for one in found] == wanted
        assert [one.id for one in images.stream(session, dataset_id, part)] == [one.id for one in found]
        assert images.ids(session, dataset_id, part).tolist() == [one.id for one in found]
        for first in (0, 3, len(wanted), len(wanted) + 5):
            some = images.by_place(session, dataset_id, part, first, 4)
            assert [one.source_key for one in some] == wanted[first : first + 4]
        for place, one in enumerate(found):
            assert images.place_of(session, dataset_id, part, one.id) == place
        some = {one.id: place for place, one in enumerate(found) if place % 3 == 1}
        assert images.places_of(session, dataset_id, part, list(some)) == some
        bearing = annotations.truths(session, dataset_id, part, masks=False)
        if part.classes is not None or part.areas is not None:
            assert set(bearing.image.tolist()) == {one.id for one in found}


def test_one_of_some_images_keeps_its_place(store: Store, filled: tuple[int, dict[str, Any]]) -> None:
    dataset_id, _ = filled
    with store.database.transaction() as session:
        every = images.ids(session, dataset_id).tolist()
        part = Slice().where(images=[every[3], every[9], 10**9])
        assert [one.id for one in images.page(session, dataset_id, part)] == [every[3], every[9]]
        assert images.place_of(session, dataset_id, part, every[9]) == 1


def test_a_retagged_image_changes_its_lists(store: Store, filled: tuple[int, dict[str, Any]]) -> None:
    dataset_id, _ = filled
    day = Slice().where(tag="day")
    with store.database.transaction() as session:
        image = session.get_one(ImageRow, int(images.ids(session, dataset_id)[5]))
        image.tags = ["day", "day"]
    with store.database.transaction() as session:
        assert [one.id for one in images.page(session, dataset_id, day)] == [image.id]
        session.get_one(ImageRow, image.id).tags = []
    with store.database.transaction() as session:
        assert images.count(session, dataset_id, day) == 0
        session.execute(text("DELETE FROM image WHERE id = :i"), {"i": image.id})
        assert images.count(session, dataset_id, Slice().where(tag="night")) >= 1


def test_anchors_answer_for_every_place(
    store: Store, project: int, source: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "ANCHOR_STEP", 4)
    source.image(0)
    for count in (3, 8, 9, 21):
        source.content["images"] = [
            {"id": one, "file_name": "0.png", "width": 64, "height": 64} for one in range(count)
        ]
        dataset_id = source.into(store, project).dataset_id
        with store.database.transaction() as session:
            anchors = session.scalars(
                text("SELECT place FROM image_anchor WHERE dataset_id = :d ORDER BY place"), {"d": dataset_id}
            ).all()
            assert list(anchors) == list(range(0, count, 4))
            assert images.count(session, dataset_id) == count
            for first in range(count):
                found = images.by_place(session, dataset_id, Slice(), first, 2)
                assert [one.source_key for one in found] == [str(n) for n in range(first, min(first + 2, count))]
                assert images.place_of(session, dataset_id, Slice(), found[0].id) == first
                assert images.places_of(session, dataset_id, Slice(), [found[-1].id, found[0].id]) == {
                    one.id: first + n for n, one in enumerate(found)
                }
