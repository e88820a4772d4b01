"""gnomon exp preflight, run, resume, replicate, status, watch, stop, justify, note: a run under way."""

from __future__ import annotations

import json
import math
import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from typing import Any

from gnomon.api import plugins
from gnomon.cli.arguments import Parser, choose
from gnomon.cli.exp_progress import counted, progress
from gnomon.cli.exp_spec import add_run, step_parser
from gnomon.cli.output import print_json, print_table, say
from gnomon.core.errors import UsageError
from gnomon.core.units import show
from gnomon.lab import doors
from gnomon.lab.doors import Status
from gnomon.lab.errors import OutOfTime, PreflightFailed, Tampered
from gnomon.lab.runs.readiness import LEVELS
from gnomon.lab.store.state import State
from gnomon.lab.units.executor import Executor, Host

_EVERY_S = 1.0  # between looks of `watch`


def where(parser: Parser) -> Parser:
    """A step that runs units is told where."""
    parser.add_argument(
        "--executor",
        metavar="EXECUTOR",
        default="local",
        help="where units run: a name of `gnomon list executors` (default: local)",
    )
    parser.add_argument(
        "--enforcement",
        metavar="LEVEL",
        choices=LEVELS,
        help=f"hold units at this level: {', '.join(LEVELS)} (default: the highest that is reached)",
    )
    return parser


def host_of(found: Namespace) -> Host:
    """Where units run, as asked for."""
    executor: Executor = plugins.load("executors", choose("--executor", found.executor, plugins.names("executors")))
    return executor.host(found.enforcement)


def preflight(arguments: Sequence[str]) -> int:
    """Tell why a spec cannot run here."""
    parser = step_parser(
        "preflight",
        "Whether inputs, environment and enforcement are as the spec asks.",
        "gnomon exp preflight experiments/exp-001-a.md",
    )
    found = where(parser).read(arguments)
    told = doors.preflight(found.spec, host_of(found))
    if found.json:
        print_json({"schema": "gnomon/exp-preflight/1", "spec": str(found.spec), "faults": told})
    elif not told:
        print(f"{found.spec}: can run here")
    if told and not found.json:
        raise PreflightFailed("\n".join(f"{found.spec}: {fault}" for fault in told))
    return PreflightFailed.exit_code if told else 0


def run(arguments: Sequence[str]) -> int:
    """Run a registered spec."""
    parser = step_parser(
        "run", "Run a registered spec to its sealed end, or go on with it.", "gnomon exp run experiments/exp-001-a.md"
    )
    found = with_hours(where(parser)).read(arguments)
    return to_its_end(found, None, lambda **how: doors.run(found.spec, **how), "gnomon/exp-run/1")


def resume(arguments: Sequence[str]) -> int:
    """Go on with a run."""
    parser = step_parser(
        "resume", "Go on with a run that was interrupted or killed.", "gnomon exp resume experiments/exp-001-a.md"
    )
    found = with_hours(where(add_run(parser))).read(arguments)
    doors.status(found.spec, found.run)  # there is a run
    return to_its_end(found, found.run, lambda **how: doors.run(found.spec, found.run, **how), "gnomon/exp-run/1")


def replicate(arguments: Sequence[str]) -> int:
    """Run a sealed experiment again."""
    parser = step_parser(
        "replicate",
        "Run a sealed experiment again, in a folder beside the first; one that was interrupted goes on.",
        "gnomon exp replicate experiments/exp-001-a.md",
    )
    found = with_hours(where(parser)).read(arguments)
    name = doors.next_replicate(found.spec)
    return to_its_end(
        found, name, lambda **how: doors.replicate(found.spec, **how)[1], "gnomon/exp-replicate/1", run=name
    )


def with_hours(parser: Parser) -> Parser:
    """A step that runs many units can be given hours."""
    parser.add_argument(
        "--max-hours",
        metavar="HOURS",
        help="begin no unit after so long; `resume` goes on, exit code 124 (default: no limit)",
    )
    return parser


def to_its_end(found: Namespace, name: str | None, go: Callable[..., State], schema: str, **also: str) -> int:
    """Run units to the sealed end and say what came of it. name: of a replicate; also: fields of the document."""
    most_s = math.inf if found.max_hours is None else 3600 * _hours(found.max_hours)
    which = "" if name is None else f" --run {name}"
    try:
        with progress(found.spec, name) as tell:
            state = go(host=host_of(found), tell=tell, most_s=most_s)
    except (KeyboardInterrupt, OutOfTime):
        if name is not None:
            say(f"`gnomon exp resume {found.spec}{which}` goes on with this replicate")
        raise
    folder = doors.folder_of(found.spec, name)
    if found.json:
        print_json({"schema": schema, **also, "folder": str(folder), "end": state.end, "units": state.done})
        return 0
    print(f"{folder}: {state.end}, {state.done} units in {show(state.wall_s, 's')}, enforcement {state.enforcement}")
    for record in state.violations:
        say(f"recorded: {record.get('call', record['what'])} {record.get('target', record.get('text', ''))}")
    say(f"`gnomon exp read {found.spec}{which}` gives the verdict")
    return 0


