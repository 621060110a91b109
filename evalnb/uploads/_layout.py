"""What an unpacked data set is, by what its files hold, and where their images are.

Everything that a file inside says about places is read as if the folder were the whole world: a data.yaml that names
folders of the server would otherwise have its images, or the text of its files, imported.
"""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import yaml

from evalnb.errors import EvalnbError, Invalid, Unsafe
from evalnb.formats import json_index
from evalnb.formats.yolo import SPLITS

_YAML_BYTES = 1 << 20
_LOOKED_AT = 200
"""Images by whose names the folder is found."""
_XML_SNIFFED = 64 << 10
Format: TypeAlias = Literal["coco", "panoptic", "yolo", "voc", "labelme", "cvat", "masks", "datumaro"]
_LISTS = ("images", "annotations", "categories")


@dataclass(frozen=True, slots=True)
class Source:
    """One data set among the unpacked files."""

    format: Format
    file: str
    """The COCO or panoptic file, the data.yaml or CVAT's XML; of other formats the folder. Relative to the unpacked
    folder."""
    images: str = ""
    """COCO, panoptic and masks: the folder that the images' names start from, relative to the unpacked folder."""
    label: str = ""
    """What tells it from the others of the same zip: "train", "instances_val2017"."""


def find(folder: Path, names: Sequence[str], *, zip_name: str) -> list[Source]:
    """The data sets among the unpacked ``names``: every data.yaml, or else every COCO file (LVIS is read as COCO), or
    else what the first files of the other formats say. Invalid if there is none.

    A data.yaml is written anew, with places inside the folder only. Unsafe or Invalid if it is a trap.
    """
    found = [_labelled(one, "yolo") for one in names if _is_yaml(one) and _made_safe(folder, one, zip_name)]
    if not found:
        found = [one for name in names if name.lower().endswith(".json") and (one := _coco(folder, name, names))]
    if not found:
        found = _others(folder, names)
    if not found:
        raise Invalid(
            f"{zip_name} has neither a COCO file (JSON with a list of images) nor a data.yaml that names its"
            " classes, nor files of VOC, CVAT, LabelMe or Datumaro, nor masks with a labelmap.txt",
            remedy="put one into the zip; images alone are uploaded with the purpose images-zip",
        )
    return found


def _is_yaml(name: str) -> bool:
    return name.lower().endswith((".yaml", ".yml"))


def _labelled(file: str, format: Format, images: str = "") -> Source:
    stem = posixpath.basename(file).split(".")[0]
    # Roboflow calls every one _annotations.coco.json, and YOLO's is always data.yaml: then the folder tells.
    generic = stem.strip("_").lower() in {"annotations", "data", "dataset", "instances", "coco", "labels", "result"}
    label = posixpath.basename(posixpath.dirname(file)) if generic else stem
    return Source(format, file, images, label or stem)


# ---------------------------------------------------------------------------------------------- YOLO


def _made_safe(folder: Path, name: str, zip_name: str) -> bool:
    """Whether this is a data.yaml; it then holds nothing that leads out of the folder."""
    path = folder / name
    if path.stat().st_size > _YAML_BYTES:
        return False
    text = path.read_text(encoding="utf-8", errors="replace")
    try:
        # An alias may stand for a list of aliases, and so on: a kilobyte that becomes gigabytes when written out.
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=yaml.SafeLoader)):
            raise Unsafe(f"{name} in {zip_name} uses YAML aliases", remedy="write its values out, and zip it again")
        said = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError):
        return False
    if not isinstance(said, dict) or "names" not in said or not any(split in said for split in SPLITS):
        return False
    inside = posixpath.dirname(name)
    root = said.pop("path", None)
    if isinstance(root, str) and (kept := _inside(inside, root)) is not None and (folder / inside / kept).is_dir():
        said["path"] = kept
    for split in SPLITS:
        if split in said:
            said[split] = _entries(said[split], inside, f"{name} in {zip_name}")
    path.write_text(yaml.safe_dump(said, sort_keys=False, allow_unicode=True, width=1000), encoding="utf-8")
    return True


def _entries(value: Any, inside: str, where: str) -> Any:
    if isinstance(value, list):
        return [_entries(one, inside, where) for one in value if isinstance(one, str)]
    if not isinstance(value, str):
        return None
    # Roboflow writes ../train/images although the folder stands beside the file.
    entry = value.replace("\\", "/").removeprefix("../")
    kept = _inside(inside, entry)
    if kept is None:
        raise Unsafe(
            f"{where} names {value!r}, which is not in the zip", remedy="write paths that are relative to data.yaml"
        )
    return kept


