"""Whether a registered experiment can run here: its inputs, what is installed, the machine, the enforcement."""

from __future__ import annotations

import os
import platform
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gnomon.core.units import show
from gnomon.lab.repository import PROTECTED, root_of
from gnomon.lab.runs import packages, provenance
from gnomon.lab.specs.registration import Registered
from gnomon.lab.specs.spec import Spec

_PIN = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^]]*])?\s*==\s*([^\s;,\\*]+)\s*(?:[\\#]|--hash|$)")
LEVELS = ("detect-only", "landlock", "sandbox")


def preflight(found: Registered, enforcement: Mapping[str, Any]) -> list[str]:
    """Why the experiment cannot run here; nothing: it can."""
    spec, root = found.spec, root_of(found.path)
    told = [fault for item in spec.inputs if (fault := provenance.input_fault(root, item))]
    told += _environment_faults(spec, root)
    told += _machine_faults(spec, root)
    told += _scratch_faults(spec, root)
    wanted = spec.integrity.min_enforcement
    if LEVELS.index(enforcement["level"]) < LEVELS.index(wanted):
        reasons = "; ".join(enforcement.get("reasons", ())) or "nothing more is reached here"
        told.append(f"integrity.min_enforcement: {wanted} is asked for, {enforcement['level']} is reached ({reasons})")
    return told


def _scratch_faults(spec: Spec, root: Path) -> Iterator[str]:
    """Folders that units may write to and that lead, by a link, to what they may not."""
    for index, name in enumerate(spec.protocol.scratch):
        place = (root / name).resolve()
        inside = place.relative_to(root.resolve()).parts if place.is_relative_to(root.resolve()) else None
        if inside is None:
            yield f"protocol.scratch.{index}: {name} leads to {place}, outside of the repository"
        elif not inside or inside[0] in PROTECTED:
            yield f"protocol.scratch.{index}: {name} leads to {place}, which no unit may write to"


def _environment_faults(spec: Spec, root: Path) -> Iterator[str]:
    here, asked = platform.python_version(), spec.environment.python
    if asked:
        wanted = tuple(int(part) for part in asked.removeprefix(">=").split("."))
        found = tuple(int(part) for part in here.split(".")[: len(wanted)])
        if found < wanted or (not asked.startswith(">=") and found != wanted):
            yield f"environment.python: {asked} is asked for, this is {here}"
    if spec.environment.requirements:
        yield from _requirement_faults(root / spec.environment.requirements, spec.environment.requirements)
    if spec.environment.image:
        yield f"environment.image: {spec.environment.image} is asked for; units run on this machine as it is"


def _requirement_faults(path: Path, name: str) -> Iterator[str]:
    """Where what is installed differs from what a requirements file pins; other lines ask for nothing."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        yield f"environment.requirements: {name}: no such file"
        return
    except (OSError, UnicodeDecodeError):
        yield f"environment.requirements: {name}: cannot be read as text"
        return
    installed = packages.versions()
    for match in filter(None, map(_PIN.match, lines)):
        package, version = match.groups()
        found = installed.get(packages.normal(package), "not installed")
        if found != version:
            yield f"environment.requirements: {name} pins {package} {version}, here it is {found}"


def _cpus() -> int:
    """Cores that this process may use; where the system does not tell, all there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _machine_faults(spec: Spec, root: Path) -> Iterator[str]:
    asked = spec.compute_profile
    if asked.device == "gpu" and (gpus := len(provenance.gpus())) < asked.gpus:
        yield f"compute_profile.gpus: {asked.gpus} asked for, {gpus} found"
    if (cpus := _cpus()) < asked.cpus:
        yield f"compute_profile.cpus: {asked.cpus} asked for, {cpus} found"
    memory_bytes, free_bytes = provenance.memory_bytes(), shutil.disk_usage(root).free
    if asked.memory is not None and memory_bytes is not None and memory_bytes < asked.memory:
        yield f"compute_profile.memory: {show(asked.memory, 'B')} asked for, {show(memory_bytes, 'B')} found"
    if asked.disk is not None and free_bytes < asked.disk:
        yield f"compute_profile.disk: {show(asked.disk, 'B')} asked for, {show(free_bytes, 'B')} free at {root}"
