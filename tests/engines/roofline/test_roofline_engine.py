from gnomon.engines.roofline.engine import RooflineEngine
from gnomon.testing import EngineContract


class TestContract(EngineContract):
    engine = RooflineEngine()
