"""Cycles and energy of the layers of ResNet-50 on the Eyeriss-like machine, and how they stand to Timeloop's, as JSON.

`python layers.py estimate|even|ragged|own|timeloop SEED`. `estimate` takes no mapping. `even` and `ragged` take the best that
Gnomon's mapper finds by Timeloop's rules, with parts that divide their dimensions or need not; `own` by its own rules. `timeloop`
is what Timeloop's own mapper finds; where it is not installed, what it found before.
"""

import json
import random
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

import estimate
import recorded
import yaml
from recorded import Figures

import gnomon
from gnomon.adapters.timeloop.adapter import Timeloop
from gnomon.api.mapping_search import MappingSearch
from gnomon.api.names import accelerator
from gnomon.core.problem import Problem
from gnomon.core.tool import Files, Limits, Question
from gnomon.engines.mapper.layers import Layer, layers
from gnomon.formats.timeloop.problem_text import problem_text
from gnomon.tools.answers import checked

MACHINE = "eyeriss-like"
STEPS = 60  # of the mapper's search of a layer, so that it comes to the same on every machine
STEP_S = 0.01  # that a step counts as
IN_VAIN = 100  # mappings in a row after which Timeloop's mapper gives up
RULES = {"even": ("timeloop", False), "ragged": ("timeloop", True), "own": ("gnomon", True)}
LIMITS = Limits(time_s=60.0)
DESIGN = accelerator(MACHINE)
TIMELOOP = Timeloop()


class Row(NamedTuple):
    """A layer: what it takes, and what Timeloop's model says of the same mapping, where both are known."""

    layer: Layer
    figures: Figures | None
    recounted: Figures | None = None


def row(layer: Layer, how: str, seed: int) -> Row:
    """One layer in one of the ways."""
    if how == "estimate":
        return Row(layer, estimated(layer.problem))
    if how == "timeloop":
        return Row(layer, searched_by_timeloop(layer.problem, seed) or recorded.best(layer.problem))
    return Row(layer, *mapped(layer.problem, how, seed))


def estimated(problem: Problem) -> Figures:
    """What no mapping is quicker than."""
    return Figures(estimate.cycles(problem, DESIGN.accelerator), estimate.energy_pj(problem, DESIGN.accelerator))


def mapped(problem: Problem, how: str, seed: int) -> tuple[Figures, Figures | None]:
    """The best mapping that Gnomon finds, as it counts it and as Timeloop does."""
    rules, is_ragged = RULES[how]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "problem.yaml"
        path.write_text(problem_text(problem))
        search = MappingSearch([path], on=MACHINE, objective="edp", ragged=is_ragged, seed=seed, rules=rules)
    search.search.run(STEPS * STEP_S, count(0.0, STEP_S).__next__)
    found = search.mappings()[0].found
    kept = tuple(tiling.kept for tiling in found.nest.tilings)
    question = Question(problem=problem, accelerator=DESIGN.accelerator, kept=kept, nest=found.nest)
    return Figures(found.cycles, found.energy_pj), asked(question, TIMELOOP.translate(question))


def searched_by_timeloop(problem: Problem, seed: int) -> Figures | None:
    """The best mapping that Timeloop's mapper finds. It has no seed: the order in which the dimensions are declared is one."""
    rules = DESIGN.rules(problem)
    dims = random.Random(seed).sample(list(problem.bounds), len(problem.bounds))
    question = Question(
        problem=replace(problem, bounds={dim: problem.bounds[dim] for dim in dims}),
        accelerator=DESIGN.accelerator,
        kept=tuple(level.kept for level in rules.levels),
        rules=rules,
        objective="edp",
    )
    files = TIMELOOP.translate(question)
    search = yaml.safe_load(files["search.yaml"])
    search["mapper"]["victory_condition"] = IN_VAIN
    return asked(question, {**files, "search.yaml": yaml.safe_dump(search)})


def asked(question: Question, files: Files) -> Figures | None:
    """What Timeloop answers. None where it is not installed."""
    if TIMELOOP.installed() is None:
        return None
    answer = checked(TIMELOOP.read(TIMELOOP.run(files, LIMITS), question))
    assert answer.energy_pj is not None
    return Figures(answer.cycles, answer.energy_pj)


def told(how: str, rows: list[Row]) -> Iterator[tuple[str, float | None]]:
    """Every number by its name; None: it is not known."""
    for one in rows:
        name = one.layer.nodes[0].replace(".", "_")
        yield f"{name}_cycles", one.figures.cycles if one.figures else None
        yield f"{name}_edp", one.figures.edp if one.figures else None
    known = [(one.layer, one.figures) for one in rows if one.figures]
    is_whole = len(known) == len(rows)
    yield "total_cycles", sum(layer.count * found.cycles for layer, found in known) if is_whole else None
    yield "total_energy_pj", sum(layer.count * found.energy_pj for layer, found in known) if is_whole else None
    of_estimate = [found.cycles / estimated(layer.problem).cycles for layer, found in known]
    yield "least_of_estimate", min(of_estimate, default=None)
    yield "median_of_estimate", median(of_estimate) if of_estimate else None
    of_recorded = [found.edp / best.edp for layer, found in known if (best := recorded.best(layer.problem))]
    yield "most_of_recorded", max(of_recorded, default=None)
    yield "recorded_layers", len(of_recorded)
    off = [
        abs(there / here - 1)
        for one in rows
        if one.figures and one.recounted
        for here, there in zip(one.figures, one.recounted, strict=True)
    ]
    yield "off_timeloop", max(off, default=None if how in RULES else 0.0)
    yield "recounted_layers", sum(one.recounted is not None for one in rows)


def main() -> None:
    """Write one JSON object."""
    how, seed = sys.argv[1], int(sys.argv[2])
    rows = [row(layer, how, seed) for layer in layers(gnomon.workload("resnet-50")).layers]
    json.dump(dict(told(how, rows)), sys.stdout)


main()
