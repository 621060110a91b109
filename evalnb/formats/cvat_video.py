"""CVAT's XML 1.1 for video, written: objects as tracks over the frames of a sequence.

The images are its frames, in their order. A track of CVAT has one label, one kind of shape and one group, and goes on
from frame to frame until it is out of sight: what says otherwise becomes a track of its own, and is named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from evalnb.core.images import ImageRecord
from evalnb.core.records import Annotation, Track
from evalnb.core.taxonomy import Taxonomy
from evalnb.formats.cvat_writer import FILE, OWNED, CvatWriter, is_group
from evalnb.formats.labelled import Losses
from evalnb.formats.xml_values import quoted


def frame_name(name: str, place: int) -> str:
    """What CVAT calls the ``place``-th frame, from 0 on."""
    return f"frame_{place:06}{Path(name).suffix}"


@dataclass(slots=True)
class _Track:
    label: str
    group: int
    last: int = -1
    """The frame that it has come to."""
    end: Annotation | None = None
    """The shape on that frame."""
    closing: str = ""
    """The element that ends it on the next frame; empty where it is out of sight already."""
    spans: list[tuple[int, int]] = field(default_factory=list)
    """Where its elements stand in the file aside: byte and length."""


class CvatVideoWriter(CvatWriter):
    """Writes ``annotations.xml``: the elements of tracks into a file aside, as the frames come."""

    def __init__(self, out: Path, taxonomy: Taxonomy, losses: Losses) -> None:
        super().__init__(out, taxonomy, losses)
        self._tracks: dict[tuple[UUID, int, str, int], _Track] = {}
        self._first: dict[UUID, tuple[UUID, int, str, int]] = {}
        """Which of the file's tracks bears the track's name: the others were split off it."""
        self._size: tuple[int, int] | None = None
        self._at = 0

    def image(self, image: ImageRecord, name: str, drawn: Sequence[Annotation]) -> int:
        """One frame."""
        size = (image.width, image.height)
        self._size = self._size or size
        if name != image.file_name:
            self._losses.image(image, "is called as a frame", name)
        if image.tags:
            self._losses.image(image, "lost its tags", ", ".join(image.tags))
        frame, count = self._images, 0
        for one in drawn:
            if one.geometry.kind == "mask" and size != self._size:
                self._losses.shape(one, "is a mask on a frame of another size than the first; it was left out")
                continue
            self._losses.common(one, z=True, track=True)
            bodies = self._bodies(image, one)
            said, lost = self._attributes(one)
            if len(bodies) > 1:
                self._losses.shape(one, f"has several parts: they became {one.geometry.kind}s in tracks of their own")
            for part, (tag, rest, inner) in enumerate(bodies):
                track = self._track(one, tag, part, frame, lost)
                inside = f"{inner}{said}</{tag}>"
                own = one.attributes.get("occluded") is True
                body = f'z_order="{one.z}" occluded="{int(own)}"{rest}>{inside}'
                state = f'outside="{int(one.track.outside)}" keyframe="{int(one.track.keyframe)}"'
                self._put(track, f'    <{tag} frame="{frame}" {state} {body}\n')
                track.last, track.end = frame, one
                ending = f'    <{tag} frame="{frame + 1}" outside="1" keyframe="1" {body}\n'
                track.closing = "" if one.track.outside else ending
                count += 1
            if "occluded" in one.attributes and one.attributes["occluded"] is not True:
                lost.append("occluded")
            self._losses.attributes(one, sorted(set(lost)))
        self._images += 1
        return count

    def finish(self) -> None:
        """The labels, and the tracks one after the other."""
        for track in self._tracks.values():
            if track.closing and track.end is not None and track.last + 1 < self._images:
                self._losses.shape(
                    track.end, "is the last of its track: a shape that is out of sight ends it on the next frame"
                )
                self._put(track, track.closing)
        self._aside.close()
        aside = self._out / OWNED[2]
        width, height = self._size or (0, 0)
        with (self._out / FILE).open("w", encoding="utf-8") as file, aside.open("rb") as written:
            file.write('<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n')
            file.write(f"  <meta><task><size>{self._images}</size><mode>interpolation</mode>")
            file.write(f"<start_frame>0</start_frame><stop_frame>{max(self._images - 1, 0)}</stop_frame>")
            file.write(f"<original_size><width>{width}</width><height>{height}</height></original_size><labels>\n")
            file.write("".join(self._label(one) for one in self._taxonomy) + "  </labels></task></meta>\n")
            for number, track in enumerate(self._tracks.values()):
                group = f' group_id="{track.group}"' if track.group else ""
                file.write(f'  <track id="{number}" label={track.label} source="manual"{group}>\n')
                for at, length in track.spans:
                    written.seek(at)
                    file.write(written.read(length).decode())
                file.write("  </track>\n")
            file.write("</annotations>\n")
        aside.unlink()

    def _track(self, one: Annotation, tag: str, part: int, frame: int, lost: list[str]) -> _Track:
        """The track that takes the shape on this frame."""
        group = int(one.attributes["group_id"]) if is_group(one.attributes) else 0
        label = quoted(self._taxonomy.by_id[one.class_id].name)
        identity = one.track.id
        if identity is None:
            self._losses.shape(one, "stands alone: it became a track of its own")
            identity = one.id
            if one.track != Track():
                self._losses.shape(one, "has a keyframe without a track")
        key = (identity, one.class_id, tag, part)
        while key in self._tracks and self._tracks[key].last == frame:
            key = (*key[:3], key[3] + 1000)
        if self._first.setdefault(identity, key) != key and part == 0:
            self._losses.shape(one, "lost its track, whose class or kind it does not share: it became one of its own")
        track = self._tracks.setdefault(key, _Track(label, group))
        if "group_id" in one.attributes and not group:
            lost.append("group_id")
        elif group != track.group:
            self._losses.shape(one, "lost its group: a track has one, of its first shape", group)
        return track

    def _put(self, track: _Track, text: str) -> None:
        self._aside.write(text)
        length = len(text.encode())
        track.spans.append((self._at, length))
        self._at += length
