"""Gnomon's own experiments: what is committed is what was sealed, and one of them is run again and comes to the same."""

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gnomon.adapters.astrasim.binaries import installed
from gnomon.lab import claims, doors
from gnomon.lab.specs.registration import locks_of
from gnomon.lab.units.local import local_host
from tests.long import LONG

ROOT = Path(__file__).parents[2]
SPECS = sorted((ROOT / "experiments").glob("exp-*.md"))


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.stem)
def test_what_is_committed_is_what_was_sealed(spec):
    found = doors.verify(spec)
    assert found.findings == ()
    assert found.records > 10


@pytest.fixture
def first(tmp_path):
    """A copy of the first experiment that can be run; its spec."""
    table = Path("src/gnomon/catalogue/measurements/published.csv")
    (tmp_path / table).parent.mkdir(parents=True)
    shutil.copy(ROOT / table, tmp_path / table)
    shutil.copytree(ROOT / "experiments", tmp_path / "experiments")
    spec = tmp_path / "experiments" / "exp-001-roofline-median-error.md"
    assert locks_of(spec)
    return spec


@pytest.mark.slow
@pytest.mark.parametrize("arm", ["as_published", "resampled"])
def test_a_unit_of_the_first_experiment_run_again_comes_to_the_same(first, arm):
    sealed = json.loads((doors.folder_of(ROOT / "experiments" / first.name) / "metrics.json").read_text())
    (unit,) = [one for one in sealed["per_seed"] if (one["arm"], one["seed"]) == (arm, 1)]
    again = doors.replay(first, unit["unit"], host=local_host())
    assert again.ended.code == 0, (again.room / "stderr.log").read_text()
    assert again.observed.values == pytest.approx(unit["metrics"])


if LONG:

    def test_the_first_experiment_run_again_comes_to_the_same(first):
        doors.run(first, host=local_host())
        again = json.loads((doors.folder_of(first) / "metrics.json").read_text())
        sealed = json.loads((doors.folder_of(ROOT / "experiments" / first.name) / "metrics.json").read_text())
        for arm in ("baseline", "treatment"):
            assert again[arm] == pytest.approx(sealed[arm])
        assert [one.verdict for one in doors.read(first).verdicts] == ["pass", "pass"]


@pytest.mark.slow
@pytest.mark.parametrize("way", ["simulated_unaware", "simulated_aware", "astra_sim_aware", "plotted"])
def test_all_reduces_of_astra_sim_s_configuration_come_out_as_they_were_sealed(way):
    if way.startswith("astra_sim") and installed() is None:
        pytest.skip("ASTRA-sim's programs are not on the PATH")
    script = ROOT / "experiments" / "nccl-all-reduce" / "errors.py"
    done = subprocess.run([sys.executable, "-B", script, way, "0"], cwd=ROOT, capture_output=True, check=True)
    assert json.loads(done.stdout) == pytest.approx(_sealed("exp-005-nccl-all-reduce-hgx-h100", f"{way}/0"))


@pytest.mark.slow
def test_the_ledger_says_of_own_claims_what_sealed_results_say():
    assert [one.id for one in claims.check(ROOT) if one.status == "unverified"] == []


def test_steps_of_megatron_are_typed_as_they_were_published(shared):
    typed = _rows(ROOT / "experiments" / "megatron-steps" / "published.csv")
    known = {row["row_id"]: row for row in _rows(shared / "truth" / "training_steps.csv")}
    names = {
        "layers": "layers",
        "hidden": "hidden",
        "heads": "heads",
        "seq": "seq_len",
        "vocabulary": "vocab",
        "gpus": "n_gpus",
    }
    names |= {
        "tp": "tp",
        "pp": "pp",
        "virtual": "vp",
        "dp": "dp",
        "sp": "seq_parallel",
        "global_batch": "global_batch_seqs",
    }
    names |= {"micro_batch": "micro_batch", "recompute": "recompute", "step_s": "iter_time_s"}
    assert len(typed) == 30
    for row in typed:
        assert {name: known[row["row"]][theirs] for name, theirs in names.items()} == {
            name: row[name] for name in names
        }
        assert (row["zero"] == "3") == bool(known[row["row"]]["zero_or_fsdp"])


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _sealed(experiment: str, unit: str) -> dict[str, float]:
    """What a unit printed."""
    folder = ROOT / "results" / experiment
    records = map(json.loads, (folder / "journal.jsonl").read_text().splitlines())
    started = next(one for one in records if one["kind"] == "unit_started" and one["label"] == unit)
    return json.loads((folder / "units" / started["unit"] / "attempt-1" / "stdout.log").read_text())
