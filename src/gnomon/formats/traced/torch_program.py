"""An exported program of torch, read into calls: nothing of torch is left in them but the tracer's sizes."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from gnomon.formats.traced.call import Call, Made, Ref
from gnomon.formats.traced.graph import unused
from gnomon.formats.traced.torch_rules import SILENT

_INLINED = {"wrap_with_set_grad_enabled": 1, "wrap_with_autocast": 4}  # place of the wrapped graph among the arguments


class Extraction:
    """The calls of an exported program, read once in its order; wrapped graphs stand in line with the others."""

    def __init__(self, program: Any, module: Any, name: str) -> None:
        self.name = name
        self.calls: list[Call] = []
        self._names: set[str] = set()
        self.inputs: dict[str, Made | str] = {}
        self.hints: dict[Any, int] = {}
        self.has_complex = False  # whether numbers with a real and an imaginary part occur
        self.weights: dict[str, tuple[int, ...]] = {}
        first_name: dict[int, str] = {}
        shapes: dict[str, str] = {}
        for path, parameter in module.named_parameters(remove_duplicate=False):
            shapes[path] = first_name.setdefault(id(parameter), path)
            self.weights[shapes[path]] = tuple(parameter.shape)
        signature = program.graph_signature
        parameters = signature.inputs_to_parameters
        self._places: dict[str, Any] = {}
        nodes = list(program.graph.nodes)
        placeholders = [node for node in nodes if node.op == "placeholder"]
        for node in placeholders:
            value = node.meta.get("val")
            if node.name in parameters:
                self.inputs[node.name] = shapes[parameters[node.name]]
            elif hasattr(value, "shape"):
                self.inputs[node.name] = self._made(value)
            self._places[node.name] = Ref(node.name)
        user = [n.name for n in placeholders if n.name in set(map(str, signature.user_inputs))]
        self.leaves = [made for n in user if isinstance(made := self.inputs.get(n), Made)]
        self._walk(nodes, program.graph_module, "")

    def _made(self, value: Any) -> Made:
        sides = tuple(self._size(side) for side in value.shape)
        self.has_complex |= value.dtype.is_complex
        is_float = value.dtype.is_floating_point or value.dtype.is_complex
        return Made(shape=sides, holds="float" if is_float else "integer")

    def _size(self, side: Any) -> Any:
        """A number, or the tracer's expression for it."""
        if isinstance(side, int):
            return side
        expression = side.node.expr
        if expression.is_Integer:
            return int(expression)
        hint = side.node.hint if expression.is_Symbol else None
        if hint is not None:
            self.hints[expression] = int(hint)
        return expression

    def _walk(self, nodes: Sequence[Any], owner: Any, prefix: str) -> Any:
        """Take the calls of one graph; returns what its output node names."""
        for node in nodes:
            match node.op:
                case "call_function":
                    self._call(node, owner, prefix)
                case "output":
                    return node.args[0]
        return ()

    def _argument(self, item: Any, prefix: str) -> Any:
        import torch

        if isinstance(item, torch.fx.Node):
            value = item.meta.get("val")
            if isinstance(value, torch.SymInt):
                return self._size(value)
            if isinstance(value, (int, float, bool)):
                return value
            return self._places.get(prefix + item.name)
        if isinstance(item, (list, tuple)):
            return [self._argument(part, prefix) for part in item]
        if isinstance(item, torch.SymInt):
            return self._size(item)
        return item if isinstance(item, (int, float, bool, str)) or item is None else str(item)

    def _call(self, node: Any, owner: Any, prefix: str) -> None:
        target = node.target
        if target is operator.getitem:
            source = self._places.get(prefix + node.args[0].name)
            if isinstance(source, list):
                self._places[prefix + node.name] = source[node.args[1]]
            elif isinstance(source, Ref):
                self._places[prefix + node.name] = Ref(source.name, node.args[1])
            return
        spelled = _operator(target)
        if spelled in _INLINED:
            self._inline(node, owner, prefix, _INLINED[spelled])
            return
        value = node.meta.get("val")
        values = value if isinstance(value, (list, tuple)) else (value,)
        made = tuple(self._made(one) for one in values if hasattr(one, "shape"))
        if spelled in SILENT or not made:
            return
        called = self._called(node)
        self._places[prefix + node.name] = Ref(called)
        self.calls.append(
            Call(
                name=called,
                operator=spelled,
                where=_source_line(node),
                arguments=tuple(self._argument(item, prefix) for item in node.args),
                settings={key: self._argument(item, prefix) for key, item in node.kwargs.items()},
                made=made,
            )
        )

    def _called(self, node: Any) -> str:
        """The module that makes the call, and the call, unlike any other."""
        stack = node.meta.get("nn_module_stack") or {}
        path = list(stack.values())[-1][0] if stack else ""
        called = ".".join(part for part in (path.removeprefix("L['self']").strip("."), node.name) if part)
        return unused(called, self._names)

    def _inline(self, node: Any, owner: Any, prefix: str, place: int) -> None:
        """A graph that is called with another setting of gradients or autocast: its calls in this one's place."""
        wrapped = getattr(owner, node.args[place].target)
        inner = f"{prefix}{node.name}."
        nodes = list(wrapped.graph.nodes)
        given = node.args[place + 1 :]
        for placeholder, item in zip((n for n in nodes if n.op == "placeholder"), given, strict=True):
            self._places[inner + placeholder.name] = self._argument(item, prefix)
        results = self._walk(nodes, wrapped, inner)
        found = [
            self._argument(item, inner) for item in (results if isinstance(results, (list, tuple)) else (results,))
        ]
        self._places[prefix + node.name] = found if isinstance(results, (list, tuple)) else found[0]


def _operator(target: Any) -> str:
    """`add` for aten::add_.Tensor; `library::op` for another library's."""
    schema = getattr(target, "_schema", None)
    if schema is None:
        return str(getattr(target, "_name", None) or getattr(target, "__name__", target))
    library, _, called = schema.name.partition("::")
    if called.endswith("_") and not called.endswith("__"):
        called = called[:-1]
    return called if library == "aten" else f"{library}::{called}"


def _source_line(node: Any) -> str:
    """The innermost line of the user's program behind a call, as file:line."""
    lines = [line for line in (node.meta.get("stack_trace") or "").splitlines() if line.strip().startswith("File ")]
    if not lines:
        return ""
    own = [line for line in lines if "site-packages/torch/" not in line]
    parts = (own or lines)[-1].strip().split(", ")
    return f"{parts[0].removeprefix('File ').strip(chr(34))}:{parts[1].removeprefix('line ')}"
