"""The numbers behind each figure, worked by hand."""

from __future__ import annotations

import pytest

from gnomon.report.facts import accuracy, calibration, history, operators, passes, titles, trials, waterfall
from gnomon.report.facts.services import replicas_over_time
from gnomon.report.facts.table import Column, Table, evenly
from tests.report.documents import (
    SWEEP,
    TRIALS,
    answer,
    errors,
    held_out,
    measured,
    measurements,
    operator,
    part,
    predictions,
    quantity,
    scenarios,
)

# --- waterfall


def test_parts_are_laid_end_to_end_down_to_the_smallest_and_add_up_to_the_time():
    table = waterfall.waterfall(quantity(16.0))  # matmul 8 (work 4, launches 4), norm 8
    assert table["part"] == ("matmul", "matmul", "norm")
    assert table["inside"] == ("work", "launches", "")
    assert table["start_s"] == (0.0, 4.0, 8.0)
    assert table["value_s"] == (4.0, 4.0, 8.0)
    assert table["share"] == (0.25, 0.25, 0.5)


def test_parts_that_race_stay_one_bar():
    race = part("exchange", 6.0, "network", (part("send", 6.0), part("compute", 5.0)), "max")
    table = waterfall.waterfall(quantity(10.0, parts=[race, part("rest", 4.0)]))
    assert table["value_s"] == (6.0, 4.0)
    assert sum(table.numbers("value_s")) == 10.0


def test_a_pass_of_no_time_has_shares_of_zero():
    assert waterfall.waterfall(quantity(1.0) | {"value": 0.0, "parts": [part("x", 0.0)]})["share"] == (0.0,)


# --- operators


def test_an_operator_stands_at_work_over_traffic_and_work_over_time():
    table = operators.operators(quantity(16.0, operators=[operator()]))
    assert table is not None
    assert (table["intensity"], table["reached"]) == ((2.0,), (0.5,))
    assert (table["total_s"], table["share"]) == ((16.0,), (1.0,))


@pytest.mark.parametrize("without", ["flop", "moved_bytes", "time_s"])
def test_an_operator_without_work_traffic_or_time_has_no_place(without):
    table = operators.operators(quantity(16.0, operators=[operator(**{without: 0.0})]))
    assert table is not None
    assert (table["intensity"], table["reached"]) == ((None,), (None,))


def test_a_pass_without_operators_has_no_table_of_them():
    assert operators.operators(quantity()) is None


def test_a_table_of_operators_says_what_binds_only_where_the_engine_does():
    said, silent = operator(), {name: value for name, value in operator().items() if name != "bound"}
    tables = [operators.operators(quantity(16.0, operators=[one])) for one in (said, silent)]
    assert ["bound" in table.names for table in tables if table is not None] == [True, False]


def test_a_roof_rises_with_the_bandwidth_to_the_peak():
    assert operators.roof_line(2.0, 10.0, 1.0, 100.0) == [(1.0, 2.0), (5.0, 10.0), (100.0, 10.0)]
    assert operators.roof_line(2.0, 10.0, 6.0, 100.0) == [(6.0, 10.0), (100.0, 10.0)]


def test_the_longest_operators_stay_in_their_order():
    rows = [operator("a", time_s=1.0), operator("b", time_s=3.0), operator("c", time_s=2.0)]
    table = operators.operators(quantity(12.0, operators=rows))
    assert table is not None
    assert operators.largest(table, 2)["name"] == ("b", "c")


# --- accuracy


def test_columns_that_no_row_fills_are_left_out():
    table = accuracy.measured_rows({"rows": [measured(seq=None, software="")]})
    assert table is not None
    assert table.names == ("subject", "device", "mode", "dtype", "measured_s", "predicted_s", "error_percent", "line")


def test_a_comparison_without_rows_has_no_table_of_them():
    document = measurements()
    del document["rows"]
    assert accuracy.measured_rows(document) is None


def test_scenarios_meet_measurements_of_the_same_mode_alone():
    table = accuracy.scenario_rows(scenarios())
    assert table is not None
    assert (table["measured_s"], table["predicted_s"], table["error_percent"]) == ((32.0,), (16.0,), (-50.0,))
    assert (table["low_s"], table["high_s"]) == ((8.0,), (32.0,))


def test_a_row_of_errors_has_a_cell_for_each_column_in_their_order():
    cells = dict(zip(accuracy.ERROR_COLUMNS, accuracy.error_cells("", errors()), strict=True))
    assert cells == {
        "group": "(none)",
        "rows": "2",
        "coverage": "50 %",
        "median": "20.0 %",
        "mean": "25.0 %",
        "p90": "40.0 %",
        "bias": "-20.0 %",
        "Kendall tau": "1.00",
    }


def test_groups_without_a_compared_row_have_no_error_and_a_group_without_a_name_is_named():
    by_device = accuracy.error_groups(measurements(), "device")
    assert by_device is not None
    assert by_device["group"] == ("t4", "l4")
    assert (by_device["rows"], by_device["coverage"]) == ((1, 1), (0.25, 0.25))
    nameless = accuracy.error_groups(measurements(), "subject")
    assert nameless is not None
    assert nameless["group"] == ("(none)",)
    assert accuracy.error_groups(measurements(), "family") is None


# --- calibration


