from gnomon.engines.kernel.engine import KernelEngine
from gnomon.testing import EngineContract

ENGINE = KernelEngine()


class TestContract(EngineContract):
    engine = ENGINE
