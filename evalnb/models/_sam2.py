"""SAM 2.1 as a segmenter, over the ``sam2`` package's own modules: encode an image once, then prompt it at will."""

from __future__ import annotations

import hashlib
import json
import threading
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalnb.core.candidates import Candidates
from evalnb.core.masks import Rle
from evalnb.core.masks import encode as encode_rle
from evalnb.core.ports import Pixels
from evalnb.core.records import Floats, Ints
from evalnb.errors import Invalid, NotFound
from evalnb.models import _features, _torch, files
from evalnb.models._features import Disk, Features, Memory
from evalnb.models.architectures import Architecture

PICO = "pico"
"""The small SAM 2 that ships with evalnb (decision 120): for demonstrations and tests, not for photographs."""

_HERE = Path(__file__).parent
_REDUCE_PIXELS = 25_000_000


class Sam2Segmenter:
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
        disk: Disk | None = None,
        memory_bytes: int = _features.MEMORY_BYTES,
    ) -> None:
        """Take over ``module``, whose weights are loaded; ``device`` is a torch.device."""
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
        self._encoding, self._decoding = threading.Lock(), threading.Lock()
        self._memory, self._disk = Memory(memory_bytes), disk
        self._told: Callable[[float], None] | None = None
        self._listen()

    @property
    def name(self) -> str:
        """What the interface shows."""
        return self._name

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

    def segment(
        self, key: str, *, points: Floats, labels: Ints, box: Floats | None = None
    ) -> tuple[NDArray[np.bool_], float]:
        """The best mask (h, w) and its predicted IoU.

        ``points`` (k, 2) x, y in pixels; ``labels`` (k,) 1 in, 0 out; ``box`` (4,) two opposite corners x, y, x, y,
        cut to the image. Prompts that only say what is out give an empty mask and 0.

        NotFound unless the image was encoded; Invalid for prompts that are none, not finite, outside, or a box that
        holds no pixel.
        """
        found = self.candidates(key, points=points, labels=labels, box=box)
        return found.mask(0), float(found.scores[0])

    def candidates(
        self,
        key: str,
        *,
        points: Floats,
        labels: Ints,
        box: Floats | None = None,
        prior: NDArray[np.float32] | None = None,
    ) -> Candidates:
        """What the prompts may mean, the likeliest first, each once: up to four, of SAM 2's low resolution.

        One click is ambiguous (part, whole, group), so its first is the best of SAM's three masks. More prompts, a
        box, or a ``prior`` (r, c) (logits of an earlier answer, which SAM takes as a prompt too) mean one mask: it
        comes first, or where it is unstable the best of the three. Errors as ``segment``; Invalid also for a prior of
        another shape.
        """
        features = self._find(key)
        if features is None:
            raise NotFound(f"the image {key!r} is not encoded", remedy="call encode(key, image) first")
        coordinates, marks, corners = _checked(points, labels, box, features.size)
        side = self._module.sam_prompt_encoder.mask_input_size
        if prior is not None and prior.shape != tuple(side):
            raise Invalid(
                f"the prior has shape {prior.shape}", remedy=f"pass logits of an earlier answer, {tuple(side)}"
            )
        if corners is None and not (marks == 1).any():
            return Candidates(np.full((1, *side), -1, np.float32), np.zeros(1), features.size)
        return self._decode(features, coordinates, marks, corners, prior)

    def segment_image(
        self, image: Pixels, *, points: Sequence[Sequence[float]] = (), boxes: Sequence[Sequence[float]] = ()
    ) -> list[tuple[Rle, float]]:
        """Masks of one image in one call: a mask for each box (x0, y0, x1, y1), or else one for all the points.

        ``points`` are (x, y) inside the object or (x, y, 0) outside it. Errors as ``segment``.
        """
        key = hashlib.sha256(f"{image.shape}".encode() + np.ascontiguousarray(image).tobytes()).hexdigest()
        self.encode(key, image)
        where = np.array([point[:2] for point in points], dtype=np.float64).reshape(-1, 2)
        marks = np.array([int(point[2]) if len(point) > 2 else 1 for point in points], dtype=np.int64)
        out = []
        corners: list[Floats | None] = [np.asarray(box, dtype=np.float64) for box in boxes]
        for one in corners or [None]:
            mask, iou = self.segment(key, points=where, labels=marks, box=one)
            out.append((encode_rle(mask), iou))
        return out

    def _compute(self, image: Pixels) -> Features:
        import torch

        size = (int(image.shape[0]), int(image.shape[1]))
        if image.shape[0] * image.shape[1] > _REDUCE_PIXELS:
            # The predictor makes float32 of every pixel before it scales down to 1024.
            image = _reduced(image, self._module.image_size)
        try:
            with torch.no_grad(), _torch.autocast(self._device, prefer="bfloat16"):
                self._encoder.set_image(image if image.flags.writeable else image.copy())
                found = self._encoder._features
        finally:
            self._encoder.reset_predictor()
        maps = (*found["high_res_feats"], found["image_embed"])
        return Features(size, tuple(one.float().contiguous() for one in maps))

    def _decode(
        self,
        features: Features,
        points: Floats,
        labels: Ints,
        box: Floats | None,
        prior: NDArray[np.float32] | None,
    ) -> Candidates:
        import torch

        height, width = features.size
        scale = np.array([self._module.image_size / width, self._module.image_size / height])
        coordinates, marks = points * scale, labels
        if box is not None:
            # SAM takes a box as two points, of labels 2 and 3, before the clicks.
            coordinates = np.concatenate([box.reshape(2, 2) * scale, coordinates])
            marks = np.concatenate([[2, 3], marks])
        model, decoder = self._module, self._module.sam_mask_decoder
        # The package clamps what it hands out to be handed in again.
        mask = None if prior is None else torch.as_tensor(prior, device=self._device).clamp(-32, 32)[None, None]
        with self._decoding, torch.no_grad(), _torch.autocast(self._device, prefer="bfloat16"):
            sparse, dense = model.sam_prompt_encoder(
                points=(
                    torch.as_tensor(coordinates[None], dtype=torch.float32, device=self._device),
                    torch.as_tensor(marks[None], dtype=torch.int32, device=self._device),
                ),
                boxes=None,
                masks=mask,
            )
            # All four tokens: the one for a single mask, and the three for what else it may be.
            logits, ious, _, _ = decoder.predict_masks(
                image_embeddings=features.maps[-1],
                image_pe=model.sam_prompt_encoder.get_dense_pe(),
                sparse_prompt_embeddings=sparse,
                dense_prompt_embeddings=dense,
                repeat_image=False,
                high_res_features=list(features.maps[:-1]),
            )
            drawn, scores = logits[0].float().cpu().numpy(), ious[0].float().cpu().numpy().astype(np.float64)
            several = (1 + np.argsort(-scores[1:], kind="stable")).tolist()
            if box is None and prior is None and len(marks) == 1:
                order = several
            elif (
                float(decoder._get_stability_scores(logits[:, :1])[0, 0])
                >= decoder.dynamic_multimask_stability_thresh
            ):
                order = [0, *several]
            else:
                order = [several[0], 0, *several[1:]]
        seen: set[bytes] = set()
        kept: list[int] = []
        for place in order:
            inside = np.packbits(drawn[place] > 0).tobytes()
            if inside not in seen and (not kept or any(inside)):
                seen.add(inside)
                kept.append(place)
        return Candidates(drawn[kept], scores[kept], features.size)

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


