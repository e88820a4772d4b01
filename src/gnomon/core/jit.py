"""Compilation of functions over arrays of numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

_F = TypeVar("_F", bound=Callable[..., Any])


def compiled(function: _F) -> _F:
    """A function compiled by numba, kept on disk where there is a folder to write to, else compiled by each process."""
    from numba import njit  # half a second, which only what compiles waits for

    try:
        return cast(_F, njit(cache=True)(function))
    except RuntimeError:  # neither beside the source nor in the user's cache: a sandbox, a read-only installation
        return cast(_F, njit(function))


_UNSEEN = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}  # Python does not call it


def inner(function: _F) -> _F:
    """A function that compiled ones call, in whatever file, and that makes no array: compiled with them, not kept apart.

    Without arrays of its own it need not count who holds those that it is handed, which took two thirds of the time of `serving`.
    """
    from numba import njit

    borrowing: dict[str, Any] = {**_UNSEEN, "_nrt": False}
    return cast(_F, njit(**borrowing)(function))


def passing_on(function: _F) -> _F:
    """A function that hands on much and does little, with one caller or few: written into them, so that nothing is handed over.

    Of each array of a tuple a compiled function is handed seven numbers or more: a dozen of tuples took a third of the time of `serving`,
    `benchmarks/bench_serving.py`. What is written into much else takes long to compile.
    """
    from numba import njit

    borrowing: dict[str, Any] = {**_UNSEEN, "_nrt": False, "inline": "always"}
    return cast(_F, njit(**borrowing)(function))


def inner_making_arrays(function: _F) -> _F:
    """The same of a function that makes arrays, takes parts of them or hands them back."""
    from numba import njit

    counting: dict[str, Any] = {**_UNSEEN, "_nrt": True}
    return cast(_F, njit(**counting)(function))
