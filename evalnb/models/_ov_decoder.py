"""SAM 2's mask decoder as OpenVINO graphs, rearranged so that a prompt costs a quarter of what it costs in torch.

A prompt is a few tokens, an image thousands. So wherever tokens and image meet, projections of the image are moved to
the tokens' side: (x Wq)(y Wk)ᵀ = x (Wq Wkᵀ) yᵀ, and the same for values; a bias of the keys falls out of the softmax.
What the first layer asks of the image alone is computed once for an image. The two upscalings are products over
cells, kept in the order that they come in; only the finished logits are put into rows and columns.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalnb.models._features import Features
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
    mlp,
    norm,
    openvino,
    ops,
    shaped,
    turned,
)

_IMAGES = 2
"""Images whose own side of the decoder is kept: some 20 MB each for SAM 2.1."""


class MaskDecoder:
    """The decoder, compiled. One thread at a time."""

    def __init__(self, module: Any, compiled: Callable[..., Any]) -> None:
        self._module, self._compiled = module, compiled
        self._fine = compiled(_fine(module), precise=True)
        self._coarse = compiled(_coarse(module), precise=True)
        # A click is what a hand waits for: its sizes are known, which is a fifth faster.
        self._click = compiled(_prompted(module, prompts=1, tokens=2), precise=True)
        self._any: Any = None
        self._none = array(module.sam_prompt_encoder.no_mask_embed.weight).reshape(1, -1, 1, 1)
        self._kept: OrderedDict[int, tuple[Features, list[Array], list[Array]]] = OrderedDict()

    def __call__(
        self, features: Sequence[Features], sparse: Array, dense: Array | None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Logits (n, 4, r, c) and predicted IoUs (n, 4).

        ``sparse`` (n, t, c) are the embedded prompts, each of its image's ``features``; ``dense`` (n, c, h, w) the
        embedded rough masks, None for none.
        """
        logits: NDArray[np.float32] | None = None
        ious: NDArray[np.float32] | None = None
        for one in {id(held): held for held in features}.values():
            places = [place for place, held in enumerate(features) if held is one]
            fine, coarse = self._image(one)
            if dense is not None:
                coarse = self._run(self._coarse, one.maps[-1].numpy() + dense[places])
            drawn, promised = self._prompt(sparse[places], [*fine, *coarse])
            if len(places) == len(features):
                return drawn, promised
            if logits is None or ious is None:
                logits = np.empty((len(features), *drawn.shape[1:]), np.float32)
                ious = np.empty((len(features), *promised.shape[1:]), np.float32)
            logits[places], ious[places] = drawn, promised
        assert logits is not None and ious is not None
        return logits, ious

    def _prompt(self, sparse: Array, image: list[Array]) -> tuple[Array, Array]:
        request = self._click
        if sparse.shape[:2] != (1, 2) or len(image[2]) != 1:
            if self._any is None:
                self._any = self._compiled(_prompted(self._module), precise=True)
            request = self._any
        logits, ious = self._run(request, sparse, *image)
        return logits, ious

    def _image(self, features: Features) -> tuple[list[Array], list[Array]]:
        """What the decoder makes of an image alone, where nothing is drawn roughly."""
        key = id(features)
        found = self._kept.get(key)
        if found is None:
            finest, finer, coarse = (one.numpy() for one in features.maps)
            # The features are kept with it: no others can have their id meanwhile.
            found = (features, self._run(self._fine, finer, finest), self._run(self._coarse, coarse + self._none))
            self._kept[key] = found
            while len(self._kept) > _IMAGES:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return found[1], found[2]

    @staticmethod
    def _run(request: Any, *inputs: Array) -> list[Array]:
        ov = openvino()
        # OpenVINO does not keep what it shares: the list does, until the end.
        held = [np.ascontiguousarray(one) for one in inputs]
        for place, one in enumerate(held):
            request.set_input_tensor(place, ov.Tensor(one, shared_memory=True))
        request.infer()
        return [tensor.data.copy() for tensor in request.output_tensors]


def _grid(module: Any) -> tuple[int, int, int]:
    """Channels, rows and columns of the embedding."""
    rows, columns = module.sam_prompt_encoder.image_embedding_size
    return module.sam_mask_decoder.transformer_dim, rows, columns


def _where(module: Any) -> Array:
    """The embedding's dense positional encoding, (1, cells, c)."""
    wide, rows, columns = _grid(module)
    return array(module.sam_prompt_encoder.get_dense_pe()).reshape(1, wide, rows * columns).transpose(0, 2, 1)