def need() -> None:
    """MissingExtra unless torch and sam2 are installed."""
    for package in ("torch", "sam2"):
        _torch.need(package, "SAM 2")


def open_sam2(architecture: Architecture, weights: Path, *, device: str | None, home: Path) -> Sam2Segmenter:
    """Build the architecture, load its weights strictly, and put it on a device.

    MissingExtra without the ``sam2`` package; errors as ``files.open_weights``; Invalid if the weights do not fit.
    """
    module = build(architecture.config)
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    described = files.open_weights(weights, into=home / "cache" / "weights")
    _fill(module, described.path, f"{weights.name} does not fit {architecture.name}")
    chosen = _torch.choose(device)
    return Sam2Segmenter(architecture.name, module, device=chosen, disk=_disk(home, _digest(described.path), chosen))


def _disk(home: Path, digest: str, device: Any) -> Disk | None:
    # On a GPU encoding again is as fast as reading; on a CPU it takes seconds.
    return Disk(home / "cache" / "sam2", digest[:16], device=device) if device.type == "cpu" else None


def open_pico(*, device: str | None, folder: Path = _HERE, home: Path | None = None) -> Sam2Segmenter:
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
    _fill(module, weights, f"{weights.name} does not fit sam2_pico.yaml")
    chosen = _torch.choose(device)
    disk = None if home is None else _disk(home, found, chosen)
    return Sam2Segmenter(f"{PICO} (demo)", module, device=chosen, disk=disk)


