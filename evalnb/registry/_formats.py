"""The formats of labelled images by name: which reader and writer each has."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evalnb.core.progress import Progress
from evalnb.core.slices import Slice
from evalnb.core.taxonomy import Taxonomy
from evalnb.formats import cvat, cvat_video, cvat_writer, datumaro, labelme, mask_files, panoptic, voc
from evalnb.formats.labelled import Losses, Writer
from evalnb.formats.problems import Problems
from evalnb.registry._labelled_export import export_labelled
from evalnb.registry._labelled_import import import_labelled
from evalnb.registry._video_import import frames_named
from evalnb.registry.exports import PixelsMode
from evalnb.registry.receipts import ImportReport, LossReport
from evalnb.store import Store


@dataclass(frozen=True, slots=True)
class Written:
    """How a format is written."""

    make: Callable[[Path, Taxonomy, Losses], Writer]
    owned: Sequence[str]
    """What it writes below the folder that is given."""
    pictures: str
    """Where the pixels go."""
    names_classes: bool = True
    """Whether its files name classes that have no shapes."""
    called: Callable[[str, int], str] | None = None
    """What it calls the image of a name at a place; None keeps the name."""


WRITERS: Mapping[str, Written] = {
    "voc": Written(voc.VocWriter, voc.OWNED, "JPEGImages", names_classes=False),
    "labelme": Written(labelme.LabelMeWriter, labelme.OWNED, labelme.OWNED[0], names_classes=False),
    "cvat": Written(cvat_writer.CvatWriter, cvat_writer.OWNED, "images"),
    "cvat-video": Written(cvat_video.CvatVideoWriter, cvat_writer.OWNED, "images", called=cvat_video.frame_name),
    "panoptic": Written(panoptic.PanopticWriter, panoptic.OWNED, "images"),
    "masks": Written(mask_files.MaskWriter, mask_files.OWNED, "images"),
    "datumaro": Written(datumaro.DatumaroWriter, datumaro.OWNED, "images"),
}


def export_one(
    store: Store, dataset_id: int, format: str, out: Path, *, part: Slice, mode: PixelsMode, bar: Progress
) -> LossReport:
    """Write the slice by the format's writer; see ``_labelled_export.export_labelled``."""
    how = WRITERS[format]
    return export_labelled(
        store,
        dataset_id,
        out,
        how.make,
        format=format,
        owned=how.owned,
        pictures=how.pictures,
        names_classes=how.names_classes,
        called=how.called,
        part=part,
        mode=mode,
        bar=bar,
    )


def import_voc(
    store: Store,
    project_id: int,
    name: str,
    *,
    folder: Path,
    images: Path | None = None,
    copy: bool = False,
    progress: Progress | None = None,
) -> ImportReport:
    """Import a folder of Pascal VOC into the dataset ``name``; its image sets become tags.

    ``images`` is the folder of the pixels where it is not ``folder / "JPEGImages"``. Invalid if there are no XML
    files. The rest as ``_labelled_import.import_labelled``.
    """
    problems = Problems()
    reader = voc.VocReader(Path(folder).absolute(), _absolute(images), problems)
    return import_labelled(store, project_id, name, reader, problems=problems, copy=copy, progress=progress)


def import_labelme(
    store: Store,
    project_id: int,
    name: str,
    *,
    folder: Path,
    images: Path | None = None,
    copy: bool = False,
    progress: Progress | None = None,
) -> ImportReport:
    """Import a folder of LabelMe's JSON files into the dataset ``name``.

    ``images`` is the folder that ``imagePath`` starts from where it is not the file's own. Invalid if there are none.
    """
    problems = Problems()
    reader = labelme.LabelMeReader(Path(folder).absolute(), _absolute(images), problems)
    return import_labelled(store, project_id, name, reader, problems=problems, copy=copy, progress=progress)


def import_cvat(
    store: Store,
    project_id: int,
    name: str,
    *,
    annotations: Path,
    images: Path | None = None,
    copy: bool = False,
    progress: Progress | None = None,
) -> ImportReport:
    """Import CVAT's XML 1.1 into the dataset ``name``, for images or for video.

    ``images`` is the folder that the names start from where it is neither ``images`` beside the file nor the file's
    own. Where it is not named, and the dataset has frames of the file's video, the tracks come onto those, by their
    numbers. NotFound, Unsafe or Invalid refuse the file.
    """
    problems = Problems()
    reader = cvat.CvatReader(Path(annotations).absolute(), _absolute(images), problems)
    if (
        images is None
        and reader.video is not None
        and (frames := frames_named(store, project_id, name, reader.video))
    ):
        reader.meet(frames)
    return import_labelled(store, project_id, name, reader, problems=problems, copy=copy, progress=progress)


def import_datumaro(
    store: Store,
    project_id: int,
    name: str,
    *,
    folder: Path,
    images: Path | None = None,
    copy: bool = False,
    progress: Progress | None = None,
) -> ImportReport:
    """Import a folder of Datumaro's JSON into the dataset ``name``; its subsets become tags.

    ``images`` is the folder of the pixels where it is not ``folder / "images"``. Invalid if there is no such file.
    """
    problems = Problems()
    reader = datumaro.DatumaroReader(Path(folder).absolute(), _absolute(images), problems)
    return import_labelled(store, project_id, name, reader, problems=problems, copy=copy, progress=progress)


def import_masks(
    store: Store,
    project_id: int,
    name: str,
    *,
    images: Path,
    masks: Path,
    classes: Mapping[int, str] | None = None,
    copy: bool = False,
    progress: Progress | None = None,
) -> ImportReport:
    """Import PNG masks, one for each image by its name, into the dataset ``name``.

    Invalid if no folder, no mask or no name for the values is there; see ``formats.mask_files``.
    """
    problems = Problems()
    reader = mask_files.MaskReader(Path(images).absolute(), Path(masks).absolute(), classes)
    return import_labelled(store, project_id, name, reader, problems=problems, copy=copy, progress=progress)


def import_panoptic(
    store: Store,
    project_id: int,
    name: str,
    *,
    images: Path,
    annotations: Path,
    masks: Path | None = None,
    copy: bool = False,
    progress: Progress | None = None,
) -> ImportReport:
    """Import COCO's panoptic JSON and its PNGs into the dataset ``name``, a mask for each segment.

    ``masks`` is the folder of the PNGs where it is not the file's own path without ``.json``. NotFound or Invalid
    refuse the file.
    """
    problems = Problems()
    reader = panoptic.PanopticReader(
        Path(annotations).absolute(), Path(images).absolute(), _absolute(masks), problems
    )
    return import_labelled(store, project_id, name, reader, problems=problems, copy=copy, progress=progress)


def _absolute(path: Path | None) -> Path | None:
    return None if path is None else Path(path).absolute()
