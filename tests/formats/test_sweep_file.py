"""A sweep file: fields, values, ranges, and what is wrong with them in one line."""

from __future__ import annotations

import pytest

from gnomon.core.errors import BadInput
from gnomon.formats.sweep_file import parse_sweep, scenario_data

HEAD = "schema: gnomon/sweep/1\nbase: {model: gpt2, on: t4}\n"


def _values(vary: str, further: str = "") -> list[tuple[object, ...]]:
    return [axis.values for axis in parse_sweep(f"{HEAD}vary: {{{vary}}}\n{further}", "f.yaml").axes]


def _fault(text: str) -> str:
    with pytest.raises(BadInput) as fault:
        parse_sweep(text, "f.yaml")
    assert "\n" not in str(fault.value)
    return str(fault.value)


def test_a_list_is_its_values() -> None:
    assert _values("batch: [1, 8], dtype: [fp16, null]") == [(1, 8), ("fp16", None)]


def test_a_value_is_kept_as_a_scenario_file_would_hold_it() -> None:
    assert _values("overrides.device_peak: [300 TFLOP/s]") == [(["300 TFLOP/s"],)]


@pytest.mark.parametrize(
    ("written", "values"),
    [
        ("{from: 1, to: 10, step: 3}", (1, 4, 7, 10)),
        ("{from: 1, to: 9, step: 3}", (1, 4, 7)),
        ("{from: 1, to: 64, times: 4}", (1, 4, 16, 64)),
        ("{from: 3, to: 3, step: 1}", (3,)),
    ],
)
def test_a_range_ends_at_its_end_or_before(written: str, values: tuple[int, ...]) -> None:
    assert _values(f"batch: {written}") == [values]


def test_a_range_whose_last_step_is_rounded_takes_its_end() -> None:
    (found,) = _values("overrides.efficiency: {from: 0.1, to: 0.7, step: 0.1}")
    assert len(found) == 7  # 0.1 + 6 * 0.1 is above 0.7 in binary


def test_a_range_of_a_number_with_a_unit_is_in_si() -> None:
    (found,) = _values("overrides.memory_bandwidth: {from: 1 TB/s, to: 2 TB/s, step: 500 GB/s}")
    assert found == (1e12, 1.5e12, 2e12)


def test_numbers_of_a_range_are_those_that_are_meant() -> None:
    (found,) = _values("overrides.efficiency: {from: 0.09, to: 1, step: 0.07}")
    assert (found[2], found[-1]) == (0.23, 1.0)


def test_a_key_of_a_range_that_is_slipped_is_named_as_it_is_written() -> None:
    with pytest.raises(BadInput, match=r"vary.batch.frm: unknown key; did you mean 'from'\?"):
        _values("batch: {frm: 1, to: 4, step: 1}")


def test_a_span_is_for_a_search() -> None:
    text = f"{HEAD}vary: {{batch: {{from: 1, to: 512, log: true}}}}\n"
    assert "step or times is missing" in _fault(text)
    (axis,) = parse_sweep(f"{text}search: {{trials: 5}}\nobjectives: {{tpot_s: min}}\n", "f.yaml").axes
    assert (axis.values, axis.span, axis.is_log, axis.is_whole) == ((), (1, 512), True, True)


def test_a_point_is_a_scenario_with_its_values() -> None:
    base = {"model": "gpt2", "on": "t4", "overrides": {"efficiency": 0.5}}
    point = {"engine": "roofline", "batch": 3, "overrides.memory_bandwidth": 1e12, "sizes.frames": 7}
    assert scenario_data(base, point) == {
        "schema": "gnomon/scenario/1",
        "model": "gpt2",
        "on": "t4",
        "batch": 3,
        "overrides": {"efficiency": 0.5, "memory_bandwidth": 1e12},
        "sizes": {"frames": 7},
    }


