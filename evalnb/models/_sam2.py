"""SAM 2.1 as a segmenter, over the ``sam2`` package's own modules: encode an image once, then prompt it at will."""

from __future__ import annotations

import hashlib
import json
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from evalnb.core.candidates import Candidates
from evalnb.core.everything import Sweep, gathered, grid
from evalnb.core.masks import Rle, placed
from evalnb.core.pixels import rgb
from evalnb.core.ports import Pixels
from evalnb.core.progress import Progress
from evalnb.core.prompted import Boxes, Mask, Points, Prompt, checked, prior_of, prompts
from evalnb.core.records import Floats, Ints
from evalnb.core.segmented import Segmented
from evalnb.errors import Invalid, NotFound
from evalnb.models import _features, _openvino, _torch, files
from evalnb.models._decoder import Decoder
from evalnb.models._features import Disk, Features, Memory
from evalnb.models._openvino import Backend, OpenVino
from evalnb.models._sam2_build import build, fill, need
from evalnb.models._sam2_video import Following
from evalnb.models.architectures import Architecture, architecture

PICO = "pico"
"""The small SAM 2 that ships with evalnb (decision 120): for demonstrations and tests, not for photographs."""

_HERE = Path(__file__).parent
_REDUCE_PIXELS = 25_000_000
_NONE = np.empty(0, dtype=np.int64)


