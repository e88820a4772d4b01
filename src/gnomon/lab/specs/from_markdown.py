"""A draft of a spec from a plan in Markdown alone: its prose under the twelve headings, and what it says for certain as fields.

A field is filled in where the plan states it in a form that leaves no choice: `Wall clock: 2 h`, `Seeds: 0, 1, 2`, a
criterion in backticks that is an expression. Everything else is TODO, and `gnomon exp lint` tells where each TODO is: a
draft cannot be registered before a person has filled it in. No text of the plan is left out: what stands under a heading
that no section is called by goes to the background, with its heading.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gnomon.core.errors import BadInput
from gnomon.core.units import SPELLINGS, parse
from gnomon.formats.files import write_whole
from gnomon.formats.strict import read_text
from gnomon.lab.specs import expression
from gnomon.lab.specs.expression import ExpressionError, Kind
from gnomon.lab.specs.new import next_path
from gnomon.lab.specs.open_items import TODO, open_fields
from gnomon.lab.specs.spec import SCHEMA, SECTIONS
from gnomon.lab.specs.spec_rules import TIERS, time_limit

# What the headings of plans are called -> the section that their text belongs to.
_CALLED = {
    "Question": ("question", "research question", "goal", "objective", "aim", "purpose"),
    "Hypothesis": ("hypothesis", "hypotheses", "expectation", "claim"),
    "Background": ("background", "motivation", "context", "introduction", "related work", "prior work", "summary"),
    "Variables": ("variable", "independent variable", "control", "controlled variable", "factor", "parameter"),
    "Metrics": ("metric", "measurement", "measure", "outcome", "primary metric", "secondary metric", "sanity metric"),
    "Baselines": ("baseline", "comparison", "reference"),
    "Success criteria": ("success criteria", "success criterion", "success", "acceptance criteria", "criteria"),
    "Minimum viable experiment": ("minimum viable experiment", "mve", "pilot", "smoke test"),
    "Protocol": (
        "protocol",
        "full protocol",
        "procedure",
        "method",
        "methodology",
        "setup",
        "experimental setup",
        "design",
        "seed",
        "random seed",
        "sanity check",
        "step",
        "data",
        "dataset",
        "input",
        "environment",
    ),
    "Budget": ("budget", "compute budget", "compute", "resource", "cost", "time"),
    "Abort criteria": (
        "abort criteria",
        "abort criterion",
        "abort",
        "stopping criteria",
        "stopping rule",
        "kill criteria",
    ),
    "Confounds": ("confound", "confounder", "threats to validity", "threat", "risk", "limitation"),
}
_FENCE = re.compile(r" {0,3}(```|~~~)")
_HEADING = re.compile(r" {0,3}(#{1,6})\s+(.*?)\s*#*\s*$")
_UNDERLINE = re.compile(r" {0,3}(=+|-{3,})\s*$")
_ITEM = re.compile(r"\s*(?:[-*+]|\d+[.)])\s+(.*)$")
_UNITS = {name for sizes in SPELLINGS.values() for name in sizes if name}


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """A draft that was written."""

    path: Path
    todo: tuple[str, ...]  # the fields that are still to be filled in


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """What stands under one heading of the plan."""

    heading: str
    level: int  # 0: before the first heading
    section: str  # of the spec
    text: str

    @property
    def items(self) -> list[str]:
        """Its list items, one line each."""
        return [found[1].strip() for line in self.text.splitlines() if (found := _ITEM.match(line))]

    @property
    def paragraphs(self) -> list[str]:
        """Its paragraphs, each on one line."""
        return [" ".join(part.split()) for part in re.split(r"\n\s*\n", self.text) if part.strip()]


def import_markdown(root: Path, plan: Path, slug: str = "") -> Imported:
    """Write the draft into `experiments/` of a repository, under the next free number. BadInput for a plan that is none.

    slug: of the draft's name; empty: made of the plan's file name.
    """
    text = "".join(map(_printable, read_text(plan).removeprefix("\ufeff")))
    if text.lstrip().startswith("---\n"):
        raise BadInput(f"{plan}: has fields between `---` lines already; `gnomon exp lint {plan}` reads them")
    if not text.strip():
        raise BadInput(f"{plan}: empty: there is nothing to import")
    pieces = list(_pieces(text))
    path = next_path(root, slug or re.sub(r"[^a-z0-9]+", "-", plan.stem.lower()).strip("-"))
    fields = _fields(path.stem, pieces)
    write_whole(path, f"---\n{_yaml(fields)}---\n\n{_prose(fields['title'], pieces)}")
    return Imported(path=path, todo=tuple(".".join(map(str, path)) for path in open_fields(fields)))


def _printable(one: str) -> str:
    """A character as YAML can hold it: spaces of any kind as a space, nothing for what controls a terminal."""
    return one if one.isprintable() or one in "\n\t" else " " if one.isspace() else ""


# The plan in pieces.


def _pieces(text: str) -> Iterator[_Piece]:
    """The plan by its headings; one that no section is called by belongs to the section around it, or to the background."""
    around: list[tuple[int, str]] = []  # level and section of the headings above
    level, heading, section, lines = 0, "", "Background", list[str]()
    for line, depth, name in _lines(text):
        if not depth:
            lines.append(line)
            continue
        yield _Piece(heading=heading, level=level, section=section, text="\n".join(lines).strip())
        around = [one for one in around if one[0] < depth]
        level, heading, lines = depth, name, []
        section = _section(name) or (around[-1][1] if around else "Background")
        around.append((depth, section))
    yield _Piece(heading=heading, level=level, section=section, text="\n".join(lines).strip())


def _lines(text: str) -> Iterator[tuple[str, int, str]]:
    """Every line; of a heading its level and text, else level 0."""
    fence, lines = "", text.split("\n")
    skip = False
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if skip:
            skip = False
            continue
        if mark := _FENCE.match(line):
            fence = "" if fence == mark[1] else fence or mark[1]
        if not fence and (found := _HEADING.match(line)):
            yield line, len(found[1]), found[2]
        elif not fence and line.strip() and not _ITEM.match(line) and (under := _UNDERLINE.match(following)):
            skip = True
            yield line, 1 if under[1].startswith("=") else 2, line.strip()
        else:
            yield line, 0, ""


def _section(heading: str) -> str:
    """The section of the spec that a heading means; empty: none for certain."""
    plain = re.sub(r"^[\d.\s)]+", "", heading)
    plain = re.sub(r"\s*\(.*\)$", "", re.sub(r"[*_`:]", "", plain)).strip().lower()
    singular = plain.removesuffix("s") if not plain.endswith("ss") else plain
    return next((name for name, words in _CALLED.items() if plain in words or singular in words), "")


def _prose(title: str, pieces: Sequence[_Piece]) -> str:
    """The plan's text under the twelve headings, what stood under another heading with it."""
    parts = [f"# {title}\n"]
    for section in SECTIONS:
        parts.append(f"## {section}\n")
        own = [piece for piece in pieces if piece.section == section]
        for piece in own:
            is_shown = piece.level and piece.heading.lower() not in (section.lower(), title.lower())
            parts += [f"### {piece.heading}\n"] if is_shown else []
            parts += [f"{piece.text}\n"] if piece.text else []
        if not any(piece.text for piece in own):
            parts.append(f"{TODO}: the plan says nothing about this\n")
    return "\n".join(parts)


