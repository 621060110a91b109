"""How images are shown: whole, or in tiles, which a kernel makes by itself."""

from __future__ import annotations

import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import asdict

from evalnb import imagery
from evalnb.annotating.answers import Answers
from evalnb.annotating.desk import Reply
from evalnb.core.images import ImageRecord
from evalnb.core.progress import NullProgress
from evalnb.core.tiling import Tiling
from evalnb.errors import Cancelled, EvalnbError, Unavailable
from evalnb.registry import pixels, pyramids
from evalnb.registry.gallery import Gallery, Tiled
from evalnb.registry.pyramids import Building, Standing
from evalnb.store import Store
from evalnb.wire.tiles import BandInfo, ImageAsk, ImageReply, TileInfo, TilesAsk, TilesInfo, TilesReply

_KIND, _MIME = "webp", "image/webp"
_KNOWN_S = 5.0
"""How long an image is taken to be what it was, and its asker to be allowed: a view asks for many tiles at once."""
_KNOWN = 64


class Pictures:
    """Answers what asks for pixels."""

    def __init__(self, answers: Answers, gallery: Gallery, *, author: str) -> None:
        self._answers = answers
        self._gallery = gallery
        self._author = author
        self._known: OrderedDict[int, tuple[float, ImageRecord]] = OrderedDict()
        self._lock = threading.Lock()

    def image(self, ask: ImageAsk) -> Reply:
        """An image's bytes, or how its tiles are to be had."""
        image = self._own(ask.image_id, believed=False)
        if ask.again:
            # Making them costs a worker's time: not for everybody who may look.
            with self._answers.editing(image.id):
                pass
        tiled = self._gallery.tiled(image, author=self._author, again=ask.again)
        if tiled is not None:
            return Reply(ImageReply(image_id=image.id, tiles=_told(image, tiled)))
        if not ask.whole:
            return Reply(ImageReply(image_id=image.id))
        data, mime = self._gallery.painted(image)
        return Reply(ImageReply(image_id=image.id, mime=mime), [data])

    def tiles(self, ask: TilesAsk) -> Reply:
        """Some tiles. Busy while the image's are being made."""
        image = self._own(ask.image_id, believed=True)
        cutter = self._gallery.cutter(image, author=self._author)
        if not ask.bands:
            cut = [cutter.tile(*place, _KIND) for place in ask.places]
            return Reply(TilesReply(image_id=image.id, tiles=[TileInfo(mime=_MIME)] * len(cut)), cut)
        values = [cutter.values(*place, ask.bands) for place in ask.places]
        told = [TileInfo(bits=one.bits, width=one.width, height=one.height) for one in values]
        return Reply(TilesReply(image_id=image.id, tiles=told), [one.packed for one in values])

    def _own(self, image_id: int, *, believed: bool) -> ImageRecord:
        now = time.monotonic()
        with self._lock:
            known = self._known.get(image_id)
        if believed and known is not None and known[0] > now:
            return known[1]
        with self._answers.transaction() as session:
            image = self._answers.own(session, image_id)
        with self._lock:
            self._known[image_id] = (now + _KNOWN_S, image)
            self._known.move_to_end(image_id)
            while len(self._known) > _KNOWN:
                self._known.popitem(last=False)
        return image


class KernelGallery(Gallery):
    """The gallery of a notebook's kernel: it waits for no worker, and makes the pyramids it needs in a child, one
    at a time. What it paints whole it decodes itself."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._makers: dict[int, _Maker] = {}
        self._turn = threading.Lock()
        self._lock = threading.Lock()
        self._closed = False

    def standing(self, image: ImageRecord, *, author: str, again: bool = False) -> Standing:
        """How it stands with the image's tiles; a pyramid that is missing is begun, unless a worker is at it."""
        if image.width * image.height <= imagery.PYRAMID_PIXELS:
            return Standing(needed=False, pyramid=None, job=None)
        with self._store.database.transaction() as session:
            now = pyramids.standing(session, image)
        if now.ready or (now.job is not None and now.job.state == "running"):
            return now
        with self._lock:
            maker = self._makers.get(image.id)
            if maker is None or (again and maker.failure is not None):
                maker = self._makers[image.id] = _Maker(self._store, image, self._turn, lambda: self._closed)
                threading.Thread(target=maker.run, name=f"evalnb-pyramid-{image.id}", daemon=True).start()
        return Standing(needed=True, pyramid=None, job=None, building=Building(maker.done, maker.failure))

    def painted(self, image: ImageRecord) -> tuple[bytes, str]:
        """The image's bytes and MIME type for a browser."""
        return imagery.browser_bytes(pixels.read(self._store, image), name=image.file_name)

    def close(self) -> None:
        """End the children, and what they make."""
        self._closed = True
        super().close()


class _Maker(NullProgress):
    """Makes one image's pyramid, in a thread."""

    def __init__(self, store: Store, image: ImageRecord, turn: threading.Lock, closed: Callable[[], bool]) -> None:
        self._store = store
        self._image = image
        self._turn = turn
        self._closed = closed
        self._total = 100
        self._advanced = 0
        self.failure: EvalnbError | None = None

    @property
    def done(self) -> float:
        """The share that is made."""
        return min(self._advanced / self._total, 1.0)

    def start(self, total: int | None, *, unit: str, what: str) -> None:
        """Count from nothing."""
        self._total, self._advanced = total or 100, 0

    def advance(self, n: int = 1) -> None:
        """So much more is made."""
        self._advanced += n

    def run(self) -> None:
        """Make it. What goes wrong is kept, and told to whoever looks at the image."""
        # Of this process: two kernels on one home do not share what is half made.
        folder = self._store.settings.home / "cache" / "pyramids" / f"{self._image.id}-{id(self):x}"
        try:
            with self._turn:
                pyramids.make(self._store, self._image.id, folder=folder, progress=self, cancelled=self._closed)
        except Cancelled:
            return
        except EvalnbError as error:
            self.failure = error
        except Exception as error:  # noqa: BLE001 - told to whoever looks at the image
            self.failure = Unavailable(
                f"the tiles of {self._image.file_name} could not be made ({type(error).__name__}: {error})",
                remedy="free some disk space and memory, and try again",
            )
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _told(image: ImageRecord, tiled: Tiled) -> TilesInfo:
    standing, depth = tiled.standing, tiled.depth
    return TilesInfo(
        state="failed" if standing.state == "cancelled" else standing.state,
        done=standing.done,
        reason="making them was cancelled" if standing.state == "cancelled" else "; ".join(standing.failure or ()),
        width=image.width,
        height=image.height,
        last_level=Tiling(image.width, image.height).last_level,
        bands=[BandInfo(**asdict(one)) for one in depth.bands] if depth else [],
        offset=depth.offset if depth else 0,
        scale=depth.scale if depth else 1,
    )
