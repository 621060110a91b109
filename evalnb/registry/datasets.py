"""Datasets as a person sees them: listed, found by name, summed up."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from sqlalchemy.orm import Session

from evalnb.core.datasets import DatasetContents, DatasetRecord, DatasetSummary
from evalnb.core.jobs import JobRecord
from evalnb.core.taxonomy import Attribute, Class
from evalnb.errors import Conflict, Invalid
from evalnb.store.repositories import datasets, images, jobs


def create(session: Session, project_id: int, name: str, class_names: Iterable[str] = ()) -> int:
    """A new, empty dataset whose classes have the ids 1, 2, 3, … in the order of their names; its id.

    Conflict where the project has one of that name, Invalid where a class is named twice.
    """
    names = [*class_names]
    _once("class", names)
    return datasets.create(session, project_id, name, classes=[Class(n, one) for n, one in enumerate(names, 1)])


def list(session: Session, project_id: int) -> Sequence[DatasetRecord]:
    """The project's datasets, by name."""
    return datasets.all(session, project_id)


def get(session: Session, project_id: int, name: str) -> DatasetRecord:
    """The dataset of that name; NotFound names the nearest ones."""
    return datasets.by_name(session, project_id, name)


def summary(session: Session, dataset_id: int) -> DatasetSummary:
    """How many images and annotations it has, and of which classes; counted from indexes alone."""
    counts = datasets.per_class(session, dataset_id)
    taxonomy = datasets.taxonomy(session, dataset_id)
    return DatasetSummary(
        dataset=datasets.get(session, dataset_id),
        images=images.count(session, dataset_id),
        annotations=sum(counts.values()),
        per_class={one.name: counts.get(one.id, 0) for one in taxonomy},
    )


def define_class(
    session: Session,
    dataset_id: int,
    name: str,
    *,
    color: str | None = None,
    keypoints: Sequence[str] | None = None,
    skeleton: Sequence[tuple[str, str]] | None = None,
    attributes: Sequence[Attribute] | None = None,
) -> Class:
    """Add a class to the dataset's taxonomy, or change the one of that name; None leaves a property as it is.

    Invalid for a colour that is no ``#rrggbb``, a keypoint or attribute that is named twice, a skeleton that joins
    what is no keypoint, or fewer keypoints than labelled shapes of the class have.
    """
    taxonomy = datasets.taxonomy(session, dataset_id)
    known = taxonomy.by_name.get(named(name))
    new = known or Class(max((one.id for one in taxonomy), default=0) + 1, named(name))
    if color is not None:
        if not re.fullmatch("#[0-9a-fA-F]{6}", color):
            raise Invalid(f"{color!r} is no colour", remedy="write it as #rrggbb, such as #0072b2")
        new = replace(new, color=color.lower())
    if keypoints is not None:
        _once("keypoint", keypoints)
        if known and known.keypoints and len(keypoints) < len(known.keypoints):
            raise Invalid(
                f"class {name!r} has {len(known.keypoints)} keypoints, and shapes of it may have as many places",
                remedy="name at least as many, in the order that they have",
            )
        new = replace(new, keypoints=tuple(keypoints))
    if skeleton is not None:
        places = {one: place for place, one in enumerate(new.keypoints, 1)}
        unknown = [one for pair in skeleton for one in pair if one not in places]
        if unknown:
            raise Invalid(
                f"the skeleton joins {unknown[0]!r}, which is no keypoint of {name!r}",
                remedy=f"use {', '.join(map(repr, new.keypoints)) or 'keypoints=[…] to name them'}",
            )
        new = replace(new, skeleton=tuple((places[a], places[b]) for a, b in skeleton))
    if attributes is not None:
        _once("attribute", [one.name for one in attributes])
        new = replace(new, attributes=tuple(attributes))
    if known is None:
        datasets.add_classes(session, dataset_id, [new])
    else:
        datasets.set_class(session, dataset_id, new)
    return new


def _once(what: str, names: Sequence[str]) -> None:
    twice = [one for one, many in Counter(names).items() if many > 1]
    if twice:
        raise Invalid(f"the {what} {twice[0]!r} is named twice", remedy=f"name each {what} once")


def rename(session: Session, dataset_id: int, name: str) -> None:
    """Call it otherwise; Conflict where its project has one of that name."""
    datasets.rename(session, dataset_id, named(name))


def remove(session: Session, dataset_id: int, *, name: str) -> None:
    """Delete a dataset with its images, annotations and their history, its runs and evaluations. Reports stay: they
    hold their own numbers and pictures.

    ``name`` is what the caller takes it for: Conflict where it is called otherwise by now, or while a job is at work
    on it.
    """
    record = datasets.get(session, dataset_id)
    meant("dataset", record.name, name)
    idle(jobs.open_on(session, project_id=record.project_id, dataset_id=dataset_id), f"dataset {record.name!r}")
    datasets.remove(session, dataset_id)


def named(name: str) -> str:
    """A name that a person can read and type; Invalid for an empty one."""
    if not name.strip():
        raise Invalid("the name is empty", remedy="give it at least one letter")
    return name.strip()


def meant(what: str, name: str, said: str) -> None:
    """Conflict where the caller takes a thing that is to go for another one."""
    if name != said:
        raise Conflict(
            f"the {what} is called {name!r}, not {said!r}", remedy=f"name it as it is called now to delete the {what}"
        )


def idle(open_jobs: Sequence[JobRecord], what: str) -> None:
    """Conflict while jobs are at work on what is to go."""
    if open_jobs:
        first = open_jobs[0]
        more = f" and {len(open_jobs) - 1} more" if len(open_jobs) > 1 else ""
        raise Conflict(
            f"a {first.kind} job ({first.id}){more} is at work on {what}", remedy="wait for it, or cancel it first"
        )


def contents(session: Session, dataset_id: int) -> DatasetContents:
    """A dataset with its classes and tags, and how much there is of each."""
    return DatasetContents(
        dataset=datasets.get(session, dataset_id),
        taxonomy=datasets.taxonomy(session, dataset_id),
        images=images.count(session, dataset_id),
        per_class=datasets.per_class(session, dataset_id),
        per_tag=datasets.per_tag(session, dataset_id),
    )