def test_coverage_on_silicon_left_out_has_both_weightings_side_by_side():
    table = calibration.coverage_by_group(measurements())
    assert table is not None
    assert table["group"] == ("GA100", "TU104", "GH100", "AD102")
    assert (table["coverage"], table["coverage_by_row"]) == ((0.9, 0.7, 1.0, 0.8), (0.8, 1.0, 0.7, 0.9))


@pytest.mark.parametrize("kinds", [0, 2, 3])
def test_too_few_kinds_of_silicon_give_no_coverage(kinds):
    held = [held_out(f"s{i}", 0.9) for i in range(kinds)]
    levels = measurements()["intervals"]["levels"]
    intervals = {"level": 0.9, "silicon_weighs_alike": held, "rows_weigh_alike": held, "levels": levels}
    assert calibration.coverage_by_group(measurements(intervals=intervals)) is None
    assert calibration.coverage_by_level(measurements(intervals=intervals)) is None


def test_nominal_levels_keep_the_coverage_that_the_document_states():
    table = calibration.coverage_by_level(measurements())
    assert table is not None
    assert (table["level"], table["lowest"]) == ((0.5, 0.9), (0.7, 0.7))


# --- history


def test_two_comparisons_of_one_table_and_engine_are_a_history_whatever_the_folder():
    first = measurements(table="here/mine.csv")
    second = measurements(overall=errors(median_ape=10.0), table="there/mine.csv", inside_interval={"rows": 0, "of": 0})
    found = history.error_histories([("a", first), ("b", second), ("c", measurements(engine="kernel"))])
    (table,) = found.values()
    assert list(found) == ["roofline beside mine.csv"]
    assert (table["run"], table["median_ape"]) == (("a", "b"), (20.0, 10.0))
    assert table["inside_interval"] == (0.5, None)


def test_a_pass_that_recurs_is_followed_over_the_runs_relative_to_the_first():
    runs = [("a", predictions(answer("toy", quantity(16.0)))), ("b", predictions(answer("toy", quantity(12.0))))]
    table = history.time_history([*runs, ("c", predictions(answer("other")))])
    assert table is not None
    assert (table["run"], table["time_s"], table["of_first"]) == (("a", "b"), (16.0, 12.0), (1.0, 0.75))
    assert set(table["pass"]) == {"toy on t4, batch 1, forward, fp16, roofline"}


def test_passes_that_never_recur_have_no_history():
    assert history.time_history([("a", predictions()), ("b", predictions(answer("other")))]) is None


# --- sweeps


def test_trials_know_whether_they_are_on_the_front():
    table = trials.trials(SWEEP, TRIALS)
    assert table["is_best"] == (True, False, True, False)
    assert table.names == ("index", "batch", "total_s", "images_per_s", "is_best", "reason")
    assert {column.name: column.unit for column in table.columns}["images_per_s"] == "/s"


def test_the_front_is_named_by_the_index_of_a_trial_not_by_its_place():
    shuffled = {name: values[::-1] for name, values in TRIALS.items()}
    assert trials.trials(SWEEP, shuffled)["is_best"] == (False, True, False, True)


def test_fewer_trials_keep_the_whole_front():
    table = trials.trials(SWEEP, TRIALS)
    assert trials.fewer(table, 3)["index"] == (0, 1, 2)
    assert trials.fewer(table, 1)["index"] == (0, 2)


# --- passes and tables


def test_answers_hold_every_pass_answered_or_not():
    table = passes.answers(predictions(answer("toy", quantity(16.0), quantity(None))))
    assert (table["time_s"], table["reasons"]) == ((16.0, None), ("", "no unit"))
    assert (table["rate_per_s"], table["memory_bytes"], table["fits"]) == ((1 / 16, None), (100.0, None), (True, None))


def test_a_pass_is_called_by_what_tells_it_from_others():
    decode = quantity() | {"quantity": "tpot", "mode": "decode"}
    row = answer("gpt2", decode, seq=64, context=128)
    assert titles.pass_title(row, decode) == "gpt2 on t4, batch 1, TPOT decode @128, fp16, roofline"


@pytest.mark.parametrize(("count", "most", "kept"), [(10, 10, 10), (11, 10, 6), (0, 5, 0), (100, 7, 7), (3, 1, 1)])
def test_evenly_spaced_places_are_never_more_than_asked_for(count, most, kept):
    assert len(evenly(count, most)) == kept


def test_a_table_gives_rows_and_drops_columns():
    table = Table(columns=(Column(name="a", values=(1, 2, 3)), Column(name="b", values=("x", "y", "z"))))
    assert table.take([2, 0])["b"] == ("z", "x")
    assert table.without("a").names == ("b",)


def test_replicas_over_time_have_a_row_for_each_state_from_each_change_on():
    course = [
        {"time_s": 0.0, "ready": 1, "starting": 0, "leaving": 0},
        {"time_s": 2.0, "ready": 1, "starting": 2, "leaving": 0},
    ]
    table = replicas_over_time({"replica_s": 9.0, "course": course})
    assert list(table["replicas"]) == ["ready", "ready", "starting", "starting", "leaving", "leaving"]
    assert table.numbers("time_s") == [0.0, 2.0] * 3
    assert table.numbers("count") == [1, 1, 0, 2, 0, 0]
