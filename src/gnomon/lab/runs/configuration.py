"""config.json: what a run was asked to do and what it stood on, resolved to the last default."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gnomon.lab.runs.budget import ledger
from gnomon.lab.specs.plan import Unit
from gnomon.lab.specs.spec import Spec
from gnomon.lab.store.state import State
from gnomon.lab.units.executor import Host

SCHEMA = "gnomon/config/1"


def config_document(
    spec: Spec,
    planned: Sequence[Unit],
    state: State,
    host: Host,
    *,
    environment: dict[str, Any],
    before: dict[str, Any],
    after: dict[str, Any],
    changed: Sequence[str],
) -> dict[str, Any]:
    """The whole document; before and after: what was installed then, changed: what differs, in words."""
    return {
        "schema": SCHEMA,
        "experiment": spec.id,
        "run_id": state.run,
        "spec": spec.model_dump(mode="json", by_alias=True),
        "units": [
            {"unit": unit.id, "phase": unit.phase, "label": unit.label, "command": unit.command, "env": unit.env}
            for unit in planned
        ],
        "started": state.started,
        "finished": state.last,
        "executor": host.executor,
        "enforcement": dict(host.enforcement),
        "environment": environment,
        "before": before,
        "after": after,
        "changed": list(changed),
        "budget": [
            {"axis": line.axis, "used": line.used, "allowed": line.allowed, "is_over": line.is_over}
            for line in ledger(spec, state)
        ],
        "overages": [record["text"] for record in state.overages],
    }
