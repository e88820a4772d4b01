"""Functions of each element of an array: arithmetic, and what their gradients read, write and need.

An exponential, a root, a tanh or a division counts as one flop; the count decides nothing on today's devices, whose
vector units outrun their memory on all of these by an order of magnitude.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """One function of one element."""

    flop: float  # per element
    gradient_reads: int = (
        2  # arrays that its gradient reads: of a function of one array, the output's gradient and that array
    )
    gradient_writes: int = 1
    keeps: Literal["inputs", "output", "nothing"] = "inputs"  # what autograd keeps of the forward pass for it


def _linear(flop: float) -> Function:
    """A function whose gradient is the output's, moved: nothing is kept."""
    return Function(flop=flop, gradient_reads=1, keeps="nothing")


def _of_its_output(flop: float) -> Function:
    """A function whose gradient is computed from its own output (torch's autograd formulas)."""
    return Function(flop=flop, keeps="output")


# A sum of two arrays has nothing to compute backward, but its counterpart, the fan-out of a residual, adds two gradients:
# the same traffic.
_SUM = Function(flop=1.0, keeps="nothing")
_PRODUCT = Function(flop=1.0, gradient_reads=3, gradient_writes=2)
_UNARY = Function(flop=1.0)

FUNCTIONS: dict[str, Function] = {
    "add": _SUM,
    "sub": _SUM,
    "mul": _PRODUCT,
    "div": _PRODUCT,
    "multiply_add": Function(flop=2.0, gradient_reads=3, gradient_writes=2),
    "pow": _UNARY,
    "relu": _of_its_output(1.0),
    "relu6": _of_its_output(2.0),
    "clamp": Function(flop=2.0),
    "tanh": _of_its_output(1.0),
    "sigmoid": _of_its_output(3.0),  # exponential, sum, quotient
    "exp": _of_its_output(1.0),
    "log": _UNARY,
    "sqrt": _of_its_output(1.0),
    "rsqrt": _of_its_output(2.0),  # root, quotient
    "reciprocal": _of_its_output(1.0),
    "erf": _UNARY,
    "sin": _UNARY,
    "cos": _UNARY,
    "abs": _UNARY,
    "neg": _linear(1.0),
    "round": _linear(1.0),
    "compare": _linear(1.0),
    "where": Function(flop=1.0, gradient_writes=2),
    "maximum": Function(flop=1.0, gradient_reads=3, gradient_writes=2),
    "gelu": Function(flop=8.0),
    "silu": Function(flop=4.0),
    "silu_mul": Function(flop=5.0, gradient_reads=3, gradient_writes=2),
    "gelu_mul": Function(flop=9.0, gradient_reads=3, gradient_writes=2),
    "clamped_silu_mul": Function(flop=10.0, gradient_reads=3, gradient_writes=2),  # three limits, a scale, a sum more
    "softcap": _of_its_output(3.0),  # quotient, tanh, product
    "scale": _linear(1.0),
    "softplus": Function(flop=3.0),  # exponential, sum, logarithm
    "leaky_relu": Function(flop=2.0),
    "elu": _of_its_output(3.0),
    "hard_sigmoid": Function(flop=4.0),  # sum, two limits, quotient
    "hard_swish": Function(flop=5.0),  # the same and a product
    "mish": Function(flop=5.0),  # softplus, tanh, product
    "rotary": _linear(3.0),
    "copy": _linear(0.0),
}
