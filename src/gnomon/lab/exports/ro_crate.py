"""A run as a Process Run Crate 0.5 on RO-Crate 1.1: a folder with the sealed files, and one JSON-LD file that describes them.

    ro-crate-metadata.json
    spec.md, metrics.json, journal.jsonl, MANIFEST.sha256, units/...     where the run has them: `sha256sum -c` holds
    inputs/<path>                                                        what the spec pins by digest

Each unit that was begun is a CreateAction: instrument, the arm's command; object, inputs and the values of its variables;
result, the files that it left. [https://w3id.org/ro/wfrun/process/0.5, https://w3id.org/ro/crate/1.1]
"""

from __future__ import annotations

import mimetypes
import os
import shlex
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from gnomon.core.errors import BadInput
from gnomon.lab.digests import of_file
from gnomon.lab.errors import Tampered
from gnomon.lab.exports.place import Exported, refuse_kept
from gnomon.lab.exports.sealed import SealedRun
from gnomon.lab.repository import root_of
from gnomon.lab.results.verification import manifest_lines, read_manifest
from gnomon.lab.runs.runner import now
from gnomon.lab.specs.plan import Unit
from gnomon.lab.specs.registration import utc
from gnomon.lab.store.run_folder import in_one_line, json_text
from gnomon.lab.store.seal import MANIFEST, is_sealed_file

METADATA = "ro-crate-metadata.json"
CRATE, PROFILE = "https://w3id.org/ro/crate/1.1", "https://w3id.org/ro/wfrun/process/0.5"
CONTEXT = [f"{CRATE}/context", "https://w3id.org/ro/terms/workflow-run/context"]  # the second defines sha256
_KINDS = {".jsonl": "application/jsonl", ".md": "text/markdown", ".log": "text/plain", ".sha256": "text/plain"}
_ABOUT = {
    "spec.md": "The spec as it was registered and ran",
    "metrics.json": "Metrics in the structure that every experiment has",
    "config.json": "Resolved configuration, commands and environment",
    "observations.csv": "Every number of every unit, in the long form",
    "journal.jsonl": "What happened, event by event, each bound to the one before by its digest",
    MANIFEST: "Digests of the sealed files; the journal's last record binds this list",
}
Entity = dict[str, Any]


def write_crate(run: SealedRun, place: str) -> Exported:
    """Write the crate of a sealed run as a new folder, whole or not at all. BadInput where something is there already."""
    target = Path(place)
    refuse_kept(run.path, target)
    there = target.resolve()
    if there.exists() and not (there.is_dir() and not any(there.iterdir())):
        raise BadInput(f"{target}: is there already; name a new folder")
    part = there.with_name(f".{there.name}.part")
    try:
        there.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        files = _copied(run, part)
        inputs, notes = _inputs(run, part)
        graph = list(_graph(run, files, inputs))
        (part / METADATA).write_text(json_text({"@context": CONTEXT, "@graph": graph}), encoding="utf-8")
        part.replace(there)
    except OSError as fault:
        raise BadInput(f"{target}: cannot be written: {(fault.strerror or str(fault)).lower()}") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
    actions = sum(entity["@type"] == "CreateAction" for entity in graph)
    counts = {"files": len(files) + len(inputs), "actions": actions}
    what = f"a crate of {counts['files']} files and {actions} actions"
    return Exported(format="ro-crate", place=place, what=what, counts=counts, notes=tuple(notes))


def _copied(run: SealedRun, folder: Path) -> dict[Path, str]:
    """Copy the sealed files, and what seals them; path -> digest of the copy. Tampered where one is not what was sealed."""
    top = run.folder.path
    sealed = read_manifest(manifest_lines((top / MANIFEST).read_bytes()))
    there = (path.relative_to(top) for path in top.rglob("*") if path.is_symlink() or path.is_file())
    paths = sorted((path for path in there if is_sealed_file(in_one_line(path))), key=os.fsencode)
    found = {}
    for path in (*paths, Path("journal.jsonl"), Path(MANIFEST)):
        source, copy, name = top / path, folder / path, in_one_line(path)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, copy, follow_symlinks=False)
        if copy.is_symlink():
            continue  # where it leads to need not be in the crate
        found[path] = of_file(copy)
        if name in sealed and sealed[name] != found[path]:
            raise Tampered(f"{source}: changed while it was copied")
    return found


