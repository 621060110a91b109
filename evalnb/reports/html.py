"""The report's HTML: one file that needs nothing else, and the same parts one by one for the live page."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from evalnb.reports import figures
from evalnb.reports.bundle import Bundle, ClassLine, Contents
from evalnb.runs.card import MEANING, number

PAGE = Path(__file__).parent / "page"


@cache
def _environment() -> Environment:
    # Autoescape is what keeps a class named <script> a name.
    one = Environment(
        loader=FileSystemLoader(PAGE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    one.filters |= {"number": number, "bar": figures.bar}
    return one


def _part(name: str, *arguments: Any) -> str:
    macro = getattr(_environment().get_template("parts.html.j2").module, name)
    return str(macro(*arguments))


def style() -> Markup:
    """The style sheet."""
    return Markup((PAGE / "page.css").read_text(encoding="utf-8"))


def script() -> Markup:
    """The page's own script."""
    return Markup((PAGE / "page.js").read_text(encoding="utf-8"))


def differences(summary: Mapping[str, float], baseline: Mapping[str, float] | None) -> dict[str, float | None]:
    """Number by number; None where there is nothing to compare."""
    return {
        key: value - baseline[key] if baseline and value > -1 and baseline.get(key, -1) > -1 else None
        for key, value in summary.items()
    }


def report(bundle: Bundle) -> str:
    """The whole page in one file: no request leaves it."""
    contents = bundle.contents
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            c=contents,
            css=style(),
            js=script(),
            meaning=MEANING,
            differences=differences(contents.summary, contents.baseline.summary if contents.baseline else None),
            precision_recall=figures.precision_recall(contents.recall, contents.curves),
            operating_points=figures.operating_points(contents.operating, contents.confidence),
            confusion=figures.confusion(contents.confusion_names, contents.confusion),
            mistakes=mistakes(contents),
            pictures=_pictures(bundle),
        )
    )


@dataclass(frozen=True, slots=True)
class Mistake:
    """Truths of one class that were taken for another, and their share of all truths of that class."""

    truth: str
    detected: str
    count: int
    share: float


def mistakes(contents: Contents, *, most: int = 10) -> list[Mistake]:
    """The most frequent confusions of one class with another, the background left aside."""
    names = contents.confusion_names
    found = [
        Mistake(names[i], names[j], count, count / sum(row))
        for i, row in enumerate(contents.confusion[:-1])
        for j, count in enumerate(row[:-1])
        if i != j and count
    ]
    return sorted(found, key=lambda one: (-one.count, one.truth, one.detected))[:most]


def masthead(contents: Contents) -> str:
    """Title and provenance."""
    return _part("masthead", contents)


def numbers(summary: Mapping[str, float], baseline: Mapping[str, float] | None, label: str | None) -> str:
    """The twelve numbers, with differences where there is a baseline."""
    return _part("numbers", summary, differences(summary, baseline), label, MEANING)


def curves(
    recall: Sequence[float],
    by_class: Mapping[str, Sequence[float]],
    operating: Mapping[str, Sequence[float]],
    confidence: float | None,
) -> str:
    """Both charts."""
    return _part(
        "curves", figures.precision_recall(recall, by_class), figures.operating_points(operating, confidence)
    )


def classes(rows: Sequence[ClassLine], *, compared: bool) -> str:
    """The per-class table."""
    return _part("classes", rows, compared)


def confusion(contents: Contents) -> str:
    """The confusion matrix as it was frozen."""
    figure = figures.confusion(contents.confusion_names, contents.confusion)
    return _part("confusion", figure, contents.confidence, mistakes(contents))


def gallery(bundle: Bundle) -> str:
    """The worst images."""
    return _part("gallery", _pictures(bundle), bundle.contents.confidence)


def facts(contents: Contents) -> str:
    """Provenance, in full."""
    return _part("facts", contents)


def _pictures(bundle: Bundle) -> list[dict[str, Any]]:
    return [
        {
            "picture": one,
            "source": _data_url(bundle.pictures[one.member]) if one.member else "",
            "overlay": figures.overlay(one),
        }
        for one in bundle.contents.pictures
    ]


def _data_url(webp: bytes) -> str:
    return "data:image/webp;base64," + base64.b64encode(webp).decode("ascii")
