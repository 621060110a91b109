"""What every wire shape shares."""

from pydantic import BaseModel, ConfigDict


class Wire(BaseModel):
    """A closed, immutable shape: unknown fields are refused, so that a stale client is noticed.

    Python writes every field of it, so that TypeScript may rely on each.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_serialization_defaults_required=True)


class Received(Wire):
    """A shape that clients write: fields with a default may be left out."""
