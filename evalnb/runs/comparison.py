"""Two evaluations of the same images, compared as pairs: what differs, how surely, and where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from evalnb.core import metrics
from evalnb.core.metrics.replicates import Replicates
from evalnb.core.records import Floats, Ints
from evalnb.core.resampling import Strength, Units, benjamini_hochberg, difference
from evalnb.errors import Invalid
from evalnb.runs.intervals import FEW_BEARING, By, checked_level, counted, too_small, units_of

if TYPE_CHECKING:
    import pandas as pd

    from evalnb.runs.evaluation import Evaluation

SURE = 0.05
"""Adjusted probabilities below this are called a difference."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two evaluations side by side, by the same resampled images. A difference is NaN where either has no truth to
    find. Everything is computed when it is first looked at, and the same for the same seed.

    The tables' columns: ``this``, ``other``, ``difference``, ``low``, ``high`` (its interval), ``p`` (two-sided),
    ``p_adjusted`` (Benjamini and Hochberg, over the table; AP among the numbers stands alone), ``detectable`` (the
    smallest true difference that would be found four times out of five) and ``warning``.
    """

    this: Evaluation
    other: Evaluation
    replicates: int = 1000
    level: float = 0.95
    seed: int = 0
    by: By = None

    def __post_init__(self) -> None:
        same_images(self.this, self.other)
        checked_level(self.level)
        if self.replicates < 2:
            raise Invalid(f"{self.replicates} replicates have no spread", remedy="ask for 1,000")

    @cached_property
    def numbers(self) -> pd.DataFrame:
        """A row for each of COCO's numbers, by name in ``number``."""
        made = self._made
        ranges = metrics.range_of(self.this.matches, self.this.area)
        rows = [
            self._row(float(a), float(b), made.mine.numbers[:, at], made.theirs.numbers[:, at], made.bearing[:, of])
            for at, (a, b, of) in enumerate(zip(made.values[0], made.values[1], ranges, strict=True))
        ]
        frame = _frame("number", list(metrics.summary_keys(self.this.matches)), rows)
        # AP decides and was chosen before anybody looked; the others are looked at together.
        p = frame["p"].to_numpy()
        frame["p_adjusted"] = np.concatenate([p[:1], benjamini_hochberg(p[1:])])
        return frame

    @cached_property
    def classes(self) -> pd.DataFrame:
        """A row for each class by name in ``class``: AP."""
        made = self._made
        mine, theirs = self.this.per_class(), self.other.per_class()
        at = {name: place for place, name in enumerate(mine["class"])}
        to = {name: place for place, name in enumerate(theirs["class"])}
        main = metrics.range_of(self.this.matches, self.this.area)[0]
        rows, names = [], list(dict.fromkeys([*at, *to]))
        nothing = np.full(self.replicates, -1.0)
        for name in names:
            a, b = at.get(name), to.get(name)
            rows.append(
                self._row(
                    -1.0 if a is None else float(mine["AP"].iloc[a]),
                    -1.0 if b is None else float(theirs["AP"].iloc[b]),
                    nothing if a is None else _of(made.mine)[:, a],
                    nothing if b is None else _of(made.theirs)[:, b],
                    np.zeros(1, np.int64) if a is None else made.bearing[[a], main],
                )
            )
        return _frame("class", names, rows)

    @cached_property
    def slices(self) -> pd.DataFrame:
        """A row for each tag that ten images or more bear, but not all: ``tag``, ``images``, and AP over them."""
        tags = self.slice_tags()
        rows, many = [], []
        for tag in tags:
            both = (self.this.where(tag=tag), self.other.where(tag=tag))
            part = Comparison(*both, self.replicates, self.level, self.seed, self.by)
            made = part._made
            rows.append(
                part._row(
                    float(made.values[0][0]),
                    float(made.values[1][0]),
                    made.mine.numbers[:, 0],
                    made.theirs.numbers[:, 0],
                    made.bearing[:, metrics.range_of(self.this.matches, self.this.area)[0]],
                )
            )
            many.append(part.this.image_count())
        frame = _frame("tag", tags, rows)
        frame.insert(1, "images", many)
        return frame

    def slice_tags(self) -> list[str]:
        """The tags that ``slices`` has a row for; those that name groups are not slices."""
        keep = self.this.rows().images
        tags = [one for place, one in enumerate(self.this.images.tags) if keep is None or keep[place]]
        count: dict[str, int] = {}
        for one in tags:
            for tag in one:
                count[tag] = count.get(tag, 0) + 1
        skip = self.by if isinstance(self.by, str) else None
        return sorted(
            tag
            for tag, many in count.items()
            if FEW_BEARING <= many < len(tags) and not (skip is not None and tag.startswith(skip))
        )

    @cached_property
    def images(self) -> pd.DataFrame:
        """A row for each image, where ``this`` wins most first: image, file_name, this, other (F1 at IoU 0.5, each
        at the confidence that suits it best over all images), difference."""
        import pandas as pd

        mine = self.this.per_image(confidence=_best_confidence(self.this))
        theirs = self.other.per_image(confidence=_best_confidence(self.other)).set_index("image")["F1"]
        frame = pd.DataFrame(
            {
                "image": mine["image"],
                "file_name": mine["file_name"],
                "this": mine["F1"],
                "other": theirs.loc[mine["image"]].to_numpy(),
            }
        )
        frame["difference"] = frame["this"] - frame["other"]
        return frame.sort_values(["difference", "image"], ascending=[False, True]).reset_index(drop=True)

    @property
    def wins(self) -> int:
        """On how many images ``this`` has the higher F1."""
        return int((self.images["difference"] > 0).sum())

    @property
    def losses(self) -> int:
        """On how many images ``other`` has the higher F1."""
        return int((self.images["difference"] < 0).sum())

    @property
    def warning(self) -> str | None:
        """Why the whole comparison should not be leant on, where it should not."""
        found = self.numbers["warning"].iloc[0]
        return None if found is None else str(found)

    @cached_property
    def sentence(self) -> str:
        """What one would tell a person who decides: which is better by AP, by how much, and how surely."""
        row = self.numbers.iloc[0]
        images = counted(self.this.image_count(), "image")
        if np.isnan(row["difference"]):
            return f"Nothing can be compared: the {images} hold no truth to find."
        ap = f"AP {row['this']:.3f} against {row['other']:.3f}"
        if np.isnan(row["low"]):
            return f"Too few images bear truths to say which is better ({ap} on {images})."
        if row["p"] == 1 and row["difference"] == 0:
            return f"The two score the same: AP {row['this']:.3f} on {images}, whichever of them are drawn."
        share = f"{100 * self.level:g} % interval {row['low']:+.3f} to {row['high']:+.3f}"
        careful = f" Take it with care: {self.warning}." if self.warning else ""
        if row["p"] < 1 - self.level:
            better = "better" if row["difference"] > 0 else "worse"
            return (
                f"This one is {better}: {ap} on {images}, a difference of {row['difference']:+.3f} ({share}), which "
                f"chance alone would bring {_how_often(float(row['p']))}.{careful}"
            )
        return (
            f"No difference is shown: {ap} on {images} ({share}); a true difference below "
            f"{row['detectable']:.3f} would often be missed with as many.{careful}"
        )

    @cached_property
    def _made(self) -> Pair:
        return pair(self.this, self.other, replicates=self.replicates, seed=self.seed, by=self.by)

    def _row(self, a: float, b: float, mine: Floats, theirs: Floats, bearing: Ints) -> list[object]:
        measured = a > -1 and b > -1
        both = (mine > -1) & (theirs > -1)
        found = difference(
            a - b if measured else float("nan"),
            np.where(both, mine - theirs, np.nan),
            Strength.of(bearing, self._made.units.count),
            self.level,
        )
        warning = too_small(self._made.units.count, bearing, grouped=self.by is not None)
        p = found.p if measured else float("nan")
        return [a, b, found.value, found.low, found.high, p, found.detectable, warning]

    def __repr__(self) -> str:
        shown = self.numbers.drop(columns="warning"), self.classes.drop(columns="warning")
        return "\n\n".join([self.sentence, *(one.round(4).to_string(index=False) for one in shown)])

    def _repr_html_(self) -> str:
        from evalnb.runs.comparison_card import comparison

        return comparison(self)


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Both evaluations' numbers and their replicates, drawn together."""

    units: Units
    values: tuple[Floats, Floats]
    mine: Replicates
    theirs: Replicates
    bearing: Ints
    """(k, 4) of ``this``."""


