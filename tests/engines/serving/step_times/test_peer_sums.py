"""Sums that GPUs read from each other: the law, where it holds, and measured rows."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import numpy as np
import pytest

from gnomon.api.names import system
from gnomon.core.exchange import Exchange
from gnomon.engines.nccl.timer import NcclTimer
from gnomon.engines.serving.step_times.peer_sums import peer_sum_s, serving_exchange_times_s

TRUTH = Path("../shared/truth/collectives.csv.gz")
RATES = {"a100_sxm": 300e9, "h100_sxm": 450e9}  # bytes per second of a GPU, data sheets


def time_s(on: str, members: int, size: float, kind: str = "all-reduce") -> float:
    exchange = Exchange(kind=kind, size_bytes=size, spread=(members,))  # type: ignore[arg-type]
    return float(serving_exchange_times_s([exchange], system(on), NcclTimer())[0])


def nccl_s(on: str, members: int, size: float, kind: str = "all-reduce") -> float:
    exchange = Exchange(kind=kind, size_bytes=size, spread=(members,))  # type: ignore[arg-type]
    return float(NcclTimer().exchange_times_s([exchange], system(on))[0])


def test_small_sums_read_all_and_larger_ones_are_shared_out() -> None:
    assert peer_sum_s(4, 8192, 450e9) == pytest.approx(4.67e-6 + 3 * 8192 / (0.603 * 450e9))
    assert peer_sum_s(4, 4e6, 450e9) == pytest.approx(9.36e-6 + 1.5 * 4e6 / (0.663 * 450e9))


def test_small_sums_over_nvlink_are_not_nccls() -> None:
    assert time_s("hgx-h100", 4, 262144) == peer_sum_s(4, 262144, 450e9) < nccl_s("hgx-h100", 4, 262144)


@pytest.mark.parametrize(
    ("on", "members", "size", "kind"),
    [
        ("hgx-h100", 4, 8 * 2**20, "all-reduce"),  # too large
        ("hgx-h100", 3, 8192, "all-reduce"),  # no number of members that the kernel knows
        ("l40s-8", 4, 8192, "all-reduce"),  # over PCIe
        ("hgx-h100", 4, 8192, "all-gather"),
    ],
)
def test_other_exchanges_are_nccls(on: str, members: int, size: float, kind: str) -> None:
    assert time_s(on, members, size, kind) == nccl_s(on, members, size, kind)


def test_two_over_pcie_read_each_other() -> None:
    assert time_s("l40s-8", 2, 8192) == peer_sum_s(2, 8192, 31.5e9)


@pytest.mark.skipif(not TRUTH.exists(), reason="no measured collectives beside the checkout")
def test_measured_sums_are_met() -> None:
    best: dict[tuple[str, str, int, float], float] = {}
    with gzip.open(TRUTH, "rt", newline="") as file:
        for row in csv.DictReader(file):
            size = float(row["bytes"])
            if row["op"] == "all_reduce" and row["impl"].startswith("vllm") and row["device"] in RATES and size < 2**23:
                key = (row["device"], row["impl"], int(row["ngpus"]), size)
                best[key] = min(best.get(key, np.inf), float(row["measured_us"]))  # from a recorded graph
    errors = [
        abs(1e6 * peer_sum_s(members, size, RATES[device]) / measured - 1)
        for (device, _, members, size), measured in best.items()
    ]
    assert len(errors) == 180
    assert np.median(errors) < 0.07 and np.quantile(errors, 0.9) < 0.2
