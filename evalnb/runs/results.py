"""An evaluation's detections on their way out: a table of what became of each, and COCO's result file."""

from __future__ import annotations

import importlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
from numpy.typing import NDArray

from evalnb.core import masks
from evalnb.core.records import Ints
from evalnb.errors import Invalid, MissingExtra
from evalnb.runs.evaluation import Evaluation
from evalnb.runs.source import StoredSource

if TYPE_CHECKING:
    import pandas as pd

_ROWS = 20_000


def table(evaluation: Evaluation) -> dict[str, NDArray[Any] | list[str]]:
    """Columns of the detections that count, the best of each class first.

    ``truth`` is the id of the annotation taken at IoU .5 (-1: none) and ``ignored`` says that it counts neither for
    nor against at that threshold.
    """
    matches, rows, class_id = evaluation.matches, *_rows(evaluation)
    truths, detections = evaluation.records()
    record, image = matches.row[rows], matches.image[rows]
    taken = matches.truth_at_50[rows]
    box = detections.box[record]
    names = np.array(evaluation.images.name, dtype=object)
    return {
        "image": matches.images[image],
        "file_name": names[image].tolist(),
        "class": [evaluation.named(one) for one in class_id.tolist()],
        "x": box[:, 0],
        "y": box[:, 1],
        "width": box[:, 2],
        "height": box[:, 3],
        "score": matches.score[rows],
        "truth": np.where(taken >= 0, truths.id[taken] if len(truths) else -1, -1),
        "ignored": (matches.ignored[rows] & np.uint64(1)) != 0,
    }


def to_pandas(evaluation: Evaluation) -> pd.DataFrame:
    """``table`` as a DataFrame."""
    import pandas as pd

    return pd.DataFrame(table(evaluation))


def to_arrow(evaluation: Evaluation) -> Any:
    """``table`` as a ``pyarrow.Table``; MissingExtra without pyarrow."""
    try:
        pyarrow = importlib.import_module("pyarrow")
    except ImportError:
        raise MissingExtra("pyarrow is not installed", remedy="install it, or use to_pandas()") from None
    return pyarrow.table(table(evaluation))


def to_coco_results(evaluation: Evaluation, path: str | Path) -> Path:
    """Write the detections that count as COCO's result file, in their order, and replace what is there in one stroke.

    Images are called as the dataset's own file calls them, and as ``dataset.export("coco", …)`` does. Evaluated again
    it gives the same numbers: only what COCO's limits leave out of the match is not in it.
    """
    path, (rows, class_id) = Path(path), _rows(evaluation)
    record = evaluation.matches.row[rows]
    order = np.argsort(record, kind="stable")
    image = evaluation.matches.images[evaluation.matches.image[rows]][order]
    lines = _Lines(evaluation, record[order], image, class_id[order])
    handle, temporary = -1, ""
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        with os.fdopen(handle, "wb") as file:
            file.write(b"[")
            for begin in range(0, len(rows), _ROWS):
                file.write(b",\n" if begin else b"\n")
                file.write(b",\n".join(lines.of(begin, min(begin + _ROWS, len(rows)))))
            file.write(b"\n]\n")
        Path(temporary).replace(path)
    except OSError as error:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        raise Invalid(
            f"{path} cannot be written ({error.strerror})", remedy="check the folder and its rights"
        ) from None
    return path


class _Lines:
    """Result rows as JSON."""

    def __init__(self, evaluation: Evaluation, record: NDArray[np.int32], image: Ints, class_id: Ints) -> None:
        _, self._detections = evaluation.records()
        self._kind, self._record, self._image, self._class_id = evaluation.kind, record, image, class_id
        self._names = evaluation.source.source_ids() if isinstance(evaluation.source, StoredSource) else {}

    def of(self, begin: int, end: int) -> list[bytes]:
        found = self._detections
        out = []
        for at in range(begin, end):
            row = int(self._record[at])
            image = int(self._image[at])
            one: dict[str, Any] = {"image_id": self._names.get(image, image), "category_id": int(self._class_id[at])}
            if self._kind == "segm" and found.masks is not None:
                mask = found.masks[row]
                one["segmentation"] = {"size": list(mask.size), "counts": masks.to_string(mask)}
            elif self._kind == "keypoints" and found.keypoints is not None:
                one["keypoints"] = found.keypoints[row].ravel().tolist()
            else:
                one["bbox"] = found.box[row].tolist()
            out.append(orjson.dumps({**one, "score": float(found.score[row])}))
        return out


def _rows(evaluation: Evaluation) -> tuple[Ints, Ints]:
    """The rows of the match table that count, and the class id of each."""
    matches, part = evaluation.matches, evaluation.rows()
    chosen, _ = part.detections(matches)
    rows = np.arange(len(matches))[chosen]
    return rows, matches.classes[np.searchsorted(matches.start, rows, side="right") - 1]
