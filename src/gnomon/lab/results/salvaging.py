"""What can still be believed of a broken run, copied into a new folder; the broken one stays as it is.

The records before the first that does not fit come over byte by byte. With them come the files that they bind, where the
bytes still have the digest that is recorded: the spec that ran, the folder of each unit that counts, and, where the record
that seals the run is among them, every file of its list. Nothing is repaired, and nothing without a digest is taken.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gnomon.core.errors import BadInput
from gnomon.lab.digests import of_bytes
from gnomon.lab.store.journal import Record, scan
from gnomon.lab.store.run_folder import RunFolder, digest_of_tree, in_one_line, json_text, tree
from gnomon.lab.store.seal import MANIFEST

_GONE, _OTHER = "gone", "not the bytes that were recorded"
SCHEMA = "gnomon/salvage/1"
ACCOUNT = "salvage.json"  # in the new folder: where it is from, what came over, what did not


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """Something that did not come over."""

    name: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Salvaged:
    """What came over, and what did not."""

    folder: Path
    records: int
    units: int  # folders of units that count
    files: int  # besides those: the spec, and what the list of a seal binds
    left: tuple[Left, ...]


def salvage(folder: Path, into: Path) -> Salvaged:
    """Copy what is sound of a run into a new folder, whole or not at all. BadInput where there is no run or the folder is there."""
    place = RunFolder(folder)
    if not place.journal.exists():
        raise BadInput(f"{folder}: no run: there is no journal")
    if into.exists() or into.is_symlink():
        raise BadInput(f"{into}: exists already; name a folder that does not")
    if into.resolve().is_relative_to(folder.resolve()):
        raise BadInput(f"{into}: inside of the run that is broken, which stays as it is; name a folder outside")
    part = into.with_name(f".{into.name}.part")
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        found = _copied(place, part, into)
        part.rename(into)
    except OSError as fault:
        raise BadInput(f"{into}: cannot be written: {fault.strerror or fault}") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return found


def _copied(place: RunFolder, part: Path, into: Path) -> Salvaged:
    records: list[Record] = []
    found = scan(place.journal, records.append)
    with place.journal.open("rb") as file:
        (part / "journal.jsonl").write_bytes(file.read(found.size_bytes))
    rest = place.journal.stat().st_size - found.size_bytes
    left = [Left(name=f"journal.jsonl, {rest} bytes from record {found.count}", why=_why(found.fault))] if rest else []
    there = {in_one_line(path.relative_to(place.path)): path for path in place.path.rglob("*")}
    digests = dict(tree(place.path))
    done = {_unit_name(record): record["result_sha256"] for record in records if record["kind"] == "unit_done"}
    units, taken = [], []
    for name, digest in done.items():
        if (why := _unit_fault(place.path / name, digest)) is None:
            shutil.copytree(place.path / name, part / name, symlinks=True, ignore=_without_special)
            units.append(name)
        else:
            left.append(Left(name=name, why=why))
    bound = [(name, digest) for name, digest in _bound_files(place, records) if _top(name) not in done]
    for name, digest in bound:
        if digests.get(name) == digest:
            copy = part / there[name].relative_to(place.path)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(there[name], copy, follow_symlinks=False)
            taken.append(name)
        else:
            left.append(Left(name=name, why=_OTHER if name in digests else _GONE))
    told = {"journal.jsonl", *done, *(name for name, _ in bound)}
    unbound = dict.fromkeys(_top(name) for name in digests if _counts(name))
    left += [Left(name=name, why="no sound record binds it") for name in unbound if name not in told]
    account = {
        "schema": SCHEMA,
        "of": str(place.path),
        "records": found.count,
        "journal_head": found.head,
        "units": units,
        "files": taken,
        "left": [{"name": one.name, "why": one.why} for one in left],
    }
    (part / ACCOUNT).write_text(json_text(account), encoding="utf-8")
    return Salvaged(folder=into, records=found.count, units=len(units), files=len(taken), left=tuple(left))


def _why(fault: str) -> str:
    return f"{fault}; what follows it hangs on it" if fault else "its last line is broken"


def _counts(name: str) -> bool:
    """Whether a file says something of the run: not the runner's own, nor another run's."""
    return name not in (".lease", ".reserve", "stop") and name.split("/")[0] not in ("runs", "work")


def _unit_name(record: Record) -> str:
    return f"units/{record['unit']}/attempt-{record['attempt']}"


def _top(name: str) -> str:
    """The folder of the attempt that a file is of, or the file itself."""
    return "/".join(name.split("/")[:3]) if name.startswith("units/") else name


def _unit_fault(folder: Path, digest: str) -> str | None:
    """Why the folder of a unit does not come over; None: it does."""
    if not folder.is_dir():
        return _GONE
    return None if digest_of_tree(folder) == digest else _OTHER


def _bound_files(place: RunFolder, records: list[Record]) -> Iterator[tuple[str, str]]:
    """Names and digests of the files that sound records bind, without the folders of units that count."""
    sealed = next((record for record in records if record["kind"] == "sealed"), None)
    ran = next((record["spec_sha256"] for record in records if record["kind"] == "registered"), None)
    if sealed is None:
        yield from [("spec.md", ran)] if ran is not None else []
        return
    yield MANIFEST, sealed["manifest_sha256"]
    listed = (place.path / MANIFEST).read_bytes() if (place.path / MANIFEST).is_file() else b""
    if of_bytes(listed) != sealed["manifest_sha256"]:
        yield "spec.md", ran or ""
        return
    for line in listed.decode("utf-8", "replace").splitlines():
        digest, _, name = line.partition("  ")
        yield name, digest


def _without_special(folder: str, names: list[str]) -> list[str]:
    """Pipes, sockets and devices: they hold no bytes."""
    paths = [Path(folder, name) for name in names]
    return [path.name for path in paths if not (path.is_symlink() or path.is_file() or path.is_dir())]
