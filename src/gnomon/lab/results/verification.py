"""Whether a run's bytes are what was sealed, and what anchors that to anything beyond this folder."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from gnomon.core.errors import BadInput
from gnomon.lab.digests import of_bytes, of_file
from gnomon.lab.errors import Tampered
from gnomon.lab.repository import git_of, root_of
from gnomon.lab.specs.registration import NAMESPACE, Lock, lock_path, locks_of
from gnomon.lab.store.journal import Record, scan
from gnomon.lab.store.run_folder import RunFolder, digest_of_tree, tree
from gnomon.lab.store.seal import MANIFEST, is_sealed_file


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is not as it was sealed."""

    kind: str  # changed, missing, extra, journal, manifest, spec, unit
    name: str  # the file, or the record
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What a check of a run came to."""

    folder: Path
    findings: tuple[Finding, ...]
    anchors: tuple[str, ...]  # what binds the run to something beyond its folder
    limits: tuple[str, ...]  # what this cannot prove
    records: int
    files: int

    @property
    def is_whole(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


def verify(spec: Path, folder: Path) -> Verified:
    """Check every sealed byte of a run. BadInput where there is no sealed run."""
    place = RunFolder(folder)
    if not place.journal.exists():
        raise BadInput(f"{folder}: no run: there is no journal")
    records: list[Record] = []
    found = scan(place.journal, records.append)
    sealed = next((record for record in reversed(records) if record["kind"] == "sealed"), None)
    findings: list[Finding] = []
    if found.fault:
        findings.append(Finding(kind="journal", name="journal.jsonl", text=found.fault))
    elif found.torn_bytes:
        text = f"its last line is broken ({found.torn_bytes} bytes)"
        findings.append(Finding(kind="journal", name=f"journal.jsonl record {found.count}", text=text))
    if place.journal.is_symlink():
        findings.append(Finding(kind="journal", name="journal.jsonl", text="a link in place of the file"))
    manifest = folder / MANIFEST
    if sealed is None and not findings and not manifest.exists():
        raise BadInput(f"{folder}: not sealed yet; `gnomon exp status` shows how far it is")
    if sealed is None and not findings:
        findings.append(Finding(kind="journal", name="journal.jsonl", text="the record that seals the run is gone"))
    findings += _manifest(folder, sealed)
    findings += _units(place, records)
    locks = _locks(spec, findings)
    findings += _spec(spec, folder, records, locks)
    anchors, limits = _anchors(spec, folder, locks)
    return Verified(
        folder=folder,
        findings=tuple(findings),
        anchors=tuple(anchors),
        limits=tuple(limits),
        records=found.count,
        files=sum(is_sealed_file(name) for name, _ in tree(folder)),
    )


def read_manifest(lines: Iterable[str]) -> dict[str, str]:
    """Name -> digest, or `link` and where it leads."""
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def manifest_lines(raw: bytes) -> set[str]:
    """Every line; it ends at the end of line alone, whatever else parts lines elsewhere: names hold anything."""
    return {line for line in raw.decode("utf-8", "replace").split("\n") if line}


def _manifest(folder: Path, sealed: Record | None) -> Iterator[Finding]:
    """Files against their list, and the list against the journal."""
    try:
        raw = (folder / MANIFEST).read_bytes()
    except OSError:
        yield Finding(kind="manifest", name=MANIFEST, text="missing")
        return
    if sealed is not None and of_bytes(raw) != sealed["manifest_sha256"]:
        yield Finding(kind="manifest", name=MANIFEST, text="not the list that the journal binds")
    lines = manifest_lines(raw)
    now = {f"{digest}  {name}": (name, digest) for name, digest in tree(folder) if is_sealed_file(name)}
    there = dict(now[line] for line in now.keys() - lines)
    listed = read_manifest(lines - now.keys())  # what differs alone: where a link leads to may look like two columns
    for name in sorted(listed.keys() | there.keys()):
        if name not in there:
            yield Finding(kind="missing", name=name, text="sealed, and not there any more")
        elif name not in listed:
            yield Finding(kind="extra", name=name, text="there, and not sealed")
        elif listed[name] != there[name]:
            yield Finding(kind="changed", name=name, text=f"sha256 is {there[name]}, sealed {listed[name]}")


def _units(place: RunFolder, records: list[Record]) -> Iterator[Finding]:
    """Each unit's folder against the record that made it count."""
    for record in records:
        if record["kind"] != "unit_done":
            continue
        folder = place.attempt(record["unit"], record["attempt"])
        name = f"record {record['seq']}: units/{record['unit']}/attempt-{record['attempt']}"
        if not folder.is_dir():
            yield Finding(kind="unit", name=name, text="its folder is gone")
        elif digest_of_tree(folder) != record["result_sha256"]:
            yield Finding(kind="unit", name=name, text="its folder is not what was recorded")


