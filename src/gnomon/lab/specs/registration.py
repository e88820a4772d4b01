"""Registration: a spec's bytes and fields are bound by digests before anything is measured, and every later version is
linked to the one before.

    experiments/exp-001-slug.lock.json           the registration
    experiments/exp-001-slug.amend-1.lock.json   an amendment: what changed, why, and the digest of the lock before

A lock holds the registered text itself, so that an edit can be told field by field without any history at hand.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from gnomon.core.errors import BadInput, ToolError
from gnomon.core.version import version
from gnomon.formats.files import write_whole
from gnomon.formats.strict import Strict, read_json
from gnomon.lab.digests import of_bytes, of_data, of_file
from gnomon.lab.errors import NotRegistered, SpecInvalid, Tampered
from gnomon.lab.repository import git_of, root_of
from gnomon.lab.specs.front_matter import Malformed, document, read_bytes
from gnomon.lab.specs.lint import lint
from gnomon.lab.specs.signature import signed
from gnomon.lab.specs.spec import SCHEMA, Spec

NAMESPACE = "exp-spec"  # of ssh signatures, so that one made for another purpose is none here


class Lock(Strict):
    """A registration or an amendment."""

    schema_: Literal["gnomon/lock/1"] = Field(default="gnomon/lock/1", alias="schema")
    id: str
    version: int  # 0: the registration; amendments count from 1
    spec_schema: str
    spec_sha256: str  # of the file's bytes
    fields_sha256: str  # of the front matter in canonical form
    text: str  # the file, as registered
    registered: str  # time, UTC
    by: str
    commit: str  # of the repository, empty outside of one
    is_committed: bool  # whether the commit holds the spec with these bytes
    before_sha256: str = ""  # of the lock file before; empty: this is the first
    why: str = ""  # of an amendment
    changes: tuple[str, ...] = ()  # field by field
    tag: str = ""  # of git, where one was made
    signature: str = ""  # of the spec's bytes by ssh, where one was asked for
    gnomon: str = ""  # the version that wrote it


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """A spec as it may run: its latest version, and the locks from the first to it."""

    path: Path
    raw: bytes
    spec: Spec
    locks: tuple[Lock, ...]

    @property
    def lock(self) -> Lock:
        """The version in force."""
        return self.locks[-1]


def sound(path: Path) -> tuple[bytes, Spec]:
    """A spec's bytes and its content. SpecInvalid with every fault."""
    raw = read_bytes(path)
    found = lint(raw, path.name)
    if found.spec is None:
        raise SpecInvalid("\n".join(fault.shown(str(path)) for fault in found.faults))
    return raw, found.spec


def ran(path: Path, folder: Path, spec_sha256: str) -> Spec:
    """The spec that a run is of, from the first place that holds its bytes: the run's own copy, or a lock.

    A version registered since says nothing about the run's numbers. Tampered where no place holds them.
    """
    copy = folder / "spec.md"
    texts = [copy.read_bytes()] if copy.is_file() else []
    with suppress(Tampered):
        texts += [lock.text.encode("utf-8", "surrogateescape") for lock in locks_of(path)]
    raw = next((text for text in texts if of_bytes(text) == spec_sha256), None)
    if raw is None:
        raise Tampered(
            f"{copy}: not the spec that the journal says ran (sha256 {spec_sha256:.12}...), nor is it in a lock; restore it"
        )
    found = lint(raw, path.name)
    if found.spec is None:  # it was sound by the rules of its time
        raise SpecInvalid("\n".join(fault.shown(str(copy)) for fault in found.faults))
    return found.spec


def lock_path(spec: Path, version: int) -> Path:
    """The lock file of a version."""
    return spec.with_name(f"{spec.stem}{f'.amend-{version}' if version else ''}.lock.json")


def locks_of(spec: Path) -> tuple[Lock, ...]:
    """The registration and its amendments in their order, none where there is none. Tampered where one does not follow."""
    found: list[Lock] = []
    before = ""
    while (path := lock_path(spec, len(found))).exists():
        try:
            lock = Lock.model_validate(read_json(path))
        except (ValidationError, BadInput) as fault:
            raise Tampered(f"{path}: no lock that Gnomon wrote: {str(fault).splitlines()[0]}") from None
        is_whole = lock.spec_sha256 == of_bytes(lock.text.encode("utf-8", "surrogateescape"))
        if not is_whole or lock.before_sha256 != before or lock.version != len(found):
            raise Tampered(f"{path}: it does not follow the version before, or was edited")
        found.append(lock)
        before = of_file(path)
    return tuple(found)


def register(path: Path, *, now: datetime) -> Registered:
    """Bind a spec to its bytes. SpecInvalid where it cannot run; NotRegistered where it was registered with other bytes."""
    raw, spec = sound(path)
    root_of(path)
    locks = locks_of(path)
    if locks:
        if locks[-1].spec_sha256 != of_bytes(raw):
            raise _edited(path, raw, locks[-1], "is registered, and was edited since")
        return Registered(path=path, raw=raw, spec=spec, locks=locks)
    lock = _lock(path, raw, spec, (), now=now)
    _write(path, lock)
    return Registered(path=path, raw=raw, spec=spec, locks=(lock,))


