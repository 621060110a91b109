"""PostgreSQL and blobs: tables, repositories, migrations, and the embedded servers."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evalnb.store._open import Store, open_store

__all__ = ["Store", "open_store"]


def __getattr__(name: str) -> Any:
    # Loaded when asked for: `evalnb status` looks at the embedded servers without SQLAlchemy's second of importing.
    if name in __all__:
        from evalnb.store import _open

        return getattr(_open, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
