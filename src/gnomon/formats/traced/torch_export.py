"""A live `torch.nn.Module` -> a model, through `torch.export`: traced on fake arrays, no number computed.

The module may stand on the meta device, without weights. [torch.export, PyTorch documentation]
"""

from __future__ import annotations

import copy
import inspect
import logging
import traceback
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

from gnomon.core.errors import BadInput
from gnomon.core.extras import not_installed
from gnomon.formats.torch_dtype import TORCH_DTYPES
from gnomon.formats.traced import torch_masks
from gnomon.formats.traced.call import Call, Rule
from gnomon.formats.traced.graph import Size, Traced, workload
from gnomon.formats.traced.torch_program import Extraction
from gnomon.formats.traced.torch_rules import RULES, VIEWS
from gnomon.zoo.models import Model

_ASSUMPTIONS = (
    "operators one by one, as the module calls them: nothing is fused by a compiler",
    "views, reshapes and changes of layout cost nothing; neither do casts between floating-point formats",
    "attention skips what a mask that the module makes of places is known to hide (causal, sliding window); a mask that is given hides nothing",
)
_COMPLEX = "a complex number counts as one real number: its products take up to four times the work stated"


def from_torch(
    module: Any,
    inputs: Any = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    name: str | None = None,
    dynamic: Mapping[str, Mapping[int, str]] | None = None,
    rules: Mapping[str, Rule] | None = None,
) -> Model:
    """The model that a module computes on inputs of these shapes; their numbers do not matter.

    inputs, kwargs: what `module(*inputs, **kwargs)` takes; a single tensor may stand alone. dynamic: open sizes, for each
    argument of `forward` its dimensions by name, like {"input_ids": {0: "batch", 1: "seq"}}; "batch" and "seq" are bound by
    those options of a prediction, other names by sizes={...}. Without it the first dimension of every tensor as long as the
    first one's is "batch", where the module allows it. rules: for operators that Gnomon has no rule for.
    BadInput where torch cannot trace the module, with the place; ToolError without torch.
    """
    try:
        import torch
    except ImportError:
        raise not_installed("torch", "torch") from None
    if not isinstance(module, torch.nn.Module):
        raise BadInput(f"from_torch takes a torch.nn.Module, not {type(module).__name__}")
    _check_arguments(inputs, kwargs, dynamic)
    name = name or type(module).__name__
    arguments = (inputs,) if isinstance(inputs, torch.Tensor) else tuple(inputs)
    if (
        len({parameter.is_meta for parameter in module.parameters()}) > 1
    ):  # some modules make a few weights where they like
        module = copy.deepcopy(module).to("meta")
    was_training = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        program, opened = _exported(module, arguments, dict(kwargs or {}), name, dynamic)
    finally:
        for part, before in was_training:
            part.training = before
    traced = _traced(program, module, name, opened, RULES | dict(rules or {}))
    return Model(
        name=name,
        kind="graph",
        source=f"torch.export of {type(module).__module__}.{type(module).__qualname__}",
        build=partial(workload, traced),
        dtype=_usual_format(module),
        batch=traced.fixed.get("batch", 1),
        open_sizes=tuple((name, size.where) for name, size in traced.sizes.items()),
    )


def _check_arguments(inputs: Any, kwargs: Any, dynamic: Any) -> None:
    """BadInput for an argument of `from_torch` that is none of the kinds it may be."""
    import torch

    if not isinstance(inputs, (torch.Tensor, tuple, list)):
        raise BadInput(f"inputs: a tensor or a tuple of what the module takes is expected, not {type(inputs).__name__}")
    if kwargs is not None and not (isinstance(kwargs, Mapping) and all(isinstance(key, str) for key in kwargs)):
        raise BadInput(f"kwargs: a dict of named arguments is expected, not {kwargs!r:.40}")
    if dynamic is None:
        return
    like = 'like {"input_ids": {0: "batch"}}'
    if not isinstance(dynamic, Mapping):
        raise BadInput(f"dynamic: a dict is expected, {like}, not {type(dynamic).__name__}")
    for path, sides in dynamic.items():
        if not isinstance(sides, Mapping) or not all(isinstance(side, int) for side in sides):
            raise BadInput(f"dynamic: {path}: its dimensions by number are expected, {like}, not {sides!r:.40}")


def _usual_format(module: Any) -> str:
    """The format of most parameters.

    float64 is taken as fp32: modules are checked in it, hardly ever trained or served; a plan may ask for fp64. So are the
    formats of parameters that torch keeps and no plan runs in, such as integers.
    """
    counts: dict[str, int] = {}
    for parameter in module.parameters():
        found = TORCH_DTYPES.get(str(parameter.dtype).removeprefix("torch."), "fp32")
        counts[found] = counts.get(found, 0) + parameter.numel()
    return max(counts, key=lambda found: counts[found], default="fp32")


_Opened = dict[tuple[str, int], str]  # (path of the input, dimension) -> name of the open size


