"""Sums that GPUs read from each other, fitted to measured rows: python -m benchmarks.fit_peer_sums [SHARED/truth]

Prints the four numbers of gnomon.engines.serving.step_times.peer_sums by least squares of log errors, and how far the shipped ones
are off, by device: those that they were fitted to, and those that they were not.
"""

from __future__ import annotations

import csv
import gzip
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import least_squares

from benchmarks.fit_nccl import MACHINES
from gnomon.api.names import system
from gnomon.core.service import Floats
from gnomon.engines.serving.step_times import peer_sums

TABLE = "collectives.csv.gz"
FITTED = ("a100_sxm", "h100_sxm", "l40s", "rtx_pro_6000_server")
_IMPL = "vllm-"  # and a version


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A sum, and the faster of its measured times: launched or from a recorded graph."""

    device: str
    members: int
    size_bytes: float
    bytes_per_s: float
    time_s: float


def measured(truth: Path) -> list[Measured]:
    """Sums of a size, and of GPUs that are so joined, that serving engines leave to this kernel."""
    best: dict[tuple[str, str, int, float], float] = {}
    with gzip.open(truth / TABLE, "rt", newline="") as file:
        for row in csv.DictReader(file):
            size, members = float(row["bytes"]), int(row["ngpus"])
            if row["device"] in MACHINES and row["op"] == "all_reduce" and row["impl"].startswith(_IMPL):
                key = (row["device"], row["impl"], members, size)
                best[key] = min(best.get(key, np.inf), 1e-6 * float(row["measured_us"]))
    found = []
    for (device, _, members, size), time_s in sorted(best.items()):
        level = system(MACHINES[device]).dimensions[0]
        if size < peer_sums.LARGEST_BYTES and (members == 2 or "pcie" not in level.name.lower()):
            rate = level.part(members).bandwidth_bytes_per_s.value
            found.append(Measured(device=device, members=members, size_bytes=size, bytes_per_s=rate, time_s=time_s))
    return found


def fitted(rows: Sequence[Measured], start: Floats) -> Floats:
    """Seconds of one pass and of two, and their shares of the links: least squares of log errors, bounded in their influence."""
    members, size, rate, time_s = (
        np.array([getattr(row, name) for row in rows], dtype=np.float64)
        for name in ("members", "size_bytes", "bytes_per_s", "time_s")
    )

    def errors(logs: Floats) -> Floats:
        one_s, two_s, one_share, two_share = np.exp(logs)
        one = one_s + (members - 1) * size / (one_share * rate)
        two = two_s + 2 * (members - 1) / members * size / (two_share * rate)
        found: Floats = np.log(np.minimum(one, two) / time_s)
        return found

    found: Floats = np.exp(least_squares(errors, np.log(start), loss="soft_l1", f_scale=0.1).x)
    return found


def _said(rows: Sequence[Measured]) -> str:
    sizes = np.abs(
        [peer_sums.peer_sum_s(row.members, row.size_bytes, row.bytes_per_s) / row.time_s - 1 for row in rows]
    )
    return f"n {len(sizes)}, median {np.median(sizes):.1%}, p90 {np.quantile(sizes, 0.9):.1%}"


def main(truth: Path) -> None:
    """Print the fit, and the errors of what is shipped."""
    rows = measured(truth)
    own = [row for row in rows if row.device in FITTED]
    start = np.array([peer_sums.ONE_PASS_S, peer_sums.TWO_PASS_S, peer_sums.ONE_PASS_SHARE, peer_sums.TWO_PASS_SHARE])
    print("one pass {:.3g} s, two {:.3g} s, shares {:.3f} and {:.3f}".format(*fitted(own, start)))
    print(f"as shipped, {', '.join(FITTED)}: {_said(own)}")
    for device in dict.fromkeys(row.device for row in rows):
        print(f"  {device}: {_said([row for row in rows if row.device == device])}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/truth"))
