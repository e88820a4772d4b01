"""A workload: a graph of operators with shapes, and the same as columns of numbers."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from gnomon.core.digest import digest
from gnomon.core.dtype import DTYPES
from gnomon.core.errors import BadInput, Unsupported
from gnomon.core.footprint import Footprint, footprint
from gnomon.core.op import FAMILIES, Attention, Op

Mode = Literal["forward", "prefill", "decode", "forward+backward", "forward+backward+optimizer", "serve"]
MODES: tuple[Mode, ...] = get_args(Mode)
SERVE: Mode = (
    "serve"  # requests come and go: the graph is a decode step of one sequence, from which steps of any size follow
)
PASSES = tuple(mode for mode in MODES if mode != SERVE)  # modes of which one run through the graph is the whole
CACHED: tuple[Mode, ...] = ("prefill", "decode", SERVE)  # of language models: keys and values stay for the next token


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One operator of a workload, or `repeat` equal ones in a row."""

    name: str
    op: Op
    after: tuple[str, ...] = ()  # names of the nodes whose outputs it reads; empty: the workload's input
    repeat: int = 1  # work, parameters and kept activations are multiplied; the peak of live activations is not
    phase: Literal["forward", "backward", "update"] = "forward"


@dataclass(frozen=True, kw_only=True)  # no slots: what is derived below is kept once computed
class OpTable:
    """Operators as numpy columns of one length `(ops,)`."""

    flop: NDArray[np.float64]  # work of one copy
    read_bytes: NDArray[np.float64]  # of one copy, weights included
    write_bytes: NDArray[np.float64]  # of one copy
    dtype: NDArray[np.int64]  # DType.index of the arithmetic
    is_matrix: NDArray[np.bool_]  # runs on the matrix unit where the device has one for the dtype
    family: NDArray[np.int64]  # index into op.FAMILIES
    launches: NDArray[np.float64]  # kernels started by one copy
    repeat: NDArray[np.float64]  # copies in the workload
    ops: NDArray[np.object_] | None = None  # the operators, for models that need their shapes; None: they are not known

    def __len__(self) -> int:
        return len(self.flop)

    @property
    def total_flop(self) -> float:
        """Work of all copies of all operators."""
        return float((self.flop * self.repeat).sum())

    @property
    def total_moved_bytes(self) -> float:
        """Traffic of all copies of all operators."""
        return float((self.moved_bytes * self.repeat).sum())

    @cached_property
    def moved_bytes(self) -> NDArray[np.float64]:
        """Bytes read and written by one copy of each operator."""
        return self.read_bytes + self.write_bytes

    @cached_property
    def peak_index(self) -> NDArray[np.int64]:
        """Which of a device's peaks each operator meets: its place in the flattened `Device.peaks_flop_per_s`."""
        return self.dtype + self.is_matrix * np.int64(len(DTYPES))

    def take(self, chosen: NDArray[np.intp]) -> OpTable:
        """The operators at the positions `chosen`, in that order."""
        columns = {column.name: getattr(self, column.name) for column in fields(self)}
        taken: dict[str, Any] = {name: None if one is None else one[chosen] for name, one in columns.items()}
        return OpTable(**taken)


