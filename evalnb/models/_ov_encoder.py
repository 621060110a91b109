"""SAM 2's image encoder as OpenVINO graphs, built from its weights in a few parts, so that work can end between them.

Built rather than traced: it takes a tenth of a second instead of half a minute, and what is the same for every image
is folded while it is built. The two finest maps leave the neck by a 1 × 1 convolution and enter the decoder by
another: here they are one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalnb.errors import Unavailable
from evalnb.models._ov_ops import (
    Array,
    Node,
    array,
    const,
    heads,
    ints,
    joined,
    layer,
    linear,
    norm,
    openvino,
    ops,
    shaped,
    turned,
)

_PARTS = 4
"""A stage of the trunk in so many parts at most: each holds memory of its own while it runs."""


@dataclass(frozen=True, slots=True)
class Part:
    """A graph, and how many of the trunk's blocks are done after it."""

    model: Any
    blocks: int
    ends_stage: bool
    """Whether the neck reads what it gives."""


class Encoder:
    """The encoder, compiled. One thread at a time."""

    def __init__(self, module: Any, compiled: Callable[..., Any], *, precise: bool) -> None:
        """``compiled(model, precise=…)`` gives an infer request; the neck is always precise: it costs nothing."""
        ov = openvino()
        found, neck = parts(module), _neck(module)
        self._blocks = len(module.image_encoder.trunk.blocks)
        self._parts = [(part, compiled(part.model, precise=precise)) for part in found]
        self._neck = compiled(neck, precise=True)
        # What one part gives is what the next one reads, without a copy, in two buffers for each shape.
        before: Any = None
        ends = 0
        buffers: dict[tuple[int, ...], list[Any]] = {}
        for place, (part, request) in enumerate(self._parts):
            if before is not None:
                request.set_input_tensor(0, before)
            shape = tuple(request.get_output_tensor(0).shape)
            both = buffers.setdefault(shape, [])
            if part.ends_stage:
                before = ov.Tensor(ov.Type.f32, ov.Shape(shape))
                self._neck.set_input_tensor(ends, before)
                ends += 1
            else:
                if len(both) < 2:
                    both.append(ov.Tensor(ov.Type.f32, ov.Shape(shape)))
                before = both[place % len(both)]
            request.set_output_tensor(0, before)

    def __call__(self, image: NDArray[np.float32], told: Callable[[float], None] | None = None) -> list[Any]:
        """The maps of a normalised image (1, 3, s, s), finest first, as numpy arrays of their own.

        ``told`` hears after each part which share is done; what it raises ends the work.
        """
        # OpenVINO does not keep what it shares: the name does, until the end.
        held = np.ascontiguousarray(image)
        self._parts[0][1].set_input_tensor(0, openvino().Tensor(held, shared_memory=True))
        for part, request in self._parts:
            request.infer()
            if told is not None:
                told(part.blocks / (self._blocks + 1))
        self._neck.infer()
        return [self._neck.get_output_tensor(place).data.copy() for place in range(3)]


def parts(module: Any) -> list[Part]:
    """The trunk: an image (1, 3, s, s) in, tokens (1, h, w, c) from part to part."""
    ov = openvino()
    trunk, side = module.image_encoder.trunk, module.image_size
    height = width = side // 4
    out: list[Part] = []
    source = ops().parameter([1, 3, side, side], np.float32)
    patches = trunk.patch_embed.proj
    pads = list(patches.padding)
    x = ops().convolution(source, const(array(patches.weight)), list(patches.stride), pads, pads, [1, 1])
    x = ops().add(x, const(array(patches.bias).reshape(1, -1, 1, 1)))
    x = ops().add(turned(x, 0, 2, 3, 1), const(array(trunk._get_pos_embed((height, width)))))
    cuts = _cuts(trunk)
    for place, block in enumerate(trunk.blocks):
        x = _block(x, block, height, width)
        if block.q_stride:
            height, width = height // 2, width // 2
        if place in cuts:
            out.append(Part(ov.Model([x], [source]), place + 1, place in trunk.stage_ends))
            x = source = ops().parameter([1, height, width, block.dim_out], np.float32)
    return out


