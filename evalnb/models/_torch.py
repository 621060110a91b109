"""What the adapters share about torch: whether it is there, and which device to use. It is imported late, inside."""

from __future__ import annotations

import importlib.util
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from evalnb.errors import MissingExtra, Unavailable

_COMMANDS = {
    "torch": "pip install 'evalnb[models]'",
    "openvino": "pip install 'evalnb[models]'",
    "ultralytics": "pip install 'evalnb[models]'",
    "sam2": "pip install 'evalnb[models]' && SAM2_BUILD_CUDA=0 pip install --no-build-isolation 'evalnb[sam2]'",
}


def need(package: str, what: str) -> None:
    """MissingExtra, with the command that installs it, unless ``package`` can be imported."""
    if importlib.util.find_spec(package) is None:
        raise MissingExtra(f"{what} needs the package {package!r}", remedy=f"run: {_COMMANDS[package]}")


def choose(device: str | None) -> Any:
    """The ``torch.device`` asked for, or the best that this machine has: cuda, then mps, then cpu.

    Unavailable if the one asked for is not there.
    """
    import torch

    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    name = device or ("cuda" if cuda else "mps" if mps else "cpu")
    try:
        chosen = torch.device(name)
    except RuntimeError as error:
        raise Unavailable(
            f"there is no device {name!r}", remedy="set EVALNB_DEVICE to cuda, cuda:1, mps or cpu"
        ) from error
    here = {"cpu": True, "mps": mps, "cuda": cuda and (chosen.index or 0) < torch.cuda.device_count()}
    if not here.get(chosen.type, False):
        raise Unavailable(
            f"the device {name!r} is not on this machine",
            remedy="unset EVALNB_DEVICE to use the best there is, or set it to cpu",
        )
    return chosen


def autocast(device: Any, *, prefer: str = "float16") -> AbstractContextManager[Any]:
    """Half precision on CUDA, nothing elsewhere (CPU and MPS are not faster by it, or not right).

    ``prefer`` is float16 or bfloat16; a card without the latter takes float16.
    """
    import torch

    if device.type != "cuda":
        return nullcontext()
    wide: bool = prefer == "bfloat16" and torch.cuda.is_bf16_supported()
    half: AbstractContextManager[Any] = torch.autocast("cuda", dtype=torch.bfloat16 if wide else torch.float16)
    return half


def free_bytes(device: Any) -> int | None:
    """Free memory of a CUDA device; None elsewhere."""
    import torch

    if device.type != "cuda":
        return None
    return int(torch.cuda.mem_get_info(device)[0])
