"""The export of labelled images: what VOC, CVAT, LabelMe, Datumaro and mask files share."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from evalnb.core.images import ImageRecord
from evalnb.core.progress import Progress
from evalnb.core.records import Annotation
from evalnb.core.slices import AREAS, Slice
from evalnb.core.sources import AS_GIVEN
from evalnb.core.taxonomy import Taxonomy
from evalnb.errors import Invalid
from evalnb.formats.labelled import Losses, Writer
from evalnb.formats.problems import Problems
from evalnb.registry.exports import PixelsMode, one_moment, place_pixels
from evalnb.registry.receipts import LossReport
from evalnb.store import Store
from evalnb.store.repositories import annotations as shape_rows
from evalnb.store.repositories import datasets, images

_MARK = ".evalnb-export"
_PAGE = 500

Making = Callable[[Path, Taxonomy, Losses], Writer]


def export_labelled(
    store: Store,
    dataset_id: int,
    out: Path,
    make: Making,
    *,
    format: str,
    owned: Sequence[str],
    pictures: str,
    names_classes: bool,
    called: Callable[[str, int], str] | None = None,
    part: Slice,
    mode: PixelsMode,
    bar: Progress,
) -> LossReport:
    """Write the slice by the writer that ``make`` gives, page by page, as of one moment.

    ``owned`` are the names below ``out`` that the format writes: a former export's are replaced; Invalid if others
    bear them. ``pictures`` is the folder of the pixels; ``called`` says what an image of a name at a place is called
    there. Without ``names_classes`` the format
    knows a class by its shapes alone.
    """
    claim(out, owned)
    problems = Problems()
    names: set[str] = set()
    written = count = 0
    used: set[int] = set()
    with one_moment(store) as session:
        taxonomy = datasets.taxonomy(session, dataset_id)
        chosen = {taxonomy.named(name).id for name in part.classes} if part.classes is not None else None
        writer = make(out, taxonomy, Losses(problems))
        bar.start(images.count(session, dataset_id, part), unit="images", what="writing images and labels")
        after = 0
        while page := images.page(session, dataset_id, part, after=after, limit=_PAGE):
            after = page[-1].id
            drawn = shape_rows.of_images(session, [one.id for one in page])
            for image in page:
                name = unique_name(image, names) if called is None else called(image.file_name, count)
                place_pixels(store, image, out / pictures, name, mode=mode, losses=problems)
                if any(key != AS_GIVEN for key in image.extra):
                    problems.add("image", image.source_key, "", "lost what else its source said of it")
                shapes = [one for one in drawn[image.id] if _is_chosen(one, chosen, part)]
                used.update(one.class_id for one in shapes)
                written += writer.image(image, name, shapes)
                count += 1
            bar.advance(len(page))
        writer.finish()
    for one in taxonomy:
        if not names_classes and one.id not in used:
            problems.add("class", one.name, "", "has no shapes, by which alone the format names it")
    return LossReport(
        dataset_id=dataset_id,
        format=format,
        path=str(out),
        images=count,
        annotations=written,
        losses=dict(problems.counts),
        examples=tuple(problems),
    )


def claim(out: Path, owned: Sequence[str]) -> None:
    """Make ``out`` ready: what a former export left under the ``owned`` names goes; Invalid if it is another's."""
    there = [out / name for name in owned if (out / name).exists()]
    if there and not (out / _MARK).exists():
        raise Invalid(f"{there[0]} exists and evalnb did not write it", remedy="choose an empty folder")
    for path in there:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    out.mkdir(parents=True, exist_ok=True)
    (out / _MARK).touch()


def unique_name(image: ImageRecord, taken: set[str]) -> str:
    """Where the image lies below the folder of pictures: unique without its suffix, and never out of it."""
    parts = [one for one in image.file_name.replace("\\", "/").split("/") if one not in ("", ".", "..")]
    path = Path(*parts) if parts else Path(f"image-{image.id}")
    if str(path.with_suffix("")) in taken:
        path = path.with_stem(f"{path.stem}-{image.id}")
    taken.add(str(path.with_suffix("")))
    return path.as_posix()


def _is_chosen(one: Annotation, classes: set[int] | None, part: Slice) -> bool:
    if classes is not None and one.class_id not in classes:
        return False
    area = one.area or 0.0
    return part.areas is None or any(AREAS[name][0] <= area <= AREAS[name][1] for name in part.areas)
