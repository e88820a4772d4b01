"""Tensor operations in the words of a convolution: one set of names for every problem of a network and every dataflow.

A matrix product is the convolution of an image that is one pixel wide: its rows are the rows of the image, its columns the
output channels, what it sums over the input channels, and its right factor the weights, whatever they hold.
"""

from __future__ import annotations

from typing import Literal, get_args

from gnomon.core.problem import DataSpace, Problem, Term

Dim = Literal["R", "S", "P", "Q", "C", "M", "N", "G"]
Space = Literal["Weights", "Inputs", "Outputs"]
SPACES: tuple[Space, ...] = get_args(Space)

# What each dimension runs over, in the order of a problem.
DIMS: dict[Dim, str] = {
    "R": "columns of a kernel",
    "S": "rows of a kernel",
    "P": "columns of the output",
    "Q": "rows of the output",
    "C": "input channels of a group",
    "M": "output channels of a group",
    "N": "images of a batch",
    "G": "groups",
}

Pair = tuple[int, int]  # of rows and of columns


def convolution(
    *,
    batch: int,
    c_in: int,
    c_out: int,
    kernel: Pair,
    out_size: Pair,
    stride: Pair = (1, 1),
    dilation: Pair = (1, 1),
    groups: int = 1,
) -> Problem:
    """The problem of a convolution, its input as large as its windows reach; `G` is there where it has groups."""
    channels, filters = c_in // groups, c_out // groups
    bounds = dict(zip(map(str, DIMS), (*kernel[::-1], *out_size[::-1], channels, filters, batch, groups), strict=True))
    rows = (Term(dim="S", factor=dilation[0]), Term(dim="Q", factor=stride[0]))
    columns = (Term(dim="R", factor=dilation[1]), Term(dim="P", factor=stride[1]))
    name = f"conv {_by(kernel)}{_after('/', stride)}{_after(' dilated ', dilation)} {channels}->{filters} at {_by(out_size)}"
    return _problem(
        name + (f" of {batch} images" if batch > 1 else ""),
        bounds,
        weights=(_alone("C"), _alone("M"), _alone("R"), _alone("S")),
        inputs=(_alone("N"), _alone("C"), columns, rows),
        outputs=(_alone("N"), _alone("M"), _alone("Q"), _alone("P")),
    )


def product(*, m: int, n: int, k: int, batch: int = 1) -> Problem:
    """The problem of `batch` products (m, k) x (k, n), each of factors of its own; `G` is there where it is a batch."""
    return _problem(
        f"product {m}x{k} by {k}x{n}",
        {"Q": m, "C": k, "M": n, "G": batch},
        weights=(_alone("C"), _alone("M")),
        inputs=(_alone("Q"), _alone("C")),
        outputs=(_alone("Q"), _alone("M")),
    )


Ranks = tuple[tuple[Term, ...], ...]


def _problem(name: str, bounds: dict[str, int], *, weights: Ranks, inputs: Ranks, outputs: Ranks) -> Problem:
    """A problem of the three data spaces; of several groups each has its own part of all of them."""
    groups = bounds.pop("G")
    of_group: Ranks = ()
    if groups > 1:
        name, bounds, of_group = f"{groups} of {name}", {**bounds, "G": groups}, (_alone("G"),)
    spaces = tuple(
        DataSpace(name=space, ranks=(*of_group, *ranks), is_output=ranks is outputs)
        for space, ranks in zip(SPACES, (weights, inputs, outputs), strict=True)
    )
    return Problem(name=name, bounds=bounds, spaces=spaces)


def _alone(dim: str) -> tuple[Term, ...]:
    return (Term(dim=dim),)


def _by(pair: Pair) -> str:
    return f"{pair[0]}x{pair[1]}"


def _after(sign: str, pair: Pair) -> str:
    """A stride or a dilation in words; empty where it is 1."""
    if pair == (1, 1):
        return ""
    return f"{sign}{pair[0]}" if pair[0] == pair[1] else f"{sign}{_by(pair)}"
