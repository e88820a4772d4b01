"""What intervals do on silicon that they were not calibrated on: the promise of the essays, held."""

from __future__ import annotations

from statistics import fmean

import pytest

from gnomon.api.comparison import compare_measurements
from gnomon.core.errors import BadInput, Unsupported
from gnomon.stats.calibration import parse_calibrations


def _check(held_out) -> None:
    coverage = [one.coverage for one in held_out]
    assert 0.85 <= fmean(coverage) <= 0.95
    assert min(coverage) >= 0.70


def test_whole_models_on_silicon_left_out_lie_in_their_intervals_about_nine_times_in_ten() -> None:
    held_out = compare_measurements("published").held_out()
    assert len(held_out) == 10
    _check(held_out)


@pytest.mark.slow
def test_operators_on_silicon_left_out_lie_in_their_intervals_about_nine_times_in_ten(shared) -> None:
    held_out = compare_measurements(str(shared / "truth" / "kernels.csv.gz")).held_out()
    assert len(held_out) == 12
    _check(held_out)


def test_spellings_of_one_silicon_are_one_group() -> None:
    """B200 and GB200, every A100, both spellings of H100: no alias crosses a split."""
    rows = compare_measurements("published").rows
    by_silicon = rows.group_by("silicon").agg("device").to_dicts()
    of = {device: entry["silicon"] for entry in by_silicon for device in entry["device"]}
    assert of["a100-pcie-40gb"] == of["a100-sxm-80gb"] == of["a30"]
    assert of["h100-pcie"] == of["h100-sxm"] == of["h200"]
    assert of["mi210"] == of["mi250"] == of["mi250x"]


def test_the_coverage_at_nine_tenths_is_that_of_the_kinds_of_silicon_left_out() -> None:
    found = compare_measurements("published")
    held_out, levels = found.held_out(), found.coverage_by_level()
    at_90 = next(one for one in levels if one["level"] == 0.9)
    assert at_90["mean"] == pytest.approx(fmean(one.coverage for one in held_out))
    assert (at_90["lowest"], at_90["highest"]) == (0.75, 1.0)
    inside = sum(one.coverage * one.rows for one in held_out)
    assert at_90["rows"] * len(found.clean) == pytest.approx(inside)
    assert [one["rows"] for one in levels] == sorted(one["rows"] for one in levels)


def test_evenly_spaced_rows_are_at_most_so_many_and_in_order() -> None:
    found = compare_measurements("published")
    assert found.evenly(300)["line"].to_list() == found.rows["line"].to_list()
    assert found.evenly(100)["line"].to_list() == found.rows["line"].to_list()[::3]


def test_a_calibration_written_from_python_is_read_again(tmp_path) -> None:
    found = compare_measurements("published")
    path = found.write_calibration(tmp_path / "mine.json")
    kept = parse_calibrations(path.read_text())
    assert kept == {"models": found.calibration()}
    assert found.write_calibration(path).read_text() == path.read_text()


def test_a_comparison_without_an_answered_row_says_why(tmp_path) -> None:
    table = tmp_path / "mine.csv"
    header = "device,model,mode,batch,precision,measured_ms"
    table.write_text("\n".join([header, *(f"t4,nonsuch-{i},forward,1,fp16,2" for i in range(25))]) + "\n")
    with pytest.raises(Unsupported) as refused:
        compare_measurements(str(table)).check_answered()
    lines = str(refused.value).splitlines()
    assert lines[0] == f"no row of {table} can be answered:"
    assert lines[-1] == "and 5 further reasons"
    table.write_text(header + "\n")
    with pytest.raises(BadInput, match="the table holds no rows"):
        compare_measurements(str(table)).check_answered()