# The fields.


def _fields(name: str, pieces: Sequence[_Piece]) -> dict[str, Any]:
    """The front matter, with TODO for everything that the plan does not say for certain."""
    title = next((piece.heading for piece in pieces if piece.level == 1 and not _section(piece.heading)), TODO)
    statement = [line for piece in _of(pieces, "Hypothesis") for line in piece.paragraphs]
    is_one = len(statement) == 1 and not any(piece.items for piece in _of(pieces, "Hypothesis"))
    expected = {"metric": TODO, "direction": TODO, "magnitude": TODO, "reference": TODO}
    fields: dict[str, Any] = {
        "schema": SCHEMA,
        "id": name,
        "title": title,
        "hypothesis": {"statement": statement[0] if is_one else TODO, **expected},
        "variables": _variables(_of(pieces, "Variables")),
        "metrics": _metrics(_of(pieces, "Metrics")),
        "baselines": [{"name": TODO, "arm": TODO, "source": TODO, "expected": TODO}],
        "criteria": _criteria(_of(pieces, "Success criteria")),
    }
    if any(piece.text for piece in _of(pieces, "Minimum viable experiment")):
        fields["mve"] = {"seeds": TODO, "pass_if": TODO}
    arms = [{"name": TODO, "role": role, "command": TODO} for role in ("baseline", "treatment")]
    fields["protocol"] = {
        "arms": arms,
        "cells": TODO,
        "seeds": _seeds(pieces),
        "unit_estimate": _time(pieces, "unit estimate", "time per unit", "time per run"),
        "unit_timeout": _time(pieces, "unit timeout", "timeout", "timeout per run"),
    }
    fields["sanity"] = [{"name": TODO, "command": TODO}]
    if any(re.match(r"(?i)(data|inputs?\b)", piece.heading) for piece in pieces):
        fields["inputs"] = TODO
    if re.fullmatch(r"(>=)?\d+(\.\d+){0,2}", python := _stated(pieces, "python") or ""):
        fields["environment"] = {"python": python}
    fields["budget"] = {
        "tier": tier if (tier := (_stated(pieces, "tier", "budget tier") or "").lower()) in TIERS else TODO,
        "wall_clock": _time(pieces, "wall clock", "wall-clock", "wall clock time", "wall-clock time", "wall time"),
        "max_runs": _count(pieces, "max runs", "maximum runs", "maximum number of runs"),
        "max_seeds_per_config": _count(pieces, "max seeds per config", "seeds per configuration"),
    }
    if any(re.search(r"(?i)\bgpus?\b", piece.text) for piece in pieces):
        fields["budget"]["gpu_hours"] = _count(pieces, "gpu hours", "gpu-hours")
        fields["compute_profile"] = {"device": TODO, "gpus": _count(pieces, "gpus", "number of gpus")}
    fields["abort"] = _abort(_of(pieces, "Abort criteria"))
    fields["confounds"] = _confounds(_of(pieces, "Confounds"))
    return fields


