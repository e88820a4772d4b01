"""All-reduces as serving engines make them where they can: one kernel that reads the other GPUs' memory itself.

vLLM (and SGLang, whose kernel it is too) leaves NCCL for small sums of 2, 4, 6 or 8 GPUs of a node that reach each other's
memory: over NVLink, or two of them over PCIe.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gnomon.core.exchange import Exchange, ExchangeTimer
from gnomon.core.service import Floats
from gnomon.core.system import System

MEMBERS = (2, 4, 6, 8)
LARGEST_BYTES = 8 * 2**20  # from there on NCCL [vLLM's custom_all_reduce]

# Fitted by hand to 240 rows of vLLM 0.14 to 0.24, launched or from recorded graphs, on A100, H100, L40S and RTX PRO 6000 (2 to 8 GPUs,
# below 8 MiB): 6.6 % off in the median, 17.7 % at the 90th percentile, of RTX PRO 6000 alone 30 and 73 %; 17 and 34 % in the median on
# GB200 and B200, which it was not fitted to. Least squares come within 2 % of each number. [python -m benchmarks.fit_peer_sums]
ONE_PASS_S = 4.67e-6  # every GPU reads all arrays of the others
TWO_PASS_S = 9.36e-6  # every GPU sums a share, and reads the other sums
ONE_PASS_SHARE = 0.603  # of the links' bandwidth
TWO_PASS_SHARE = 0.663


def peer_sum_s(members: int, size_bytes: float, bytes_per_s: float) -> float:
    """Seconds of the faster of both ways: L + (n-1) S / (e B), or L' + 2 (n-1)/n S / (e' B)."""
    one_pass = ONE_PASS_S + (members - 1) * size_bytes / (ONE_PASS_SHARE * bytes_per_s)
    two_pass = TWO_PASS_S + 2 * (members - 1) / members * size_bytes / (TWO_PASS_SHARE * bytes_per_s)
    return min(one_pass, two_pass)


def serving_exchange_times_s(exchanges: Sequence[Exchange], system: System, timer: ExchangeTimer) -> Floats:
    """Seconds of each exchange `(exchanges,)`: the timer's, but for sums that GPUs read from each other."""
    found = timer.exchange_times_s(exchanges, system)
    if timer.is_simulated:
        return found
    return np.array(
        [_peer_s(one, system) or time_s for one, time_s in zip(exchanges, found.tolist(), strict=True)],
        dtype=np.float64,
    )


def _peer_s(exchange: Exchange, system: System) -> float | None:
    """Seconds of a sum that GPUs read from each other; None for any other exchange."""
    used = [(members, d) for members, d in zip(exchange.spread, system.dimensions, strict=False) if members > 1]
    if exchange.kind != "all-reduce" or len(used) != 1 or used[0][1] is not system.dimensions[0]:
        return None
    members, level = used[0]
    is_joined = members == 2 or "pcie" not in level.name.lower()
    if members not in MEMBERS or exchange.size_bytes >= LARGEST_BYTES or not is_joined:
        return None
    return peer_sum_s(members, exchange.size_bytes, level.part(members).bandwidth_bytes_per_s.value)