@dataclass(frozen=True, kw_only=True)  # no slots: the sums and columns below are kept once computed
class Workload:
    """A model at one shape and precision, doing one thing (`mode`)."""

    name: str  # the model
    mode: Mode
    nodes: tuple[Node, ...]
    batch: int  # images or sequences
    dtype: str  # of the arithmetic
    # What a throughput counts. Image step: one denoising of an image. Sample: of a traced graph without tokens.
    item: Literal["image", "sequence", "token", "image step", "sample"]
    items: int  # how many of them one pass handles
    seq: int | None = None  # tokens of each sequence handled in this pass; None for images
    context: int | None = None  # tokens of each sequence in the KV cache after this pass; None without a cache
    weight_dtype: str | None = None  # storage of the large weights where it is not dtype
    gradient_dtype: str | None = None  # storage of gradients in training; None: as dtype
    head: str = "none"  # what sits on top: classifier, lm, mlm, none
    assumptions: tuple[str, ...] = ()  # what the graph leaves out or takes for granted
    outside: tuple[str, ...] = ()  # why the model was not made for this shape

    def __post_init__(self) -> None:
        known: set[str] = set()
        for node in self.nodes:
            if node.name in known:
                raise BadInput(f"{self.name}: two nodes are called {node.name!r}")
            for source in node.after:
                if source not in known:
                    raise BadInput(
                        f"{self.name}: node {node.name!r} comes after {source!r}, which no earlier node is called"
                    )
            if node.repeat < 1:
                raise BadInput(f"{self.name}: node {node.name!r} is repeated {node.repeat} times; once is the least")
            known.add(node.name)
        for dtype in (self.dtype, self.weight_dtype, self.gradient_dtype):
            if dtype is not None and dtype not in DTYPES:
                raise BadInput(f"{self.name}: unknown dtype {dtype!r}")

    @cached_property
    def digest(self) -> str:
        """Digest of every field but those that are words."""
        return digest(replace(self, assumptions=(), outside=()))

    @property
    def is_training(self) -> bool:
        """Whether a backward pass is part of it."""
        return self.mode.startswith("forward+backward")

    @cached_property
    def model_flop(self) -> float:
        """The work that the model itself asks for: its products, forward once and in training twice more.

        Nothing recomputed and nothing element-wise. [Chowdhery et al. 2022, appendix B: the work of an MFU]
        """
        forward = np.array([node.phase == "forward" for node in self.nodes])
        products = self.table.flop * self.table.repeat * self.table.is_matrix
        return float(products[forward].sum()) * (3 if self.is_training else 1)

    @cached_property
    def parameters(self) -> int:
        """Trained numbers, shared ones once."""
        return sum(node.op.parameters * node.repeat for node in self.nodes)

    @cached_property
    def weight_bytes(self) -> float:
        """Memory of the parameters in their storage formats."""
        return sum((node.op.weight_bytes * node.repeat for node in self.nodes), 0.0)

    @cached_property
    def kv_cache_bytes(self) -> float:
        """Memory of keys and values kept after this pass."""
        return sum((n.op.cache_bytes * n.repeat for n in self.nodes if isinstance(n.op, Attention)), 0.0)

    @cached_property
    def footprint(self) -> Footprint:
        """Memory of one pass, by kind."""
        return footprint(
            self.nodes,
            mode=self.mode,
            gradient_dtype=self.gradient_dtype or self.dtype,
            parameters=self.parameters,
            weights_bytes=self.weight_bytes,
            kv_cache_bytes=self.kv_cache_bytes,
        )

    @cached_property
    def table(self) -> OpTable:
        """The operators as columns, in the order of the nodes."""
        return op_table(self.nodes)


_FAMILY_INDEX = {name: index for index, name in enumerate(FAMILIES)}


def op_table(nodes: tuple[Node, ...]) -> OpTable:
    """The operators of nodes as columns, in their order. Unsupported for one without a rule."""
    for node in nodes:
        if getattr(node.op, "family", None) not in _FAMILY_INDEX:
            raise Unsupported(
                f"node {node.name!r}: operator {type(node.op).__name__} has no rule; add one in core/op.py"
            )
    numbers = np.array([(*node.op.work(), node.op.launches, node.repeat) for node in nodes], dtype=np.float64).reshape(
        len(nodes), 5
    )
    return OpTable(
        flop=numbers[:, 0],
        read_bytes=numbers[:, 1],
        write_bytes=numbers[:, 2],
        dtype=np.array([DTYPES[node.op.dtype].index for node in nodes], dtype=np.int64),
        is_matrix=np.array([node.op.unit == "matrix" for node in nodes], dtype=np.bool_),
        family=np.array([_FAMILY_INDEX[node.op.family] for node in nodes], dtype=np.int64),
        launches=numbers[:, 3],
        repeat=numbers[:, 4],
        ops=_objects([node.op for node in nodes]),
    )


def _objects(ops: list[Op]) -> NDArray[np.object_]:
    """Operators as a column."""
    column = np.empty(len(ops), dtype=np.object_)
    column[:] = ops
    return column
