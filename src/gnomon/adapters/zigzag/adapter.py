"""The adapter: joins translate, run and read."""

from __future__ import annotations

from pathlib import Path

from gnomon.adapters.zigzag import array, operands
from gnomon.adapters.zigzag.card import CARD
from gnomon.adapters.zigzag.read import read
from gnomon.adapters.zigzag.run import run
from gnomon.adapters.zigzag.translate import translate
from gnomon.core.tool import Answer, Files, Installed, Limits, Question
from gnomon.tools.inside import installed
from gnomon.tools.pins import read_pin


class ZigZag:
    """Its own search for a mapping, and its own model of time and energy."""

    name = "zigzag"
    cites = (
        "Mei et al. 2021, ZigZag: Enlarging Joint Architecture-Mapping Design Space Exploration for DNN Accelerators",
    )
    pin = read_pin(Path(__file__).parent)
    card = CARD

    def installed(self) -> Installed | None:
        """Its environment."""
        return installed(self.name)

    def missing(self, question: Question) -> tuple[str, ...]:
        """Reasons that lie in the question."""
        return (*operands.reasons_against(question.problem), *array.reasons_against(question.accelerator))

    def translate(self, question: Question) -> Files:
        """Workload, accelerator, mapping and options, as YAML."""
        return translate(question)

    def run(self, files: Files, limits: Limits) -> Files:
        """The best mapping that it finds, with its costs."""
        return run(self.name, self.pin, files, limits)

    def read(self, output: Files, question: Question) -> Answer:
        """Its totals with their terms."""
        return read(output, question)
