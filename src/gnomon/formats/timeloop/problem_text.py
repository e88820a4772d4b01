"""Problem -> `problem:` of a Timeloop file, as the binaries read it."""

from __future__ import annotations

from typing import Any

import yaml

from gnomon.core.errors import Unsupported
from gnomon.core.problem import Problem, Term

_VERSION = 0.3  # of the grammar


def problem_text(problem: Problem) -> str:
    """A YAML document that reads back as the same problem. Unsupported where a dimension has more than a letter."""
    for dim in problem.bounds:
        if len(dim) != 1:
            raise Unsupported(f"a problem in Timeloop's form: dimension {dim!r} has more than one letter")
    terms = [term for space in problem.spaces for rank in space.ranks for term in rank]
    factors = sorted({term.factor for term in terms if term.factor != 1})
    shape: dict[str, Any] = {"name": problem.name, "dimensions": list(problem.bounds)}
    if factors:
        shape["coefficients"] = [{"name": _called(factor), "default": factor} for factor in factors]
    shape["data_spaces"] = [
        {"name": space.name, "projection": [[_term(term) for term in rank] for rank in space.ranks]}
        | ({"read_write": True} if space.is_output else {})
        for space in problem.spaces
    ]
    whole = {"problem": {"version": _VERSION, "shape": shape, "instance": dict(problem.bounds)}}
    return yaml.safe_dump(whole, sort_keys=False, allow_unicode=True, width=10**6)


def _term(term: Term) -> list[str]:
    return [term.dim] if term.factor == 1 else [term.dim, _called(term.factor)]


def _called(factor: int) -> str:
    """The name of a coefficient; the same factor has one name everywhere."""
    return f"times{factor}" if factor >= 0 else f"minus{-factor}"