def _fill(module: Any, weights: Path, misfit: str) -> None:
    """Load safetensors strictly, whatever their precision; Invalid, saying ``misfit``, if names or shapes differ."""
    if {name: tuple(value.shape) for name, value in module.state_dict().items()} != files.shapes(weights):
        raise Invalid(misfit, remedy="give the weights of that model, or name the model that they are of")
    from safetensors.torch import load_file

    module.load_state_dict(load_file(weights), strict=True)
    module.float()


def build(config: str) -> Any:
    """The untrained module of one of sam2's own yaml files (a path inside the package), or of a file of ours."""
    need()
    from hydra.core.global_hydra import GlobalHydra

    initialised = GlobalHydra.instance().is_initialized()
    import sam2

    if not initialised:
        # `import sam2` initialises Hydra for the whole process, and the person's own use of Hydra would then fail.
        GlobalHydra.instance().clear()
    from hydra.utils import instantiate
    from omegaconf import OmegaConf

    path = Path(config) if Path(config).is_absolute() else Path(sam2.__path__[0]) / config
    model = OmegaConf.load(path).model
    # As build_sam2 does for images: an unstable single mask gives way to the best of three.
    extra = {
        "dynamic_multimask_via_stability": True,
        "dynamic_multimask_stability_delta": 0.05,
        "dynamic_multimask_stability_thresh": 0.98,
    }
    OmegaConf.update(model, "sam_mask_decoder_extra_args", extra, force_add=True)
    return instantiate(model, _recursive_=True)


def _checked(
    points: Floats, labels: Ints, box: Floats | None, size: tuple[int, int]
) -> tuple[Floats, Ints, Floats | None]:
    height, width = size
    where = np.asarray(points, dtype=np.float64)
    marks = np.asarray(labels, dtype=np.int64)
    if where.size == 0:
        where = where.reshape(0, 2)
    if where.ndim != 2 or where.shape[1] != 2 or marks.shape != (len(where),):
        raise Invalid(
            f"points have shape {where.shape} and labels {marks.shape}", remedy="give (k, 2) x, y and (k,) of 1 and 0"
        )
    if len(where) and not np.isin(marks, (0, 1)).all():
        raise Invalid(f"the labels are {sorted(set(marks.tolist()))}", remedy="use 1 for inside and 0 for outside")
    outside = ~((where >= 0) & (where <= [width, height])).all(axis=1)
    if outside.any():
        x, y = where[outside][0]
        raise Invalid(
            f"the point ({x:g}, {y:g}) is outside the image of {width} × {height} pixels",
            remedy="give x, y in pixels of the image",
        )
    if box is None:
        if not len(where):
            raise Invalid("there is no prompt", remedy="give a point or a box")
        return where, marks, None
    corners = np.asarray(box, dtype=np.float64)
    if corners.shape != (4,) or not np.isfinite(corners).all():
        raise Invalid(f"the box is {corners.tolist()}", remedy="give x0, y0, x1, y1 in pixels")
    x0, x1 = np.clip(np.sort(corners[[0, 2]]), 0, width)
    y0, y1 = np.clip(np.sort(corners[[1, 3]]), 0, height)
    if x1 <= x0 or y1 <= y0:
        raise Invalid(
            f"the box {corners.tolist()} holds no pixel of the image of {width} × {height}",
            remedy="drag a box that has a width and a height inside the image",
        )
    return where, marks, np.array([x0, y0, x1, y1])


def _reduced(image: Pixels, side: int) -> Pixels:
    from PIL import Image

    factor = max(1, min(image.shape[:2]) // (2 * side))
    return np.array(Image.fromarray(image).reduce(factor))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
