"""What is installed where an interpreter runs: compared before and after a run, and written down with what it measured.

Beside every installed package lies RECORD, a list of its files with the hash of each; the digest of that list stands for
all of them. It says what was installed, and not that no file was edited since. [Recording installed projects, PyPA]
"""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Iterator
from email.parser import HeaderParser
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

from gnomon.lab.digests import of_bytes, of_data


def fingerprint() -> dict[str, Any]:
    """What a dependency that comes, goes or changes would alter."""
    found = {"python": platform.python_version(), "executable": sys.executable, "packages": versions()}
    return {**found, "digest": of_data(found)}


def changes(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What differs between two fingerprints, in words."""
    told = [f"python {before['python']} -> {after['python']}"] if before["python"] != after["python"] else []
    one, other = before["packages"], after["packages"]
    for name in sorted(one.keys() | other.keys()):
        if one.get(name) != other.get(name):
            told.append(f"{name} {one.get(name, 'absent')} -> {other.get(name, 'absent')}")
    return told


def versions() -> dict[str, str]:
    """Name -> version of every distribution."""
    return {name: version for name, version, _ in sorted(_found(), key=_by_name)}


def installed() -> dict[str, dict[str, str | None]]:
    """Name -> `version` and `record_sha256`, of RECORD's bytes; None: the package has none, as one of the system's."""
    found = sorted(_found(), key=_by_name)
    return {name: {"version": version, "record_sha256": _record_sha256(one)} for name, version, one in found}


def normal(name: str) -> str:
    """The one spelling of a distribution's name. [PEP 503]"""
    return re.sub(r"[-_.]+", "-", name).lower()


def _found() -> Iterator[tuple[str, str, Distribution]]:
    """Every distribution with its name in one spelling and its version; of several of a name the one that an import takes."""
    seen = set[str]()
    for distribution in distributions():  # in the order of sys.path
        text = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or ""
        headers = HeaderParser().parsestr(text.partition("\n\n")[0])  # without the description, which is most of it
        name = normal(headers["Name"] or "")
        if name and name not in seen:
            seen.add(name)
            yield name, headers["Version"], distribution


def _by_name(found: tuple[str, str, Distribution]) -> str:
    return found[0]


def _record_sha256(distribution: Distribution) -> str | None:
    """RECORD names itself, and so the folder that it lies in; parsing all of it, as `files` does, takes a run a second."""
    for line in (distribution.read_text("RECORD") or "").splitlines():
        file = line.partition(",")[0]
        if file.endswith(".dist-info/RECORD"):
            try:
                return of_bytes(Path(str(distribution.locate_file(file))).read_bytes())
            except OSError:
                return None
    return None
