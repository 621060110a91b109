"""SAM 2.1 on a GPU: what encoding an image and answering a prompt cost, eager, in bfloat16 and as a CUDA graph.

    python benchmarks/sam2_gpu.py [--out benchmarks/results/sam2-gpu.json] [--models large,tiny]

Random weights: the speed is that of the trained ones. Needs a CUDA device.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

from evalnb.models import _sam2

LETTERS = {"tiny": "t", "small": "s", "base_plus": "b+", "large": "l"}
GOALS = {"encode_ms": 25.0, "decode_ms": 4.0, "previews_per_s": 100.0}


def median_ms(call: Callable[[], Any], repeats: int) -> float:
    """The median time on the device, by events, after three calls to warm up."""
    for _ in range(3):
        call()
    times = []
    for _ in range(repeats):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        call()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end))
    return round(statistics.median(times), 3)


def graphed(call: Callable[[], Any]) -> Callable[[], Any]:
    """The same work, captured once and replayed: no launch waits for Python."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            call()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        call()
    return graph.replay


@contextlib.contextmanager
def precision(name: str) -> Any:
    """fp32 (strict), tf32, or bf16 by autocast."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = name != "fp32"
    # A graph must own what it reads: autocast's cache of cast weights would be freed under it.
    with torch.no_grad(), torch.autocast("cuda", torch.bfloat16, enabled=name == "bf16", cache_enabled=False):
        yield


def measure(model: Any, *, compiled: bool) -> dict[str, Any]:
    """Everything about one model on the current device."""
    side = model.image_size
    image = torch.randn(1, 3, side, side, device="cuda")
    out: dict[str, Any] = {"parameters": sum(one.numel() for one in model.parameters()), "side_px": side}
    torch.cuda.reset_peak_memory_stats()

    def encode() -> list[torch.Tensor]:
        maps = model.forward_image(image)["backbone_fpn"]
        return [maps[0], maps[1], maps[2] + model.no_mem_embed.view(1, -1, 1, 1)]

    for name in ("fp32", "tf32", "bf16"):
        with precision(name):
            out[f"encode_{name}_ms"] = median_ms(encode, 15)
    with precision("bf16"):
        out["encode_bf16_graph_ms"] = median_ms(graphed(encode), 30)
        maps = [one.clone() for one in encode()]
    if compiled:
        began = time.perf_counter()
        forward = model.image_encoder.forward
        model.image_encoder.forward = torch.compile(forward, dynamic=False)
        with precision("bf16"):
            out["encode_bf16_compiled_ms"] = median_ms(encode, 30)
        out["compile_s"] = round(time.perf_counter() - began, 1)
        model.image_encoder.forward = forward
    out["encode_peak_bytes"] = torch.cuda.max_memory_allocated()
    out["decode"] = {}
    for count in (1, 64, 1024):
        out["decode"][str(count)] = decoding(model, maps, count)
    out["previews_per_s"] = previews(model, maps)
    out["peak_bytes"] = torch.cuda.max_memory_allocated()
    return out


def prompt(model: Any, maps: list[torch.Tensor], points: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The three candidates' logits for one click each, (n, 3, side / 4, side / 4)."""
    sparse, dense = model.sam_prompt_encoder(points=(points, labels), boxes=None, masks=None)
    logits, _, _, _ = model.sam_mask_decoder(
        image_embeddings=maps[2],
        image_pe=model.sam_prompt_encoder.get_dense_pe(),
        sparse_prompt_embeddings=sparse,
        dense_prompt_embeddings=dense,
        multimask_output=True,
        repeat_image=len(points) > 1,
        high_res_features=maps[:2],
    )
    return logits


def decoding(model: Any, maps: list[torch.Tensor], count: int) -> dict[str, float]:
    """Answers to ``count`` clicks, at most 256 at a time."""
    points = torch.rand(count, 1, 2, device="cuda") * model.image_size
    labels = torch.ones(count, 1, dtype=torch.int32, device="cuda")

    def call() -> None:
        for first in range(0, count, 256):
            prompt(model, maps, points[first : first + 256], labels[first : first + 256])

    out = {}
    with precision("tf32"):
        out["tf32_ms"] = median_ms(call, 15)
    with precision("bf16"):
        out["bf16_ms"] = median_ms(call, 15)
        out["bf16_graph_ms"] = median_ms(graphed(call), 30)
    return out


def previews(model: Any, maps: list[torch.Tensor], seconds: float = 2.0) -> dict[str, float]:
    """How often in a second a pointer can ask: from coordinates on the host to a mask of 1080p on the host."""
    pinned = torch.empty(1080, 1920, dtype=torch.bool, pin_memory=True)
    points = torch.zeros(1, 1, 2, device="cuda")
    labels = torch.ones(1, 1, dtype=torch.int32, device="cuda")
    result = torch.empty(1080, 1920, dtype=torch.bool, device="cuda")

    def work() -> None:
        logits = prompt(model, maps, points, labels)[:, :1].float()
        result.copy_(functional.interpolate(logits, (1080, 1920), mode="bilinear", align_corners=False)[0, 0] > 0)

    out = {}
    with precision("bf16"):
        for name, call in (("eager", work), ("graph", graphed(work))):
            asked, start = 0, time.perf_counter()
            while (now := time.perf_counter()) - start < seconds:
                points.copy_(torch.tensor([[[(asked * 7.0) % model.image_size, (asked * 3.0) % model.image_size]]]))
                call()
                pinned.copy_(result)
                asked += 1
            out[name] = round(asked / (now - start), 1)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--models", default="large,tiny,pico")
    parser.add_argument("--compile", action="store_true", help="the encoder too: takes a minute")
    asked = parser.parse_args()
    told: dict[str, Any] = {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "hardware": torch.cuda.get_device_name(),
        "torch": torch.__version__,
        "weights": "random",
        "goals": GOALS,
        "models": {},
    }
    for name in asked.models.split(","):
        own = Path(_sam2.__file__).with_name("sam2_pico.yaml")
        config = str(own) if name == "pico" else f"configs/sam2.1/sam2.1_hiera_{LETTERS[name]}.yaml"
        model = _sam2.build(config).cuda().eval()
        told["models"][name if name == "pico" else f"sam2.1-{name}"] = measure(model, compiled=asked.compile)
        del model
        torch.cuda.empty_cache()
        if asked.out:
            asked.out.write_text(json.dumps(told, indent=1) + "\n")
    print(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
