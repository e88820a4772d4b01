"""The `schema` of every JSON document that Gnomon writes; docs/reference/json.md says what is in each.

A form of its own has a name of its own: who reads a document tells it by this field alone.
"""

from __future__ import annotations

PREDICT = "gnomon/predict/1"
COMPARE = "gnomon/compare/1"  # an engine against a table of measurements
COMPARE_SCENARIOS = "gnomon/compare-scenarios/1"
SWEEP_RESULT = "gnomon/sweep-result/1"
SERVE_RUN = "gnomon/serve-run/1"
SERVE_CAPACITY = "gnomon/serve-capacity/1"
REPORT = "gnomon/report/1"
CHECK = "gnomon/check/1"
DOCTOR = "gnomon/doctor/1"
SHOW_DEVICE = "gnomon/device-numbers/1"
SHOW_SYSTEM = "gnomon/system-numbers/1"
SHOW_ACCELERATOR = "gnomon/accelerator-numbers/1"
SHOW_MODEL = "gnomon/model/1"
SHOW_SCENARIO = "gnomon/show-scenario/1"


def listed(kind: str) -> str:
    """Of `gnomon list KIND`."""
    return f"gnomon/list-{kind}/1"
