"""A client of live editing, as a page is one: it connects, watches an image, sends its ops until they are answered."""

from __future__ import annotations

import itertools
import json
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

from evalnb_server.realtime.frames import decode


class Wire:
    """One WebSocket. Not for two threads at once."""

    def __init__(self, base: str, *, ticket: str | None = None, token: str | None = None, **options: Any) -> None:
        if ticket is None:
            ticket = take_ticket(base, token or "")
        self.socket: ClientConnection = connect(
            base.replace("http", "ws") + "/api/live", max_size=None, proxy=None, open_timeout=20, **options
        )
        self.numbers = itertools.count(1)
        self.pushes: list[dict[str, Any]] = []
        self.say({"ticket": ticket})

    def say(self, message: dict[str, Any]) -> None:
        self.socket.send(json.dumps(message))

    def hear(self, timeout_s: float = 20) -> tuple[dict[str, Any], list[bytes]]:
        return decode(self.socket.recv(timeout=timeout_s))

    def welcomed(self) -> dict[str, Any]:
        message, _ = self.hear()
        assert message["push"] == "welcome", message
        return message

    def tell(self, dataset_id: int, **ask: Any) -> int:
        number = next(self.numbers)
        self.say({"id": number, "dataset": dataset_id, **ask})
        return number

    def answer(self, number: int) -> tuple[dict[str, Any], list[bytes]]:
        """The answer to an ask; what is pushed meanwhile is kept."""
        while True:
            message, buffers = self.hear()
            if message.get("id") == number:
                return message, buffers
            self.pushes.append(message)

    def ask(self, dataset_id: int, **ask: Any) -> dict[str, Any]:
        message, _ = self.answer(self.tell(dataset_id, **ask))
        assert "ok" in message, message
        reply: dict[str, Any] = message["ok"]
        return reply

    def refused(self, dataset_id: int, **ask: Any) -> dict[str, Any]:
        message, _ = self.answer(self.tell(dataset_id, **ask))
        assert "error" in message, message
        refusal: dict[str, Any] = message["error"]
        return refusal

    def pushed(self, kind: str, timeout_s: float = 20) -> dict[str, Any]:
        """The next push of that kind."""
        while True:
            for place, push in enumerate(self.pushes):
                if push["push"] == kind:
                    return self.pushes.pop(place)
            message, _ = self.hear(timeout_s)
            self.pushes.append(message)

    def close(self) -> None:
        self.socket.close()


def take_ticket(base: str, token: str) -> str:
    answer = httpx.post(
        f"{base}/api/live/ticket", headers={"Authorization": f"Bearer {token}"}, trust_env=False, timeout=30
    )
    assert answer.status_code == 200, answer.text
    ticket: str = answer.json()["ticket"]
    return ticket