def amend(path: Path, why: str, *, now: datetime) -> Registered:
    """Bind an edited spec as the next version. NotRegistered where there is none before; BadInput where nothing changed."""
    raw, spec = sound(path)
    locks = locks_of(path)
    if not locks:
        raise NotRegistered(f"{path}: not registered yet: `gnomon exp register {path}`")
    if not why.strip():
        raise BadInput(f"{path}: an amendment says why")
    if locks[-1].spec_sha256 == of_bytes(raw):
        raise BadInput(f"{path}: nothing differs from version {locks[-1].version}")
    lock = _lock(path, raw, spec, locks, now=now, why=why.strip())
    _write(path, lock)
    return Registered(path=path, raw=raw, spec=spec, locks=(*locks, lock))


def registered(path: Path) -> Registered:
    """A spec that may run. NotRegistered where it is not registered, or its bytes are others, with what differs."""
    raw = read_bytes(path)
    locks = locks_of(path)
    if not locks:
        sound(path)
        raise NotRegistered(
            f"{path}: not registered: `gnomon exp register {path}` binds it before anything is measured"
        )
    if locks[-1].spec_sha256 != of_bytes(raw):
        raise _edited(path, raw, locks[-1], "was edited after it was registered")
    return Registered(path=path, raw=raw, spec=sound(path)[1], locks=locks)


def _edited(path: Path, raw: bytes, lock: Lock, what: str) -> NotRegistered:
    changes = list(differences(lock.text.encode("utf-8", "surrogateescape"), raw))
    lines = [f"{path}: {what}; to go on with the edit: `gnomon exp amend {path} --why TEXT`", *changes]
    return NotRegistered("\n".join(lines))


def _lock(path: Path, raw: bytes, spec: Spec, before: tuple[Lock, ...], *, now: datetime, why: str = "") -> Lock:
    root = root_of(path)
    git = git_of(root)
    committed = _committed(root, path) if git.commit else b""
    tag = f"prereg/{spec.id}" + (f"-amend-{len(before)}" if before else "")
    is_signed = spec.integrity.signing == "ssh"
    signature = signed(root, raw, NAMESPACE, asked_by=f"{path}: integrity.signing is ssh") if is_signed else ""
    return Lock(
        id=spec.id,
        version=len(before),
        spec_schema=SCHEMA,
        spec_sha256=of_bytes(raw),
        fields_sha256=of_data(document(raw).data),
        text=raw.decode("utf-8", "surrogateescape"),
        registered=utc(now),
        by=git.author or os.environ.get("USER", ""),
        commit=git.commit,
        is_committed=committed == raw,
        before_sha256=of_file(lock_path(path, len(before) - 1)) if before else "",
        why=why,
        changes=tuple(differences(before[-1].text.encode("utf-8", "surrogateescape"), raw)) if before else (),
        tag=tag if git.commit and _tagged(root, tag, of_bytes(raw), is_signed) else "",
        signature=signature,
        gnomon=version(),
    )


def utc(now: datetime) -> str:
    """A moment as ISO 8601 in UTC, to the microsecond."""
    return now.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _write(path: Path, lock: Lock) -> None:
    write_whole(lock_path(path, lock.version), json.dumps(lock.model_dump(by_alias=True), indent=2) + "\n")


def _committed(root: Path, path: Path) -> bytes:
    """The spec's bytes as the commit has them."""
    inside = path.resolve().relative_to(root).as_posix()
    done = subprocess.run(["git", "-C", str(root), "show", f"HEAD:./{inside}"], capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else b""


def _tagged(root: Path, tag: str, digest: str, is_signed: bool) -> bool:
    """Whether a tag that names the digest stands on the commit now."""
    kind = ["-s"] if is_signed else ["-a"]
    words = ["git", "-C", str(root), "tag", *kind, tag, "-m", f"{tag}: spec sha256 {digest}"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode and is_signed:
        raise ToolError(
            f"git tag -s {tag}: {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else 'failed'}"
        )
    return done.returncode == 0


def differences(before: bytes, after: bytes) -> Iterator[str]:
    """What changed between two versions, field by field; the prose as one."""
    try:
        old, new = document(before), document(after)
    except Malformed:
        yield "the front matter cannot be read any more"
        return
    one, other = dict(_leaves(old.data, "")), dict(_leaves(new.data, ""))
    for name in [*one, *(name for name in other if name not in one)]:
        if name not in other:
            yield f"  {name}: {_shown(one[name])} is gone"
        elif name not in one:
            yield f"  {name}: {_shown(other[name])} is new"
        elif one[name] != other[name] or type(one[name]) is not type(other[name]):
            yield f"  {name}: {_shown(one[name])} -> {_shown(other[name])}"
    if old.prose != new.prose:
        yield "  the prose differs"
    elif dict(one) == dict(other) and before != after:
        yield "  only its form differs: spaces, comments or quotes"


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from _leaves(item, f"{path}.{index}")
    else:
        yield path, value


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "..."
