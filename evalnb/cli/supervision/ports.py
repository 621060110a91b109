"""Finding room on the machine's address."""

import socket
from collections.abc import Iterable

from evalnb.errors import Unavailable

_TRIES = 200


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen on ``host:port`` now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As the servers themselves do: connections in TIME_WAIT do not make a port busy.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def first_free(host: str, start: int, *, taken: Iterable[int] = ()) -> int:
    """The first port from ``start`` on that is free and not ``taken``.

    Raises Unavailable where two hundred ports in a row are busy or the address is not this machine's.
    """
    avoid = set(taken)
    for port in range(start, min(start + _TRIES, 65536)):
        if port not in avoid and is_free(host, port):
            return port
    raise Unavailable(
        f"no free port on {host} from {start} on",
        remedy="set EVALNB_HOST to an address of this machine, or EVALNB_PORT to another first port",
    )


def exactly(host: str, port: int) -> int:
    """``port``, which a person asked for by number. Raises Unavailable where something else listens there."""
    if not is_free(host, port):
        raise Unavailable(
            f"port {port} on {host} is busy",
            remedy="end what listens there, ask for another --port, or leave --port out to take the next free one",
        )
    return port
