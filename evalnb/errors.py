"""One tree of errors. Each class carries the HTTP status that the server answers with.

A message has three parts: what happened, which value, and what to do now.
"""


class EvalnbError(Exception):
    """Anything that evalnb refuses. ``str(error)`` reads: what happened, with the value; then the next step."""

    status = 500

    def __init__(self, happened: str, *, remedy: str) -> None:
        super().__init__(f"{happened}; {remedy}")
        self.happened = happened
        self.remedy = remedy

    def _render_traceback_(self) -> list[str]:
        """What IPython prints instead of a traceback: a refusal is for a person, and says what to do."""
        kind = type(self).__name__
        return [f"\x1b[1;31m✗ {kind}:\x1b[0m {self.happened}", f"\x1b[1m→\x1b[0m {self.remedy}"]

    def __reduce__(self) -> tuple[object, ...]:
        # Errors cross process borders (worker → kernel); keyword-only arguments need their own way back.
        return (_rebuild, (type(self), self.happened, self.remedy))


def _rebuild(kind: type[EvalnbError], happened: str, remedy: str) -> EvalnbError:
    return kind(happened, remedy=remedy)


class Unauthorized(EvalnbError):
    """A caller who has not shown who it is."""

    status = 401


class Forbidden(EvalnbError):
    """A caller who is known, and may not do this."""

    status = 403


class NotFound(EvalnbError):
    """A name or id that the project does not have."""

    status = 404


class Invalid(EvalnbError):
    """A value that cannot be used: a bad argument, a malformed file, an impossible geometry."""

    status = 422


class Conflict(EvalnbError):
    """The thing exists already, or somebody changed it first."""

    status = 409


class StaleFence(Conflict):
    """A worker wrote about a job that another worker holds by now; nothing was written."""


class Locked(EvalnbError):
    """Somebody else is writing this very thing now; a moment later it may be free."""

    status = 423


class Gone(EvalnbError):
    """What was here and was removed, for instance an upload that nobody went on with."""

    status = 410


class TooLarge(EvalnbError):
    """More bytes than are taken here."""

    status = 413


class ChecksumMismatch(EvalnbError):
    """Bytes that are not those their sender summed up; they were not kept (the status is tus's own)."""

    status = 460


class Unsafe(EvalnbError):
    """A file that could run code or exhaust the machine, and is therefore not opened."""

    status = 415


class Throttled(EvalnbError):
    """Too many attempts; the next one may be made after ``retry_after_s``."""

    status = 429

    def __init__(self, happened: str, *, remedy: str, retry_after_s: float = 1.0) -> None:
        super().__init__(happened, remedy=remedy)
        self.retry_after_s = retry_after_s


class Unavailable(EvalnbError):
    """A server, device, port or disk that evalnb needs and cannot have now."""

    status = 503


class Busy(Unavailable):
    """Something that is here and has no time now; it may have after ``retry_after_s``."""

    def __init__(self, happened: str, *, remedy: str, retry_after_s: float = 1.0) -> None:
        super().__init__(happened, remedy=remedy)
        self.retry_after_s = retry_after_s


class TooLate(EvalnbError):
    """An answer that could not be had before its deadline."""

    status = 504


class Offline(Unavailable):
    """A download that needs a network there is not; the remedy says which file to put where."""


class MissingExtra(Unavailable):
    """A feature whose optional packages are not installed."""


class Cancelled(EvalnbError):
    """Work that was stopped on request; what it had finished is kept."""

    status = 499