class Sam2Segmenter(Following):
    """A segmenter over one SAM 2 module. Threads may share it.

    One lock guards the encoder and another the decoder, so that a neighbour encoded in the background does not hold
    up a click. Features are kept in memory up to ``memory_bytes`` (the least recently used go first), and on ``disk``
    if there is one.
    """

    def __init__(
        self,
        name: str,
        module: Any,
        *,
        device: Any,
        engine: OpenVino | None = None,
        disk: Disk | None = None,
        memory_bytes: int = _features.MEMORY_BYTES,
    ) -> None:
        """Take over ``module``, whose weights are loaded; ``device`` is a torch.device.

        An ``engine`` of the same weights encodes and decodes in its place.
        """
        from sam2.sam2_image_predictor import SAM2ImagePredictor

        self._name = name
        self._module = module.to(device).eval()
        self._device = device
        with warnings.catch_warnings():
            # It scripts its resizing, which torch will one day not do any more.
            warnings.simplefilter("ignore", FutureWarning)
            self._encoder = SAM2ImagePredictor(self._module)
        side = module.image_size
        # The predictor assumes 1024; the maps have strides 4, 8 and 16.
        self._encoder._bb_feat_sizes = [(side // stride, side // stride) for stride in (4, 8, 16)]
        self._engine = engine
        self._encoding, self._decoder = threading.Lock(), Decoder(self._module, device, engine)
        self._memory, self._disk = Memory(memory_bytes), disk
        # A small model is less sure of what it finds, and right nevertheless.
        self._sweep = Sweep() if side >= 512 else Sweep(per_side=20, iou_min=0.5, stability_min=0.75)
        self._told: Callable[[float], None] | None = None
        self._listen()

    @property
    def name(self) -> str:
        """What the interface shows."""
        return self._name

    @property
    def backend(self) -> str:
        """What computes: torch, openvino (its encoder in bfloat16) or openvino-f32."""
        if self._engine is None:
            return "torch"
        return "openvino-f32" if self._engine.precise else "openvino"

    def _listen(self) -> None:
        """Hear of each block of the encoder that is done. The neck after them counts as one more."""
        blocks = self._module.image_encoder.trunk.blocks
        for done, block in enumerate(blocks, 1):
            share = done / (len(blocks) + 1)

            def heard(*_: object, share: float = share) -> None:
                if self._told is not None:
                    self._told(share)

            block.register_forward_hook(heard)

    def encode(self, key: str, image: Pixels, *, told: Callable[[float], None] | None = None) -> None:
        """Compute and keep the features of a (h, w, 3) uint8 RGB image under ``key`` (its content hash).

        Nothing is computed when they are there already. ``told`` hears after each block of the encoder which share is
        done; what it raises ends the work. Invalid if the image is no such array.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
            raise Invalid(
                f"the image {key!r} is {image.dtype} of shape {image.shape}",
                remedy="pass (height, width, 3) uint8 RGB, as evalnb.imagery.decode returns",
            )
        with self._encoding:
            if self._find(key, image.shape[:2]) is None:
                self._told = told
                try:
                    features = self._compute(image)
                finally:
                    self._told = None
                self._memory.put(key, features)
                if self._disk is not None:
                    self._disk.put(key, features)

    def encoded(self, key: str) -> bool:
        """Whether ``segment`` under that key answers without encoding."""
        return self._find(key) is not None

    def forget(self, key: str) -> int | None:
        """Keep the image's features on the disk alone; how many such images that holds, None without one."""
        found = self._memory.get(key)
        self._memory.forget(key)
        return None if self._disk is None or found is None else self._disk.holds(found)

    @overload
    def segment(
        self, image: str, *, points: Floats, labels: Ints, box: Floats | None = None
    ) -> tuple[NDArray[np.bool_], float]: ...

    @overload
    def segment(
        self,
        image: NDArray[Any],
        *,
        points: Points | None = None,
        boxes: Boxes | None = None,
        mask: Mask | Sequence[Mask] | None = None,
    ) -> Segmented: ...

    @overload
    def segment(
        self,
        image: Sequence[NDArray[Any]],
        *,
        points: Sequence[Points | None] | None = None,
        boxes: Sequence[Boxes | None] | None = None,
        mask: Sequence[Mask | Sequence[Mask] | None] | None = None,
    ) -> list[Segmented]: ...

    def segment(
        self,
        image: str | NDArray[Any] | Sequence[NDArray[Any]],
        *,
        points: Any = None,
        labels: Ints | None = None,
        box: Floats | None = None,
        boxes: Any = None,
        mask: Any = None,
    ) -> Any:
        """Masks of an image's objects, by their prompts.

        ``image`` is an array (h, w, 3) uint8 RGB; greyscale, alpha and 16 bits are taken too. For one object
        ``points`` are (x, y) inside it or (x, y, 0) outside it, in pixels; for several, a list of such lists.
        ``boxes`` are (x0, y0, x1, y1), one or one for each object; ``mask`` is a rough mask (an ``Rle``, a
        ``Geometry`` or (h, w) bool), or one for each. The answer is a ``Segmented``: a mask for each object, in
        order. For a list of images each prompt is a list with an entry for each image, and so is the answer. All
        objects of all images go through the decoder together.

        Given the key of an image that was encoded, it answers as ``evalnb.core.ports.Segmenter``: ``points`` (k, 2),
        ``labels`` (k,) 1 in, 0 out, ``box`` (4,) two opposite corners; the best mask (h, w) and its predicted IoU.

        Prompts that only say what is out give an empty mask and 0. Invalid for prompts that are none, not finite,
        outside, or a box that holds no pixel; NotFound unless a key's image was encoded.
        """
        if isinstance(image, str):
            found = self.candidates(image, points=points, labels=_NONE if labels is None else labels, box=box)
            return found.mask(0), float(found.scores[0])
        if labels is not None or box is not None:
            raise Invalid(
                "labels= and box= belong to the key of an encoded image",
                remedy="with an image write points=[(x, y), (x, y, 0)] and boxes=(x0, y0, x1, y1)",
            )
        if not isinstance(image, np.ndarray):
            return self._each(image, points, boxes, mask)
        return self._each([image], *(None if one is None else [one] for one in (points, boxes, mask)))[0]

    @overload
    def everything(
        self, image: NDArray[Any], *, sweep: Sweep | None = None, told: Callable[[float], None] | None = None
    ) -> Segmented: ...

    @overload
    def everything(
        self,
        image: Sequence[NDArray[Any]],
        *,
        sweep: Sweep | None = None,
        told: Callable[[float], None] | None = None,
    ) -> list[Segmented]: ...

    def everything(
        self,
        image: NDArray[Any] | Sequence[NDArray[Any]],
        *,
        sweep: Sweep | None = None,
        told: Callable[[float], None] | None = None,
    ) -> Segmented | list[Segmented]:
        """Every object that the model finds in an image, best first; a list of them for a list of images.

        ``sweep`` (an ``evalnb.core.everything.Sweep``) says what counts as one; None: what suits the model.
        ``told`` hears the share that is done; what it raises ends the work.
        Invalid as ``segment``.
        """
        several = not isinstance(image, np.ndarray)
        images: Sequence[NDArray[Any]] = [image] if isinstance(image, np.ndarray) else image
        out = []
        for place, one in enumerate(images):

            def heard(share: float, place: int = place) -> None:
                if told is not None:
                    told((place + share) / len(images))

            key, _ = self._encoded(one, f"image {place}" if several else "the image", lambda share: heard(share / 10))
            found = self.sweep(key, sweep=sweep, told=lambda share: heard(0.1 + 0.9 * share))
            out.append(Segmented.of(found))
        return out if several else out[0]

    def candidates(
        self,
        key: str,
        *,
        points: Floats,
        labels: Ints,
        box: Floats | None = None,
        prior: NDArray[np.float32] | NDArray[np.bool_] | None = None,
    ) -> Candidates:
        """What the prompts may mean, the likeliest first, each once: up to four, of SAM 2's low resolution.

        To SAM 2.1 one click is ambiguous (part, whole, group): its first is the best of three masks. More prompts, a
        box, or a ``prior`` (r, c) (logits of an earlier answer, which SAM takes as a prompt too; or a rough mask,
        bool of the image's size) mean one mask: it comes first, or where it is unstable the best of the three. pico
        answers one click so, too. Errors as ``segment``; Invalid also for a prior of another shape.
        """
        features = self._features(key)
        where, marks, corners = checked(points, labels, box, features.size)
        side = self._decoder.side
        if prior is not None and prior.dtype == np.bool_ and prior.shape == features.size:
            prior = prior_of(prior.astype(np.bool_), side)
        if prior is not None and prior.shape != side:
            raise Invalid(f"the prior has shape {prior.shape}", remedy=f"pass logits of an earlier answer, {side}")
        low = None if prior is None else prior.astype(np.float32, copy=False)
        return self._decoder.candidates([features], [Prompt(where, marks, corners)], [low])[0]

    def sweep(
        self, key: str, *, told: Callable[[float], None] | None = None, sweep: Sweep | None = None
    ) -> Candidates:
        """Every object of an image that was encoded, best first. ``told`` as in ``everything``; NotFound without."""
        wanted = (sweep or self._sweep).checked()
        features = self._features(key)
        at = grid(features.size, wanted.per_side)
        one = np.ones(1, dtype=np.int64)

        def batches() -> Iterator[tuple[NDArray[np.floating], Floats]]:
            for start in range(0, len(at), self._decoder.pass_size):
                clicks = [Prompt(click[None], one, None) for click in at[start : start + self._decoder.pass_size]]
                yield self._decoder.swept(features, clicks, wanted)
                if told is not None:
                    told(min(1.0, (start + len(clicks)) / len(at)))

        return gathered(batches(), features.size, wanted)

    def _encoded(self, image: object, name: str, told: Callable[[float], None] | None = None) -> tuple[str, Features]:
        pixels = rgb(image, name)
        key = hashlib.sha256(f"{pixels.shape}".encode() + np.ascontiguousarray(pixels).tobytes()).hexdigest()
        self.encode(key, pixels, told=told)
        return key, self._features(key)

    def _each(self, images: Sequence[object], points: Any, boxes: Any, mask: Any) -> list[Segmented]:
        """The objects of several images, as many in one pass of the decoder as fit."""
        given = {"points": points, "boxes": boxes, "mask": mask}
        for what, some in given.items():
            if some is not None and len(some) != len(images):
                raise Invalid(
                    f"{what} has {len(some)} entries for {len(images)} images",
                    remedy="give an entry for each image; None where there is none",
                )
        found: list[dict[int, tuple[Rle, float]]] = [{} for _ in images]
        sizes: list[tuple[int, int]] = []
        waiting: list[tuple[int, int, Features, Prompt]] = []

        def decode() -> None:
            answers = self._decoder.candidates([one[2] for one in waiting], [one[3] for one in waiting])
            for (place, number, _, _), answer in zip(waiting, answers, strict=True):
                window, inside = answer.cut(0)
                found[place][number] = placed(inside, window, answer.size), float(answer.scores[0])
            waiting.clear()

        for place, image in enumerate(images):
            _, features = self._encoded(image, f"image {place}" if len(images) > 1 else "the image")
            sizes.append(features.size)
            said = {what: None if some is None else some[place] for what, some in given.items()}
            for number, one in enumerate(prompts(features.size, **said)):
                waiting.append((place, number, features, one))
                if len(waiting) >= self._decoder.pass_size:
                    decode()
        decode()
        return [
            Segmented(
                tuple(one[number][0] for number in range(len(one))),
                np.array([one[number][1] for number in range(len(one))], dtype=np.float64),
                size,
            )
            for one, size in zip(found, sizes, strict=True)
        ]

    def _compute(self, image: Pixels) -> Features:
        import torch

        size = (int(image.shape[0]), int(image.shape[1]))
        if image.shape[0] * image.shape[1] > _REDUCE_PIXELS:
            # The predictor makes float32 of every pixel before it scales down to 1024.
            image = _reduced(image, self._module.image_size)
        image = image if image.flags.writeable else image.copy()
        if self._engine is not None:
            return Features(size, self._engine.encode(self._encoder._transforms(image)[None], self._told))
        try:
            with torch.no_grad(), _torch.autocast(self._device, prefer="bfloat16"):
                self._encoder.set_image(image)
                found = self._encoder._features
        finally:
            self._encoder.reset_predictor()
        maps = (*found["high_res_feats"], found["image_embed"])
        return Features(size, tuple(one.float().contiguous() for one in maps))

    def _features(self, key: str) -> Features:
        features = self._find(key)
        if features is None:
            raise NotFound(f"the image {key!r} is not encoded", remedy="call encode(key, image) first")
        return features

    def _find(self, key: str, size: tuple[int, ...] | None = None) -> Features | None:
        found = self._memory.get(key)
        if found is None and self._disk is not None:
            found = self._disk.get(key)
            if found is not None:
                self._memory.put(key, found)
        if found is not None and size is not None and found.size != tuple(size):
            raise Invalid(
                f"{key!r} was encoded as {found.size[1]} × {found.size[0]} pixels, and this image is "
                f"{size[1]} × {size[0]}",
                remedy="use the image's content hash as the key",
            )
        return found


def open_sam2(
    architecture: Architecture,
    weights: Path,
    *,
    device: str | None,
    home: Path,
    backend: Backend = "torch",
    progress: Progress | None = None,
) -> Sam2Segmenter:
    """Build the architecture, load its weights strictly, and put it on a device.

    MissingExtra without the ``sam2`` package; errors as ``files.open_weights`` and ``_openvino.choose``; Invalid if
    the weights do not fit.
    """
    module = build(architecture.config)
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    described = files.open_weights(weights, into=home / "cache" / "weights")
    fill(module, described.path, f"{weights.name} does not fit {architecture.name}")
    return _opened(architecture.name, module, _digest(described.path), device, home, backend, progress)


_LETTERS = {(96, 12): "tiny", (96, 16): "small", (112, 24): "base_plus", (144, 48): "large"}
"""By the width of the trunk's first block, and how many blocks it has."""


def open_file(
    path: Path,
    *,
    device: str | None,
    home: Path,
    backend: Backend = "torch",
    progress: Progress | None = None,
) -> Sam2Segmenter:
    """The SAM 2.1 whose weights the file holds, whichever of the four it is (or one of pico's form), by its shapes.

    Errors as ``open_sam2``; Invalid also for weights that are of none of these.
    """
    need()
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    described = files.open_weights(path, into=home / "cache" / "weights")
    shapes = files.shapes(described.path)
    blocks = {name.split(".")[3] for name in shapes if name.startswith("image_encoder.trunk.blocks.")}
    width = shapes.get("image_encoder.trunk.patch_embed.proj.bias", (0,))[0]
    if (letter := _LETTERS.get((width, len(blocks)))) is not None:
        named = architecture(f"sam2.1-{letter}")
        return open_sam2(named, described.path, device=device, home=home, backend=backend, progress=progress)
    module = build(str(_HERE / "sam2_pico.yaml"))
    fill(module, described.path, f"{path.name} holds no SAM 2.1 (tiny, small, base_plus, large), nor one like pico")
    return _opened(path.stem, module, _digest(described.path), device, home, backend, progress)


def _opened(
    name: str,
    module: Any,
    digest: str,
    device: str | None,
    home: Path | None,
    backend: Backend,
    progress: Progress | None,
) -> Sam2Segmenter:
    chosen = _torch.choose("cpu" if device is None and backend.startswith("openvino") else device)

    def over(engine: OpenVino | None, disk: Disk | None = None) -> Sam2Segmenter:
        return Sam2Segmenter(name, module, device=chosen, engine=engine, disk=disk)

    engine = _openvino.choose(
        module, over, backend=backend, device=chosen, digest=digest, home=home, progress=progress
    )
    if home is None or chosen.type != "cpu":
        # On a GPU encoding again is as fast as reading; on a CPU it takes seconds.
        return over(engine)
    # In float32 the features are torch's but for the last digits, and are shared with it.
    other = "" if engine is None or engine.precise else "-bf16"
    return over(engine, Disk(home / "cache" / "sam2", digest[:16] + other, device=chosen))


def open_pico(
    *,
    device: str | None,
    folder: Path = _HERE,
    home: Path | None = None,
    backend: Backend = "torch",
    progress: Progress | None = None,
) -> Sam2Segmenter:
    """The model in the wheel: 3.7 million parameters, 256 pixels, ready in well under a second once torch is loaded.

    With a ``home`` features are kept there on disk.

    MissingExtra without the ``sam2`` package; Invalid if the weights are not those that their record describes.
    """
    need()
    weights = folder / f"{PICO}.safetensors"
    again = "install evalnb again"
    if not weights.is_file():
        raise NotFound(f"{weights.name} is not in {folder}", remedy=again)
    known = json.loads((folder / f"{PICO}.json").read_text(encoding="utf-8"))["sha256"]
    if (found := _digest(weights)) != known:
        raise Invalid(f"{weights.name} is damaged: its SHA-256 begins {found[:12]}, not {known[:12]}", remedy=again)
    module = build(str(_HERE / "sam2_pico.yaml"))
    fill(module, weights, f"{weights.name} does not fit sam2_pico.yaml")
    return _opened(f"{PICO} (demo)", module, found, device, home, backend, progress)


def _reduced(image: Pixels, side: int) -> Pixels:
    from PIL import Image

    factor = max(1, min(image.shape[:2]) // (2 * side))
    return np.array(Image.fromarray(image).reduce(factor))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
