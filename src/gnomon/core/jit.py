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


def inner(function: _F) -> _F:
    """A function that compiled ones call, in whatever file: compiled with them, not kept apart."""
    from numba import njit

    unseen: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}  # Python does not call it
    return cast(_F, njit(**unseen)(function))
