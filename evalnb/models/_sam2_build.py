"""SAM 2's untrained modules, from the ``sam2`` package's classes, and their weights put into them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evalnb.errors import Invalid
from evalnb.models import _torch, files


def need() -> None:
    """MissingExtra unless torch and sam2 are installed."""
    for package in ("torch", "sam2"):
        _torch.need(package, "SAM 2")


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


def fill(module: Any, weights: Path, misfit: str) -> None:
    """Load safetensors strictly, whatever their precision; Invalid, saying ``misfit``, if names or shapes differ."""
    if {name: tuple(value.shape) for name, value in module.state_dict().items()} != files.shapes(weights):
        raise Invalid(misfit, remedy="give the weights of that model, or name the model that they are of")
    from safetensors.torch import load_file

    module.load_state_dict(load_file(weights), strict=True)
    module.float()
