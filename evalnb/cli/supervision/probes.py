"""Asking a server whether it answers. The standard library alone: the supervisor stays small and quick to start."""

import http.client
import socket
import urllib.error
import urllib.parse
import urllib.request

# A proxy in the environment is for the outside; these addresses are this machine's.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def answers(url: str, *, token: str | None = None, timeout_s: float = 1.0) -> bool:
    """Whether GET ``url`` gives a status of 2xx."""
    request = urllib.request.Request(url, headers={"Authorization": f"token {token}"} if token else {})
    try:
        with _opener.open(request, timeout=timeout_s) as response:
            return bool(200 <= response.status < 300)
    except (urllib.error.URLError, http.client.HTTPException, OSError):
        return False


def listens(url: str, *, timeout_s: float = 1.0) -> bool:
    """Whether anything accepts connections at ``url``'s host and port."""
    parts = urllib.parse.urlsplit(url)
    try:
        with socket.create_connection((parts.hostname, parts.port), timeout=timeout_s):
            return True
    except OSError:
        return False
