"""The trained arrays of an ONNX graph: its initialisers, large constants, and whole numbers that it scales back to floats."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from gnomon.formats.traced.masks import HIDES
from gnomon.formats.traced.onnx_numbers import numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """What is trained, and in which formats it stands."""

    shapes: dict[str, tuple[int, ...]]  # of every trained array, by the name that the operators read
    dequantised: dict[str, int]  # element type of those that a node scales back from whole numbers
    dtype: str  # format of most floating-point numbers
    weight_dtype: str | None  # storage of the weights where most are quantised


def of(graph: Any, where: str) -> Weights:
    """The weights of a graph, whose large constants become initialisers."""
    _constants_to_initialisers(graph)
    from onnx import TensorProto

    floats: dict[int, str] = {
        TensorProto.FLOAT: "fp32",
        TensorProto.FLOAT16: "fp16",
        TensorProto.BFLOAT16: "bf16",
        TensorProto.DOUBLE: "fp32",
    }
    stored: dict[int, str] = {
        TensorProto.INT8: "int8",
        TensorProto.UINT8: "int8",
        TensorProto.INT4: "int4",
        TensorProto.UINT4: "int4",
        TensorProto.FLOAT8E4M3FN: "fp8",
        TensorProto.FLOAT8E5M2: "fp8",
    }
    read_at = _read_at(graph)
    shapes: dict[str, tuple[int, ...]] = {}
    counts: dict[str, int] = {}
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    dequantised: dict[str, int] = {}
    scales: set[str] = set()
    for node in graph.node:
        tensor = tensors.get(node.input[0]) if node.op_type == "DequantizeLinear" else None
        if tensor is not None and tensor.data_type in stored and max(tensor.dims, default=1) > 1:
            (name,) = node.output
            scale = tensors.get(node.input[1])
            shapes[name] = tuple(tensor.dims)
            dequantised[name] = scale.data_type if scale is not None else TensorProto.FLOAT
            scales.update(node.input[1:])
            counts[stored[tensor.data_type]] = counts.get(stored[tensor.data_type], 0) + prod(tensor.dims)
    for name, tensor in tensors.items():
        is_trained = tensor.data_type in floats and name not in scales and max(tensor.dims, default=1) > 1
        if is_trained and not read_at[name] <= _SETTINGS and not _is_mask(tensor, read_at[name], where):
            shapes[name] = tuple(tensor.dims)
            counts[floats[tensor.data_type]] = counts.get(floats[tensor.data_type], 0) + prod(tensor.dims)
    most = max(counts, key=lambda name: counts[name], default="fp32")
    whole = [floats.get(kind, "fp32") for kind in dequantised.values()]
    among = {name: count for name, count in counts.items() if name in floats.values()}
    usual = max(among, key=lambda name: among[name], default=whole[0] if whole else "fp32")
    return Weights(
        shapes=shapes,
        dequantised=dequantised,
        dtype=usual,
        weight_dtype=most if most not in floats.values() else None,
    )


# Places of operators that take what is not trained: sizes, limits, what a triangle is cut from, a state to begin with.
_SETTINGS = {
    ("Resize", 1), ("Resize", 2), ("Upsample", 1), ("Clip", 1), ("Clip", 2), ("Pad", 2), ("Trilu", 0),
    ("LSTM", 5), ("LSTM", 6), ("GRU", 5), ("RNN", 5),
}  # fmt: skip


def _read_at(graph: Any) -> dict[str, set[tuple[str, int]]]:
    """Operators that read each initialiser, and at which place."""
    found: dict[str, set[tuple[str, int]]] = {tensor.name: set() for tensor in graph.initializer}
    for node in graph.node:
        for place, name in enumerate(node.input):
            if name in found:
                found[name].add((node.op_type, place))
    for value in graph.output:
        if value.name in found:
            found[value.name].add(("output", 0))
    return found


def _is_loaded(tensor: Any, where: str) -> bool:
    """Whether the numbers that stand outside the file are there; they are then in the tensor."""
    from onnx.checker import ValidationError
    from onnx.external_data_helper import load_external_data_for_tensor

    try:
        load_external_data_for_tensor(tensor, str(Path(where).parent))
    except (OSError, ValueError, ValidationError):  # no such file, or one that may not be read from here
        return False
    tensor.data_location = 0  # inside
    return True


def _constants_to_initialisers(graph: Any) -> None:
    """A constant of several floating-point numbers is a weight like those that stand beside the graph."""
    from onnx import TensorProto

    floats = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE)
    moved = []
    for node in graph.node:
        value = next((a.t for a in node.attribute if a.name == "value" and a.HasField("t")), None)
        if node.op_type == "Constant" and value is not None and value.data_type in floats and prod(value.dims) > _LARGE:
            tensor = graph.initializer.add()
            tensor.CopyFrom(value)
            tensor.name = node.output[0]
            moved.append(node)
    for node in moved:
        graph.node.remove(node)


_LARGE = 64  # numbers that no exporter writes in line for a shape, a scale or a range


def _is_mask(tensor: Any, read_at: set[tuple[str, int]], where: str) -> bool:
    """Whether an array (..., n, n) in the file is a mask to be added to scores, and not trained: zeros and what hides.

    Where its numbers stand elsewhere, an array (1, ..., n, n) that is only added or chosen from is taken for one.
    """
    from onnx import TensorProto

    shape = tuple(tensor.dims)
    if len(shape) < 2 or shape[-1] != shape[-2]:
        return False
    if tensor.data_location == TensorProto.EXTERNAL:
        is_like_one = set(shape[:-2]) <= {1} and {operator for operator, _ in read_at} <= {"Add", "Where"}
        if not is_like_one or not _is_loaded(tensor, where):
            return is_like_one
    if tensor.raw_data and any(tensor.raw_data[:2]):  # the first query sees the first key: the number is zero
        return False
    array = numbers(tensor, where)
    return bool((array <= HIDES).any() and ((array == 0) | (array <= HIDES)).all())
