"""Signing in over HTTP: cookies, tokens, forged requests, and what they reach."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from evalnb_server import identity
from starlette.testclient import TestClient

from evalnb import accounts
from evalnb.store import Store
from tests.people import PASSWORD, People, people_of

CSRF = identity.CSRF_HEADER


@pytest.fixture
def people(store: Store) -> Iterator[People]:
    with people_of(store) as found:
        yield found


def sign_in(client: TestClient, **body: str) -> str:
    """Sign in, and send the header from now on; the cookie's words."""
    answer = client.post("/api/session", json=body)
    assert answer.status_code == 200, answer.text
    client.headers[CSRF] = answer.json()["csrf"]
    return answer.headers["set-cookie"]


# Coming in


def test_the_person_at_this_machine_comes_in_by_the_homes_token_without_any_set_up(people: People) -> None:
    client = people.nobody()
    sign_in(client, token=people.app.state.token)
    me = client.get("/api/session").json()
    assert (me["name"], me["owner"], me["scope"], me["via"]) == ("tester", True, "admin", "session")
    assert client.get("/api/users").json()["items"][0]["local"] is True
    # The same account, by the header that programs send.
    assert people.home().get("/api/session").json()["user_id"] == me["user_id"]


def test_a_wrong_home_token_is_refused(people: People) -> None:
    for token in ("wrong", people.app.state.token[:-1], people.app.state.token + "x", "ünïcode"):
        answer = people.nobody().post("/api/session", json={"token": token})
        assert answer.status_code == 401 and "set-cookie" not in answer.headers
        assert people.bearing(token.encode("ascii", "replace").decode()).get("/api/session").status_code == 401


def test_a_name_and_a_password_come_in_and_see_their_projects_alone(people: People) -> None:
    ours, _theirs = people.project("ours"), people.project("theirs")
    people.account("ada", {ours: "annotator"}, password=PASSWORD)
    client = people.nobody()
    sign_in(client, name="Ada", password=PASSWORD)
    me = client.get("/api/session").json()
    assert me["projects"] == [{"id": ours, "name": "ours", "role": "annotator"}] and not me["owner"]
    assert client.get(f"/api/projects/{ours}/members").status_code == 200
    assert client.delete("/api/session").status_code == 204
    assert client.get("/api/session").status_code == 401


def test_the_cookie_is_out_of_scripts_reach_and_secure_where_the_browser_came_by_https(people: People) -> None:
    home = {"token": people.app.state.token}
    plain = sign_in(people.nobody(), **home).lower()
    assert "httponly" in plain and "samesite=lax" in plain and "path=/" in plain and "secure" not in plain
    assert "secure" in sign_in(people.nobody(url="https://evalnb.test"), **home).lower()
    behind = people.nobody()
    behind.headers["X-Forwarded-Proto"] = "https"
    assert "secure" in sign_in(behind, **home).lower()
    # Anybody can write that header; a front at another address is believed only when it is named.
    stranger = people.nobody(address="192.0.2.7")
    stranger.headers["X-Forwarded-Proto"] = "https"
    assert "secure" not in sign_in(stranger, **home).lower()


def test_a_sign_in_has_a_secret_of_its_own_whatever_the_browser_brought(people: People) -> None:
    client = people.nobody()
    client.cookies.set(identity.COOKIE, "planted-by-somebody-else")
    first = sign_in(client, token=people.app.state.token)
    assert "planted" not in first
    old = client.cookies[identity.COOKIE] if len(client.cookies) == 1 else first.split("=", 1)[1].split(";")[0]
    second = people.nobody()
    second.cookies.set(identity.COOKIE, old)
    sign_in(second, token=people.app.state.token)
    # The sign-in that the browser had before has ended.
    again = people.nobody()
    again.cookies.set(identity.COOKIE, old)
    assert again.get("/api/session").status_code == 401


def test_failures_are_counted_although_the_request_fails_and_by_the_address_behind_the_front(people: People) -> None:
    people.account("ada", password=PASSWORD)

    def attempt(forwarded: str, address: str = "127.0.0.1") -> int:
        client = people.nobody(address=address)
        client.headers["X-Forwarded-For"] = forwarded
        answer = client.post("/api/session", json={"name": "ada", "password": "a wrong one"})
        if answer.status_code == 429:
            assert int(answer.headers["retry-after"]) >= 1
        return answer.status_code

    # What a client writes into the header itself comes before what the front adds.
    assert attempt("10.9.9.1, 10.0.0.1") == 401
    people.sql("UPDATE sign_in_failure SET failures = failures + 8 WHERE name_key = 'ada'")
    assert attempt("10.9.9.2, 10.0.0.1") == 429
    assert attempt("10.0.0.2") == 401
    # Not a front: its header says nothing.
    assert attempt("10.1.1.1", address="192.0.2.7") == 401
    people.sql("UPDATE sign_in_failure SET failures = failures + 8 WHERE name_key = 'ada'")
    assert attempt("10.1.1.2", address="192.0.2.7") == 429


