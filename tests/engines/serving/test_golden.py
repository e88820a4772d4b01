"""What becomes of every request, to the last bit: worked by hand, and as Vidur recorded it."""

import gzip
import json

import pytest

from tests.engines.serving.cases import by_hand, own_cases, recorded, shared_runs, write_table

pytestmark = pytest.mark.xdist_group("compiled")  # what is compiled takes half a minute: once
RUNS = [pytest.param(run, id=run.name) for run in shared_runs()]
if not RUNS:
    RUNS = [pytest.param(None, marks=pytest.mark.skip("no recorded runs of Vidur in ../shared/reference/vidur"))]


@pytest.mark.parametrize("case", own_cases(), ids=lambda case: case.name)
def test_a_case_comes_out_as_worked_by_hand(case, tmp_path):
    made = by_hand(case, write_table(tmp_path / "table.npz"))
    assert made.requests_csv().splitlines() == (case / "requests.csv").read_text().splitlines()


@pytest.mark.parametrize("run", RUNS)
def test_a_recorded_run_comes_out_to_the_byte(run, tmp_path):
    made = recorded(run)
    made.write_requests(tmp_path / "requests.csv")
    assert (tmp_path / "requests.csv").read_bytes() == (run / "requests.csv").read_bytes()
    summary = json.loads((run / "summary.json").read_text())
    assert (made.outcome.end_s, made.outcome.batches) == (summary["end_time"], summary["batches"])
    assert made.outcome.pool.kv_blocks == summary["num_blocks"]
    has_failed = summary["error"] is not None
    assert (made.outcome.lost_blocks > 0) == has_failed
    assert any("never given back" in note for note in made.outcome.notes) == has_failed


@pytest.mark.slow
@pytest.mark.parametrize("run", RUNS)
def test_the_batches_of_a_recorded_run_come_out_to_the_byte(run, tmp_path):
    recorded(run, records=True).write_batches(tmp_path / "batches.csv")
    assert (tmp_path / "batches.csv").read_bytes() == gzip.decompress((run / "batches.csv.gz").read_bytes())


def test_the_cases_are_there():
    assert len(own_cases()) >= 4
