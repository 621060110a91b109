"""The live page: the report's own parts in a notebook or under Voila, with numbers that follow a class, an area and a
confidence. It reads one bundle, in a transaction that cannot write."""

from __future__ import annotations

from html import escape
from typing import Any
from urllib.parse import parse_qs, urlencode

from evalnb.core.records import Detections, Truths
from evalnb.errors import EvalnbError, Invalid
from evalnb.reports import html
from evalnb.reports.bundle import Bundle
from evalnb.reports.gather import RECALL, class_lines, curve_lines, operating_lines, operating_point
from evalnb.reports.publish import NOTEBOOK, read
from evalnb.runs.evaluation import Evaluation
from evalnb.runs.frozen import part_from_json, thaw
from evalnb.settings import Settings
from evalnb.store import Store, open_store
from evalnb.store.repositories import reports

ALL = "all"


def page(query: str = "", *, slug: str | None = None, store: Store | None = None) -> None:
    """Display the report that ``query`` (``slug=…&project=…``) or ``slug`` names; without either, the list of them.

    ``store`` defaults to the one of the environment. What is not there is said on the page.
    """
    import ipywidgets as w
    from IPython.display import HTML, display

    asked = parse_qs(query)
    slug = slug or asked.get("slug", [""])[0]
    project = asked.get("project", [""])[0]
    display(HTML(f"<style>{html.style()}</style><script>{html.script()}</script>"))
    try:
        opened = store or open_store(Settings.from_environment())
        if not slug:
            # A widget's links stay as they are written; an output's are rewritten by JupyterLab.
            display(w.HTML(_listing(opened, asked)))
            return
        bundle, _ = read(opened, slug, project_id=int(project) if project.isdecimal() else None)
    except EvalnbError as error:
        display(w.HTML(_refusal(error)))
        return
    display(widget(bundle))


def evaluation_of(bundle: Bundle) -> Evaluation:
    """The evaluation that a bundle froze: every number of it, but no confusion, whose boxes are not in there."""
    matches, _, images, class_names, problems = thaw(bundle.matches)
    return Evaluation(
        matches=matches,
        class_names=class_names,
        images=images,
        records=_no_records,
        problems=problems,
        part=part_from_json(bundle.contents.part),
        confidence=bundle.contents.minimum,
    )


def widget(bundle: Bundle) -> Any:
    """The page as one ipywidgets box."""
    import ipywidgets as w

    contents = bundle.contents
    whole = evaluation_of(bundle)
    names = [one.name for one in contents.classes]
    before = (
        {}
        if contents.baseline is None
        else {one.name: one.ap - one.difference for one in contents.classes if one.difference is not None}
    )
    tags = sorted({tag for one in whole.images.tags for tag in one})
    by_class = w.Dropdown(options=[ALL, *names], description="class")
    by_area = w.Dropdown(options=[ALL, "small", "medium", "large"], description="size")
    by_tag = w.Dropdown(options=[ALL, *tags], description="tag")
    confidence = w.FloatSlider(
        value=0, min=0, max=1, step=0.01, description="confidence ≥", readout_format=".2f", continuous_update=True
    )
    numbers, curves, classes = w.HTML(), w.HTML(), w.HTML()
    # An evaluation that was published over one size cannot be asked for another.
    by_area.disabled = whole.area != ALL
    if not tags:
        by_tag.layout.display = "none"

    def follow(_: object = None) -> None:
        narrowed = by_class.value != ALL or by_area.value != ALL or by_tag.value != ALL or confidence.value > 0
        part = whole.where(
            classes=None if by_class.value == ALL else [by_class.value],
            area=None if by_area.value == ALL else by_area.value,
            tag=None if by_tag.value == ALL else by_tag.value,
            confidence=confidence.value,
        )
        baseline = None if narrowed else contents.baseline
        operating = operating_lines(part)
        numbers.value = html.numbers(
            part.summary(), baseline.summary if baseline else None, baseline.label if baseline else None
        )
        curves.value = html.curves(RECALL, curve_lines(part), operating, operating_point(operating))
        classes.value = html.classes(class_lines(part, {} if narrowed else before), compared=baseline is not None)

    for control in (by_class, by_area, by_tag, confidence):
        control.observe(follow, names="value")
        control.style.description_width = "initial"
    follow()
    controls = w.HBox([by_class, by_area, by_tag, confidence])
    controls.add_class("evalnb-controls")
    parts = [
        w.HTML(html.masthead(contents)),
        controls,
        numbers,
        curves,
        classes,
        w.HTML(html.confusion(contents)),
        w.HTML(html.gallery(bundle)),
        w.HTML(html.facts(contents)),
    ]
    box = w.VBox(parts)
    box.add_class("evalnb-report")
    box.add_class("evalnb-live")
    return box


def _listing(store: Store, asked: dict[str, list[str]]) -> str:
    with store.database.transaction() as session:
        reports.read_only(session)
        found = reports.all(session)
    # The token that let this page in lets the next one in too.
    token = {"token": asked["token"][0]} if "token" in asked else {}
    lines = "".join(
        f'<li><a href="{NOTEBOOK}?{escape(urlencode({**token, "slug": one.slug, "project": one.project_id}))}">'
        f'{escape(one.title)}</a> <span class="aside">{one.created_at:%Y-%m-%d %H:%M}</span></li>'
        for one in found
    )
    body = f"<ul>{lines}</ul>" if lines else "<p class=lede>None yet: project.publish(evaluation, title='…')</p>"
    return f'<div class="evalnb-report evalnb-live"><h1>Reports</h1>{body}</div>'


def _refusal(error: EvalnbError) -> str:
    return (
        f'<div class="evalnb-report evalnb-live"><h1>{escape(error.happened)}</h1>'
        f'<p class="lede">{escape(error.remedy)}</p></div>'
    )


def _no_records() -> tuple[Truths, Detections]:
    raise Invalid(
        "a report keeps no detections' boxes", remedy="load the evaluation itself with project.evaluation(id)"
    )