def _id(path: Path) -> str:
    """A path below the crate as its graph names it: every byte that no URI holds is percent-encoded. [RO-Crate 1.1, Data Entities]"""
    return quote(os.fsencode(path))


def _inputs(run: SealedRun, folder: Path) -> tuple[dict[str, Entity], list[str]]:
    """Copy what the spec pins; path -> its entity, and what is not as pinned any more."""
    found, notes = {}, []
    for item in run.spec.inputs:
        source, copy = root_of(run.path) / item.path, folder / "inputs" / item.path
        if source.is_file() and of_file(source) == item.sha256:
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, copy)
            about = "An input, pinned by its digest"
            found[item.path] = {
                **_file(Path("inputs") / item.path, copy, item.sha256, about),
                "alternateName": item.path,
            }
            continue
        notes.append(f"{item.path}: its bytes are not what was registered any more: not in the crate")
        found[item.path] = {
            "@id": f"#input/{quote(item.path)}",
            "@type": "CreativeWork",
            "name": item.path,
            "description": "An input of which these bytes are gone",
            "sha256": item.sha256,
        }
    return found, notes


def _file(path: Path, copy: Path, digest: str, about: str = "") -> Entity:
    kind = _KINDS.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return {
        "@id": _id(path),
        "@type": "File",
        "name": in_one_line(path),
        "encodingFormat": kind,
        "contentSize": str(copy.stat().st_size),
        "sha256": digest,
        **({"description": about} if about else {}),
    }


def _to(entities: list[str]) -> list[Entity]:
    return [{"@id": name} for name in entities]


def _graph(run: SealedRun, files: dict[Path, str], inputs: dict[str, Entity]) -> Iterator[Entity]:
    """Every entity, each once; what is named is there."""
    started = [unit for unit in run.planned if run.of(unit) is not None]
    top = [path for path in files if path.parts[0] != "units"]
    tries = sorted({Path(*path.parts[:3]) for path in files if path.parts[0] == "units"})
    inside = [entity["@id"] for entity in inputs.values() if entity["@type"] == "File"]
    yield {
        "@id": METADATA,
        "@type": "CreativeWork",
        "conformsTo": {"@id": CRATE},
        "about": {"@id": "./"},
    }
    yield {
        "@id": "./",
        "@type": "Dataset",
        "conformsTo": {"@id": PROFILE},
        "name": f"{run.spec.id}: {run.spec.title}",
        "description": _summary(run),
        "datePublished": _moment(utc(now())),
        "dateCreated": _moment(run.state.last),
        **({"author": {"@id": "#agent"}} if run.lock.by else {}),
        "identifier": run.state.run,
        "license": {"@id": "#license"},
        "hasPart": _to([_id(path) for path in top] + [f"{_id(path)}/" for path in tries] + inside),
        "mentions": _to([f"#unit/{unit.id}" for unit in started]),
    }
    yield {"@id": PROFILE, "@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"}
    yield {
        "@id": "#license",
        "@type": "CreativeWork",
        "name": "Not stated",
        "description": "Whoever publishes this crate names its licence here",
    }
    if run.lock.by:
        yield {"@id": "#agent", "@type": "Person", "name": run.lock.by}
    for path in top:
        yield _file(path, run.folder.path / path, files[path], _ABOUT.get(path.as_posix(), ""))
    for attempt in tries:
        parts = [path for path in files if path.is_relative_to(attempt)]
        yield {
            "@id": f"{_id(attempt)}/",
            "@type": "Dataset",
            "name": attempt.as_posix(),
            "hasPart": _to([_id(path) for path in parts]),
        }
        for path in parts:
            yield _file(path, run.folder.path / path, files[path])
    yield from inputs.values()
    yield from _instruments(run, started)
    yield from _values(started)
    for unit in started:
        yield _action(run, unit, files, [entity["@id"] for entity in inputs.values()])


