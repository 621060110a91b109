"""SAM 2's prompt encoder and mask decoder: prompts of one form in one pass, on one image or on several."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalnb.core.candidates import Candidates
from evalnb.core.everything import STABILITY_OFFSET, Sweep
from evalnb.core.prompted import Prompt, prior_of
from evalnb.core.records import Floats
from evalnb.models import _torch
from evalnb.models._features import Features
from evalnb.models._openvino import OpenVino


class Decoder:
    """Answers prompts on features. Threads may share it: one decodes at a time."""

    def __init__(self, module: Any, device: Any, engine: OpenVino | None = None) -> None:
        """``module`` is the whole SAM 2 on ``device``; an ``engine`` decodes what its prompt encoder says."""
        self._module, self._device, self._engine = module, device, engine
        self._alone = threading.Lock()
        height, width = module.sam_prompt_encoder.mask_input_size
        self.side: tuple[int, int] = (int(height), int(width))
        """Rows and columns of the logits."""
        self.pass_size = 64 if device.type == "cuda" else 16
        """As many prompts at once as fill the device; on a CPU more gain nothing, and would hold up a click."""

    def candidates(
        self,
        features: Sequence[Features],
        asked: Sequence[Prompt],
        priors: Sequence[NDArray[np.float32] | None] | None = None,
    ) -> list[Candidates]:
        """What each prompt may mean on its image. Prompts of one form go through the decoder together."""
        if priors is None:
            priors = [None if one.mask is None else prior_of(one.mask, self.side) for one in asked]
        out: dict[int, Candidates] = {}
        alike: dict[tuple[int, bool], list[int]] = {}
        for place, (one, prior) in enumerate(zip(asked, priors, strict=True)):
            if one.box is None and prior is None and not (one.labels == 1).any():
                # SAM knows no answer to what is only out.
                out[place] = Candidates(np.full((1, *self.side), -1, np.float32), np.zeros(1), features[place].size)
            else:
                # More tokens, even those that mean nothing, would change the answer.
                tokens = len(one.labels) + (0 if one.box is None else 2)
                alike.setdefault((tokens, prior is not None), []).append(place)
        for places in alike.values():
            some = [features[place] for place in places], [asked[place] for place in places]
            out |= zip(places, self._answered(*some, [priors[place] for place in places]), strict=True)
        return [out[place] for place in range(len(asked))]

    def swept(
        self, features: Features, clicks: Sequence[Prompt], wanted: Sweep
    ) -> tuple[NDArray[np.floating], Floats]:
        """The three masks of each click, sifted where they were made: most are not worth moving."""
        import torch

        with self._alone, torch.no_grad(), _torch.autocast(self._device, prefer="bfloat16"):
            drawn, promised = self._run([features] * len(clicks), clicks, [None] * len(clicks))
            logits, scores = drawn[:, 1:].flatten(0, 1), promised[:, 1:].flatten()
            good = torch.nonzero(scores >= wanted.iou_min)[:, 0]
            logits, scores = logits[good], scores[good]
            small = (logits > STABILITY_OFFSET).sum((1, 2), dtype=torch.float32)
            large = (logits > -STABILITY_OFFSET).sum((1, 2), dtype=torch.float32)
            steady = torch.nonzero(small >= wanted.stability_min * large.clamp(min=1))[:, 0]
            return (
                logits[steady].half().cpu().numpy(),
                scores[steady].float().cpu().numpy().astype(np.float64),
            )

    def _answered(
        self,
        features: Sequence[Features],
        asked: Sequence[Prompt],
        priors: Sequence[NDArray[np.float32] | None],
    ) -> list[Candidates]:
        import torch

        decoder = self._module.sam_mask_decoder
        with self._alone, torch.no_grad(), _torch.autocast(self._device, prefer="bfloat16"):
            logits, ious = self._run(features, asked, priors)
            steady = decoder._get_stability_scores(logits[:, :1])[:, 0] >= decoder.dynamic_multimask_stability_thresh
            drawn, scores = logits.float().cpu().numpy(), ious.float().cpu().numpy().astype(np.float64)
            single = steady.cpu().numpy()
        out = []
        for place, one in enumerate(asked):
            several = (1 + np.argsort(-scores[place, 1:], kind="stable")).tolist()
            clicks = len(one.labels) if one.box is None and priors[place] is None else 2
            # The model's own rule: SAM 2.1's are made to answer one click with the best of three, pico is not.
            if self._module.multimask_min_pt_num <= clicks <= self._module.multimask_max_pt_num:
                order = several
            else:
                order = [0, *several] if single[place] else [several[0], 0, *several[1:]]
            kept = _distinct(drawn[place], order)
            out.append(Candidates(drawn[place, kept], scores[place, kept], features[place].size))
        return out

    def _run(
        self,
        features: Sequence[Features],
        asked: Sequence[Prompt],
        priors: Sequence[NDArray[np.float32] | None],
    ) -> tuple[Any, Any]:
        """Logits (n, 4, r, c) and predicted IoUs (n, 4) of prompts of one form, under the lock.

        The first of the four is of the token for a single mask, the others of those for what else it may be.
        """
        import torch

        model, side = self._module, self._module.image_size
        coordinates, marks = [], []
        for held, one in zip(features, asked, strict=True):
            # SAM takes a box as two points, of labels 2 and 3, before the clicks.
            corners = np.empty((0, 2)) if one.box is None else one.box.reshape(2, 2)
            scale = np.array([side / held.size[1], side / held.size[0]])
            coordinates.append(np.concatenate([corners, one.points]) * scale)
            marks.append(np.concatenate([[2, 3][: len(corners)], one.labels]))
        rough = [prior for prior in priors if prior is not None]
        sparse, dense = model.sam_prompt_encoder(
            points=(
                torch.as_tensor(np.stack(coordinates), dtype=torch.float32, device=self._device),
                torch.as_tensor(np.stack(marks), dtype=torch.int32, device=self._device),
            ),
            boxes=None,
            # The package clamps what it hands out to be handed in again.
            masks=torch.as_tensor(np.stack(rough), device=self._device).clamp(-32, 32)[:, None] if rough else None,
        )
        if self._engine is not None:
            return self._engine.masks(features, sparse, dense if rough else None)
        # Of one image each map is there once, and read for all.
        alone = all(one is features[0] for one in features)
        maps = (
            features[0].maps if alone else [torch.cat(one) for one in zip(*(f.maps for f in features), strict=True)]
        )
        logits, ious, _, _ = model.sam_mask_decoder.predict_masks(
            image_embeddings=maps[-1],
            image_pe=model.sam_prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            repeat_image=alone and len(features) > 1,
            high_res_features=list(maps[:-1]),
        )
        return logits, ious


def _distinct(drawn: NDArray[np.float32], order: Sequence[int]) -> list[int]:
    """The places of ``order`` whose masks differ; an empty mask only where it is the first."""
    seen: set[bytes] = set()
    kept: list[int] = []
    for place in order:
        inside = np.packbits(drawn[place] > 0).tobytes()
        if inside not in seen and (not kept or any(inside)):
            seen.add(inside)
            kept.append(place)
    return kept
