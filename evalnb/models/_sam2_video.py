"""SAM 2's memory, driven frame by frame: objects followed through a sequence of any length in bounded memory.

``sam2``'s own ``SAM2VideoPredictor`` reads every frame at the start and keeps every output. This one keeps what the
next frame's attention reads, and no more: of each object the memory of the last frames and of the prompted frames
nearest to it, and the pointers of the last frames. Of frames gone by only the sign of each mask stays, in some 200
bytes, so that a click may correct it.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalnb.core.candidates import Candidates
from evalnb.core.following import (
    Direction,
    Followed,
    Found,
    FramePrompt,
    Frames,
    Stretches,
    checked_frame,
    checked_range,
)
from evalnb.core.masks import encode, placed
from evalnb.core.prompted import Mask, Points, Prompt, prior_of, prompts
from evalnb.core.records import Floats
from evalnb.errors import Cancelled, EvalnbError, Invalid
from evalnb.models import _torch
from evalnb.models._features import Features, Memory
from evalnb.models._sam2_frames import Look, Looks

CONDITIONING = 4
"""So many prompted frames an object's memory holds at once, the nearest, where the model itself sets no limit."""
_CERTAIN = 64.0
"""A logit whose sigmoid is 1 in float32."""


class Following:
    """The part of a segmenter that follows. Its sessions share the segmenter's features."""

    _module: Any
    _device: Any
    _memory: Memory
    encode: Callable[..., None]
    _find: Callable[..., Features | None]

    def tracking(self, frames: Frames) -> Sam2Tracking:
        """A session on a sequence: say what its objects are with ``prompt``, follow them with ``run``, correct them
        and run again. Nothing is read yet. Invalid for a sequence without frames."""
        return Sam2Tracking(self, frames)

    def track(
        self,
        frames: Frames,
        prompts: Iterable[FramePrompt],
        *,
        start: int | None = None,
        stop: int | None = None,
        direction: Direction = "both",
    ) -> Iterator[Followed]:
        """Follow objects through a sequence: what was found on each frame, as soon as it is.

        ``frames`` is a list of arrays, paths or bytes, or anything that is indexed as one; one is read at a time, and
        their sizes may differ. ``prompts`` are points, boxes or masks on any frames, of any number of objects. It is
        a generator: leave it where you like. ``tracking`` is the same with corrections.

        Invalid, naming frame and value, for what is no prompt of its frame, without one, and for frames that the
        sequence does not have.
        """
        session = self.tracking(frames)
        for one in prompts:
            session.prompt(one.frame, one.object, points=one.points, box=one.box, mask=one.mask)
        return session.run(start, stop, direction=direction)


@dataclass(slots=True)
class _Object:
    """What is known of one object."""

    prompted: dict[int, dict[str, Any]] = field(default_factory=dict)
    """SAM 2's conditioning outputs, by frame."""
    said: dict[int, Found] = field(default_factory=dict)
    """What each prompt means, by frame."""
    recent: dict[int, dict[str, Any]] = field(default_factory=dict)
    """Its other outputs, by frame: the last ones of the direction it is followed in."""
    seen: dict[int, bytes] = field(default_factory=dict)
    """Where each followed mask was positive, in cells, packed."""
    stretches: Stretches = field(default_factory=Stretches)


