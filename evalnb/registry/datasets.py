"""Datasets as a person sees them: listed, found by name, summed up."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from evalnb.core.datasets import DatasetRecord, DatasetSummary
from evalnb.store.repositories import datasets, images


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
