"""What each of ONNX's operators does: its rule, by the operator's name.

To add a rule, put it into RULES under that name, `domain::Name` for an operator of another domain. Inputs, attributes and
defaults are those of the ONNX operator specification.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

from gnomon.core.errors import BadInput
from gnomon.core.op import Elementwise, MatMul
from gnomon.formats.traced import einsum, operators
from gnomon.formats.traced.call import Array, Call, Formats, Rule, Step
from gnomon.formats.traced.masks import ANY_OFFSET
from gnomon.formats.traced.onnx_attention import ATTENTION
from gnomon.formats.traced.plain_rules import create, elementwise, functions, matmul, move, named, words

VIEWS = words("Reshape Transpose Squeeze Unsqueeze Flatten Identity Slice Split Expand Dropout Cast CastLike")

_FUNCTIONS = {
    "add": "Add Sum",
    "sub": "Sub",
    "mul": "Mul DequantizeLinear",
    "div": "Div Mod",
    "pow": "Pow",
    "relu": "Relu ThresholdedRelu",
    "clamp": "Clip",
    "tanh": "Tanh",
    "sigmoid": "Sigmoid",
    "exp": "Exp",
    "log": "Log",
    "sqrt": "Sqrt",
    "reciprocal": "Reciprocal",
    "erf": "Erf",
    "sin": "Sin Asin Sinh Atan",
    "cos": "Cos Acos Cosh",
    "abs": "Abs Sign",
    "neg": "Neg",
    "round": "Round Floor Ceil QuantizeLinear",
    "compare": "Equal Less LessOrEqual Greater GreaterOrEqual And Or Xor Not IsNaN IsInf BitwiseAnd BitwiseOr BitwiseNot",
    "where": "Where",
    "maximum": "Max Min",
    "gelu": "Gelu",
    "silu": "Swish",
    "softplus": "Softplus Softsign",
    "leaky_relu": "LeakyRelu PRelu",
    "elu": "Elu Selu Celu",
    "hard_sigmoid": "HardSigmoid",
    "hard_swish": "HardSwish",
    "mish": "Mish",
}
_MOVES = """
    Concat Pad Tile GatherElements GatherND Scatter ScatterElements ScatterND OneHot TopK DepthToSpace SpaceToDepth Trilu CumSum
    ReverseSequence Compress Col2Im
"""
_CREATIONS = "Range ConstantOfShape RandomNormal RandomUniform RandomNormalLike RandomUniformLike EyeLike Bernoulli"
_REDUCTIONS = """
    ReduceMean ReduceSum ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceSumSquare ArgMax
    ArgMin GlobalAveragePool GlobalMaxPool GlobalLpPool Mean
