"""Guessing made slow: after a few failures each further attempt waits twice as long as the one before."""

from __future__ import annotations

import ipaddress

from sqlalchemy.orm import Session

from evalnb.errors import Throttled
from evalnb.store.repositories import proofs

FREE = 5
"""Failures of one name from one address that cost nothing: people mistype."""
FREE_BY_ADDRESS = 25
"""Failures of one address under any names: an office behind one address mistypes, too."""
FIRST_WAIT_S = 15.0
LONGEST_WAIT_S = 900.0
_ANY = ""


def admit(session: Session, key: str, address: str) -> None:
    """Count an attempt as failed before it is made; Throttled where it comes too early.

    Before, so that a hundred at once are counted as a hundred. ``pardon`` takes it back from whoever was right.
    """
    place = network_of(address)
    # Always in this order: two attempts at once must not hold one row each.
    for name, free in ((_ANY, FREE_BY_ADDRESS), (key, FREE)):
        failed = proofs.failures(session, name, place)
        wait_s = wait_after(failed.count - free) - failed.ago_s
        if wait_s > 0:
            raise Throttled(
                f"signing in has failed {failed.count} times from here",
                remedy=f"wait {max(1, round(wait_s))} s, and try again",
                retry_after_s=wait_s,
            )
    for name in (_ANY, key):
        proofs.count_failure(session, name, place)


def pardon(session: Session, key: str, address: str) -> None:
    """The attempt was right: this name's failures are forgotten, the address keeps those of other names."""
    place = network_of(address)
    proofs.count_failure(session, _ANY, place, step=-1)
    proofs.forgive(session, key, place)


def wait_after(beyond: int) -> float:
    """Seconds between attempts, ``beyond`` failures after the free ones: 15, 30, 60 … 900."""
    return 0.0 if beyond < 0 else min(FIRST_WAIT_S * 2.0 ** min(beyond, 30), LONGEST_WAIT_S)


def network_of(address: str) -> str:
    """The address; of IPv6 the /64, which one person has whole."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if known.version == 4:
        return str(known)
    mapped = known.ipv4_mapped
    return str(mapped) if mapped else str(ipaddress.ip_network((known, 64), strict=False))
