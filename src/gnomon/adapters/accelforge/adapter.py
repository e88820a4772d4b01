"""The adapter: joins translate, run and read."""

from __future__ import annotations

from pathlib import Path

from gnomon.adapters.accelforge.card import CARD
from gnomon.adapters.accelforge.read import read
from gnomon.adapters.accelforge.run import run
from gnomon.adapters.accelforge.translate import translate
from gnomon.core.tool import Answer, Files, Installed, Limits, Question
from gnomon.tools.inside import installed
from gnomon.tools.pins import read_pin


class AccelForge:
    """Its own search for a mapping, and its own model of time and energy."""

    name = "accelforge"
    cites = ("Andrulis et al., AccelForge, version 1.0.467, github.com/Accelergy-Project/accelforge",)
    pin = read_pin(Path(__file__).parent)
    card = CARD

    def installed(self) -> Installed | None:
        """Its environment."""
        return installed(self.name)

    def missing(self, question: Question) -> tuple[str, ...]:
        """Reasons that lie in the question."""
        found = []
        if sum(space.is_output for space in question.problem.spaces) != 1:
            found.append("an operation has one output")
        if any(term.factor < 1 for space in question.problem.spaces for rank in space.ranks for term in rank):
            found.append("an index has a factor below 1")
        outermost = question.accelerator.memories[-1]
        if outermost.instances > 1 or len(question.kept[-1]) < len(question.problem.spaces):
            found.append(f"{outermost.name}: the outermost memory has one instance, and keeps every data space")
        return tuple(found)

    def translate(self, question: Question) -> Files:
        """Specification and options."""
        return translate(question)

    def run(self, files: Files, limits: Limits) -> Files:
        """The mapping that is asked for among those of which none is better in time and energy."""
        return run(self.name, self.pin, files, limits)

    def read(self, output: Files, question: Question) -> Answer:
        """Its totals with their terms."""
        return read(output, question)
