"""A sound claim as data, a repository with a sealed run, and a ledger in it."""

from datetime import UTC, datetime

import yaml

from gnomon.lab.runs.experiment import run
from gnomon.lab.specs.registration import register
from tests.lab.plain_worker import HOST
from tests.lab.samples import bytes_of, changed

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CLAIM = {
    "id": "half-share",
    "statement": "half is half of the whole",
    "value": 0.5,
    "unit": "",
    "relation": "equal",
    "tol_rel": 0.1,
    "kind": "accuracy",
    "conditions": {"metric": "share of the whole"},
    "source": {"title": "Arithmetic", "where": "chapter 1", "year": 1990},
}
TEST = {"experiment": "exp-001-halves", "metric": "share"}


def write(root, *claims, tool="Halves", name="halves"):
    """A file of the ledger with these claims, each the sound one with changes."""
    path = root / "claims" / f"{name}.yaml"
    path.parent.mkdir(exist_ok=True)
    data = {"schema": "gnomon/claims/1", "tool": tool, "claims": [{**CLAIM, **claim} for claim in claims]}
    path.write_text(yaml.safe_dump(data, sort_keys=False))
    return path


def sealed(root, **fields):
    """An experiment whose first treatment measures a share of 0.5 and whose baseline measures 1, run and sealed."""
    path = root / "experiments" / "exp-001-halves.md"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(bytes_of(changed(**fields)))
    register(path, now=NOW)
    run(path, HOST)
    return path
