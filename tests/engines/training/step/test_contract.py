from __future__ import annotations

from gnomon.engines.roofline.engine import RooflineEngine
from gnomon.engines.training.engine import TrainingEngine
from gnomon.engines.training.step.exchanges import AstraSimExchanges
from gnomon.testing import EngineContract


def engine() -> TrainingEngine:
    return TrainingEngine(lambda _: RooflineEngine(), lambda _: AstraSimExchanges())


class TestTraining(EngineContract):
    engine = engine()

    def another(self) -> TrainingEngine:
        return engine()
