"""A new spec is sound and runs as it stands."""

from datetime import UTC, datetime

import pytest

from gnomon.core.errors import BadInput
from gnomon.lab.results.reading import read
from gnomon.lab.runs.experiment import run
from gnomon.lab.specs.lint import lint
from gnomon.lab.specs.new import new_spec
from gnomon.lab.specs.registration import register
from tests.lab.plain_worker import HOST


def test_a_new_spec_lints_clean_and_runs(tmp_path):
    path = new_spec(tmp_path, "sum-of-squares")
    assert path.name == "exp-001-sum-of-squares.md"
    assert lint(path.read_bytes(), path.name).faults == ()
    register(path, now=datetime(2026, 1, 1, tzinfo=UTC))
    assert run(path, HOST).end == "completed"
    (verdict,) = read(path, tmp_path / "results" / path.stem).verdicts
    assert verdict.verdict in ("pass", "fail")


def test_specs_are_numbered_on(tmp_path):
    assert [new_spec(tmp_path, slug).name[:7] for slug in ("a", "b")] == ["exp-001", "exp-002"]


@pytest.mark.parametrize("slug", ["", "A", "a b", "a--b", "../a", "a/b"])
def test_a_slug_that_cannot_be_is_refused(tmp_path, slug):
    with pytest.raises(BadInput, match="a slug is of"):
        new_spec(tmp_path, slug)
    assert not (tmp_path / "experiments").exists()
