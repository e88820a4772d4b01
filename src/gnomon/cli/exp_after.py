"""gnomon exp verify, read, replicate, doctor: what comes after a run."""

from __future__ import annotations

from collections.abc import Sequence

from gnomon.cli.exp_run import progress
from gnomon.cli.exp_spec import step_parser
from gnomon.cli.output import print_json, print_table, say
from gnomon.lab import doors
from gnomon.lab.errors import Tampered


def verify(arguments: Sequence[str]) -> int:
    """Check every sealed byte."""
    parser = step_parser(
        "verify",
        "Whether every byte of a run is as it was sealed, and what anchors it.",
        "gnomon exp verify experiments/exp-001-a.md",
    )
    parser.add_argument("--run", metavar="NAME", help="a replicate; the first run without")
    found = parser.read(arguments)
    checked = doors.verify(found.spec, found.run)
    if found.json:
        rows = [{"kind": one.kind, "name": one.name, "text": one.text} for one in checked.findings]
        print_json(
            {
                "schema": "gnomon/exp-verify/1",
                "folder": str(checked.folder),
                "is_whole": checked.is_whole,
                "findings": rows,
                "anchors": checked.anchors,
                "limits": checked.limits,
                "records": checked.records,
                "files": checked.files,
            }
        )
        return 0 if checked.is_whole else Tampered.exit_code
    for one in checked.findings:
        print(f"{one.kind}: {one.name}: {one.text}")
    print(
        f"{checked.folder}: {'whole' if checked.is_whole else 'NOT as it was sealed'}; "
        f"{checked.records} records, {checked.files} files"
    )
    for anchor in checked.anchors:
        print(f"anchor: {anchor}")
    for limit in checked.limits:
        say(limit)
    return 0 if checked.is_whole else Tampered.exit_code


def read(arguments: Sequence[str]) -> int:
    """Give the verdict."""
    parser = step_parser(
        "read", "The verdict on each criterion, from sealed numbers alone.", "gnomon exp read experiments/exp-001-a.md"
    )
    parser.add_argument("--run", metavar="NAME", help="a replicate; the first run without")
    found = parser.read(arguments)
    reading = doors.read(found.spec, found.run)
    if found.json:
        print_json(reading.to_dict())
        return 0

    def number(value: float | None) -> str:
        return "" if value is None else f"{value:.4g}"

    print_table(
        ["criterion", "verdict", "left", "right", "left - right, 90 % over seeds", "expression"],
        [
            [
                one.id,
                one.verdict,
                number(one.left),
                number(one.right),
                "" if one.margin_low is None else f"{number(one.margin_low)} to {number(one.margin_high)}",
                one.expr,
            ]
            for one in reading.verdicts
        ],
        title=f"{reading.experiment}: {reading.status}",
    )
    for one in reading.verdicts:
        if one.why:
            say(f"{one.id}: {one.why}")
    return 0


def replicate(arguments: Sequence[str]) -> int:
    """Run a sealed experiment again."""
    found = step_parser(
        "replicate",
        "Run a sealed experiment again, in a folder beside the first.",
        "gnomon exp replicate experiments/exp-001-a.md",
    ).read(arguments)
    with progress() as tell:
        name, state = doors.replicate(found.spec, tell=tell)
    if found.json:
        print_json({"schema": "gnomon/exp-replicate/1", "run": name, "end": state.end, "units": state.done})
    else:
        print(f"{doors.folder_of(found.spec, name)}: {state.end}, {state.done} units")
    return 0


def doctor(arguments: Sequence[str]) -> int:
    """Tell what this machine can enforce."""
    from gnomon.lab.sandbox import reachable

    found = step_parser(
        "doctor",
        "What this machine can enforce, tried for real, and what is missing for more.",
        "gnomon exp doctor",
        takes_spec=False,
    ).read(arguments)
    reach = reachable()
    document = {
        "level": str(reach.level),
        "bwrap": reach.bwrap_version,
        "landlock_abi": reach.landlock_abi,
        "watch": reach.watch,
        "missing": reach.missing,
        "uncovered": reach.uncovered,
    }
    if found.json:
        print_json({"schema": "gnomon/exp-doctor/1", **document})
        return 0
    print(f"enforcement: {reach.level}")
    print_table(
        ["part", "here"],
        [
            ["bubblewrap", reach.bwrap_version or "no"],
            ["Landlock", f"ABI {reach.landlock_abi}" if reach.landlock_abi else "no"],
            ["attempts are recorded", "yes" if reach.watch else "no"],
        ],
    )
    for text in (*reach.missing, *reach.uncovered):
        say(text)
    return 0
