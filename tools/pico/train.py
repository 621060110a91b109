"""Train pico within a number of minutes, from nothing or from where an earlier call stopped.

    python -m tools.pico.train --minutes 8 --out OUT [--state STATE] [--total 9]
    python -m tools.pico.train --minutes 60 --out OUT --start evalnb/models/pico.safetensors --rate 1e-4

Writes OUT/pico.safetensors (float16, the moving average) and OUT/pico.json (the record), whole at every moment.
"""

from __future__ import annotations

import argparse
import copy
import datetime as dt
import hashlib
import json
import math
import os
import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from . import demo, network, scenes, shapes, steps
from .losses import Belonging

RATE = 1.0e-3
CLIPS_FROM = 0.42
"""The share of the time after which every other step is of clips."""
DEMO_EVERY = 3
"""Of so many steps of pictures, one is of the demo's own scenes."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much a step takes on."""

    pictures: int
    each: int
    rounds: int
    tracked: int
    """Frames in a step of clips: clips times their length."""
    chunk: int
    """How many steps' pictures are painted at once."""


GPU = Sizes(pictures=128, each=5, rounds=2, tracked=256, chunk=4)
CPU = Sizes(pictures=8, each=4, rounds=2, tracked=24, chunk=2)


class Training:
    """Everything that a call continues from."""

    def __init__(self, device: torch.device, *, seed: int, rate: float) -> None:
        torch.manual_seed(seed)
        random.seed(seed)
        self.device, self.seed = device, seed
        self.model = network.build()
        network.initialise(self.model)
        self.model.to(device).train()
        self.belonging = Belonging().to(device)
        self.average = copy.deepcopy(self.model).eval().requires_grad_(False)
        self.optimiser = torch.optim.AdamW(self._groups(rate), betas=(0.9, 0.98), fused=device.type == "cuda")
        self.step, self.clip_steps, self.elapsed_s = 0, 0, 0.0
        self.curve: list[dict[str, float]] = []
        self.hardware: list[str] = []
        self.started_from: dict[str, Any] | None = None

    def _groups(self, rate: float) -> list[dict[str, Any]]:
        groups: dict[tuple[float, float], list[nn.Parameter]] = {}
        for name, one in [*self.model.named_parameters(), *self.belonging.named_parameters()]:
            factor = 1.0
            if name.startswith(network.MEMORY):
                factor = 2.0
            elif "cross_attn" in name and ("q_proj" in name or "k_proj" in name):
                # What makes clicks and places meet is given at the start; a high rate tears it apart.
                factor = 0.3
            decay = 0.03 if one.ndim >= 2 and "embed" not in name else 0.0
            groups.setdefault((factor, decay), []).append(one)
        return [
            {"params": held, "lr": rate * factor, "peak": rate * factor, "weight_decay": decay}
            for (factor, decay), held in groups.items()
        ]

    def update(self, loss: Tensor, *, progress: float) -> None:
        """One step of the optimiser at a rate that warms up by steps and falls by the time spent."""
        share = min(1.0, (self.step + 1) / 150) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0))))
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak"] * share
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        held = [one for group in self.optimiser.param_groups for one in group["params"] if one.grad is not None]
        nn.utils.clip_grad_norm_(held, 1.0, foreach=True)
        self.optimiser.step()
        self.step += 1
        keep = min(0.999, (1 + self.step) / (20 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.model.parameters()), 1 - keep)

    def save(self, path: Path) -> None:
        """All of it, atomically."""
        state = {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "belonging": self.belonging.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "told": [self.step, self.clip_steps, self.elapsed_s, self.curve, self.hardware, self.seed],
        }
        part = path.with_suffix(".part")
        torch.save(state, part)
        part.replace(path)

    def load(self, path: Path) -> None:
        """Continue from ``save``."""
        state = torch.load(path, map_location=self.device, weights_only=True)
        for name in ("model", "average", "belonging", "optimiser"):
            getattr(self, name).load_state_dict(state[name])
        self.step, self.clip_steps, self.elapsed_s, self.curve, self.hardware, self.seed = state["told"]
        torch.manual_seed(self.seed + self.step)
        random.seed(self.seed + self.step)

    def start_from(self, weights: Path) -> None:
        """Published weights instead of random ones."""
        for one in (self.model, self.average):
            one.load_state_dict(load_file(weights, device=str(self.device)), strict=True)
        self.started_from = json.loads(weights.with_suffix(".json").read_text())

    def publish(self, out: Path, **more: Any) -> None:
        """The weights and their record as they now are."""
        record = {
            "what": "pico, a small SAM 2 trained from scratch on procedural scenes",
            "date": dt.datetime.now(dt.UTC).date().isoformat(),
            "hardware": self.hardware,
            "torch": torch.__version__,
            "seed": self.seed,
            "data_version": scenes.VERSION,
            "families": {"trained": shapes.SEEN, "held_out": shapes.UNSEEN},
            "steps": {"pictures": self.step - self.clip_steps, "clips": self.clip_steps},
            "minutes": round(self.elapsed_s / 60, 2),
            "curve": self.curve,
            **more,
        }
        if self.started_from:
            record["started_from"] = self.started_from
        published(out, self.average, record)


def published(out: Path, model: Any, record: dict[str, Any]) -> None:
    """Write OUT/pico.safetensors, float16, and OUT/pico.json: ``record`` and what it says of the file."""
    held = {name: one.detach().to(torch.float16).cpu().contiguous() for name, one in model.state_dict().items()}
    part = out / ".pico.part"
    save_file(held, part)
    of_file = {
        "sha256": hashlib.sha256(part.read_bytes()).hexdigest(),
        "parameters": sum(one.numel() for one in model.parameters()),
    }
    part.replace(out / "pico.safetensors")
    part = out / ".record.part"
    part.write_text(json.dumps(of_file | record, indent=1, ensure_ascii=False) + "\n")
    part.replace(out / "pico.json")


