"""A dataset, or a slice of one, as a notebook holds it."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from evalnb.core.images import ImageRecord
from evalnb.core.slices import Slice
from evalnb.errors import EvalnbError, Invalid
from evalnb.progress import TqdmProgress

_S = TypeVar("_S")

if TYPE_CHECKING:
    from uuid import UUID

    import pandas as pd

    from evalnb.annotating.outlining import BoxSegmenter, Outlined
    from evalnb.annotating.propagating import Propagated
    from evalnb.core.datasets import DatasetRecord
    from evalnb.core.following import Direction
    from evalnb.core.ports import Follower, Pixels, Segmenter
    from evalnb.core.taxonomy import Attribute, Class, Taxonomy
    from evalnb.models._sam2 import Sam2Segmenter
    from evalnb.registry.agreeing import Compared
    from evalnb.registry.ingest import ImportReport
    from evalnb.registry.receipts import LossReport
    from evalnb.runs.charts import Chart
    from evalnb.store import Store
    from evalnb.store.repositories.predictions import PredictionRun
    from evalnb.widgets.annotator import Annotator

_BATCH = 500
_THUMBNAILS = 8
_WAND = (
    'For photographs the wand needs a real SAM 2: run ev.sam2("sam2.1-tiny") once. It downloads 156 MB, '
    "or says which file to put where."
)


class Dataset:
    """Images, their annotations and the classes that name them. Lazy: a slice costs nothing until it is asked."""

    def __init__(self, store: Store, record: DatasetRecord, part: Slice = Slice()) -> None:
        self.store = store
        self.record = record
        self.part = part
        self.imported: ImportReport | None = None
        """After an import: what went in, and what could not."""

    @property
    def id(self) -> int:
        """Its id in the store."""
        return self.record.id

    @property
    def name(self) -> str:
        """Its name in the project."""
        return self.record.name

    @property
    def taxonomy(self) -> Taxonomy:
        """Its classes."""
        from evalnb.store.repositories import datasets

        with self.store.database.transaction() as session:
            return datasets.taxonomy(session, self.id)

    def define_class(
        self,
        name: str,
        *,
        color: str | None = None,
        keypoints: Sequence[str] | None = None,
        skeleton: Sequence[tuple[str, str]] | None = None,
        attributes: Sequence[Attribute] | None = None,
    ) -> Class:
        """Add a class, or change the one of that name; what is left out stays as it is.

        ``color`` is ``#rrggbb``, ``skeleton`` pairs of names of ``keypoints``. Invalid for what contradicts itself.
        """
        from evalnb.registry import datasets

        with self.store.database.transaction() as session:
            return datasets.define_class(
                session,
                self.id,
                name,
                color=color,
                keypoints=keypoints,
                skeleton=skeleton,
                attributes=attributes,
            )

    def rename(self, name: str) -> None:
        """Call it otherwise. Conflict where the project has a dataset of that name."""
        from evalnb.registry import datasets

        with self.store.database.transaction() as session:
            datasets.rename(session, self.id, name)
        self.record = replace(self.record, name=name.strip())

    def delete(self) -> None:
        """Delete it with its annotations and their history, its runs and evaluations; reports stay. Images that were
        registered in place keep their files. Invalid for a slice, Conflict while a job is at work on it.
        """
        from evalnb.registry import datasets

        if self.part != Slice():
            raise Invalid(
                f"this is a slice of {self.name!r}",
                remedy=f"project.dataset({self.name!r}).delete() deletes it whole",
            )
        with self.store.database.transaction() as session:
            datasets.remove(session, self.id, name=self.name)

    def where(
        self,
        *,
        tag: str | Iterable[str] | None = None,
        classes: Iterable[str] | None = None,
        area: str | Iterable[str] | None = None,
        images: Iterable[int] | None = None,
        text: str | None = None,
    ) -> Dataset:
        """A slice; slices compose, and the conditions are joined by *and*."""
        narrower = self.part.where(tag=tag, classes=classes, area=area, images=images, text=text)
        for name in narrower.classes or ():
            self.taxonomy.named(name)
        return Dataset(self.store, self.record, narrower)

    def __len__(self) -> int:
        """How many images."""
        from evalnb.store.repositories import images

        with self.store.database.transaction() as session:
            return images.count(session, self.id, self.part)

    def __iter__(self) -> Iterator[ImageRecord]:
        """Its images, in order, read page by page."""
        from evalnb.store.repositories import images

        after = 0
        while True:
            with self.store.database.transaction() as session:
                page = images.page(session, self.id, self.part, after=after, limit=_BATCH)
            yield from page
            if len(page) < _BATCH:
                return
            after = page[-1].id

    def head(self, n: int = 10) -> pd.DataFrame:
        """The first ``n`` images: id, file name, width, height, tags."""
        import pandas as pd

        rows = [
            {
                "id": one.id,
                "file_name": one.file_name,
                "width": one.width,
                "height": one.height,
                "tags": ", ".join(one.tags),
            }
            for one in self._first(n)
        ]
        return pd.DataFrame(rows, columns=["id", "file_name", "width", "height", "tags"]).set_index("id")

    def _first(self, n: int) -> list[ImageRecord]:
        from evalnb.store.repositories import images

        with self.store.database.transaction() as session:
            return images.page(session, self.id, self.part, after=0, limit=n)

    def pixels(self, image: ImageRecord) -> Pixels:
        """(h, w, 3) uint8 RGB of one of its images."""
        from evalnb.registry import pixels

        return pixels.decode(self.store, image)

    def summary(self) -> pd.DataFrame:
        """For each class: how many annotations, on how many images, and their median area in px²."""
        import numpy as np
        import pandas as pd

        from evalnb.store.repositories import annotations

        with self.store.database.transaction() as session:
            truths = annotations.truths(session, self.id, self.part, masks=False)
        rows = []
        for one in self.taxonomy:
            of_class = truths.class_id == one.id
            area = float(np.median(truths.area[of_class])) if of_class.any() else float("nan")
            rows.append(
                (
                    one.name,
                    int(of_class.sum()),
                    len(np.unique(truths.image[of_class])),
                    round(area) if area == area else None,
                )
            )
        return pd.DataFrame(rows, columns=["class", "annotations", "images", "median area px²"]).set_index("class")

    def annotate(
        self,
        *,
        segmenter: Segmenter | str | None = "auto",
        start: int | None = None,
        author: str | None = None,
        height: int = 640,
        read_only: bool = False,
    ) -> Annotator:
        """The Annotator: a canvas with every edit saved as it is made.

        ``segmenter`` is the SAM 2 behind the wand: a name (``"sam2.1-tiny"``, downloaded on first use), a Segmenter,
        None for none, or ``"auto"`` for the smallest whose weights are here, which without any is the demonstration
        model ``"pico"``. ``start`` is the first image's place.
        """
        from evalnb import models
        from evalnb.widgets._portal import image_link
        from evalnb.widgets.annotator import Annotator

        settings = self.store.settings
        if segmenter == "auto":
            wand = models.wand(settings)
        else:
            wand = models.sam2(segmenter, settings=settings) if isinstance(segmenter, str) else segmenter
        real = segmenter != "auto" or models.installed_segmenter(settings) is not None
        return Annotator(
            self.store,
            self.id,
            part=self.part,
            segmenter=wand,
            segmenter_help="" if real else _WAND,
            start=start,
            author=author or self.store.settings.author,
            height=height,
            read_only=read_only,
            link=image_link(self.store.settings.home, self.record.project_id),
        )

    def boxes_to_masks(self, segmenter: BoxSegmenter | str | None = None, *, score_min: float = 0.5) -> Outlined:
        """Turn its boxes into the masks that a SAM 2 draws in them, here, with a bar; the answer counts them.

        ``segmenter`` is a name or what ``ev.sam2`` returns; None: the smallest whose weights are here, else pico.
        Boxes with a predicted IoU below ``score_min`` stay. Each mask is an edit, which a shape's history takes back.
        ``project.submit.masks`` does the same on a worker.
        """
        from uuid import uuid4

        from evalnb.annotating.outlining import boxes_to_masks

        return boxes_to_masks(
            self.store,
            self.id,
            self._chosen(segmenter),
            author=self.store.settings.author,
            once=uuid4(),
            part=self.part,
            score_min=score_min,
            progress=TqdmProgress(),
        )

    def follow(
        self,
        segmenter: Follower | str | None = None,
        *,
        tracks: Iterable[UUID | str] | None = None,
        direction: Direction = "both",
    ) -> Propagated:
        """Follow its tracks from their keyframes over its images, in their order, here, with a bar; the answer counts
        what was drawn. ``project.submit.follow``, which has the same arguments, does it on a worker."""
        from uuid import UUID, uuid4

        from evalnb.annotating.propagating import follow_tracks

        return follow_tracks(
            self.store,
            self.id,
            self._chosen(segmenter),
            author=self.store.settings.author,
            once=uuid4(),
            part=self.part,
            tracks=None if tracks is None else [UUID(str(one)) for one in tracks],
            direction=direction,
            progress=TqdmProgress(),
        )

    def _chosen(self, segmenter: _S | str | None) -> _S | Sam2Segmenter:
        if segmenter is not None and not isinstance(segmenter, str):
            return segmenter
        from evalnb import models

        return models.chosen(segmenter, self.store.settings)

    def reviews(self, status: str | None = None, *, assignee: str | None = None) -> pd.DataFrame:
        """How far the images have come (of one status, of one person ("": nobody's)): a row for each, by its id, with
        file_name, status (todo, doing, review, accepted, rejected), assignee, author and at of the last change, and
        how many comments are open. ``dataset.where(images=dataset.reviews("rejected").index)`` is their slice."""
        from evalnb.registry.reviewing import table

        return table(self.store, self.id, self.part, status, assignee)

    def review(
        self,
        images: Iterable[int],
        *,
        status: str | None = None,
        assignee: str | None = None,
        author: str | None = None,
    ) -> None:
        """Set the status or the assignee ("" for nobody) of images by their ids. Invalid for an unknown status,
        NotFound, and nothing set, for an image of another dataset."""
        from evalnb.store.repositories import reviews

        with self.store.database.transaction() as session:
            by = author or self.store.settings.author
            reviews.put(session, self.id, [int(one) for one in images], author=by, status=status, assignee=assignee)

    def review_log(self, image: int) -> pd.DataFrame:
        """What became of an image's status and assignee, a row for each change, oldest first: status and assignee as
        they stood after it, author, at. NotFound for an image of another dataset."""
        from evalnb.registry.reviewing import log

        return log(self.store, self.id, image)

    def agreement(
        self, other: Dataset | PredictionRun, *, iou: float = 0.5, masks: bool = False, confidence: float = 0.25
    ) -> pd.DataFrame:
        """How far these labels agree with those of ``other``: a dataset of the same images (by their source keys), by
        another's hand, or a run's predictions from a ``confidence`` on. A row for each class by name and ``all``,
        with the shapes of either, those that agree, F1, the mean IoU of what agrees, and Krippendorff's alpha. See
        ``evalnb.core.metrics.agreement``.

        Invalid where they share no image."""
        return self._compared(other, iou=iou, masks=masks, confidence=confidence).by_class()

    def agreement_chart(
        self, other: Dataset | PredictionRun, *, iou: float = 0.5, masks: bool = False, confidence: float = 0.25
    ) -> Chart:
        """``agreement`` as a figure: F1 and alpha by class, and what the one calls what the other calls it."""
        from evalnb.runs.agreement_chart import agreement

        compared = self._compared(other, iou=iou, masks=masks, confidence=confidence)
        return agreement(compared, left=self.name, right=other.name, iou=iou)

    def disagreements(
        self, other: Dataset | PredictionRun, *, iou: float = 0.5, masks: bool = False, confidence: float = 0.25
    ) -> pd.DataFrame:
        """The images on which the labels differ, by id, the worst first: how many shapes agree, are of another class,
        or are only here or there, and F1. ``dataset.where(images=….index).annotate()`` opens them."""
        return self._compared(other, iou=iou, masks=masks, confidence=confidence).by_image()

    def _compared(self, other: Dataset | PredictionRun, *, iou: float, masks: bool, confidence: float) -> Compared:
        from evalnb.registry.agreeing import Labels, compare

        if isinstance(other, Dataset):
            theirs = Labels(other.id, other.part)
        else:
            theirs = Labels(other.dataset_id, Slice(), other.id, confidence)
        return compare(self.store, Labels(self.id, self.part), theirs, iou=iou, masks=masks)

    def export(self, format: str, out: str | Path) -> LossReport:
        """Write it under ``out``; the report names each thing that the format cannot say.

        ``format`` is coco, lvis, yolo (boxes, or outlines as soon as there is one), yolo-detect, yolo-segment,
        yolo-pose, yolo-obb, voc, labelme, cvat, cvat-video, panoptic, masks or datumaro.
        """
        from evalnb.registry.exports import export

        return export(self.store, self.id, format, Path(out), part=self.part, progress=TqdmProgress())

    def __repr__(self) -> str:
        """Name, size and slice."""
        return f"Dataset({self.name!r}, {len(self):,} images{', a slice' if self.part else ''})"

    def _repr_html_(self) -> str:
        """Its name, its classes, and a strip of thumbnails."""
        classes = [
            f'<span style="display:inline-flex;align-items:center;gap:5px;margin:0 12px 2px 0">'
            f'<i style="width:9px;height:9px;border-radius:50%;background:{self.taxonomy.color(one.id)}"></i>'
            f"{html.escape(one.name)}</span>"
            for one in list(self.taxonomy)[:24]
        ]
        more = f"and {len(self.taxonomy) - 24} more" if len(self.taxonomy) > 24 else ""
        strip = "".join(self._thumbnail(one) for one in self._first(_THUMBNAILS))
        part = " · a slice" if self.part else ""
        return (
            '<div style="font-family:var(--jp-ui-font-family,system-ui);color:var(--jp-ui-font-color1,inherit)">'
            f'<div style="font-size:15px;font-weight:600;margin:2px 0 6px">{html.escape(self.name)}'
            f'<span style="font-weight:400;opacity:.65"> · {len(self):,} images · {len(self.taxonomy)} classes{part}'
            f'</span></div><div style="display:flex;flex-wrap:wrap;gap:6px;margin-bottom:8px">{strip}</div>'
            f'<div style="font-size:12px;opacity:.85;display:flex;flex-wrap:wrap">{"".join(classes)}{more}</div>'
            "</div>"
        )

    def _thumbnail(self, image: ImageRecord) -> str:
        from PIL import Image

        title = html.escape(image.file_name)
        frame = "height:84px;border-radius:5px"
        try:
            small = Image.fromarray(self.pixels(image))
        except EvalnbError as error:
            reason = html.escape(str(error))
            return f'<span title="{reason}" style="{frame};width:112px;border:1px dashed;opacity:.5">{title}</span>'
        small.thumbnail((224, 168))
        data = io.BytesIO()
        small.save(data, "JPEG", quality=72)
        source = base64.b64encode(data.getvalue()).decode()
        return f'<img title="{title}" alt="{title}" style="{frame}" src="data:image/jpeg;base64,{source}">'
