"""CVAT's XML 1.1 for images, written."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evalnb.core import masks as rle
from evalnb.core import shapes
from evalnb.core.images import ImageRecord
from evalnb.core.records import Annotation
from evalnb.core.taxonomy import Attribute, AttributeKind, Class, Taxonomy
from evalnb.formats.labelled import Losses
from evalnb.formats.xml_values import body, clean, plain, quoted

FILE = "annotations.xml"
OWNED = (FILE, "images", ".annotations.part")
_SPLITS = ("train", "val", "test")
_INPUTS: Mapping[AttributeKind, str] = {
    "select": "select",
    "number": "number",
    "checkbox": "checkbox",
    "text": "text",
}


class CvatWriter:
    """Writes ``annotations.xml``: the images into a file aside first, since all attributes stand before them."""

    def __init__(self, out: Path, taxonomy: Taxonomy, losses: Losses) -> None:
        self._out, self._taxonomy, self._losses = out, taxonomy, losses
        self._aside = (out / OWNED[2]).open("w", encoding="utf-8")
        self._kinds = {one.id: {asked.name: asked.kind for asked in one.attributes} for one in taxonomy}
        self._found: dict[int, dict[str, Attribute]] = {one.id: {} for one in taxonomy}
        """Attributes that the shapes have and no schema names: CVAT knows none without."""
        self._tags: dict[str, None] = {}
        self._images = 0

    def image(self, image: ImageRecord, name: str, drawn: Sequence[Annotation]) -> int:
        """One ``image`` element."""
        subset = next((one for one in _SPLITS if one in image.tags), None)
        head = f'<image id="{self._images}" name={quoted(name)}' + (f' subset="{subset}"' if subset else "")
        lines = [f'  {head} width="{image.width}" height="{image.height}">']
        for tag in image.tags:
            if tag != subset:
                self._tags[tag] = None
                lines.append(f'    <tag label={quoted(tag)} source="manual"></tag>')
        groups = max((one.attributes.get("group_id", 0) for one in drawn if is_group(one.attributes)), default=0)
        count = 0
        for one in drawn:
            groups += 1
            written = self._shapes(image, one, groups)
            lines += written
            count += len(written)
        self._aside.write("\n".join([*lines, "  </image>\n"]))
        self._images += 1
        return count

    def finish(self) -> None:
        """The labels, and what was put aside after them."""
        self._aside.close()
        aside = self._out / OWNED[2]
        labels = "".join(self._label(one) for one in self._taxonomy)
        labels += "".join(f"<label><name>{body(tag)}</name><type>tag</type></label>\n" for tag in self._tags)
        with (self._out / FILE).open("w", encoding="utf-8") as file, aside.open(encoding="utf-8") as images:
            file.write('<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n')
            file.write(f"  <meta><task><size>{self._images}</size><mode>annotation</mode><labels>\n{labels}")
            file.write("  </labels></task></meta>\n")
            while block := images.read(1 << 20):
                file.write(block)
            file.write("</annotations>\n")
        aside.unlink()

    # ------------------------------------------------------------------------------------------ shapes

    def _shapes(self, image: ImageRecord, one: Annotation, group: int) -> list[str]:
        self._losses.common(one, z=True)
        bodies = self._bodies(image, one)
        said, lost = self._attributes(one)
        own = {name: one.attributes[name] for name in ("occluded", "group_id") if name in one.attributes}
        if len(bodies) > 1:
            if is_group(own):
                lost.append("group_id")
            own["group_id"] = group
            self._losses.shape(one, f"has several parts: they became {one.geometry.kind}s of their own in one group")
        more = f' z_order="{one.z}" occluded="{int(own.get("occluded") is True)}" source="manual"'
        if is_group(own):
            more += f' group_id="{own["group_id"]}"'
        lost += [
            name
            for name in own
            if not ((name == "occluded" and own[name] is True) or (name == "group_id" and is_group(own)))
        ]
        self._losses.attributes(one, sorted(set(lost)))
        label = quoted(self._taxonomy.by_id[one.class_id].name)
        return [f"    <{tag} label={label}{more}{rest}>{inner}{said}</{tag}>" for tag, rest, inner in bodies]

    def _bodies(self, image: ImageRecord, one: Annotation) -> list[tuple[str, str, str]]:
        """(element, its attributes, what stands in it) of each shape that the object becomes."""
        shape = one.geometry
        match shape.kind:
            case "mask":
                return self._mask(image, one)
            case "polygon" if shape.holes:
                self._losses.shape(one, "is a polygon with holes: it became the mask of its pixels")
                return self._mask(image, one)
            case "polygon" | "polyline" | "points":
                return [(shape.kind, f' points="{_run(part)}"', "") for part in shape.parts]
            case "rotated" | "ellipse":
                turned = shape.turned
                assert turned is not None
                (x, y), (w, h) = turned.center, turned.size
                turn = f' rotation="{plain(math.degrees(turned.angle) % 360)}"' if turned.angle else ""
                if shape.kind == "ellipse":
                    return [("ellipse", _said(cx=x, cy=y, rx=w / 2, ry=h / 2) + turn, "")]
                if not turn:
                    self._losses.shape(one, "is a rotated box that is not turned: it became a box")
                return [("box", _said(xtl=x - w / 2, ytl=y - h / 2, xbr=x + w / 2, ybr=y + h / 2) + turn, "")]
            case "keypoints":
                return self._skeleton(one)
            case _:
                x, y, w, h = shape.box
                return [("box", _said(xtl=x, ytl=y, xbr=x + w, ybr=y + h), "")]

    def _mask(self, image: ImageRecord, one: Annotation) -> list[tuple[str, str, str]]:
        mask = shapes.mask_of(one.geometry, (image.height, image.width))
        x, y, w, h = (int(value) for value in rle.box(mask))
        if w == 0:
            self._losses.shape(one, "is an empty mask; it was left out")
            return []
        cut = rle.decode(mask)[y : y + h, x : x + w].ravel()
        # Runs of one value each; the first counts what is not the object.
        ends = np.flatnonzero(np.concatenate([cut[1:] != cut[:-1], [True]])) + 1
        runs = np.diff(ends, prepend=0).tolist()
        counts = [0, *runs] if cut[0] else runs
        text = ", ".join(map(str, counts))
        return [("mask", f' rle="{text}" left="{x}" top="{y}" width="{w}" height="{h}"', "")]

    def _skeleton(self, one: Annotation) -> list[tuple[str, str, str]]:
        names = self._taxonomy.by_id[one.class_id].keypoints
        points = one.geometry.points
        if len(names) != len(points):
            self._losses.shape(one, "has other keypoints than its class: its box was written")
            x, y, w, h = one.geometry.box
            return [("box", _said(xtl=x, ytl=y, xbr=x + w, ybr=y + h), "")]
        seen = [(x, y) for x, y, v in points if v]
        low = np.min(seen, axis=0) if seen else np.zeros(2)
        high = np.max(seen, axis=0) if seen else np.zeros(2)
        if not np.allclose(one.geometry.box, [*low, *(high - low)], rtol=0, atol=1e-9):
            self._losses.shape(one, "lost its box: a skeleton's is the one around its keypoints")
        inner = "".join(
            f'<points label={quoted(name)} outside="{int(v == 0)}" occluded="{int(v == 1)}" points="{_run((x, y))}"/>'
            for name, (x, y, v) in zip(names, points, strict=True)
        )
        return [("skeleton", "", inner)]

    # ------------------------------------------------------------------------------------------ attributes

    def _attributes(self, one: Annotation) -> tuple[str, list[str]]:
        """(attribute elements, the names of what could not be written)."""
        out, lost = "", []
        kinds = self._kinds[one.class_id]
        for name, value in one.attributes.items():
            if name in ("occluded", "group_id"):
                continue
            kind = kinds.get(name) or _kind_of(value)
            text = None if kind is None or clean(name) != name else _text(kind, value)
            if kind is None or text is None:
                lost.append(name)
                continue
            if name not in kinds:
                kinds[name] = kind
                self._found[one.class_id][name] = Attribute(name, kind)
            out += f"<attribute name={quoted(name)}>{body(text)}</attribute>"
        return out, lost

    def _label(self, one: Class) -> str:
        asked = "".join(map(_attribute, [*one.attributes, *self._found[one.id].values()]))
        kind = "skeleton" if one.keypoints else "any"
        svg = f"<svg>{body(_drawing(one))}</svg>" if one.keypoints else ""
        name = body(one.name)
        whole = (
            f"<label><name>{name}</name><color>{self._taxonomy.color(one.id)}</color><type>{kind}</type>"
            f"<attributes>{asked}</attributes>{svg}</label>\n"
        )
        parts = (
            f"<label><name>{body(point)}</name><type>points</type><attributes></attributes>"
            f"<parent>{name}</parent></label>\n"
            for point in one.keypoints
        )
        return whole + "".join(parts)


def _attribute(one: Attribute) -> str:
    values = "\n".join(one.choices)
    if one.kind == "number" and one.low is not None and one.high is not None:
        values = f"{plain(one.low)};{plain(one.high)};1"
    default = "" if one.default is None else _text(one.kind, one.default) or ""
    return (
        f"<attribute><name>{body(one.name)}</name><mutable>False</mutable><input_type>{_INPUTS[one.kind]}</input_type>"
        f"<default_value>{body(default)}</default_value><values>{body(values)}</values></attribute>"
    )


def _drawing(one: Class) -> str:
    """A skeleton as CVAT draws it: its keypoints in a row, and the edges between them."""
    step = 90 / max(len(one.keypoints), 1)
    at = [5 + step * place for place in range(len(one.keypoints))]
    edges = (
        f'<line x1="{at[a - 1]:.2f}" y1="50" x2="{at[b - 1]:.2f}" y2="50" data-type="edge" data-node-from="{a}"'
        f' data-node-to="{b}"></line>'
        for a, b in one.skeleton
    )
    nodes = (
        f'<circle r="0.75" cx="{x:.2f}" cy="50" data-type="element node" data-element-id="{place}"'
        f' data-node-id="{place}" data-label-name={quoted(name)}></circle>'
        for place, (x, name) in enumerate(zip(at, one.keypoints, strict=True), start=1)
    )
    return "".join([*edges, *nodes])


def _kind_of(value: Any) -> AttributeKind | None:
    if isinstance(value, bool):
        return "checkbox"
    return "number" if type(value) in (int, float) else "text" if isinstance(value, str) else None


def _text(kind: AttributeKind, value: Any) -> str | None:
    match kind:
        case "checkbox":
            return str(value).lower() if isinstance(value, bool) else None
        case "number":
            return repr(value) if type(value) in (int, float) and math.isfinite(value) else None
        case _:
            fits = isinstance(value, str) and clean(value) == value and "\r" not in value
            return value if fits else None


def is_group(attributes: Mapping[str, Any]) -> bool:
    """Whether they hold a group that CVAT can say."""
    value = attributes.get("group_id")
    return type(value) is int and 0 < value < 2**31


def _run(flat: Sequence[float]) -> str:
    return ";".join(f"{plain(flat[at])},{plain(flat[at + 1])}" for at in range(0, len(flat), 2))


def _said(**numbers: float) -> str:
    return "".join(f' {name}="{plain(value)}"' for name, value in numbers.items())