def _exported(
    module: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    name: str,
    dynamic: Mapping[str, Mapping[int, str]] | None,
) -> tuple[Any, _Opened]:
    """The exported program and which sizes were asked to be open."""
    bound = _signature(module, args, kwargs, name)
    opened = _asked(bound, name, dynamic)
    attempts = [(_stretched(module, bound, opened), opened), (_stretched(module, bound, {}), {})]
    if dynamic is not None or not opened:
        attempts = attempts[:1]
    fault: BadInput | None = None
    for arguments, wanted in attempts:
        try:
            return _export(module, arguments, wanted, name), wanted
        except BadInput as refused:  # perhaps the batch cannot vary: then it is fixed
            fault = fault or refused
    assert fault is not None
    raise fault


def _signature(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], name: str) -> dict[str, Any]:
    """Arguments of `forward` by name."""
    signature = inspect.signature(module.forward)
    try:
        return dict(signature.bind(*args, **kwargs).arguments)
    except TypeError as fault:
        raise BadInput(f"{name}: the inputs do not fit forward{signature}: {fault}") from None


def _leaves(bound: Mapping[str, Any]) -> dict[str, Any]:
    """Tensors among the arguments by path, like `input_ids` or `batch.mask`."""
    import torch

    found: dict[str, Any] = {}

    def walk(path: str, item: Any) -> None:
        if isinstance(item, torch.Tensor):
            found[path] = item
        elif isinstance(item, Mapping):
            for key, value in item.items():
                if not str(key).isidentifier():
                    raise BadInput(f"inputs: {path}: key {key!r}: letters, digits and _ are expected")
                walk(f"{path}.{key}" if path else str(key), value)
        elif isinstance(item, (list, tuple)):
            for index, value in enumerate(item):
                walk(f"{path}.{index}", value)

    walk("", bound)
    return found


def _asked(bound: Mapping[str, Any], name: str, dynamic: Mapping[str, Mapping[int, str]] | None) -> _Opened:
    leaves = _leaves(bound)
    if dynamic is None:
        first = next((leaf for leaf in leaves.values() if leaf.ndim), None)
        if first is None:
            return {}
        return {(path, 0): "batch" for path, leaf in leaves.items() if leaf.ndim and leaf.shape[0] == first.shape[0]}
    opened: _Opened = {}
    for path, sides in dynamic.items():
        if path not in leaves:
            raise BadInput(
                f"{name}: dynamic: no tensor argument is called {path!r} (there are: {', '.join(leaves) or 'none'})"
            )
        for side, called in sides.items():
            if not 0 <= side < leaves[path].ndim:
                raise BadInput(f"{name}: dynamic: {path} has {leaves[path].ndim} dimensions, no dimension {side}")
            opened[path, side] = called if isinstance(called, str) else getattr(called, "__name__", str(called))
    return opened


def _stretched(module: Any, bound: Mapping[str, Any], opened: _Opened) -> dict[str, Any]:
    """The arguments on the module's device, open sizes at least two: torch takes a size of one for a fixed one."""
    import torch

    device = next((array.device for array in (*module.parameters(), *module.buffers())), None)

    def walk(path: str, item: Any) -> Any:
        if isinstance(item, torch.Tensor):
            shape = [max(size, 2) if (path, side) in opened else size for side, size in enumerate(item.shape)]
            where = device or item.device
            if list(item.shape) == shape and item.device == where:
                return item
            return torch.zeros(shape, dtype=item.dtype, device=where)
        if isinstance(item, Mapping):
            return {key: walk(f"{path}.{key}" if path else str(key), value) for key, value in item.items()}
        if isinstance(item, (list, tuple)):
            parts = [walk(f"{path}.{index}", value) for index, value in enumerate(item)]
            return type(item)(parts) if type(item) in (list, tuple) else type(item)(*parts)
        return item

    found: dict[str, Any] = walk("", dict(bound))
    return found


