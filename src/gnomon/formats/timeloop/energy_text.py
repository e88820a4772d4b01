"""Accelerator -> `ERT:` and `ART:`, the tables without which Timeloop would ask Accelergy."""

from __future__ import annotations

from typing import Any

import yaml

from gnomon.core.accelerator import Accelerator, Memory

_VERSION = 0.4  # of the tables


def energy_text(accelerator: Accelerator) -> str:
    """A YAML document from which the accelerator's own energies are read; no part has an area."""
    name, units = accelerator.name, accelerator.units
    tables = [_table(name, memory.name, _energies(memory)) for memory in reversed(accelerator.memories)]
    tables.append(_table(name, units.name, {"compute": units.mac_pj}))
    areas = [{"name": table["name"], "area": 0.0} for table in tables]
    both = {"ERT": {"version": _VERSION, "tables": tables}, "ART": {"version": _VERSION, "tables": areas}}
    return yaml.safe_dump(both, sort_keys=False, allow_unicode=True, width=10**6)


def _energies(memory: Memory) -> dict[str, float]:
    actions = memory.actions
    energies_pj = {"read": actions.read_pj, "fill": actions.fill_pj, "update": actions.update_pj}
    return energies_pj | ({"leak": actions.leak_pj} if actions.leak_pj else {})


def _table(whole: str, name: str, energies_pj: dict[str, float]) -> dict[str, Any]:
    actions = [
        {"name": action, "arguments": {}, "energy": float(energy_pj)} for action, energy_pj in energies_pj.items()
    ]
    return {"name": f"{whole}.{name}", "actions": actions}
