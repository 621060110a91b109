"""Filling a dataset from a source, batch by batch: what every import shares.

Each batch is one transaction that writes rows and moves the import's cursor, so that a crash leaves whole batches and
the place to go on from. ``Filling`` is made under the import lock of the dataset's name.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from evalnb.core.sources import SourceImage, SourceShape
from evalnb.core.taxonomy import Class
from evalnb.errors import Conflict
from evalnb.formats.problems import Problems
from evalnb.registry.receipts import ImportReport
from evalnb.store import Store
from evalnb.store.repositories import annotations as shape_rows
from evalnb.store.repositories import datasets, images, imports

NOT_THERE = "is not there"
"""The reason of a missing image file: an import that met it is worth repeating when the files have come."""


class Filling:
    """One import into one dataset: its cursor, its account of problems, and the writing of batches."""

    def __init__(self, store: Store, dataset_id: int, name: str, state: imports.ImportState) -> None:
        self.store = store
        self.dataset_id = dataset_id
        self.name = name
        self.problems = Problems.from_json(state.problems)
        self.repeated = state.finished and not self.problems.has(NOT_THERE)
        """The very same source is in already."""
        self.images_done = state.images_done
        self.annotations_done = state.annotations_done
        if state.finished and not self.repeated:
            self.images_done = self.annotations_done = 0
            self.problems = Problems()
        self._import_id = state.id

    def write(
        self,
        *,
        new_images: Sequence[SourceImage] = (),
        shapes: Sequence[SourceShape] = (),
        shapes_of: Callable[[Sequence[int]], Sequence[SourceShape]] | None = None,
        images_done: int = 0,
        annotations_done: int = 0,
        problems: Mapping[str, Any] | None = None,
    ) -> list[int]:
        """One batch, whole or not at all; the cursors move by ``…_done``.

        ``shapes_of`` gets the new images' ids, which are returned too, and gives the shapes on them. ``problems`` is
        the account as it stood when the batch was made, for a caller that goes on reading meanwhile.
        """
        with self.store.database.transaction() as session:
            fresh = images.add(session, self.dataset_id, new_images)
            shape_rows.add(session, self.dataset_id, shapes if shapes_of is None else shapes_of(fresh))
            imports.write(
                session,
                self._import_id,
                images_done=self.images_done + images_done,
                annotations_done=self.annotations_done + annotations_done,
                problems=self.problems.to_json() if problems is None else problems,
            )
        self.images_done += images_done
        self.annotations_done += annotations_done
        return fresh

    def finish(self) -> ImportReport:
        """Mark the import as whole, and say what became of it."""
        with self.store.database.transaction() as session:
            if not self.repeated:
                imports.finish(session, self._import_id)
            classes = len(datasets.taxonomy(session, self.dataset_id))
        refused, kept = self.problems.refused, self.problems.unchanged
        return ImportReport(
            dataset_id=self.dataset_id,
            dataset=self.name,
            images=self.images_done - refused("image") - kept.get("image", 0),
            annotations=self.annotations_done - refused("annotation") - kept.get("annotation", 0),
            images_refused=refused("image"),
            annotations_refused=refused("annotation"),
            images_unchanged=kept.get("image", 0),
            annotations_unchanged=kept.get("annotation", 0),
            classes=classes,
            problems=tuple(self.problems),
            problem_counts=dict(self.problems.counts),
            repeated=self.repeated,
        )


@contextmanager
def filling(
    store: Store,
    project_id: int,
    name: str,
    *,
    format: str,
    source: Path,
    digest: str,
    classes: Sequence[Class],
    about: Mapping[str, Any],
    problems: Problems,
) -> Iterator[Filling]:
    """Begin or take up the import of ``source`` into the dataset ``name``, made if need be.

    ``problems`` are those of the file as a whole, found again each time. Conflict if another import into it runs, or
    if the dataset knows a class id by another name.
    """
    with imports.locked(store.database, project_id, name):
        with store.database.transaction() as session:
            found = datasets.find(session, project_id, name)
            if found is None:
                dataset_id = datasets.create(session, project_id, name, classes=classes, source=about)
            else:
                dataset_id = found.id
                known = datasets.taxonomy(session, dataset_id)
                datasets.add_classes(session, dataset_id, _new_classes(name, known, classes))
            state = imports.begin(session, dataset_id, format=format, source=str(source), digest=digest)
        work = Filling(store, dataset_id, name, state)
        if work.images_done == work.annotations_done == 0 and not work.repeated:
            work.problems = problems
        yield work


def _new_classes(name: str, known: Iterable[Class], classes: Sequence[Class]) -> list[Class]:
    names = {one.id: one.name for one in known}
    ids = {text: number for number, text in names.items()}
    for one in classes:
        if names.get(one.id, one.name) != one.name or ids.get(one.name, one.id) != one.id:
            has = f"{names.get(one.id, one.name)!r} as {one.id if one.id in names else ids[one.name]}"
            raise Conflict(
                f"the file calls class {one.id} {one.name!r}, and the dataset {name!r} knows {has}",
                remedy="import the file under another name",
            )
    return [one for one in classes if one.id not in names]


class Pixels:
    """Finds the image files of a source under one folder, and registers them in place or copies them into blobs."""

    def __init__(self, store: Store, folder: Path, *, copy: bool) -> None:
        self._store = store
        self._copy = copy
        self._folder = os.path.realpath(folder)

    def path(self, file_name: str) -> str | None:
        """The file's absolute path, or None if the name leads out of the folder."""
        # Strings, since pathlib takes ten times as long.
        path = os.path.normpath(self._folder + os.sep + file_name)
        return path if path.startswith(self._folder + os.sep) else None

    def refusal(self, path: str) -> str | None:
        """Why the file cannot be taken, or None if it can."""
        if not Path(path).is_file():
            return NOT_THERE
        return None if os.access(path, os.R_OK) else "may not be read"

    def keep(self, path: str) -> tuple[str | None, str | None]:
        """(uri, sha256) of the pixels: one of the two."""
        if self._copy:
            return None, self._store.blobs.put_file(Path(path))
        return path, None

    def size(self, path: str) -> tuple[int, int]:
        """(width, height) as the file's own header says, EXIF orientation applied; EvalnbError if it is no image."""
        from evalnb import imagery

        header = imagery.probe(Path(path))
        return header.width, header.height
