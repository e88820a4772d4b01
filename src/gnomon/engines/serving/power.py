"""Energy of a service's devices: what they draw while they wait, while a step runs, and for the work that steps do.

A device that runs a step draws a share of its limit, and more in proportion to the shares of its peak arithmetic and of its
memory's bandwidth that it uses. So the energy of a run needs no more than its length, the time that steps run, the arithmetic and the bytes,
not each step by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gnomon.core.device import Device
from gnomon.core.service_facts import Energy

# Shares of the power limit, fitted by `python -m benchmarks.fit_power` to 32 measured powers of A100s of 80 GB under Llama-2-70B and
# BLOOM-176B [Patel et al. 2024, Splitwise, ISCA: traces of its simulator]: median error 2.4 %, p90 10.4 %.
RUNNING, BY_ARITHMETIC, BY_BYTES = 0.303, 1.076, 0.699
# With CUDA's context but no kernel: 52 to 116 W were measured on A100 and H100 of 80 GB [arXiv:2605.23918], 13 to 17 % of their limits.
WAITING = 0.15
FITTED_ON = "a100-sxm-80gb"
# p90 of the errors at BLOOM by a fit to Llama alone; the other way round tells nothing, as BLOOM was measured at one width.
LOW, HIGH = 0.87, 1.13
# On other devices one pair of figures is known: 300 and 600 W of an H100 that serves one request and 128 at once [ML.ENERGY
# benchmark v3, in the fleet simulator of vLLM's semantic router, which does not name the model]. For Llama-3.1-8B, 200 tokens in and 400
# out, this gives 573 and 700 W: half as much may be true. That a fifth more may be is assumed, and no measurement says it.
LOW_ELSEWHERE, HIGH_ELSEWHERE = 0.5, 1.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """What all devices of a service did."""

    span_s: float
    busy_s: float  # of devices, while a step runs on them
    devices: float  # on average
    flop: float
    moved_bytes: float


def together(drawn: Sequence[Energy | None]) -> Energy | None:
    """The energy of several pools; None where that of one is not known. Their errors are taken to go the same way."""
    known = [one for one in drawn if one is not None]
    if len(known) < len(drawn):
        return None
    return Energy(
        value_j=sum(one.value_j for one in known),
        low_j=sum(one.low_j for one in known),
        high_j=sum(one.high_j for one in known),
        method=", ".join(dict.fromkeys(one.method for one in known)),
    )


def energy(device: Device, peak_flop_per_s: float | None, done: Draw) -> Energy | None:
    """The energy; None of a device whose power limit or peak is not known.

    Never more than the limit while a step runs.
    """
    if device.power_w is None or peak_flop_per_s is None:
        return None
    waiting_s = max(0.0, done.span_s * done.devices - done.busy_s)
    bytes_s = done.moved_bytes / device.memory_bytes_per_s.value
    running_s = (
        RUNNING * done.busy_s + BY_ARITHMETIC * done.flop / peak_flop_per_s + BY_BYTES * min(bytes_s, done.busy_s)
    )
    value = device.power_w.value * (WAITING * waiting_s + min(running_s, done.busy_s))
    is_alike = device.name == FITTED_ON
    low, high = (LOW, HIGH) if is_alike else (LOW_ELSEWHERE, HIGH_ELSEWHERE)
    return Energy(
        value_j=value,
        low_j=low * value,
        high_j=high * value,
        method=f"fitted to measured powers of {FITTED_ON}"
        + ("" if is_alike else "; on this device two figures of another are all that is known"),
    )
