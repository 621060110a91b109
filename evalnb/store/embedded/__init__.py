"""The servers that live under EVALNB_HOME: a PostgreSQL and a Valkey, shared by every process that uses the home."""

from evalnb.store.embedded._place import ServerStatus, prepare_home

__all__ = ["ServerStatus", "prepare_home"]
