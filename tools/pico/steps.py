"""One step of each kind: pictures with prompts and corrections; clips that are followed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

from . import network, prompts
from .losses import Belonging, judge
from .scenes import Scenes

Kind = Literal["click", "box", "mask"]


@dataclass(frozen=True, slots=True)
class Told:
    """What a step tells: its loss, and figures for the curve (tensors, so that nothing waits for the device)."""

    loss: Tensor
    figures: dict[str, Tensor]


def _halved(masks: Tensor) -> tuple[Tensor, Tensor]:
    """(n, 256, 256) bool → (n, 128, 128) the share of each cell, and whether it is more than half."""
    soft = functional.avg_pool2d(masks[:, None].float(), 2)[:, 0]
    return soft, soft > 0.5


def _mean(values: Tensor, valid: Tensor) -> Tensor:
    return ((values * valid).sum() / valid.sum().clamp(min=1)).detach()


def pictures(
    model: Any,
    belonging: Belonging,
    scenes: Scenes,
    generator: torch.Generator,
    *,
    kind: Kind,
    each: int,
    rounds: int,
) -> Told:
    """``each`` prompts a picture, corrected ``rounds`` times."""
    device = scenes.images.device
    owner = scenes.owner[:, 0]
    maps = network.encode(model, scenes.images[:, 0])
    layers, able = prompts.targets(prompts.areas(owner, scenes.parent), each, generator, area_min=60)
    rows = torch.arange(len(owner), device=device).repeat_interleave(each)
    wanted = scenes.masks(rows, layers)[:, 0]
    region = wanted
    there = able
    if kind == "click":
        # Sometimes a click on nothing: the object is not there.
        nothing = owner[rows] < 0
        away = (torch.rand(len(rows), generator=generator, device=device) < 0.06) & nothing.flatten(1).any(1)
        region = torch.where(away[:, None, None], nothing, wanted)
        there = able & ~away
    soft, hard = _halved(wanted)
    own = maps.rows(rows)
    features = network.picture(model, own)
    centred = torch.rand(len(rows), generator=generator, device=device) < 0.5
    if kind == "click":
        points = prompts.click(region[:, ::2, ::2], generator, centred=centred, scale=2)[:, None]
        labels = torch.ones(len(rows), 1, dtype=torch.int32, device=device)
    else:
        points = prompts.drawn(prompts.boxes(wanted), generator, side=network.SIDE).view(-1, 2, 2)
        labels = torch.tensor([[2, 3]], dtype=torch.int32, device=device).expand(len(rows), 2)
    several = kind == "click"
    decoded = network.decode(model, features, own.fine, points, labels, None)
    weights = {"single": 0.5, "several": 1.0} if several else {"single": 1.0, "several": 0.3}
    judged = judge(decoded, soft, there, there, **weights)
    loss = judged.loss
    every = torch.arange(len(rows), device=device)
    figures = {kind: _mean(judged.iou[every, decoded.best(several=several)], there)}
    for number in range(rounds):
        which = decoded.best(several=several)
        at, label = prompts.correction(hard, judged.hard[every, which], generator, centred=centred, scale=2)
        points, labels = torch.cat([points, at], 1), torch.cat([labels, label], 1)
        blind = bool(torch.rand((), generator=None) < 0.25)
        before = None if blind else decoded.mask(which).detach().clamp(-32, 32)
        several = False
        decoded = network.decode(model, features, own.fine, points, labels, before)
        judged = judge(decoded, soft, there, there, single=1.0, several=0.3)
        loss = loss + judged.loss
        figures[f"{kind}+{number + 1}"] = _mean(judged.iou[every, decoded.best(several=False)], there)
    whose = scenes.parent.gather(1, owner.clamp(min=0).long().flatten(1)).view_as(owner)
    together = belonging(maps, torch.where(owner < 0, -1, whose))
    figures["belonging"] = together.detach()
    return Told(loss / (rounds + 1) + 0.3 * together, figures)


def clips(
    model: Any, scenes: Scenes, generator: torch.Generator, *, kind: Kind, each: int, correct_at: int | None
) -> Told:
    """``each`` objects a clip, prompted on the first frame and followed; maybe corrected once on the way.

    The encoder only serves here: pictures train it.
    """
    device, frames = scenes.images.device, scenes.images.shape[1]
    with torch.no_grad():
        maps = network.encode(model, scenes.images.flatten(0, 1))
    area = prompts.areas(scenes.owner[:, 0], scenes.parent)
    layers, able = prompts.targets(area, each, generator, area_min=100)
    rows = torch.arange(len(scenes.owner), device=device).repeat_interleave(each)
    wanted = scenes.masks(rows, layers)
    centred = torch.rand(len(rows), generator=generator, device=device) < 0.7
    memory = network.Memory()
    loss = torch.zeros((), device=device)
    every = torch.arange(len(rows), device=device)
    ious = []
    for frame in range(frames):
        own = maps.rows(rows * frames + frame)
        soft, hard = _halved(wanted[:, frame])
        there = able & hard.flatten(1).any(1)
        features = network.remembering(model, frame, own, memory, frames)
        points = labels = None
        if frame == 0 and kind == "mask":
            seen = network.given(model, features, own, wanted[:, :1])
            memory.remember(model, 0, own, seen, prompted=True, clicked=False)
            continue
        if frame == 0 and kind == "click":
            points = prompts.click(wanted[:, 0, ::2, ::2], generator, centred=centred, scale=2)[:, None]
            labels = torch.ones(len(rows), 1, dtype=torch.int32, device=device)
        elif frame == 0:
            tight = prompts.boxes(wanted[:, 0])
            points = prompts.drawn(tight, generator, side=network.SIDE).view(-1, 2, 2)
            labels = torch.tensor([[2, 3]], dtype=torch.int32, device=device).expand(len(rows), 2)
        seen = network.see(model, features, own, points, labels, None)
        judged = judge(seen.decoded, soft, there, there | ~able, single=0.4, several=1.0)
        loss = loss + judged.loss
        which = seen.decoded.best(several=kind == "click" or frame > 0)
        if frame:
            ious.append(_mean(judged.iou[every, which], there))
        corrected = frame == correct_at
        if corrected:
            at, label = prompts.correction(hard, judged.hard[every, which], generator, centred=centred, scale=2)
            before = seen.decoded.mask(which).detach().clamp(-32, 32)
            seen = network.see(model, features, own, at, label, before)
            loss = loss + judge(seen.decoded, soft, there, there | ~able, single=0.6, several=1.0).loss
        memory.remember(
            model, frame, own, seen, prompted=frame == 0 or corrected, clicked=points is not None or corrected
        )
    return Told(loss / frames, {f"clip {kind}": torch.stack(ious).mean(), "clip last": ious[-1]})
