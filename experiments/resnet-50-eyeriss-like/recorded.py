"""The best that Timeloop's own mapper found earlier, where its figures are kept beside the project."""

import json
import os
import sys
from functools import cache
from pathlib import Path
from typing import NamedTuple

from gnomon.core.problem import Problem
from gnomon.formats.timeloop.read import read

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / os.environ.get("GNOMON_SHARED", "../shared") / "reference" / "timeloop" / "mapper"
ON_THE_MACHINE = "eyeriss__rn50_"  # how its runs of these layers are called


class Figures(NamedTuple):
    """What a layer takes."""

    cycles: float
    energy_pj: float

    @property
    def edp(self) -> float:
        """Energy times time, pJ*cycle."""
        return self.cycles * self.energy_pj


def best(problem: Problem) -> Figures | None:
    """Of all its runs on a layer; None: there is none."""
    found = [figures for asked, figures in _runs() if (asked.bounds, asked.spaces) == (problem.bounds, problem.spaces)]
    return min(found, key=lambda one: one.edp, default=None)


@cache
def _runs() -> list[tuple[Problem, Figures]]:
    summary = FOLDER / "summary.json"
    if not summary.exists():
        sys.stderr.write("no figures of Timeloop's mapper are recorded in ../shared: nothing is compared with them\n")
        return []
    return [
        (
            read([FOLDER / one["name"] / "problem.yaml", FOLDER / one["name"] / "arch.yaml"]).problem,
            Figures(one["best"]["cycles"], one["best"]["energy_pJ"]),
        )
        for one in json.loads(summary.read_text())
        if one["name"].startswith(ON_THE_MACHINE)
    ]
