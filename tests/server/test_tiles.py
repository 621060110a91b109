"""Tiles over HTTP: whoever may see an image sees its tiles, by header or by a signed address, and nobody else."""

from __future__ import annotations

import io
import re
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evalnb_server.tiles import gallery as gallery_module
from evalnb_server.tiles.signing import Signature
from fastapi.testclient import TestClient
from PIL import Image

from evalnb import accounts, imagery
from evalnb.core.sources import SourceImage
from evalnb.store import Store
from evalnb.store.repositories import datasets, images
from tests.yard import Yard


def seen(said: bytes) -> Any:
    return np.asarray(Image.open(io.BytesIO(said)).convert("RGB")).astype(int)


def where(url: str, level: int, x: int, y: int, kind: str) -> str:
    return url.format(level=level, x=x, y=y, format=kind)


def without_token(client: TestClient) -> Callable[..., Any]:
    other = TestClient(client.app, base_url="http://127.0.0.1:8000")
    return lambda url, **headers: other.get(url, headers=headers)


def test_the_tiles_that_are_described_are_there_and_show_the_image(client: TestClient, yard: Yard) -> None:
    image_id = yard.image_ids[0]
    told = client.get(f"/api/images/{image_id}/dzi").json()
    assert (told["state"], told["width"], told["height"]) == ("ready", 512, 384)
    assert (told["tile_size"], told["overlap"], told["last_level"]) == (256, 1, 9)
    pixels = imagery.decode((yard.folder / "yard-0.jpg").read_bytes()).astype(int)
    exact = client.get(where(told["url"], 9, 1, 0, "png"))
    assert exact.status_code == 200 and exact.headers["content-type"] == "image/png"
    assert (seen(exact.content) == pixels[:257, 255:]).all()
    for kind, mime in (("jpg", "image/jpeg"), ("webp", "image/webp")):
        answer = client.get(where(told["url"], 9, 0, 0, kind))
        assert answer.headers["content-type"] == mime
        assert abs(seen(answer.content) - pixels[:257, :257]).mean() < 8
    assert seen(client.get(where(told["url"], 0, 0, 0, "png")).content).shape == (1, 1, 3)
    for place in ((10, 0, 0), (9, 2, 0), (9, 0, 2)):
        answer = client.get(where(told["url"], *place, "jpg"))
        assert answer.status_code == 404 and "has no tile" in answer.json()["detail"]
    assert client.get(where(told["url"], 9, 0, 0, "svg")).status_code == 422


