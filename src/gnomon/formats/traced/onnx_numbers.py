"""The numbers of an array in an ONNX file."""

from __future__ import annotations

from typing import Any

from gnomon.core.errors import BadInput


def numbers(tensor: Any, where: str) -> Any:
    """The numbers of an array in a file. BadInput where they are not as many as its shape says."""
    from onnx import numpy_helper

    try:
        return numpy_helper.to_array(tensor)
    except (ValueError, TypeError, KeyError) as fault:
        raise BadInput(
            f"{where}: the numbers of {tensor.name!r} do not fit its shape or type: damaged ({fault})"
        ) from None
