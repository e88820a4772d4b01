"""Fits the numbers of src/gnomon/engines/nccl/calibration.json to measured rows of NCCL, and prints how far they hold.

    python -m benchmarks.fit_nccl ../shared/truth/collectives.csv.gz --out src/gnomon/engines/nccl/calibration.json

Rows are medians over runs and versions of one device, collective, format, group and size. `--exclude-device` and
`--max-bytes` leave rows out of the fit; `nccl_accuracy` scores them.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import hashlib
import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
from scipy.optimize import least_squares

from gnomon.api.names import system
from gnomon.core.exchange import Exchange, ExchangeKind
from gnomon.core.system import System
from gnomon.core.version import version
from gnomon.engines.nccl.link_fit import NETWORK, LinkFit, LinkFits, kind_of_link, pooled, text_of
from gnomon.engines.nccl.timer import KNOWN, LARGE_BYTES, UNSEEN, NcclTimer, stratum
from gnomon.stats.calibration import Calibration
from gnomon.stats.intervals import LEVEL, HeldOut, leave_group_out, ratio_bands

MACHINES = {  # of the table, as the catalogue has them
    "a100_sxm": "hgx-a100",
    "h100_sxm": "hgx-h100",
    "b200_sxm": "hgx-b200",
    "gb200": "gb200-nvl72",
    "l40s": "l40s-8",
    "rtx_pro_6000_server": "rtx-pro-6000-8",
}
KINDS: dict[str, ExchangeKind] = {
    "all_reduce": "all-reduce",
    "all_gather": "all-gather",
    "reduce_scatter": "reduce-scatter",
    "alltoall": "all-to-all",
    "send_recv": "send",
}
DTYPES = {"half": "fp16", "fp16": "fp16", "int8": "int8"}

# What the search starts from: the order of magnitude that NCCL's own table of latencies (src/graph/tuning.cc) gives.
START = LinkFit(
    launch_s=6e-6,
    hop_ll_s=0.8e-6,
    hop_ll128_s=1.5e-6,
    hop_simple_s=3.4e-6,
    share_ll=0.1,
    share_ll128=0.5,
    rate=0.7,
    ends=0.4,
    fill_s=3e-6,
    crowding=0.05,
    pairs_launch_s=8e-6,
    pairs_ll_bytes_per_s=6e9,
    pairs_simple_s=13e-6,
    pairs_rate=0.7,
    pairs_ends=0.3,
    pairs_crowding=0.05,
    pairs_fill_s=3e-6,
    switch_s=50e-6,
    switch_rate=0.65,
    send_s=8e-6,
    send_rate=0.8,
)
FACTOR = {"share_ll": 10.0, "crowding": 30.0, "pairs_crowding": 30.0, "fill_s": 10.0, "pairs_fill_s": 10.0}
USUAL_FACTOR = 4.0  # by which any other number leaves the start at most
# No ring is faster than what NCCL itself takes a link for, as a share of the line rate, and a little: src/graph/topo.h has
# 20.0 GB/s of 25 (sm_80), 20.6 of 25 (sm_90), 40.1 of 50 (sm_100) a link of NVLink, and 12 of 15.75 GB/s of PCIe 3 x16.
MOST = {"NVLink 3": 0.80, "NVLink 4": 0.824, "NVLink 5": 0.802, "PCIe 4": 0.762, "PCIe 5": 0.762}
# The little is chosen by hand. Fitted below, A100, B200 and GB200 err by 5.3, 5.3, 5.7, 5.4 and 6.0 % at 128-512 MiB with 1,
# 1.04, 1.08, 1.12 and 1.16 and do not decide; H100 by 5.1, 4.0, 3.6, 3.8 and 4.3 %, the digitised rings of 4 by 11, 8, 5, 3 and
# 2 % and those of 8 by 7, 4, 1, 2 and 4 %.
ROOM = 1.08
CAPPED = {"rate", "pairs_rate", "switch_rate"}
SHARES = CAPPED | {"share_ll", "share_ll128", "send_rate"}  # at most 1
PARTS = {"send": "send", "pairs": "all-to-all"}  # numbers that begin so are of that collective, others of rings
# Between nodes: NCCL's own latencies, src/graph/tuning.cc (ring, network); the rows have messages only.
NET_HOPS = {"hop_ll_s": 2.7e-6, "hop_ll128_s": 4.0e-6, "hop_simple_s": 14e-6}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A measured exchange."""

    device: str
    system: System
    exchange: Exchange
    measured_s: float
    source: str


