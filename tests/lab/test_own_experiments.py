"""Gnomon's own experiments: what is committed is what was sealed, and one of them is run again and comes to the same."""

import json
import shutil
from pathlib import Path

import pytest

from gnomon.lab import doors
from gnomon.lab.specs.registration import locks_of
from gnomon.lab.units.local import local_host

ROOT = Path(__file__).parents[2]
SPECS = sorted((ROOT / "experiments").glob("exp-*.md"))


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.stem)
def test_what_is_committed_is_what_was_sealed(spec):
    found = doors.verify(spec)
    assert found.findings == ()
    assert found.records > 10


@pytest.mark.slow
def test_the_first_experiment_run_again_comes_to_the_same(tmp_path):
    spec = tmp_path / "experiments" / "exp-001-roofline-median-error.md"
    table = Path("src/gnomon/catalogue/measurements/published.csv")
    (tmp_path / table).parent.mkdir(parents=True)
    shutil.copy(ROOT / table, tmp_path / table)
    shutil.copytree(ROOT / "experiments", tmp_path / "experiments")
    assert locks_of(spec)
    doors.run(spec, host=local_host())
    again = json.loads((doors.folder_of(spec) / "metrics.json").read_text())
    sealed = json.loads((doors.folder_of(ROOT / "experiments" / spec.name) / "metrics.json").read_text())
    for arm in ("baseline", "treatment"):
        assert again[arm] == pytest.approx(sealed[arm])
    assert [one.verdict for one in doors.read(spec).verdicts] == ["pass", "pass"]
