"""Accounts, passwords and memberships, without HTTP."""

from __future__ import annotations

import threading

import pytest

from evalnb import accounts
from evalnb.accounts import Caller, _passwords, _throttle
from evalnb.errors import Conflict, Invalid, NotFound, Throttled, Unauthorized
from evalnb.store import Store
from evalnb.store.repositories import projects

PASSWORD = "correct horse battery staple"


def password_hash(store: Store, name: str) -> str:
    with store.database.engine.connect() as connection:
        found = connection.exec_driver_sql("SELECT password_hash FROM account WHERE name = %s", (name,)).scalar_one()
    return str(found)


def test_a_password_is_kept_as_argon2id_of_64_mib_and_three_passes(store: Store) -> None:
    with store.database.transaction() as session:
        accounts.add_account(session, "ada", password=PASSWORD)
    assert password_hash(store, "ada").startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_signing_in_takes_the_name_in_any_case_and_the_password_in_either_unicode_form(store: Store) -> None:
    with store.database.transaction() as session:
        accounts.add_account(session, "Ada", password="café crème au lait")
    entered = accounts.sign_in(store, "ADA", "cafe\u0301 cre\u0300me au lait", address="10.0.0.1")
    assert (entered.caller.name, entered.caller.scope, entered.caller.via) == ("Ada", "admin", "session")
    with store.database.transaction() as session:
        assert accounts.by_session(session, entered.secret) == entered.caller


def test_a_wrong_name_a_wrong_password_and_an_account_that_is_shut_out_are_told_alike(store: Store) -> None:
    with store.database.transaction() as session:
        accounts.add_account(session, "ada", password=PASSWORD)
        accounts.add_account(session, "tokens only")
        shut = accounts.add_account(session, "bob", password=PASSWORD)
        accounts.change_account(session, shut.id, disabled=True)
    said = set()
    for name, password in (("ada", "wrong"), ("eve", PASSWORD), ("bob", PASSWORD), ("tokens only", PASSWORD)):
        with pytest.raises(Unauthorized) as refused:
            accounts.sign_in(store, name, password, address="10.0.0.1")
        said.add(str(refused.value))
    assert len(said) == 1


def test_a_hash_of_weaker_parameters_is_made_anew_at_the_next_sign_in(store: Store) -> None:
    from argon2 import PasswordHasher

    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    with store.database.transaction() as session:
        accounts.add_account(session, "ada")
    with store.database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE account SET password_hash = %s", (weak,))
    accounts.sign_in(store, "ada", PASSWORD, address="10.0.0.1")
    assert "m=65536,t=3,p=4" in password_hash(store, "ada")
    accounts.sign_in(store, "ada", PASSWORD, address="10.0.0.1")


@pytest.mark.parametrize("password", ["", "short", "x" * 300, "aaaaaaaaaaaaaaaa", "Lovelace-1815"])
def test_a_password_that_is_short_endless_or_the_name_is_refused(password: str) -> None:
    with pytest.raises(Invalid):
        _passwords.hashed(password, name="lovelace-1815")


@pytest.mark.parametrize("name", ["", " ada", "ada ", "a" * 65, "a\nb", "a\x00b", "a\u202eb"])
def test_a_name_that_cannot_be_read_is_refused(store: Store, name: str) -> None:
    with pytest.raises(Invalid), store.database.transaction() as session:
        accounts.add_account(session, name)


def test_names_that_differ_in_case_or_width_alone_are_one(store: Store) -> None:
    with store.database.transaction() as session:
        accounts.add_account(session, "Ada")
    for name in ("ADA", "\uff21\uff44\uff41"):
        with pytest.raises(Conflict), store.database.transaction() as session:
            accounts.add_account(session, name)


def test_the_only_owner_can_neither_be_shut_out_nor_put_down(store: Store) -> None:
    with store.database.transaction() as session:
        one = accounts.add_account(session, "one", owner=True)
        two = accounts.add_account(session, "two", owner=True)
        accounts.change_account(session, two.id, disabled=True)
    for change in ({"disabled": True}, {"owner": False}):
        with pytest.raises(Conflict, match="only owner"), store.database.transaction() as session:
            accounts.change_account(session, one.id, **change)
    with store.database.transaction() as session:
        accounts.change_account(session, two.id, disabled=False)
        assert not accounts.change_account(session, one.id, owner=False).owner


