"""What training asks for: masks, honest promises of their IoU, whether the object is there, who belongs together."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from .network import Decoded, Maps

_UNDECIDED = 0.05
"""Of promises that differ by so much both count."""


@dataclass(frozen=True, slots=True)
class Judged:
    """The loss of n prompts and what it was made of."""

    loss: Tensor
    """() float32."""
    iou: Tensor
    """(n, 4) the true IoU of every mask at 0."""
    hard: Tensor
    """(n, 4, h, h) bool: the masks."""


def judge(decoded: Decoded, wanted: Tensor, valid: Tensor, there: Tensor, *, single: float, several: float) -> Judged:
    """Hold masks against ``wanted`` (n, h, h) 0 … 1; ``valid`` (n,) prompts have a mask, ``there`` (n,) an object.

    Binary cross-entropy with the root of the imbalance as weight, and dice; of the three candidates the best counts.
    """
    side = wanted.shape[-1]
    logits = functional.interpolate(decoded.logits, (side, side), mode="bilinear", align_corners=False)
    goal = wanted[:, None]
    hard, iou = _ious(logits, goal)
    share = wanted.mean((1, 2)).clamp(1e-4, 0.9)[:, None, None, None]
    heavy = ((1 - share) / share).sqrt().clamp(1, 16)
    weight = 1 + (heavy - 1) * goal
    entropy = functional.binary_cross_entropy_with_logits(logits, goal.expand_as(logits), reduction="none")
    entropy = (entropy * weight).mean((2, 3)) / weight.mean((2, 3)) / (2 * share[:, :, 0, 0].sqrt())
    chance = logits.sigmoid()
    dice = 1 - (2 * (chance * goal).sum((2, 3)) + 1) / (chance.sum((2, 3)) + goal.sum((2, 3)) + 1)
    each = entropy + dice
    candidates = each[:, 1:]
    # A little of the mean keeps alive the candidates that never win.
    masks = single * each[:, 0] + several * (0.95 * candidates.min(1).values + 0.05 * candidates.mean(1))
    promise = (decoded.ious - iou).abs().mean(1)
    count = valid.float().sum().clamp(min=1)
    loss = ((masks + promise) * valid).sum() / count
    score = functional.binary_cross_entropy_with_logits(decoded.score[:, 0], there.float())
    return Judged(loss + 0.5 * score, iou, hard)


def settle(decoded: Decoded, wanted: Tensor, there: Tensor, *, several: bool) -> Judged:
    """``judge`` for what is nearly right already: the loss is of IoUs, and of the one that is answered with.

    ``wanted`` (n, h, h) 0 … 1; prompts that are not ``there`` (n,) have no mask. ``several``: SAM 2 answers such
    prompts with the candidate that promises most, so the choice is weighed by the promises and learns with them.
    """
    side, logits = wanted.shape[-1], decoded.logits
    with torch.no_grad():
        fine = functional.interpolate(logits, (side, side), mode="bilinear", align_corners=False)
        hard, iou = _ious(fine, wanted[:, None])
    # Of the decoder's own cells: a logit is held against the share of its cell, which places the edge within it.
    goal = functional.adaptive_avg_pool2d(wanted[:, None], logits.shape[-1])
    share = wanted.mean((1, 2)).clamp(1e-3, 0.9)[:, None]
    entropy = functional.binary_cross_entropy_with_logits(logits, goal.expand_as(logits), reduction="none")
    chance = logits.sigmoid()
    both = torch.minimum(chance, goal).sum((2, 3))
    jaccard = 1 - (both + 0.5) / (chance.sum((2, 3)) + goal.sum((2, 3)) - both + 0.5)
    each = jaccard + 0.25 * entropy.mean((2, 3)) / share.sqrt()
    candidates = each[:, 1:]
    choice = (decoded.ious[:, 1:] / _UNDECIDED).softmax(1)
    chosen = 0.7 * candidates.min(1).values + 0.3 * (choice.detach() * candidates).sum(1)
    masks = 0.3 * each[:, 0] + chosen if several else each[:, 0] + 0.4 * chosen
    promise = functional.smooth_l1_loss(decoded.ious, iou, reduction="none", beta=0.1).sum(1)
    missed = (choice * (1 - iou[:, 1:])).sum(1)
    loss = ((masks + promise + (2.0 if several else 0.5) * missed) * there).sum() / there.sum().clamp(min=1)
    score = functional.binary_cross_entropy_with_logits(decoded.score[:, 0], there.float())
    return Judged(loss + 0.5 * score, iou, hard)


def _ious(logits: Tensor, goal: Tensor) -> tuple[Tensor, Tensor]:
    """(n, 4, h, h) bool the masks, and (n, 4) their IoUs; 0 where neither has a pixel."""
    hard, solid = logits > 0, goal > 0.5
    both = (hard & solid).sum((2, 3)).float()
    either = (hard | solid).sum((2, 3)).float()
    return hard, torch.where(either > 0, both / either.clamp(min=1), 0.0)


class Belonging(nn.Module):
    """An auxiliary head that starts the encoder: pixels of one object are near in 16 dimensions. Thrown away."""

    def __init__(self, channels: int = 96, pairs: int = 384) -> None:
        super().__init__()
        self.maps = nn.ModuleList(nn.Conv2d(channels, 16, 1) for _ in range(3))
        self.pairs = pairs

    def forward(self, maps: Maps, owner: Tensor) -> Tensor:
        """The loss over random pixels; ``owner`` (n, s, s) says whose each is."""
        sizes = [one.shape[-2:] for one in maps.pyramid]
        embedding = sum(
            functional.interpolate(conv(one), sizes[0], mode="bilinear", align_corners=False)
            for conv, one in zip(self.maps, maps.pyramid, strict=True)
        )
        step = owner.shape[-1] // sizes[0][0]
        whose = owner[:, step // 2 :: step, step // 2 :: step].flatten(1)
        index = torch.randint(whose.shape[1], (len(whose), self.pairs), device=whose.device)
        points = embedding.flatten(2).gather(2, index[:, None].expand(-1, 16, -1)).float().transpose(1, 2)
        mine = whose.gather(1, index)
        near = -(torch.cdist(points, points) ** 2) + 2.0
        same = (mine[:, :, None] == mine[:, None, :]).float()
        # Pairs of background say little: they count a tenth.
        dull = ((mine[:, :, None] < 0) & (mine[:, None, :] < 0)).float()
        weight = 1 - 0.9 * dull
        balance = ((weight * (1 - same)).sum() / (weight * same).sum().clamp(min=1)).clamp(0.2, 5)
        weight = weight * (1 + (balance - 1) * same)
        found = functional.binary_cross_entropy_with_logits(near, same, reduction="none")
        return (found * weight).sum() / weight.sum()