def _hours(text: str) -> float:
    try:
        hours = float(text)
    except ValueError:
        hours = math.nan
    if not 0 < hours < math.inf:
        raise UsageError(f"--max-hours: expected hours as a number above 0, not {text!r}")
    return hours


def status(arguments: Sequence[str]) -> int:
    """Tell how far a run is."""
    parser = step_parser("status", "How far a run is, from its journal.", "gnomon exp status experiments/exp-001-a.md")
    found = add_run(parser).read(arguments)
    now = doors.status(found.spec, found.run)
    _told(now, found.json)
    return Tampered.exit_code if now.fault else 0


def _document(found: Status) -> dict[str, Any]:
    state = found.state
    return {
        "schema": "gnomon/exp-status/1",
        "folder": str(found.folder),
        "phase": state.phase,
        "end": state.end,
        "reason": state.reason or None,
        "is_sealed": state.is_sealed,
        "is_running": found.is_running,
        "planned": found.planned,
        "done": state.done,
        "failed": state.failed,
        "attempts": state.attempts,
        "violations": len(state.violations),
        "enforcement": state.enforcement,
        "left_s": found.left_s,
        "left_by": found.basis if found.left_s is not None else None,
        "budget": [{"axis": one.axis, "used": one.used, "allowed": one.allowed} for one in found.ledger],
        "fault": found.fault or None,
    }


def _told(found: Status, as_json: bool) -> None:
    state = found.state
    if as_json:
        print_json(_document(found))
        return
    what = (
        "broken" if found.fault else "running" if found.is_running else "sealed" if state.is_sealed else "interrupted"
    )
    left = f", about {show(found.left_s, 's')} left by {found.basis}" if found.left_s else ""
    print(f"{found.folder}: {what}; {state.phase}: {counted(state)}, {show(state.wall_s, 's')}{left}")
    if state.end:
        print(f"end: {state.end}{f' ({state.reason})' if state.reason else ''}")
    print_table(
        ["budget", "used", "allowed"],
        [[one.axis, f"{one.used:.4g} {one.unit}", f"{one.allowed:g} {one.unit}"] for one in found.ledger],
    )
    if found.fault:
        say(f"its journal is broken: {found.fault}; `gnomon exp verify --salvage` copies what is sound before it")


def watch(arguments: Sequence[str]) -> int:
    """Tell how far a run is until it ends."""
    parser = step_parser(
        "watch",
        "The status every second, until the run ends or nobody is at work on it; with --json a JSON object on each line.",
        "gnomon exp watch experiments/exp-001-a.md",
    )
    found = add_run(parser).read(arguments)
    while True:
        now = doors.status(found.spec, found.run)
        if found.json:
            print(json.dumps(_document(now), allow_nan=False), flush=True)
        else:
            _told(now, as_json=False)
        if not now.is_running:
            return Tampered.exit_code if now.fault else 0
        time.sleep(_EVERY_S)


def stop(arguments: Sequence[str]) -> int:
    """Ask a run to stop."""
    parser = step_parser(
        "stop",
        "Let the units at work end, then stop; `gnomon exp resume` goes on.",
        "gnomon exp stop experiments/exp-001-a.md",
    )
    found = add_run(parser).read(arguments)
    doors.stop(found.spec, found.run)
    if found.json:
        print_json({"schema": "gnomon/exp-stop/1", "spec": str(found.spec)})
    else:
        print(f"{found.spec}: asked to stop")
    return 0


def justify(arguments: Sequence[str]) -> int:
    """Allow a run to go beyond its budget."""
    parser = step_parser(
        "justify",
        "Allow a run to go beyond its budget on one axis; the reason stands in its results.",
        'gnomon exp justify experiments/exp-001-a.md --axis wall_clock --why "the disk was slow until 10:00"',
    )
    parser.add_argument(
        "--axis", metavar="AXIS", required=True, choices=doors.JUSTIFIABLE, help=", ".join(doors.JUSTIFIABLE)
    )
    parser.add_argument("--why", metavar="TEXT", required=True, help="the reason")
    found = add_run(parser).read(arguments)
    doors.justify(found.spec, found.axis, found.why, found.run)
    if found.json:
        print_json({"schema": "gnomon/exp-justify/1", "axis": found.axis, "why": found.why})
    else:
        print(f"{found.spec}: {found.axis} may be exceeded")
    return 0


def note(arguments: Sequence[str]) -> int:
    """Add a fact to the notes."""
    parser = step_parser(
        "note",
        "Add a fact to the notes of a run. Phrases that interpret rather than report are pointed out.",
        'gnomon exp note experiments/exp-001-a.md "the machine was rebooted at 10:03"',
    )
    parser.add_argument("text", metavar="TEXT", help="the fact")
    parser.add_argument("--strict", action="store_true", help="refuse a note that interprets")
    found = add_run(parser).read(arguments)
    phrases = doors.note(found.spec, found.text, found.run, is_strict=found.strict)
    if found.json:
        print_json({"schema": "gnomon/exp-note/1", "text": found.text, "interprets": phrases})
    for phrase in phrases:
        say(f"a note reports facts; {phrase!r} interprets")
    return 0
