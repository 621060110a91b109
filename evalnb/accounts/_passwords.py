"""Passwords: argon2id by RFC 9106's second recommendation (64 MiB, three passes, four lanes)."""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from evalnb.errors import Invalid, Unavailable

if TYPE_CHECKING:
    from argon2 import PasswordHasher

_T = TypeVar("_T")

SHORTEST = 12
"""Characters."""
LONGEST = 256

# Each takes 64 MiB and tens of milliseconds of every core: a crowd at the door must not take the machine.
_AT_ONCE = threading.BoundedSemaphore(2)
_PATIENCE_S = 10.0


@cache
def _hasher() -> PasswordHasher:
    # Late: whoever opens a project needs no password.
    from argon2 import PasswordHasher, profiles

    return PasswordHasher.from_parameters(profiles.RFC_9106_LOW_MEMORY)


@cache
def _nobodys() -> str:
    """A hash to compare with where there is no account: the answer must take as long."""
    return _hasher().hash("the password of nobody at all")


def hashed(password: str, *, name: str) -> str:
    """The argon2id string of a new password; Invalid where it is too short, too long, or the name."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise Invalid(
            f"the password has {len(password)} characters", remedy=f"choose one of {SHORTEST} to {LONGEST} characters"
        )
    if _folded(password) == _folded(name) or len(set(password)) < 4:
        raise Invalid("the password is easy to guess", remedy="choose another, for instance four unrelated words")
    return _one_of_few(lambda: _hasher().hash(_normal(password)))


def fits(password: str, known: str | None) -> bool:
    """Whether it is the password of that hash; as slow for None, which nothing fits."""
    from argon2.exceptions import InvalidHashError, VerificationError

    def verify() -> bool:
        try:
            return _hasher().verify(known or _nobodys(), _normal(password)) and known is not None
        except (VerificationError, InvalidHashError):
            return False

    # One that is too long is nobody's; comparing it would only cost.
    return len(password) <= LONGEST and _one_of_few(verify)


def outdated(known: str) -> bool:
    """Whether the hash was made by weaker parameters than today's."""
    return _hasher().check_needs_rehash(known)


def rehashed(password: str) -> str:
    """A password that has just fitted, by today's parameters; its length was judged when it was set."""
    return _one_of_few(lambda: _hasher().hash(_normal(password)))


def _one_of_few(work: Callable[[], _T]) -> _T:
    if not _AT_ONCE.acquire(timeout=_PATIENCE_S):
        raise Unavailable("too many people sign in at once", remedy="try again in a minute")
    try:
        return work()
    finally:
        _AT_ONCE.release()


def _normal(password: str) -> str:
    # Keyboards differ in how they write é; NIST SP 800-63B asks for one normal form.
    return unicodedata.normalize("NFKC", password)


def _folded(text: str) -> str:
    return _normal(text).casefold()
