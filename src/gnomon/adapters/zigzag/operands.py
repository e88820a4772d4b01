"""Which data space is ZigZag's output O, input I and weight W."""

from __future__ import annotations

from gnomon.core.problem import DataSpace, Problem

OUTPUT, INPUT, WEIGHT = "O", "I", "W"


def operands(problem: Problem) -> dict[str, DataSpace]:
    """Operand -> data space. Of the two that are read, the input is the one whose index is a sum, else the first."""
    (output,) = (space for space in problem.spaces if space.is_output)
    first, second = (space for space in problem.spaces if not space.is_output)
    if any(len(rank) > 1 for rank in second.ranks):
        first, second = second, first
    return {INPUT: first, WEIGHT: second, OUTPUT: output}


def reasons_against(problem: Problem) -> tuple[str, ...]:
    """Why its loops cannot be written as a layer of ZigZag; empty when they can."""
    outputs = [space for space in problem.spaces if space.is_output]
    inputs = [space for space in problem.spaces if not space.is_output]
    if len(outputs) != 1 or len(inputs) != 2:
        return (f"a layer has two inputs and one output, not {len(inputs)} and {len(outputs)}",)
    found = []
    if len({dim.upper() for dim in problem.bounds}) < len(problem.bounds):
        found.append("two dimensions have names that differ in case alone")
    for space in problem.spaces:
        found += [f"{space.name}: {reason}" for reason in _against(space)]
    if sum(any(len(rank) > 1 for rank in space.ranks) for space in inputs) > 1:
        found.append("both inputs have an index that is a sum; one may")
    return tuple(found)


def _against(space: DataSpace) -> list[str]:
    found = []
    if not space.ranks:
        found.append("it has no index")
    terms = [term for rank in space.ranks for term in rank]
    if len({term.dim for term in terms}) < len(terms):
        found.append("a dimension is in it twice")
    for rank in space.ranks:
        if len(rank) > 2 or not rank:
            found.append(f"an index is a sum of {len(rank)} terms; one or two can be written")
        elif len(rank) == 2 and space.is_output:
            found.append("an index of the output is a sum")
        elif len(rank) == 1 and rank[0].factor != 1:
            found.append(f"an index is {rank[0].factor} times {rank[0].dim}; alone, a dimension has no factor")
        elif any(term.factor < 1 for term in rank):
            found.append("an index has a factor below 1")
    return found