def pair(this: Evaluation, other: Evaluation, *, replicates: int, seed: int, by: By) -> Pair:
    """Replicates of both by the same drawn images, whatever their order in either table."""
    units = units_of(this, by)
    place = places(this.images.id, other.images.id)
    mine: list[Replicates] = []
    theirs: list[Replicates] = []
    for one in units.weights(replicates, seed):
        moved = np.pad(one, ((0, 0), (0, 1)))[:, place]
        mine.append(metrics.replicates(this.matches, one, this.rows(), area=this.area, classes=True))
        theirs.append(metrics.replicates(other.matches, moved, other.rows(), area=other.area, classes=True))
    return Pair(
        units=units,
        values=(np.array(list(this.summary().values())), np.array(list(other.summary().values()))),
        mine=_joined(mine),
        theirs=_joined(theirs),
        bearing=metrics.bearing(this.matches, this.rows(), units.of),
    )


def places(of: Ints, wanted: Ints) -> Ints:
    """Where each wanted id stands in ``of``; -1 where it does not."""
    order = np.argsort(of, kind="stable")
    at = np.searchsorted(of[order], wanted).clip(max=max(len(of) - 1, 0))
    found = order[at] if len(of) else np.full(len(wanted), -1)
    return np.where(of[found] == wanted, found, -1) if len(of) else found


