"""``evalnb user`` and ``evalnb token``, typed."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from evalnb import accounts
from evalnb.cli import main
from evalnb.errors import Unauthorized
from evalnb.settings import Settings
from evalnb.store import Store
from evalnb.store.repositories import projects

PASSWORD = "correct horse battery staple"
Verb = Callable[..., Result]


@pytest.fixture
def evalnb(settings: Settings, store: Store) -> Verb:
    def run(*words: str, typed: str = "", refused: bool = False) -> Result:
        done = CliRunner().invoke(main, list(words), input=typed, env=settings.to_environment())
        assert done.exit_code == (1 if refused else 0), done.output
        return done

    return run


@pytest.fixture
def project(store: Store) -> int:
    with store.database.transaction() as session:
        return projects.opened(session, "warehouse")


def test_an_account_is_made_given_a_role_and_signs_in(evalnb: Verb, store: Store, project: int) -> None:
    evalnb("user", "add", "ada", typed=f"{PASSWORD}\n{PASSWORD}\n")
    assert "annotator" in evalnb("user", "role", "Ada", "warehouse", "annotator").output
    who = accounts.sign_in(store, "ada", PASSWORD, address="10.0.0.1").caller
    with store.database.transaction() as session:
        assert accounts.role_of(session, who, project) == "annotator"
    (row,) = json.loads(evalnb("user", "list", "--json").stdout)
    assert (row["name"], row["roles"], row["owner"]) == ("ada", {"warehouse": "annotator"}, False)
    table = evalnb("user", "list").stdout
    assert "warehouse: annotator" in table and "password" in table
    evalnb("user", "role", "ada", "warehouse", "none")
    with store.database.transaction() as session:
        assert accounts.role_of(session, who, project) is None


def test_a_password_comes_from_standard_input_where_a_program_types(evalnb: Verb, store: Store) -> None:
    evalnb("user", "add", "ada", "--owner", "--password-stdin", typed=f"{PASSWORD}\n")
    entered = accounts.sign_in(store, "ada", PASSWORD, address="10.0.0.1")
    assert entered.caller.owner
    evalnb("user", "password", "ada", "--password-stdin", typed="another horse entirely\n")
    accounts.sign_in(store, "ada", "another horse entirely", address="10.0.0.1")
    with pytest.raises(Unauthorized), store.database.transaction() as session:
        accounts.by_session(session, entered.secret)


def test_what_cannot_be_done_is_told_in_two_lines(evalnb: Verb) -> None:
    evalnb("token", "new", "kernel")  # makes the owner of this home
    assert "only owner" in evalnb("user", "disable", "tester", refused=True).output
    assert "characters" in evalnb("user", "add", "eve", "--password-stdin", typed="short\n", refused=True).output
    assert "no account 'eve'" in evalnb("user", "disable", "eve", refused=True).output
    assert "no token 77" in evalnb("token", "revoke", "77", refused=True).output
    assert "no project 'nowhere'" in evalnb("user", "role", "tester", "nowhere", "viewer", refused=True).output


def test_an_account_is_shut_out_and_let_in(evalnb: Verb, store: Store) -> None:
    evalnb("user", "add", "ada", "--no-password")
    assert "shut out" in evalnb("user", "disable", "ada").output
    assert json.loads(evalnb("user", "list", "--json").stdout)[0]["disabled"] is True
    assert "disabled" in evalnb("user", "list").stdout
    evalnb("user", "disable", "ada", "--undo")
    assert json.loads(evalnb("user", "list", "--json").stdout)[0]["disabled"] is False


def test_a_token_is_printed_alone_listed_without_its_secret_and_revoked(
    evalnb: Verb, store: Store, project: int
) -> None:
    made = evalnb("token", "new", "the night's kernel", "--scope", "write", "--project", "warehouse", "--days", "7")
    secret = made.stdout.strip()
    assert secret.startswith("evnb_") and "write" in made.stderr and "tester" in made.stderr
    with store.database.transaction() as session:
        who = accounts.by_token(session, secret)
    assert (who.name, who.owner, who.scope, who.project_id) == ("tester", True, "write", project)
    (row,) = json.loads(evalnb("token", "list", "--json").stdout)
    assert row["name"] == "the night's kernel" and "secret" not in row
    table = evalnb("token", "list").stdout
    assert secret not in table and secret[:9] in table
    evalnb("token", "revoke", str(row["id"]))
    assert json.loads(evalnb("token", "list", "--json").stdout) == []


def test_a_token_stands_for_the_account_that_is_named(evalnb: Verb, store: Store) -> None:
    evalnb("user", "add", "robot", "--no-password")
    body = json.loads(evalnb("token", "new", "nightly", "--user", "robot", "--json").stdout)
    with store.database.transaction() as session:
        assert accounts.by_token(session, body["secret"]).name == "robot"