def read_rows(path: Path) -> list[Row]:
    """The rows of NCCL on machines of the catalogue, medians of alike ones; those between nodes are messages only."""
    found: dict[tuple[str, str, str, str, int, float, str], list[float]] = defaultdict(list)
    with gzip.open(path, "rt") as file:
        for row in csv.DictReader(file):
            source, op = row["source"], row["op"]
            is_table = source == "AIC:comm" and row["impl"].endswith(":nccl")
            per_node = row["impl"].removeprefix("nccl;devices_per_node=")
            # DGX machines only: pairs joined by bridges are no level of the catalogue; and the network between the A100
            # machines is not published.
            is_message = op == "send_recv" and (row["interconnect"], per_node) in {
                ("a100_dgx", "2"),
                ("h100_dgx", "2"),
                ("h100_dgx", "1"),
            }
            if row["device"] in MACHINES and (is_table or is_message):
                spread = "1" if is_message and per_node == "1" else ""
                key = (row["device"], op, row["dtype"], spread, int(row["ngpus"]), float(row["bytes"]), source)
                found[key].append(float(row["measured_us"]) * 1e-6)
    rows = []
    for (device, op, dtype, spread, members, size, source), times in found.items():
        on = system(MACHINES[device] + (":1x2" if spread else ""))
        exchange = Exchange(
            kind=KINDS[op], size_bytes=size, spread=(1, 2) if spread else (members,), dtype=DTYPES[dtype]
        )
        rows.append(
            Row(device=device, system=on, exchange=exchange, measured_s=statistics.median(times), source=source)
        )
    return rows


def link_of(row: Row) -> str:
    """The kind of link of the one level that the row's group is spread over."""
    at = next(at for at, members in enumerate(row.exchange.spread) if members > 1)
    return kind_of_link(row.system.dimensions[at].name)


def _grouped(rows: Sequence[Row]) -> list[list[int]]:
    """Places of the rows of each system."""
    places: dict[str, list[int]] = defaultdict(list)
    for at, row in enumerate(rows):
        places[row.system.name].append(at)
    return list(places.values())


def _times_s(timer: NcclTimer, rows: Sequence[Row], groups: Sequence[Sequence[int]]) -> np.ndarray:
    found = np.empty(len(rows))
    for places in groups:
        found[places] = timer.exchange_times_s([rows[at].exchange for at in places], rows[places[0]].system)
    return found


def times_s(timer: NcclTimer, rows: Sequence[Row]) -> np.ndarray:
    """Predicted seconds `(rows,)`."""
    return _times_s(timer, rows, _grouped(rows))


def log_ratios(timer: NcclTimer, rows: Sequence[Row]) -> np.ndarray:
    """ln(measured / predicted) `(rows,)`."""
    return np.log([row.measured_s for row in rows]) - np.log(times_s(timer, rows))


def fit(rows: Sequence[Row]) -> dict[str, LinkFit]:
    """The numbers of each kind of link that the rows hold; the network's from its messages and the rest pooled."""
    kinds: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        kinds[link_of(row)].append(row)
    found = {kind: _fit_one(kind, own) for kind, own in sorted(kinds.items()) if kind != NETWORK}
    sends = kinds.get(NETWORK, [])
    lent = pooled([f for kind, f in found.items() if kind.startswith("NVLink")] or list(found.values()))
    lent = replace(lent, crowding=0.0, pairs_crowding=0.0, switch_s=0.0, switch_rate=0.0, **NET_HOPS)
    if sends:
        lent = _fit_one(NETWORK, sends, lent)
    found[NETWORK] = replace(lent, rate=lent.send_rate, pairs_rate=lent.send_rate)
    return found


def _fit_one(kind: str, rows: Sequence[Row], start: LinkFit = START) -> LinkFit:
    """The numbers that fit the rows of one kind of link best, in robust least squares of log ratios.

    Numbers that no row tells of stay where they start; of in-switch reduction where no level has it at 0.
    """
    has_switch = any(row.system.dimensions[0].reduces for row in rows)
    if kind != NETWORK and not has_switch:
        start = replace(start, switch_s=0.0, switch_rate=0.0)
    for part in (*PARTS, ""):
        names = [f.name for f in fields(LinkFit) if _part(f.name) == part and getattr(start, f.name) > 0]
        own = [row for row in rows if row.exchange.kind == PARTS.get(part, row.exchange.kind)]
        if not part:
            own = [row for row in rows if row.exchange.kind not in PARTS.values()]
        if own:
            start = _fit_part(kind, own, start, names)
    return start


def _part(name: str) -> str:
    return next((part for part in PARTS if name.startswith(part)), "")


