"""``evalnb user`` and ``evalnb token``: who may come in, from the machine that the database trusts."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from evalnb.cli._options import json_option
from evalnb.cli._terminal import print_json, print_table
from evalnb.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from evalnb.accounts import TokenRecord

_ROLE = click.Choice(["viewer", "annotator", "admin", "none"])
_SCOPE = click.Choice(["read", "write", "admin"])
_STDIN = click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")


@contextmanager
def _session() -> Iterator[Session]:
    from evalnb.store import open_store

    store = open_store(Settings.from_environment(), without_broker=True)
    try:
        with store.database.transaction() as session:
            yield session
    finally:
        store.close()


@click.group()
def user() -> None:
    """Who may sign in to the API and the portal, and what for."""


@user.command("add")
@click.argument("name")
@click.option("--owner", is_flag=True, help="Sees every project, makes projects, manages accounts.")
@click.option("--no-password", is_flag=True, help="One who signs in by nothing: for API tokens alone.")
@_STDIN
def add(name: str, owner: bool, no_password: bool, password_stdin: bool) -> None:
    """Make an account. Asks for its password."""
    from evalnb import accounts

    password = None if no_password else _password(password_stdin)
    with _session() as session:
        made = accounts.add_account(session, name, password=password, owner=owner)
    said = "may sign in" if password else "is made, for API tokens alone"
    click.echo(f"{made.name} {said}{', and is an owner' if owner else ''}")
    if not owner:
        click.echo(f"It sees no project yet: evalnb user role {made.name!r} PROJECT annotator")


@user.command("list")
@json_option
def list_users(as_json: bool) -> None:
    """Every account, with its roles."""
    from evalnb import accounts

    rows: list[dict[str, Any]] = []
    with _session() as session:
        after = 0
        while page := accounts.accounts(session, after=after, limit=500):
            after = page[-1].id
            for one in page:
                roles = {held.project: held.role for held in accounts.memberships(session, one.id)}
                rows.append(
                    {
                        "id": one.id,
                        "name": one.name,
                        "owner": one.owner,
                        "local": one.local,
                        "password": one.has_password,
                        "disabled": one.disabled,
                        "roles": roles,
                    }
                )
    if as_json:
        print_json(rows)
        return
    print_table(
        ["name", "projects", "signs in by", ""],
        [
            [
                row["name"],
                "all (owner)" if row["owner"] else ", ".join(f"{p}: {r}" for p, r in row["roles"].items()) or "none",
                " or ".join(
                    way for way, has in (("password", row["password"]), ("this home's token", row["local"])) if has
                )
                or "API tokens alone",
                "disabled" if row["disabled"] else "",
            ]
            for row in rows
        ],
    )


@user.command()
@click.argument("name")
@_STDIN
def password(name: str, password_stdin: bool) -> None:
    """Give an account a new password, and sign it out everywhere."""
    from evalnb import accounts

    new = _password(password_stdin)
    with _session() as session:
        found = accounts.named(session, name)
        accounts.set_password(session, found.id, new)
    click.echo(f"{found.name} has a new password, and is signed out everywhere")


@user.command()
@click.argument("name")
@click.option("--undo", is_flag=True, help="Let it in again.")
def disable(name: str, undo: bool) -> None:
    """Shut an account out: it is signed out at once, and its tokens are refused."""
    from evalnb import accounts

    with _session() as session:
        found = accounts.named(session, name)
        accounts.change_account(session, found.id, disabled=not undo)
    click.echo(f"{found.name} may come in again" if undo else f"{found.name} is shut out")


@user.command()
@click.argument("name")
@click.argument("project")
@click.argument("role", type=_ROLE)
def role(name: str, project: str, role: str) -> None:
    """Make NAME a viewer, annotator or admin of PROJECT; none ends it."""
    from evalnb import accounts

    with _session() as session:
        found = accounts.named(session, name)
        inside = accounts.project_named(session, project)
        if role == "none":
            accounts.drop_member(session, found.id, inside.id)
        else:
            accounts.set_member(session, found, inside.id, role)  # type: ignore[arg-type]  # click has checked it
    click.echo(f"{found.name} is {'no member' if role == 'none' else role} of {inside.name}")


@click.group()
def token() -> None:
    """API tokens, for kernels and programs."""


@token.command("new")
@click.argument("name")
@click.option("--user", "user_name", help="Whom it stands for. Default: you, this home's owner.")
@click.option("--scope", type=_SCOPE, default="read", show_default=True, help="What it may be used for.")
@click.option("--project", help="The only project that it reaches. Default: all of the account's.")
@click.option("--days", default=90.0, show_default=True, type=click.FloatRange(0, 366, min_open=True))
@json_option
def new(name: str, user_name: str | None, scope: str, project: str | None, days: float, as_json: bool) -> None:
    """Make a token, and print it: now, and never again. NAME says what it is for."""
    from evalnb import accounts

    with _session() as session:
        if user_name is None:
            found = accounts.local_owner(session, Settings.from_environment().author)
        else:
            found = accounts.named(session, user_name)
        made = accounts.new_token(
            session,
            found.id,
            name,
            scope=scope,  # type: ignore[arg-type]  # click has checked it
            project_id=None if project is None else accounts.project_named(session, project).id,
            days=days,
        )
    if as_json:
        print_json({"id": made.record.id, "secret": made.secret, "expires_at": made.record.expires_at})
        return
    # Alone on standard output, for TOKEN=$(evalnb token new …).
    click.echo(made.secret)
    click.echo(f"stands for {found.name}, to {scope}, until {made.record.expires_at:%Y-%m-%d}", err=True)


@token.command("list")
@json_option
def list_tokens(as_json: bool) -> None:
    """Every account's tokens, without their secrets."""
    from evalnb import accounts

    found: list[TokenRecord] = []
    with _session() as session:
        while page := accounts.tokens(session, after=found[-1].id if found else 0, limit=500):
            found += page
    if as_json:
        rows = [
            {
                "id": one.id,
                "user": one.account,
                "name": one.name,
                "hint": one.hint,
                "scope": one.scope,
                "project_id": one.project_id,
                "expires_at": one.expires_at,
                "used_at": one.used_at,
            }
            for one in found
        ]
        print_json(rows)
        return
    print_table(
        ["id", "account", "for", "begins", "scope", "until", "used"],
        [
            [
                str(one.id),
                one.account,
                one.name,
                f"{one.hint}…",
                one.scope,
                f"{one.expires_at:%Y-%m-%d}",
                f"{one.used_at:%Y-%m-%d %H:%M}" if one.used_at else "never",
            ]
            for one in found
        ],
    )


@token.command()
@click.argument("id", type=int)
def revoke(id: int) -> None:
    """End the token of that id at once."""
    from evalnb import accounts

    with _session() as session:
        gone = accounts.token(session, id)
        accounts.revoke_token(session, id)
    click.echo(f"{gone.name} of {gone.account} is revoked")


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    asked: str = click.prompt("Password", hide_input=True, confirmation_prompt="Once more", err=True)
    return asked
