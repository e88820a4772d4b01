"""What a computation takes where it is limited by arithmetic or by memory. [Williams, Waterman & Patterson, CACM 2009]"""

from __future__ import annotations

from gnomon.core.cluster_rules import ClusterRules
from gnomon.core.errors import BadInput


def attained_flop_per_s(flop_per_byte: float, bytes_per_s: float, peak_flop_per_s: float) -> float:
    """The rate that a computation of this intensity attains, in flop/s."""
    return min(bytes_per_s * flop_per_byte, peak_flop_per_s)


def computation_ns(flop: int, tensor_bytes: int, rules: ClusterRules) -> int:
    """Time of a computation under the roofline, in whole ns. BadInput without work or without speeds.

    The order of the divisions is that of ASTRA-sim, and so are the last digits. [518bd51, Workload.cc: issue_comp]
    """
    for field, value in (("local-mem-bw", rules.local_bytes_per_s), ("peak-perf", rules.flop_per_s)):
        if not value:
            raise BadInput("missing, and roofline-enabled needs it", field=field, where=rules.place)
    if not flop:
        raise BadInput(f"num_ops is 0 of {tensor_bytes:,} bytes: under the roofline a computation has one or more")
    rate = attained_flop_per_s(flop / tensor_bytes, rules.local_bytes_per_s, rules.flop_per_s)
    return int(flop / rate * 1e9)
