"""What each of torch's operators does: its rule, by the operator's name without `aten::` and overload.

To add a rule, put it into RULES under that name (`"my_library::op"` for another library's), or hand it to
`gnomon.from_torch(..., rules={...})`: a function of the bound call and the formats that gives operators and their copies.
Shapes and defaults are those of torch's native_functions.yaml.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

from gnomon.core.op import Elementwise, GroupedMatMul, MatMul
from gnomon.formats.traced import einsum, operators
from gnomon.formats.traced.call import Array, Call, Formats, Rule, Step
from gnomon.formats.traced.masks import ANY_OFFSET
from gnomon.formats.traced.plain_rules import create, elementwise, functions, matmul, move, named, words
from gnomon.formats.traced.torch_masks import of_array

# The same numbers under another shape, and what an inference run leaves out.
VIEWS = words("""
        view reshape _unsafe_view view_as reshape_as flatten unflatten squeeze unsqueeze transpose t permute movedim
        moveaxis swapaxes swapdims numpy_T mT slice select narrow split split_with_sizes chunk unbind tensor_split expand
        expand_as broadcast_to contiguous detach alias diagonal unfold real imag view_as_real view_as_complex
        lift_fresh_copy dropout feature_dropout alpha_dropout native_dropout identity positive unsafe_split unsafe_chunk
        pin_memory _reshape_alias as_strided conj resolve_conj resolve_neg lift hsplit vsplit squeeze_copy detach_copy
    """)

# No arrays come of these.
SILENT = words("""
        _assert_tensor_metadata _assert_async _assert_scalar sym_size sym_numel sym_stride sym_constrain_range
        sym_constrain_range_for_size _set_grad_enabled _enter_autocast _exit_autocast item _local_scalar_dense
    """)

_FUNCTIONS = {
    "add": "add rsub sub subtract lerp logaddexp",
    "mul": "mul multiply square outer",
    "div": "div divide true_divide floor_divide remainder fmod",
    "multiply_add": "addcmul addcdiv",
    "pow": "pow float_power ldexp",
    "relu": "relu threshold",
    "relu6": "relu6 hardtanh",
    "clamp": "clamp clip clamp_min clamp_max",
    "tanh": "tanh",
    "sigmoid": "sigmoid log_sigmoid",
    "exp": "exp exp2 expm1",
    "log": "log log2 log10 log1p",
    "sqrt": "sqrt",
    "rsqrt": "rsqrt",
    "reciprocal": "reciprocal",
    "erf": "erf erfc erfinv",
    "sin": "sin asin sinh atan atan2 sinc",
    "cos": "cos acos cosh",
    "abs": "abs sgn sign",
    "neg": "neg",
    "round": "round floor ceil trunc frac",
    "compare": """
        eq ne lt le gt ge logical_and logical_or logical_xor logical_not bitwise_and bitwise_or bitwise_xor bitwise_not
        __and__ __or__ __xor__ isnan isinf isfinite isin bitwise_left_shift bitwise_right_shift __lshift__ __rshift__
    """,
    "where": "where masked_fill nan_to_num",
    "maximum": "maximum minimum fmax fmin",
    "gelu": "gelu",
    "silu": "silu",
    "softplus": "softplus",
    "leaky_relu": "leaky_relu prelu rrelu _prelu_kernel",
    "elu": "elu selu celu",
    "hard_sigmoid": "hardsigmoid",
    "hard_swish": "hardswish",
    "mish": "mish",
    "silu_mul": "glu",
}
_MOVES = """
    cat concat concatenate stack hstack vstack pad constant_pad_nd reflection_pad1d reflection_pad2d replication_pad2d clone
    copy repeat repeat_interleave tile roll flip fliplr flipud index index_select gather take take_along_dim scatter
    scatter_add scatter_reduce index_put index_add index_fill index_copy slice_scatter select_scatter masked_scatter topk
    sort argsort msort one_hot tril triu pixel_shuffle pixel_unshuffle channel_shuffle im2col col2im diag_embed rot90 to
    _to_copy type_as float double half bool long int bucketize searchsorted meshgrid cumsum cumprod diff expand_copy
    permute_copy
"""
_CREATIONS = """
    arange zeros ones full empty eye linspace zeros_like ones_like full_like empty_like new_zeros new_ones new_full
    new_empty scalar_tensor rand randn randint rand_like randn_like empty_strided new_empty_strided fill tril_indices
    triu_indices zero tensor normal bernoulli uniform
