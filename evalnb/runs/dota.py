"""DOTA's own text files, as the rows of COCO that ``evalnb.runs.quads`` reads.

Truth is a folder of one file for each image: ``x0 y0 … x3 y3 class difficult`` by line, after lines of
``imagesource:`` and ``gsd:`` that say nothing here. Results are a folder of one file for each class,
``Task1_ship.txt``, with ``image score x0 y0 … x3 y3`` by line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from evalnb.errors import Invalid
from evalnb.runs.columns import NO_CLASS, NO_IMAGE, Images, Problem

TASK = "Task1_"
_HEADERS = ("imagesource:", "gsd:")


def is_folder(source: object) -> bool:
    """Whether a source is a folder, and so DOTA's."""
    return isinstance(source, (str, Path)) and Path(source).is_dir()


def truth_rows(folder: Path, problems: list[Problem]) -> tuple[dict[str, Any], list[int]]:
    """COCO's object of a folder of labels, and the ids of the difficult annotations."""
    images, found, difficult = [], [], []
    for number, path in enumerate(_files(folder, "*.txt"), 1):
        images.append({"id": number, "file_name": path.stem})
        for line, words in _lines(path, problems):
            if len(words) not in (9, 10):
                problems.append(Problem(path.name, line, "", "not eight numbers, a class and 0 or 1"))
            elif (poly := _numbers(words[:8])) is None:
                problems.append(Problem(path.name, line, "poly", f"{' '.join(words[:8])[:60]!r}: not eight numbers"))
            else:
                found.append((number, words[8], poly))
                if words[9:] not in ([], ["0"]):
                    difficult.append(len(found))
    names = sorted({name for _, name, _ in found})
    annotations = [
        {"id": i, "image_id": image, "category_id": names.index(name) + 1, "poly": poly}
        for i, (image, name, poly) in enumerate(found, 1)
    ]
    categories = [{"id": i, "name": name} for i, name in enumerate(names, 1)]
    return {"images": images, "categories": categories, "annotations": annotations}, difficult


def result_rows(
    folder: Path, images: Images, class_names: Mapping[int, str], problems: list[Problem]
) -> list[dict[str, Any]]:
    """COCO's results of a folder of detections."""
    image_id = dict(zip(images.name, images.id.tolist(), strict=True))
    class_id = {name: one for one, name in class_names.items()}
    rows: list[dict[str, Any]] = []
    for path in _files(folder, f"{TASK}*.txt"):
        name = path.stem.removeprefix(TASK)
        if name not in class_id:
            problems.append(Problem(path.name, None, "", f"{name!r}: {NO_CLASS}"))
            continue
        for line, words in _lines(path, problems):
            numbers = _numbers(words[1:])
            if len(words) != 10 or numbers is None:
                problems.append(Problem(path.name, line, "", "not an image, a score and eight numbers"))
            elif words[0] not in image_id:
                problems.append(Problem(path.name, line, "image", f"{words[0][:60]!r}: {NO_IMAGE}"))
            else:
                row = {"image_id": image_id[words[0]], "category_id": class_id[name]}
                rows.append(row | {"score": numbers[0], "poly": numbers[1:]})
    return rows


def _files(folder: Path, pattern: str) -> list[Path]:
    files = sorted(folder.glob(pattern))
    if not files:
        raise Invalid(f"{folder} has no files {pattern}", remedy="pass the folder of DOTA's own text files")
    return files


def _lines(path: Path, problems: list[Problem]) -> Iterator[tuple[int, list[str]]]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        problems.append(Problem(path.name, None, "", f"it cannot be read ({error})"))
        return
    for number, line in enumerate(lines):
        if line.strip() and not line.lower().startswith(_HEADERS):
            yield number, line.split()


def _numbers(words: list[str]) -> list[float] | None:
    try:
        return [float(one) for one in words]
    except ValueError:
        return None
