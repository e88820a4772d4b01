"""Tiny tensor operations on tiny accelerators, for tests of adapters."""

from __future__ import annotations

from collections.abc import Mapping

from gnomon.core.accelerator import Accelerator, Actions, Memory, Units
from gnomon.core.problem import DataSpace, Problem, Term
from gnomon.core.tool import Question


def tiny_questions() -> Mapping[str, Question]:
    """By name: a product, one whose bounds divide nothing, and a convolution with a stride, each on a row of four units."""
    return {
        "product": _question(_product(8, 8, 16)),
        "ragged product": _question(_product(7, 5, 11)),
        "convolution": _question(_convolution()),
    }


def _product(m: int, n: int, k: int) -> Problem:
    spaces = (_space("A", "M", "K"), _space("B", "K", "N"), _space("Z", "M", "N", is_output=True))
    return Problem(name="product", bounds={"M": m, "N": n, "K": k}, spaces=spaces)


def _convolution() -> Problem:
    rows, columns = ((Term(dim=output, factor=2), Term(dim=filter_)) for output, filter_ in (("P", "R"), ("Q", "S")))
    return Problem(
        name="convolution",
        bounds={"R": 3, "S": 3, "P": 4, "Q": 4, "C": 2, "M": 4},
        spaces=(
            _space("Weights", "C", "M", "R", "S"),
            DataSpace(name="Inputs", ranks=((Term(dim="C"),), rows, columns)),
            _space("Outputs", "M", "P", "Q", is_output=True),
        ),
    )


def _space(name: str, *dims: str, is_output: bool = False) -> DataSpace:
    return DataSpace(name=name, ranks=tuple((Term(dim=dim),) for dim in dims), is_output=is_output)


def _question(problem: Problem) -> Question:
    """Of a row of four units, each with registers, behind one buffer; all memories keep all data spaces."""
    accelerator = Accelerator(
        name="row",
        units=Units(name="MAC", mesh_x=4, mac_pj=1.0),
        memories=(
            Memory(name="Registers", mesh_x=4, entries=64, actions=_alike(1.0)),
            Memory(
                name="Buffer", entries=4096, actions=_alike(6.0), read_words_per_cycle=8.0, write_words_per_cycle=8.0
            ),
            Memory(name="DRAM", actions=_alike(200.0), shared_words_per_cycle=4.0),
        ),
    )
    every = frozenset(space.name for space in problem.spaces)
    return Question(problem=problem, accelerator=accelerator, kept=(every,) * len(accelerator.memories))


def _alike(access_pj: float) -> Actions:
    return Actions(read_pj=access_pj, fill_pj=access_pj, update_pj=access_pj)
