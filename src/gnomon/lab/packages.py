"""The packages that an interpreter finds, each with a digest of what its installer put there.

Beside every installed package lies RECORD, a list of its files with the hash of each; the digest of that list stands for
all of them. It says what was installed, and not that no file was edited since. [Recording installed projects, PyPA]
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import Distribution, distributions

from gnomon.lab.digests import of_bytes


def installed() -> dict[str, dict[str, str | None]]:
    """Name -> `version` and `record_sha256`, of RECORD's bytes; None: the package has none, as one of the system's."""
    return {name: {"version": one.version, "record_sha256": _record_sha256(one)} for name, one in sorted(found())}


def found() -> Iterator[tuple[str, Distribution]]:
    """Every distribution with its name in one spelling; of several of a name the one that an import takes."""
    seen = set[str]()
    for distribution in distributions():  # in the order of sys.path
        name = (distribution.metadata["Name"] or "").lower().replace("_", "-")
        if name and name not in seen:
            seen.add(name)
            yield name, distribution


def _record_sha256(distribution: Distribution) -> str | None:
    for file in distribution.files or ():
        if file.name == "RECORD" and file.parent.name.endswith(".dist-info"):
            try:
                return of_bytes(file.read_binary())
            except OSError:
                return None
    return None