"""
_WINDOWS = {"nearest": 1, "linear": 4, "cubic": 16}  # input pixels that an output pixel of an image is made of


def _reduce(call: Call, formats: Formats) -> tuple[Step, ...]:
    return ((operators.reduction(call.arrays[0], call.out, formats), 1),)


def _pool(call: Call, formats: Formats) -> tuple[Step, ...]:
    window = prod(call.settings.get("kernel_shape", (1,)))
    return ((operators.reduction(call.arrays[0], call.out, formats, window=window), 1),)


def _resize(call: Call, formats: Formats) -> tuple[Step, ...]:
    window = _WINDOWS[call.settings.get("mode", "nearest")]
    return ((operators.reduction(call.arrays[0], call.out, formats, window=window), 1),)


def _gemm(call: Call, formats: Formats) -> tuple[Step, ...]:
    left, right = call.arrays[:2]
    a = left.shape[::-1] if call.settings.get("transA", 0) else left.shape
    n = right.shape[0] if call.settings.get("transB", 0) else right.shape[1]
    return ((operators.contraction(1, a[0], n, a[1], left, right, formats, bias=call.get(2, "C")), 1),)


def _einsum(call: Call, formats: Formats) -> tuple[Step, ...]:
    return einsum.contractions(call.settings["equation"], call.arrays, call.out, formats)


def _gather(call: Call, formats: Formats) -> tuple[Step, ...]:
    table, indices = call.arrays[:2]
    if table.weight and call.settings.get("axis", 0) == 0:
        return ((operators.look_up(table, indices.elements, formats), 1),)
    return move(call, formats)


def _sides(call: Call, name: str, count: int, usual: int) -> tuple[int, ...]:
    return tuple(call.settings.get(name) or (usual,) * count)


def _both_ends(call: Call, image: Array, kernel: Sequence[int]) -> tuple[int, ...]:
    """Padding of each side, both ends together; SAME makes as many output pixels as the strides fit."""
    sides = len(kernel)
    automatic = call.settings.get("auto_pad", "NOTSET")
    if automatic in ("NOTSET", "VALID"):
        pads = tuple(call.settings.get("pads") or (0,) * 2 * sides) if automatic == "NOTSET" else (0,) * 2 * sides
        return tuple(pads[side] + pads[side + sides] for side in range(sides))
    stride, dilation = _sides(call, "strides", sides, 1), _sides(call, "dilations", sides, 1)
    spans = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    sizes = zip(image.shape[-sides:], spans, stride, strict=True)
    return tuple(max((-(-size // step) - 1) * step + span - size, 0) for size, span, step in sizes)


def _conv(call: Call, formats: Formats) -> tuple[Step, ...]:
    image, weight = call.arrays[:2]
    kernel, groups = weight.shape[2:], call.settings.get("group", 1)
    if image.shape[1] != weight.shape[1] * groups:
        raise BadInput(
            f"{call.where}: node {call.name!r} (Conv): {image.shape[1]} channels are not {groups} groups of {weight.shape[1]}"
        )
    op = operators.convolution(
        image,
        weight,
        formats,
        bias=call.get(2, "B"),
        stride=_sides(call, "strides", len(kernel), 1),
        padding=_both_ends(call, image, kernel),
        dilation=_sides(call, "dilations", len(kernel), 1),
        groups=groups,
    )
    return ((op, 1),)


def _transposed(call: Call, formats: Formats) -> tuple[Step, ...]:
    """The padding is what makes the inferred output, however the file states it."""
    image, weight = call.arrays[:2]
    sides = len(weight.shape) - 2
    stride, dilation = _sides(call, "strides", sides, 1), _sides(call, "dilations", sides, 1)
    kernel = weight.shape[2:]
    whole = [
        (size - 1) * step + d * (k - 1) + 1
        for size, step, d, k in zip(image.shape[-sides:], stride, dilation, kernel, strict=True)
    ]
    op = operators.convolution(
        image,
        weight,
        formats,
        bias=call.get(2, "B"),
        stride=stride,
        padding=tuple(w - out for w, out in zip(whole, call.out.shape[-sides:], strict=True)),
        dilation=dilation,
        groups=call.settings.get("group", 1),
        is_transposed=True,
    )
    return ((op, 1),)


def _softmax(call: Call, formats: Formats) -> tuple[Step, ...]:
    return ((operators.softmax(call.arrays[0], call.settings.get("axis", -1), formats), 1),)


def _norm(kind: str, channel: int | None) -> Rule:
    """(X, scale, bias, ...); channel: the dimension with a parameter each, None: all from the attribute `axis` on."""

    def rule(call: Call, formats: Formats) -> tuple[Step, ...]:
        x = call.arrays[0]
        columns = prod(x.shape[call.settings.get("axis", -1) :]) if channel is None else x.shape[channel]
        found = operators.norm(kind, x, columns, formats, weight=call.get(1, "scale"), bias=call.get(2, "bias"))
        return ((found, 1),)

    return rule


def _recurrent(gates: int) -> Rule:
    """(X, W, R, B, ...) with W (directions, gates x hidden, inputs) and X (steps, batch, inputs)."""

    def rule(call: Call, formats: Formats) -> tuple[Step, ...]:
        x, into, again = call.arrays[:3]
        directions, width, inputs = into.shape
        steps, batch = x.shape[:2] if not call.settings.get("layout", 0) else x.shape[1::-1]
        hidden = again.shape[-1]
        bias = call.get(3, "B")
        first = operators.contraction(directions, steps * batch, width, inputs, x, into, formats)
        owned = MatMul(
            batch=directions, m=batch, n=width, k=hidden, dtype=formats.product, weight_dtype=formats.weight,
            out_dtype=formats.activation, is_tied=not formats.claim(again),
        )  # fmt: skip
        later = MatMul(
            batch=directions, m=batch, n=width, k=hidden, dtype=formats.product, weight_dtype=formats.weight,
            out_dtype=formats.activation, is_tied=True,
        )  # fmt: skip
        cell = Elementwise(
            elements=directions * batch * hidden, function="silu_mul", inputs=gates + 1, outputs=2,
            weights=formats.take(bias), dtype=formats.activation,
        )  # fmt: skip
        rest = Elementwise(
            elements=directions * batch * hidden,
            function="silu_mul",
            inputs=gates + 1,
            outputs=2,
            dtype=formats.activation,
        )
        found: tuple[Step, ...] = ((first, 1), (owned, 1), (cell, 1))
        return (*found, (later, steps - 1), (rest, steps - 1)) if steps > 1 else found

    return rule


def _attention(call: Call, formats: Formats) -> tuple[Step, ...]:
    """(Q, K, V, mask, past K, past V, ...) with heads as a dimension, or as attributes where the arrays have three."""
    query, key, value = (
        _with_heads(array, call, name) for array, name in zip(call.arrays, ("q", "kv", "kv"), strict=False)
    )
    earlier = 0  # tokens before the first query
    if isinstance(past := call.get(4, "past_key"), Array):
        earlier = past.shape[-2]
        length = earlier + key.shape[-2]
        key, value = (replace(one, shape=(*one.shape[:-2], length, one.shape[-1])) for one in (key, value))
    if call.settings.get("is_causal", 0):
        low, high = call.settings.get("band", ANY_OFFSET)
        call = replace(call, settings={**call.settings, "band": (low, min(high, earlier))})
    return _fused(query, key, value, call, formats)


def _written_out(call: Call, formats: Formats) -> tuple[Step, ...]:
    """(..., q_len, head_dim) x (..., head_dim, kv_len), then x (..., kv_len, head_dim); a dimension of one is shared."""
    query, key, value = call.arrays[:3]
    key = replace(key, shape=(*key.shape[:-2], key.shape[-1], key.shape[-2]))
    if len(query.shape) == 5 and key.shape[-3] == 1:  # (batch, groups, queries' heads of a group, ...)
        batch, groups, heads, length, width = query.shape
        query = replace(query, shape=(batch, groups * heads, length, width))
        key, value = (replace(one, shape=(*one.shape[:-3], *one.shape[-2:])) for one in (key, value))
    return _fused(query, key, value, call, formats)


def _fused(query: Array, key: Array, value: Array, call: Call, formats: Formats) -> tuple[Step, ...]:
    """Attention (batch, heads, length, head_dim), within the band of offsets that the mask lets through."""
    share = call.settings.get("share", 1)  # queries' heads for each of the keys'
    if share > 1 and key.shape[-3] % share == 0:
        key, value = (
            replace(one, shape=(*one.shape[:-3], one.shape[-3] // share, *one.shape[-2:])) for one in (key, value)
        )
    return ((operators.attention(query, key, value, formats, call.settings.get("band", ANY_OFFSET)), 1),)


def _with_heads(array: Array, call: Call, name: str) -> Array:
    if len(array.shape) == 4:
        return array
    batch, length, width = array.shape
    heads = call.settings[f"{name}_num_heads"]
    return replace(array, shape=(batch, heads, length, width // heads))


RULES: dict[str, Rule] = {
    **functions(_FUNCTIONS),
    **named(_MOVES, move),
    **named(_CREATIONS, create),
    **named(_REDUCTIONS, _reduce),
    **named("MaxPool AveragePool LpPool", _pool),
    **named("Resize Upsample GridSample", _resize),
    **named("Softmax LogSoftmax", _softmax),
    "MatMul": matmul,
    "Gemm": _gemm,
    "Einsum": _einsum,
    "Gather": _gather,
    "Conv": _conv,
    "ConvTranspose": _transposed,
    "BatchNormalization": _norm("batch", 1),
    "InstanceNormalization": _norm("group", 1),
    "GroupNormalization": _norm("group", 1),
    "LayerNormalization": _norm("layer", None),
    "RMSNormalization": _norm("rms", None),
    "RotaryEmbedding": elementwise("rotary"),
    "Attention": _attention,
    ATTENTION: _written_out,
    "LSTM": _recurrent(4),
    "GRU": _recurrent(3),
    "RNN": _recurrent(1),
}
