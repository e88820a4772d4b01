"""gnomon claims add, list, check, report."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from gnomon.cli.arguments import Parser
from gnomon.cli.output import print_json, print_table, say
from gnomon.core.errors import BadInput, CheckFailed, UsageError, near_match
from gnomon.formats.files import check_writable, write_whole
from gnomon.lab import claims
from gnomon.lab.claims.report import conditions_text, discrepancy_text, measured_text, row

# Flag of add -> where the claim has it. Of a claim of one's own the first are needed; of a shipped one only the last can be said.
_NEEDED = {
    "--statement": ("statement",),
    "--value": ("value",),
    "--relation": ("relation",),
    "--measure": ("conditions", "metric"),
    "--source": ("source", "title"),
    "--at": ("source", "where"),
}
_FURTHER = {
    "--year": ("source", "year"),
    "--unit": ("unit",),
    "--kind": ("kind",),
    "--workload": ("conditions", "workload"),
    "--system": ("conditions", "system"),
    "--cite": ("source", "cite"),
}
_OWN = {
    "--tol-rel": ("tol_rel",),
    "--tol-abs": ("tol_abs",),
    "--experiment": ("test", "experiment"),
    "--metric": ("test", "metric"),
    "--arm": ("test", "arm"),
    "--run": ("test", "run"),
    "--differs": ("test", "differs"),
    "--note": ("note",),
}
_NUMBERS = ("--tol-rel", "--tol-abs")


def step_parser(step: str, about: str, example: str, *, filters: bool = False) -> Parser:
    """A step's arguments: the repository, --json, and which claims are asked for."""
    parser = Parser(f"claims {step}", about, example)
    if filters:
        parser.add_argument("--tool", metavar="NAME", help="only the claims of this tool")
        parser.add_argument(
            "--status",
            metavar="STATUS",
            choices=claims.STATUSES,
            help=f"only those that are {', '.join(claims.STATUSES)}",
        )
    parser.add_argument(
        "--root", metavar="FOLDER", type=Path, default=Path(), help="the repository (default: this folder)"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    return parser


def add(arguments: Sequence[str]) -> int:
    """Write a claim into the ledger."""
    found = _add_parser().read(arguments)
    given = {flag: value for flag in (*_NEEDED, *_FURTHER, *_OWN) if (value := _given(found, flag)) is not None}
    if found.shipped:
        said = [flag for flag in given if flag not in _OWN] + (["--tool"] if found.tool else [])
        if said:
            raise UsageError(f"claims add: {said[0]}: a shipped claim says this itself; give yours an id of its own")
        entry = claims.take_over(found.root, found.id, _nested(given))
    else:
        lacking = [flag for flag in ("--tool", *_NEEDED) if flag not in given and not (flag == "--tool" and found.tool)]
        if lacking:
            raise UsageError(f"claims add: {', '.join(lacking)} missing; see `gnomon claims add --help`")
        data = {"kind": "other", "unit": "", **_nested(given), "id": found.id}
        entry = claims.add(found.root, found.tool, data)
    if found.json:
        print_json({"schema": "gnomon/claims-add/1", **row(entry)})
        return 0
    print(f"{entry.file}: {entry.claim.id}: {entry.claim.said}")
    if entry.claim.test is None:
        say("it names no test yet: --experiment and --metric, or `test:` in the file, say which number decides it")
    else:
        say("`gnomon claims check --update` writes what the experiment's results say of it")
    return 0


def _add_parser() -> Parser:
    parser = step_parser(
        "add",
        "Write a claim into this repository's ledger (claims/TOOL.yaml). With --shipped, take one that comes with Gnomon "
        "over word for word, to put it to a test of your own.",
        "gnomon claims add vidur-latency-error --shipped --experiment exp-001-vidur --metric error",
    )
    parser.add_argument("id", metavar="ID", help="small letters, digits, hyphens: vidur-latency-error")
    parser.add_argument("--shipped", action="store_true", help="the claim of that id that comes with Gnomon")
    said = parser.add_argument_group("what is claimed")
    said.add_argument("--tool", metavar="NAME", help="the tool, system or paper that it is a claim of")
    said.add_argument("--statement", metavar="TEXT", help="in a sentence")
    said.add_argument("--value", metavar="NUMBER[,NUMBER]", help="the number; two for a span")
    said.add_argument("--unit", metavar="UNIT", help="%%, s, ms, token/s, ...; none for a plain ratio")
    said.add_argument("--relation", choices=claims.RELATIONS, help="of the true number to the value; within: a span")
    said.add_argument("--kind", choices=claims.KINDS, help="what it is about (default: other)")
    holds = parser.add_argument_group("what it holds for")
    holds.add_argument("--measure", metavar="TEXT", help="what was computed: the mean error of what, over what")
    holds.add_argument("--workload", metavar="TEXT", help="models, batches, traces")
    holds.add_argument("--system", metavar="TEXT", help="devices, network, software")
    source = parser.add_argument_group("where it is said")
    source.add_argument("--source", metavar="TITLE", help="of the paper, page or data sheet")
    source.add_argument("--at", metavar="PLACE", help="in it: abstract, table 3, section 5.2")
    source.add_argument("--year", metavar="YEAR", help="in which it was published")
    source.add_argument("--cite", metavar="TEXT", help="authors and venue, or a number like arXiv 2405.05465")
    test = parser.add_argument_group("what decides it")
    test.add_argument("--experiment", metavar="EXPERIMENT", help="exp-NNN-slug, whose sealed results decide")
    test.add_argument("--metric", metavar="METRIC", help="of that experiment, the one that the claim is about")
    test.add_argument("--arm", metavar="ARM", help="of that experiment (default: its first treatment)")
    test.add_argument("--run", metavar="NAME", help="a replicate of it, like run-2 (default: the first run)")
    test.add_argument(
        "--differs", metavar="TEXT", help="which condition is another one there: then it is not comparable"
    )
    test.add_argument("--tol-rel", metavar="SHARE", help="how far off still reproduces it: 0.1 is a tenth of the value")
    test.add_argument("--tol-abs", metavar="NUMBER", help="the same in the unit of the value")
    parser.add_argument("--note", metavar="TEXT", help="what else a reader should know")
    return parser


def _given(found: argparse.Namespace, flag: str) -> Any:
    """What a flag was given, as the claim has it; None: it was not."""
    text = getattr(found, flag.lstrip("-").replace("-", "_"))
    if text is None:
        return None
    if flag == "--value":
        numbers = [_number(flag, part) for part in text.split(",")]
        return numbers if len(numbers) > 1 else numbers[0]
    if flag == "--year":
        if not text.isdigit():
            raise BadInput(f"--year: {text!r:.40} is not a year")
        return int(text)
    return _number(flag, text) if flag in _NUMBERS else text


def _number(flag: str, text: str) -> float:
    try:
        return float(json.loads(text))
    except (ValueError, TypeError):
        raise BadInput(f"{flag}: {text!r:.40} is not a number; its unit goes into --unit") from None


def _nested(given: dict[str, Any]) -> dict[str, Any]:
    """Flags as the fields of a claim."""
    data: dict[str, Any] = {}
    for flag, value in given.items():
        *above, last = {**_NEEDED, **_FURTHER, **_OWN}[flag]
        place = data
        for part in above:
            place = place.setdefault(part, {})
        place[last] = value
    return data


def list(arguments: Sequence[str]) -> int:
    """Show the claims."""
    found = step_parser(
        "list",
        "The claims that are known: shipped ones, and those of this repository.",
        "gnomon claims list --tool Vidur",
        filters=True,
    ).read(arguments)
    entries = _asked(claims.ledger(found.root), found)
    if found.json:
        print_json({"schema": "gnomon/claims-list/1", "rows": [row(entry) for entry in entries]})
        return 0
    print_table(
        ["id", "tool", "status", "claimed", "what is claimed"],
        [
            [entry.claim.id, entry.tool, entry.claim.status, entry.claim.said, entry.claim.statement]
            for entry in entries
        ],
        copied=1,
    )
    say(_number_of(len(entries)))
    return 0


def check(arguments: Sequence[str]) -> int:
    """Hold the ledger against sealed results."""
    parser = step_parser(
        "check",
        "What sealed results say of each claim of this repository that names a test. Reproduced: the measured value "
        "satisfies the claim's relation within its tolerance; refuted: it does not; not_comparable: a condition or the "
        "unit differs, or the run has no value; unverified: there is no sealed run, or it is not as it was sealed.",
        "gnomon claims check --update",
    )
    parser.add_argument("--update", action="store_true", help="write what differs into the ledger")
    found = parser.read(arguments)
    checked = claims.check(found.root)
    differing = [one for one in checked if one.changes]
    if found.update:
        for one in differing:
            claims.update(one)
    code = CheckFailed.exit_code if differing and not found.update else 0
    if found.json:
        rows = [{**row(one.entry), **row_of(one), "why": one.why, "changes": [*one.changes]} for one in checked]
        print_json({"schema": "gnomon/claims-check/1", "updated": bool(found.update and differing), "rows": rows})
        return code
    print_table(
        ["claim", "status", "measured", "claimed", "discrepancy", "why"],
        [
            [
                one.claim.id,
                one.status,
                measured_text(one.claim),
                one.claim.said,
                discrepancy_text(one.claim),
                one.why,
            ]
            for one in checked
        ],
        copied=1,
    )
    for one in differing:
        for change in one.changes:
            say(f"{one.entry.file}: {one.claim.id}: {change}")
    if not checked:
        say("no claim of this repository names a test; `gnomon claims add --help` shows how")
    elif code:
        differs = "differs" if len(differing) == 1 else "differ"
        say(f"{len(differing)} of {_number_of(len(checked))} {differs} from what results say; --update writes that")
    return code


def row_of(one: claims.Checked) -> dict[str, Any]:
    """The fields that results decide, as results have them."""
    return {
        "status": one.status,
        "resolved_by": one.resolved_by.model_dump(mode="json") if one.resolved_by else None,
        "discrepancy": one.discrepancy.model_dump(mode="json") if one.discrepancy else None,
        "measured": row(claims.Entry(claim=one.claim, tool=one.entry.tool, file=one.entry.file))["measured"],
    }


def report(arguments: Sequence[str]) -> int:
    """Show the ledger by status."""
    parser = step_parser(
        "report",
        "Claims by status, with what was measured, how far off it is, and the conditions.",
        "gnomon claims report -o CLAIMS.md",
        filters=True,
    )
    parser.add_argument(
        "-o",
        "--out",
        "--output",
        dest="output",
        metavar="FILE",
        type=Path,
        help="in place of the table a page: of Markdown where it ends in .md, with figures where it ends in .html",
    )
    found = parser.read(arguments)
    if found.output is not None:
        if found.output.suffix not in (".md", ".html"):
            raise BadInput(f"--output: {found.output} ends neither in .md nor in .html")
        check_writable(found.output)
    entries = _asked(claims.ledger(found.root), found)
    document = claims.report(entries)
    if found.output is not None:
        write_whole(found.output, _page(found.output, entries, document, found.root))
    if found.json:
        print_json({**document, "file": str(found.output) if found.output is not None else None})
        return 0
    if found.output is not None:
        print(found.output)
        return 0
    by_id = {entry.claim.id: entry for entry in entries}
    print_table(
        ["claim", "status", "measured", "claimed", "discrepancy", "conditions"],
        [
            [
                one["id"],
                one["status"],
                measured_text(by_id[one["id"]].claim),
                one["said"],
                discrepancy_text(by_id[one["id"]].claim),
                conditions_text(by_id[one["id"]].claim),
            ]
            for one in document["rows"]
        ],
        copied=1,
    )
    counts = ", ".join(f"{count} {status}" for status, count in document["by_status"].items() if count)
    say(": ".join(text for text in (_number_of(len(entries)), counts) if text))
    return 0


def _page(path: Path, entries: Sequence[claims.Entry], document: dict[str, Any], root: Path) -> str:
    """The ledger in the form that the name of its file asks for."""
    if path.suffix == ".md":
        return claims.markdown(entries)
    from gnomon.api.reports import claims_page  # polars and plotly, which the table does not wait for

    return claims_page(document, root).html


def _number_of(count: int) -> str:
    return f"{count or 'no'} claim{'s' * (count != 1)}"


def _asked(entries: Iterable[claims.Entry], found: argparse.Namespace) -> tuple[claims.Entry, ...]:
    """Those of the tool and the status that were asked for. BadInput for a tool without claims."""
    listed = tuple(entries)
    tools = dict.fromkeys(entry.tool for entry in listed)
    if found.tool is not None and found.tool.lower() not in {tool.lower() for tool in tools}:
        raise BadInput(f"--tool: no claims of {found.tool!r}{near_match(found.tool, tools)}")
    return tuple(
        entry
        for entry in listed
        if (found.tool is None or entry.tool.lower() == found.tool.lower())
        and (found.status is None or entry.claim.status == found.status)
    )
