"""gnomon map STEP: mappings of tensor operations on spatial accelerators."""

from __future__ import annotations

from collections.abc import Sequence

from gnomon.cli.steps import Steps, StepsParser

STEPS: Steps = {
    "search": ("map_search", "the best mapping of a problem on an architecture, and how far from the best it can be"),
    "evaluate": ("map_steps", "cycles, energy and every read, fill and update of a mapping, from Timeloop's files"),
    "explain": ("map_steps", "which loop causes each read, fill and update of a mapping, with the sum"),
}
EXAMPLE = "gnomon map search problem.yaml arch.yaml ert.yaml --budget 10s --out best.yaml   # then: evaluate, explain"


def parser() -> StepsParser:
    """The arguments."""
    return StepsParser(
        "map",
        "Mappings of tensor operations on spatial accelerators.",
        EXAMPLE,
        STEPS,
        "3 a file is wrong or a mapping does not fit, 4 a file asks for what is not counted here, 130 interrupted",
    )


def run(arguments: Sequence[str]) -> int:
    """Run one step."""
    return parser().run(arguments)
