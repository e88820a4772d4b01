"""Specs that can be run, and every fault of those that cannot, in one pass with its place."""

import re

import pytest

from gnomon.core.errors import BadInput
from gnomon.lab.specs.front_matter import read_bytes
from gnomon.lab.specs.lint import lint
from gnomon.lab.specs.plan import units
from gnomon.lab.specs.spec import SECTIONS
from tests.lab.samples import SOUND, bytes_of, changed, text_of

NAME = "exp-001-halves.md"


def _faults(spec, name=NAME):
    return [(fault.where, fault.text) for fault in lint(bytes_of(spec), name).faults]


def test_a_sound_spec_has_no_fault():
    found = lint(bytes_of(SOUND), NAME)
    assert found.faults == ()
    assert found.spec.protocol.unit_timeout == 10.0
    assert found.spec.hypothesis.magnitude == 0.6


@pytest.mark.parametrize(
    ("fields", "where", "told"),
    [
        ({"title": ...}, "title", "missing"),
        ({"titel": "x"}, "titel", "did you mean 'title'"),
        ({"metrics__primary__0__untis": "s"}, "metrics.primary.0.untis", "did you mean 'unit'"),
        ({"id": "exp-1"}, "id", "match"),
        ({"environment": {"python": 3.11}}, "environment.python", "a version in quotes"),
        ({"environment": {"python": ">=3,11"}}, "environment.python", "a version in quotes"),
        (
            {"metrics__primary__0__unit": "%", "criteria__0__expr": "max(half.share) < 60 %"},
            "criteria.0.expr",
            "share is in %",
        ),
        ({"metrics__primary__0__unit": "ms", "mve__pass_if": "max(share) < 60 ms"}, "mve.pass_if", "taken as 0.06"),
        ({"metrics__primary__0__unit": "ms", "abort__0__expr": "share > 1 h"}, "abort.0.expr", "the metric's own unit"),
        ({"criteria__0__expr": "max(half.share) < 5 s"}, "criteria.0.expr", "share is in no unit"),
        ({"schema": "gnomon/experiment/9"}, "schema", "gnomon/experiment/1"),
        ({"hypothesis__metric": "shar"}, "hypothesis.metric", "did you mean 'share'"),
        ({"hypothesis__magnitude": float("nan")}, "hypothesis.magnitude", "finite"),
        ({"hypothesis__magnitude": "0.6"}, "hypothesis.magnitude", "finite number"),
        ({"metrics__secondary__0__name": "share"}, "metrics.primary.0.name", "declared twice"),
        ({"metrics__secondary__0__from": {"expr": "twice + 1"}}, "metrics.secondary.0.from.expr", "made of itself"),
        (
            {"metrics__secondary__0__from": {"expr": "shar + 1"}},
            "metrics.secondary.0.from.expr",
            "did you mean 'share'",
        ),
        ({"metrics__secondary__0__from": {"regex": "("}}, "metrics.secondary.0.from", "no regular expression"),
        ({"metrics__secondary__0__from": {"regex": "a", "expr": "b"}}, "metrics.secondary.0.from", "one of pointer"),
        (
            {"metrics__secondary__0__from": {"file": "/etc/x", "pointer": "/a"}},
            "metrics.secondary.0.from.file",
            "not inside",
        ),
        (
            {"metrics__primary": [dict(SOUND["metrics"]["primary"][0], name=name) for name in "abc"]},
            "metrics.primary",
            "at most 2 expected",
        ),
        ({"metrics__primary__0__bounds": [2, 1]}, "metrics.primary.0", "is above"),
        ({"criteria__0__expr": "mean(half.shar) < 1"}, "criteria.0.expr", "did you mean 'half.share'"),
        ({"criteria__0__expr": "half.share < 1"}, "criteria.0.expr", "compare its mean"),
        ({"criteria__0__expr": "mean(half.share)"}, "criteria.0.expr", "compare it with a number"),
        ({"criteria__0__expr": "mean(half.twice) < 1"}, "criteria.0.expr", "names no primary metric"),
        ({"baselines__0__arm": "half"}, "baselines.0.arm", "role: baseline"),
        ({"baselines__0__arm": "hole"}, "baselines.0.arm", "did you mean 'whole'"),
        (
            {"baselines__0__expected": {"shore": {"value": 1, "tol_abs": 1}}},
            "baselines.0.expected.shore",
            "did you mean",
        ),
        ({"baselines__0__expected__share": {"value": 1}}, "baselines.0.expected.share", "one of tol_rel"),
        ({"baselines__0__source": "paper"}, "baselines.0", "cite"),
        ({"protocol__arms__0__role": "treatment"}, "protocol.arms", "one of role baseline"),
        ({"protocol__arms__1__command": "echo {sise}"}, "protocol.arms.1.command", "did you mean 'size'"),
        ({"protocol__arms__1__command": "echo {"}, "protocol.arms.1.command", "write it twice"),
        ({"protocol__arms__1__command": ...}, "protocol.arms.1", "one of command and gnomon"),
        ({"protocol__cells__0__size": 11}, "protocol.cells.0.size", "no level of size"),
        ({"protocol__cells__0__sise": 10}, "protocol.cells.0.sise", "no independent variable"),
        ({"protocol__cells__1": {"name": "large"}}, "protocol.cells.1", "'size' has no value"),
        ({"variables__independent__0__levels": [10, 20, 30]}, "variables.independent.0.levels", "30 is in no cell"),
        ({"protocol__seeds": [0, 0, 1]}, "protocol.seeds", "twice"),
        ({"protocol__seeds": [0, 1]}, "protocol.seeds", "has 3 at least"),
        ({"protocol__seeds": [0, 1, 2.5]}, "protocol.seeds.2", "integer"),
        ({"protocol__seeds": [True, 1, 2]}, "protocol.seeds.0", "integer"),
        ({"protocol__unit_estimate": "2h"}, "budget.wall_clock", "more than 600 s"),
        ({"protocol__unit_estimate": 90}, "protocol.unit_estimate", "has no unit"),
        ({"protocol__unit_estimate": "-1 s"}, "protocol.unit_estimate", "negative"),
        ({"protocol__unit_estimate": "1e999 s"}, "protocol.unit_estimate", "finite"),
        ({"protocol__unit_estimate": "90 sec"}, "protocol.unit_estimate", "unknown unit"),
        ({"protocol__unit_timeout": "0.5 s"}, "protocol.unit_timeout", "stopped before"),
        ({"protocol__scratch": ["results/x"]}, "protocol.scratch.0", "cannot be written"),
        ({"protocol__scratch": ["../x"]}, "protocol.scratch.0", "cannot be written"),
        ({"budget__max_runs": 5}, "budget.max_runs", "units are planned"),
        ({"budget__max_seeds_per_config": 2}, "protocol.seeds", "more than budget"),
        ({"abort__0__expr": "elapsed > 2 s"}, "abort.0.expr", "below 3 times the estimate"),
        ({"abort__0__expr": "share > 2"}, "abort.0.expr", "kind time"),
        ({"abort__0__expr": "elapsde > 9 s"}, "abort.0.expr", "did you mean 'elapsed'"),
        ({"mve__cells": ["smal"]}, "mve.cells.0", "did you mean 'small'"),
        ({"mve__pass_if": "share"}, "mve.pass_if", "a series"),
        ({"sanity": []}, "sanity", "at least 1 expected"),
        ({"confounds": []}, "confounds", "at least 1 expected"),
        ({"inputs": [{"path": "a", "sha256": "0"}]}, "inputs.0.sha256", "match"),
        ({"inputs": [{"path": "/a", "sha256": "0" * 64}]}, "inputs.0.path", "not inside"),
        ({"compute_profile": {"device": "gpu"}}, "compute_profile.gpus", "say how many"),
        ({"compute_profile": {"cloud": "advised"}}, "budget.max_usd", "what it may cost"),
    ],
)
def test_a_fault_is_told_with_its_field_and_what_to_do(fields, where, told):
    faults = _faults(changed(**fields))
    assert any(place == where and told in text for place, text in faults), faults