def _of(pieces: Sequence[_Piece], section: str) -> list[_Piece]:
    return [piece for piece in pieces if piece.section == section]


def _bare(text: str) -> str:
    """Text without marks around it."""
    return text.strip().strip("*_`").strip()


def _stated(pieces: Sequence[_Piece], *names: str) -> str | None:
    """What the plan says after `NAME:` on a line of its own; None where it does not, or says two things."""
    pattern = re.compile(
        rf"\s*(?:[-*+]\s+)?[*_]*(?:{'|'.join(map(re.escape, names))})[*_]*\s*[:=][*_]*\s*(\S.*?)\.?\s*", re.I
    )
    told = {
        _bare(found[1]) for piece in pieces for line in piece.text.splitlines() if (found := pattern.fullmatch(line))
    }
    return told.pop() if len(told) == 1 else None


def _time(pieces: Sequence[_Piece], *names: str) -> str:
    told = _stated(pieces, *names)
    try:
        return told if told is not None and parse(told, "s") > 0 else TODO
    except BadInput:
        return TODO


def _count(pieces: Sequence[_Piece], *names: str) -> int | str:
    told = _stated(pieces, *names) or ""
    return int(told) if re.fullmatch(r"\d{1,9}", told) else TODO


def _seeds(pieces: Sequence[_Piece]) -> list[int] | str:
    """Seeds that are listed; one number alone may be how many there are."""
    told = [_stated(pieces, "seeds", "random seeds") or ""]
    told += [piece.text for piece in pieces if re.fullmatch(r"(?i)(random )?seeds", _bare(piece.heading))]
    for text in told:
        plain = re.sub(r"(?m)^\s*[-*+]\s+(\d+)\s*$", r"\1,", text).strip(" ,\n[].")
        if re.fullmatch(r"\d{1,9}(\s*,\s*\d{1,9})+", plain):
            return [int(number) for number in plain.split(",")]
    return TODO


def _variables(pieces: Sequence[_Piece]) -> dict[str, Any]:
    """Lines `- name: a, b, c` below a heading of independent variables, `- name: value` below one of controls."""
    independent, controls = list[Any](), list[Any]()
    for piece in pieces:
        for item in piece.items:
            found = re.fullmatch(r"[*_`]*([A-Za-z]\w*)[*_`]*\s*[:=][*_]*\s*(.+?)\.?", item)
            if found is None:
                continue
            if "independent" in piece.heading.lower():
                levels = [_bare(level) for level in found[2].split(",")]
                is_list = len(levels) > 1 and all(re.fullmatch(r"[\w.+-]+", level) for level in levels)
                independent.append({"name": found[1], "levels": [_scalar(one) for one in levels] if is_list else TODO})
            elif "control" in piece.heading.lower():
                controls.append({"name": found[1], "value": _scalar(_bare(found[2])), "why": TODO})
    return {
        "independent": independent or [{"name": TODO, "levels": TODO}],
        **({"controls": controls} if controls else {}),
    }


