"""Runs of a small experiment, ended in different ways."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gnomon.core.errors import GnomonError
from gnomon.lab import doors
from gnomon.lab.digests import of_bytes
from gnomon.lab.runs.experiment import run
from gnomon.lab.specs.registration import register
from gnomon.lab.store.journal import START
from tests.lab.plain_worker import HOST
from tests.lab.samples import bytes_of, changed

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def registered(root: Path, **fields: Any) -> Path:
    """The spec of an experiment whose baseline measures a share of 1 and whose treatment one of 0.5, changed and registered."""
    path = root / "experiments" / "exp-001-halves.md"
    path.parent.mkdir(parents=True)
    path.write_bytes(bytes_of(changed(**fields)))
    register(path, now=NOW)
    return path


def ended(root: Path, *, most_s: float = math.inf, **fields: Any) -> Path:
    """The folder of a run, whatever became of it."""
    path = registered(root, **fields)
    with suppress(GnomonError):  # its results tell
        run(path, HOST, most_s=most_s)
    return root / "results" / path.stem


def resumed(folder: Path) -> Path:
    """The run taken to its end."""
    run(spec_of(folder), HOST)
    return folder


def read(folder: Path) -> Path:
    """The run with its verdict."""
    doors.read(spec_of(folder))
    return folder


def spec_of(folder: Path) -> Path:
    return folder.parent.parent / "experiments" / f"{folder.name}.md"


def rewrite(file: Path, old: str, new: str) -> None:
    """Change a sealed file."""
    file.chmod(0o644)
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def forge(journal: Path, kind: str, **fields: Any) -> None:
    """Write the journal anew with other fields in the first record of a kind, every digest fitting."""
    journal.chmod(0o644)
    records = [json.loads(line) for line in journal.read_text().splitlines()]
    first = next(record for record in records if record["kind"] == kind)
    for name, value in fields.items():
        first.pop(name) if value is ... else first.update({name: value})
    before, lines = START, []
    for record in records:
        record["prev"] = before
        del record["hash"]
        before = of_bytes(_line(record).encode())
        lines.append(_line({**record, "hash": before}))
    journal.write_text("".join(f"{line}\n" for line in lines))


def _line(record: dict[str, Any]) -> str:
    """The form that a journal hashes; numbers that Gnomon never writes included."""
    return json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
