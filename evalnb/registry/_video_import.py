"""Videos as sequences: each frame becomes an image, a blob of its own, named so that the order is natural."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from evalnb import imagery
from evalnb.core.frames import KEY, FrameOf, frame_of
from evalnb.core.progress import NullProgress, Progress
from evalnb.core.sources import SourceImage
from evalnb.errors import Invalid, NotFound, Unsafe
from evalnb.formats.labelled import files_below, natural
from evalnb.formats.problems import Problems
from evalnb.imagery import FrameFormat, Video
from evalnb.registry._filling import Filling, filling
from evalnb.registry.receipts import ImportReport, together
from evalnb.store import Store
from evalnb.store.repositories import datasets, images

VIDEOS = (
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".wmv", ".flv"),
    *(".ogv", ".3gp", ".mxf"),
)
"""What a folder is searched for; a file that is named may be called otherwise."""
SUFFIXES: dict[FrameFormat, str] = {"jpeg": ".jpg", "png": ".png"}
BATCH = 50
_DIGITS = 6


def import_video(
    store: Store,
    project_id: int,
    name: str,
    *,
    videos: Path | Sequence[Path],
    every: int = 1,
    start: int = 0,
    stop: int | None = None,
    format: FrameFormat = "jpeg",
    progress: Progress | None = None,
) -> ImportReport:
    """Take the frames ``start``, ``start + every``, … before ``stop`` of each video into the dataset ``name``, made
    if need be, as images ``VIDEO/000123.jpg``. ``videos`` is a file, a folder (searched to its depth), or files.

    An interrupted import is taken up by the same call, the same again is no work, and where a video breaks off its
    frames so far stay and the rest is listed. A video that cannot be read is listed too, unless there is no other.
    NotFound for a path that is not there; Invalid for numbers that choose nothing, and as ``imagery.open_video``.
    """
    if every < 1 or start < 0 or (stop is not None and stop <= start):
        raise Invalid(
            f"every={every}, start={start}, stop={stop} chooses no frame",
            remedy="count frames from 0, start before stop, in steps of 1 or more",
        )
    if format not in SUFFIXES:
        raise Invalid(f"frames are not kept as {format!r}", remedy=f"choose {' or '.join(SUFFIXES)}")
    bar = progress or NullProgress()
    reports: list[ImportReport] = []
    refused: list[Invalid | Unsafe] = []
    problems = Problems()
    try:
        for called, path in _found([videos] if isinstance(videos, Path) else videos):
            wanted = _Wanted(called, path, every, start, stop, format)
            try:
                reports.append(_take(store, project_id, name, wanted, bar))
            except (Invalid, Unsafe) as error:
                refused.append(error)
                problems.add("video", called, "file", "was refused", f"{error.happened}; {error.remedy}")
    finally:
        bar.close()
    if not reports:
        raise refused[0]
    return together(reports, problems)


def frames_named(store: Store, project_id: int, name: str, video: str) -> dict[int, str]:
    """Number → source key of the frames that the dataset ``name`` has of the video called ``video``, or of the only
    video that it has; empty where it has none.

    Invalid if it has several, and not one of that name.
    """
    with store.database.transaction() as session:
        found = datasets.find(session, project_id, name)
        frames = [] if found is None else images.with_extra(session, found.id, KEY)
    videos: dict[str, dict[int, str]] = {}
    names: dict[str, str] = {}
    for image in frames:
        if of := frame_of(image):
            videos.setdefault(of.sha256, {})[of.frame] = image.source_key
            names[of.sha256] = of.name
    chosen = [one for one in videos if len(videos) == 1 or names[one] == Path(video).name]
    if videos and len(chosen) != 1:
        raise Invalid(
            f"the labels are of the video {video!r}, and {name!r} has frames of {', '.join(sorted(names.values()))}",
            remedy="import the video into a dataset of its own, and the labels into that",
        )
    return videos[chosen[0]] if chosen else {}


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which frames of which video, as what."""

    called: str
    """The folder that its frames' names begin with."""
    path: Path
    every: int
    start: int
    stop: int | None
    format: FrameFormat

    def digest(self, sha256: str) -> str:
        """The name of this import: of the same frames of the same bytes."""
        said = f"video {sha256} {self.called} {self.every} {self.start} {self.stop} {self.format}"
        return hashlib.sha256(said.encode("utf-8", "surrogateescape")).hexdigest()