def _inside(folder: str, path: str) -> str | None:
    """``path``, relative to ``folder`` inside the zip, without detours; None if it leads out of the zip."""
    if posixpath.isabs(path) or ":" in path or "\0" in path:
        return None
    whole = posixpath.normpath(posixpath.join(folder, path))
    if whole == ".." or whole.startswith("../"):
        return None
    return posixpath.relpath(whole, folder or ".")


# ---------------------------------------------------------------------------------------------- COCO


def _coco(folder: Path, name: str, names: Sequence[str]) -> Source | None:
    try:
        index = json_index.build(folder / name, lists=_LISTS)
    except EvalnbError:
        return None  # some other JSON, or none
    if not {"images", "annotations"} <= index.arrays.keys():
        return None
    first = next(index.batches("images", size=_LOOKED_AT), [])
    said = [one["file_name"] for one in first if isinstance(one, dict) and isinstance(one.get("file_name"), str)]
    shapes = next(index.batches("annotations", size=1), [])
    panoptic = bool(shapes) and isinstance(shapes[0], dict) and "segments_info" in shapes[0]
    # A panoptic file's PNGs lie in the folder of its own name; they are no pictures of the data set.
    pngs = posixpath.splitext(name)[0] + "/"
    pictures = [one for one in names if not one.startswith(pngs)] if panoptic else names
    images = _images_folder(said, pictures, beside=posixpath.dirname(name))
    return _labelled(name, "panoptic" if panoptic else "coco", images)


def _images_folder(said: Sequence[str], names: Sequence[str], *, beside: str) -> str:
    """The folder under which most of the file names are; the COCO file's own where none is."""
    by_base: dict[str, list[str]] = {}
    for name in names:
        by_base.setdefault(posixpath.basename(name), []).append(name)
    votes: Counter[str] = Counter()
    for file_name in said:
        wanted = posixpath.normpath(file_name)
        for name in by_base.get(posixpath.basename(wanted), ()):
            if name == wanted:
                votes[""] += 1
            elif name.endswith("/" + wanted):
                votes[name[: -len(wanted) - 1]] += 1
    if not votes:
        return beside
    most = max(votes.values())
    # Among equals the one nearest to the file: train/ and val/ may hold pictures of the same names.
    best = [one for one, n in votes.items() if n == most]
    return min(best, key=lambda one: (posixpath.relpath(one or ".", beside or ".").count(".."), one))


# ---------------------------------------------------------------------------------------------- others


def _others(folder: Path, names: Sequence[str]) -> list[Source]:
    """CVAT's files each, or else the one data set that the files of another format make."""
    xml = [name for name in names if name.lower().endswith(".xml")]
    cvat = [_labelled(name, "cvat") for name in xml if _starts(folder / name, b"<annotations")]
    if cvat:
        return cvat
    for name in (one for one in names if one.lower().endswith(".json")):
        try:
            index = json_index.build(folder / name, lists=("items", "shapes"))
        except EvalnbError:
            continue  # no JSON
        if "items" in index.arrays and "categories" in index.values:
            inside = posixpath.dirname(name)
            return [_named("datumaro", posixpath.dirname(inside) if _ends(inside, "annotations") else inside)]
        if "shapes" in index.arrays and "imagePath" in index.values:
            return [_named("labelme", _above(names, (".json",)))]
    if any(_starts(folder / name, b"<annotation>") for name in xml):
        above = _above(names, (".xml",))
        return [_named("voc", posixpath.dirname(above) if _ends(above, "Annotations") else above)]
    labels = next((name for name in names if posixpath.basename(name) == "labelmap.txt"), None)
    if labels is None:
        return []
    inside = posixpath.dirname(labels)
    if (folder / inside / "SegmentationClass").is_dir():
        return [_named("voc", inside)]
    for below in ("instances", "masks"):
        masks = posixpath.join(inside, below)
        if (folder / masks).is_dir():
            return [Source("masks", masks, posixpath.join(inside, "images"), posixpath.basename(inside) or "masks")]
    return []


def _named(format: Format, where: str) -> Source:
    return Source(format, where, label=posixpath.basename(where) or format)


def _ends(path: str, name: str) -> bool:
    return posixpath.basename(path) == name


def _above(names: Sequence[str], suffixes: tuple[str, ...]) -> str:
    """The folder that holds every file with these suffixes."""
    folders = [posixpath.dirname(name) for name in names if name.lower().endswith(suffixes)]
    return posixpath.commonpath(folders) if all(folders) else ""


def _starts(path: Path, tag: bytes) -> bool:
    with path.open("rb") as file:
        return tag in file.read(_XML_SNIFFED)
