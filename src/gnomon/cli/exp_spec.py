"""gnomon exp new, import-md, lint, plan, register, amend: a spec before it runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from gnomon.cli.arguments import Parser
from gnomon.cli.output import print_json, print_table, say
from gnomon.core.units import show
from gnomon.lab import doors
from gnomon.lab.errors import SpecInvalid
from gnomon.lab.specs.front_matter import Fault
from gnomon.lab.specs.lint import is_told_open
from gnomon.lab.specs.registration import Registered


def step_parser(step: str, about: str, example: str, *, takes_spec: bool = True) -> Parser:
    """A step's arguments: the spec, and --json."""
    parser = Parser(f"exp {step}", about, example)
    if takes_spec:
        parser.add_argument("spec", metavar="SPEC", type=Path, help="experiments/exp-NNN-slug.md")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    return parser


def add_run(parser: Parser) -> Parser:
    """Which run of a spec a step is about."""
    parser.add_argument("--run", metavar="NAME", help="a replicate, like run-2 (default: the first run)")
    return parser


def new(arguments: Sequence[str]) -> int:
    """Write a spec that runs as it stands."""
    parser = step_parser(
        "new",
        "A spec that runs as it stands, under the next free number.",
        "gnomon exp new my-question",
        takes_spec=False,
    )
    parser.add_argument("slug", metavar="SLUG", help="what it is about: small letters, digits, hyphens")
    parser.add_argument(
        "--root", metavar="FOLDER", type=Path, default=Path(), help="the repository (default: this folder)"
    )
    found = parser.read(arguments)
    path = doors.new_spec(found.root, found.slug)
    if found.json:
        print_json({"schema": "gnomon/exp-new/1", "spec": str(path)})
    else:
        print(path)
        say(f"change it into yours, then `gnomon exp lint {path}`")
    return 0


def import_md(arguments: Sequence[str]) -> int:
    """Write a draft from a plan."""
    parser = step_parser(
        "import-md",
        "A draft of a spec from a plan in Markdown: its text under the twelve headings, what it says for certain as "
        "fields, TODO for everything else; `gnomon exp lint` says where each TODO is.",
        "gnomon exp import-md plan.md",
        takes_spec=False,
    )
    parser.add_argument("plan", metavar="FILE", type=Path, help="the plan: Markdown with headings, no fields")
    parser.add_argument(
        "--slug", metavar="SLUG", default="", help="what the draft is called (default: what the file is)"
    )
    parser.add_argument(
        "--root", metavar="FOLDER", type=Path, default=Path(), help="the repository (default: this folder)"
    )
    found = parser.read(arguments)
    made = doors.import_markdown(found.root, found.plan, found.slug)
    if found.json:
        print_json({"schema": "gnomon/exp-import-md/1", "spec": str(made.path), "todo": made.todo})
    else:
        print(made.path)
        say(f"{_still_open(doors.faults(made.path))}: `gnomon exp lint {made.path}` says where")
    return 0


def lint(arguments: Sequence[str]) -> int:
    """Tell every fault of a spec."""
    found = step_parser(
        "lint", "Every fault of a spec in one pass, with line and column.", "gnomon exp lint experiments/exp-001-a.md"
    ).read(arguments)
    faults = doors.faults(found.spec)
    if found.json:
        rows = [{"line": f.line, "column": f.column, "field": f.where, "text": f.text} for f in faults]
        print_json({"schema": "gnomon/exp-lint/1", "spec": str(found.spec), "faults": rows})
    for fault in () if found.json else faults:
        print(fault.shown(str(found.spec)))
    if faults:
        still_open = _still_open(faults)
        say(f"{len(faults)} fault{'s' * (len(faults) > 1)} in {found.spec}{still_open and f'; {still_open}'}")
        return SpecInvalid.exit_code
    if not found.json:
        print(f"{found.spec}: sound")
    return 0


def _still_open(faults: Sequence[Fault]) -> str:
    """How many fields and sections are TODO, as the faults of a spec say; empty: none is."""
    to_fill_in = [fault for fault in faults if is_told_open(fault)]
    fields = sum(bool(fault.where) for fault in to_fill_in)
    counts = ((fields, "field"), (len(to_fill_in) - fields, "section"))
    said = " and ".join(f"{count} {name}{'s' * (count > 1)}" for count, name in counts if count)
    return said and f"{said} {'is' if len(to_fill_in) == 1 else 'are'} TODO"


def plan(arguments: Sequence[str]) -> int:
    """Print what would run."""
    parser = step_parser(
        "plan",
        "Units, order, estimate, budget and the enforcement reached; nothing is run.",
        "gnomon exp plan experiments/exp-001-a.md",
    )
    parser.add_argument("--units", action="store_true", help="every unit with its command")
    found = parser.read(arguments)
    what = doors.planned(found.spec)
    budget = what.spec.budget
    if found.json:
        print_json(
            {
                "schema": "gnomon/exp-plan/1",
                "spec": str(found.spec),
                "units": [
                    {"unit": u.id, "phase": u.phase, "arm": u.arm, "cell": u.cell, "seed": u.seed, "command": u.command}
                    for u in what.units
                ],
                "estimate_s": what.estimate_s,
                "budget": budget.model_dump(),
                "enforcement": what.enforcement,
            }
        )
        return 0
    phases = Counter(unit.phase for unit in what.units)
    print_table(["phase", "units"], [[phase, str(count)] for phase, count in phases.items()])
    print(
        f"estimate {show(what.estimate_s, 's')} of {show(budget.wall_clock, 's')} wall clock; "
        f"{len(what.units)} of {budget.max_runs} runs; order {what.spec.protocol.order}; enforcement {what.enforcement['level']}"
    )
    if found.units:
        print_table(
            ["unit", "phase", "what", "command"],
            [[unit.id, unit.phase, unit.label, " ".join(unit.command)] for unit in what.units],
        )
    return 0


def register(arguments: Sequence[str]) -> int:
    """Bind a spec."""
    parser = step_parser(
        "register",
        "Bind a spec to its bytes: a lock file beside it, and a tag where git is.",
        "gnomon exp register experiments/exp-001-a.md",
    )
    found = parser.read(arguments)
    return _told(doors.register(found.spec), found.json)


def amend(arguments: Sequence[str]) -> int:
    """Bind an edited spec."""
    parser = step_parser(
        "amend",
        "Bind an edited spec as the next version, linked to the one before.",
        'gnomon exp amend experiments/exp-001-a.md --why "a typing error in the bounds"',
    )
    parser.add_argument("--why", metavar="TEXT", required=True, help="why it was changed; it stands in the lock")
    found = parser.read(arguments)
    return _told(doors.amend(found.spec, found.why), found.json)


def _told(made: Registered, as_json: bool) -> int:
    lock = made.lock
    if as_json:
        print_json(
            {"schema": "gnomon/exp-register/1", "spec": str(made.path), **lock.model_dump(exclude={"text", "schema_"})}
        )
        return 0
    print(f"{made.path}: version {lock.version}, sha256 {lock.spec_sha256}, {lock.registered}")
    for change in lock.changes:
        print(change)
    if not lock.commit:
        say("no commit: nothing outside of this folder says when it was registered")
    elif not lock.is_committed:
        say("the commit does not hold the spec with these bytes: commit it, so that the history says so too")
    return 0
