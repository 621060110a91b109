"""Images without annotations: one that is a blob already, or many from files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from evalnb import imagery
from evalnb.core.progress import NullProgress, Progress
from evalnb.core.sources import SourceImage
from evalnb.errors import Conflict, EvalnbError, Invalid, Locked, NotFound
from evalnb.formats.labelled import IMAGES, natural, pictures_below
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


def import_pictures(
    store: Store,
    project_id: int,
    name: str,
    *,
    images: Path | Sequence[Path],
    copy: bool = False,
    progress: Progress | None = None,
) -> ImportReport:
    """Append images to the dataset ``name``, made if need be: a file, files, or a folder, searched to its depth, in
    natural order. Their names are their paths below the folder above all of them.

    An interrupted import is taken up by the same call; later, files that are new go in and the others stay. NotFound
    for a path that is not there or has no images; Invalid without any.
    """
    paths = [images] if isinstance(images, Path) else list(images)
    if not paths:
        raise Invalid("no image was named", remedy="name an image, several, or a folder of images")
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise NotFound(f"{path} does not exist", remedy="name an image, several, or a folder of images")
        below = pictures_below(path) if path.is_dir() else [path]
        if not below:
            raise NotFound(f"{path} has no images", remedy=f"images end in {', '.join(IMAGES)}; name others")
        found += sorted((one.absolute() for one in below), key=natural)
    folder = Path(os.path.commonpath([one.absolute() if one.is_dir() else one.absolute().parent for one in paths]))
    files = [one.relative_to(folder).as_posix() for one in dict.fromkeys(found)]
    listed = "\0".join(f"{one} {(about := (folder / one).stat()).st_size} {about.st_mtime_ns}" for one in files)
    digest = hashlib.sha256(f"{copy}\0{listed}".encode("utf-8", "surrogateescape")).hexdigest()
    return import_images(
        store, project_id, name, folder=folder, files=files, digest=digest, copy=copy, progress=progress
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
    copy: bool = True,
    progress: Progress | None = None,
) -> ImportReport:
    """Append image files to the dataset ``name``, made if need be; a ``copy`` of each goes into the blobs.

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
                    new = [one for file in batch if (one := _image(work, folder, file, read, copy)) is not None]
                    work.write(new_images=new, images_done=len(batch))
                    bar.advance(len(batch))
            return work.finish()
    finally:
        bar.close()


def _image(work: Filling, folder: Path, file: str, measure: Measure, copy: bool) -> SourceImage | None:
    path = folder / file
    try:
        header = measure(path, file)
    except EvalnbError as error:
        if error.status >= 500:
            raise  # not the file's fault: the whole import is to be tried again
        work.problems.add("image", file, "file", "was refused", f"{error.happened}; {error.remedy}")
        return None
    uri, sha256 = (None, work.store.blobs.put_file(path)) if copy else (str(path), None)
    with work.store.database.transaction() as session:
        known = images.by_key(session, work.dataset_id, file)
    if known is not None:
        if (known.uri, known.sha256) == (uri, sha256):
            work.problems.keep("image")
        else:
            work.problems.add("image", file, "file", "has the name of another image of the dataset")
        return None
    return SourceImage(file, file, uri, sha256, header.width, header.height)
