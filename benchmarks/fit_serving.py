"""What software adds to kernels' times, from measured services: `python -m benchmarks.fit_serving ../shared/truth`.

Logarithms of the overheads, least squares with the simulation in the loop: residuals are log errors of the mean end-to-end
time and the mean time to the first token of each stage, bounded in their influence, and how far each overhead is from what
was believed before. The Jacobian is a difference of simulations. A fit without a group of rows takes one step of Newton's
from the fit to all rows, with their Jacobian. A quarter of an hour on one core.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.serving_predictions import STEPS_AHEAD, TimedRow, conformal_band, predicted_s, shortened, timed
from benchmarks.serving_rows import METRICS, TABLE, rows
from gnomon.api import plugins
from gnomon.engines.nccl.timer import NcclTimer
from gnomon.engines.serving.step_times.overheads import NAMES, Overheads, Software, software_text

Array = NDArray[np.float64]

OUT = Path(__file__).parent.parent / "src/gnomon/engines/serving/step_times/vllm_v1.json"
TIMER, EXCHANGES = "kernel", "nccl"
# What is believed before: shares near 1; of the host what others have fitted to the same software [BLIS: 0.13 ms a step,
# 4 us a request in it, ~16 ms of a request's API, of which half is what asynchronous scheduling is seen to explain].
PRIOR = Overheads(
    step_s=0.13e-3, request_in_step_s=4e-6, arrival_s=8e-3, attention_share=1.0, exchange_share=1.0, kernel_share=1.0
)
_SPREAD = {  # of a logarithm
    "step_s": 1.0,
    "request_in_step_s": 1.0,
    "arrival_s": 0.7,
    "attention_share": 0.15,
    "exchange_share": 0.15,
    "kernel_share": 0.1,
}
_SIGMA = {"e2e": 0.03, "ttft": 0.10}  # of a log error that the model is content with
_ITERATIONS = 3
_REQUESTS = 1500  # of a shortened run
_DELTA = 0.05  # of a logarithm, in the Jacobian
_ROBUST = 2.0  # sigmas beyond which a residual's influence stays what it is


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """Residuals around a point, and how they change with the overheads' logarithms."""

    logs: Array
    residuals: Array  # (rows, metrics)
    slopes: Array  # (rows, metrics, overheads)

    def fitted(self, kept: NDArray[np.bool_]) -> Array:
        """The logarithms that make the weighted squares of the kept rows, and of what was believed, least."""
        sigma = np.array(list(_SIGMA.values()))
        slopes = (self.slopes[kept] / sigma[:, None]).reshape(-1, len(self.logs))
        residuals = (self.residuals[kept] / sigma).reshape(-1)
        prior, spread = _prior()
        logs = self.logs
        for _ in range(20):
            now = residuals + slopes @ (logs - self.logs)
            weight = np.sqrt(np.minimum(1.0, _ROBUST / np.maximum(np.abs(now), 1e-9)))
            left = np.vstack([slopes * weight[:, None], np.diag(1.0 / spread)])
            right = np.concatenate([-(residuals - slopes @ self.logs) * weight, prior / spread])
            logs = np.linalg.lstsq(left, right, rcond=None)[0]
        return np.asarray(logs)


def _prior() -> tuple[Array, Array]:
    return np.log([getattr(PRIOR, name) for name in NAMES]), np.array([_SPREAD[name] for name in NAMES])


def overheads_of(logs: Array) -> Overheads:
    """The overheads with those logarithms."""
    return Overheads(**dict(zip(NAMES, np.exp(logs).tolist(), strict=True)))


def log_errors(found: Sequence[TimedRow], overheads: Overheads) -> Array:
    """Logarithms of predicted over measured `(rows, metrics of the fit)`."""
    return np.array(
        [
            [np.log(told[metric] / one.row.measured_s[metric]) for metric in _SIGMA]
            for one in found
            for told in [predicted_s(one, overheads)]
        ]
    )


def linear(found: Sequence[TimedRow], logs: Array) -> Linear:
    """The residuals around a point, and their slopes from shortened runs."""
    residuals = log_errors(found, overheads_of(logs))
    short = [shortened(one, _REQUESTS) for one in found]
    around, slopes = log_errors(short, overheads_of(logs)), []
    for at in range(len(logs)):
        moved = logs.copy()
        moved[at] += _DELTA
        slopes.append((log_errors(short, overheads_of(moved)) - around) / _DELTA)
    return Linear(logs=logs, residuals=residuals, slopes=np.stack(slopes, axis=-1))


def fit(found: Sequence[TimedRow]) -> Linear:
    """The fit to all rows: its logarithms are those that `fitted` gives of what is returned, to a small step."""
    logs, _ = _prior()
    every = np.ones(len(found), dtype=np.bool_)
    for _ in range(_ITERATIONS):
        around = linear(found, logs)
        step = np.clip(around.fitted(every) - logs, -0.7, 0.7)
        print({name: float(f"{value:.4g}") for name, value in zip(NAMES, np.exp(logs + step), strict=True)}, flush=True)
        logs = logs + step
        if np.abs(step).max() < 0.02:
            break
    return around


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("truth", type=Path)
    parser.add_argument("--out", type=Path, default=OUT)
    asked = parser.parse_args()
    table = asked.truth / TABLE
    timer, exchanges = plugins.op_timer(TIMER), NcclTimer()
    found = [timed(row, timer, exchanges) for row in rows(table)]
    around = fit(found)
    every = np.ones(len(found), dtype=np.bool_)
    models = np.array([one.row.model for one in found])
    ratios: dict[str, list[float]] = {name: [] for name in METRICS}
    for name in dict.fromkeys(models.tolist()):
        own = overheads_of(around.fitted(models != name))
        for one in (one for one in found if one.row.model == name):
            told = predicted_s(one, own)
            for metric in METRICS:
                ratios[metric].append(float(np.log(one.row.measured_s[metric] / told[metric])))
    by_model = np.array([name for name in dict.fromkeys(models.tolist()) for one in models if one == name])
    fitted = overheads_of(around.fitted(every))
    software = Software(
        follows="vLLM 0.15 (V1)",
        data=f"{TABLE}: {len(found)} stages of {len(set(models.tolist()))} models on H100",
        sha256=hashlib.sha256(table.read_bytes()).hexdigest(),
        timer=TIMER,
        exchanges=EXCHANGES,
        steps_ahead=STEPS_AHEAD,
        overheads=Overheads(**{name: float(f"{getattr(fitted, name):.4g}") for name in NAMES}),
        bands={name: conformal_band(np.array(ratios[name]), by_model) for name in METRICS},
    )
    asked.out.write_text(software_text(software), encoding="utf-8")
    print(software_text(software))


if __name__ == "__main__":
    main()
