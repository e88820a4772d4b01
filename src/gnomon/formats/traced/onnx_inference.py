"""The nodes of an ONNX graph with sizes given: shapes, the numbers of small arrays that follow from shapes, and masks."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from gnomon.core.errors import BadInput, Unsupported
from gnomon.formats.traced import onnx_masks
from gnomon.formats.traced.call import Call, Made, Ref
from gnomon.formats.traced.graph import HOW_TO_ADD
from gnomon.formats.traced.masks import Mask, of_numbers
from gnomon.formats.traced.onnx_attention import with_attention
from gnomon.formats.traced.onnx_numbers import numbers
from gnomon.formats.traced.onnx_rules import RULES, VIEWS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gnomon.formats.traced.onnx_file import OnnxGraph

_SMALL = 2**20  # elements of an array whose numbers are followed: shapes, axes, ranges of positions


_AS_THEIR_INPUT = ("GroupNormalization",)  # in shape; onnx infers none in opset 21, and has withdrawn the one of 18


class Inference:
    """From node to node, in the order of the file."""

    def __init__(self, owner: OnnxGraph, values: Mapping[str, int]) -> None:
        from onnx import TensorProto, helper

        self.owner = owner
        self.types: dict[str, Any] = {}
        self.data: dict[str, Any] = {}  # numbers, where they are known
        self.decided: set[str] = set()  # arrays that follow from shapes and constants, their numbers known or not
        self.masks: dict[str, Mask | None] = {}
        self.places: dict[str, Ref] = {}
        self._calls: list[Call] = []
        self._read_masks: dict[tuple[str, int], Mask] = {}
        for tensor in owner.graph.initializer:
            self.types[tensor.name] = helper.make_tensor_type_proto(tensor.data_type, tuple(tensor.dims))
            is_inside = tensor.data_location != TensorProto.EXTERNAL
            if tensor.name in owner.weights:
                self.places[tensor.name] = Ref(tensor.name)
            elif is_inside:
                self.data[tensor.name] = numbers(tensor, owner.where)
        for name, kind in owner.dequantised.items():
            self.types[name] = helper.make_tensor_type_proto(kind, owner.weights[name])
            self.places[name] = Ref(name)
        self.decided.update(self.data)
        for value in owner.inputs:
            sides = [
                d.dim_value if d.HasField("dim_value") else values[owner.size_name(value, side)]
                for side, d in enumerate(value.type.tensor_type.shape.dim)
            ]
            self.types[value.name] = helper.make_tensor_type_proto(value.type.tensor_type.elem_type, sides)
        names: set[str] = set()
        for index, node in enumerate(owner.graph.node):
            if node.op_type == "DequantizeLinear" and node.output[0] in owner.dequantised:
                continue  # where a weight is read, it is scaled
            label = node.name or f"{node.op_type}_{index}"
            while label in names or label in owner.weights:
                label += "."
            names.add(label)
            self._node(node, label)

    @property
    def calls(self) -> tuple[Call, ...]:
        """The nodes that compute on the inputs' numbers, attention that the file writes out as one."""
        outputs = [self.places[value.name] for value in self.owner.graph.output if value.name in self.places]
        return with_attention(self._calls, outputs, self._read_masks)

    def _node(self, node: Any, label: str) -> None:
        operator = node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}::{node.op_type}"
        if any(attribute.HasField("g") for attribute in node.attribute):
            raise Unsupported(
                f"{self.owner.where}: node {label!r}: {operator}: control flow inside a graph has no rule"
            )
        if self._is_known(node):
            if self._is_computed(node):
                return
            if self._is_large(node):
                self._infer(node, label)
                self.decided.update(node.output)
                self._follow_mask(node)
                return
        if operator not in RULES and operator not in VIEWS:
            raise Unsupported(f"{self.owner.where}: node {label!r}: no rule for operator {operator!r}; {HOW_TO_ADD}")
        made = self._infer(node, label)
        axis, rank = _attributes(node).get("axis", 0), len(self._made(node.input[0]).shape) if node.input else 0
        if not -rank <= axis <= rank:
            raise BadInput(
                f"{self.owner.where}: node {label!r} ({operator}): axis {axis} of an array of {rank} dimensions"
            )
        arguments = tuple(self._argument(name) if name else None for name in node.input)
        for place, name in enumerate(node.input):
            if operator in ("Add", "Where", "Attention") and (mask := self._mask(name)):
                self._read_masks[label, place] = mask
        self._follow_mask(node)
        self._calls.append(
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

    def _mask(self, name: str) -> Mask | None:
        """What is known of an array as a mask."""
        if name not in self.masks and name in self.data:
            self.masks[name] = of_numbers(self.data[name])
        return self.masks.get(name)

    def _follow_mask(self, node: Any) -> None:
        """What is known of a node's output as a mask, where queries and keys stay the last two dimensions."""
        if node.op_type not in onnx_masks.OPERATORS:
            return
        read = {name: mask for name in node.input if name and (mask := self._mask(name))}
        found = onnx_masks.after(node, read, self.data, _attributes(node))
        out = self._made(node.output[0]).shape
        if found is not None and all(
            side == 1 or side == out[place]
            for name in node.input
            if name in read
            for place, side in zip((-1, -2), self._made(name).shape[:-3:-1], strict=False)
        ):
            self.masks[node.output[0]] = found

    def _is_known(self, node: Any) -> bool:
        """Whether shapes and constants alone decide the node's numbers."""
        if node.op_type in ("Shape", "Size", "Constant"):
            return True
        return all(name in self.decided for name in node.input if name) and not node.op_type.startswith("Random")

    def _is_large(self, node: Any) -> bool:
        """Whether the node's numbers are too many to follow: they are decided all the same."""
        if node.op_type in ("Shape", "Size", "Constant"):
            return False
        names = [name for name in node.input if name]
        if any(name not in self.data for name in names):
            return True
        known = [self.data[name] for name in names]
        read: int = sum(array.size for array in known)
        return max(read, _made_elements(node.op_type, known)) > _SMALL

    def _is_computed(self, node: Any) -> bool:
        """Whether the node's numbers could be computed, and are now known."""
        import numpy as np
        from onnx import helper
        from onnx.reference import ReferenceEvaluator

        if self._is_large(node):
            return False
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
            self.decided.add(name)
            self.types[name] = helper.make_tensor_type_proto(helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
        return True

    def _infer(self, node: Any, label: str) -> tuple[Made, ...]:
        import onnx
        from onnx import numpy_helper

        if node.op_type in _AS_THEIR_INPUT:
            self.types[node.output[0]] = self.types[node.input[0]]
            return (self._made(node.output[0]),)
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


def _made_elements(operator: str, known: list[Any]) -> int:
    """How many numbers an operator makes of known ones, where that may be many more than it reads."""
    import numpy as np

    try:
        if operator == "Expand":
            return prod(np.broadcast_shapes(known[0].shape, tuple(known[1])))
        if operator == "ConstantOfShape":
            return prod(int(side) for side in known[0])
        if operator == "Tile":
            return int(known[0].size * np.prod(known[1]))
        return prod(np.broadcast_shapes(*(array.shape for array in known)))
    except ValueError:  # shapes that are not to be broadcast
        return 0
