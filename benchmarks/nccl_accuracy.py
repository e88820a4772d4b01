"""Errors of the times of collectives, beside alpha-beta at line rate. Prints; run it by hand:

python -m benchmarks.nccl_accuracy ../shared/truth/collectives.csv.gz
"""

from __future__ import annotations

import csv
import gzip
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.fit_nccl import (
    Row,
    chosen,
    devices_of,
    fit,
    held_out,
    left_out,
    log_ratios,
    read_rows,
    strata_of,
    times_s,
)
from gnomon.api.names import system
from gnomon.core.exchange import Exchange
from gnomon.core.system import System, cluster
from gnomon.engines.nccl.equations import pairs_s, ring_all_gather_s, ring_all_reduce_s
from gnomon.engines.nccl.link_fit import LinkFits
from gnomon.engines.nccl.timer import KNOWN, UNSEEN, NcclTimer

MIB = 2**20
BELOW = 128 * MIB - 1
# NCCL all-reduce of fp32 on a ring, HGX H100, microseconds at 128 MiB ... 2 GiB, read off the plots of ASTRA-sim's validation
# page to 3 %: members -> times.
DIGITISED = {
    2: (387, 766, 1503, 2977, 5842),
    4: (597, 1133, 2224, 4445, 8629),
    8: (702, 1318, 2598, 5123, 10073),
}


def timer_of(rows: Sequence[Row], algorithm: str | None = None) -> NcclTimer:
    """A timer fitted to these rows alone."""
    return NcclTimer(algorithm=algorithm, links=LinkFits(links=fit(rows), fitted={}, bands={}))  # type: ignore[arg-type]


def line_rate_s(exchange: Exchange, on: System) -> float:
    """Seconds of alpha-beta with the latency and the line rate of the one level used: the roofline of the network."""
    at = next(at for at, members in enumerate(exchange.spread) if members > 1)
    d, members, size = on.dimensions[at], exchange.spread[at], exchange.size_bytes
    arguments = (float(members), size, d.bandwidth_bytes_per_s.value, d.latency_s.value)
    match exchange.kind:
        case "all-reduce":
            return float(ring_all_reduce_s(*arguments))
        case "all-gather" | "reduce-scatter":
            return float(ring_all_gather_s(*arguments))
        case "all-to-all":
            return float(pairs_s(*arguments))
        case "send":
            return d.latency_s.value + size / d.bandwidth_bytes_per_s.value


