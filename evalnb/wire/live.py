"""What live editing adds to the Annotator's talk: watching an image, other people's edits, and who else is there.

Over a WebSocket the first message is ``{"ticket": "…"}`` and its answer ``{"push": "welcome", …}``; every ask after
it carries the id of its ``dataset`` beside its own number. A frame is JSON text, or, where a message has buffers,
binary: the header's length (4 bytes, little-endian), the JSON header with the buffers' lengths in bytes under
``"buffers"``, then the buffers, one behind the other. What a client sends may have large parts compressed;
evalnb/wire/deflated.py says how.
"""

from typing import Literal

from pydantic import Field

from evalnb.wire.base import Received, Wire
from evalnb.wire.references import ImageRef
from evalnb.wire.shapes import Shape


class Person(Wire):
    """Somebody who looks at an image just now."""

    key: str
    """Of one open view: a person with two tabs is there twice."""
    name: str


class Opening(Received):
    """The first message of a WebSocket."""

    ticket: str = Field(max_length=200)


class WelcomePush(Wire):
    """The ticket was taken; asks are answered from now on."""

    push: Literal["welcome"] = "welcome"
    name: str
    """Under which edits are logged."""
    version: str
    frame_bytes: int
    """A longer message is refused, and the connection closed."""


class LocateAsk(Received):
    """Where an image is."""

    ask: Literal["locate"] = "locate"
    image_id: int


class LocateReply(Wire):
    """The image and its place."""

    image: ImageRef


class WatchAsk(Received):
    """Look at this image (and no longer at another): from now on its edits and its people are pushed.

    ``since`` is the sequence that the asker's shapes stand at; negative where it has none yet. ``image_id`` of None
    looks away.
    """

    ask: Literal["watch"] = "watch"
    image_id: int | None
    view: str = Field(max_length=100)
    """The name that the view gave in its hello."""
    since: int = -1


class WatchReply(Wire):
    """What happened since, as ``EditsPush`` would tell it. ``reload``: too much; ask for the shapes."""

    image_id: int | None
    seq: int
    reload: bool
    shapes: list[Shape]
    tags: list[str] | None
    """The image's, where one was set or taken away."""


class EditsPush(Wire):
    """Edits ``after + 1`` to ``seq`` of an image: the shapes that they touched as they stand now, the deleted too.

    Whoever stands below ``after`` has missed something and asks for the shapes.
    """

    push: Literal["edits"] = "edits"
    image_id: int
    after: int
    seq: int
    shapes: list[Shape]
    tags: list[str] | None
    """The image's, where one was set or taken away."""
    authors: list[str]


class PresencePush(Wire):
    """Who looks at an image, the receiver too, in a steady order."""

    push: Literal["presence"] = "presence"
    image_id: int
    people: list[Person]


class Ticket(Wire):
    """Opens one WebSocket, once, until it expires."""

    ticket: str
    expires_s: float
