"""Publish an evaluation: freeze it, write its page, give it a name."""

from __future__ import annotations

import os
import re
import tempfile
import unicodedata
from dataclasses import dataclass, field, replace
from html import escape
from pathlib import Path
from urllib.parse import urlencode, urlsplit, urlunsplit

import orjson

from evalnb.core.ports import Pixels
from evalnb.core.slices import Slice
from evalnb.errors import Invalid, NotFound
from evalnb.registry import pixels
from evalnb.reports import html
from evalnb.reports.bundle import Bundle, pack, unpack
from evalnb.reports.gather import PixelsOf, gather
from evalnb.runs.card import STYLE
from evalnb.runs.evaluate import load
from evalnb.runs.evaluation import Evaluation
from evalnb.store import Store
from evalnb.store.repositories import evaluations, images, reports

NOTEBOOK = "report.ipynb"


@dataclass(frozen=True, slots=True)
class PublishedReport:
    """A report that was published. In a cell it shows where to read it."""

    id: int
    slug: str
    title: str
    html_path: Path
    """The static page: one file that needs nothing else."""
    project_id: int
    home: Path = field(repr=False)

    @property
    def url(self) -> str | None:
        """The live page's address while ``evalnb up`` runs, else None."""
        return live_url(self.home, self.slug, self.project_id)

    def _repr_html_(self) -> str:
        live = self.url
        page = self.html_path.as_uri()
        line = (
            f'<a href="{escape(live)}" target="_blank" rel="noopener">live page</a>'
            if live
            else "the live page needs <code>evalnb up</code>, which is not running"
        )
        return (
            f'{STYLE}<div class="evalnb-sum"><header><b>{escape(self.title)}</b><span>published as '
            f'{escape(self.slug)}</span></header><div><a href="{escape(page)}" target="_blank" rel="noopener">static '
            f"page</a> · {line}</div><div><small>{escape(str(self.html_path))}</small></div></div>"
        )


def publish(
    store: Store,
    project_id: int,
    evaluation: Evaluation,
    *,
    title: str,
    compare_to: Evaluation | None = None,
) -> PublishedReport:
    """Freeze ``evaluation`` into a report that no later edit changes.

    It is compared with ``compare_to``, else with the dataset's evaluation before it (of the same kind, narrowed
    alike). Titles need not be unique; the report's ``slug`` is.
    """
    if not title.strip():
        raise Invalid("the report has no title", remedy="pass title='…'")
    bundle = gather(
        evaluation,
        title=title.strip(),
        provenance=_provenance(store, evaluation),
        baseline=_baseline(store, evaluation, compare_to),
        pixels_of=_pixels_of(store, evaluation),
    )
    page = html.report(bundle)
    bundle_sha256, html_sha256 = store.blobs.put_bytes(pack(bundle)), store.blobs.put_bytes(page.encode())
    with store.database.transaction() as session:
        slug = reports.reserve_slug(session, project_id, slug_of(title))
        record = reports.add(
            session,
            project_id=project_id,
            evaluation_id=evaluation.id,
            slug=slug,
            title=title.strip(),
            bundle_sha256=bundle_sha256,
            html_sha256=html_sha256,
        )
    return _published(store, record)


def find(store: Store, project_id: int, slug: str) -> PublishedReport:
    """A report that was published before; its static page is put back where it is missing."""
    with store.database.transaction() as session:
        record = reports.by_slug(session, slug, project_id=project_id)
    return _published(store, record)


def published(store: Store, project_id: int) -> list[PublishedReport]:
    """The project's reports, newest first."""
    with store.database.transaction() as session:
        records = reports.all(session, project_id)
    return [_published(store, record) for record in records]


def read(store: Store, slug: str, *, project_id: int | None = None) -> tuple[Bundle, reports.ReportRecord]:
    """A report's bundle, read in a transaction that cannot write."""
    with store.database.transaction() as session:
        reports.read_only(session)
        record = reports.by_slug(session, slug, project_id=project_id)
    return unpack(store.blobs.read(record.bundle_sha256)), record


def slug_of(title: str) -> str:
    """The title in lower-case ASCII words joined by hyphens, at most 60 characters; ``report`` if none are left."""
    ascii_only = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode("ascii").lower()
    return re.sub(r"[^a-z0-9]+", "-", ascii_only).strip("-")[:60].strip("-") or "report"