"""
_REDUCTIONS = """
    sum mean amax amin max min prod var std var_mean std_mean argmax argmin norm linalg_vector_norm any all logsumexp nansum
    median cummax cummin count_nonzero mse_loss l1_loss smooth_l1_loss nll_loss nll_loss_nd binary_cross_entropy
    binary_cross_entropy_with_logits aminmax histc bincount
"""


def _move(call: Call, formats: Formats) -> tuple[Step, ...]:
    if call.operator in ("to", "_to_copy", "type_as", "float", "double", "half") and all(
        array.holds == "float" for array in (call.arrays[0], call.out)
    ):
        return ()  # all floating-point arrays have the plan's formats
    return move(call, formats)


def _reduce(call: Call, formats: Formats) -> tuple[Step, ...]:
    arrays = [array for array in call.arrays if array.holds == "float"] or list(call.arrays)
    if call.operator in ("max", "min") and len(call.arrays) == 2:
        return elementwise("maximum")(call, formats)
    return ((operators.reduction(arrays[0], call.out, formats), 1),)


def _linear(call: Call, formats: Formats) -> tuple[Step, ...]:
    x, weight = call.arrays[:2]
    k, n = x.shape[-1], prod(weight.shape[:-1])
    rows = prod(x.shape[:-1])
    return ((operators.contraction(1, rows, n, k, x, weight, formats, bias=call.get(2, "bias")), 1),)


def _addmm(call: Call, formats: Formats) -> tuple[Step, ...]:
    bias, left, right = call.arrays[:3]
    if bias.weight and len(bias.shape) == 1:
        return ((operators.product(left, right, formats, bias=bias), 1),)
    return (
        (operators.product(left, right, formats), 1),
        (operators.elementwise("add", (bias, call.out), call.out, formats), 1),
    )


def _einsum(call: Call, formats: Formats) -> tuple[Step, ...]:
    return einsum.contractions(str(call.arguments[0]), call.arrays, call.out, formats)


def _per_side(value: int | Sequence[int] | None, sides: int, usual: int) -> tuple[int, ...]:
    """An argument given once for all sides, or for each."""
    if value is None:
        return (usual,) * sides
    given = (value,) if isinstance(value, int) else tuple(value)
    return given * sides if len(given) == 1 else given or (usual,) * sides


def _conv(call: Call, formats: Formats) -> tuple[Step, ...]:
    image, weight = call.arrays[:2]
    sides = len(weight.shape) - 2
    stride, dilation = _per_side(call.get(3, "stride"), sides, 1), _per_side(call.get(5, "dilation"), sides, 1)
    padding = call.get(4, "padding", 0)
    if isinstance(padding, str):  # "same": the output is as large as the input; "valid": none
        spans = [d * (k - 1) for d, k in zip(dilation, weight.shape[2:], strict=True)]
        both_ends = tuple(spans) if padding == "same" else (0,) * sides
    else:
        both_ends = tuple(2 * p for p in _per_side(padding, sides, 0))
    op = operators.convolution(
        image,
        weight,
        formats,
        bias=call.get(2, "bias"),
        stride=stride,
        padding=both_ends,
        dilation=dilation,
        groups=call.get(6, "groups", 1),
    )
    return ((op, 1),)


def _transposed(call: Call, formats: Formats) -> tuple[Step, ...]:
    image, weight = call.arrays[:2]
    sides = len(weight.shape) - 2
    op = operators.convolution(
        image,
        weight,
        formats,
        bias=call.get(2, "bias"),
        stride=_per_side(call.get(3, "stride"), sides, 1),
        padding=tuple(2 * p for p in _per_side(call.get(4, "padding"), sides, 0)),
        dilation=_per_side(call.get(7, "dilation"), sides, 1),
        groups=call.get(6, "groups", 1),
        is_transposed=True,
        out_padding=_per_side(call.get(5, "output_padding"), sides, 0),
    )
    return ((op, 1),)


def _convolution(call: Call, formats: Formats) -> tuple[Step, ...]:
    """The general form: (input, weight, bias, stride, padding, dilation, transposed, output_padding, groups)."""
    image, weight, bias, stride, padding, dilation, is_transposed, out_padding, groups = call.arguments[:9]
    op = operators.convolution(
        image,
        weight,
        formats,
        bias=bias,
        stride=stride,
        padding=tuple(2 * p for p in padding),
        dilation=dilation,
        groups=groups,
        is_transposed=is_transposed,
        out_padding=out_padding if is_transposed else (),
    )
    return ((op, 1),)


def _attention(call: Call, formats: Formats) -> tuple[Step, ...]:
    """(query, key, value, mask, dropout, is_causal, ...); is_causal: a query sees the keys up to its own place."""
    query, key, value = call.arrays[:3]
    query = replace(query, shape=(*call.out.shape[:-1], query.shape[-1]))  # one batch may serve several of keys
    mask = call.get(3, "attn_mask")
    true = of_array(mask).true if isinstance(mask, Array) else ANY_OFFSET
    if call.get(5, "is_causal", False):
        true = (true[0], min(true[1], 0))
    return ((operators.attention(query, key, value, formats, true), 1),)


def _weight_norm(call: Call, formats: Formats) -> tuple[Step, ...]:
    """(direction, length, dimension): the direction's norm, and the direction times length over norm."""
    direction, length = call.arrays[:2]
    scale = operators.elementwise("mul", (direction, length), call.out, formats)
    return ((operators.reduction(direction, length, formats), 1), (scale, 1))


