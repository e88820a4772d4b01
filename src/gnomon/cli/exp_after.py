"""gnomon exp verify, read, export, doctor: what comes after a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gnomon.cli.arguments import words
from gnomon.cli.exp_spec import add_run, step_parser
from gnomon.cli.output import print_json, print_table, say
from gnomon.cli.progress import working
from gnomon.core.errors import BadInput
from gnomon.lab import doors
from gnomon.lab.errors import Tampered
from gnomon.lab.results.salvaging import Salvaged


def verify(arguments: Sequence[str]) -> int:
    """Check every sealed byte."""
    parser = step_parser(
        "verify",
        "Whether every byte of a run is as it was sealed, and what anchors it.",
        "gnomon exp verify experiments/exp-001-a.md",
    )
    add_run(parser)
    parser.add_argument(
        "--salvage",
        metavar="FOLDER",
        type=Path,
        help="of a broken run: copy the records before the first bad one, and what they bind, into this new folder",
    )
    found = parser.read(arguments)
    checked = doors.verify(found.spec, found.run)
    wanted = found.salvage is not None and not checked.is_whole
    saved = doors.salvage(found.spec, found.salvage, found.run) if wanted else None
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
                "salvaged": None if saved is None else _salvaged(saved),
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
    if found.salvage is not None and saved is None:
        say(f"nothing is broken: nothing was copied to {found.salvage}")
    if saved is not None:
        counts = ((saved.records, "record"), (saved.units, "unit"), (saved.files, "file"))
        records, units, files = (f"{count} {name}{'s' * (count != 1)}" for count, name in counts)
        print(f"{saved.folder}: {records}, {units} and {files} came over")
        for left in saved.left:
            print(f"left: {left.name}: {left.why}")
    return 0 if checked.is_whole else Tampered.exit_code


def _salvaged(found: Salvaged) -> dict[str, Any]:
    return {
        "folder": str(found.folder),
        "records": found.records,
        "units": found.units,
        "files": found.files,
        "left": [{"name": one.name, "why": one.why} for one in found.left],
    }


def read(arguments: Sequence[str]) -> int:
    """Give the verdict."""
    parser = step_parser(
        "read", "The verdict on each criterion, from sealed numbers alone.", "gnomon exp read experiments/exp-001-a.md"
    )
    add_run(parser)
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


def export(arguments: Sequence[str]) -> int:
    """Write a run for other programs."""
    parser = step_parser(
        "export",
        "A sealed run for other programs, checked first; or a workflow file that runs a registered spec elsewhere.\n"
        "csv and parquet: observations, a row for each number.\n"
        "junit: every rule, unit and criterion as a test case.\n"
        "ro-crate: a folder with the results and what made them.\n"
        "mlflow: runs at a tracking server, none made twice.\n"
        "attestation: what ran and came of it, as an in-toto statement signed by the ssh key that git signs with.",
        "gnomon exp export experiments/exp-001-a.md --to junit -o exp-001.xml",
    )
    parser.add_argument("--to", metavar="FORMAT", required=True, choices=doors.EXPORTS, help=", ".join(doors.EXPORTS))
    parser.add_argument(
        "-o",
        "--out",
        "--output",
        dest="output",
        metavar="PLACE",
        required=True,
        help="a file; of ro-crate a new folder; of mlflow a tracking URI like sqlite:///mlflow.db",
    )
    add_run(parser)
    group = parser.add_argument_group(doors.WORKFLOW)
    group.add_argument(
        "--gnomon",
        metavar="WHERE",
        help="what pip installs Gnomon from, there: a folder of the checkout, git+https://..., a name with a version",
    )
    group.add_argument(
        "--runs-on", metavar="LABEL[,LABEL...]", default="", help="of the machine (default: GitHub's, where it will do)"
    )
    found = parser.read(arguments)
    try:
        with working(f"writing {found.output}"):
            written = doors.export(
                found.spec, found.to, found.output, found.run, gnomon=found.gnomon, runs_on=words(found.runs_on)
            )
    except BadInput as fault:
        raise (fault.at(field="--gnomon") if fault.field == "gnomon" else fault) from None
    if found.json:
        print_json(
            {
                "schema": "gnomon/exp-export/1",
                "format": written.format,
                "place": written.place,
                **written.counts,
                "notes": written.notes,
            }
        )
        return 0
    print(f"{written.place}: {written.what}")
    for note in written.notes:
        say(note)
    return 0


def doctor(arguments: Sequence[str]) -> int:
    """Tell what this machine can enforce."""
    from gnomon.lab.units.sandbox import reachable

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
