"""gnomon train STEP: training steps on clusters."""

from __future__ import annotations

from collections.abc import Sequence

from gnomon.cli.steps import Steps, StepsParser

STEPS: Steps = {
    "simulate": ("train_simulate", "when each rank of a cluster ends, message by message, from ASTRA-sim's files"),
    "export": ("train_export", "a step of a model on a system, by a plan, written as these files"),
    "compare": ("train_compare", "the same beside ASTRA-sim itself, where it is installed"),
    "convert": ("train_convert", "Chakra traces from PyTorch's, or from ASTRA-sim 1.0's text workloads"),
    "extrapolate": ("train_extrapolate", "the traces of some ranks made to those of another number of them"),
}
EXAMPLE = "gnomon train simulate --workload et/step --system system.json --network network.yml --memory memory.json"


def parser() -> StepsParser:
    """The arguments."""
    return StepsParser(
        "train",
        "Training steps on clusters.",
        EXAMPLE,
        STEPS,
        "3 a file is wrong or the ranks wait for one another, 4 a file asks for what is not simulated here, 5 ASTRA-sim is not installed",
    )


def run(arguments: Sequence[str]) -> int:
    """Run one step."""
    return parser().run(arguments)
