"""The adapter: joins translate, run and read."""

from __future__ import annotations

from pathlib import Path

from gnomon.adapters.timeloop.card import CARD
from gnomon.adapters.timeloop.programs import installed
from gnomon.adapters.timeloop.read import read
from gnomon.adapters.timeloop.run import run
from gnomon.adapters.timeloop.translate import translate
from gnomon.core.tool import Answer, Files, Installed, Limits, Question
from gnomon.tools.pins import read_pin


class Timeloop:
    """Its model of the mapping that is given, or the best that its own search finds."""

    name = "timeloop"
    cites = ("Parashar et al. 2019, Timeloop: A Systematic Approach to DNN Accelerator Evaluation",)
    pin = read_pin(Path(__file__).parent)
    card = CARD

    def installed(self) -> Installed | None:
        """Its programs on the PATH, or its image."""
        return installed()

    def missing(self, question: Question) -> tuple[str, ...]:
        """Reasons that lie in the question."""
        long = [dim for dim in question.problem.bounds if len(dim) != 1]
        return (f"a dimension has a name of one letter, not {', '.join(long)}",) if long else ()

    def translate(self, question: Question) -> Files:
        """Problem, architecture, energies, and the mapping or what a search is to look for."""
        return translate(question)

    def run(self, files: Files, limits: Limits) -> Files:
        """Its statistics, as text and exact."""
        return run(self.pin, files, limits)

    def read(self, output: Files, question: Question) -> Answer:
        """Its totals with their terms, and every count."""
        return read(output, question)
