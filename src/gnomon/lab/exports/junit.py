"""JUnit XML, as CI systems show it: every rule of the protocol, every unit and every criterion is a test case.

The attributes are those of junit-10.xsd of Jenkins' xunit plug-in, which other readers share: name, tests, failures,
errors, skipped, time, timestamp, hostname; classname and time of a case. A criterion that cannot be decided is an error, one that does not hold
a failure, what was never asked is skipped; each with its reason.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as Xml

from gnomon.formats.files import check_writable, write_whole
from gnomon.lab.exports.place import Exported, refuse_kept
from gnomon.lab.exports.rules import asked
from gnomon.lab.exports.sealed import Attempt, SealedRun
from gnomon.lab.results.reading import verdicts
from gnomon.lab.specs.plan import Unit
from gnomon.lab.store.plain_file import end_of

_NO_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, 2.2: what no document may hold
_TAIL_BYTES = 4000  # of what a failed unit said last
_OUTCOMES = {"held": "", "broken": "failure", "not asked": "skipped"}
_VERDICTS = {"pass": "", "fail": "failure", "undecidable": "error"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One test case."""

    name: str
    time_s: float = 0.0
    outcome: str = ""  # failure, error, skipped; empty: it passed
    why: str = ""
    text: str = ""  # more on why
    said: str = ""  # standard output of a report: the number behind a verdict


def write_junit(run: SealedRun, place: str) -> Exported:
    """Write the report of a sealed run as one file."""
    target = Path(place)
    refuse_kept(run.path, target, (item.path for item in run.spec.inputs))
    check_writable(target)
    suites = {
        "protocol": [Case(name=one.rule, outcome=_OUTCOMES[one.outcome], why=one.why) for one in asked(run)],
        "units": [_of_unit(run, unit) for unit in run.planned],
        "criteria": list(_criteria(run)),
    }
    every = [one for cases in suites.values() for one in cases]
    whole = {key: value for key, value in _counts(every).items() if key != "skipped"}  # as Jenkins' schema has it
    root = Xml.Element("testsuites", {"name": run.spec.id, **whole})
    for name, cases in suites.items():
        root.append(_suite(run, name, cases))
    Xml.indent(root)
    write_whole(target, Xml.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n")
    found = Counter(one.outcome or "passed" for one in every)
    counts = {key: found[key] for key in ("passed", "failure", "error", "skipped")}
    what = f"{len(every)} test cases: " + ", ".join(f"{count} {key}" for key, count in counts.items() if count)
    return Exported(format="junit", place=place, what=what, counts={"cases": len(every), **counts})


def _of_unit(run: SealedRun, unit: Unit) -> Case:
    name, attempt = f"{unit.phase}: {unit.label}", run.of(unit)
    if attempt is None:
        return Case(name=name, outcome="skipped", why="not run")
    time_s = attempt.wall_s or 0.0
    if not run.is_done(unit):
        why = attempt.failure or "its end was not seen"
        return Case(name=name, time_s=time_s, outcome="failure", why=why, text=_last_words(run, unit, attempt))
    missing = run.state.units[unit.id].missing
    why = "; ".join(f"{metric}: {reason}" for metric, reason in missing.items())
    return Case(name=name, time_s=time_s, outcome="failure" if missing else "", why=why)


def _last_words(run: SealedRun, unit: Unit, attempt: Attempt) -> str:
    """The end of a failed unit's standard error, or of its output where that is empty."""
    for name in ("stderr.log", "stdout.log"):
        raw, _ = end_of(run.left_by(unit, attempt) / name, _TAIL_BYTES)
        if raw.strip():
            return raw.decode("utf-8", "replace")
    return ""


def _criteria(run: SealedRun) -> Iterator[Case]:
    for one in verdicts(run.spec, run.planned, run.state):
        outcome = _VERDICTS[one.verdict]
        sides = "" if one.left is None or one.right is None else f"left {one.left:.6g}, right {one.right:.6g}"
        why = one.why or sides or "it does not hold"
        yield Case(name=f"{one.id}: {one.expr}", outcome=outcome, why=why if outcome else "", said=sides)


def _counts(cases: Iterable[Case]) -> dict[str, str]:
    found = list(cases)
    number = Counter(one.outcome for one in found)
    return {
        "tests": str(len(found)),
        "failures": str(number["failure"]),
        "errors": str(number["error"]),
        "skipped": str(number["skipped"]),
        "time": f"{sum(one.time_s for one in found):.3f}",
    }


def _suite(run: SealedRun, name: str, cases: list[Case]) -> Xml.Element:
    about = {
        "name": f"{run.spec.id}.{name}",
        **_counts(cases),
        "timestamp": run.state.started.split(".")[0].removesuffix("Z"),  # UTC, without a zone, as the schema has it
        "hostname": _clean(str(run.config["environment"]["host"])),
    }
    suite = Xml.Element("testsuite", about)
    if name == "protocol":
        properties = Xml.SubElement(suite, "properties")
        facts = {
            "spec.sha256": run.state.spec_sha256,
            "journal.head": run.state.head,
            "run": run.state.run,
            "protocol.state": run.state.end or "",
            "enforcement": run.state.enforcement,
        }
        for key, value in facts.items():
            Xml.SubElement(properties, "property", {"name": key, "value": value})
    for one in cases:
        suite.append(_case(f"{run.spec.id}.{name}", one))
    return suite


def _case(classname: str, one: Case) -> Xml.Element:
    case = Xml.Element("testcase", {"classname": classname, "name": _clean(one.name), "time": f"{one.time_s:.3f}"})
    if one.outcome:
        about = {"message": _clean(one.why)}
        if one.outcome != "skipped":
            about["type"] = {"failure": "broken", "error": "undecidable"}[one.outcome]
        found = Xml.SubElement(case, one.outcome, about)
        if one.outcome != "skipped":
            found.text = _clean(one.text or one.why)
    if one.said:
        Xml.SubElement(case, "system-out").text = _clean(one.said)
    return case


def _clean(text: str) -> str:
    return _NO_XML.sub("\ufffd", text)