def _polar(call: Call, formats: Formats) -> tuple[Step, ...]:
    """Length and angle to a complex number: a cosine and a sine, times the length."""
    names = ("cos", "sin", "mul")
    return tuple((operators.elementwise(name, call.arrays[1:], call.out, formats), 1) for name in names)


def _distances(call: Call, formats: Formats) -> tuple[Step, ...]:
    """Rows (..., m, k) and (..., n, k): as many multiply-adds as their product."""
    left, right = call.arrays[:2]
    (m, k), n = left.shape[-2:], right.shape[-2]
    return ((operators.contraction(prod(call.out.shape[:-2]), m, n, k, left, right, formats), 1),)


def _softmax(call: Call, formats: Formats) -> tuple[Step, ...]:
    return ((operators.softmax(call.arrays[0], call.get(1, "dim", -1), formats), 1),)


def _cross_entropy(call: Call, formats: Formats) -> tuple[Step, ...]:
    logits = call.arrays[0]
    return ((operators.softmax(logits, 1 if len(logits.shape) > 1 else -1, formats), 1),)


def _rowwise_norm(kind: str) -> Rule:
    """(input, normalized_shape, weight, bias, ...)."""

    def rule(call: Call, formats: Formats) -> tuple[Step, ...]:
        x, columns = call.arrays[0], prod(call.arguments[1])
        bias = call.get(3, "bias") if kind == "layer" else None
        return ((operators.norm(kind, x, columns, formats, weight=call.get(2, "weight"), bias=bias), 1),)

    return rule


def _batch_norm(kind: str, weight: int, bias: int) -> Rule:
    """A norm with a parameter for each channel, dimension 1; `weight` and `bias` are the arguments' places."""

    def rule(call: Call, formats: Formats) -> tuple[Step, ...]:
        x = call.arrays[0]
        channels = x.shape[1] if len(x.shape) > 1 else x.shape[0]
        found = operators.norm(
            kind, x, channels, formats, weight=call.get(weight, "weight"), bias=call.get(bias, "bias")
        )
        return ((found, 1),)

    return rule


def _embedding(call: Call, formats: Formats) -> tuple[Step, ...]:
    table, indices = call.arrays[:2]
    return ((operators.look_up(table, indices.elements, formats), 1),)


def _pool(sides: int) -> Rule:
    """(input, kernel_size, ...)."""

    def rule(call: Call, formats: Formats) -> tuple[Step, ...]:
        window = prod(_per_side(call.get(1, "kernel_size"), sides, 1))
        return ((operators.reduction(call.arrays[0], call.out, formats, window=window), 1),)

    return rule


def _resample(window: int) -> Rule:
    """Each output pixel from `window` input pixels."""

    def rule(call: Call, formats: Formats) -> tuple[Step, ...]:
        return ((operators.reduction(call.arrays[0], call.out, formats, window=window), 1),)

    return rule


