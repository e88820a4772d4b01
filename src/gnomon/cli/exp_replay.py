"""gnomon exp replay: one unit again, alone."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from gnomon.cli.exp_run import host_of, where
from gnomon.cli.exp_spec import add_run, step_parser
from gnomon.cli.output import print_json, print_table, say
from gnomon.core.units import show
from gnomon.lab import doors
from gnomon.lab.errors import MissingMetrics
from gnomon.lab.results.replaying import Replayed
from gnomon.lab.specs.plan import Unit
from gnomon.lab.store.plain_file import end_of

_SHOWN_BYTES = 4000  # of the end of what a unit printed


def replay(arguments: Sequence[str]) -> int:
    """Run one unit alone."""
    parser = step_parser(
        "replay",
        "Run one unit alone, as it runs in the experiment; nothing is recorded.",
        "gnomon exp replay experiments/exp-001-a.md full/half/3",
    )
    parser.add_argument(
        "unit", metavar="UNIT", help="its id, or phase/arm/cell/seed; `gnomon exp plan --units` lists them"
    )
    found = where(add_run(parser)).read(arguments)
    doors.folder_of(found.spec, found.run)  # there is such a run

    def begun(unit: Unit) -> None:
        if not found.json:
            print(f"unit {unit.id}, {unit.phase}/{unit.label}")
            print(" ".join([*(f"{name}={shlex.quote(value)}" for name, value in unit.env.items()), _line(unit)]))
            for folder in doors.attempts(found.spec, unit.id, found.run):
                print(f"recorded: {folder}")

    made = doors.replay(found.spec, found.unit, host=host_of(found), begun=begun)
    if found.json:
        _as_json(made, [str(folder) for folder in doors.attempts(found.spec, made.unit.id, found.run)])
    else:
        _as_text(made)
    return 0 if not made.ended.failure and not made.observed.missing else MissingMetrics.exit_code


def _line(unit: Unit) -> str:
    return shlex.join(unit.command)


def _as_text(made: Replayed) -> None:
    for name in ("stdout.log", "stderr.log"):
        if text := _end(made.room / name):
            print(f"--- {name}")
            print(text.rstrip("\n"))
    print("---")
    print(f"{made.ended.failure or 'ended well'}, {show(made.ended.wall_s, 's')}; what it left: {made.room}")
    told = made.observed
    rows = [
        [name, "" if value is None else f"{value:.6g}", told.missing.get(name, "")]
        for name, value in told.values.items()
    ]
    if rows:
        print_table(["metric", "value", "why there is none"], rows)
    for event in made.ended.events:
        say(f"denied: {event['call']} {event['target']}")


def _as_json(made: Replayed, recorded: list[str]) -> None:
    print_json(
        {
            "schema": "gnomon/exp-replay/1",
            "unit": made.unit.id,
            "phase": made.unit.phase,
            "label": made.unit.label,
            "command": list(made.unit.command),
            "env": made.unit.env,
            "folder": str(made.room),
            "recorded": recorded,
            "code": made.ended.code,
            "failure": made.ended.failure or None,
            "wall_s": made.ended.wall_s,
            "metrics": made.observed.values,
            "missing": made.observed.missing,
            "events": [dict(event) for event in made.ended.events],
        }
    )


def _end(path: Path) -> str:
    """The end of a log as text, the rest told of."""
    raw, before = end_of(path, _SHOWN_BYTES)
    text = raw.decode("utf-8", "replace")
    return f"[{before} bytes before, in {path}]\n{text}" if before else text
