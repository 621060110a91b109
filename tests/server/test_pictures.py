"""Pixels and thumbnails over HTTP."""

import io
import os

from fastapi.testclient import TestClient
from PIL import Image

from tests.server.conftest import House
from tests.yard import Yard


def test_pixels_are_the_files_own_bytes_and_are_sent_once(yard: Yard, client: TestClient) -> None:
    place = f"/api/images/{yard.image_ids[0]}/pixels"
    first = client.get(place)
    source = yard.folder / "yard-0.jpg"
    assert first.content == source.read_bytes()
    assert first.headers["content-type"] == "image/jpeg"
    etag = first.headers["etag"]
    for known in (etag, f'"other", W/{etag}', "*"):
        again = client.get(place, headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    os.utime(source, (1, 1))
    changed = client.get(place, headers={"If-None-Match": etag})
    assert changed.status_code == 200 and changed.headers["etag"] != etag


def test_a_picture_is_never_taken_for_a_page(yard: Yard, client: TestClient) -> None:
    for what in ("pixels", "thumbnail"):
        headers = client.get(f"/api/images/{yard.image_ids[0]}/{what}").headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"] == "default-src 'none'; sandbox"
        assert headers["content-disposition"].startswith("inline; filename*=UTF-8''yard-0")
        assert headers["cache-control"] == "private, no-cache", "a file in place may change"


def test_what_no_browser_knows_is_sent_as_one_that_it_does(yard: Yard, client: TestClient) -> None:
    Image.new("RGB", (512, 384), "teal").save(yard.folder / "yard-1.jpg", "TIFF")
    answer = client.get(f"/api/images/{yard.image_ids[1]}/pixels")
    assert answer.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(answer.content)).size == (512, 384)


def test_a_thumbnail_is_as_small_as_asked_for(house: House) -> None:
    place = f"/api/images/{house.image_ids[0]}/thumbnail"
    small = house.client.get(place, params={"size": 64})
    assert max(Image.open(io.BytesIO(small.content)).size) == 64
    assert small.headers["etag"] != house.client.get(place, params={"size": 65}).headers["etag"]
    for size in (15, 1025, "x"):
        assert house.client.get(place, params={"size": size}).status_code == 422


def test_a_file_that_went_away_or_is_no_image_is_a_problem(yard: Yard, client: TestClient) -> None:
    (yard.folder / "yard-0.jpg").unlink()
    (yard.folder / "yard-1.jpg").write_bytes(b"<svg onload=alert(1)>")
    (yard.folder / "yard-2.jpg").write_bytes((yard.folder / "yard-2.jpg").read_bytes()[:700])
    for what in ("pixels", "thumbnail"):
        answers = [client.get(f"/api/images/{one}/{what}") for one in yard.image_ids]
        assert [one.status_code for one in answers][:2] == [404, 415]
        assert all(one.headers["content-type"] == "application/problem+json" for one in answers[:2])
    assert client.get(f"/api/images/{yard.image_ids[2]}/thumbnail").status_code == 422


def test_predictions_come_column_by_column(house: House) -> None:
    found = house.client.get(f"/api/images/{house.image_ids[0]}/predictions", params={"run": house.runs[0]}).json()
    assert len(found["boxes"]) == len(found["scores"]) == len(found["class_ids"]) > 0
    assert found["scores"] == sorted(found["scores"], reverse=True) and found["rles"] is None