def same_images(this: Evaluation, other: Evaluation) -> None:
    """Invalid unless both are of one kind and stand for the same images and area range."""
    if this.kind != other.kind:
        raise Invalid(f"{this.kind} and {other.kind} do not compare", remedy="compare evaluations of one kind")
    if this.area != other.area:
        raise Invalid(
            f"one is over {this.area} objects, the other over {other.area}", remedy="narrow both to the same area"
        )
    mine, theirs = (set(_kept_ids(one).tolist()) for one in (this, other))
    if mine == theirs:
        return
    shared = len(mine & theirs)
    raise Invalid(
        f"the evaluations stand for different images ({len(mine):,} and {len(theirs):,}, {shared:,} of them in both)",
        remedy="compare what they share: pass both through where(images=set(a.images.id) & set(b.images.id))"
        if shared
        else "evaluate both on the same dataset",
    )


def _kept_ids(evaluation: Evaluation) -> NDArray[np.int64]:
    keep = evaluation.rows().images
    return evaluation.images.id if keep is None else evaluation.images.id[keep]


def _joined(found: Sequence[Replicates]) -> Replicates:
    return Replicates(
        numbers=np.concatenate([one.numbers for one in found]), class_ap=np.concatenate([_of(one) for one in found])
    )


def _of(found: Replicates) -> Floats:
    assert found.class_ap is not None
    return found.class_ap


def _frame(what: str, names: list[str], rows: list[list[object]]) -> pd.DataFrame:
    import pandas as pd

    columns = ["this", "other", "difference", "low", "high", "p", "detectable"]
    frame = pd.DataFrame([row[:-1] for row in rows], columns=columns).astype(np.float64)
    frame.insert(0, what, names)
    frame.insert(7, "p_adjusted", benjamini_hochberg(frame["p"].to_numpy(dtype=np.float64)))
    frame["warning"] = pd.Series([row[-1] for row in rows], dtype=object)
    return frame


def _best_confidence(evaluation: Evaluation) -> float:
    """Where F1 over all images together is highest: detectors mean different things by the same confidence."""
    data = evaluation.confidence_data()
    return float(data["confidence"].iloc[int(data["F1"].to_numpy().argmax())])


def _how_often(p: float) -> str:
    if p < 1e-3:
        return "less than once in 1,000 times"
    if p >= 0.5:
        return f"{100 * p:.0f} times in 100"
    return f"about once in {round(1 / p):,} times"
