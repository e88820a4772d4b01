"""What measured steps tell the training engine, from vTrain's rows: `python -m benchmarks.fit_training TRUTH`.

Three numbers of the host are fitted on rows of one node, each model being left out once; the band of the interval is that of
all rows as the fit without their model predicts them. No row of training_steps.csv is read. About five minutes on one core.
"""

from __future__ import annotations

import argparse
import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

from benchmarks.training_rows import Row, vtrain
from gnomon.api import plugins
from gnomon.core.exchange import ExchangeTimer
from gnomon.engines.kernel.calibration import calibration as kernel_calibration
from gnomon.engines.training.calibration import StepCalibration, step_calibration_text
from gnomon.engines.training.step.answer import PS_PER_S
from gnomon.engines.training.step.lanes import Lanes, one_for_each_network
from gnomon.engines.training.step.run import run
from gnomon.parallel.host import NO_HOST, Host, host_text
from gnomon.parallel.legal import checked_share
from gnomon.parallel.program import Program, programs
from gnomon.parallel.times import device_times_s, durations_ps, launched_times_s
from gnomon.stats.intervals import LEVEL, RatioBand, ratio_band

SOURCES = Path(__file__).parent.parent / "src/gnomon"
OUT = SOURCES / "engines/training/calibration.json"
HOST_OUT = SOURCES / "parallel/host.json"
PER_MODEL = 12  # rows of a model that a fit sees, drawn evenly from those sorted by time
START = Host(op_s=50e-6, exchange_s=50e-6, sharpness=3.0)
_STEPS = 160  # of the simplex; more change the loss by less than 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """A row whose actions are timed without a host, ready for any."""

    row: Row
    programs: tuple[Program, ...]
    device_s: tuple[np.ndarray[tuple[int], np.dtype[np.float64]], ...]
    lanes: Lanes

    def predicted_s(self, host: Host) -> float:
        """The step with that host."""
        launched = durations_ps(self.programs, launched_times_s(self.programs, self.device_s, host), 1)
        return max(one.last_ps for one in run(self.programs, launched, self.lanes, compiled_from=0)) / PS_PER_S


def timed(row: Row, exchanges: ExchangeTimer) -> Timed:
    """A row with one scenario, timed by the kernel engine."""
    asked = row.scenarios[0]
    model = checked_share(asked.workload, asked.plan, asked.system.count)
    made = programs(model)
    device_s = device_times_s(made, model, asked.system, plugins.op_timer("kernel"), exchanges)
    lanes = one_for_each_network(made, model, asked.system)
    return Timed(row=row, programs=made, device_s=device_s, lanes=lanes)


def fitted(rows: Sequence[Timed]) -> Host:
    """The host that makes the mean absolute log error of these rows least."""
    measured = np.array([one.row.measured_s for one in rows])

    def host(logs: Sequence[float]) -> Host:
        op_s, exchange_s, sharpness = (math.exp(one) for one in logs)
        return Host(op_s=op_s, exchange_s=exchange_s, sharpness=sharpness)

    def loss(logs: Sequence[float]) -> float:
        predicted = np.array([one.predicted_s(host(logs)) for one in rows])
        return float(np.abs(np.log(predicted / measured)).mean())

    start = np.log([START.op_s, START.exchange_s, START.sharpness])
    return host(minimize(loss, start, method="Nelder-Mead", options={"maxfev": _STEPS}).x)


def sample(rows: Sequence[Timed]) -> list[Timed]:
    """PER_MODEL rows of each model."""
    by_model: dict[str, list[Timed]] = {}
    for one in rows:
        by_model.setdefault(one.row.model, []).append(one)
    found = []
    for of in by_model.values():
        ordered = sorted(of, key=lambda one: one.row.measured_s)
        found += [ordered[at] for at in np.linspace(0, len(ordered) - 1, min(PER_MODEL, len(ordered))).astype(int)]
    return found


def told(name: str, errors: np.ndarray[tuple[int], np.dtype[np.float64]]) -> str:
    """Errors (predicted / measured - 1) in one line."""
    size = np.abs(errors)
    return (
        f"{name}: n {len(errors)}, mean {100 * size.mean():.1f} %, median {100 * np.median(size):.1f} %, "
        f"p90 {100 * np.quantile(size, 0.9):.1f} %, bias {100 * errors.mean():+.1f} %"
    )


def _of_whole_models() -> RatioBand:
    """The kernel engine's band of whole models on devices left out of its fit."""
    found = kernel_calibration("models")
    assert found is not None
    return found.bands[""]


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit, print the errors of models left out, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("truth", type=Path)
    parser.add_argument("--out", type=Path, default=OUT, help="of the interval")
    parser.add_argument("--host-out", type=Path, default=HOST_OUT, help="of the host")
    asked = parser.parse_args(arguments)
    exchanges = plugins.exchange_timer("nccl")
    rows = [timed(row, exchanges) for row in vtrain(asked.truth)]
    single = [one for one in rows if one.row.group == "single"]
    chosen = sample(single)
    print(f"{len(rows)} rows, {len(chosen)} of them in the fit", flush=True)
    host = fitted(chosen)
    print(host, flush=True)
    ratios: list[float] = []
    models: list[str] = []
    groups: list[str] = []
    for model in dict.fromkeys(one.row.model for one in rows):
        left = [one for one in chosen if one.row.model != model]
        without = fitted(left) if len(left) < len(chosen) else host
        for one in rows:
            if one.row.model == model:
                ratios.append(math.log(one.row.measured_s / one.predicted_s(without)))
                models.append(model)
                groups.append(one.row.group)
        errors = np.exp(-np.array([r for r, m in zip(ratios, models, strict=True) if m == model])) - 1
        print(told(f"{model} left out", errors), flush=True)
    logs, of = np.array(ratios), np.array(groups)
    for group in dict.fromkeys(groups):
        print(told(f"{group}, models left out", np.exp(-logs[of == group]) - 1), flush=True)
    no_row = [one.predicted_s(NO_HOST) / one.row.measured_s - 1 for one in rows]
    for group in dict.fromkeys(groups):
        print(told(f"{group}, no row in the fit (no host)", np.array(no_row)[of == group]), flush=True)
    made = StepCalibration(
        data=f"models.csv.gz: vTrain, {len(rows)} steps of {len(set(models))} models",
        sha256=hashlib.sha256((asked.truth / "models.csv.gz").read_bytes()).hexdigest(),
        silicon=("GA100",),
        band=ratio_band(logs, np.array(models), LEVEL),
        elsewhere=_of_whole_models(),
    )
    asked.out.write_text(step_calibration_text(made), encoding="utf-8")
    asked.host_out.write_text(host_text(host, data=made.data, sha256=made.sha256), encoding="utf-8")
    print(made.band, flush=True)


if __name__ == "__main__":
    main()
