"""An ONNX file -> a model: sizes bound by the plan, shapes inferred node by node, a rule for every operator.

Weights are not needed: a file whose data stand elsewhere is read without them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from gnomon.core.errors import BadInput
from gnomon.core.extras import not_installed
from gnomon.formats.traced import onnx_weights
from gnomon.formats.traced.call import Call
from gnomon.formats.traced.graph import Size, Traced, workload
from gnomon.formats.traced.onnx_inference import Inference
from gnomon.formats.traced.onnx_rules import RULES, VIEWS
from gnomon.zoo.models import Model

_ASSUMPTIONS = (
    "operators one by one, as the file lists them: nothing is fused by a runtime; what the shapes alone decide is computed before",
    "views, reshapes and changes of layout cost nothing; neither do casts, nor scaling a quantised weight back",
    "a product, scale, mask, softmax and product in a row are attention in one kernel, which skips what its mask is known to hide",
)
_SPELLED = {  # usual names of open dimensions, for those that a plan has a field for
    "batch": "batch", "batch_size": "batch", "n": "batch", "bs": "batch",
    "seq": "seq", "sequence": "seq", "seq_len": "seq", "sequence_length": "seq", "seq_length": "seq",
}  # fmt: skip
_COUNTER = re.compile(r"s[0-9]+|unk__[0-9]+|\?")  # names that exporters make up


class OnnxFile:
    """The reader of `.onnx`."""

    name = "onnx"

    def recognises(self, path: Path) -> bool:
        """By its name."""
        return path.suffix.lower() == ".onnx"

    def read(self, path: Path) -> Model:
        """The model in the file. BadInput for a file that is damaged, or newer than the onnx package here."""
        try:
            import onnx
        except ImportError:
            raise not_installed("onnx", "onnx") from None
        proto = _loaded(path)
        domains = {opset.domain or "ai.onnx": opset.version for opset in proto.opset_import}
        newest = onnx.defs.onnx_opset_version()
        version = domains.get("ai.onnx", 0)
        if not 1 <= version <= newest:
            raise BadInput(f"{path}: opset {version} of ai.onnx; the onnx package here knows 1 to {newest}")
        if proto.functions:
            proto = _inlined(proto, path)
        graph = OnnxGraph(proto, str(path), version)
        traced = Traced(
            name=path.stem,
            weights=graph.weights,
            inputs={name: name for name in graph.weights},
            calls=graph.calls,
            sizes=graph.sizes,
            fixed=graph.fixed,
            evaluate=_never_open,
            rules=RULES,
            views=VIEWS,
            known=lambda call: None,  # masks are followed while the file is read
            assumptions=_ASSUMPTIONS,
        )
        producer = (
            f", written by {proto.producer_name} {proto.producer_version}".rstrip() if proto.producer_name else ""
        )
        return Model(
            name=path.stem,
            kind="graph",
            source=f"{path} (ONNX, opset {version}{producer})",
            build=partial(workload, traced),
            dtype=graph.dtype,
            weight_dtype=graph.weight_dtype,
            batch=graph.fixed.get("batch", 1),
            open_sizes=tuple((name, size.where) for name, size in traced.sizes.items()),
        )


def _never_open(expression: Any, values: Mapping[str, int]) -> int:
    raise AssertionError(f"{expression} was to be bound before, with {dict(values)}")


def _loaded(path: Path) -> Any:
    """The file without the data that stand outside it."""
    import onnx
    from google.protobuf.message import DecodeError

    try:
        proto = onnx.load_model_from_string(path.read_bytes())
    except DecodeError:
        raise BadInput(f"{path}: not an ONNX file, or damaged: it cannot be decoded") from None
    except OSError as fault:
        raise BadInput(f"{path}: {fault.strerror}") from None
    if not proto.graph.node or not proto.opset_import:
        raise BadInput(f"{path}: not an ONNX file, or damaged: it holds no graph")
    if not _is_text(proto.graph):
        raise BadInput(f"{path}: not an ONNX file, or damaged: a name in it is no text")
    known = {value.name for value in (*proto.graph.input, *proto.graph.initializer)}
    for node in proto.graph.node:
        for name in node.input:
            if name and name not in known:
                raise BadInput(
                    f"{path}: node {node.name or node.op_type!r} reads {name!r}, which nothing makes: damaged"
                )
        if twice := next((name for name in node.output if name in known), None):
            raise BadInput(
                f"{path}: node {node.name or node.op_type!r} makes {twice!r}, which is there already: damaged"
            )
        known.update(name for name in node.output if name)
    return proto


def _inlined(proto: Any, path: Path) -> Any:
    """The model with its local functions written out."""
    from onnx.inliner import inline_local_functions

    if name := _called_by_itself(proto.functions):  # older versions of onnx crash on it
        raise BadInput(f"{path}: its functions cannot be written out: {name!r} comes to call itself")
    try:
        return inline_local_functions(proto)
    except Exception as fault:  # the checker's own words, whatever class it raises
        raise BadInput(f"{path}: its functions cannot be written out: {str(fault).strip().splitlines()[0]}") from None


def _called_by_itself(functions: Any) -> str:
    """The name of a local function that calls itself, straight away or through others; empty: none does."""
    calls = {(one.domain, one.name): {(node.domain, node.op_type) for node in one.node} for one in functions}
    for start in calls:
        seen, waiting = set(), [start]
        while waiting:
            for called in calls[waiting.pop()] & calls.keys():
                if called == start:
                    return str(start[1])
                if called not in seen:
                    seen.add(called)
                    waiting.append(called)
    return ""


def _is_text(graph: Any) -> bool:
    """Whether names are text: protobuf gives bytes for those that are not UTF-8."""
    names = [name for node in graph.node for name in (node.op_type, node.name, node.domain, *node.input, *node.output)]
    for value in (*graph.input, *graph.output):
        names += [value.name, *(side.dim_param for side in value.type.tensor_type.shape.dim)]
    return all(isinstance(name, str) for name in (*names, *(tensor.name for tensor in graph.initializer)))


class OnnxGraph:
    """What of a file does not change with the sizes."""

    def __init__(self, proto: Any, where: str, version: int) -> None:
        self.where, self.version, self.graph = where, version, proto.graph
        self.opsets = list(proto.opset_import)
        self.ir_version = proto.ir_version
        trained = onnx_weights.of(proto.graph, where)
        self.weights, self.dequantised = trained.shapes, trained.dequantised
        self.dtype, self.weight_dtype = trained.dtype, trained.weight_dtype
        given = {tensor.name for tensor in self.graph.initializer}
        self.inputs = [value for value in self.graph.input if value.name not in given]
        self.sizes: dict[str, Size] = {}
        self.fixed: dict[str, int] = {}
        for value in self.inputs:
            if not value.type.tensor_type.HasField("shape"):
                raise BadInput(f"{where}: input {value.name!r} has no shape; give it one where the file is written")
            for side, dimension in enumerate(value.type.tensor_type.shape.dim):
                where_side = f"dimension {side} of {value.name}"
                if dimension.HasField("dim_value"):
                    if side == 0:
                        self.fixed.setdefault("batch", dimension.dim_value)
                    continue
                name = self.size_name(value, side)
                self.sizes.setdefault(name, Size(example=1 if name == "batch" else 128, where=where_side))
        for name in self.sizes:
            self.fixed.pop(name, None)

    def size_name(self, value: Any, side: int) -> str:
        """What an open dimension is called: as the plan calls it, as the file does, or by its place.

        Where the file has no name but an exporter's counter, the first dimension is the batch, and the second of whole
        numbers (tokens) their sequence.
        """
        from onnx import TensorProto

        tensor = value.type.tensor_type
        written: str = tensor.shape.dim[side].dim_param
        if written and not _COUNTER.fullmatch(written):
            return _SPELLED.get(written.lower(), written)
        if side == 0:
            return "batch"
        if side == 1 and tensor.elem_type in (TensorProto.INT64, TensorProto.INT32):
            return "seq"
        return written or f"{value.name}_{side}"

    def calls(self, values: Mapping[str, int]) -> tuple[Call, ...]:
        """Every node that computes on the inputs' numbers, with shapes."""
        return tuple(Inference(self, values).calls)
