"""How far simulated services are from measured ones: `python -m benchmarks.serving_accuracy ../shared/truth`.

Every stage below saturation with one run left out of the fit, then with one model left out; beside it the roofline's step
times in the same simulation. Then single requests of two services on another GPU, which nothing is fitted to. With `--table
FILE` another table of the same form, as the shipped calibration has it. Ten minutes on one core, one with `--table`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks.fit_serving import TIMER, Linear, linear, overheads_of
from benchmarks.serving_predictions import TimedRow, conformal_band, predicted_s, timed
from benchmarks.serving_requests import per_request
from benchmarks.serving_rows import METRICS, TABLE, rows
from gnomon.api import plugins
from gnomon.engines.nccl.timer import NcclTimer
from gnomon.engines.serving.step_times.overheads import NAMES, NO_OVERHEADS, Overheads, vllm_v1
from gnomon.stats.intervals import RatioBand

BARS = {"run": {"e2e": 10, "itl": 10, "ttft": 20}, "model": {"e2e": 15, "itl": 15, "ttft": 25}}
_Told = list[Mapping[str, float]]


def left_out(found: Sequence[TimedRow], around: Linear, group_of: Callable[[TimedRow], str]) -> _Told:
    """Means of every stage, as the fit without its group has them."""
    groups = np.array([group_of(one) for one in found])
    own = {name: overheads_of(around.fitted(groups != name)) for name in dict.fromkeys(groups.tolist())}
    for name, overheads in own.items():
        print(f"  without {name}: " + ", ".join(f"{key} {getattr(overheads, key):.3g}" for key in NAMES), flush=True)
    return [predicted_s(one, own[group]) for one, group in zip(found, groups.tolist(), strict=True)]


def plain(found: Sequence[TimedRow], overheads: Overheads) -> _Told:
    """Means of every stage with the same overheads."""
    return [predicted_s(one, overheads) for one in found]


def table(found: Sequence[TimedRow], told: _Told, title: str) -> None:
    """Every stage's errors, and what they come to."""
    print(f"\n{title}: error of the mean, %")
    print(f"{'run':44} {'stage':8} {'req/s':>5}" + "".join(f" {name:>7}" for name in METRICS))
    for one, of in zip(found, told, strict=True):
        row = one.row
        errors = [100 * (of[name] / row.measured_s[name] - 1) for name in METRICS]
        print(
            f"{row.run:44} {row.stage:8} {row.rate_per_s:5g}" + "".join(f" {error:+7.1f}" for error in errors),
            flush=True,
        )
    for name in METRICS:
        sizes = np.abs([100 * (of[name] / one.row.measured_s[name] - 1) for one, of in zip(found, told, strict=True)])
        print(
            f"{title}, {name}: n {len(sizes)}, mean {sizes.mean():.1f}, median {np.median(sizes):.1f}, "
            f"p90 {np.quantile(sizes, 0.9):.1f} %"
        )


def coverage(found: Sequence[TimedRow], told: _Told, group_of: Callable[[TimedRow], str], title: str) -> None:
    """Share of stages inside intervals made of the other groups' errors."""
    groups = np.array([group_of(one) for one in found])
    for name in METRICS:
        ratios = np.array(
            [np.log(one.row.measured_s[name] / of[name]) for one, of in zip(found, told, strict=True)], dtype=np.float64
        )
        widths, inside = [], 0
        for group in dict.fromkeys(groups.tolist()):
            band = conformal_band(ratios[groups != group], groups[groups != group])
            inside += int((np.abs(ratios[groups == group]) <= band.high).sum())
            widths.append(100 * np.expm1(band.high))
        print(f"{title}, {name}: 90 % intervals cover {inside} of {len(ratios)}, half width {np.median(widths):.1f} %")


def scored(found: Sequence[TimedRow], told: _Told, bands: Mapping[str, RatioBand]) -> None:
    """Share of stages inside the shipped intervals."""
    for name in METRICS:
        ratios = [np.log(one.row.measured_s[name] / of[name]) for one, of in zip(found, told, strict=True)]
        inside = [bands[name].low <= ratio <= bands[name].high for ratio in ratios]
        print(f"shipped intervals, {name}: cover {sum(inside)} of {len(inside)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("truth", type=Path)
    parser.add_argument("--table", type=Path, help="another table, scored with the shipped calibration")
    parser.add_argument("--only-requests", action="store_true", help="only single requests")
    asked = parser.parse_args()
    timer, roofline, exchanges = plugins.op_timer(TIMER), plugins.op_timer("roofline"), NcclTimer()
    if asked.only_requests:
        per_request(asked.truth, timer, exchanges)
        return
    stages = rows(asked.table or asked.truth / TABLE)
    found = [timed(row, timer, exchanges) for row in stages]
    if asked.table:
        told = plain(found, vllm_v1().overheads)
        table(found, told, "as shipped")
        scored(found, told, vllm_v1().bands)
        return
    around = linear(found, np.log([getattr(vllm_v1().overheads, name) for name in NAMES]))
    for kind, group_of in (("run", lambda one: one.row.run), ("model", lambda one: one.row.model)):
        told = left_out(found, around, group_of)
        title = f"one {kind} left out"
        table(found, told, title)
        coverage(found, told, group_of, title)
        bars = BARS[kind]
        print("bars: " + ", ".join(f"{name} {bars[name]} %" for name in METRICS))
    bare = [timed(row, roofline, exchanges) for row in stages]
    table(bare, plain(bare, NO_OVERHEADS), "roofline, no overheads")
    per_request(asked.truth, timer, exchanges)


if __name__ == "__main__":
    main()
