"""Tune pico's decoder on what its frozen encoder sees: what it draws, and which of its candidates it chooses.

    python -m tools.pico.tune --minutes 45 --start evalnb/models/pico.safetensors --cache CACHE --out OUT

A second phase that needs no GPU: the encoder's maps of a few thousand scenes are computed once (``cached``), and only
the prompt encoder and the mask decoder learn. What is written is a blend of what was tuned and what it began with:
OUT/pico.safetensors and OUT/pico.json, as ``train`` does.
"""

from __future__ import annotations

import argparse
import copy
import datetime as dt
import json
import math
import os
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from . import cached, network, prompts
from .evaluate import evaluate
from .losses import settle
from .train import published

RATE = 1.5e-4
BEGAN = 0.4
"""Of the result, the share of the weights that tuning began with."""
LEARNS = ("sam_prompt_encoder.", "sam_mask_decoder.")
"""What the names of the parameters begin with that are tuned, but for what the cache has already gone through."""
PICTURES, EACH = 8, 4
"""Of a step, and prompts of each."""
KINDS = ("click", "box", "click", "box", "followed", "box", "click", "box", "click", "box")
DEMO_SHARE = 0.2
AREA_MIN = 250
"""Pixels of 256 × 256 that an object must show to be asked for."""


@dataclass(frozen=True, slots=True)
class Batch:
    """n prompts' worth of what the cache holds."""

    features: Tensor
    """(n, 96, 16, 16)."""
    fine: tuple[Tensor, Tensor]
    soft: Tensor
    """(n, 128, 128) the share of each cell that is the object's."""
    boxes: Tensor
    """(n, 4) tight, in pixels of 256."""
    there: Tensor
    """(n,) bool."""


