"""Video object segmentation: objects followed through sequences of frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from evalnb.core.metrics import video as core
from evalnb.core.metrics.classification import ratio
from evalnb.core.records import Floats, Ints
from evalnb.errors import Invalid
from evalnb.runs.tasks import show
from evalnb.runs.tasks.interval import Interval, checked, over_images
from evalnb.runs.tasks.maps import Name, chosen
from evalnb.runs.tasks.streaming import streamed
from evalnb.runs.tasks.video_frames import Frame, frames, labels

if TYPE_CHECKING:
    import pandas as pd

VOID = 255


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """One object of one sequence: (n,) J and F of each frame that counts."""

    sequence: Name
    object: int | str
    """A label map's number, or a dataset's track."""
    frames: tuple[Name, ...]
    j: Floats
    f: Floats

    @property
    def numbers(self) -> tuple[float, ...]:
        """One value for each of DAVIS's seven numbers."""
        j, f = core.over_time(self.j), core.over_time(self.f)
        return ((j.mean + f.mean) / 2, j.mean, j.recall, j.decay, f.mean, f.recall, f.decay)


@dataclass(frozen=True, eq=False)
class Video:
    """Every object's J and F, frame by frame, and every number that follows."""

    tracks: tuple[Track, ...]

    def __len__(self) -> int:
        """How many objects were followed."""
        return len(self.tracks)

    def where(self, *, sequences: object) -> Video:
        """Some of the sequences: their names, or a mask over those that count now."""
        names = self._sequences
        keep = {names[at] for at in chosen(sequences, names, what="sequence").tolist()}
        return replace(self, tracks=tuple(one for one in self.tracks if one.sequence in keep))

    def summary(self) -> dict[str, float]:
        """DAVIS's numbers, means over objects: J&F, then mean, recall (frames above 0.5) and decay of J and of F."""
        values = self._numbers.mean(axis=0) if self.tracks else np.full(len(core.NUMBERS), np.nan)
        return dict(zip(core.NUMBERS, values.tolist(), strict=True))

    def per_object(self) -> pd.DataFrame:
        """One row for each object, the lowest J&F first: sequence, object, frames and the seven numbers."""
        import pandas as pd

        frame = pd.DataFrame(
            {
                "sequence": [one.sequence for one in self.tracks],
                "object": [one.object for one in self.tracks],
                "frames": [len(one.frames) for one in self.tracks],
                **{name: self._numbers[:, at] for at, name in enumerate(core.NUMBERS)},
            }
        )
        return frame.sort_values("J&F", kind="stable").reset_index(drop=True)

    def per_frame(self) -> pd.DataFrame:
        """One row for each object and frame, in order: sequence, object, frame, J and F."""
        import pandas as pd

        return pd.DataFrame(
            [
                (one.sequence, one.object, frame, j, f)
                for one in self.tracks
                for frame, j, f in zip(one.frames, one.j.tolist(), one.f.tolist(), strict=True)
            ],
            columns=["sequence", "object", "frame", "J", "F"],
        )

    def interval(self, name: str, *, replicates: int = 1000, level: float = 0.95, seed: int = 0) -> Interval:
        """The bootstrap interval of a number of the summary, whole sequences drawn with replacement: the frames and
        objects of one are too alike to be drawn apart."""
        checked(name, list(core.NUMBERS), replicates, level)
        names = self._sequences
        place = {one: at for at, one in enumerate(names)}
        of = np.array([place[one.sequence] for one in self.tracks], dtype=np.int64)
        values = self._numbers[:, core.NUMBERS.index(name)]
        sums = np.bincount(of, weights=values, minlength=len(names))
        many = np.bincount(of, minlength=len(names)).astype(np.float64)
        return over_images(
            name,
            self.summary()[name],
            lambda weights: ratio(weights @ sums, weights @ many, empty=np.nan),
            images=len(names),
            replicates=replicates,
            level=level,
            seed=seed,
            bytes_per_row=8 * max(1, len(names)),
        )

    def __repr__(self) -> str:
        return show.listing("Video object segmentation", self._words(), self.summary())

    def _repr_html_(self) -> str:
        return show.card(
            "Video object segmentation",
            self._words(),
            self.summary(),
            lead="J&F",
            table=self.per_object(),
            fold="per object",
        )

    def _words(self) -> list[str]:
        return [
            show.count(len(self._sequences), "sequence", "sequences"),
            show.count(len(self), "object", "objects"),
            show.count(sum(len(one.frames) for one in self.tracks), "mask", "masks"),
        ]

    @cached_property
    def _numbers(self) -> Floats:
        return np.array([one.numbers for one in self.tracks]).reshape(-1, len(core.NUMBERS))

    @property
    def _sequences(self) -> list[Name]:
        return list(dict.fromkeys(one.sequence for one in self.tracks))


def evaluate_video(
    truth: str | Path | Mapping[Name, object],
    predicted: str | Path | Mapping[Name, object],
    *,
    void: int | None = VOID,
    skip_ends: bool = True,
) -> Video:
    """DAVIS's J and F of object masks in videos.

    ``truth`` and ``predicted`` are folders that hold a folder of PNG for each sequence, or map each sequence's name
    to its frames (arrays, paths or bytes): (h, w) maps of object numbers, 0 for background. The objects are those of
    the truth's first frame. Truth pixels of ``void`` count for nothing. ``skip_ends`` leaves out each sequence's
    first and last frame, as the semi-supervised protocol does (the first is given to the model).

    NotFound for a frame without a prediction; Invalid, naming sequence and frame, for sizes that differ and predicted
    objects that the truth does not have.
    """

    def measured(frame: Frame) -> tuple[Frame, Floats]:
        return frame, _measured(frame, void)

    tracks: dict[tuple[Name, int], tuple[list[Name], list[Floats]]] = {}
    for frame, values in streamed(measured, frames(truth, predicted, void=void, ends=not skip_ends)):
        for one, pair in zip(frame.objects.tolist(), values, strict=True):
            seen, found = tracks.setdefault((frame.sequence, one), ([], []))
            seen.append(frame.frame)
            found.append(pair)
    return Video(
        tracks=tuple(
            Track(sequence, one, tuple(seen), *np.array(found).T) for (sequence, one), (seen, found) in tracks.items()
        )
    )


def _measured(frame: Frame, void: int | None) -> Floats:
    """(o, 2) J and F of each object."""
    truth = labels(frame.truth, f"{frame.what}: the truth")
    predicted = labels(frame.predicted, f"{frame.what}: the prediction")
    if truth.shape != predicted.shape:
        raise Invalid(
            f"{frame.what}: the truth has shape {truth.shape} and the prediction {predicted.shape}",
            remedy="write predictions in the size of the truth",
        )
    strangers: Ints = np.setdiff1d(np.unique(predicted), [0, *frame.objects.tolist()])
    for one in strangers[:1]:
        raise Invalid(
            f"{frame.what} predicts object {one}, which the truth's first frame does not show",
            remedy="number objects as the truth does, 0 for background",
        )
    counts = np.ones(truth.shape, bool) if void is None else truth != void
    out = []
    for one in frame.objects.tolist():
        masks = (truth == one) & counts, (predicted == one) & counts
        out.append((core.jaccard(*masks), core.contour(*masks)))
    return np.array(out)