def _moment(time: str) -> str:
    """A moment as the profile's checks read it: to the millisecond, with an offset."""
    return datetime.fromisoformat(time).isoformat(timespec="milliseconds")


def _summary(run: SealedRun) -> str:
    state = run.state
    reason = f" ({state.reason})" if state.reason else ""
    return (
        f"{run.spec.hypothesis.statement}. Ended: {state.end}{reason}; {state.done} of {len(run.planned)} units done, "
        f"{state.failed} given up. Spec sha256 {state.spec_sha256}, registered {run.lock.registered}; enforcement {state.enforcement}."
    )


def _instruments(run: SealedRun, started: list[Unit]) -> Iterator[Entity]:
    """The command of each arm and sanity check, as the spec has it."""
    arms = {arm.name: arm for arm in run.spec.protocol.arms}
    checks = {check.name: check.command for check in run.spec.sanity}
    for identifier, unit in {_instrument(unit): unit for unit in started}.items():
        question = arms[unit.arm].gnomon if unit.phase != "sanity" else None
        command = arms[unit.arm].command if unit.phase != "sanity" else checks[unit.arm]
        if question is not None:
            text = f"gnomon with engine {question.engine} on {question.measurements or question.scenario}"
        else:
            text = command if isinstance(command, str) else shlex.join(command or ())
        version = {"softwareVersion": str(run.config["environment"]["gnomon"])} if question is not None else {}
        yield {"@id": identifier, "@type": "SoftwareApplication", "name": unit.arm, "description": text, **version}


def _instrument(unit: Unit) -> str:
    return f"#{'check' if unit.phase == 'sanity' else 'arm'}/{unit.arm}"


def _parameters(unit: Unit) -> dict[str, Any]:
    return {**unit.values, **({"seed": unit.seed} if unit.seed is not None else {})}


def _value(name: str, value: Any) -> str:
    return f"#value/{quote(name)}={quote(str(value), safe='')}"


def _values(started: list[Unit]) -> Iterator[Entity]:
    """Each value that a variable or the seed takes."""
    every = {_value(name, value): (name, value) for unit in started for name, value in _parameters(unit).items()}
    for identifier, (name, value) in every.items():
        yield {"@id": identifier, "@type": "PropertyValue", "name": name, "value": value}


def _action(run: SealedRun, unit: Unit, files: Iterable[Path], inputs: list[str]) -> Entity:
    attempt = run.of(unit)
    assert attempt is not None  # it was begun
    tries = Counter(one.failure or ("lost" if not one.ended else "done") for one in run.attempts[unit.id])
    is_done = run.is_done(unit)
    left = run.left_by(unit, attempt).relative_to(run.folder.path)
    status = "CompletedActionStatus" if is_done else "FailedActionStatus"
    objects = [*inputs, *(_value(name, value) for name, value in _parameters(unit).items())]
    return {
        "@id": f"#unit/{unit.id}",
        "@type": "CreateAction",
        "name": f"{unit.phase}: {unit.label}",
        "description": f"{shlex.join(unit.command)}\ntries: {', '.join(f'{count} {how}' for how, count in tries.items())}",
        "startTime": _moment(attempt.started),
        **({"endTime": _moment(attempt.ended)} if attempt.ended else {}),
        "actionStatus": f"http://schema.org/{status}",
        **({} if is_done else {"error": attempt.failure or "its end was not seen"}),
        "instrument": {"@id": _instrument(unit)},
        **({"agent": {"@id": "#agent"}} if run.lock.by else {}),
        **({"object": _to(objects)} if objects else {}),
        "result": _to([_id(path) for path in files if path.is_relative_to(left)]),
    }