def _fine(module: Any) -> Any:
    """The finer maps cell by cell: (1, cells, 4, c/4) and (1, cells, 4, 4, c/8), in the order of the upscalings."""
    wide, rows, columns = _grid(module)
    finer = ops().parameter([1, wide // 4, 2 * rows, 2 * columns], np.float32)
    finest = ops().parameter([1, wide // 8, 4 * rows, 4 * columns], np.float32)
    once = ops().reshape(finer, ints(1, wide // 4, rows, 2, columns, 2), False)
    twice = ops().reshape(finest, ints(1, wide // 8, rows, 2, 2, columns, 2, 2), False)
    once = shaped(turned(once, 0, 2, 4, 3, 5, 1), 1, rows * columns, 4, wide // 4)
    twice = shaped(turned(twice, 0, 2, 5, 3, 6, 4, 7, 1), 1, rows * columns, 4, 4, wide // 8)
    return openvino().Model([once, twice], [finer, finest])


def _coarse(module: Any) -> Any:
    """An embedding (n, c, h, w) as cells (n, cells, c), and what the first layer asks of it: k, v, q by heads."""
    wide, rows, columns = _grid(module)
    source = ops().parameter([-1, wide, rows, columns], np.float32)
    cells = turned(shaped(source, 0, wide, rows * columns), 0, 2, 1)
    placed = ops().add(cells, const(_where(module)))
    first = module.sam_mask_decoder.transformer.layers[0]
    asked, asking = first.cross_attn_token_to_image, first.cross_attn_image_to_token
    k = heads(linear(placed, array(asked.k_proj.weight), None), asked.num_heads)
    v = heads(layer(cells, asked.v_proj), asked.num_heads)
    q = heads(layer(placed, asking.q_proj), asking.num_heads)
    return openvino().Model([cells, k, v, q], [source])


def _prompted(module: Any, *, prompts: int = -1, tokens: int = -1) -> Any:
    """The whole way from prompts (n, t, c) to logits and IoUs; -1: any number."""
    decoder = module.sam_mask_decoder
    wide, rows, columns = _grid(module)
    cells = rows * columns
    images = 1 if prompts == 1 else -1
    first = decoder.transformer.layers[0].cross_attn_token_to_image
    split = [images, first.num_heads, cells, first.internal_dim // first.num_heads]
    sparse = ops().parameter([prompts, tokens, wide], np.float32)
    once = ops().parameter([images, cells, 4, wide // 4], np.float32)
    twice = ops().parameter([images, cells, 4, 4, wide // 8], np.float32)
    source = ops().parameter([images, cells, wide], np.float32)
    k, v, q = (ops().parameter(split, np.float32) for _ in range(3))

    own = np.concatenate(
        [array(one.weight) for one in (decoder.obj_score_token, decoder.iou_token, decoder.mask_tokens)]
    )
    count = ops().gather(ops().shape_of(sparse), ints(0), ints(0))
    own_tokens = ops().broadcast(const(own[None]), ops().concat([count, ints(*own.shape)], 0))
    asked = ops().concat([own_tokens, sparse], 1)
    answer, found = _transformer(decoder.transformer, asked, source, const(_where(module)), (k, v, q))

    grow, level, _, again, _ = decoder.output_upscaling
    x = shaped(_upscaled(found, grow), 0, 0, 4, wide // 4)
    x = ops().gelu(norm(ops().add(x, once), level), "erf")
    x = shaped(_upscaled(x, again), 0, 0, 0, 4, wide // 8)
    x = shaped(ops().gelu(ops().add(x, twice), "erf"), 0, -1, wide // 8)

    def token(place: int) -> Node:
        return ops().slice(answer, ints(place), ints(place + 1), ints(1), ints(1))

    masks = decoder.num_mask_tokens
    kernels = ops().concat([mlp(token(2 + n), decoder.output_hypernetworks_mlps[n].layers) for n in range(masks)], 1)
    logits = shaped(ops().matmul(kernels, x, False, True), 0, masks, rows, columns, 2, 2, 2, 2)
    logits = shaped(turned(logits, 0, 1, 2, 4, 6, 3, 5, 7), 0, masks, 4 * rows, 4 * columns)
    ious = shaped(mlp(token(1), decoder.iou_prediction_head.layers), 0, masks)
    if decoder.iou_prediction_head.sigmoid_output:
        ious = ops().sigmoid(ious)
    return openvino().Model([logits, ious], [sparse, once, twice, source, k, v, q])


def _transformer(
    net: Any, asked: Node, source: Node, where: Node, first: tuple[Node, Node, Node]
) -> tuple[Node, Node]:
    """SAM's two-way transformer: the tokens and the cells after it."""
    add = ops().add
    tokens, cells = asked, source
    for place, one in enumerate(net.layers):
        placed = add(cells, where)
        if one.skip_first_layer_pe:
            tokens = _among(tokens, tokens, one.self_attn)
        else:
            tokens = add(tokens, _among(add(tokens, asked), tokens, one.self_attn))
        tokens = norm(tokens, one.norm1)
        looking = one.cross_attn_token_to_image
        if place == 0:
            seen = _seen_first(add(tokens, asked), first[0], first[1], looking)
        else:
            seen = _seen(add(tokens, asked), placed, cells, looking)
        tokens = norm(add(tokens, seen), one.norm2)
        tokens = norm(add(tokens, mlp(tokens, one.mlp.layers)), one.norm3)
        q = first[2] if place == 0 else None
        cells = norm(
            add(cells, _heard(placed, q, add(tokens, asked), tokens, one.cross_attn_image_to_token)), one.norm4
        )
    seen = _seen(add(tokens, asked), add(cells, where), cells, net.final_attn_token_to_image)
    return norm(add(tokens, seen), net.norm_final_attn), cells


def _among(x: Node, values: Node, attention: Any) -> Node:
    """Tokens attend to tokens."""
    q, k = (heads(layer(x, one), attention.num_heads) for one in (attention.q_proj, attention.k_proj))
    v = heads(layer(values, attention.v_proj), attention.num_heads)
    return layer(joined(ops().scaled_dot_product_attention(q, k, v), attention.internal_dim), attention.out_proj)


def _seen_first(x: Node, k: Node, v: Node, attention: Any) -> Node:
    """Tokens attend to cells whose keys and values are there."""
    q = heads(layer(x, attention.q_proj), attention.num_heads)
    scale = const((attention.internal_dim // attention.num_heads) ** -0.5)
    shares = ops().softmax(ops().matmul(ops().multiply(q, scale), k, False, True), -1)
    return layer(joined(ops().matmul(shares, v, False, False), attention.internal_dim), attention.out_proj)


def _by_heads(module: Any, count: int) -> tuple[Array, Array]:
    """A projection's weight (1, heads, d, c) and bias (1, heads, 1, d)."""
    weight, bias = array(module.weight), array(module.bias)
    return weight.reshape(1, count, -1, weight.shape[1]), bias.reshape(1, count, 1, -1)


def _projected(x: Node, module: Any, count: int) -> Node:
    """Tokens (n, t, c) as (n, heads, t, d)."""
    weight, bias = _by_heads(module, count)
    return ops().add(ops().matmul(ops().unsqueeze(x, ints(1)), const(weight), False, True), const(bias))


def _seen(x: Node, placed: Node, cells: Node, attention: Any) -> Node:
    """Tokens attend to cells, whose projections are moved to the tokens: (n, t, c)."""
    count, wide = attention.num_heads, attention.embedding_dim
    scale = (attention.internal_dim // count) ** -0.5
    keys, _ = _by_heads(attention.k_proj, count)
    values, _ = _by_heads(attention.v_proj, count)
    questions = ops().matmul(_projected(x, attention.q_proj, count), const(keys * scale), False, False)
    scores = ops().matmul(shaped(questions, 0, -1, wide), placed, False, True)
    # A softmax whose sum divides at the end: fewer numbers to divide, and faster than the fused kernel.
    parts = ops().exp(ops().subtract(scores, ops().reduce_max(scores, ints(-1), True)))
    total = ops().divide(ops().matmul(parts, cells, False, False), ops().reduce_sum(parts, ints(-1), True))
    answers = ops().matmul(shaped(total, 0, count, -1, wide), const(values), False, True)
    # The shares sum to 1, so that the values' bias passes unchanged to the last projection.
    out = array(attention.out_proj.weight)
    bias = array(attention.out_proj.bias) + out @ array(attention.v_proj.bias)
    return linear(joined(answers, attention.internal_dim), out, bias)


def _heard(placed: Node, q: Node | None, x: Node, values: Node, attention: Any) -> Node:
    """Cells attend to tokens: (n, cells, c). ``q`` (m, heads, cells, d): their queries, if they are there."""
    count, wide = attention.num_heads, attention.embedding_dim
    scale = (attention.internal_dim // count) ** -0.5
    keys = _projected(x, attention.k_proj, count)
    if q is not None:
        scores = ops().matmul(ops().multiply(keys, const(scale)), q, False, True)
    else:
        weight, bias = _by_heads(attention.q_proj, count)
        asked = shaped(ops().matmul(keys, const(weight * scale), False, False), 0, -1, wide)
        shift = ops().matmul(keys, const(bias * scale), False, True)
        scores = ops().matmul(asked, placed, False, True)
        cells = int(placed.get_output_partial_shape(0)[1].get_length())
        scores = ops().add(shaped(scores, 0, count, -1, cells), shift)
    cells = int(scores.get_output_partial_shape(0)[3].get_length())
    shares = shaped(ops().softmax(scores, 2), 0, -1, cells)
    out = array(attention.out_proj.weight)
    turned_out = out.reshape(wide, count, -1).transpose(1, 2, 0)[None]
    answers = ops().matmul(_projected(values, attention.v_proj, count), const(turned_out), False, False)
    total = ops().matmul(shares, shaped(answers, 0, -1, wide), True, False)
    return ops().add(total, const(array(attention.out_proj.bias)))


def _upscaled(x: Node, conv: Any) -> Node:
    """A transposed convolution of 2 × 2 with stride 2, (…, i) as (…, 4 o): a cell's four children side by side."""
    weight = array(conv.weight)
    return linear(x, weight.transpose(2, 3, 1, 0).reshape(-1, weight.shape[0]), np.tile(array(conv.bias), 4))