def _export(module: Any, arguments: dict[str, Any], opened: _Opened, name: str) -> Any:
    """torch.export of the module. BadInput with the place in the user's program where that fails."""
    import torch

    def shapes(path: str, item: Any) -> Any:
        if isinstance(item, torch.Tensor):
            sides = {side: torch.export.Dim.AUTO for place, side in opened if place == path}
            return sides or None
        if isinstance(item, Mapping):
            return {key: shapes(f"{path}.{key}" if path else str(key), value) for key, value in item.items()}
        if isinstance(item, (list, tuple)):
            return (
                type(item)(shapes(f"{path}.{i}", value) for i, value in enumerate(item))
                if type(item) in (list, tuple)
                else None
            )
        return None

    signature = inspect.signature(module.forward)
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    is_gap = False
    for key, parameter in signature.parameters.items():
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            args.extend(arguments.get(key, ()))
        elif parameter.kind is inspect.Parameter.VAR_KEYWORD:
            kwargs.update(arguments.get(key, {}))
        elif key in arguments and parameter.kind is not inspect.Parameter.KEYWORD_ONLY and not is_gap:
            args.append(arguments[key])
        elif key in arguments:
            kwargs[key] = arguments[key]
        else:
            is_gap = True  # what comes after an argument that was left out goes by its name
    spec = {key: shapes(key, value) for key, value in arguments.items()}
    try:
        with _quiet():
            return torch.export.export(
                module, tuple(args), kwargs or None, dynamic_shapes=spec if opened else None, strict=False
            )
    except Exception as fault:  # whatever the module or the tracer raises is the report
        raise BadInput(f"{name}: torch.export cannot trace it{_place(fault)}: {_why(fault)}") from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what the tracer prints: a failed trace is told in one line."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _place(fault: BaseException) -> str:
    """File and line of the user's program where the tracing failed."""
    import torch

    library = str(Path(torch.__file__).parent)
    own = str(Path(__file__).parent)
    frames = [
        frame
        for frame in traceback.extract_tb(fault.__traceback__)
        if not frame.filename.startswith((library, own)) and "importlib" not in frame.filename
    ]
    return f" (at {frames[-1].filename}:{frames[-1].lineno}: {frames[-1].line})" if frames else ""


def _why(fault: BaseException) -> str:
    text = next((line.strip() for line in str(fault).splitlines() if line.strip()), type(fault).__name__)
    kind = type(fault).__name__
    if "DataDependent" in kind or "data-dependent" in str(fault):
        return "the control flow depends on the numbers in an array, which a trace does not have; let shapes or arguments decide"
    return f"{kind}: {text}"


def _traced(program: Any, module: Any, name: str, opened: _Opened, rules: Mapping[str, Rule]) -> Traced:
    import sympy

    extraction = Extraction(program, module, name)
    calls = tuple(extraction.calls)
    sizes, fixed, symbols = _sizes(program, extraction, opened, name)
    origins: dict[Any, Call] = {}
    for call in calls:
        for side in (side for made in call.made for side in made.shape if hasattr(side, "free_symbols")):
            for symbol in side.free_symbols:
                origins.setdefault(symbol, call)

    def evaluate(expression: Any, values: Mapping[str, int]) -> int:
        bound = expression.xreplace({symbol: sympy.Integer(values[size]) for symbol, size in symbols.items()})
        if bound.free_symbols:
            call = next((origins[symbol] for symbol in bound.free_symbols if symbol in origins), None)
            node = f"node {call.name!r}{f' ({call.where})' if call.where else ''}: " if call else ""
            raise BadInput(
                f"{name}: {node}a size depends on the numbers in an array, which a prediction does not have; let shapes or arguments decide"
            )
        return int(bound)

    return Traced(
        name=name,
        weights=extraction.weights,
        inputs=extraction.inputs,
        calls=lambda values: calls,
        sizes=sizes,
        fixed=fixed,
        evaluate=evaluate,
        rules=rules,
        views=VIEWS,
        known=torch_masks.known,
        frozen=sum(parameter.numel() for parameter in module.parameters() if not parameter.requires_grad),
        assumptions=(*_ASSUMPTIONS, *((_COMPLEX,) if extraction.has_complex else ())),
    )


def _sizes(
    program: Any, extraction: Extraction, opened: _Opened, name: str
) -> tuple[dict[str, Size], dict[str, int], dict[Any, str]]:
    """Open sizes by name, fixed ones by name, and the name of each of the tracer's symbols."""
    sizes: dict[str, Size] = {}
    fixed: dict[str, int] = {}
    symbols: dict[Any, str] = {}
    for (path, side), called in opened.items():
        expression = extraction.inputs[path.replace(".", "_")].shape[side]  # type: ignore[union-attr]
        where = f"dimension {side} of {path}"
        if isinstance(expression, int):
            if called in sizes:
                raise BadInput(
                    f"{name}: {where} ({called!r}) is fixed at {expression} by the module, elsewhere {called!r} is open"
                )
            fixed[called] = expression
            continue
        if symbols.get(expression, called) != called:
            raise BadInput(
                f"{name}: {where}: {called!r} and {symbols[expression]!r} are always equal in this module; give both one name"
            )
        if not expression.is_Symbol:
            continue  # follows from the other sizes
        limits = program.range_constraints.get(expression)
        high = (
            int(limits.upper) if limits is not None and limits.upper.is_Integer and int(limits.upper) < 2**40 else None
        )
        symbols[expression] = called
        example = int(extraction.hints.get(expression, 2))
        before = sizes.get(called)
        if before is not None and before.high is not None:
            high = before.high if high is None else min(high, before.high)
        sizes[called] = Size(example=example, high=high, where=where)
    if not opened:
        first = next(
            (leaf.shape[0] for leaf in extraction.leaves if leaf.shape and isinstance(leaf.shape[0], int)), None
        )
        fixed |= {"batch": first} if first is not None else {}
    return sizes, fixed, symbols
