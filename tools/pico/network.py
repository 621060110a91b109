"""The model: its start, and the two passes that training and evaluation share (a picture's, and a clip's).

The passes are those of ``SAM2Base`` taken apart, so that a loss reaches all four masks of every decoding; tests hold
them against ``SAM2ImagePredictor`` and ``track_step``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

CONFIG = Path(__file__).resolve().parents[2] / "evalnb" / "models" / "sam2_pico.yaml"
SIDE = 256
_STEADY = 0.05
"""What logits may move by without moving 0.02 of a mask that is stable, as ``evalnb`` builds SAM 2."""
MEMORY = (
    "memory_attention",
    "memory_encoder",
    "obj_ptr",
    "maskmem_tpos_enc",
    "no_obj_ptr",
    "no_obj_embed_spatial",
    "mask_downsample.",
)
"""What the names of the parameters begin with that only clips train."""


def build(config: Path = CONFIG) -> Any:
    """The module with sam2's own initialisation."""
    import sam2  # noqa: F401  (it initialises Hydra)
    from hydra.core.global_hydra import GlobalHydra
    from hydra.utils import instantiate
    from omegaconf import OmegaConf

    GlobalHydra.instance().clear()
    return instantiate(OmegaConf.load(config).model, _recursive_=True)


def initialise(model: Any) -> None:
    """Make a start from which a small model learns.

    From sam2's own it stays at IoU 0.03: nothing tells the decoder that a click and the grid cell under it are the
    same place. With equal projections of queries and keys they are near from the first step, and the factor makes it
    count.
    """
    with torch.no_grad():
        transformer = model.sam_mask_decoder.transformer
        for layer in transformer.layers:
            for one in (layer.cross_attn_token_to_image, layer.cross_attn_image_to_token):
                _meet(one)
        _meet(transformer.final_attn_token_to_image)
        for layer in model.memory_attention.layers:
            nn.init.orthogonal_(layer.cross_attn_image.q_proj.weight)
        # Clicks told apart at some ten pixels rather than twenty.
        model.sam_prompt_encoder.pe_layer.positional_encoding_gaussian_matrix.mul_(1.5)
        # An object is there unless something says otherwise: without that, early tracking wipes its own masks.
        model.sam_mask_decoder.pred_obj_score_head.layers[-1].bias.fill_(1.0)


def _meet(attention: Any, factor: float = 2.5) -> None:
    weight = attention.q_proj.weight
    nn.init.orthogonal_(weight)
    weight.mul_(factor**0.5)
    attention.k_proj.weight.copy_(weight)
    attention.q_proj.bias.zero_()
    attention.k_proj.bias.zero_()


@dataclass(frozen=True, slots=True)
class Maps:
    """The encoder's maps of n pictures."""

    fine: tuple[Tensor, Tensor]
    """(n, 12, 64, 64) and (n, 24, 32, 32), as the decoder adds them."""
    coarse: Tensor
    """(n, 96, 16, 16), without the token of no memory."""
    position: Tensor
    """(n, 96, 16, 16)."""
    pyramid: tuple[Tensor, Tensor, Tensor]
    """The neck's own maps, 96 channels each, finest first."""

    def rows(self, index: Tensor) -> Maps:
        """Those of some pictures, repeated at will."""
        return Maps(
            (self.fine[0][index], self.fine[1][index]), self.coarse[index], self.position[index], self.pyramid
        )


def encode(model: Any, images: Tensor) -> Maps:
    """Maps of (n, 3, 256, 256) pictures."""
    out = model.image_encoder(images)
    pyramid = out["backbone_fpn"]
    decoder = model.sam_mask_decoder
    fine = (decoder.conv_s0(pyramid[0]), decoder.conv_s1(pyramid[1]))
    return Maps(fine, pyramid[2], out["vision_pos_enc"][2], tuple(pyramid[:3]))


@dataclass(frozen=True, slots=True)
class Decoded:
    """What the decoder says of n prompts."""

    logits: Tensor
    """(n, 4, 64, 64) float32: the single mask, then the three candidates."""
    ious: Tensor
    """(n, 4) 0 … 1."""
    tokens: Tensor
    """(n, 4, 96)."""
    score: Tensor
    """(n, 1) logit: whether the object is there."""

    def best(self, *, several: bool) -> Tensor:
        """(n,) which mask counts: the candidate that promises most, or the single one."""
        if several:
            return self.ious[:, 1:].argmax(1) + 1
        return torch.zeros(len(self.ious), dtype=torch.long, device=self.ious.device)

    def mask(self, which: Tensor) -> Tensor:
        """(n, 1, 64, 64) those logits."""
        return self.logits[torch.arange(len(which), device=which.device), which][:, None]


