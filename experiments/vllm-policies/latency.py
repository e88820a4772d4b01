"""Errors of Vidur's rules on percentiles of the whole request, as JSON: `python latency.py alone|vidur SEED`.

`vidur`: `vidur-vllm` with its defects, steps without embedding, head, sampling and host, as Vidur leaves them out. `alone`, the
baseline: the same with each request by itself. Errors are in per cent, over all measured stages.
"""

import csv
import json
import sys
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from stages import TABLE, TimedRow, service, simulated_s, stage

from gnomon.core.service import Service, StepTimes

MS_PER_S = 1e3
APART_S = 1e4  # between requests that are alone
SHORT = {"Llama-2-7b-hf": "llama_2_7b", "Llama-2-70b-hf": "llama_2_70b"} | {
    "Mixtral-8x7B-v0.1": "mixtral_8x7b",
    "CodeLlama-34b-Instruct-hf": "codellama_34b",
}


def vidur(one: TimedRow) -> Service:
    """The stage's service by Vidur's rules."""
    made = service(one, "vidur-vllm")
    pool = made.pools[0]
    assert isinstance(pool.times, StepTimes)
    times = replace(pool.times, first_s=np.zeros_like(pool.times.first_s), last_s=np.zeros_like(pool.times.last_s))
    return replace(made, pools=(replace(pool, times=times),))


def biases(how: str, seed: int) -> Iterator[tuple[str, dict[str, float]]]:
    """Errors with their sign, of each stage by its name."""
    with TABLE.open(newline="") as file:
        names = [f"{line['exp']}/{line['stage']}" for line in csv.DictReader(file)]
    for name in names:
        one, line = stage(name)
        if how == "alone":
            one = replace(one, row=replace(one.row, rate_per_s=1 / APART_S))
        e2e_s, _ = simulated_s(one, vidur(one), seed, has_defects=True)
        told = {"p95": np.quantile(e2e_s, 0.95), "median": np.median(e2e_s), "mean": e2e_s.mean()}
        short = SHORT[line["model"].rsplit("/", 1)[1]], line["exp"].rsplit("-", 1)[1], line["rate"]
        yield (
            "_".join(short),
            {what: 100 * (float(s) * MS_PER_S / float(line[f"e2e_{what}_ms"]) - 1) for what, s in told.items()},
        )


def main() -> None:
    """Write one JSON object."""
    found = dict(biases(sys.argv[1], int(sys.argv[2])))
    told: dict[str, float] = {"stages": len(found)}
    for what in ("p95", "median", "mean"):
        bias = np.array([one[what] for one in found.values()])
        size = np.abs(bias)
        told |= {
            f"mean_{what}": float(size.mean()),
            f"median_{what}": float(np.median(size)),
            f"largest_{what}": float(size.max()),
            f"within_9_{what}": 100 * float((size <= 9).mean()),
            f"bias_{what}": float(np.median(bias)),
        }
    told |= {f"{name}_{what}": one[what] for name, one in found.items() for what in ("p95", "median")}
    json.dump(told, sys.stdout)


main()
