"""The measured stages of vLLM 0.15 below saturation, and what a policy of the serving engine makes of one.

`measured.csv` has 20 stages of 12 runs on H100, as inference-sim/inference-sim publishes them: of each the configuration, the load and
the means that are used here. How they were made is in `benchmarks/serving_rows.py`.
"""

import csv
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from benchmarks import serving_predictions, serving_rows
from benchmarks.fit_serving import TIMER
from benchmarks.serving_predictions import TimedRow

from gnomon.api import plugins
from gnomon.core.service import Floats, Service
from gnomon.engines.nccl.timer import NcclTimer
from gnomon.engines.serving.simulate import simulate
from gnomon.engines.serving.step_times.overheads import NAMES, NO_OVERHEADS, Overheads

TABLE = Path(__file__).parent / "measured.csv"
VIDUR_WATERMARK = 0.01  # of the blocks: what Vidur has where nothing is said


@cache
def stage(name: str) -> tuple[TimedRow, dict[str, str]]:
    """A stage `RUN/STAGE` with its steps timed, and its line in the table of measurements."""
    row = next(one for one in serving_rows.rows(TABLE) if f"{one.run}/{one.stage}" == name)
    with TABLE.open(newline="") as file:
        line = next(one for one in csv.DictReader(file) if f"{one['exp']}/{one['stage']}" == name)
    return serving_predictions.timed(row, plugins.op_timer(TIMER), NcclTimer()), line


def fitted_without(model: str) -> Overheads:
    """What software adds, fitted to the rows of the other models."""
    with (Path(__file__).parent / "overheads.csv").open(newline="") as file:
        line = next(one for one in csv.DictReader(file) if one["without"] == model)
    return Overheads(**{name: float(line[name]) for name in NAMES})


def service(one: TimedRow, policy: str, overheads: Overheads = NO_OVERHEADS) -> Service:
    """One replica of the stage's vLLM; `vidur-vllm` makes up no step ahead, and keeps a watermark as Vidur does."""
    row = one.row
    made = serving_predictions.service(one.steps.with_overheads(overheads), row.limits, one.blocks, row.layout.tensor)
    if policy == "vllm-v1":
        return made
    batching = replace(made.pools[0].batching, policy=policy, watermark=VIDUR_WATERMARK)
    return replace(made, pools=(replace(made.pools[0], batching=batching, steps_ahead=0),))


def simulated_s(one: TimedRow, asked: Service, seed: int, *, has_defects: bool = False) -> tuple[Floats, Floats]:
    """Of each request the time to its end and to its first token, with traffic by the seed."""
    arrived_s = np.array(serving_rows.arrivals_s(one.row, one.row.requests, seed))
    made = simulate(asked, replace(one.arrivals, arrived_s=arrived_s), has_defects=has_defects)
    assert made.is_completed.all(), list(made.notes)
    return made.requests.completed_s - arrived_s, made.requests.first_token_s - arrived_s
