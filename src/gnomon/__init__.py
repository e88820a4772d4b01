"""Gnomon tells how long ML workloads take on hardware, and how far each model of it can be believed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gnomon.api.answers import Answer, Answers
    from gnomon.api.compare import compare
    from gnomon.api.comparison import compare_measurements
    from gnomon.api.mapping import MappingEvaluation, evaluate_mapping
    from gnomon.api.mapping_comparison import MappingComparison, compare_mappings
    from gnomon.api.names import system
    from gnomon.api.overrides import Overrides
    from gnomon.api.predict import predict, predict_many, predict_scenario
    from gnomon.api.questions import workload
    from gnomon.api.reports import write_report
    from gnomon.api.scenarios import write_scenario
    from gnomon.api.services import ServiceCapacity, ServiceRun, serve, serve_capacity
    from gnomon.api.serving_simulation import ServingSimulation, simulate_service
    from gnomon.api.sweeps import SweepResult, sweep
    from gnomon.api.training_export import ExportedTraining, export_training
    from gnomon.api.training_simulation import TrainingSimulation, simulate_training
    from gnomon.core.errors import BadInput, GnomonError, Unsupported
    from gnomon.formats.traced.torch_export import from_torch

_HOME = {
    "Answer": "gnomon.api.answers",
    "Answers": "gnomon.api.answers",
    "BadInput": "gnomon.core.errors",
    "GnomonError": "gnomon.core.errors",
    "MappingComparison": "gnomon.api.mapping_comparison",
    "MappingEvaluation": "gnomon.api.mapping",
    "Overrides": "gnomon.api.overrides",
    "ServiceCapacity": "gnomon.api.services",
    "ServiceRun": "gnomon.api.services",
    "ServingSimulation": "gnomon.api.serving_simulation",
    "TrainingSimulation": "gnomon.api.training_simulation",
    "Unsupported": "gnomon.core.errors",
    "evaluate_mapping": "gnomon.api.mapping",
    "ExportedTraining": "gnomon.api.training_export",
    "export_training": "gnomon.api.training_export",
    "from_torch": "gnomon.formats.traced.torch_export",
    "compare": "gnomon.api.compare",
    "compare_mappings": "gnomon.api.mapping_comparison",
    "compare_measurements": "gnomon.api.comparison",
    "predict": "gnomon.api.predict",
    "predict_many": "gnomon.api.predict",
    "predict_scenario": "gnomon.api.predict",
    "serve": "gnomon.api.services",
    "serve_capacity": "gnomon.api.services",
    "simulate_service": "gnomon.api.serving_simulation",
    "simulate_training": "gnomon.api.training_simulation",
    "sweep": "gnomon.api.sweeps",
    "SweepResult": "gnomon.api.sweeps",
    "system": "gnomon.api.names",
    "workload": "gnomon.api.questions",
    "write_report": "gnomon.api.reports",
    "write_scenario": "gnomon.api.scenarios",
}
__all__ = [  # noqa: RUF022 - the type checker wants a plain list, the reader the order of use
    "predict",
    "predict_many",
    "predict_scenario",
    "write_scenario",
    "compare",
    "compare_measurements",
    "sweep",
    "serve",
    "serve_capacity",
    "simulate_service",
    "simulate_training",
    "export_training",
    "evaluate_mapping",
    "compare_mappings",
    "write_report",
    "workload",
    "from_torch",
    "system",
    "Answer",
    "Answers",
    "SweepResult",
    "ServiceRun",
    "ServiceCapacity",
    "ServingSimulation",
    "TrainingSimulation",
    "ExportedTraining",
    "MappingEvaluation",
    "MappingComparison",
    "Overrides",
    "GnomonError",
    "BadInput",
    "Unsupported",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: `import gnomon` stays quick."""
    if name not in _HOME:
        raise AttributeError(f"module 'gnomon' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