# Staying


def test_a_sign_in_ends_unused_moves_on_with_use_and_ends_for_good(people: People) -> None:
    ada = people.account("ada")
    client = people.browser(ada)
    people.sql("UPDATE login SET seen_at = now() - interval '2 days', expires_at = now() + interval '1 hour'")
    assert client.get("/api/session").status_code == 200
    with people.store.database.transaction() as session:
        (login,) = accounts.logins(session, ada.id)
    assert (login.expires_at - login.seen_at).days == 7
    people.sql("UPDATE login SET seen_at = now() - interval '1 hour', ends_at = now() + interval '1 minute'")
    assert client.get("/api/session").status_code == 200
    with people.store.database.transaction() as session:
        (login,) = accounts.logins(session, ada.id)
    assert (login.expires_at - login.seen_at).total_seconds() <= 60
    people.sql("UPDATE login SET expires_at = now()")
    assert client.get("/api/session").status_code == 401


def test_the_secret_is_not_in_the_database(people: People) -> None:
    client = people.browser(people.account("ada"))
    secret = client.cookies[identity.COOKIE]
    with people.store.database.engine.connect() as connection:
        (row,) = connection.exec_driver_sql("SELECT login::text FROM login").scalars()
    assert secret not in row and secret.encode().hex() not in row


def test_a_sign_in_can_be_ended_from_another(people: People) -> None:
    ada = people.account("ada")
    here, there = people.browser(ada), people.browser(ada)
    items = here.get("/api/sessions").json()["items"]
    assert sorted(one["current"] for one in items) == [False, True]
    other = next(one["id"] for one in items if not one["current"])
    stranger = people.browser(people.account("eve"))
    assert stranger.delete(f"/api/sessions/{other}").status_code == 404
    assert here.delete(f"/api/sessions/{other}").status_code == 204
    assert there.get("/api/session").status_code == 401
    assert here.get("/api/session").status_code == 200


def test_shutting_an_account_out_ends_its_sign_ins_and_tokens_at_once(people: People) -> None:
    ada = people.account("ada")
    browser, program = people.browser(ada), people.program(ada, "admin")
    assert browser.get("/api/session").status_code == program.get("/api/session").status_code == 200
    assert people.home().patch(f"/api/users/{ada.id}", json={"disabled": True}).status_code == 200
    assert browser.get("/api/session").status_code == program.get("/api/session").status_code == 401
    # Let in again, it signs in anew; its token holds again.
    people.home().patch(f"/api/users/{ada.id}", json={"disabled": False})
    assert browser.get("/api/session").status_code == 401
    assert program.get("/api/session").status_code == 200


def test_a_new_password_ends_the_other_sign_ins(people: People) -> None:
    ada = people.account("ada", password=PASSWORD)
    here, there = people.browser(ada), people.browser(ada)
    wrong = here.put("/api/session/password", json={"current": "wrong", "new": "another horse entirely"})
    assert wrong.status_code == 422 and "current" in wrong.json()["detail"]
    right = here.put("/api/session/password", json={"current": PASSWORD, "new": "another horse entirely"})
    assert right.status_code == 204
    assert here.get("/api/session").status_code == 200
    assert there.get("/api/session").status_code == 401
    sign_in(people.nobody(), name="ada", password="another horse entirely")


# Tokens


def make(client: TestClient, **body: object) -> str:
    answer = client.post("/api/tokens", json={"name": "kernel", **body})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["secret"])


def test_a_token_is_shown_once_kept_as_a_digest_and_noted_when_used(people: People) -> None:
    client = people.browser(people.account("ada"))
    secret = make(client, scope="write")
    assert secret.startswith("evnb_") and len(secret) >= 48
    (listed,) = client.get("/api/tokens").json()["items"]
    assert listed["hint"] == secret[:9] and listed["used_at"] is None and "secret" not in listed
    assert secret not in client.get("/api/tokens").text
    assert people.bearing(secret).get("/api/session").json()["scope"] == "write"
    assert client.get("/api/tokens").json()["items"][0]["used_at"] is not None
    with people.store.database.engine.connect() as connection:
        assert secret not in str(connection.exec_driver_sql("SELECT api_token::text FROM api_token").all())


