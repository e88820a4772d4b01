"""For authors of engines and adapters: contracts that each keeps, tiny scenarios and questions, and random ones.

A plug-in's own test is three lines:

    from gnomon.testing import EngineContract

    class TestMine(EngineContract):
        engine = Mine()

Imports pytest and hypothesis, which the extra `gnomon[testing]` brings; nothing else in Gnomon imports this package.
"""

from gnomon.testing.adapter_contract import AdapterContract
from gnomon.testing.contract import EngineContract
from gnomon.testing.questions import tiny_questions
from gnomon.testing.scenarios import single_op_scenarios, tiny_scenarios
from gnomon.testing.strategies import devices, dtypes, nodes, ops, plans, scenarios, systems, workloads

__all__ = [
    "AdapterContract",
    "EngineContract",
    "devices",
    "dtypes",
    "nodes",
    "ops",
    "plans",
    "scenarios",
    "single_op_scenarios",
    "systems",
    "tiny_questions",
    "tiny_scenarios",
    "workloads",
]
