"""A line to PostgreSQL that breaks where it is told to."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from sqlalchemy import URL, make_url

How: TypeAlias = Literal["closed", "told"]
"""The line ends; or the server says first that an administrator ends the session."""
Then: TypeAlias = Literal["silent", "starting"]
"""Who connects afterwards is hung up on; or hears that the server is starting up."""


@dataclass
class BreakingLine:
    """Passes sessions on to a server, and breaks all of them after so many of the server's messages.

    Once broken it stays so until it is mended. ``passed`` counts the messages since it was armed.
    """

    server: URL
    passed: int = 0
    broken: bool = False
    _after: int | None = None
    _how: How = "closed"
    _then: Then = "silent"
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _clients: list[socket.socket] = field(default_factory=list)
    _servers: list[socket.socket] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._door = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """The server's database, by this line."""
        port = self._door.getsockname()[1]
        query = {"sslmode": "disable", "gssencmode": "disable"}
        through = self.server.set(host="127.0.0.1", port=port, query=query)
        return through.render_as_string(hide_password=False)

    def arm(self, after: int | None, how: How = "closed", then: Then = "silent") -> None:
        """Break after that many messages from now; None never."""
        with self._lock:
            self._after, self._how, self._then, self.passed, self.broken = after, how, then, 0, after == 0
            if self.broken:
                self._cut()

    def close(self) -> None:
        """Take no more sessions, and end those that there are."""
        self._door.close()
        self.arm(0)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=[self._door.accept()[0]], daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            # One send for each message: what libpq reads ends where the line breaks.
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                refused = self.broken
                if not refused:
                    self._clients.append(client)
            if refused:
                if self._then == "starting":
                    client.recv(4096)
                    client.sendall(_fatal("57P03", "the database system is starting up"))
                return
            with self._reach() as server:
                with self._lock:
                    self._servers.append(server)
                threading.Thread(target=_pour, args=[client, server], daemon=True).start()
                self._pass_on(server, client)

    def _reach(self) -> socket.socket:
        host = self.server.query.get("host", self.server.host)
        port = self.server.query.get("port", self.server.port) or 5432
        if isinstance(host, str) and host.startswith("/"):
            server = socket.socket(socket.AF_UNIX)
            server.connect(f"{host}/.s.PGSQL.{port}")
            return server
        assert isinstance(host, str)
        assert isinstance(port, (int, str))
        return socket.create_connection((host, int(port)))

    def _pass_on(self, server: socket.socket, client: socket.socket) -> None:
        unread = b""
        while data := server.recv(65536):
            unread += data
            # A message: its kind, one byte; its length without that byte; what it says.
            while len(unread) >= 5 and len(unread) > (length := struct.unpack_from("!I", unread, 1)[0]):
                message, unread = unread[: length + 1], unread[length + 1 :]
                with self._lock:
                    if self.broken:
                        return
                    client.sendall(message)
                    self.passed += 1
                    if self.passed == self._after:
                        self.broken = True
                        self._cut()
                        return

    def _cut(self) -> None:
        for client in self._clients:
            if self._how == "told":
                with contextlib.suppress(OSError):
                    client.sendall(_fatal("57P01", "terminating connection due to administrator command"))
        for one in (*self._clients, *self._servers):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._clients.clear()
        self._servers.clear()


def breaking_line(database_url: str) -> BreakingLine:
    """A line to the database of that address."""
    return BreakingLine(make_url(database_url))


def _pour(client: socket.socket, server: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := client.recv(65536):
            server.sendall(data)
        server.shutdown(socket.SHUT_WR)


def _fatal(state: str, says: str) -> bytes:
    said = ((b"S", "FATAL"), (b"V", "FATAL"), (b"C", state), (b"M", says))
    fields = b"".join(kind + value.encode() + b"\0" for kind, value in said)
    return b"E" + struct.pack("!I", len(fields) + 5) + fields + b"\0"
