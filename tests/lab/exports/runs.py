"""Sealed runs to export, of the small sound spec."""

from contextlib import suppress
from datetime import UTC, datetime

from gnomon.core.errors import GnomonError
from gnomon.lab.runs.experiment import run
from gnomon.lab.specs.registration import register
from tests.lab.plain_worker import HOST
from tests.lab.samples import bytes_of, changed

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ONE_SEED_FAILS = "[ {seed} != 2 ] && echo share=0.5"


def registered_spec(root, **fields):
    """A registered spec in a repository; fields as in `changed`."""
    path = root / "experiments" / "exp-001-halves.md"
    path.parent.mkdir(parents=True)
    path.write_bytes(bytes_of(changed(**fields)))
    register(path, now=NOW)
    return path


def sealed(root, **fields):
    """A spec and its sealed run, however that ended."""
    path = registered_spec(root, **fields)
    with suppress(GnomonError):
        run(path, HOST)
    return path


def bytes_below(folder):
    """Every file of a folder, to see that nothing changed it."""
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