@pytest.mark.parametrize(
    ("unit", "expr"),
    [
        ("", "max(half.share) < 60 %"),
        ("s", "max(half.share) < 5 ms"),
        ("ms", "ratio(mean(half.share), mean(whole.share)) < 60 %"),
        ("%", "mean(half.share) / mean(whole.share) < 60 %"),
        ("%", "mean(half.share) < 60"),
    ],
)
def test_a_number_with_a_unit_goes_with_a_metric_in_si_and_with_a_ratio(unit, expr):
    assert _faults(changed(metrics__primary__0__unit=unit, criteria__0__expr=expr)) == []


@pytest.mark.parametrize("fields", [{}, {"mve": ...}, {"mve__seeds": [0, 1]}, {"mve__cells": ["small", "large"]}])
def test_as_many_runs_as_there_are_units_are_enough_and_one_less_is_not(fields):
    count = len(units(lint(bytes_of(changed(**fields)), NAME).spec, "0" * 64))
    assert _faults(changed(**fields, budget__max_runs=count)) == []
    assert _faults(changed(**fields, budget__max_runs=count - 1)) == [
        ("budget.max_runs", f"{count} units are planned, sanity checks included")
    ]


def test_every_fault_is_told_in_one_pass_with_line_and_column():
    spec = changed(
        titel="x",
        hypothesis__metric="shar",
        metrics__primary__0__untis="s",
        criteria__0__expr="half.share <",
        protocol__seeds=[0, 0],
        abort__0__expr="elapsed > 1 s",
        confounds=[],
    )
    found = lint(bytes_of(spec, SECTIONS[1:]), "other.md").faults
    lines = text_of(spec).splitlines()
    for key in ("titel", "untis", "expr: half", "confounds"):
        line = next(number for number, line in enumerate(lines, 1) if key in line)
        assert any(fault.line == line for fault in found), key
    assert len(found) >= 9
    assert all(re.match(r"f.md(:\d+:\d+)?: \S", fault.shown("f.md")) for fault in found)


