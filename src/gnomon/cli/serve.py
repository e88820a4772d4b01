"""gnomon serve STEP: services of language models."""

from __future__ import annotations

from collections.abc import Sequence

from gnomon.cli.steps import Steps, StepsParser

STEPS: Steps = {
    "simulate": (
        "serve_simulate",
        "when each request of a stream gets its tokens, from Vidur's files and as Vidur has it",
    ),
}
EXAMPLE = (
    "gnomon serve simulate --from-vidur vidur_config.json --trace trace.csv --stage-times table.npz --out requests.csv"
)


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
