"""From the shapes of a call's arrays to operators: what the rules of every traced format share."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from gnomon.core.op import Attention, Conv, Elementwise, Gather, MatMul, Norm, Pool, Softmax
from gnomon.formats.traced.call import Array, Formats
from gnomon.formats.traced.masks import Band, seen


def product(left: Array, right: Array, formats: Formats, *, bias: Array | None = None) -> MatMul:
    """left (..., m, k) x right (..., k, n), leading dimensions broadcast; an array of one dimension is a row or column."""
    a = left.shape if len(left.shape) > 1 else (1, *left.shape)
    b = right.shape if len(right.shape) > 1 else (*right.shape, 1)
    batch, (m, k), n = broadcast(a[:-2], b[:-2]), a[-2:], b[-1]
    if left.weight and len(a) == 2:  # the transposed product: every column of every leading dimension meets the weight
        return contraction(1, prod(b[:-2]) * n, m, k, right, left, formats, bias=bias)
    if prod(b[:-2]) == 1:  # every row of every leading dimension meets the same right factor
        return contraction(1, prod(a[:-1]), n, k, left, right, formats, bias=bias)
    return contraction(prod(batch), m, n, k, left, right, formats, bias=bias)


def contraction(
    batch: int, m: int, n: int, k: int, left: Array, right: Array, formats: Formats, *, bias: Array | None = None
) -> MatMul:
    """`batch` products (m, k) x (k, n); a weight on the left makes it the transposed product."""
    if left.weight and not right.weight:
        left, right, m, n = right, left, n, m
    is_weight = right.weight is not None
    return MatMul(
        batch=batch,
        m=m,
        n=n,
        k=k,
        dtype=formats.product,
        weight_dtype=formats.weight if is_weight else None,
        out_dtype=formats.activation,
        is_weight=is_weight,
        is_tied=is_weight and not formats.take(right, batch * n * k),
        has_bias=is_weight and formats.claim(bias),  # beside a computed weight it counts among further parameters
    )


def convolution(
    image: Array,
    weight: Array,
    formats: Formats,
    *,
    bias: Array | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
    is_transposed: bool = False,
    out_padding: Sequence[int] = (),
) -> Conv:
    """image (batch, c_in, sides...) with a weight (c_out, c_in / groups, kernel...); padding counts both ends."""
    sides = len(weight.shape) - 2
    batch, (c_in, *size) = prod(image.shape[: -sides - 1]), image.shape[-sides - 1 :]
    return Conv(
        batch=batch,
        c_in=c_in,
        c_out=weight.shape[1] * groups if is_transposed else weight.shape[0],
        in_size=tuple(size),
        kernel=tuple(weight.shape[2:]),
        stride=tuple(stride),
        padding=tuple(padding),
        dilation=tuple(dilation),
        groups=groups,
        is_transposed=is_transposed,
        out_padding=tuple(out_padding),
        dtype=formats.product,
        weight_dtype=formats.weight,
        out_dtype=formats.activation,
        has_bias=formats.claim(bias),
        is_tied=not formats.claim(weight),
    )


def attention(query: Array, key: Array, value: Array, formats: Formats, true: Band) -> Attention:
    """query (..., heads, q_len, head_dim), key (..., kv_heads, kv_len, head_dim), value with its own width.

    true: the band of offsets, key place minus query place, outside which a mask hides every score.
    """
    reached, is_causal, window = seen(true, query.shape[-2], key.shape[-2])
    return Attention(
        batch=prod(query.shape[:-3]),
        heads=query.shape[-3] if len(query.shape) > 2 else 1,
        kv_heads=key.shape[-3] if len(key.shape) > 2 else 1,
        head_dim=query.shape[-1],
        value_dim=value.shape[-1] if value.shape[-1] != query.shape[-1] else None,
        q_len=query.shape[-2],
        kv_len=reached if formats.is_fused else key.shape[-2],
        is_causal=is_causal,
        is_fused=formats.is_fused,
        window=window,
        dtype=formats.activation,
    )


def elementwise(
    function: str, inputs: Sequence[Array], out: Array, formats: Formats, *, outputs: int = 1
) -> Elementwise:
    """A function of each element of `out`; smaller inputs are broadcast and read once."""
    full = [array for array in inputs if array.elements == out.elements]
    return Elementwise(
        elements=out.elements,
        function=function,
        inputs=len(full),
        outputs=outputs,
        broadcast=sum(array.elements for array in inputs if array.elements != out.elements),
        weights=sum(map(formats.take, inputs)),
        dtype=formats.activation,
    )


def move(inputs: Sequence[Array], out: Array, formats: Formats) -> Elementwise:
    """A copy of numbers to another place: as many are read as are written."""
    return Elementwise(
        elements=out.elements,
        function="copy",
        weights=sum(map(formats.take, inputs)),
        dtype=formats.activation,
    )


def create(out: Array, formats: Formats) -> Elementwise:
    """An array filled without reading one."""
    return Elementwise(elements=out.elements, function="copy", inputs=0, dtype=formats.activation)


def reduction(array: Array, out: Array, formats: Formats, *, window: int | None = None) -> Pool:
    """Each element of `out` from `window` elements of `array`; None: from its share."""
    share = -(-array.elements // max(out.elements, 1))
    return Pool(
        in_elements=array.elements,
        out_elements=out.elements,
        window=share if window is None else window,
        dtype=formats.activation,
    )


def softmax(array: Array, axis: int, formats: Formats) -> Softmax:
    """Softmax along one axis."""
    columns = array.shape[axis] if array.shape else 1
    return Softmax(rows=array.elements // max(columns, 1), columns=columns, dtype=formats.activation)


def norm(kind: str, array: Array, columns: int, formats: Formats, *, weight: Array | None, bias: Array | None) -> Norm:
    """A normalisation with `columns` parameters of each kind."""
    assert kind in ("layer", "rms", "batch", "group")
    return Norm(
        rows=array.elements // max(columns, 1),
        columns=columns,
        kind=kind,  # type: ignore[arg-type]
        dtype=formats.activation,
        has_weight=formats.claim(weight),
        has_bias=formats.claim(bias),
    )


def look_up(table: Array, rows: int, formats: Formats) -> Gather:
    """`rows` rows of a table (rows, columns)."""
    return Gather(
        rows=rows,
        columns=prod(table.shape[1:]),
        table_rows=table.shape[0],
        dtype=formats.activation,
        is_tied=not formats.claim(table),
    )


def broadcast(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    """The common shape of two shapes that numpy would broadcast."""
    size = max(len(a), len(b))
    left, right = (1,) * (size - len(a)) + a, (1,) * (size - len(b)) + b
    return tuple(y if x == 1 else x for x, y in zip(left, right, strict=True))