@pytest.mark.parametrize(
    ("change", "line", "told"),
    [
        (lambda text: text.replace("title:", "id: again\ntitle:", 1), 4, "given twice, first on line"),
        (lambda text: text.replace("title: ", "title: &a ", 1), 4, "an anchor"),
        (lambda text: text.replace("title: Half", "title: !!str Half", 1), 4, "a tag"),
        (lambda text: text.replace("title: ", "title:\t", 1).replace("schema:", "\tschema:", 1), 2, "tab"),
        (lambda text: text.replace("title: Half", "title: Half: more", 1), 4, "into quotes"),
        (lambda text: text.replace("---\n", "", 1), 1, "begins with a line"),
        (lambda text: text.replace("---\n\n##", "\n\n##", 1), None, "that ends the YAML is missing"),
        (lambda text: "---\n- a\n---\n", 2, "holds no"),
        (lambda text: "", 1, "begins with a line"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_with_its_line(change, line, told):
    (fault,) = lint(change(text_of(SOUND)).encode(), NAME).faults
    assert told in fault.text
    assert line is None or fault.line == line


def test_bytes_that_are_no_text_are_told_with_their_line():
    (fault,) = lint(bytes_of(SOUND).replace(b"Half of", b"Half \xff of"), NAME).faults
    assert (fault.line, "not text in UTF-8" in fault.text) == (4, True)


@pytest.mark.parametrize("change", [lambda raw: b"\xef\xbb\xbf" + raw, lambda raw: raw.replace(b"\n", b"\r\n")])
def test_a_byte_order_mark_and_windows_lines_are_taken_as_they_come(change):
    assert lint(change(bytes_of(SOUND)), NAME).faults == ()


def test_a_missing_section_is_told_with_its_near_match():
    sections = ("Qestion", *SECTIONS[1:])
    (fault,) = lint(bytes_of(SOUND, sections), NAME).faults
    assert "'Question' is missing" in fault.text
    assert "did you mean 'Qestion'" in fault.text


def test_a_heading_inside_code_is_no_section():
    raw = bytes_of(SOUND, SECTIONS[1:]) + b"```\n## Question\n```\n"
    assert len(lint(raw, NAME).faults) == 1


def test_units_are_all_planned_before_the_first_and_named_alike_each_time():
    spec = lint(bytes_of(SOUND), NAME).spec
    planned = units(spec, "a" * 64)
    assert planned == units(spec, "a" * 64)
    phases = [unit.phase for unit in planned]
    assert phases == ["sanity"] + ["baseline"] * 6 + ["mve"] + ["full"] * 6
    assert len({unit.id for unit in planned}) == 14
    assert {unit.id for unit in planned}.isdisjoint(unit.id for unit in units(spec, "b" * 64))
    assert planned[-1].command == ("sh", "-c", "echo share=0.5 20 2")
    assert planned[-1].label == "half/large/2"


@pytest.mark.parametrize("order", ["listed", "interleaved", "shuffled"])
def test_an_order_is_a_permutation(order):
    spec = lint(bytes_of(changed(protocol__order=order)), NAME).spec
    listed = lint(bytes_of(SOUND), NAME).spec
    assert {unit.id for unit in units(spec, "a")} == {unit.id for unit in units(listed, "a")}


def test_a_spec_that_is_not_there_is_told_with_the_nearest(tmp_path):
    (tmp_path / "exp-001-halves.md").write_bytes(bytes_of(SOUND))
    with pytest.raises(BadInput, match=r"exp-001-hlaves.md: no such file; did you mean 'exp-001-halves.md'\?"):
        read_bytes(tmp_path / "exp-001-hlaves.md")
