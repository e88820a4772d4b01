"""A question -> Timeloop's files, in the grammar that its binaries read. Pure."""

from __future__ import annotations

from typing import Any

import yaml

from gnomon.adapters.timeloop.constraints import directives
from gnomon.core.tool import Files, Objective, Question
from gnomon.formats.timeloop.architecture_text import architecture_text
from gnomon.formats.timeloop.energy_text import energy_text
from gnomon.formats.timeloop.mapping_text import mapping_text
from gnomon.formats.timeloop.problem_text import problem_text

MAPPING = "mapping.yaml"  # there where a mapping is given
_METRICS: dict[Objective, list[str]] = {
    "latency": ["delay", "energy"],
    "energy": ["energy", "delay"],
    "edp": ["edp"],
}


def translate(question: Question) -> Files:
    """The files by name."""
    files = {
        "problem.yaml": problem_text(question.problem),
        "architecture.yaml": architecture_text(question.accelerator),
        "energies.yaml": energy_text(question.accelerator),
    }
    if question.nest is not None:
        return files | {MAPPING: mapping_text(question.problem, question.accelerator, question.nest)}
    return files | {"search.yaml": yaml.safe_dump(_search(question), sort_keys=False, width=10**6)}


def _search(question: Question) -> dict[str, Any]:
    """One thread, so that the same question has the same answer; a timeout of 0 would end at the first mapping that fails."""
    return {
        "mapper": {
            "optimization_metrics": _METRICS[question.objective],
            "live_status": False,
            "num_threads": 1,
            "algorithm": "random_pruned",
            "victory_condition": 500,
            "timeout": 20_000,
        },
        "mapspace_constraints": {"targets": directives(question)},
    }