def _take(store: Store, project_id: int, name: str, wanted: _Wanted, bar: Progress) -> ImportReport:
    """One video."""
    path = wanted.path
    with imagery.open_video(path, name=path.name) as video:
        sha256 = imagery.sha256(path)
        with filling(
            store,
            project_id,
            name,
            format="video",
            source=path,
            digest=wanted.digest(sha256),
            classes=(),
            about={},
            problems=Problems(),
        ) as work:
            if not work.repeated:
                _fill(work, video, sha256, wanted, bar)
            return work.finish()


def _fill(work: Filling, video: Video, sha256: str, wanted: _Wanted, bar: Progress) -> None:
    with work.store.database.transaction() as session:
        known = images.beneath(session, work.dataset_id, wanted.called)
    last = max((one.frame for image in known.values() if (one := frame_of(image))), default=-1)
    begin = wanted.start + work.images_done * wanted.every
    frames = video.frames(start=begin, stop=wanted.stop, every=wanted.every, format=wanted.format)
    ends = [one for one in (wanted.stop, video.header.frames) if one]
    total = len(range(wanted.start, min(ends), wanted.every)) if video.header.frames else None
    bar.start(total, unit="frames", what=f"frames of {wanted.path.name}")
    bar.advance(work.images_done)
    number = begin - wanted.every
    while True:
        new: list[SourceImage] = []
        met = 0
        for frame in islice(frames, BATCH):
            number, met = frame.number, met + 1
            key = f"{wanted.called}/{number:0{_DIGITS}}{SUFFIXES[wanted.format]}"
            of = FrameOf(wanted.path.name, sha256, number, frame.time_s, video.header.fps)
            had = known.get(key)
            blob = work.store.blobs.put_bytes(frame.data)
            if had is not None and (had.sha256 == blob or _same(frame_of(had), of)):
                work.problems.keep("image")
            elif had is not None:
                work.problems.add("image", key, "name", "is that of another image of the dataset")
            elif number < last:
                work.problems.add("image", key, "frame", "lies between frames that the dataset has")
            else:
                new.append(SourceImage(key, key, None, blob, frame.width, frame.height, extra=of.extra()))
            bar.advance()
        if not met:
            break
        work.write(new_images=new, images_done=met)
    if video.broken:
        said = f"after frame {number}: {video.broken}" if number >= wanted.start else video.broken
        work.problems.add("video", wanted.path.name, "file", "breaks off", said)
    elif not work.images_done:
        work.problems.add("video", wanted.path.name, "file", "is over before the first frame asked for", wanted.start)
    work.write()


def _same(one: FrameOf | None, other: FrameOf) -> bool:
    return one is not None and (one.sha256, one.frame) == (other.sha256, other.frame)


def _found(paths: Sequence[Path]) -> list[tuple[str, Path]]:
    """What the videos are called, each by another name, and where they are, in natural order."""
    found: list[tuple[Path, Path]] = []
    for path in paths:
        if path.is_dir():
            below = files_below(path, *VIDEOS)
            if not below:
                raise NotFound(f"{path} has no videos", remedy=f"videos end in {', '.join(VIDEOS)}; name others")
            found += [(one.relative_to(path), one.absolute()) for one in sorted(below, key=natural)]
        elif path.is_file():
            found.append((Path(path.name), path.absolute()))
        else:
            raise NotFound(f"{path} does not exist", remedy="name a video, several, or a folder of videos")
    if not found:
        raise Invalid("no video was named", remedy="name a video, several, or a folder of videos")
    stems = Counter(one.with_suffix("") for one, _ in found)
    called = [(one if stems[one.with_suffix("")] > 1 else one.with_suffix("")).as_posix() for one, _ in found]
    if twice := [one for one, count in Counter(called).items() if count > 1]:
        raise Invalid(
            f"two videos are called {twice[0]!r}",
            remedy="name the folder above both, or import them into two datasets",
        )
    return [(one, path) for one, (_, path) in zip(called, found, strict=True)]