def test_two_owners_who_put_each_other_down_at_once_leave_one(store: Store) -> None:
    with store.database.transaction() as session:
        ids = [accounts.add_account(session, name, owner=True).id for name in ("one", "two")]
    start, refused = threading.Barrier(2), []

    def put_down(account_id: int) -> None:
        start.wait(30)
        try:
            with store.database.transaction() as session:
                accounts.change_account(session, account_id, owner=False)
        except Conflict as error:
            refused.append(error)

    threads = [threading.Thread(target=put_down, args=(one,)) for one in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    with store.database.transaction() as session:
        assert sum(one.owner for one in accounts.accounts(session)) == 1
    assert len(refused) == 1


def test_the_local_owner_is_made_once_whoever_asks(store: Store) -> None:
    made: list[int] = []

    def ask() -> None:
        with store.database.transaction() as session:
            made.append(accounts.by_home(session, "secret", "secret", author="ada").user_id)

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(made) == 6 and len(set(made)) == 1


def test_the_homes_token_does_not_raise_an_account_that_has_the_authors_name(store: Store) -> None:
    with store.database.transaction() as session:
        accounts.add_account(session, "ada", password=PASSWORD)
        local = accounts.local_owner(session, "ada")
        assert (local.name, local.owner, local.local) == ("ada-2", True, True)
        assert not accounts.named(session, "ada").owner


def test_the_homes_token_is_refused_when_its_account_is_shut_out(store: Store) -> None:
    with store.database.transaction() as session:
        local = accounts.local_owner(session, "ada")
        accounts.add_account(session, "grace", owner=True)
        accounts.change_account(session, local.id, disabled=True)
    with pytest.raises(Unauthorized, match="shut out"), store.database.transaction() as session:
        accounts.by_home(session, "secret", "secret", author="ada")


def test_a_role_is_capped_by_the_proofs_scope_and_project() -> None:
    caps = {"read": "viewer", "write": "annotator", "admin": "admin"}
    for scope, most in caps.items():
        who = Caller(user_id=1, name="ada", owner=False, scope=scope, via="token")  # type: ignore[arg-type]
        assert who.capped("admin") == most
        assert who.capped("viewer") == "viewer" and who.capped(None) is None


def test_members_come_go_and_change(store: Store) -> None:
    with store.database.transaction() as session:
        project = projects.opened(session, "default")
        ada = accounts.add_account(session, "ada")
        assert accounts.set_member(session, ada, project, "viewer").role == "viewer"
        assert accounts.change_member(session, ada.id, project, "admin").role == "admin"
        who = Caller(user_id=ada.id, name="ada", owner=False, scope="admin", via="session")
        assert [(one.name, role) for one, role in accounts.projects_of(session, who)] == [("default", "admin")]
        accounts.drop_member(session, ada.id, project)
        assert accounts.members(session, project) == [] and accounts.projects_of(session, who) == []
        for again in (
            lambda: accounts.drop_member(session, ada.id, project),
            lambda: accounts.change_member(session, ada.id, project, "viewer"),
        ):
            with pytest.raises(NotFound):
                again()


# Guessing


def test_waits_double_after_the_free_failures_up_to_a_quarter_of_an_hour() -> None:
    assert [_throttle.wait_after(n) for n in (-5, -1, 0, 1, 2, 20, 10_000)] == [0, 0, 15, 30, 60, 900, 900]


def fail(store: Store, name: str, address: str) -> type[Exception]:
    """What an attempt with a wrong password meets, without the price of argon2."""
    try:
        with store.database.transaction() as session:
            _throttle.admit(session, name, address)
    except Throttled as error:
        assert error.retry_after_s > 0
        return Throttled
    return Unauthorized


def test_after_five_failures_a_name_waits_at_that_address_and_nowhere_else(store: Store) -> None:
    assert [fail(store, "ada", "10.0.0.1") for _ in range(7)] == [Unauthorized] * 5 + [Throttled] * 2
    assert fail(store, "bob", "10.0.0.1") is Unauthorized
    assert fail(store, "ada", "10.0.0.2") is Unauthorized


def test_whoever_waits_may_try_again_and_waits_longer(store: Store) -> None:
    for _ in range(5):
        fail(store, "ada", "10.0.0.1")
    with store.database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE sign_in_failure SET last_at = last_at - interval '16 s'")
    assert fail(store, "ada", "10.0.0.1") is Unauthorized
    with store.database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE sign_in_failure SET last_at = last_at - interval '16 s'")
    assert fail(store, "ada", "10.0.0.1") is Throttled


def test_one_address_that_tries_many_names_waits(store: Store) -> None:
    met = [fail(store, f"name {n}", "10.0.0.1") for n in range(_throttle.FREE_BY_ADDRESS + 2)]
    assert met == [Unauthorized] * _throttle.FREE_BY_ADDRESS + [Throttled] * 2


def test_a_hundred_attempts_at_once_are_counted_as_a_hundred(store: Store) -> None:
    met: list[type[Exception]] = []
    threads = [threading.Thread(target=lambda: met.append(fail(store, "ada", "10.0.0.1"))) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(one.__name__ for one in met) == ["Throttled"] * 7 + ["Unauthorized"] * 5


def test_the_right_password_forgets_the_names_failures(store: Store) -> None:
    with store.database.transaction() as session:
        accounts.add_account(session, "ada", password=PASSWORD)
    for _ in range(4):
        fail(store, "ada", "10.0.0.1")
    accounts.sign_in(store, "ada", PASSWORD, address="10.0.0.1")
    assert [fail(store, "ada", "10.0.0.1") for _ in range(5)] == [Unauthorized] * 5


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("unix", "unix"),
    ],
)
def test_an_address_of_ipv6_counts_by_its_network(address: str, network: str) -> None:
    assert _throttle.network_of(address) == network