def _recurrent(gates: int) -> Rule:
    """(input, states, weights, has_biases, layers, dropout, train, bidirectional, batch_first); `gates` of each cell."""

    def rule(call: Call, formats: Formats) -> tuple[Step, ...]:
        x, weights = call.arguments[0], list(call.arguments[2])
        has_biases, layers, is_both_ways = call.arguments[3], call.arguments[4], call.arguments[7]
        is_batch_first = len(call.arguments) > 8 and call.arguments[8]
        steps, batch = (x.shape[1], x.shape[0]) if is_batch_first else (x.shape[0], x.shape[1])
        found: list[Step] = []
        each = len(weights) // (layers * (2 if is_both_ways else 1))
        for start in range(0, len(weights), each):
            into, recurrent, *further = weights[start : start + each]
            biases = further[:2] if has_biases else (None, None)
            rows, columns = into.shape
            first = operators.contraction(1, steps * batch, rows, columns, x, into, formats, bias=biases[0])
            cell = Elementwise(
                elements=batch * (recurrent.shape[0] // gates),
                function="silu_mul",
                inputs=gates + 1,
                outputs=2,
                dtype=formats.activation,
            )
            found += [(first, 1), *_each_step(steps, batch, recurrent, biases[1], formats), (cell, steps)]
            if each % 2:  # the state is projected
                found += _each_step(steps, batch, further[-1], None, formats)
        return tuple(found)

    return rule


def _each_step(steps: int, batch: int, weight: Array, bias: Array | None, formats: Formats) -> list[Step]:
    """A product of the state (batch, columns) and a weight (rows, columns) at every step; the first owns the weight."""
    owned = formats.claim(weight) and (bias is None or formats.claim(bias))
    first = MatMul(
        m=batch,
        n=weight.shape[0],
        k=weight.shape[1],
        dtype=formats.product,
        weight_dtype=formats.weight,
        out_dtype=formats.activation,
        has_bias=bias is not None,
        is_tied=not owned,
    )
    later = replace(first, has_bias=False, is_tied=True)
    return [(first, 1), (later, steps - 1)] if steps > 1 else [(first, 1)]


def _grouped(call: Call, formats: Formats) -> tuple[Step, ...]:
    """Rows sorted by expert (rows, k) x weights (experts, k, n)."""
    rows, weights = call.arrays[:2]
    op = GroupedMatMul(
        tokens=prod(rows.shape[:-1]),
        groups=weights.shape[0],
        chosen=1,
        n=weights.shape[-1],
        k=weights.shape[-2],
        dtype=formats.product,
        weight_dtype=formats.weight,
        out_dtype=formats.activation,
        is_tied=not formats.claim(weights),
    )
    return ((op, 1),)


_pools: dict[str, Rule] = {
    f"{kind}_pool{sides}d{suffix}": _pool(sides)
    for kind in ("max", "avg")
    for sides in (1, 2, 3)
    for suffix in ("", "_with_indices")
}
_adaptive: dict[str, Rule] = {
    f"adaptive_{kind}_pool{sides}d": _reduce for kind in ("max", "avg") for sides in (1, 2, 3)
}
_WINDOWS = {"nearest": 1, "linear": 2, "bilinear": 4, "trilinear": 8, "bicubic": 16}
_resamples: dict[str, Rule] = {
    f"{prefix}upsample_{how}{sides}d{suffix}": _resample(window)
    for how, window in _WINDOWS.items()
    for sides in (1, 2, 3)
    for prefix in ("", "_")
    for suffix in ("", "_aa", "_exact")
}

RULES: dict[str, Rule] = {
    **functions(_FUNCTIONS),
    **named(_MOVES, _move),
    **named(_CREATIONS, create),
    **named(_REDUCTIONS, _reduce),
    **named("mm bmm matmul mv dot", matmul),
    **named("addmm baddbmm addbmm", _addmm),
    **named("conv1d conv2d conv3d", _conv),
    **named("conv_transpose1d conv_transpose2d conv_transpose3d", _transposed),
    **named("softmax log_softmax _softmax _log_softmax _safe_softmax", _softmax),
    **named("batch_norm native_batch_norm _native_batch_norm_legit_no_training", _batch_norm("batch", 1, 2)),
    **named("_grouped_mm grouped_mm transformers::grouped_mm_fallback", _grouped),
    **named("grid_sampler grid_sampler_2d", _resample(4)),
    **_pools,
    **_adaptive,
    **_resamples,
    "convolution": _convolution,
    **named("linear inner", _linear),  # the second array's last dimension is the contraction
    "einsum": _einsum,
    "scaled_dot_product_attention": _attention,
    "cross_entropy_loss": _cross_entropy,
    "_weight_norm": _weight_norm,
    "polar": _polar,
    "cdist": _distances,
    "_cdist_forward": _distances,
    "layer_norm": _rowwise_norm("layer"),
    "native_layer_norm": _rowwise_norm("layer"),
    "rms_norm": _rowwise_norm("rms"),
    "group_norm": _batch_norm("group", 2, 3),
    "instance_norm": _batch_norm("group", 1, 2),
    "embedding": _embedding,
    "embedding_bag": _embedding,
    "lstm": _recurrent(4),
    "gru": _recurrent(3),
    "rnn_tanh": _recurrent(1),
    "rnn_relu": _recurrent(1),
}