def test_a_token_that_is_expired_revoked_or_tampered_with_is_refused(people: People) -> None:
    client = people.browser(people.account("ada"))
    secret = make(client)
    assert people.bearing(secret).get("/api/session").status_code == 200
    for wrong in (secret[:-1], secret + "x", secret.swapcase(), "evnb_", "evnb_" + "A" * 43):
        assert people.bearing(wrong).get("/api/session").status_code == 401, wrong
    people.sql("UPDATE api_token SET expires_at = now()")
    expired = people.bearing(secret).get("/api/session")
    assert expired.status_code == 401 and "expired" in expired.json()["detail"]
    people.sql("UPDATE api_token SET expires_at = now() + interval '1 day'")
    (listed,) = client.get("/api/tokens").json()["items"]
    assert client.delete(f"/api/tokens/{listed['id']}").status_code == 204
    assert people.bearing(secret).get("/api/session").status_code == 401


def test_a_token_lives_ninety_days_and_at_most_a_year(people: People) -> None:
    client = people.browser(people.account("ada"))
    made = client.post("/api/tokens", json={"name": "kernel"}).json()["token"]
    assert made["scope"] == "read"
    assert made["expires_at"][:10] != made["created_at"][:10]
    assert client.post("/api/tokens", json={"name": "kernel", "days": 400}).status_code == 422
    assert client.post("/api/tokens", json={"name": "kernel", "days": 0}).status_code == 422


def test_a_token_for_reading_changes_nothing_and_one_for_writing_governs_nobody(people: People) -> None:
    project = people.project("ours")
    ada = people.account("ada", {project: "admin"})
    reading, writing = people.program(ada, "read"), people.program(ada, "write")
    governing = people.program(ada, "admin")
    new = {"name": "ada", "role": "viewer"}
    where = f"/api/projects/{project}/members"
    assert reading.get(where).status_code == writing.get(where).status_code == 200
    for client in (reading, writing):
        refused = client.post(where, json=new)
        assert refused.status_code == 403 and "token" in refused.json()["detail"] + refused.json()["remedy"]
    assert governing.post(where, json={**new, "role": "admin"}).status_code == 201


def test_a_token_of_one_project_reaches_no_other_and_no_accounts(people: People) -> None:
    ours, theirs = people.project("ours"), people.project("theirs")
    boss = people.account("boss", owner=True)
    client = people.program(boss, "admin", project_id=ours)
    me = client.get("/api/session").json()
    # The front lets owners into JupyterLab, which reaches everything: this is none.
    assert [one["id"] for one in me["projects"]] == [ours] and not me["owner"]
    assert [one["id"] for one in client.get("/api/projects").json()["items"]] == [ours]
    assert client.get(f"/api/projects/{ours}").status_code == 200
    assert client.get(f"/api/projects/{theirs}").status_code == 404
    assert client.get("/api/users").status_code == 403
    assert client.post("/api/projects", json={"name": "more"}).status_code == 403


def test_a_token_makes_no_token_changes_no_password_and_sees_no_other_token(people: People) -> None:
    boss = people.account("boss", owner=True, password=PASSWORD)
    client = people.program(boss, "admin")
    assert client.post("/api/tokens", json={"name": "child"}).status_code == 403
    assert client.get("/api/tokens").status_code == 403
    assert client.put("/api/session/password", json={"new": "another horse entirely"}).status_code == 403
    assert client.get("/api/sessions").status_code == 403
    # A token for reading, too, can be thrown away by the program that has it.
    narrow = people.program(people.account("ada"), "write")
    mine = narrow.get("/api/session").json()
    with people.store.database.transaction() as session:
        (token,) = accounts.tokens(session, mine["user_id"])
    assert narrow.delete(f"/api/tokens/{token.id}").status_code == 204
    assert narrow.get("/api/session").status_code == 401


def test_nobody_makes_a_token_for_a_project_that_it_does_not_see(people: People) -> None:
    theirs = people.project("theirs")
    client = people.browser(people.account("ada"))
    answer = client.post("/api/tokens", json={"name": "kernel", "project_id": theirs})
    assert answer.status_code == 404


# Forged requests


