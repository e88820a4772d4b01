"""Errors of the training engine on published steps of Megatron-LM, as JSON: `python errors.py kernel|roofline SEED`.

`kernel` is the engine as it is; `roofline`, the baseline, takes operators' times from the roofline and has no host. A row that
does not say its micro-batch or its chunks a stage is told by the median over those that are legal and fit the memory.

What the first unit predicts is kept in KEPT for those of other seeds, under a digest of all code and data that it hangs on.
"""

import json
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from statistics import fmean, median

import numpy as np
from rows import ZERO, Row, rows

import gnomon
from gnomon.api import plugins
from gnomon.core.engine import Engine
from gnomon.core.errors import Unsupported
from gnomon.core.prediction import Prediction
from gnomon.core.scenario import Scenario

WAYS = {"kernel": {}, "roofline": {"timer": "roofline", "host": "graphs"}}
DRAWS = 1000  # of the rows, by the seed
KEPT = Path("build/megatron-steps")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A row as predicted."""

    row: Row
    predicted_s: float
    is_covered: bool  # by the 90 % interval; False where there is none

    @property
    def error(self) -> float:
        """Signed, in per cent of the published time."""
        return 100 * (self.predicted_s / self.row.step_s - 1)


def answered(engine: Engine, row: Row) -> Answer:
    """The median over the scenarios that fit, or over all where none does."""
    found = [one for one in (predicted(engine, asked) for asked in row.scenarios) if one is not None]
    fitting = [one for one in found if one.fits] or found
    middle = median(one.value for one in fitting)
    interval = min(fitting, key=lambda one: abs(one.value - middle)).interval
    return Answer(
        row=row,
        predicted_s=middle,
        is_covered=interval is not None and interval.low <= row.step_s <= interval.high,
    )


def predicted(engine: Engine, scenario: Scenario) -> Prediction | None:
    """None for a plan that cannot be."""
    try:
        return engine.predict(scenario)
    except Unsupported:
        return None


def predictions(how: str) -> tuple[list[Answer], bool]:
    """Every row, and whether an earlier unit had predicted them."""
    place = KEPT / f"{how}-{digest()}.json"
    if place.exists():
        pairs = json.loads(place.read_text())
        found = zip(rows(), pairs, strict=True)
        return [Answer(row=row, predicted_s=value, is_covered=hit) for row, (value, hit) in found], True
    engine = plugins.tuned("training", WAYS[how])
    made = [answered(engine, row) for row in rows()]
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps([(one.predicted_s, one.is_covered) for one in made]))
    return made, False


def digest() -> str:
    """Of every file of Gnomon and of this folder."""
    found = sha256()
    for folder in (Path(gnomon.__file__).parent, Path(__file__).parent):
        for path in sorted(one for one in folder.rglob("*") if one.is_file() and one.suffix != ".pyc"):
            found.update(path.read_bytes())
    return found.hexdigest()


def statistics(name: str, of: Sequence[Answer]) -> Iterator[tuple[str, float]]:
    """Of a group of rows."""
    size = [abs(one.error) for one in of]
    yield f"n_{name}", len(of)
    yield f"mean_{name}", fmean(size)
    yield f"median_{name}", median(size)
    yield f"p90_{name}", float(np.quantile(size, 0.9))
    yield f"bias_{name}", fmean(one.error for one in of)
    yield f"covered_{name}", 100 * fmean(one.is_covered for one in of)


def told(answers: Sequence[Answer], seed: int) -> Iterator[tuple[str, float]]:
    """Every number by its name: times in seconds, the others in per cent."""
    for one in answers:
        yield f"{one.row.name.replace('-', '_').replace('.', '_')}_s", one.predicted_s
    for group in dict.fromkeys(one.row.group for one in answers):
        yield from statistics(group, [one for one in answers if one.row.group == group])
    kept = [one for one in answers if one.row.group != ZERO]
    yield from statistics("kept", kept)
    draw = random.Random(seed)
    means = sorted(fmean(abs(one.error) for one in draw.choices(kept, k=len(kept))) for _ in range(DRAWS))
    yield "mean_kept_low", means[round(0.05 * DRAWS)]
    yield "mean_kept_high", means[round(0.95 * DRAWS) - 1]


def main() -> None:
    """Write one JSON object."""
    how, seed = sys.argv[1], int(sys.argv[2])
    answers, was_kept = predictions(how)
    json.dump({**dict(told(answers, seed)), "was_kept": int(was_kept)}, sys.stdout)


main()
