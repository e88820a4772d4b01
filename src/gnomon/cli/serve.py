"""gnomon serve STEP: services of language models."""

from __future__ import annotations

from collections.abc import Sequence

from gnomon.cli.steps import Steps, StepsParser

STEPS: Steps = {
    "run": ("serve_run", "how the requests of a scenario's service fare"),
    "capacity": ("serve_run", "the highest rate at which it keeps its objectives"),
    "simulate": (
        "serve_simulate",
        "when each request of a stream gets its tokens, from Vidur's files and as Vidur has it",
    ),
}
EXAMPLE = "gnomon serve capacity service.yaml --slo ttft_p99=500ms,tpot_p99=50ms"


def parser() -> StepsParser:
    """The arguments."""
    return StepsParser(
        "serve",
        "Services of language models.",
        EXAMPLE,
        STEPS,
        "3 a file is wrong, 4 a file asks for what is not simulated here",
    )


def run(arguments: Sequence[str]) -> int:
    """Run one step."""
    return parser().run(arguments)
