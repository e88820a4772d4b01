"""Overheads of vLLM's software as fitted without the rows of a model, as CSV: `PYTHONPATH=. python overheads.py TRUTH > overheads.csv`.

One step of Newton's from the shipped fit, as `benchmarks/serving_accuracy.py` takes it for each model that it leaves out.
"""

import csv
import sys
from pathlib import Path

import numpy as np
from benchmarks.fit_serving import TIMER, linear, overheads_of
from benchmarks.serving_predictions import timed
from benchmarks.serving_rows import TABLE, rows

from gnomon.api import plugins
from gnomon.engines.nccl.timer import NcclTimer
from gnomon.engines.serving.step_times.overheads import NAMES, vllm_v1


def main() -> None:
    """Write a row for each model."""
    timer, exchanges = plugins.op_timer(TIMER), NcclTimer()
    found = [timed(row, timer, exchanges) for row in rows(Path(sys.argv[1]) / TABLE)]
    around = linear(found, np.log([getattr(vllm_v1().overheads, name) for name in NAMES]))
    models = np.array([one.row.model for one in found])
    table = csv.writer(sys.stdout, lineterminator="\n")
    table.writerow(["without", *NAMES])
    for model in dict.fromkeys(models.tolist()):
        own = overheads_of(around.fitted(models != model))
        table.writerow([model, *(f"{getattr(own, name):.6g}" for name in NAMES)])


main()
