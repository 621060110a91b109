"""The published weights: where they are, what they hash to, and how they get here.

Downloads land in ``<home>/models``: resumed by HTTP Range, checked by SHA-256, renamed when whole, converted to
safetensors by a confined process. Where no hash is known, the first download's is written beside the file, and every
later copy must equal it (trust on first use).
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evalnb.core.progress import NullProgress, Progress
from evalnb.errors import Invalid, NotFound, Offline, Unavailable, Unsafe
from evalnb.models import files
from evalnb.models.architectures import architecture

_TRIES = 5
_SOCKET_SECONDS = 30
_CHUNK_BYTES = 1 << 18


@dataclass(frozen=True, slots=True)
class Published:
    """One file that its makers publish."""

    name: str
    url: str
    size_bytes: int | None
    """None where it is not known."""
    sha256: str | None
    """Hex, or None where it is not known: then the first download is trusted."""

    @property
    def file(self) -> str:
        """The name it is saved under."""
        return self.url.rsplit("/", 1)[-1]


_META = "https://dl.fbaipublicfiles.com/segment_anything_2/092824"
_ASSETS = "https://github.com/ultralytics/assets/releases/download/v8.3.0"

# Name, bytes, SHA-256; "-" where not known. The digests come from independent public manifests that agree with each
# other. A wrong one could only refuse a file, never admit one.
_TABLE = """
sam2.1-tiny      156008466  7402e0d864fa82708a20fbd15bc84245c2f26dff0eb43a4b5b93452deb34be69
sam2.1-small     184416285  6d1aa6f30de5c92224f8172114de081d104bbd23dd9dc5c58996f0cad5dc4d38
sam2.1-base_plus 323606802  a2345aede8715ab1d5d31b4a509fb160c5a4af1970f199d9054ccfb746c004c5
sam2.1-large     898083611  2647878d5dfa5098f2f8649825738a9345572bae2d4350a2468587ece47dd318
yolo11n          5613764    0ebbc80d4a7680d14987a577cd21342b65ecfd94632bd9a8da63ae6417644ee1
yolo11s          19313732   85a76fe86dd8afe384648546b56a7a78580c7cb7b404fc595f97969322d502d5
yolo11m          40684120   d5ffc1a674953a08e11a8d21e022781b1b23a19b730afc309290bd9fb5305b95
yolo11l          51387343   9ebd0e09d59811db4b1d61e2bc6730649608b1ac47f8dd01e2da6bca7c20023f
yolo11x          114636239  7bc158aa95c0ebfdd87f70f01653c1131b93e92522dbe15c228bcd742e773a24
yolo12n          5595063    419ff3dca37d69bacc93a50fa0c186a1c6f9fe62fae0f108b0872829689e9ca6
yolo12s          19006455   e915c2c4286e3f6f8610ef106fa3f94a7b8c19b30eccede5887e22c33ef75f58
yolo12m          40904955   4c6d179786eddf6134ee469ae2f4ce04cbe4e9d1a47d6b669d9cd6b9c6c513d8
yolo12l          53699086   0babd8dc8f775bb64bb052debdff3d8b9e9b57efa9d7bfa11c84bb82c3fec336
yolo12x          119322638  682ce8dadee004dbe964950f1bf3eda451671815a6ed62db80b398916b9b7c6f
rtdetr-l         -          6de60b10d4bc566f00cda0f5b4d64afe4b66d48dc9695d2171effb7859d8e73f
rtdetr-x         -          -
"""


def _published() -> dict[str, Published]:
    out = {}
    for name, size, sha256 in (line.split() for line in _TABLE.strip().splitlines()):
        sam2 = name.startswith("sam2.1-")
        url = f"{_META}/sam2.1_hiera_{name.removeprefix('sam2.1-')}.pt" if sam2 else f"{_ASSETS}/{name}.pt"
        known = None if size == "-" else int(size), None if sha256 == "-" else sha256
        out[name] = Published(name, url, *known)
    return out


PUBLISHED = _published()
"""By architecture name."""


def fetch(
    name: str,
    home: Path,
    *,
    offline: bool,
    progress: Progress | None = None,
    catalogue: Mapping[str, Published] = PUBLISHED,
) -> Path:
    """The published weights of an architecture as ``<home>/models/<name>.safetensors``, downloaded on first use.

    A checkpoint that somebody put into ``<home>/models`` under its published name is used instead of a download.
    Offline (naming the file, its address and its place) if it is not there and cannot be downloaded; Invalid if its
    SHA-256 is not the known one; NotFound for a name that nobody publishes.
    """
    if name not in catalogue:
        found = architecture(name)
        raise NotFound(f"no weights are published for {found.name!r}", remedy="train it, or give a path to weights")
    what = catalogue[name]
    folder = home / "models"
    # First by itself: the mode is not for the parents that `mkdir` makes on its way.
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(exist_ok=True)
    ready = folder / f"{name}.safetensors"
    with _alone(folder / f".{name}.lock"):
        if ready.is_file():
            files.read_header(ready)
            return ready
        checkpoint = folder / what.file
        downloaded = not checkpoint.is_file()
        if downloaded:
            if offline:
                raise _offline(what, folder, "EVALNB_OFFLINE is set")
            download(what, checkpoint, progress=progress or NullProgress())
        check(what, checkpoint, downloaded=downloaded)
        weights = files.convert(checkpoint, ready.with_suffix(".new"))
        # A SAM 2 checkpoint is a bare state dict; its published name says what it is.
        files.describe(replace(weights, architecture=weights.architecture or name), ready)
        weights.path.unlink()
        if downloaded:
            checkpoint.unlink()
    return ready


def check(what: Published, checkpoint: Path, *, downloaded: bool) -> None:
    """Invalid unless the file has the known SHA-256, or the one recorded when it first came."""
    digest = _sha256(checkpoint)
    record = checkpoint.with_name(checkpoint.name + ".sha256")
    known = what.sha256
    if known is None and record.is_file():
        known = (record.read_text(encoding="ascii").split() or [""])[0]
    if known is not None and digest != known:
        if downloaded:
            checkpoint.unlink()
        raise Invalid(
            f"{checkpoint} has the SHA-256 {digest}, not {known}",
            remedy=f"download it again from {what.url}; something changed it on the way",
        )
    # The form of sha256sum, so that `sha256sum --check` reads it.
    record.write_text(f"{digest}  {checkpoint.name}\n", encoding="ascii")


def download(what: Published, to: Path, *, progress: Progress) -> None:
    """Download into ``to``, going on from ``to.part`` if the server can; renamed only when whole.

    Offline if no connection comes about; Unavailable if the server refuses or the disk is full.
    """
    part = to.with_name(to.name + ".part")
    state = to.with_name(to.name + ".part.json")
    try:
        for attempt in range(_TRIES):
            before = part.stat().st_size if part.is_file() else 0
            try:
                _pull(what, part, state, progress)
                break
            except (OSError, http.client.HTTPException) as error:
                if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
                    raise _full(what, to) from error
                if (
                    isinstance(error, urllib.error.HTTPError)
                    and error.code < 500
                    and error.code not in {408, 416, 429}
                ):
                    raise _refused(what, to.parent, error) from error
                came = part.is_file() and part.stat().st_size > before
                if attempt == _TRIES - 1 or (attempt and not came and not isinstance(error, urllib.error.HTTPError)):
                    raise _offline(what, to.parent, _reason(error)) from error
                time.sleep(0.2 * 2**attempt)
    finally:
        progress.close()
    part.replace(to)
    state.unlink(missing_ok=True)


def _pull(what: Published, part: Path, state: Path, progress: Progress) -> None:
    have = part.stat().st_size if part.is_file() else 0
    tag = _tag(state)
    headers = {"User-Agent": "evalnb", "Accept-Encoding": "identity"}
    if have and tag:
        # If-Range: when the file behind the address has changed, the server sends the whole new one.
        headers |= {"Range": f"bytes={have}-", "If-Range": tag}
    request = urllib.request.Request(what.url, headers=headers)
    try:
        answer = urllib.request.urlopen(request, timeout=_SOCKET_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code == 416:
            part.unlink(missing_ok=True)
        raise
    with answer:
        resumed = answer.status == 206 and str(answer.headers.get("Content-Range", "")).startswith(f"bytes {have}-")
        have = have if resumed else 0
        length = answer.headers.get("Content-Length")
        total = have + int(length) if length is not None else what.size_bytes
        if what.size_bytes is not None and total is not None and total != what.size_bytes:
            raise Unsafe(
                f"{what.url} offers {total:,} bytes, and {what.file} has {what.size_bytes:,}",
                remedy="check the network: a login page or a proxy may be answering instead of the server",
            )
        state.write_text(
            json.dumps({"tag": answer.headers.get("ETag") or answer.headers.get("Last-Modified")}), encoding="utf-8"
        )
        progress.start(total, unit="B", what=f"downloading {what.file}")
        progress.advance(have)
        with part.open("ab" if resumed else "wb") as file:
            while chunk := answer.read(_CHUNK_BYTES):
                file.write(chunk)
                have += len(chunk)
                progress.advance(len(chunk))
        # read(n) says nothing when the connection ends early; the count does.
        if total is not None and have < total:
            raise http.client.IncompleteRead(b"", total - have)


def _tag(state: Path) -> str | None:
    try:
        said = json.loads(state.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    tag = said.get("tag") if isinstance(said, dict) else None
    # A weak tag does not promise equal bytes.
    return tag if isinstance(tag, str) and not tag.startswith("W/") else None


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Two kernels that want the same weights: the second waits, and finds them there."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _reason(error: Exception) -> str:
    inner: Any = getattr(error, "reason", None) or error
    return str(inner) or type(inner).__name__


def _offline(what: Published, folder: Path, why: str) -> Offline:
    size = f" ({what.size_bytes / 1e6:,.0f} MB)" if what.size_bytes else ""
    return Offline(
        f"the weights of {what.name} are not here and cannot be downloaded ({why})",
        remedy=f"on a machine with a network download {what.url}{size} and put it at {folder / what.file}",
    )


def _refused(what: Published, folder: Path, error: urllib.error.HTTPError) -> Unavailable:
    return Unavailable(
        f"{what.url} answered {error.code} {error.reason}",
        remedy=f"get {what.file} from its makers and put it at {folder / what.file}",
    )


def _full(what: Published, to: Path) -> Unavailable:
    size = f"{what.size_bytes / 1e6:,.0f} MB" if what.size_bytes else "some hundred MB"
    return Unavailable(
        f"the disk of {to.parent} is full", remedy=f"free {size} for {what.file} and ask again; the download goes on"
    )