def test_a_tile_that_the_browser_has_is_not_sent_again(client: TestClient, yard: Yard) -> None:
    image_id = yard.image_ids[0]
    url = where(client.get(f"/api/images/{image_id}/dzi").json()["url"], 9, 0, 0, "jpg")
    first = client.get(url)
    assert first.headers["cache-control"] == "private, max-age=86400, immutable"
    tag = first.headers["etag"]
    assert re.fullmatch(r'"[0-9a-f]{32}"', tag)
    again = client.get(url, headers={"If-None-Match": f'"other", {tag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert client.get(url.replace(".jpg", ".png")).headers["etag"] != tag
    # A file left in place was changed: another address, another tag; the old address promises nothing any more.
    path = yard.folder / "yard-0.jpg"
    Image.new("RGB", (512, 384), "red").save(path)
    stale = client.get(url, headers={"If-None-Match": tag})
    assert stale.status_code == 200 and stale.headers["cache-control"] == "private, no-cache"
    assert seen(stale.content)[0, 0].tolist() == pytest.approx([254, 0, 0], abs=3)
    assert client.get(f"/api/images/{image_id}/dzi").json()["url"] not in url


def test_a_signed_address_needs_no_header_and_is_for_one_image_only(client: TestClient, yard: Yard) -> None:
    one, other = yard.image_ids[:2]
    given = client.get(f"/api/images/{one}/signed").json()
    get = without_token(client)
    assert get(where(given["url"], 9, 0, 0, "jpg")).status_code == 200
    assert get(where(given["url"], 3, 0, 0, "webp")).status_code == 200
    for wrong in (
        where(given["url"], 9, 0, 0, "jpg").replace(f"/{one}/", f"/{other}/"),
        f"/api/images/{one}/tiles/9/0_0.jpg",
        f"/api/images/{one}/tiles/9/0_0.jpg?{given['query'].replace('signature=', 'signature=A')}",
        f"/api/images/{one}/tiles/9/0_0.jpg?{re.sub('expires=[0-9]+', 'expires=9999999999', given['query'])}",
        f"/api/images/{one}/tiles/9/0_0.jpg?{re.sub('by=[0-9]+', 'by=77', given['query'])}",
        f"/api/images/{one}/pixels?{given['query']}",
        f"/api/images/{one}/dzi?{given['query']}",
    ):
        assert get(wrong).status_code == 401, wrong


def test_a_viewer_that_follows_deep_zooms_convention_finds_its_tiles(client: TestClient, yard: Yard) -> None:
    given = client.get(f"/api/images/{yard.image_ids[0]}/signed").json()
    get = without_token(client)
    answer = get(given["xml"])
    root = ET.fromstring(answer.text)
    assert root.attrib == {"TileSize": "256", "Overlap": "1", "Format": "jpg"}
    assert root[0].attrib == {"Width": "512", "Height": "384"}
    beside = given["xml"].replace("dzi.xml", "dzi_files/9/1_1.jpg")
    assert seen(get(beside).content).shape == (129, 257, 3)


def test_a_signature_ends_with_its_time_its_sign_in_and_its_membership(
    client: TestClient, yard: Yard, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery_module, "_KNOWN_S", 0.0)
    image_id = yard.image_ids[0]
    with store.database.transaction() as session:
        project_id = datasets.get(session, yard.dataset_id).project_id
        person = accounts.add_account(session, "eve", password="correct horse battery")
        accounts.set_member(session, person, project_id, "viewer")
    browser = TestClient(client.app, base_url="http://127.0.0.1:8000")
    signed_in = browser.post("/api/session", json={"name": "eve", "password": "correct horse battery"})
    assert signed_in.status_code == 200, signed_in.text
    csrf = browser.get("/api/session").json()["csrf"]
    get = without_token(client)

    def address() -> str:
        return where(browser.get(f"/api/images/{image_id}/signed").json()["url"], 9, 0, 0, "jpg")

    url = address()
    assert get(url).status_code == 200
    # Past its time.
    signer = client.app.state.signer  # type: ignore[attr-defined]
    old = Signature(int(time.time()) - 1, "1-home-0", "")
    query = Signature(old.expires, old.by, signer._sum(image_id, old.expires, old.by)).query()
    late = get(f"/api/images/{image_id}/tiles/9/0_0.jpg?{query}")
    assert late.status_code == 401 and "expired" in late.json()["detail"]
    # No member any more, and a member again.
    with store.database.transaction() as session:
        accounts.drop_member(session, person.id, project_id)
    assert get(url).status_code == 404
    with store.database.transaction() as session:
        accounts.set_member(session, person, project_id, "viewer")
    assert get(url).status_code == 200
    # Signed out.
    assert browser.delete("/api/session", headers={"X-Evalnb-Csrf": csrf}).status_code < 300
    assert get(url).status_code == 401


def test_a_large_image_is_told_to_be_on_its_way_and_asked_for_once(
    client: TestClient, yard: Yard, store: Store, tmp_path: Path
) -> None:
    with store.database.transaction() as session:
        new = SourceImage("large", "large.png", str(tmp_path / "large.png"), None, 20_000, 20_000)
        (image_id,) = images.add(session, yard.dataset_id, [new])
    (tmp_path / "large.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    told = client.get(f"/api/images/{image_id}/dzi").json()
    assert told["state"] == "making" and told["job_id"] and told["last_level"] == 15
    answer = client.get(where(told["url"], 15, 0, 0, "jpg"))
    assert answer.status_code == 503 and int(answer.headers["retry-after"]) >= 1
    assert client.get(f"/api/images/{image_id}/dzi").json()["job_id"] == told["job_id"]
    assert client.get(f"/api/jobs/{told['job_id']}").json()["kind"] == "pyramid"
    assert client.post(f"/api/jobs/{told['job_id']}/cancel").status_code == 200
    assert client.get(f"/api/images/{image_id}/dzi").json()["state"] == "cancelled"
    anew = client.post(f"/api/images/{image_id}/pyramid").json()
    assert anew["state"] == "making" and anew["job_id"] != told["job_id"]


def test_thumbnails_are_made_apart_and_a_damaged_picture_is_refused(client: TestClient, yard: Yard) -> None:
    image_id = yard.image_ids[1]
    small = client.get(f"/api/images/{image_id}/thumbnail?size=64")
    assert seen(small.content).shape == (48, 64, 3)
    path = yard.folder / "yard-1.jpg"
    path.write_bytes(path.read_bytes()[:2000])
    for url in (f"/api/images/{image_id}/thumbnail?size=64", f"/api/images/{image_id}/tiles/9/0_0.jpg"):
        answer = client.get(url)
        assert answer.status_code == 422 and "damaged or truncated" in answer.json()["detail"], url
    path.unlink()
    assert client.get(f"/api/images/{image_id}/tiles/9/0_0.jpg").status_code == 404
