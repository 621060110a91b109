"""People at the API's door: accounts, and a client for each way in; the real application, in this process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from evalnb_server import identity
from evalnb_server.app import create_app
from fastapi import FastAPI
from starlette.testclient import TestClient

from evalnb import accounts
from evalnb.accounts import AccountRecord, Role, Scope
from evalnb.store import Store
from evalnb.store.repositories import projects

PASSWORD = "correct horse battery staple"


@dataclass(frozen=True)
class People:
    """Who may come, and their clients."""

    app: FastAPI
    store: Store

    def project(self, name: str) -> int:
        with self.store.database.transaction() as session:
            return projects.opened(session, name)

    def account(
        self,
        name: str,
        roles: Mapping[int, Role] | None = None,
        *,
        owner: bool = False,
        password: str | None = None,
    ) -> AccountRecord:
        with self.store.database.transaction() as session:
            made = accounts.add_account(session, name, owner=owner, password=password)
            for project_id, role in (roles or {}).items():
                accounts.set_member(session, made, project_id, role)
        return made

    def nobody(self, *, address: str = "127.0.0.1", url: str = "http://evalnb.test") -> TestClient:
        """A browser that has not signed in."""
        return TestClient(self.app, url, raise_server_exceptions=False, client=(address, 50_000))

    def browser(self, account: AccountRecord) -> TestClient:
        """A browser that has: it sends the cookie, and the portal's code the header."""
        with self.store.database.transaction() as session:
            entered = accounts.enter(session, account, address="127.0.0.1")
        client = self.nobody()
        client.cookies.set(identity.COOKIE, entered.secret)
        client.headers[identity.CSRF_HEADER] = entered.caller.csrf or ""
        return client

    def program(
        self, account: AccountRecord, scope: Scope, *, project_id: int | None = None, days: float = 1
    ) -> TestClient:
        """A program with an API token."""
        return self.bearing(self.token(account, scope, project_id=project_id, days=days))

    def token(self, account: AccountRecord, scope: Scope, *, project_id: int | None = None, days: float = 1) -> str:
        with self.store.database.transaction() as session:
            return accounts.new_token(
                session, account.id, "test", scope=scope, project_id=project_id, days=days
            ).secret

    def home(self) -> TestClient:
        """A program at this machine, with the home's own token."""
        return self.bearing(self.app.state.token)

    def bearing(self, token: str) -> TestClient:
        client = self.nobody()
        client.headers["Authorization"] = f"Bearer {token}"
        return client

    def sql(self, statement: str) -> None:
        """Time passes, for instance."""
        with self.store.database.engine.begin() as connection:
            connection.exec_driver_sql(statement)


@contextmanager
def people_of(store: Store) -> Iterator[People]:
    """The application over the store's settings, started."""
    app = create_app(store.settings)
    with TestClient(app):
        yield People(app, store)