def _scalar(text: str) -> str | int | float:
    if re.fullmatch(r"[+-]?\d{1,15}", text):
        return int(text)
    return float(text) if re.fullmatch(r"[+-]?\d{1,15}\.\d{1,15}", text) else text


_METRIC = re.compile(
    r"(?:[*_]*(?P<kind>primary|secondary|sanity)[*_]*\s*:[*_]*\s*)?[*_`]*(?P<name>[A-Za-z_]\w*)[*_`]*\s*\((?P<unit>[^()]*)\)(?P<rest>.*)",
    re.IGNORECASE,
)


def _metrics(pieces: Sequence[_Piece]) -> dict[str, Any]:
    """Lines `- name (unit): ...` of which the line or the heading says whether they are primary, secondary or sanity."""
    found: dict[str, list[Any]] = {"primary": [], "secondary": [], "sanity": []}
    for piece in pieces:
        by_heading = next((kind for kind in found if piece.heading.lower().startswith(kind)), "")
        for item in piece.items:
            told = _METRIC.fullmatch(item)
            kind = (told["kind"] or by_heading).lower() if told else ""
            if told is None or not kind:
                continue
            better = set(re.findall(r"\b(lower|higher) is better\b", told["rest"].lower()))
            unit = told["unit"].strip()
            metric = {
                "name": told["name"],
                "unit": unit if unit in _UNITS or "/" in unit else TODO,
                "direction": better.pop() if len(better) == 1 else TODO,
                "from": TODO,
            }
            found[kind].append(metric)
    none = {"name": TODO, "unit": TODO, "direction": TODO, "from": TODO}
    return {kind: metrics or [none] for kind, metrics in found.items() if metrics or kind == "primary"}


def _told(pieces: Sequence[_Piece], kind: Kind) -> list[str | None]:
    """Of each item or paragraph the expression in backticks that it has; None: none, or several."""
    told: list[str | None] = []
    for piece in pieces:
        for text in piece.items or piece.paragraphs:
            spans = [span for span in re.findall(r"`([^`]+)`", text) if _is_truth(span, kind)]
            told.append(spans[0] if len(spans) == 1 else None)
    return told or [None]


def _is_truth(text: str, kind: Kind) -> bool:
    """Whether a text is an expression that is true or false of names of that kind."""
    try:
        parsed = expression.parse(text)
        return expression.kind_of(parsed, {name.name: kind for name in expression.names(parsed)}) == "truth"
    except ExpressionError:
        return False


def _criteria(pieces: Sequence[_Piece]) -> list[dict[str, str]]:
    told = _told(pieces, "series")
    return [
        {"id": f"criterion_{number}" if expr else TODO, "expr": expr or TODO} for number, expr in enumerate(told, 1)
    ]


def _abort(pieces: Sequence[_Piece]) -> list[dict[str, str]]:
    """Criteria as above; a limit of time is one for certain."""
    found = []
    for number, expr in enumerate(_told(pieces, "number"), 1):
        if expr is None:
            found.append({"id": TODO, "expr": TODO})
        else:
            is_time = time_limit(expr) is not None
            found.append({"id": f"abort_{number}", "expr": expr, "kind": "time" if is_time else TODO})
    return found


def _confounds(pieces: Sequence[_Piece]) -> list[str] | str:
    """Each item, or the one paragraph."""
    items = [item for piece in pieces for item in piece.items]
    paragraphs = [text for piece in pieces for text in piece.paragraphs]
    return items or (paragraphs if len(paragraphs) == 1 else TODO)


# The draft as text.


class _Dumper(yaml.SafeDumper):
    """Words as they are, and in quotes whatever begins like a number."""


def _represent(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = '"' if re.match(r"[\d.+-]", text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent)


def _yaml(fields: dict[str, Any]) -> str:
    text: str = yaml.dump(fields, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    return text
