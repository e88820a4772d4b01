"""An ONNX file -> a model: sizes bound by the plan, shapes inferred node by node, a rule for every operator.

Weights are not needed: a file whose data stand elsewhere is read without them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from gnomon.core.errors import BadInput, ToolError, Unsupported
from gnomon.formats.traced.call import Call, Made, Ref
from gnomon.formats.traced.graph import HOW_TO_ADD, Size, Traced, workload
from gnomon.formats.traced.onnx_rules import ORDERS, RULES, VIEWS
from gnomon.zoo.models import Model

_ASSUMPTIONS = (
    "operators one by one, as the file lists them: nothing is fused by a runtime; what the shapes alone decide is computed before",
    "views, reshapes and changes of layout cost nothing; neither do casts",
    "attention under a mask that was made by comparing positions is causal",
)
_SPELLED = {  # usual names of open dimensions, for those that a plan has a field for
    "batch": "batch", "batch_size": "batch", "n": "batch", "bs": "batch",
    "seq": "seq", "sequence": "seq", "seq_len": "seq", "sequence_length": "seq", "seq_length": "seq",
}  # fmt: skip
_COUNTER = re.compile(r"s[0-9]+|unk__[0-9]+|\?")  # names that exporters make up
_SMALL = 2**20  # elements of an array whose numbers are followed: shapes, axes, ranges of positions


class OnnxFile:
    """The reader of `.onnx`."""

    name = "onnx"

    def recognises(self, path: Path) -> bool:
        """By its name."""
        return path.suffix == ".onnx"

    def read(self, path: Path) -> Model:
        """The model in the file. BadInput for a file that is damaged, or newer than the onnx package here."""
        try:
            import onnx
        except ImportError:
            raise ToolError(f"{path}: onnx is not installed; `pip install onnx`, then try again") from None
        proto = _loaded(path)
        domains = {opset.domain or "ai.onnx": opset.version for opset in proto.opset_import}
        newest = onnx.defs.onnx_opset_version()
        version = domains.get("ai.onnx", 0)
        if not 1 <= version <= newest:
            raise BadInput(f"{path}: opset {version} of ai.onnx; the onnx package here knows 1 to {newest}")
        if proto.functions:
            from onnx.inliner import inline_local_functions

            proto = inline_local_functions(proto)
        graph = _OnnxGraph(proto, str(path), version)
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
            orders=ORDERS,
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
            batch=graph.fixed.get("batch", 1),
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
    known = {value.name for value in (*proto.graph.input, *proto.graph.initializer)}
    for node in proto.graph.node:
        for name in node.input:
            if name and name not in known:
                raise BadInput(
                    f"{path}: node {node.name or node.op_type!r} reads {name!r}, which nothing makes: damaged"
                )
        known.update(node.output)
    return proto


class _OnnxGraph:
    """What of a file does not change with the sizes."""

    def __init__(self, proto: Any, where: str, version: int) -> None:
        from onnx import TensorProto

        self.where, self.version, self.graph = where, version, proto.graph
        self.opsets = list(proto.opset_import)
        self.ir_version = proto.ir_version
        floats = {
            TensorProto.FLOAT: "fp32",
            TensorProto.FLOAT16: "fp16",
            TensorProto.BFLOAT16: "bf16",
            TensorProto.DOUBLE: "fp32",
        }
        self.weights: dict[str, tuple[int, ...]] = {}
        counts: dict[str, int] = {}
        for tensor in self.graph.initializer:
            shape = tuple(tensor.dims)
            if tensor.data_type in floats and len(shape) and max(shape) > 1:
                self.weights[tensor.name] = shape
                elements = 1
                for side in shape:
                    elements *= side
                counts[floats[tensor.data_type]] = counts.get(floats[tensor.data_type], 0) + elements
        self.dtype = max(counts, key=lambda name: counts[name], default="fp32")
        given = {tensor.name for tensor in self.graph.initializer}
        self.inputs = [value for value in self.graph.input if value.name not in given]
        self.sizes: dict[str, Size] = {}
        self.fixed: dict[str, int] = {}
        for value in self.inputs:
            for side, dimension in enumerate(value.type.tensor_type.shape.dim):
                where_side = f"dimension {side} of {value.name}"
                if dimension.HasField("dim_value"):
                    if side == 0:
                        self.fixed.setdefault("batch", dimension.dim_value)
                    continue
                name = self.size_name(value, side)
                self.sizes.setdefault(name, Size(example=1, where=where_side))
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
        return tuple(_Inference(self, values).calls)


class _Inference:
    """Shapes, and the numbers of small arrays that follow from shapes, from node to node."""

    def __init__(self, owner: _OnnxGraph, values: Mapping[str, int]) -> None:
        from onnx import TensorProto, helper, numpy_helper

        self.owner = owner
        self.types: dict[str, Any] = {}
        self.data: dict[str, Any] = {}
        self.places: dict[str, Ref] = {}
        self.calls: list[Call] = []
        for tensor in owner.graph.initializer:
            self.types[tensor.name] = helper.make_tensor_type_proto(tensor.data_type, tuple(tensor.dims))
            is_inside = tensor.data_location != TensorProto.EXTERNAL
            if tensor.name in owner.weights:
                self.places[tensor.name] = Ref(tensor.name)
            elif is_inside:
                self.data[tensor.name] = numpy_helper.to_array(tensor)
        for value in owner.inputs:
            sides = [
                d.dim_value if d.HasField("dim_value") else values[owner.size_name(value, side)]
                for side, d in enumerate(value.type.tensor_type.shape.dim)
            ]
            self.types[value.name] = helper.make_tensor_type_proto(value.type.tensor_type.elem_type, sides)
        names: set[str] = set()
        for index, node in enumerate(owner.graph.node):
            label = node.name or f"{node.op_type}_{index}"
            while label in names or label in owner.weights:
                label += "."
            names.add(label)
            self._node(node, label)

    def _node(self, node: Any, label: str) -> None:
        operator = node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}::{node.op_type}"
        if any(attribute.HasField("g") for attribute in node.attribute):
            raise Unsupported(
                f"{self.owner.where}: node {label!r}: {operator}: control flow inside a graph has no rule"
            )
        if self._is_known(node) and self._is_computed(node):
            return
        if operator not in RULES and operator not in VIEWS:
            raise Unsupported(f"{self.owner.where}: node {label!r}: no rule for operator {operator!r}; {HOW_TO_ADD}")
        made = self._infer(node, label)
        arguments = tuple(self._argument(name) if name else None for name in node.input)
        self.calls.append(
            Call(
                name=label,
                operator=operator,
                where=self.owner.where,
                arguments=arguments,
                settings=_attributes(node),
                made=made,
            )
        )
        for index, name in enumerate(name for name in node.output if name):
            self.places[name] = Ref(label, index)

    def _argument(self, name: str) -> Any:
        """Where an array comes from; an input of the model or a small constant is an array of nobody's making."""
        return self.places.get(name) or self._made(name)

    def _made(self, name: str) -> Made:
        from onnx import TensorProto

        tensor = self.types[name].tensor_type
        is_float = tensor.elem_type in (
            TensorProto.FLOAT,
            TensorProto.FLOAT16,
            TensorProto.BFLOAT16,
            TensorProto.DOUBLE,
        )
        return Made(shape=tuple(d.dim_value for d in tensor.shape.dim), holds="float" if is_float else "integer")

    def _is_known(self, node: Any) -> bool:
        """Whether shapes and constants alone decide the node's numbers."""
        if node.op_type in ("Shape", "Size", "Constant"):
            return True
        known = [self.data[name] for name in node.input if name and name in self.data]
        is_all = len(known) == sum(1 for name in node.input if name)
        return is_all and sum(array.size for array in known) <= _SMALL and not node.op_type.startswith("Random")

    def _is_computed(self, node: Any) -> bool:
        """Whether the node's numbers could be computed, and are now known."""
        import numpy as np
        from onnx import helper
        from onnx.reference import ReferenceEvaluator

        if node.op_type in ("Shape", "Size"):
            shape = [d.dim_value for d in self.types[node.input[0]].tensor_type.shape.dim]
            settings = _attributes(node)
            chosen = shape[settings.get("start", 0) : settings.get("end", len(shape))]
            results: list[Any] = [np.array(chosen if node.op_type == "Shape" else int(np.prod(shape)), dtype=np.int64)]
        else:
            feeds = {name: self.data[name] for name in node.input if name}
            try:
                results = list(ReferenceEvaluator(node).run(None, feeds))
            except Exception:  # the evaluator does not cover every case: then shapes are inferred, and the node counts
                return False
        for name, result in zip(node.output, results, strict=False):
            array = np.asarray(result)
            self.data[name] = array
            self.types[name] = helper.make_tensor_type_proto(helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
        return True

    def _infer(self, node: Any, label: str) -> tuple[Made, ...]:
        import onnx
        from onnx import numpy_helper

        data = {name: numpy_helper.from_array(self.data[name], name) for name in node.input if name in self.data}
        try:
            schema = onnx.defs.get_schema(node.op_type, self.owner.version, node.domain)
            found = onnx.shape_inference.infer_node_outputs(
                schema,
                node,
                {name: self.types[name] for name in node.input if name},
                input_data=data,
                opset_imports=self.owner.opsets,
                ir_version=self.owner.ir_version,
            )
        except Exception as fault:  # the checker's own words, whatever class it raises
            raise BadInput(
                f"{self.owner.where}: node {label!r} ({node.op_type}): {str(fault).strip().splitlines()[0]}"
            ) from None
        for name in node.output:
            tensor = found[name].tensor_type if name in found else None
            if name and (
                tensor is None
                or not tensor.HasField("shape")
                or any(not d.HasField("dim_value") for d in tensor.shape.dim)
            ):
                raise BadInput(
                    f"{self.owner.where}: node {label!r} ({node.op_type}): the shape of {name!r} depends on numbers in an array"
                )
        self.types.update(found)
        return tuple(self._made(name) for name in node.output if name)


def _attributes(node: Any) -> dict[str, Any]:
    from onnx import helper

    found = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in found.items()}