def _fit_part(kind: str, rows: Sequence[Row], start: LinkFit, names: Sequence[str]) -> LinkFit:
    """`start` with the numbers `names` fitted to rows that depend on no others."""
    begin = np.log([getattr(start, name) for name in names])
    reach = np.log([FACTOR.get(name, USUAL_FACTOR) for name in names])
    most = [np.log(ROOM * MOST.get(kind, 1.0 / ROOM) if n in CAPPED else 1.0) if n in SHARES else np.inf for n in names]
    # Messages are measured at a thousand sizes and collectives at twenty: each kind weighs the same per factor of four, and
    # large ones, where a user's time goes, twice.
    cells = [(row.exchange.kind, row.exchange.members, round(np.log2(row.exchange.size_bytes) / 2)) for row in rows]
    counts = {cell: cells.count(cell) for cell in set(cells)}
    weight = np.array([counts[cell] ** -0.5 for cell in cells])
    weight *= np.where([row.exchange.size_bytes >= LARGE_BYTES for row in rows], 2.0, 1.0)
    groups = _grouped(rows)

    def residuals(at: np.ndarray) -> np.ndarray:
        trial = replace(start, **dict(zip(names, np.exp(at), strict=True)))
        timer = NcclTimer(links=LinkFits(links={kind: trial}, fitted={}, bands={}))
        return weight * (measured - np.log(_times_s(timer, rows, groups)))

    measured = np.log([row.measured_s for row in rows])
    high = np.minimum(begin + reach, most)
    best = least_squares(
        residuals,
        np.minimum(begin, high - 1e-3),
        bounds=(begin - reach, high),
        loss="soft_l1",
        f_scale=0.05,
        diff_step=1e-3,
        max_nfev=60,
    )
    return replace(start, **{name: float(f"{v:.4g}") for name, v in zip(names, np.exp(best.x), strict=True)})


def left_out(rows: Sequence[Row], groups: Sequence[object]) -> np.ndarray:
    """ln(measured / predicted) `(rows,)`, each of a fit without the rows of its group."""
    found = np.empty(len(rows))
    for group in set(groups):
        links = fit([row for row, own in zip(rows, groups, strict=True) if own != group])
        places = [at for at, own in enumerate(groups) if own == group]
        timer = NcclTimer(links=LinkFits(links=links, fitted={}, bands={}))
        found[places] = log_ratios(timer, [rows[at] for at in places])
    return found


def devices_of(rows: Sequence[Row]) -> np.ndarray:
    """The device of each row: rows of one err together."""
    return np.array([row.device for row in rows])


def strata_of(rows: Sequence[Row], bands: str) -> np.ndarray:
    """Which band each row is in."""
    return np.array([stratum(row.exchange, row.system, bands) for row in rows])


def held_out(rows: Sequence[Row], ratios: np.ndarray, bands: str) -> list[HeldOut]:
    """What the intervals do on each device left out."""
    return leave_group_out(ratios, devices_of(rows), strata_of(rows, bands), LEVEL)


def calibrated(rows: Sequence[Row], table: Path, command: str) -> LinkFits:
    """The fit to all rows, with bands of what was left out: each device, or each size of group of devices that stay."""
    bands = {}
    for kind, groups, what in (
        (UNSEEN, [row.device for row in rows], "each device"),
        (KNOWN, [row.exchange.members for row in rows], "each number of members"),
    ):
        ratios = left_out(rows, groups)
        bands[kind] = Calibration(
            engine="nccl",
            version=version(),
            data=f"{table.name}, {len(rows)} medians of alike rows, {what} left out in turn",
            sha256=hashlib.sha256(table.read_bytes()).hexdigest(),
            bands=ratio_bands(ratios, devices_of(rows), strata_of(rows, kind), LEVEL),
        )
    counts = {kind: sum(link_of(row) == kind for row in rows) for kind in sorted({link_of(row) for row in rows})}
    return LinkFits(links=fit(rows), fitted={"command": command, "rows": counts}, bands=bands)


def chosen(rows: Sequence[Row], exclude: Sequence[str], least: float, most: float) -> list[Row]:
    """Rows of other devices with sizes from `least` to `most` bytes."""
    return [row for row in rows if row.device not in exclude and least <= row.exchange.size_bytes <= most]


def main() -> None:
    """Write the calibration."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path, metavar="TABLE")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
    parser.add_argument("--exclude-device", action="append", default=[], metavar="DEVICE", choices=MACHINES)
    parser.add_argument("--min-bytes", type=float, default=0.0, metavar="N")
    parser.add_argument("--max-bytes", type=float, default=np.inf, metavar="N")
    asked = parser.parse_args()
    rows = chosen(read_rows(asked.table), asked.exclude_device, asked.min_bytes, asked.max_bytes)
    options = [f"--exclude-device {device}" for device in asked.exclude_device]
    options += [f"--min-bytes {asked.min_bytes:g}"] if asked.min_bytes else []
    options += [f"--max-bytes {asked.max_bytes:g}"] if np.isfinite(asked.max_bytes) else []
    command = " ".join(["python -m benchmarks.fit_nccl", asked.table.name, *options])
    asked.out.write_text(text_of(calibrated(rows, asked.table, command)), encoding="utf-8")
    print(f"{asked.out}: {len(rows)} medians of alike rows")


if __name__ == "__main__":
    main()
