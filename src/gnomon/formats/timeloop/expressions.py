"""Numbers written as expressions of variables: `2 * datawidth`."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}
_DEEPEST = 30  # expressions within expressions; more is a circle


def evaluated(text: str, names: Mapping[str, Any]) -> Any:
    """What the text stands for, a number or a truth value; None where it is no such expression, or one in a circle."""
    return _evaluated(text, names, 0, {})


def _evaluated(text: str, names: Mapping[str, Any], depth: int, known: dict[str, Any]) -> Any:
    """`known`: what names were found to stand for, each of them once."""
    if depth > _DEEPEST:
        return None
    try:
        return _value(ast.parse(text.strip(), mode="eval").body, names, depth, known)
    except (SyntaxError, ValueError, TypeError, KeyError, ArithmeticError, RecursionError, MemoryError):
        return None


def _value(node: ast.expr, names: Mapping[str, Any], depth: int, known: dict[str, Any]) -> Any:
    match node:
        case ast.Constant(value=bool() | int() | float() as found):
            return found
        case ast.Name(id=name):
            if name not in known:
                found = names[name]
                known[name] = _evaluated(found, names, depth + 1, known) if isinstance(found, str) else found
            return known[name]
        case ast.UnaryOp(op=sign, operand=inner):
            return _OPERATORS[type(sign)](_value(inner, names, depth, known))
        case ast.BinOp(left=left, op=sign, right=right):
            return _OPERATORS[type(sign)](_value(left, names, depth, known), _value(right, names, depth, known))
    raise ValueError("no number")