def _cuts(trunk: Any) -> set[int]:
    """The blocks after which a part ends: where a stage does, and evenly within a long one, two blocks at least."""
    cuts: set[int] = set()
    start = 0
    for end in trunk.stage_ends:
        count = end + 1 - start
        pieces = min(_PARTS, max(1, (count + 1) // 2))
        cuts |= {start + count * n // pieces - 1 for n in range(1, pieces + 1)}
        start = end + 1
    return cuts


def _block(x: Node, block: Any, height: int, width: int) -> Node:
    """A block of Hiera (Ryali et al. 2023): attention inside windows or over all, and an MLP."""
    attention, count, dim, wide = block.attn, block.attn.num_heads, block.dim, block.dim_out
    y = norm(x, block.norm1)
    short = x if dim == wide else _pooled(layer(y, block.proj))
    side = block.window_size
    windows, rows, columns = 1, height, width
    if side:
        down, right = -height % side, -width % side
        if down or right:
            # As SAM pads: before the projection, so that what is added attends, as its bias.
            y = ops().pad(y, ints(0, 0, 0, 0), ints(0, down, right, 0), "constant", const(0.0))
        high, broad = (height + down) // side, (width + right) // side
        y = turned(ops().reshape(y, ints(high, side, broad, side, dim), False), 0, 2, 1, 3, 4)
        windows, rows, columns = high * broad, side, side
    y = shaped(y, windows, rows * columns, dim)
    weight, bias = array(attention.qkv.weight), array(attention.qkv.bias)
    q, k, v = (linear(y, weight[n * wide : (n + 1) * wide], bias[n * wide : (n + 1) * wide]) for n in range(3))
    keys = rows * columns
    if block.q_stride:
        q = _pooled(shaped(q, windows, rows, columns, wide))
        rows, columns, height, width = rows // 2, columns // 2, height // 2, width // 2
        q = shaped(q, windows, rows * columns, wide)
    q, k, v = heads(q, count), heads(k, count), heads(v, count)
    if block.q_stride:
        y = _unfused(q, k, v, windows * count, (rows * columns, keys, wide // count))
        y = shaped(y, windows, count, rows * columns, wide // count)
    else:
        y = ops().scaled_dot_product_attention(q, k, v)
    y = joined(y, wide)
    if side:
        high, broad = -(-height // rows), -(-width // columns)
        y = turned(ops().reshape(y, ints(high, broad, rows, columns, wide), False), 0, 2, 1, 3, 4)
        y = shaped(y, 1, high * rows, broad * columns, wide)
        if (high * rows, broad * columns) != (height, width):
            y = ops().slice(y, ints(0, 0), ints(height, width), ints(1, 1), ints(1, 2))
    else:
        y = shaped(y, 1, height, width, wide)
    x = ops().add(short, layer(y, attention.proj))
    inner, outer = block.mlp.layers
    return ops().add(x, layer(ops().gelu(layer(norm(x, block.norm2), inner), "erf"), outer))


def _unfused(q: Node, k: Node, v: Node, flat: int, sizes: tuple[int, int, int]) -> Node:
    """Attention in three steps, (``flat``, queries, d). OpenVINO 2026.4 fuses them otherwise, and the fused kernel
    errs by 14 % in bfloat16 where a window holds a few queries, as it does where queries are pooled.
    """
    queries, keys, wide = sizes
    scores = ops().matmul(ops().multiply(q, const(wide**-0.5)), k, False, True)
    shares = ops().softmax(shaped(scores, flat, queries, keys), -1)
    return ops().matmul(shares, shaped(v, flat, keys, wide), False, False)


def _pooled(x: Node) -> Node:
    """The largest of each 2 × 2 of (n, h, w, c)."""
    largest = ops().max_pool(turned(x, 0, 3, 1, 2), [2, 2], [1, 1], [0, 0], [0, 0], [2, 2], "floor", "explicit")
    return turned(largest.output(0), 0, 2, 3, 1)


def _neck(module: Any) -> Any:
    """What the trunk's stages gave, as the decoder reads it: (1, c/8, s/4, s/4), (1, c/4, s/8, s/8) and
    (1, c, s/16, s/16).
    """
    encoder, neck, decoder = module.image_encoder, module.image_encoder.neck, module.sam_mask_decoder
    form = (len(neck.convs), encoder.scalp, neck.fuse_type, neck.fpn_interp_model, sorted(neck.fpn_top_down_levels))
    if form != (4, 1, "sum", "nearest", [2, 3]) or not decoder.use_high_res_features:
        raise Unavailable(f"this SAM 2 has a neck of another form, {form}", remedy="use the torch backend")
    side, shapes = module.image_size // 4, []
    for level, conv in enumerate(reversed(neck.convs)):
        shapes.append([1, side >> level, side >> level, int(conv.conv.in_channels)])
    sources = [ops().parameter(shape, np.float32) for shape in shapes]

    def weights(conv: Any) -> tuple[Array, Array]:
        return array(conv.weight)[:, :, 0, 0], array(conv.bias)

    maps = []
    for level, last in enumerate((decoder.conv_s0, decoder.conv_s1)):
        (first, shift), (second, offset) = weights(neck.convs[3 - level].conv), weights(last)
        maps.append(linear(sources[level], second @ first, second @ shift + offset))
    coarse, coarser = (linear(sources[n], *weights(neck.convs[3 - n].conv)) for n in (2, 3))
    _, high, broad, _ = shapes[3]
    wide = neck.d_model
    twice = ops().broadcast(
        ops().reshape(coarser, ints(high, 1, broad, 1, wide), False), ints(high, 2, broad, 2, wide)
    )
    last = ops().add(coarse, shaped(twice, 1, 2 * high, 2 * broad, wide))
    if module.directly_add_no_mem_embed:
        last = ops().add(last, const(array(module.no_mem_embed).reshape(-1)))
    return openvino().Model([turned(one, 0, 3, 1, 2) for one in (*maps, last)], sources)
