"""The published steps of the Megatron papers beside the training engine: `python -m benchmarks.training_accuracy TRUTH`.

Where a row does not say its micro-batch or its chunks a stage, the prediction is the median over those that are legal and fit
the memory, and the range is shown. No number of the engine was fitted on these rows.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.fit_training import told
from benchmarks.training_rows import Row, published_steps
from gnomon.api import plugins
from gnomon.core.prediction import Prediction


def predictions(row: Row, timer: str) -> list[Prediction]:
    """Of the scenarios that it may have been; of those that fit, where any does."""
    engine = plugins.tuned("training", {} if timer == "kernel" else {"timer": timer, "host": "graphs"})
    found = [engine.predict(asked) for asked in row.scenarios if not engine.missing(asked)]
    return [one for one in found if one.fits] or found


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line for each row, and the errors by group."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("truth", type=Path)
    parser.add_argument("--timer", default="kernel", help="roofline: the baseline, without a host")
    asked = parser.parse_args(arguments)
    errors: dict[str, list[float]] = {}
    inside: dict[str, list[bool]] = {}
    for row in published_steps(asked.truth):
        found = predictions(row, asked.timer)
        values = [one.value for one in found]
        middle = statistics.median(values)
        error = middle / row.measured_s - 1
        errors.setdefault(row.group, []).append(error)
        at = min(found, key=lambda one: abs(one.value - middle)).interval
        if at is not None:
            inside.setdefault(row.group, []).append(at.low <= row.measured_s <= at.high)
        print(
            f"{row.name:38} measured {row.measured_s:7.2f} s, predicted {middle:7.2f} s ({100 * error:+5.1f} %), "
            f"{min(values):.2f} - {max(values):.2f} s over {len(values)}",
            flush=True,
        )
    for group, of in errors.items():
        print(told(group, np.array(of)))
    kept = [error for group, of in errors.items() if group != "ZeRO-3" for error in of]
    print(told("all but ZeRO-3", np.array(kept)))
    hits = [hit for group, of in inside.items() if group != "ZeRO-3" for hit in of]
    if hits:
        print(f"90 % intervals cover {sum(hits)} of {len(hits)}")


if __name__ == "__main__":
    main()
