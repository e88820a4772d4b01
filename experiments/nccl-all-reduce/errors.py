"""Errors of one way to say what NCCL's ring all-reduce takes on HGX H100, as JSON: `python errors.py WAY SEED`.

Against the figures as they were read, and against ones drawn anew within what they may have been misread by.
"""

import json
import random
import sys
from collections.abc import Iterator
from statistics import median

from figures import GPUS, MEASURED_US, MIB, READING, SIZES_BYTES, errors, geomean, mean
from ways import WAYS, Times


def told(times_us: Times, seed: int) -> Iterator[tuple[str, float]]:
    """Every number by its name: times in microseconds, errors in per cent."""
    for gpus in GPUS:
        for size, time_us in zip(SIZES_BYTES, times_us[gpus], strict=True):
            yield f"us_{gpus}_{size // MIB}", time_us
    read = errors(times_us, MEASURED_US)
    for gpus, signed in read.items():
        yield f"geomean_{gpus}", geomean(signed)
        yield f"mean_{gpus}", mean(signed)
        yield f"median_{gpus}", median(map(abs, signed))
        yield f"largest_{gpus}", max(map(abs, signed))
        yield f"bias_{gpus}", sum(signed) / len(signed)
    every = [one for signed in read.values() for one in signed]
    yield "mean_all", mean(every)
    yield "geomean_all", geomean(every)
    draw = random.Random(seed).uniform
    redrawn = {gpus: tuple(one * (1 + draw(-READING, READING)) for one in times) for gpus, times in MEASURED_US.items()}
    for gpus, signed in errors(times_us, redrawn).items():
        yield f"geomean_{gpus}_redrawn", geomean(signed)
        yield f"mean_{gpus}_redrawn", mean(signed)
    most = max(  # of the measured times, as the documentation counts it: both directions
        2 * 2 * (gpus - 1) / gpus * size / (1e3 * time)
        for gpus, times in MEASURED_US.items()
        for size, time in zip(SIZES_BYTES, times, strict=True)
    )
    yield "measured_gb_per_s", most
    yield "points", len(every)


def main() -> None:
    """Write one JSON object."""
    json.dump(dict(told(WAYS[sys.argv[1]](), int(sys.argv[2]))), sys.stdout)


main()
