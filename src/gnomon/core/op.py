"""Operators: what a node of a workload does, with its shape and number formats.

Every operator answers the same few questions: `work()` (flop, read and written bytes), `unit` (matrix or vector),
`family` (for tables of errors), `parameters` and `weight_bytes` (what it keeps in memory), `launches` (kernels started).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar, Literal, Protocol

from gnomon.core import work
from gnomon.core.dtype import DTYPES
from gnomon.core.elementwise import FUNCTIONS

FAMILIES = (
    "matmul",
    "moe",
    "conv",
    "attention",
    "norm",
    "softmax",
    "elementwise",
    "embedding",
    "pool",
    "optimizer",
)
Unit = Literal["matrix", "vector"]


class Op(Protocol):
    """What every operator answers."""

    unit: ClassVar[Unit]
    family: ClassVar[str]

    @property
    def dtype(self) -> str: ...  # number format of the arithmetic

    @property
    def launches(self) -> int: ...  # kernels started by an eager framework

    @property
    def parameters(self) -> int: ...  # trained numbers kept, none if shared with another operator

    @property
    def weight_bytes(self) -> float: ...  # memory of those parameters

    def work(self) -> work.Work: ...  # flop, read_bytes, write_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class MatMul:
    """`batch` products (m, k) x (k, n); with `is_weight` the right factor is trained."""

    unit: ClassVar[Unit] = "matrix"
    family: ClassVar[str] = "matmul"
    m: int  # rows of the left factor; tokens in a linear layer
    n: int  # columns of the right factor; outputs of a linear layer
    k: int  # the contraction
    batch: int = 1  # independent products
    dtype: str = "fp32"
    weight_dtype: str | None = None  # storage of the right factor; None: as dtype
    is_weight: bool = True  # the right factor is a parameter
    out_dtype: str | None = None  # storage of the result; None: as dtype
    is_tied: bool = False  # the weight is another operator's: read here, counted there
    has_bias: bool = False
    launches: int = 1

    @property
    def parameters(self) -> int:
        if not self.is_weight:
            return 0
        weight = 0 if self.is_tied else self.batch * self.n * self.k
        return weight + (self.n if self.has_bias else 0)

    @property
    def weight_bytes(self) -> float:
        if not self.is_weight:
            return 0.0
        weight = 0.0 if self.is_tied else self.batch * self.n * self.k * DTYPES[self.weight_dtype or self.dtype].bytes
        return weight + (self.n * DTYPES[self.out_dtype or self.dtype].bytes if self.has_bias else 0.0)

    def work(self) -> work.Work:
        size = DTYPES[self.dtype].bytes
        right = DTYPES[self.weight_dtype].bytes if self.weight_dtype else size
        out = DTYPES[self.out_dtype].bytes if self.out_dtype else size
        flop, read, write = work.matmul_work(self.batch, self.m, self.n, self.k, size, right, out)
        if self.has_bias:
            return flop + self.m * self.n, read + self.n * out, write
        return flop, read, write


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupedMatMul:
    """One product of a mixture of experts: every token meets `chosen` of `groups` weights (k, n)."""

    unit: ClassVar[Unit] = "matrix"
    family: ClassVar[str] = "moe"
    tokens: int
    groups: int  # experts held
    chosen: int  # experts a token is sent to
    n: int
    k: int
    dtype: str = "fp32"
    weight_dtype: str | None = None
    out_dtype: str | None = None
    is_weight_gradient: bool = (
        False  # the product of inputs and output gradients: writes weights instead of reading them
    )
    is_tied: bool = False  # the weights are another operator's: read here, counted there
    has_bias: bool = False  # a row of n for each expert, in the format of the result
    launches: int = 1

    @property
    def parameters(self) -> int:
        if self.is_weight_gradient:
            return 0
        return self.groups * self.n * ((0 if self.is_tied else self.k) + self.has_bias)

    @property
    def weight_bytes(self) -> float:
        biases = self.groups * self.n if self.has_bias and not self.is_weight_gradient else 0
        weights = (self.parameters - biases) * DTYPES[self.weight_dtype or self.dtype].bytes
        return weights + biases * DTYPES[self.out_dtype or self.dtype].bytes

    def work(self) -> work.Work:
        size = DTYPES[self.dtype].bytes
        stored = DTYPES[self.weight_dtype or self.dtype].bytes
        out = DTYPES[self.out_dtype].bytes if self.out_dtype else size
        flop, read, write = work.grouped_matmul_work(
            self.groups, self.chosen, self.tokens, self.n, self.k, size, stored, out
        )
        if self.is_weight_gradient:
            rows = self.tokens * self.chosen
            weights = work.touched_groups(self.groups, self.chosen, self.tokens) * self.n * self.k * out
            return flop, rows * (self.n + self.k) * size, weights
        if self.has_bias:
            biases = work.touched_groups(self.groups, self.chosen, self.tokens) * self.n * out
            return flop + self.tokens * self.chosen * self.n, read + biases, write
        return flop, read, write


@dataclass(frozen=True, slots=True, kw_only=True)
class Conv:
    """A convolution over one, two or three dimensions; `direction` says which of its three products."""

    unit: ClassVar[Unit] = "matrix"
    family: ClassVar[str] = "conv"
    batch: int
    c_in: int
    c_out: int
    in_size: tuple[int, ...]  # of the input, a number for each dimension: height and width of an image
    kernel: tuple[int, ...]
    stride: tuple[int, ...] = ()  # empty: 1 in each dimension
    padding: tuple[int, ...] = ()  # added to the input in each dimension, both ends together; empty: none
    dilation: tuple[int, ...] = ()  # empty: 1 in each dimension
    groups: int = 1  # c_in for a depthwise convolution
    is_transposed: bool = False  # each input pixel is spread over the output instead (a "deconvolution")
    out_padding: tuple[int, ...] = ()  # transposed: further output pixels at the far end; empty: none
    dtype: str = "fp32"
    weight_dtype: str | None = None
    out_dtype: str | None = None  # storage of the result; None: as dtype
    has_bias: bool = False
    direction: Literal["forward", "input gradient", "weight gradient"] = "forward"
    is_tied: bool = False  # the weights are another operator's: read here, counted there
    launches: int = 1

    @property
    def out_size(self) -> tuple[int, ...]:
        """Size of the output, a number for each dimension."""
        ones, none = (1,) * len(self.in_size), (0,) * len(self.in_size)
        sides = (self.in_size, self.kernel, self.stride or ones, self.padding or none, self.dilation or ones)
        if self.is_transposed:
            further = self.out_padding or none
            return tuple(int(work.transposed_conv_output(*side)) for side in zip(*sides, further, strict=True))
        return tuple(int(work.conv_output(*side)) for side in zip(*sides, strict=True))

    @property
    def parameters(self) -> int:
        if self.direction != "forward":
            return 0
        weight = 0 if self.is_tied else self.c_out * (self.c_in // self.groups) * prod(self.kernel)
        return weight + (self.c_out if self.has_bias else 0)

    @property
    def weight_bytes(self) -> float:
        return self.parameters * DTYPES[self.weight_dtype or self.dtype].bytes

    def work(self) -> work.Work:
        size = DTYPES[self.dtype].bytes
        weight = DTYPES[self.weight_dtype].bytes if self.weight_dtype else size
        in_pixels, out_pixels = prod(self.in_size), prod(self.out_size)
        window = prod(self.kernel)
        out = DTYPES[self.out_dtype].bytes if self.out_dtype else size
        flop, read, write = work.conv_work(
            self.batch, self.c_in, self.c_out, in_pixels, out_pixels, window, self.groups, size, weight, out
        )
        if self.is_transposed:  # a window for each input pixel, not for each output pixel
            flop *= in_pixels / out_pixels
        weights = self.c_out * (self.c_in // self.groups) * window * weight
        match self.direction:
            case "forward":
                bias = self.batch * self.c_out * out_pixels if self.has_bias else 0
                return flop + bias, read + (self.c_out * size if self.has_bias else 0), write
            case "input gradient":
                return flop, write + weights, read - weights
            case "weight gradient":
                return flop, read - weights + write, weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """Scaled dot-product attention of `q_len` queries over `kv_len` keys; grouped heads share keys and values.

    Multi-head latent attention keeps one row of numbers, the latent, for each token and layer. [DeepSeek-AI 2024,
    DeepSeek-V2, section 2.1] Where keys and values are expanded from it for each head, `kept_dim` is its width; where
    queries meet the latent itself, it is the one key of all heads, and its first `value_dim` numbers are the value.
    """

    unit: ClassVar[Unit] = "matrix"
    family: ClassVar[str] = "attention"
    batch: int
    heads: int
    kv_heads: int
    head_dim: int  # width of a query and of a key
    q_len: int
    kv_len: int
    is_causal: bool
    is_fused: bool = (
        True  # False: scores go to memory and back, as eager frameworks do, and nothing is skipped by the mask
    )
    has_cache: bool = False  # keys and values stay in memory for the next token
    window: int | None = None  # keys that a query sees at most (sliding window); None: all
    dtype: str = "fp32"
    kv_dtype: str | None = None  # storage of the cache where it differs
    value_dim: int | None = None  # width of a value and of the result; None: as head_dim
    is_value_in_key: bool = False  # a value is the first value_dim numbers of its key: kept and read once
    kept_dim: int | None = None  # numbers that the cache keeps of a token, all heads together; None: keys and values
    has_sinks: bool = False  # each head has a trained logit that joins the softmax and picks no value
    has_softcap: bool = False  # scores go through cap * tanh(score / cap)
    is_backward: bool = False

    @property
    def parameters(self) -> int:
        return self.heads if self.has_sinks and not self.is_backward else 0

    @property
    def weight_bytes(self) -> float:
        return self.parameters * DTYPES[self.dtype].bytes

    @property
    def launches(self) -> int:
        """One kernel when fused; product, scale and mask, softmax, product when not. Twice that backward.

        Unfused, a cap on the scores takes three more: quotient, tanh, product.
        """
        unfused = 7 if self.has_softcap else 4
        return (1 if self.is_fused else unfused) * (2 if self.is_backward else 1)

    @property
    def value_width(self) -> int:
        """Numbers of a value, and of a row of the result."""
        return self.head_dim if self.value_dim is None else self.value_dim

    @property
    def seen_kv_len(self) -> int:
        """Keys that the last query can see."""
        return self.kv_len if self.window is None else min(self.kv_len, self.window + self.q_len - 1)

    @property
    def pairs(self) -> float:
        """Query-key pairs of one head that are computed."""
        if not (self.is_fused and self.is_causal):
            return float(self.q_len * self.kv_len)
        outside = 0.0 if self.window is None else work.pairs_outside_window(self.q_len, self.kv_len, self.window)
        return float(work.causal_pairs(self.q_len, self.kv_len)) - outside

    @property
    def cache_bytes(self) -> float:
        """Memory of the keys and values kept for the next token."""
        if not self.has_cache:
            return 0.0
        stored = DTYPES[self.kv_dtype or self.dtype].bytes
        kept = self.kv_len if self.window is None else min(self.kv_len, self.window)
        width = self.kv_heads * (self.head_dim + (0 if self.is_value_in_key else self.value_width))
        return 1.0 * self.batch * kept * (width if self.kept_dim is None else self.kept_dim) * stored

    def work(self) -> work.Work:
        size = DTYPES[self.dtype].bytes
        # Keys and values that were expanded from something else in the cache come in the format of activations.
        stored = DTYPES[self.kv_dtype].bytes if self.kv_dtype and self.kept_dim is None else size
        kv_len = self.seen_kv_len if self.is_fused else self.kv_len
        key, value = self.head_dim, self.value_width
        flop, read, write = work.attention_work(
            self.batch, self.heads, self.kv_heads, key, self.q_len, kv_len, self.pairs, size, stored, value
        )
        if self.is_value_in_key:
            read -= self.batch * self.kv_heads * kv_len * value * stored
        scores = work.score_traffic_bytes(self.batch, self.heads, self.q_len, self.kv_len, size)
        if self.is_backward:
            # Fused: the scores are computed again, so five products instead of two, three of them as wide as a key;
            # eager: four. Gradients of q, k, v leave, q, k, v, the output and its gradient come in.
            # [Dao et al. 2022, algorithm 4]
            flop *= (3 * key + 2 * value) / (key + value) if self.is_fused else 2.0
            read, write = read + 2 * write, read
        if not self.is_fused:
            # Product writes, scale and mask and softmax each read and write, product reads.
            # A cap's quotient, tanh and product each read and write once more.
            passes = (2 if self.is_backward else 3) + (3 if self.has_softcap else 0)
            score_flop = SOFTMAX_FLOP + (3.0 if self.has_softcap else 0.0)
            softmax_flop = score_flop * self.batch * self.heads * self.pairs
            return flop + softmax_flop, read + passes * scores, write + passes * scores
        return flop, read, write


SOFTMAX_FLOP = 5.0  # per element: max, subtract, exponential, sum, divide; counted as in core/elementwise.py
# per element; batch at inference: one multiply-add
NORM_FLOP = {"layer": 7.0, "rms": 4.0, "batch": 2.0, "group": 7.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Norm:
    """A normalisation of a (rows, columns) array: layer and rms along a row, batch along a column (a channel).

    group: over the pixels of a group of columns (channels); instance normalisation is one group for each channel.
    """

    unit: ClassVar[Unit] = "vector"
    family: ClassVar[str] = "norm"
    rows: int
    columns: int
    kind: Literal["layer", "rms", "batch", "group"] = "layer"
    dtype: str = "fp32"
    has_weight: bool = True
    has_bias: bool = True
    is_backward: bool = False
    launches: int = 1

    @property
    def parameters(self) -> int:
        return 0 if self.is_backward else self.columns * (self.has_weight + self.has_bias)

    @property
    def weight_bytes(self) -> float:
        return self.parameters * DTYPES[self.dtype].bytes

    def work(self) -> work.Work:
        size = DTYPES[self.dtype].bytes
        kept = self.columns * (self.has_weight + self.has_bias) * size
        flop, read, write = work.rowwise_work(self.rows, self.columns, NORM_FLOP[self.kind], size, kept)
        if self.is_backward:  # input and output gradient in, input gradient out, about twice the arithmetic
            return 2 * flop, read + write, write + kept
        return flop, read, write


@dataclass(frozen=True, slots=True, kw_only=True)
class Softmax:
    """Softmax along each of `rows` rows of `columns` numbers."""

    unit: ClassVar[Unit] = "vector"
    family: ClassVar[str] = "softmax"
    rows: int
    columns: int
    dtype: str = "fp32"
    is_backward: bool = False
    launches: int = 1

    parameters: ClassVar[int] = 0
    weight_bytes: ClassVar[float] = 0.0

    def work(self) -> work.Work:
        size = DTYPES[self.dtype].bytes
        flop, read, write = work.rowwise_work(self.rows, self.columns, SOFTMAX_FLOP, size, 0)
        return (flop, read + write, write) if self.is_backward else (flop, read, write)


@dataclass(frozen=True, slots=True, kw_only=True)
class Elementwise:
    """A function of each element of `inputs` arrays of `elements` numbers."""

    unit: ClassVar[Unit] = "vector"
    family: ClassVar[str] = "elementwise"
    elements: int
    function: str  # a key of core.elementwise.FUNCTIONS
    inputs: int = 1
    outputs: int = 1
    broadcast: int = 0  # elements of further, smaller inputs, each read once
    weights: int = 0  # trained numbers among the inputs, such as a table of positions that is added
    dtype: str = "fp32"
    launches: int = 1

    @property
    def parameters(self) -> int:
        return self.weights

    @property
    def weight_bytes(self) -> float:
        return self.weights * DTYPES[self.dtype].bytes

    def work(self) -> work.Work:
        size = DTYPES[self.dtype].bytes
        flop, read, write = work.elementwise_work(
            self.elements, self.inputs, self.outputs, FUNCTIONS[self.function].flop, size
        )
        return flop, read + self.broadcast * size, write


@dataclass(frozen=True, slots=True, kw_only=True)
class Gather:
    """A look-up of `rows` rows in a trained table of `table_rows` rows."""

    unit: ClassVar[Unit] = "vector"
    family: ClassVar[str] = "embedding"
    rows: int
    columns: int
    table_rows: int
    dtype: str = "fp32"
    is_tied: bool = False  # the table is another operator's: read here, counted there
    is_backward: bool = False
    launches: int = 1

    @property
    def parameters(self) -> int:
        return 0 if self.is_backward or self.is_tied else self.table_rows * self.columns

    @property
    def weight_bytes(self) -> float:
        return self.parameters * DTYPES[self.dtype].bytes

    def work(self) -> work.Work:
        size = DTYPES[self.dtype].bytes
        flop, read, write = work.gather_work(self.rows, self.columns, size)
        if self.is_backward:  # a dense gradient of the whole table is written, as torch's default does
            return self.rows * self.columns * 1.0, read, self.table_rows * self.columns * size
        return flop, read, write


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Max or mean over windows: `in_elements` numbers become `out_elements`, each from `window` of them."""

    unit: ClassVar[Unit] = "vector"
    family: ClassVar[str] = "pool"
    in_elements: int
    out_elements: int
    window: int
    dtype: str = "fp32"
    is_backward: bool = False
    launches: int = 1

    parameters: ClassVar[int] = 0
    weight_bytes: ClassVar[float] = 0.0

    def work(self) -> work.Work:
        size = DTYPES[self.dtype].bytes
        moved_in, moved_out = self.in_elements * size, self.out_elements * size
        flop = float(self.out_elements * self.window)
        return (flop, moved_out, moved_in) if self.is_backward else (flop, moved_in, moved_out)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdamStep:
    """One Adam update of `weights` numbers: moments and master weights in fp32, gradients as in the backward pass.

    [Kingma & Ba 2015, algorithm 1]
    """

    unit: ClassVar[Unit] = "vector"
    family: ClassVar[str] = "optimizer"
    weights: int
    gradient_dtype: str = "fp32"  # also the format of the working copy of the weights
    launches: int = 1

    dtype: ClassVar[str] = "fp32"
    parameters: ClassVar[int] = 0
    weight_bytes: ClassVar[float] = 0.0

    def work(self) -> work.Work:
        working = DTYPES[self.gradient_dtype].bytes
        state = 3 * DTYPES["fp32"].bytes  # master weight and two moments
        copy = working if working < DTYPES["fp32"].bytes else 0.0  # the working copy, where it is not the master itself
        # Algorithm 1: first average 3, second 4, two corrections 2; root, sum, quotient, product, difference 5.
        return 14.0 * self.weights, self.weights * (working + state), self.weights * (state + copy)