@pytest.mark.parametrize(
    ("vary", "said"),
    [
        ("bach: [1]", "f.yaml:3: vary.bach: no such field of a scenario; did you mean 'batch'?"),
        ("overrides.effciency: [0.5]", "did you mean 'overrides.efficiency'?"),
        ("overrides: [0.5]", "f.yaml:3: vary.overrides: name the one that varies, like overrides.efficiency"),
        ("title: [a]", "f.yaml:3: vary.title: no such field of a scenario"),
        ("model: [bert-base]", "f.yaml:3: vary.model: base has a value for it too"),
        ("batch: 3", "f.yaml:3: vary.batch: give a list of values, or a range"),
        ("batch: []", "f.yaml:3: vary.batch: give a list of values"),
        ("batch: [1, x]", "f.yaml:3: vary.batch.1: Input should be a valid integer"),
        ("batch: [1, 0]", "f.yaml:3: vary.batch.1: Input should be greater than or equal to 1"),
        ("batch: [4, 4]", "f.yaml:3: vary.batch.1: 4 is listed twice"),
        ("batch: ['1']", "f.yaml:3: vary.batch.0: Input should be a valid integer"),
        (
            "dtype: [fp16, HALF]",
            "f.yaml:3: vary.dtype.1: 'HALF' is another spelling of 'fp16', which is listed already",
        ),
        ("overrides.efficiency: [0.7, 70 %]", "vary.overrides.efficiency.1: '70 %' is another spelling of 0.7"),
        ("mode: [decode, decod]", "f.yaml:3: vary.mode.1: Input should be 'forward'"),
        ("engine: [3]", "f.yaml:3: vary.engine.0: give the name of an engine"),
        ("batch: {from: 1, to: 4, stpe: 1}", "f.yaml:3: vary.batch.stpe: unknown key; did you mean 'step'?"),
        ("batch: {from: 4, to: 1, step: 1}", "f.yaml:3: vary.batch: from 4 to 1: the first is above the last"),
        ("batch: {from: 1, to: 4, step: 1, times: 2}", "step, times and log exclude each other"),
        ("batch: {from: 1, to: 4, step: 0}", "0 is not a whole number from 1"),
        ("batch: {from: 1, to: 4, times: 1.5}", "f.yaml:3: vary.batch: 1.5 is not a whole number"),
        ("batch: {from: 1, to: 1000000000, step: 1}", "f.yaml:3: vary.batch: more than 100,000 values"),
        ("dtype: {from: 1, to: 3, step: 1}", "f.yaml:3: vary.dtype: a range is of numbers"),
        (
            "overrides.memory_bandwidth: {from: 1, to: 2 TB/s, step: 1 TB/s}",
            "vary.overrides.memory_bandwidth: 1 has no unit",
        ),
    ],
)
def test_what_is_wrong_with_vary_is_told_in_one_line(vary: str, said: str) -> None:
    assert said in _fault(f"{HEAD}vary: {{{vary}}}\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "schema: gnomon/sweep/1\nbase: {model: gpt2}\nvary: {batch: [1]}",
            "f.yaml:2: base.on: missing: give it here or in vary",
        ),
        (
            "schema: gnomon/sweep/1\nbase: {model: gpt2, batc: 3}\nvary: {batch: [1]}",
            "f.yaml:2: base.batc: unknown key; did you mean 'batch'?",
        ),
        (
            "schema: gnomon/sweep/1\nbase: {model: gpt2, on: null}\nvary: {batch: [1]}",
            "f.yaml:2: base.on: missing: give it here or in vary",
        ),
        (f"{HEAD}vary: {{}}", "f.yaml:3: vary: at least 1 expected"),
        (
            f"{HEAD}vary: {{batch: [1]}}\nobjectives: {{tpot_s: least}}",
            "f.yaml:4: objectives.tpot_s: Input should be 'min' or 'max'",
        ),
        (f"{HEAD}vary: {{batch: [1]}}\nsearch: {{trials: 3}}", "f.yaml:4: search: a search needs objectives"),
        ("schema: gnomon/sweep/2", "newer than this Gnomon reads"),
        ("schema: gnomon/scenario/1", "this is a scenario, expected a sweep"),
        (
            f"{HEAD}vary: {{batch: {{from: 1, to: 50000, step: 1}}, seq: {{from: 1, to: 50000, step: 1}}}}",
            "f.yaml:3: vary: 2,500,000,000 points are more than 10,000,000",
        ),
    ],
)
def test_what_is_wrong_with_the_file_is_told_in_one_line(text: str, said: str) -> None:
    assert said in _fault(text)


@pytest.mark.parametrize(
    "lines", ["base: {on: t4}\nvary: {model: [gpt2, GPT-2]}", "base: {model: gpt2}\nvary: {on: [t4, 'Tesla T4:1']}"]
)
def test_one_thing_under_two_names_is_listed_twice(lines: str) -> None:
    assert "is another spelling of" in _fault(f"schema: gnomon/sweep/1\n{lines}\n")