def live_url(home: Path, slug: str, project_id: int) -> str | None:
    """The report's page at the Voila that ``evalnb up`` says is running under this home."""
    try:
        addresses: dict[str, str] = orjson.loads((home / "run" / "addresses.json").read_bytes())
    except FileNotFoundError:
        return None
    base = addresses.get("voila")
    if not base:
        return None
    scheme, host, path, query, _ = urlsplit(base)
    asked = urlencode({"slug": slug, "project": project_id})
    return urlunsplit(
        (scheme, host, f"{path.rstrip('/')}/voila/render/{NOTEBOOK}", f"{query}&{asked}" if query else asked, "")
    )


def _published(store: Store, record: reports.ReportRecord) -> PublishedReport:
    home = store.settings.home
    path = home / "reports" / str(record.project_id) / f"{record.slug}.html"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
        with os.fdopen(handle, "wb") as file:
            file.write(store.blobs.read(record.html_sha256))
        Path(temporary).replace(path)
    return PublishedReport(
        id=record.id,
        slug=record.slug,
        title=record.title,
        html_path=path,
        project_id=record.project_id,
        home=home,
    )


def _provenance(store: Store, evaluation: Evaluation) -> dict[str, str]:
    if evaluation.run_id is None:
        return {"dataset": "files", "run": "a result file"}
    with store.database.transaction() as session:
        source = evaluations.provenance(session, evaluation.run_id)
    facts = {"dataset": source.dataset_name}
    if source.model_name is not None:
        facts["model"] = f"{source.model_name} v{source.model_version} ({source.architecture})"
    facts["run"] = f"{source.run_name} (run {source.run_id})"
    for key, value in sorted(source.run_parameters.items()):
        # The import's own account of what it refused is among the evaluation's problems.
        if key != "problems" and value not in (None, "", [], {}):
            text = str(value) if isinstance(value, (str, int, float)) else orjson.dumps(value).decode()
            facts[f"run: {key}"] = text if len(text) <= 200 else f"{text[:199]}…"
    facts["evaluation"] = f"{evaluation.id}, {evaluation.kind}"
    return facts


def _baseline(store: Store, evaluation: Evaluation, compare_to: Evaluation | None) -> tuple[str, Evaluation] | None:
    if compare_to is not None:
        if compare_to.kind != evaluation.kind:
            raise Invalid(
                f"{evaluation.kind} and {compare_to.kind} do not compare", remedy="compare evaluations of one kind"
            )
        return _label(store, compare_to), compare_to
    if evaluation.dataset_id is None or evaluation.id is None:
        return None
    with store.database.transaction() as session:
        before = [
            one
            for one in evaluations.of_dataset(session, evaluation.dataset_id)
            if one.id < evaluation.id and one.kind == evaluation.kind and one.run_id != evaluation.run_id
        ]
    if not before:
        return None
    other = load(store, before[0].id)
    try:
        # Narrowed alike, or the difference would be one of the question.
        other = replace(other, part=Slice()).where(
            tag=evaluation.part.tags or None,
            classes=evaluation.part.classes,
            area=evaluation.part.areas,
            images=evaluation.part.images,
            text=evaluation.part.text,
            confidence=evaluation.confidence,
        )
    except NotFound:
        # It knew nothing of these classes yet.
        return None
    return _label(store, other), other


def _label(store: Store, evaluation: Evaluation) -> str:
    if evaluation.run_id is None:
        return "another result file"
    with store.database.transaction() as session:
        source = evaluations.provenance(session, evaluation.run_id)
    model = f"{source.model_name} v{source.model_version}" if source.model_name else source.run_name
    return f"{model} (evaluation {evaluation.id})"


def _pixels_of(store: Store, evaluation: Evaluation) -> PixelsOf:
    def read_pixels(image_id: int) -> Pixels:
        if evaluation.dataset_id is None:
            raise NotFound("evaluations of files have no pixels", remedy="import the dataset to see its images")
        with store.database.transaction() as session:
            image = images.get(session, image_id)
        return pixels.decode(store, image)

    return read_pixels
