from gnomon.engines.null.engine import NullEngine
from gnomon.testing import EngineContract, tiny_scenarios


class TestContract(EngineContract):
    engine = NullEngine()
    declines_everything = True


def test_null_engine_gives_a_reason_that_names_the_model():
    for scenario in tiny_scenarios().values():
        (reason,) = NullEngine().missing(scenario)
        assert scenario.workload.name in reason
