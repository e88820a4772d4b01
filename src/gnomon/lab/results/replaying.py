"""One unit again, alone, as it runs in the experiment; nothing of it is recorded or counted."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gnomon.core.errors import BadInput, near_match
from gnomon.lab.digests import of_bytes
from gnomon.lab.repository import root_of
from gnomon.lab.runs.runner import LINES, STDOUT
from gnomon.lab.specs.plan import Unit, units
from gnomon.lab.specs.registration import sound
from gnomon.lab.store.run_folder import RunFolder
from gnomon.lab.units.executor import Ended, Host, Job
from gnomon.lab.units.observe import Observed, observed

_LOOK_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What a unit came to when it was run alone."""

    unit: Unit
    room: Path  # what it left: stdout.log, stderr.log and its own files
    ended: Ended
    observed: Observed


def find_unit(listed: Sequence[Unit], name: str) -> Unit:
    """A unit by its id or the beginning of it, or by phase/arm/cell/seed with or without the phase. BadInput for none, and
    for more than one.
    """
    named = [unit for unit in listed if name in (unit.id, unit.label, f"{unit.phase}/{unit.label}")]
    found = named or [unit for unit in listed if name and unit.id.startswith(name)]
    if len(found) > 1:
        raise BadInput(
            f"{name!r} names {len(found)} units: {', '.join(f'{unit.phase}/{unit.label}' for unit in found)}"
        )
    if not found:
        known = [f"{unit.phase}/{unit.label}" for unit in listed]
        raise BadInput(f"no unit {name!r}{near_match(name, known)} (`gnomon exp plan --units` lists them)")
    return found[0]


def replay(path: Path, name: str, host: Host, *, begun: Callable[[Unit], None] = lambda unit: None) -> Replayed:
    """Run one unit of a sound spec in a folder of its own, under the enforcement of the host.

    begun: called with the unit before it starts. The folder is left for whoever wants to look.
    """
    raw, spec = sound(path)
    unit = find_unit(units(spec, of_bytes(raw)), name)
    folder = RunFolder(Path(tempfile.mkdtemp(prefix="gnomon-replay-")))
    folder.make()
    begun(unit)
    (worker,) = host.workers(spec, root_of(path), folder, 1)
    try:
        room = folder.open_room(unit.id, attempt=1)
        worker.start(
            Job(
                unit=unit.id,
                command=unit.command,
                env=unit.env,
                folder=root_of(path),
                room=room,
                timeout_s=spec.protocol.unit_timeout,
            )
        )
        while (ended := worker.poll(_LOOK_S)) is None:
            pass
    finally:
        worker.close()
    metrics = () if unit.phase == "sanity" else spec.metrics.every
    return Replayed(unit=unit, room=room, ended=ended, observed=observed(metrics, room, room / STDOUT, room / LINES))
