"""Prints how near the kernel engine's times come to measured rows, beside the roofline and beside one efficiency for all.

    python -m benchmarks.kernel_accuracy ../shared/truth/kernels.csv.gz

Two splits, each fitted anew without the rows that are asked for: `shapes`, a fifth of the shapes of each device left out;
`silicon`, each kind of silicon left out in turn. The naive rival divides the roofline by one efficiency for each family and
format, the median over the same rows that the engine was fitted to. Coverage is of the 90 % interval, by bands of the
other kinds of silicon; there is none for `shapes`, whose intervals are narrower than those that ship.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.fit_kernel import fitted, left_out_s, predicted_s, strata
from benchmarks.kernel_rows import Rows, read_rows
from gnomon.stats.intervals import LEVEL, leave_group_out

Array = NDArray[np.float64]
Labels = NDArray[np.str_]
LARGE_M, LARGE_FLOP = 1024, 1e10  # what training of large models asks for
SHAPE_FOLDS = 5


def roofline_s(rows: Rows) -> Array:
    """Seconds on the roofline with a launch."""
    bandwidth = rows.of(lambda device: device.memory_bytes_per_s.value)
    launch = rows.of(lambda device: device.launch_s.value)
    return np.maximum(rows.flop / rows.peak, rows.moved_bytes / bandwidth) + launch


def labels(rows: Rows) -> Labels:
    """What each row is summed up under: products and attention by class of formats, passes by kind."""
    phase = np.where(rows.q_len > 1, "prefill ", "decode ")
    attention = np.char.add(np.char.add("attention ", phase), rows.format_class)
    products = np.char.add("matmul ", rows.format_class)
    return np.where(rows.kind != "", rows.kind, np.where(rows.family == "attention", attention, products))


def left_out_shapes(rows: Rows) -> NDArray[np.bool_]:
    """A fifth of the shapes, the same on every device and in every run: by a hash of the sizes."""
    columns = np.stack([rows.m, rows.n, rows.k, rows.b, rows.heads, rows.q_len, rows.kv_len, rows.flop], axis=1)
    _, shape = np.unique(columns.astype(np.int64), axis=0, return_inverse=True)
    drawn = np.random.default_rng(7).random(int(shape.max()) + 1)
    return np.asarray(drawn[shape.reshape(-1)] < 1 / SHAPE_FOLDS)


def naive_s(rows: Rows, known: Rows) -> Array:
    """Seconds by one efficiency for each label, the median over the known rows."""
    ratios, names = known.measured_s / roofline_s(known), labels(known)
    wanted, times = labels(rows), roofline_s(rows)
    for name in np.unique(wanted):
        of_name = ratios[names == name]
        times[wanted == name] *= float(np.median(of_name)) if len(of_name) else np.nan
    return times


def summary(times: Array, measured: Array) -> str:
    """Median, mean and 90th percentile of the absolute errors and the median error, in percent."""
    errors = 100 * (times / measured - 1)[np.isfinite(times)]
    if not len(errors):
        return f"{'no answer':>31s}"
    size = np.abs(errors)
    return f"{np.median(size):7.1f} {size.mean():7.1f} {np.quantile(size, 0.9):7.1f} {np.median(errors):+7.1f}"


def groups(rows: Rows) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Names and rows: by label, by label and device, and the large products of each device."""
    names = labels(rows)
    for name in np.unique(names):
        of_name = names == name
        yield str(name), of_name
        for device in np.unique(rows.device[of_name]):
            yield f"  {device}", of_name & (rows.device == device)
    large = (names == "matmul half") & (rows.m >= LARGE_M) & (rows.flop >= LARGE_FLOP)
    for device in np.unique(rows.device[large]):
        here = large & (rows.device == device)
        yield f"large matmul half, {device}", here
        for library in np.unique(rows.library[here]):
            yield f"  {library}", here & (rows.library == library)


def table(title: str, rows: Rows, columns: dict[str, Array]) -> None:
    """Prints a line for each group."""
    print(f"\n{title}\nabsolute error in percent: median, mean, p90; bias: the median error")
    print(f"{'':36s} {'n':>7s} " + " ".join(f"{name:^31s}" for name in columns))
    for name, chosen in groups(rows):
        parts = " ".join(summary(times[chosen], rows.measured_s[chosen]) for times in columns.values())
        print(f"{name:36s} {chosen.sum():7d} {parts}", flush=True)


def shapes(rows: Rows) -> None:
    """Known devices at shapes that were left out."""
    out = left_out_shapes(rows)
    known, asked = rows.where(~out), rows.where(out)
    numbers = fitted(known)
    columns = {
        "kernel": predicted_s(asked, numbers),
        "kernel, library known": predicted_s(asked, numbers, knows_library=True),
        "roofline": roofline_s(asked),
        "one efficiency": naive_s(asked, known),
    }
    table("unseen shapes on known devices", asked, columns)


def silicon(rows: Rows) -> None:
    """Each kind of silicon left out in turn."""
    times, naive = left_out_s(rows), np.full(len(rows), np.nan)
    for name in np.unique(rows.silicon):
        here = rows.silicon == name
        naive[here] = naive_s(rows.where(here), rows.where(~here))
    answered = np.isfinite(times)
    rows, times, naive = rows.where(answered), times[answered], naive[answered]
    logs, names = np.log(rows.measured_s / times), strata(rows, times)
    held = leave_group_out(logs, rows.silicon, names, LEVEL)
    columns = {"kernel": times, "roofline": roofline_s(rows), "one efficiency": naive}
    table("unseen silicon", rows, columns)
    print("\nintervals of 90 % on silicon left out: rows, coverage, median half width")
    for one in held:
        print(f"{one.group:12s} {one.rows:7d} {100 * one.coverage:5.0f} % {100 * one.median_half_width:5.0f} %")
    mean = np.mean([one.coverage for one in held])
    print(f"mean over silicon {100 * mean:.0f} %, lowest {100 * min(one.coverage for one in held):.0f} %")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path, help="measured operators, such as kernels.csv.gz")
    parser.add_argument("--split", choices=("shapes", "silicon"), help="one of the two; default: both")
    asked = parser.parse_args()
    rows = read_rows(asked.table)
    print(f"{rows.data}")
    for name, split in (("shapes", shapes), ("silicon", silicon)):
        if asked.split in (None, name):
            split(rows)


if __name__ == "__main__":
    main()
