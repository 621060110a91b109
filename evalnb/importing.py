"""What a project imports: a verb for each format of annotations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalnb.progress import TqdmProgress

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evalnb.dataset import Dataset
    from evalnb.imagery import FrameFormat
    from evalnb.registry.ingest import ImportReport
    from evalnb.store import Store


class Importing:
    """The verbs of a project that read files.

    Of each: images stay where they are unless ``copy``; a video's frames are always kept here. A bar shows how far it
    is; interrupted, the same call goes on; repeated, it changes nothing. ``dataset.imported`` lists what could not go
    in, with places and reasons.
    """

    store: Store
    id: int

    def import_coco(self, name: str, *, images: str | Path, annotations: str | Path, copy: bool = False) -> Dataset:
        """Import a COCO file: boxes, polygons, run lengths, crowds, keypoints; and what evalnb wrote beside them."""
        from evalnb.registry import ingest

        return self._imported(name, ingest.import_coco, images=Path(images), annotations=Path(annotations), copy=copy)

    def import_lvis(self, name: str, *, images: str | Path, annotations: str | Path, copy: bool = False) -> Dataset:
        """Import an LVIS file; images are found by ``file_name``, or by the end of ``coco_url``."""
        from evalnb.registry import ingest

        return self._imported(
            name, ingest.import_coco, images=Path(images), annotations=Path(annotations), copy=copy, format="lvis"
        )

    def import_yolo(self, name: str, data: str | Path, *, task: str | None = None, copy: bool = False) -> Dataset:
        """Import a YOLO ``data.yaml``; its splits become tags.

        ``task`` is detect, segment, pose or obb; left out, data.yaml and the labels say it.
        """
        from evalnb.registry import ingest

        return self._imported(name, ingest.import_yolo, data=Path(data), task=task, copy=copy)

    def import_voc(
        self, name: str, folder: str | Path, *, images: str | Path | None = None, copy: bool = False
    ) -> Dataset:
        """Import a folder of Pascal VOC (Annotations, JPEGImages); its image sets become tags."""
        from evalnb.registry import ingest

        return self._imported(name, ingest.import_voc, folder=Path(folder), images=_path(images), copy=copy)

    def import_labelme(
        self, name: str, folder: str | Path, *, images: str | Path | None = None, copy: bool = False
    ) -> Dataset:
        """Import a folder of LabelMe's JSON files; images are found beside them, or below ``images``."""
        from evalnb.registry import ingest

        return self._imported(name, ingest.import_labelme, folder=Path(folder), images=_path(images), copy=copy)

    def import_cvat(
        self, name: str, annotations: str | Path, *, images: str | Path | None = None, copy: bool = False
    ) -> Dataset:
        """Import CVAT's XML 1.1, for images or for video; images are found beside it, in ``images`` or below it."""
        from evalnb.registry import ingest

        return self._imported(
            name, ingest.import_cvat, annotations=Path(annotations), images=_path(images), copy=copy
        )

    def import_datumaro(
        self, name: str, folder: str | Path, *, images: str | Path | None = None, copy: bool = False
    ) -> Dataset:
        """Import a folder of Datumaro's JSON (annotations, images); its subsets become tags."""
        from evalnb.registry import ingest

        return self._imported(name, ingest.import_datumaro, folder=Path(folder), images=_path(images), copy=copy)

    def import_masks(
        self,
        name: str,
        *,
        images: str | Path,
        masks: str | Path,
        classes: Mapping[int, str] | None = None,
        copy: bool = False,
    ) -> Dataset:
        """Import PNG masks, one beside each image by name: a class for each value, as ``classes`` or the file
        ``labelmap.txt`` says; or, where a file ``instances.json`` stands beside them, an object for each value."""
        from evalnb.registry import ingest

        return self._imported(
            name, ingest.import_masks, images=Path(images), masks=Path(masks), classes=classes, copy=copy
        )

    def import_panoptic(
        self,
        name: str,
        *,
        images: str | Path,
        annotations: str | Path,
        masks: str | Path | None = None,
        copy: bool = False,
    ) -> Dataset:
        """Import COCO's panoptic JSON, a mask for each segment; its PNGs are in ``masks``, or in the folder beside it
        that has its name."""
        from evalnb.registry import ingest

        paths = {"images": Path(images), "annotations": Path(annotations), "masks": _path(masks)}
        return self._imported(name, ingest.import_panoptic, **paths, copy=copy)

    def import_images(self, name: str, images: str | Path | Sequence[str | Path], *, copy: bool = False) -> Dataset:
        """Import images without labels: a file, files, or a folder, searched to its depth, in natural order."""
        from evalnb.registry import ingest

        return self._imported(name, ingest.import_pictures, images=_paths(images), copy=copy)

    def import_video(
        self,
        name: str,
        videos: str | Path | Sequence[str | Path],
        *,
        every: int = 1,
        start: int = 0,
        stop: int | None = None,
        format: FrameFormat = "jpeg",
    ) -> Dataset:
        """Import the frames ``start``, ``start + every``, … before ``stop`` of a video, of several, or of a folder of
        them: images ``VIDEO/000123.jpg``, in order. ``format`` is jpeg, or png for the exact pixels.

        Each keeps its video, number and time, so that a canvas can play them. Takes ``pip install 'evalnb[video]'``.
        """
        from evalnb.registry import ingest

        paths = _paths(videos)
        numbers = {"every": every, "start": start, "stop": stop}
        return self._imported(name, ingest.import_video, videos=paths, **numbers, format=format)

    def _imported(self, name: str, take: Any, **arguments: Any) -> Dataset:
        report: ImportReport = take(self.store, self.id, name, **arguments, progress=TqdmProgress())
        dataset = self.dataset(name)
        dataset.imported = report
        if report.problems:
            print(report)  # noqa: T201
        return dataset

    def dataset(self, name: str) -> Dataset:
        """The dataset of that name; NotFound lists the others."""
        from evalnb.dataset import Dataset
        from evalnb.store.repositories import datasets

        with self.store.database.transaction() as session:
            record = datasets.by_name(session, self.id, name)
        return Dataset(self.store, record)


def _path(path: str | Path | None) -> Path | None:
    return None if path is None else Path(path)


def _paths(given: str | Path | Sequence[str | Path]) -> Path | list[Path]:
    return Path(given) if isinstance(given, str | Path) else [Path(one) for one in given]
