"""The adapter: joins translate, run and read."""

from __future__ import annotations

from pathlib import Path

from gnomon.adapters.scalesim.card import CARD
from gnomon.adapters.scalesim.layer import layer_of
from gnomon.adapters.scalesim.machine import machine_of
from gnomon.adapters.scalesim.read import read
from gnomon.adapters.scalesim.run import run
from gnomon.adapters.scalesim.translate import translate
from gnomon.core.tool import Answer, Files, Installed, Limits, Question
from gnomon.tools.inside import installed
from gnomon.tools.pins import read_pin


class ScaleSim:
    """A systolic array, every cycle simulated; time, and no energy."""

    name = "scalesim"
    cites = (
        "Samajdar et al. 2020, A Systematic Methodology for Characterizing Scalability of DNN Accelerators using SCALE-Sim",
    )
    pin = read_pin(Path(__file__).parent)
    card = CARD

    def installed(self) -> Installed | None:
        """Its environment."""
        return installed(self.name)

    def missing(self, question: Question) -> tuple[str, ...]:
        """Reasons that lie in the question."""
        layer = layer_of(question.problem)
        found = layer if isinstance(layer, str) else machine_of(question, layer)
        return (found,) if isinstance(found, str) else ()

    def translate(self, question: Question) -> Files:
        """Configuration, table of layers and options."""
        return translate(question)

    def run(self, files: Files, limits: Limits) -> Files:
        """Its two reports."""
        return run(self.name, self.pin, files, limits)

    def read(self, output: Files, question: Question) -> Answer:
        """Its cycles with their terms."""
        return read(output, question)