def run(training: Training, sizes: Sizes, *, seconds: float, total: float, out: Path, state: Path | None) -> None:
    """Train for ``seconds`` of a schedule of ``total`` seconds."""
    device = training.device
    generator = torch.Generator(device).manual_seed(training.seed * 1_000_003 + training.step)
    atlas = shapes.atlas(shapes.SEEN, 1500 if device.type == "cuda" else 60, generator, device)
    start, before = time.monotonic(), training.elapsed_s
    saved = told = start
    theirs = demo.batches(
        sizes.pictures, device, first=training.step * sizes.pictures, processes=12 if device.type == "cuda" else 0
    )
    pending: list[dict[str, Tensor]] = []
    painted: list[scenes.Scenes] = []
    while (now := time.monotonic()) - start < seconds:
        training.elapsed_s = before + now - start
        progress = training.elapsed_s / total
        if progress > CLIPS_FROM and training.step % 2:
            figures = _follow(training, atlas, generator, sizes, progress)
        else:
            # Thirds of thirds: neither clicks nor boxes see the demo's scenes alone.
            its_own = training.step // 3 % DEMO_EVERY == 0
            if not its_own and not painted:
                drawn = scenes.paint(atlas, generator, batch=sizes.pictures * sizes.chunk)
                # Every picture serves twice, the second time mirrored and under other prompts.
                painted = [*_split(drawn.mirrored(), sizes.chunk), *_split(drawn, sizes.chunk)]
            one = next(theirs) if its_own else painted.pop()
            with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
                outcome = steps.pictures(
                    training.model,
                    training.belonging,
                    one,
                    generator,
                    kind="box" if training.step % 6 in (2, 5) else "click",
                    each=sizes.each,
                    rounds=sizes.rounds,
                )
            training.update(outcome.loss, progress=progress)
            figures = outcome.figures | {"loss": outcome.loss.detach()}
        pending.append(figures)
        if now - told > 10:
            told = now
            _tell(training, pending)
            pending = []
        if now - saved > 30:
            saved = now
            training.publish(out)
            if state:
                training.save(state)
    training.elapsed_s = before + time.monotonic() - start
    _tell(training, pending)
    training.publish(out)
    if state:
        training.save(state)


def _follow(
    training: Training, atlas: shapes.Atlas, generator: torch.Generator, sizes: Sizes, progress: float
) -> dict[str, Tensor]:
    frames = random.choice((4, 5, 6, 6, 8, 12))
    clip = scenes.paint(atlas, generator, batch=max(1, sizes.tracked // frames), frames=frames)
    kinds: tuple[steps.Kind, ...] = ("mask", "mask", "click", "box")
    with torch.autocast(training.device.type, torch.bfloat16, enabled=training.device.type == "cuda"):
        outcome = steps.clips(
            training.model,
            clip,
            generator,
            kind=random.choice(kinds),
            each=5,
            correct_at=random.randrange(2, frames) if random.random() < 0.3 else None,
        )
    training.clip_steps += 1
    training.update(outcome.loss, progress=progress)
    return outcome.figures | {"clip loss": outcome.loss.detach()}


def _split(painted: scenes.Scenes, parts: int) -> list[scenes.Scenes]:
    fields = zip(
        *(one.chunk(parts) for one in (painted.images, painted.owner, painted.parent, painted.family)), strict=True
    )
    return [scenes.Scenes(*one) for one in fields]


def _tell(training: Training, pending: list[dict[str, Tensor]]) -> None:
    names = sorted({name for one in pending for name in one})
    means = {name: [float(one[name]) for one in pending if name in one] for name in names}
    line = {name: round(sum(values) / len(values), 4) for name, values in means.items()}
    training.curve.append({"s": round(training.elapsed_s, 1), "step": training.step, **line})
    print(" ".join(f"{name} {value:.4g}" for name, value in training.curve[-1].items()), flush=True)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, required=True, help="of this call")
    parser.add_argument("--total", type=float, help="of the whole schedule; --minutes if not given")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--state", type=Path, help="where to continue from, and to stop to")
    parser.add_argument("--start", type=Path, help="weights to start from, with their record beside them")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rate", type=float, default=RATE)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--pictures", type=int)
    parser.add_argument(
        "--scenes", type=int, default=150, help="held-out scenes of each kind to evaluate on; 0: none"
    )
    asked = parser.parse_args()
    device = torch.device(asked.device)
    asked.out.mkdir(parents=True, exist_ok=True)
    sizes = GPU if device.type == "cuda" else CPU
    if asked.pictures:
        sizes = Sizes(asked.pictures, sizes.each, sizes.rounds, 2 * asked.pictures, sizes.chunk)
    if device.type == "cpu":
        torch.set_num_threads(1)
    else:
        torch.set_float32_matmul_precision("high")
        torch.backends.cudnn.benchmark = True
    training = Training(device, seed=asked.seed, rate=asked.rate)
    if asked.start:
        training.start_from(asked.start)
    if asked.state and asked.state.is_file():
        training.load(asked.state)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{os.cpu_count()} CPU cores, one thread"
    if name not in training.hardware:
        training.hardware.append(name)
    total = (asked.total or asked.minutes) * 60
    run(training, sizes, seconds=asked.minutes * 60, total=total, out=asked.out, state=asked.state)
    if asked.scenes:
        from .evaluate import evaluate

        training.publish(asked.out, held_out=evaluate(training.average, device, scenes=asked.scenes))


if __name__ == "__main__":
    main()