def _locks(spec: Path, findings: list[Finding]) -> tuple[Lock, ...]:
    try:
        return locks_of(spec)
    except Tampered as fault:
        findings.append(Finding(kind="spec", name=lock_path(spec, 0).name, text=str(fault)))
        return ()


def _spec(spec: Path, folder: Path, records: list[Record], locks: tuple[Lock, ...]) -> Iterator[Finding]:
    """The spec that ran against its registration, and the file as it stands now."""
    ran = next((record["spec_sha256"] for record in records if record["kind"] == "registered"), None)
    copy = folder / "spec.md"
    if copy.exists() and of_file(copy) != ran:
        yield Finding(kind="spec", name="spec.md", text="not the spec that the journal says ran")
    if locks and ran is not None and ran not in {lock.spec_sha256 for lock in locks}:
        yield Finding(kind="spec", name=spec.name, text="what ran was never registered")
    if not locks:
        yield Finding(kind="spec", name=spec.name, text="its registration is gone")
    for lock in locks:
        registered, copy = lock_path(spec, lock.version), folder / lock_path(spec, lock.version).name
        if copy.exists() and of_file(copy) != of_file(registered):
            yield Finding(kind="spec", name=registered.name, text="not the registration that the run was made under")
    if not spec.exists():
        yield Finding(kind="spec", name=spec.name, text="the registered file is gone")
    elif locks and of_file(spec) != locks[-1].spec_sha256:
        yield Finding(kind="spec", name=spec.name, text="was edited after it was registered")


def _anchors(spec: Path, folder: Path, locks: tuple[Lock, ...]) -> tuple[list[str], list[str]]:
    """What stands outside of the run's folder, from weak to strong."""
    root = root_of(spec)
    anchors, limits = [], []
    git = git_of(root)
    inside = folder.resolve().relative_to(root).as_posix() if folder.resolve().is_relative_to(root) else ""
    if git.commit and inside and _same_in_commit(root, f"{inside}/journal.jsonl", folder / "journal.jsonl"):
        anchors.append(f"the journal stands in commit {git.commit[:12]}")
    for lock in locks:
        if lock.is_committed:
            anchors.append(f"version {lock.version} of the spec stands in commit {lock.commit[:12]}")
        if lock.tag and _tag_names(root, lock.tag, lock.spec_sha256):
            anchors.append(f"tag {lock.tag} names the digest of version {lock.version}")
        if lock.signature:
            anchors.append(f"version {lock.version} is signed for {NAMESPACE} (check with ssh-keygen -Y verify)")
    if not anchors:
        limits.append("nothing outside of the folder: whoever can write here could have written all of it anew")
    else:
        limits.append("whoever owns this repository and its keys could have written all of it anew")
    push = "push the tag, or " if git.commit else ""
    limits.append(f"no anchor here carries a date from elsewhere: {push}have the digest timestamped")
    return anchors, limits


def _same_in_commit(root: Path, name: str, file: Path) -> bool:
    done = subprocess.run(["git", "-C", str(root), "show", f"HEAD:./{name}"], capture_output=True, check=False)
    return done.returncode == 0 and of_bytes(done.stdout) == of_file(file)


def _tag_names(root: Path, tag: str, digest: str) -> bool:
    done = subprocess.run(
        ["git", "-C", str(root), "for-each-ref", "--format=%(contents)", f"refs/tags/{tag}"],
        capture_output=True,
        text=True,
        check=False,
    )
    return digest in done.stdout