class Tuning:
    """The model, its moving average, and the dice."""

    def __init__(self, model: Any, *, seed: int, rate: float) -> None:
        torch.manual_seed(seed)
        self.model = model.eval().requires_grad_(False)
        self.average = copy.deepcopy(model)
        self._began = [one.clone() for one in model.parameters()]
        self.learning, self._averaged = (
            [
                value
                for name, value in one.named_parameters()
                if name.startswith(LEARNS) and not name.startswith(cached.SEES)
            ]
            for one in (model, self.average)
        )
        for one in self.learning:
            one.requires_grad_(True)
        groups = [[one for one in self.learning if (one.ndim >= 2) == big] for big in (True, False)]
        self.rate = rate
        self.optimiser = torch.optim.AdamW(
            [{"params": groups[0], "weight_decay": 0.01}, {"params": groups[1], "weight_decay": 0.0}],
            lr=rate,
            betas=(0.9, 0.99),
        )
        self.generator = torch.Generator().manual_seed(seed * 1_000_003 + 1)
        self.dice = np.random.default_rng(seed)
        self.seed, self.step = seed, 0
        self.curve: list[dict[str, float]] = []

    def update(self, *, progress: float) -> None:
        """One step of the optimiser, by the gradients that are there."""
        rate = self.rate * min(1.0, (self.step + 1) / 100) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress)))
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        nn.utils.clip_grad_norm_(self.learning, 1.0, foreach=True)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.step += 1
        keep = min(0.998, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(self._averaged, self.learning, 1 - keep)

    def blended(self, share: float) -> Any:
        """The tuned model with ``share`` of the weights that it began with: steadier than either by itself."""
        model = copy.deepcopy(self.average)
        with torch.no_grad():
            for one, first in zip(model.parameters(), self._began, strict=True):
                one.lerp_(first, share)
        return model

    def chance(self, count: int) -> Tensor:
        """(count,) uniform in 0 … 1."""
        return torch.rand(count, generator=self.generator)


def batch(tuning: Tuning, store: cached.Store) -> Batch:
    """Some pictures of a cache, and some objects of each."""
    index = np.sort(tuning.dice.integers(store.count, size=PICTURES))
    owner, parent = store.rows("owner", index), store.rows("parent", index).long()
    layers, able = prompts.targets(prompts.areas(owner, parent), EACH, tuning.generator, area_min=AREA_MIN)
    rows = torch.arange(PICTURES).repeat_interleave(EACH)
    whose = torch.where(owner < 0, -1, parent.gather(1, owner.clamp(min=0).long().flatten(1)).view_as(owner))
    layer = layers[:, None, None]
    wanted = (owner[rows] == layer) | (whose[rows] == layer)
    features = store.rows("coarse", index) + tuning.model.no_mem_embed.view(1, -1, 1, 1)
    return Batch(
        features[rows],
        (store.rows("fine", index)[rows], store.rows("middle", index)[rows]),
        functional.avg_pool2d(wanted[:, None].float(), 2)[:, 0],
        prompts.boxes(wanted),
        able,
    )


def followed(tuning: Tuning, store: cached.Store) -> Batch:
    """Objects of clips, in frames where only the memory says which."""
    index = np.sort(tuning.dice.integers(store.count, size=PICTURES * EACH))
    soft = store.rows("wanted", index)
    return Batch(
        store.rows("features", index),
        (store.rows("fine", index), store.rows("middle", index)),
        soft,
        torch.zeros(len(index), 4),
        (soft > 0.5).flatten(1).any(1),
    )


def learn(tuning: Tuning, one: Batch, kind: str) -> dict[str, float]:
    """Gradients of one batch: its first prompt, and the corrections after it."""
    model, count = tuning.model, len(one.soft)
    hard = one.soft > 0.5
    centred = tuning.chance(count) < 0.75
    if kind == "click":
        points = prompts.click(hard[:, ::2, ::2], tuning.generator, centred=centred, scale=4)[:, None]
        labels = torch.ones(count, 1, dtype=torch.int32)
    elif kind == "box":
        exact = tuning.chance(count) < 0.5
        loose = prompts.drawn(one.boxes, tuning.generator, side=network.SIDE)
        points = torch.where(exact[:, None], one.boxes, loose).view(-1, 2, 2)
        labels = torch.tensor([[2, 3]], dtype=torch.int32).expand(count, 2)
    else:
        points = torch.zeros(count, 1, 2)
        labels = -torch.ones(count, 1, dtype=torch.int32)
    rounds = {"click": 3, "box": 1 + int(tuning.dice.random() < 0.2), "followed": 1}[kind]
    before: Tensor | None = None
    figures: dict[str, float] = {}
    for number in range(rounds):
        decoded = network.decode(model, one.features, one.fine, points, labels, before)
        judged = settle(decoded, one.soft, one.there, several=kind == "followed")
        (judged.loss / (1 + 0.5 * (rounds - 1))).backward()
        with torch.no_grad():
            which = network.answer(model, decoded, 0 if kind == "followed" else points.shape[1])
            every = torch.arange(count)
            name = f"{kind}+{number}" if number else kind
            figures[name] = float(judged.iou[every, which][one.there].mean())
            if kind == "click" and not number:
                figures["best"] = float(judged.iou[:, 1:].max(1).values[one.there].mean())
            if number + 1 < rounds:
                got = judged.hard[every, which, ::2, ::2]
                at, label = prompts.correction(hard[:, ::2, ::2], got, tuning.generator, centred=centred, scale=4)
                points, labels = torch.cat([points, at], 1), torch.cat([labels, label], 1)
                # The one who clicks again sees the answer, and SAM 2 is given it.
                before = None if tuning.dice.random() < 0.1 else decoded.mask(which).clamp(-32, 32)
    return figures


def run(tuning: Tuning, held: cached.Cache, *, seconds: float, keep: Callable[[], None]) -> None:
    """Tune for ``seconds``; every minute the curve gets a line, and ``keep`` may publish what there is."""
    start = last = time.monotonic()
    figures: dict[str, list[float]] = defaultdict(list)
    while (now := time.monotonic()) - start < seconds:
        kind = KINDS[tuning.step % len(KINDS)]
        if kind == "followed":
            one = followed(tuning, held.followed)
        else:
            one = batch(tuning, held.demo if tuning.dice.random() < DEMO_SHARE else held.painted)
        for name, value in learn(tuning, one, kind).items():
            figures[name].append(value)
        tuning.update(progress=(now - start) / seconds)
        if now - last > 60 or tuning.step == 1:
            last = now
            means = {name: round(float(np.nanmean(some)), 4) for name, some in sorted(figures.items())}
            tuning.curve.append({"s": round(now - start, 1), "step": tuning.step, **means})
            print(" ".join(f"{name} {value:.4g}" for name, value in tuning.curve[-1].items()), flush=True)
            figures.clear()
            keep()


def phases(tuning: Tuning, held: cached.Cache, before: dict[str, Any], *, minutes: float) -> dict[str, Any]:
    """The record: what the weights were ``before``, and this phase after it; without the evaluation of the others."""
    first = {name: value for name, value in before.items() if name not in ("held_out", "phases")}
    mine = {
        "what": "the prompt encoder and the mask decoder, tuned on the maps of the frozen encoder",
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "hardware": [f"{os.cpu_count()} CPU cores, one thread"],
        "torch": torch.__version__,
        "seed": tuning.seed,
        "rate": tuning.rate,
        "started_from": before["sha256"],
        "cached": {name: getattr(held, name).count for name in ("painted", "demo", "followed")},
        "blended": BEGAN,
        "steps": tuning.step,
        "minutes": round(minutes, 2),
        "cpu_minutes": round(time.process_time() / 60, 2),
        "curve": tuning.curve,
    }
    return {
        "what": before["what"],
        "families": before["families"],
        "phases": [*before.get("phases", [first]), mine],
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--start", type=Path, required=True, help="weights, with their record beside them")
    parser.add_argument("--cache", type=Path, required=True, help="where the maps are kept, or will be: 1.1 GB")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=11, help="of the scenes in the cache, and of all else")
    parser.add_argument("--rate", type=float, default=RATE)
    parser.add_argument("--scenes", type=int, default=75, help="held-out scenes of each kind to evaluate on; 0: none")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    asked.out.mkdir(parents=True, exist_ok=True)
    model = network.build()
    model.load_state_dict(load_file(asked.start), strict=True)
    model.float()
    held = cached.filled(asked.cache, model, cached.Sizes(), seed=asked.seed)
    tuning = Tuning(model, seed=asked.seed, rate=asked.rate)
    before = json.loads(asked.start.with_suffix(".json").read_text())

    def keep(**more: Any) -> None:
        published(asked.out, tuning.blended(BEGAN), phases(tuning, held, before, minutes=asked.minutes) | more)

    run(tuning, held, seconds=asked.minutes * 60, keep=keep)
    keep()
    if asked.scenes:
        # What is measured is what is written: float16.
        model.load_state_dict(load_file(asked.out / "pico.safetensors"))
        keep(held_out=evaluate(model, torch.device("cpu"), scenes=asked.scenes))


if __name__ == "__main__":
    main()