def digitised_errors(rows: Sequence[Row]) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Signed relative errors at the digitised points, by members: of the timer fitted to `rows`, and at line rate."""
    timer, on = timer_of(rows, "ring"), system("hgx-h100")
    found = {}
    for members, measured_us in DIGITISED.items():
        asked = [
            Exchange(kind="all-reduce", size_bytes=128.0 * MIB * 2**at, spread=(members,), dtype="fp32")
            for at in range(len(measured_us))
        ]
        truth = np.array(measured_us) * 1e-6
        plain = np.array([line_rate_s(one, on) for one in asked])
        found[members] = (timer.exchange_times_s(asked, on) / truth - 1, plain / truth - 1)
    return found


def large_rows(rows: Sequence[Row], device: str) -> list[Row]:
    """Collectives of the device at 128 to 512 MiB."""
    return [
        row for row in chosen(rows, (), 128 * MIB, 512 * MIB) if row.device == device and row.exchange.kind != "send"
    ]


def told(name: str, errors: np.ndarray, plain: np.ndarray) -> str:
    """A line of figures."""
    mean, median, p90 = errors.mean(), np.median(errors), np.quantile(errors, 0.9)
    return (
        f"{name:34s} n {len(errors):5d}  mean {mean:6.1%}  median {median:6.1%}  p90 {p90:6.1%}"
        f"  | line rate: mean {plain.mean():6.1%}  median {np.median(plain):6.1%}"
    )


def errors_of(ratios: np.ndarray, rows: Sequence[Row]) -> tuple[np.ndarray, np.ndarray]:
    """Absolute relative errors of predictions with those ln(measured / predicted), and at line rate."""
    measured = np.array([row.measured_s for row in rows])
    plain = np.array([line_rate_s(row.exchange, row.system) for row in rows])
    return np.abs(np.exp(-ratios) - 1), np.abs(plain / measured - 1)


def between_nodes(path: Path, timer: NcclTimer) -> None:
    """Print errors of all-reduces of A100 machines: between nodes whose network is not published, and within one.

    The line rate of that network is what makes the largest messages between two machines right; nothing else is fitted.
    """
    found: dict[tuple[int, int], list[tuple[float, float]]] = defaultdict(list)
    messages = []
    with gzip.open(path, "rt") as file:
        for row in csv.DictReader(file):
            if row["interconnect"] != "a100_dgx":
                continue
            per_node, seconds = int(row["impl"].rpartition("=")[2]), float(row["measured_us"]) * 1e-6
            if row["op"] == "all_reduce":
                found[per_node, int(row["ngpus"]) // per_node].append((float(row["bytes"]), seconds))
            elif per_node == 1 and float(row["bytes"]) >= 32 * MIB:
                messages.append(float(row["bytes"]) / seconds)
    node = system("hgx-a100")
    assert node.scale_out is not None
    line_rate = float(np.median(messages)) / timer.links.of(node.scale_out).send_rate
    bandwidth = replace(node.scale_out.bandwidth_bytes_per_s, value=line_rate)
    node = replace(node, scale_out=replace(node.scale_out, bandwidth_bytes_per_s=bandwidth))
    print(
        f"all-reduce on A100 machines joined at {line_rate / 1e9:.1f} GB/s a GPU, which their messages imply; no row in the fit:"
    )
    for (per_node, nodes), points in sorted(found.items()):
        on = cluster(node, per_node, nodes)
        spread = (per_node,) if nodes == 1 else (per_node, nodes)
        large = [point for point in points if point[0] >= MIB]
        asked = [Exchange(kind="all-reduce", size_bytes=size, spread=spread, dtype="fp16") for size, _ in large]
        error = timer.exchange_times_s(asked, on) / np.array([seconds for _, seconds in large]) - 1
        size = np.abs(error)
        print(
            f"  {per_node} x {nodes}, 1 MiB and above: n {len(size):4d}  median {np.median(size):6.1%}"
            f"  p90 {np.quantile(size, 0.9):6.1%}  bias {np.median(error):+6.1%}"
        )


def main() -> None:
    """Print the tables."""
    path = Path(sys.argv[1])
    rows = read_rows(path)
    below = chosen(rows, (), 0, BELOW)
    print("a. ring all-reduce on HGX H100, digitised, 128 MiB to 2 GiB; fit to rows below 128 MiB:")
    for members, (error, plain) in digitised_errors(below).items():
        print(
            f"  {members} GPUs: mean absolute {np.abs(error).mean():.1%} "
            f"({', '.join(f'{e:+.1%}' for e in error)}) | line rate {np.abs(plain).mean():.1%}"
        )
    print("b. rows at 128 to 512 MiB; fit to rows below 128 MiB:")
    timer = timer_of(below)
    for device in sorted({row.device for row in rows}):
        large = large_rows(rows, device)
        print("  " + told(device, *errors_of(log_ratios(timer, large), large)))
        if device == "h100_sxm":
            for kind in ("all-reduce", "all-gather", "reduce-scatter", "all-to-all"):
                own = [row for row in large if row.exchange.kind == kind]
                print("    " + told(kind, *errors_of(log_ratios(timer, own), own)))
            halves = [
                r for r in large if (r.exchange.kind, r.exchange.members, r.exchange.dtype) == ("all-reduce", 8, "fp16")
            ]
            ring = NcclTimer(algorithm="ring", links=timer.links)
            share = np.median(times_s(ring, halves) / times_s(timer, halves))
            print(f"    fp16 all-reduce of 8: a ring would take {share:.2f} times the time of the switch's own sum")
    print("c. each device left out of the fit, all sizes, and what the 90 % intervals of the others do on it:")
    devices = devices_of(rows)
    ratios = left_out(rows, list(devices))
    errors, plain = errors_of(ratios, rows)
    sizes = strata_of(rows, UNSEEN)
    for one in held_out(rows, ratios, UNSEEN):
        own = devices == one.group
        print("  " + told(one.group, errors[own], plain[own]))
        print(f"    intervals: coverage {one.coverage:.0%}, median half width {one.median_half_width:.0%}")
        for name in ("small", "medium", "large"):
            print("    " + told(name, errors[own & (sizes == name)], plain[own & (sizes == name)]))
    print("d. each number of members left out, and what those intervals do on each device:")
    ratios = left_out(rows, [row.exchange.members for row in rows])
    errors, plain = errors_of(ratios, rows)
    for one in held_out(rows, ratios, KNOWN):
        own = devices == one.group
        print("  " + told(one.group, errors[own], plain[own]))
        print(f"    intervals: coverage {one.coverage:.0%}, median half width {one.median_half_width:.0%}")
    print("e. all rows in the fit:")
    timer = timer_of(rows)
    errors, plain = errors_of(log_ratios(timer, rows), rows)
    for device in np.unique(devices):
        print("  " + told(device, errors[devices == device], plain[devices == device]))
    between_nodes(path, timer)


if __name__ == "__main__":
    main()