def test_an_unsafe_request_by_cookie_needs_the_header(people: People) -> None:
    client = people.browser(people.account("ada"))
    right = client.headers.pop(CSRF)
    other = people.browser(people.account("eve")).headers[CSRF]
    for wrong in (None, "", right[:-1], right + "x", other, "null", "ü".encode()):
        headers = {} if wrong is None else {CSRF: wrong}
        answer = client.post("/api/tokens", json={"name": "kernel"}, headers=headers)
        assert answer.status_code == 403 and CSRF in answer.json()["detail"], wrong
    assert client.get("/api/tokens").status_code == 200
    assert client.post("/api/tokens", json={"name": "kernel"}, headers={CSRF: right}).status_code == 201


def test_an_unsafe_request_from_another_sites_page_is_refused_although_it_has_the_header(people: People) -> None:
    client = people.browser(people.account("ada"))

    def post(**headers: str) -> int:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return client.post("/api/tokens", json={"name": "kernel"}, headers=named).status_code

    assert post(origin="http://evalnb.test") == 201
    for stranger in ("http://evil.test", "https://evalnb.test", "http://evalnb.test:8080", "null"):
        assert post(origin=stranger) == 403, stranger
    assert post(sec_fetch_site="cross-site") == 403
    assert post(sec_fetch_site="same-origin") == 201
    # Behind a front the browser's own address is what the front says it is.
    assert post(origin="https://evalnb.example", x_forwarded_proto="https", x_forwarded_host="evalnb.example") == 201


def test_another_sites_page_cannot_sign_a_browser_in(people: People) -> None:
    answer = people.nobody().post(
        "/api/session", json={"token": people.app.state.token}, headers={"Origin": "http://evil.test"}
    )
    assert answer.status_code == 403 and "set-cookie" not in answer.headers


def test_a_program_with_a_token_needs_no_header(people: People) -> None:
    assert people.home().post("/api/projects", json={"name": "made"}).status_code == 201


def test_a_bearer_token_goes_before_a_cookie(people: People) -> None:
    client = people.browser(people.account("ada"))
    client.headers["Authorization"] = "Bearer evnb_wrong"
    assert client.get("/api/session").status_code == 401


# Accounts and members


def test_accounts_are_an_owners_affair(people: People) -> None:
    ada = people.account("ada")
    client = people.browser(ada)
    assert client.get("/api/users").status_code == 403
    assert client.post("/api/users", json={"name": "eve", "password": PASSWORD}).status_code == 403
    assert client.get(f"/api/users/{ada.id}").json()["name"] == "ada"
    boss = people.account("boss", owner=True)
    assert client.get(f"/api/users/{boss.id}").status_code == 404
    assert client.get(f"/api/users/{boss.id + 1000}").status_code == 404
    assert client.patch(f"/api/users/{ada.id}", json={"owner": True}).status_code == 403
    home = people.home()
    made = home.post("/api/users", json={"name": "eve", "password": PASSWORD})
    assert made.status_code == 201 and "password" not in made.text.replace("has_password", "")
    assert home.post("/api/users", json={"name": "EVE"}).status_code == 409
    first = home.get("/api/users", params={"limit": 2}).json()
    rest = home.get("/api/users", params={"limit": 2, "after": first["next"]}).json()
    assert [one["name"] for one in first["items"] + rest["items"]] == ["ada", "boss", "tester", "eve"]
    assert home.put(f"/api/users/{ada.id}/password", json={"password": PASSWORD}).status_code == 204
    sign_in(people.nobody(), name="ada", password=PASSWORD)


def test_an_admin_of_a_project_makes_members_and_a_member_leaves(people: People) -> None:
    ours = people.project("ours")
    admin = people.browser(people.account("ada", {ours: "admin"}))
    eve = people.account("eve")
    guest = people.browser(eve)
    where = f"/api/projects/{ours}/members"
    assert guest.get(where).status_code == 404
    assert admin.post(where, json={"name": "nobody", "role": "viewer"}).status_code == 404
    assert admin.post(where, json={"name": "EVE", "role": "viewer"}).json()["role"] == "viewer"
    assert [one["name"] for one in guest.get(where).json()["items"]] == ["ada", "eve"]
    assert guest.put(f"{where}/{eve.id}", json={"role": "admin"}).status_code == 403
    assert admin.put(f"{where}/{eve.id}", json={"role": "annotator"}).json()["role"] == "annotator"
    assert guest.delete(f"{where}/{eve.id}").status_code == 204
    assert guest.get(where).status_code == 404
    assert admin.delete(f"{where}/{eve.id}").status_code == 404
