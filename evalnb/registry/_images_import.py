"""Images without annotations: one that is a blob already, or many from files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from evalnb import imagery
from evalnb.core.progress import NullProgress, Progress
from evalnb.core.sources import SourceImage
from evalnb.errors import Conflict, EvalnbError, Locked
from evalnb.formats.problems import Problems
from evalnb.registry._filling import Filling, filling
from evalnb.registry.receipts import ImportReport
from evalnb.store import Store
from evalnb.store.repositories import datasets, images, imports

BATCH = 100

Measure = Callable[[Path, str], imagery.Header]


def add_image(store: Store, project_id: int, name: str, image: SourceImage) -> tuple[int, int]:
    """Append one image, whose bytes are a blob, to the dataset ``name``, made if need be; (dataset id, image id).

    The same again is no work. Conflict if the dataset has other bytes under this key; Locked if an import into it
    runs.
    """
    try:
        with imports.locked(store.database, project_id, name), store.database.transaction() as session:
            found = datasets.find(session, project_id, name)
            dataset_id = datasets.create(session, project_id, name) if found is None else found.id
            known = images.by_key(session, dataset_id, image.key)
            if known is not None and known.sha256 == image.sha256:
                return dataset_id, known.id
            if known is None:
                return dataset_id, images.add(session, dataset_id, [image])[0]
    except Conflict as error:
        raise Locked(error.happened, remedy="it is added as soon as that import has ended") from error
    raise Conflict(
        f"the dataset {name!r} has another image called {image.file_name!r} already",
        remedy="rename the file, or choose another dataset",
    )


def import_images(
    store: Store,
    project_id: int,
    name: str,
    *,
    folder: Path,
    files: Sequence[str],
    digest: str,
    measure: Measure | None = None,
    progress: Progress | None = None,
) -> ImportReport:
    """Copy image files into the blobs and append them to the dataset ``name``, made if need be.

    ``files`` are paths under ``folder``, in the order that the dataset will have; they are the images' names.
    ``digest`` names this list: the same again goes on where it stopped, or is no work. ``measure`` gives a file's
    header or raises what is wrong with it (default: the header alone is read). Files that cannot be taken are listed.
    """
    bar = progress or NullProgress()
    read = measure or (lambda path, called: imagery.probe(path, name=called))
    try:
        with filling(
            store,
            project_id,
            name,
            format="images",
            source=folder,
            digest=digest,
            classes=(),
            about={},
            problems=Problems(),
        ) as work:
            if not work.repeated:
                bar.start(len(files), unit="images", what="taking images in")
                bar.advance(work.images_done)
                for start in range(work.images_done, len(files), BATCH):
                    batch = files[start : start + BATCH]
                    new = [one for file in batch if (one := _image(work, folder, file, read)) is not None]
                    work.write(new_images=new, images_done=len(batch))
                    bar.advance(len(batch))
            return work.finish()
    finally:
        bar.close()


def _image(work: Filling, folder: Path, file: str, measure: Measure) -> SourceImage | None:
    path = folder / file
    try:
        header = measure(path, file)
    except EvalnbError as error:
        if error.status >= 500:
            raise  # not the file's fault: the whole import is to be tried again
        work.problems.add("image", file, "file", "was refused", f"{error.happened}; {error.remedy}")
        return None
    sha256 = work.store.blobs.put_file(path)
    with work.store.database.transaction() as session:
        known = images.by_key(session, work.dataset_id, file)
    if known is not None:
        if known.sha256 == sha256:
            work.problems.keep("image")
        else:
            work.problems.add("image", file, "file", "has the name of another image of the dataset")
        return None
    return SourceImage(file, file, None, sha256, header.width, header.height)