class Sam2Tracking:
    """Objects followed through one sequence by one SAM 2. One thread at a time uses it."""

    def __init__(self, segmenter: Following, frames: Frames) -> None:
        """``Following.tracking`` makes one."""
        self._looks = Looks(segmenter, frames)
        self._module, self._device = segmenter._module, segmenter._device
        self._count = len(frames)
        if not self._count:
            raise Invalid("the sequence has no frames", remedy="give a list of images")
        self._objects: dict[Hashable, _Object] = {}
        module = self._module
        stride = module.memory_temporal_stride_for_eval
        self._reach = 2 + (stride - 1) + max(0, module.num_maskmem - 3) * stride
        """So far back the memory of a frame that nobody prompted is read."""
        self._pointers = max(self._reach, module.max_obj_ptrs_in_encoder - 1)
        """So far back its pointer is."""
        self._most = module.max_cond_frames_in_attn if module.max_cond_frames_in_attn > 0 else CONDITIONING
        self._memory_position: Any = None

    def prompt(
        self,
        frame: int,
        object: Hashable,
        *,
        points: Points | None = None,
        box: Sequence[float] | Floats | None = None,
        mask: Mask | None = None,
    ) -> Found:
        """Say what the object is on a frame; the mask that this means. It takes the place of what was said there.

        ``points`` are (x, y), or (x, y, 0) for one outside, ``box`` (x0, y0, x1, y1), in the frame's pixels. A
        ``mask`` (an ``Rle``, a ``Geometry``, or (h, w) bool) alone is taken as it is; beside points or a box it is
        what they correct. Points or a box on a frame that was followed correct what was found there.

        What it undoes, and ``run`` does again, is what was followed over this frame: all beyond it, up to the
        object's next prompt. What was followed up to it stands; so does what lies beyond the next, though SAM 2's
        memory there would read this prompt too.

        Invalid, naming frame and value, for what is no prompt of that frame; errors of reading it.
        """
        number = checked_frame(frame, self._count)
        look = self._looks.at(number)
        known = self._objects.get(object)
        memory = _Object() if known is None else known
        said = self._checked(number, look, points, box, mask, corrects=_followed(memory, number))
        if points is None and box is None:
            assert said.mask is not None
            found = Found(encode(said.mask), 1.0)
            out = self._step(memory, number, look, mask=said.mask)
        else:
            out = self._step(memory, number, look, prompt=said)
            found = self._found(out, look)
        self._objects[object] = memory
        for one in memory.stretches.prompt(number) | {number}:
            memory.recent.pop(one, None)
            memory.seen.pop(one, None)
        memory.prompted[number], memory.said[number] = out, found
        self._remember(number, look, out)
        return found

    def recall(self, frame: int, object: Hashable, mask: Mask) -> None:
        """Take a mask that was followed before, and kept elsewhere, into the object's memory, so that ``run`` goes on
        beyond it as if it had not been interrupted. The frame then stands.

        Invalid as ``prompt``, and where nothing was said of the object yet.
        """
        number = checked_frame(frame, self._count)
        memory = self._objects.get(object)
        nearest = (
            None
            if memory is None
            else min(memory.stretches.prompted, key=lambda one: abs(one - number), default=None)
        )
        if memory is None or nearest is None:
            raise Invalid(f"nothing was said of {object!r} yet", remedy="prompt it on a frame first")
        look = self._looks.at(number)
        said = self._checked(number, look, None, None, mask, corrects=False)
        assert said.mask is not None
        memory.recent[number] = self._slim(self._step(memory, number, look, mask=said.mask, remember=True))
        memory.stretches.did(number, nearest)

    def run(
        self,
        start: int | None = None,
        stop: int | None = None,
        *,
        direction: Direction = "both",
        where: Callable[[Hashable, int], bool] | None = None,
        told: Callable[[float], None] | None = None,
    ) -> Iterator[Followed]:
        """Follow every object over the frames of range(start, stop) that do not stand yet, and yield each as it is
        done; prompted ones too. It may be left at any frame, and run again.

        ``direction``: forward from each prompt, backward from it, or both (forward, then before each object's first).
        ``where`` says of an object and a frame whether it is to be followed there. ``told`` hears which share of a
        frame is encoded; what it raises ends the run. A frame that cannot be read is named in ``problem``.

        Invalid without a prompt, for frames that the sequence does not have, and for another direction.
        """
        first, end = checked_range(start, stop, self._count)
        if direction not in ("forward", "backward", "both"):
            raise Invalid(f"direction is {direction!r}", remedy="use forward, backward or both")
        if not self._objects:
            raise Invalid("there is no prompt", remedy="say with prompt(frame, object, …) what is to be followed")
        return self._run(first, end, direction, where or (lambda _object, _frame: True), told)

    @property
    def kept_bytes(self) -> int:
        """What the memory of all objects takes, in bytes: on the device, and packed."""
        total = 0
        for known in self._objects.values():
            for out in (*known.prompted.values(), *known.recent.values()):
                total += sum(one.numel() * one.element_size() for one in out.values() if hasattr(one, "numel"))
            total += sum(map(len, known.seen.values()))
        return total

    def _run(
        self,
        first: int,
        end: int,
        direction: Direction,
        where: Callable[[Hashable, int], bool],
        told: Callable[[float], None] | None,
    ) -> Iterator[Followed]:
        if direction != "backward":
            for frame in range(first, end):
                yield from self._visit(frame, where, told, backward=False)
        if direction != "forward":
            for frame in range(end - 1, first - 1, -1):
                yield from self._visit(frame, where, told, backward=True, before=direction == "both")

    def _visit(
        self,
        frame: int,
        where: Callable[[Hashable, int], bool],
        told: Callable[[float], None] | None,
        *,
        backward: bool,
        before: bool = False,
    ) -> Iterator[Followed]:
        """The frame, where any object is to be followed on it in this pass."""
        asked = []
        for name, memory in self._objects.items():
            if memory.stretches.stands(frame):
                continue
            origin = memory.stretches.origin(frame, backward=backward, first=before)
            if origin is not None and where(name, frame):
                asked.append((name, memory, origin))
        if not asked:
            return
        found: dict[Hashable, Found] = {}
        try:
            look = None if all(origin == frame for *_, origin in asked) else self._looks.at(frame, told)
        except Cancelled:
            raise
        except EvalnbError as error:
            yield Followed(frame, {}, str(error))
            return
        for name, memory, origin in asked:
            if origin == frame:
                found[name] = memory.said[frame]
            elif look is not None:
                out = self._step(memory, frame, look, backward=backward, remember=True)
                found[name] = self._found(out, look)
                memory.seen[frame] = _packed(out["pred_masks"])
                memory.recent[frame] = self._slim(out)
                self._forget(memory, frame, backward=backward)
            memory.stretches.did(frame, origin)
        yield Followed(frame, found)

    def _step(
        self,
        memory: _Object,
        frame: int,
        look: Look,
        *,
        prompt: Prompt | None = None,
        mask: NDArray[np.bool_] | None = None,
        backward: bool = False,
        remember: bool = False,
    ) -> dict[str, Any]:
        """SAM 2's own step. Without a prompt or a mask the memory says what the object is."""
        import torch

        points, prior, given, alone = None, None, None, mask is not None
        if prompt is not None:
            points = self._points(prompt, look.size)
            # As the package has it: a frame that was not followed yet is decoded as a picture by itself.
            alone = not _followed(memory, frame)
            backward = memory.stretches.backward(frame)
            prior = self._prior(memory, frame, prompt)
        outputs: dict[str, dict[int, dict[str, Any]]] = {"cond_frame_outputs": {}, "non_cond_frame_outputs": {}}
        if not alone:
            outputs = self._read(memory, frame)
        with torch.inference_mode(), _torch.autocast(self._device, prefer="bfloat16"):
            if mask is not None:
                given = self._squared(mask)
            out: dict[str, Any] = self._module.track_step(
                frame_idx=frame,
                is_init_cond_frame=alone,
                current_vision_feats=look.maps,
                current_vision_pos_embeds=look.positions,
                feat_sizes=look.sizes,
                point_inputs=points,
                mask_inputs=given,
                output_dict=outputs,
                num_frames=self._count,
                track_in_reverse=backward,
                run_mem_encoder=remember,
                prev_sam_mask_logits=prior,
            )
        return out

    def _read(self, memory: _Object, frame: int) -> dict[str, dict[int, dict[str, Any]]]:
        """What SAM 2's attention reads on a frame. Of prompted frames the nearest, one on each side if there is one;
        the memory of those that are far off is dropped, and encoded again once they are near."""
        from sam2.modeling.sam2_utils import select_closest_cond_frames

        chosen, others = select_closest_cond_frames(frame, memory.prompted, self._most)
        near = {at: out for at, out in others.items() if abs(at - frame) <= self._pointers}
        for at, out in memory.prompted.items():
            if at not in chosen and at not in near:
                if out["maskmem_features"] is not None:
                    memory.seen[at] = _packed(out["pred_masks"])
                    out["maskmem_features"] = out["pred_masks"] = None
            elif out["maskmem_features"] is None:
                out["pred_masks"] = self._unpacked(memory.seen.pop(at))
                self._remember(at, self._looks.at(at), out)
        # Of a frame from which only the pointer is left the attention would read the memory, were it this near.
        recent = {
            at: out
            for at, out in memory.recent.items()
            if out["maskmem_features"] is not None or abs(at - frame) > self._reach
        }
        return {"cond_frame_outputs": chosen, "non_cond_frame_outputs": {**near, **recent}}

    def _remember(self, frame: int, look: Look, out: dict[str, Any]) -> None:
        """Encode the memory of a prompted frame, of the mask as people see it."""
        import torch
        from torch.nn.functional import interpolate

        side = self._module.image_size
        with torch.inference_mode(), _torch.autocast(self._device, prefer="bfloat16"):
            drawn = interpolate(out["pred_masks"].float(), (side, side), mode="bilinear", align_corners=False)
            features, position = self._module._encode_new_memory(
                current_vision_feats=look.maps,
                feat_sizes=look.sizes,
                pred_masks_high_res=torch.where(drawn > 0, _CERTAIN, -_CERTAIN),
                object_score_logits=out["object_score_logits"],
                is_mask_from_pts=True,
            )
        out |= self._slim({**out, "maskmem_features": features, "maskmem_pos_enc": position})
        for name in out.keys() - _KEPT:
            del out[name]

    def _slim(self, out: dict[str, Any]) -> dict[str, Any]:
        """What later frames read: features in half precision, as the package keeps them, and one position for all."""
        import torch

        if self._memory_position is None:
            self._memory_position = [one[:1].clone() for one in out["maskmem_pos_enc"]]
        kept = {name: out[name] for name in _KEPT}
        return kept | {
            "maskmem_features": out["maskmem_features"].to(torch.bfloat16),
            "maskmem_pos_enc": self._memory_position,
        }

    def _forget(self, memory: _Object, frame: int, *, backward: bool) -> None:
        """Drop what neither this frame nor a later one of this direction reads."""
        for at in list(memory.recent):
            back = at - frame if backward else frame - at
            if not 0 <= back <= self._pointers:
                del memory.recent[at]
            elif back > self._reach:
                memory.recent[at]["maskmem_features"] = None

    def _prior(self, memory: _Object, frame: int, prompt: Prompt) -> Any:
        """The mask that a prompt corrects, as logits (1, 1, r, c); None where there is none."""
        import torch

        height, width = self._module.sam_prompt_encoder.mask_input_size
        if prompt.mask is not None:
            given = torch.as_tensor(prior_of(prompt.mask, (height, width)), device=self._device)
            return given[None, None]
        if not _followed(memory, frame):
            return None
        if frame in memory.recent:
            return memory.recent[frame]["pred_masks"].clamp(-32, 32)
        if frame not in memory.seen:
            return None
        return self._unpacked(memory.seen[frame])

    def _unpacked(self, packed: bytes) -> Any:
        """(1, 1, r, c) logits of a mask of which only the sign was kept."""
        import torch

        height, width = self._module.sam_prompt_encoder.mask_input_size
        bits = np.unpackbits(np.frombuffer(zlib.decompress(packed), np.uint8), count=height * width)
        logits = 8.0 * (2.0 * bits.reshape(1, 1, height, width) - 1)
        return torch.as_tensor(logits, dtype=torch.float32, device=self._device)

    def _points(self, prompt: Prompt, size: tuple[int, int]) -> dict[str, Any]:
        import torch

        corners = np.empty((0, 2)) if prompt.box is None else prompt.box.reshape(2, 2)
        scale = self._module.image_size / np.array([size[1], size[0]])
        at = np.concatenate([corners, prompt.points]) * scale
        labels = np.concatenate([[2, 3][: len(corners)], prompt.labels])
        return {
            "point_coords": torch.as_tensor(at[None], dtype=torch.float32, device=self._device),
            "point_labels": torch.as_tensor(labels[None], dtype=torch.int32, device=self._device),
        }

    def _squared(self, mask: NDArray[np.bool_]) -> Any:
        """The mask as the model's square, (1, 1, s, s) of 0 and 1."""
        import torch
        from torch.nn.functional import interpolate

        side = self._module.image_size
        whole = torch.as_tensor(mask, dtype=torch.float32, device=self._device)[None, None]
        if whole.shape[-2:] == (side, side):
            return whole
        small = interpolate(whole, (side, side), mode="bilinear", align_corners=False, antialias=True)
        return (small >= 0.5).float()

    def _found(self, out: dict[str, Any], look: Look) -> Found:
        drawn = out["pred_masks"][0].float().cpu().numpy()
        score = float(out["object_score_logits"].float().sigmoid().item())
        window, inside = Candidates(drawn, np.array([score]), look.size).cut(0)
        return Found(placed(inside, window, look.size), score)

    def _checked(
        self, frame: int, look: Look, points: Points | None, box: object, mask: Mask | None, *, corrects: bool
    ) -> Prompt:
        try:
            said = prompts(look.size, points=points, boxes=box, mask=mask)  # type: ignore[arg-type]
        except Invalid as error:
            raise Invalid(f"frame {frame}: {error.happened}", remedy=error.remedy) from error
        if len(said) != 1:
            raise Invalid(
                f"frame {frame}: the prompt speaks of {len(said)} objects",
                remedy="prompt each object by itself, under a name of its own",
            )
        only = said[0]
        if mask is None and only.box is None and not (only.labels == 1).any() and not corrects:
            raise Invalid(
                f"frame {frame}: the prompt only says where the object is not",
                remedy="add a point inside it, a box or a mask",
            )
        return only


_KEPT = frozenset({"pred_masks", "obj_ptr", "object_score_logits", "maskmem_features", "maskmem_pos_enc"})


def _followed(memory: _Object, frame: int) -> bool:
    """Whether it was found on the frame, rather than prompted there."""
    return memory.stretches.stands(frame) and frame not in memory.prompted


def _packed(logits: Any) -> bytes:
    return zlib.compress(np.packbits(logits.float().cpu().numpy() > 0).tobytes(), 1)