def decode(
    model: Any, features: Tensor, fine: tuple[Tensor, Tensor], points: Tensor, labels: Tensor, mask: Tensor | None
) -> Decoded:
    """All four masks for (n, k, 2) points in pixels of 256, labels (n, k), and maybe earlier (n, 1, 64, 64) masks."""
    sparse, dense = model.sam_prompt_encoder(points=(points, labels), boxes=None, masks=mask)
    logits, ious, tokens, score = model.sam_mask_decoder.predict_masks(
        image_embeddings=features,
        image_pe=model.sam_prompt_encoder.get_dense_pe(),
        sparse_prompt_embeddings=sparse,
        dense_prompt_embeddings=dense,
        repeat_image=False,
        high_res_features=list(fine),
    )
    return Decoded(logits.float(), ious.float(), tokens, score.float())


def several_of(model: Any, clicks: int) -> bool:
    """SAM 2's own rule, by the model's configuration: whether so many points are answered with a candidate."""
    return bool(model.multimask_min_pt_num <= clicks <= model.multimask_max_pt_num)


def answer(model: Any, decoded: Decoded, clicks: int) -> Tensor:
    """(n,) which mask answers a picture's prompts: the best candidate, or the single one where it is stable."""
    best = decoded.best(several=True)
    if several_of(model, clicks):
        return best
    inner, outer = (decoded.logits[:, 0] > at for at in (_STEADY, -_STEADY))
    share = inner.flatten(1).sum(1) / outer.flatten(1).sum(1).clamp(min=1)
    return torch.where((share >= 0.98) | ~outer.flatten(1).any(1), 0, best)


def picture(model: Any, maps: Maps) -> Tensor:
    """The coarse map as a picture by itself is decoded: with the token of no memory."""
    return maps.coarse + model.no_mem_embed.view(1, -1, 1, 1)


@dataclass(slots=True)
class Memory:
    """What tracking has seen of n objects."""

    prompted: dict[int, dict[str, Any]] = field(default_factory=dict)
    followed: dict[int, dict[str, Any]] = field(default_factory=dict)

    def remember(self, model: Any, frame: int, maps: Maps, seen: Seen, *, prompted: bool, clicked: bool) -> None:
        """Encode what was decided on a frame."""
        features, position = model._encode_new_memory(
            current_vision_feats=[_flat(maps.coarse)],
            feat_sizes=[tuple(maps.coarse.shape[-2:])],
            pred_masks_high_res=functional.interpolate(seen.mask, (SIDE, SIDE), mode="bilinear", align_corners=False),
            object_score_logits=seen.score,
            is_mask_from_pts=clicked,
        )
        entry = {"maskmem_features": features, "maskmem_pos_enc": position, "obj_ptr": seen.pointer}
        if prompted:
            self.followed.pop(frame, None)
        (self.prompted if prompted else self.followed)[frame] = entry


@dataclass(frozen=True, slots=True)
class Seen:
    """The decision on one frame."""

    decoded: Decoded | None
    """None where a mask was given."""
    mask: Tensor
    """(n, 1, 64, 64) or (n, 1, 256, 256) logits; −1024 where the object is said to be away."""
    score: Tensor
    pointer: Tensor


def _flat(maps: Tensor) -> Tensor:
    return maps.flatten(2).permute(2, 0, 1)


def remembering(model: Any, frame: int, maps: Maps, memory: Memory, frames: int) -> Tensor:
    """The coarse map of a frame in the light of what came before."""
    return model._prepare_memory_conditioned_features(
        frame_idx=frame,
        is_init_cond_frame=not memory.prompted,
        current_vision_feats=[_flat(maps.coarse)],
        current_vision_pos_embeds=[_flat(maps.position)],
        feat_sizes=[tuple(maps.coarse.shape[-2:])],
        output_dict={"cond_frame_outputs": memory.prompted, "non_cond_frame_outputs": memory.followed},
        num_frames=frames,
    )


def see(
    model: Any, features: Tensor, maps: Maps, points: Tensor | None, labels: Tensor | None, mask: Tensor | None
) -> Seen:
    """Decode a frame of a clip: with clicks, or with none and only the memory to go by."""
    count, clicks = len(features), 0 if points is None else points.shape[1]
    if points is None or labels is None:
        points = torch.zeros(count, 1, 2, device=features.device)
        labels = -torch.ones(count, 1, dtype=torch.int32, device=features.device)
    decoded = decode(model, features, maps.fine, points, labels, mask)
    # With no click the one of no meaning stands in the points, and the rule counts none.
    which = decoded.best(several=several_of(model, clicks))
    there = decoded.score > 0
    chosen = torch.where(there[:, :, None, None], decoded.mask(which), -1024.0)
    rows = torch.arange(count, device=which.device)
    pointer = model.obj_ptr_proj(decoded.tokens[rows, which])
    share = there.to(pointer.dtype)
    return Seen(decoded, chosen, decoded.score, share * pointer + (1 - share) * model.no_obj_ptr)


def given(model: Any, features: Tensor, maps: Maps, mask: Tensor) -> Seen:
    """Take a frame's mask (n, 1, 256, 256) bool as it is."""
    _, high, _, _, _, pointer, score = model._use_mask_as_output(features, list(maps.fine), mask.float())
    return Seen(None, high, score, pointer)
