"""The claims that are known: those that ship with Gnomon, and those of a repository in its folder `claims`.

A repository may take a shipped claim over, to put it to a test of its own: under the same id, word for word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from gnomon import catalogue
from gnomon.core.errors import BadInput, near_match
from gnomon.formats.files import write_whole
from gnomon.formats.strict import load_yaml, place_of, read_text, shaped
from gnomon.lab.claims.claim import SCHEMA, Claim, ClaimsFile
from gnomon.lab.claims.text import file_text, with_claim

FOLDER = "claims"  # of a repository
SHIPPED = "claims"  # of the catalogue
OWN = ("status", "test", "resolved_by", "discrepancy", "note", "tol_rel", "tol_abs")  # what a repository says itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A claim in the ledger."""

    claim: Claim
    tool: str
    file: Path | None  # in the repository; None: it ships with Gnomon

    @property
    def is_shipped(self) -> bool:
        """Whether it is read from Gnomon's own files."""
        return self.file is None


@cache
def shipped() -> tuple[Entry, ...]:
    """The claims that come with Gnomon."""
    return tuple(
        Entry(claim=claim, tool=found.tool, file=None)
        for name in catalogue.names(SHIPPED)
        for found in [_read(catalogue.text(SHIPPED, name), f"{SHIPPED}/{name}.yaml")[0]]
        for claim in found.claims
    )


def own(root: Path) -> tuple[Entry, ...]:
    """The claims of a repository. BadInput with file, line and field of the first fault; none without a folder."""
    if not root.is_dir():
        raise BadInput(f"{root}: no such folder")
    known = {entry.claim.id: entry for entry in shipped()}
    seen: dict[str, str] = {}
    found = []
    for path in sorted((root / FOLDER).glob("*.yaml")):
        content, lines = _read(read_text(path), str(path))
        for index, claim in enumerate(content.claims):
            place = place_of(str(path), lines, ("claims", index, "id"))
            if claim.id in seen:
                raise BadInput(f"{claim.id!r} stands in {seen[claim.id]} already", field="id", where=place)
            seen[claim.id] = place
            entry = Entry(claim=claim, tool=content.tool, file=path)
            if claim.id in known:
                _check_taken_over(entry, known[claim.id], place)
            found.append(entry)
    return tuple(found)


def ledger(root: Path) -> tuple[Entry, ...]:
    """Every claim, by tool and in the order of the files; a repository's own stands for the shipped one of its id."""
    mine = own(root)
    taken = {entry.claim.id for entry in mine}
    return tuple(
        sorted(
            (*mine, *(entry for entry in shipped() if entry.claim.id not in taken)), key=lambda one: one.tool.lower()
        )
    )


def add(root: Path, tool: str, data: dict[str, Any]) -> Entry:
    """Write a claim into the repository's file of its tool. BadInput for one that is not whole, or whose id is there."""
    claim = shaped(Claim, data, "the claim")
    if not tool.strip():
        raise BadInput("whose claim is it? a tool, a system or a paper is expected", field="tool")
    for entry in own(root):
        if entry.claim.id == claim.id:
            raise BadInput(f"{claim.id!r} stands in {entry.file} already", field="id")
    known = {entry.claim.id: entry for entry in shipped()}
    path = root / FOLDER / f"{slug(tool)}.yaml"
    entry = Entry(claim=claim, tool=tool, file=path)
    if claim.id in known:
        _check_taken_over(entry, known[claim.id], "")
    before = read_text(path) if path.exists() else None
    content = _read(before, str(path))[0] if before is not None else None
    if content is not None and content.tool != tool:
        raise BadInput(f"{path} holds the claims of {content.tool!r}, not of {tool!r}", field="tool")
    write_whole(path, file_text(tool, [claim]) if before is None else with_claim(before, claim))
    return entry


def take_over(root: Path, name: str, changes: dict[str, Any]) -> Entry:
    """Copy a shipped claim into the repository, with a test of its own. BadInput for an unknown id."""
    entries = {entry.claim.id: entry for entry in shipped()}
    if name not in entries:
        raise BadInput(f"no claim {name!r} ships with Gnomon{near_match(name, entries)} (see `gnomon claims list`)")
    entry = entries[name]
    return add(root, entry.tool, {**as_data(entry.claim), **changes})


def rewrite(entry: Entry, claim: Claim) -> None:
    """Put a claim in the place of one of the same id in the repository's file."""
    if entry.file is None:
        raise BadInput(f"{entry.claim.id}: ships with Gnomon; `gnomon claims add {entry.claim.id} --shipped` copies it")
    write_whole(entry.file, with_claim(read_text(entry.file), claim))


def as_data(claim: Claim) -> dict[str, Any]:
    """A claim as a file has it: without what is not set."""
    data = claim.model_dump(mode="json", exclude_defaults=True)
    return {**data, "status": claim.status}


def slug(text: str) -> str:
    """A name as the name of a file."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "claims"


def _read(text: str, where: str) -> tuple[ClaimsFile, dict[Any, int]]:
    data, lines = load_yaml(text, where)
    written = data.get("schema") if isinstance(data, dict) else None
    if isinstance(written, str) and written != SCHEMA:
        raise BadInput(
            f"{written!r} is not what this Gnomon reads: {SCHEMA}",
            field="schema",
            where=f"{where}:{lines[('schema',)]}",
        )
    return shaped(ClaimsFile, data, where, lines), lines


def _check_taken_over(entry: Entry, known: Entry, place: str) -> None:
    """BadInput where a repository's claim says something else than the shipped one of its id."""
    if entry.tool != known.tool:
        raise BadInput(
            f"{entry.claim.id!r} is a claim of {known.tool!r} that ships with Gnomon; give yours an id of its own",
            field="id",
            where=place,
        )
    for name in _differing(entry.claim, known.claim):
        raise BadInput(
            f"{getattr(entry.claim, name)!r} is not what the shipped claim {entry.claim.id!r} says "
            f"({getattr(known.claim, name)!r}); give yours an id of its own",
            field=name,
            where=place,
        )


def _differing(one: Claim, other: Claim) -> Iterator[str]:
    for name in type(one).model_fields:
        if name not in OWN and getattr(one, name) != getattr(other, name):
            yield name
