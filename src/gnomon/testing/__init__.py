"""For authors of engines: a contract that every engine keeps, tiny scenarios, and random ones.

A plug-in's own test is three lines:

    from gnomon.testing import EngineContract

    class TestMine(EngineContract):
        engine = Mine()

Imports pytest and hypothesis, which the extra `gnomon[testing]` brings; nothing else in Gnomon imports this package.
"""

from gnomon.testing.contract import EngineContract
from gnomon.testing.scenarios import single_op_scenarios, tiny_scenarios
from gnomon.testing.strategies import devices, dtypes, nodes, ops, plans, scenarios, systems, workloads

__all__ = [
    "EngineContract",
    "devices",
    "dtypes",
    "nodes",
    "ops",
    "plans",
    "scenarios",
    "single_op_scenarios",
    "systems",
    "tiny_scenarios",
    "workloads",
]
