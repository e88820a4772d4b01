"""Numbers out of what a unit left: each way of reading, and everything that is not a number."""

import json

import pytest

from gnomon.lab.specs.spec import Metric
from gnomon.lab.units.observe import observed


def _metric(name="loss", bounds=None, **source):
    return Metric.model_validate(
        {"name": name, "unit": "", "direction": "lower", "from": source, **({"bounds": bounds} if bounds else {})}
    )


def _read(tmp_path, *metrics, printed="", lines=(), files=None):
    (tmp_path / "stdout").write_bytes(printed.encode() if isinstance(printed, str) else printed)
    (tmp_path / "lines").write_bytes(
        b"".join((one if isinstance(one, bytes) else json.dumps(one).encode()) + b"\n" for one in lines)
    )
    for name, text in (files or {}).items():
        (tmp_path / name).write_text(text)
    return observed(metrics, tmp_path, tmp_path / "stdout", tmp_path / "lines")


@pytest.mark.parametrize(
    ("source", "given"),
    [
        ({"regex": r"loss=(\S+)"}, {"printed": "loss=9\nloss=0.5\n"}),
        ({"regex": r"0\.\d"}, {"printed": "0.5"}),
        ({"pointer": "/a/1/b~1c"}, {"printed": '{"a": [0, {"b/c": 0.5}]}'}),
        ({"pointer": ""}, {"printed": "0.5"}),
        ({"file": "m.json", "pointer": "/loss"}, {"files": {"m.json": '{"loss": 0.5}'}}),
        (
            {"observations": "l"},
            {"lines": [{"name": "l", "value": 9, "step": 1}, {"name": "l", "value": 0.5, "step": 2}]},
        ),
        (
            {"mlperf": "eval"},
            {"printed": ':::MLLOG {"key": "eval", "value": 1}\nx :::MLLOG {"key": "eval", "value": 0.5}'},
        ),
    ],
)
def test_a_number_is_read_where_the_spec_says(tmp_path, source, given):
    found = _read(tmp_path, _metric(**source), **given)
    assert (found.values, found.missing, found.violations) == ({"loss": 0.5}, {}, [])


@pytest.mark.parametrize(
    ("source", "given", "why"),
    [
        ({"regex": "x"}, {}, "matches nothing"),
        ({"regex": "loss=(.*)"}, {"printed": "loss=fine"}, "is no number"),
        ({"pointer": "/a"}, {"printed": '{"a": 0.'}, "not JSON"),
        ({"pointer": "/a"}, {"printed": b"\xff\xfe\x00"}, "not JSON"),
        ({"pointer": "/b"}, {"printed": '{"a": 1}'}, "nothing at /b"),
        ({"pointer": "/a"}, {"printed": '{"a": null}'}, "null"),
        ({"pointer": "/a"}, {"printed": '{"a": true}'}, "is no number"),
        ({"file": "m.json", "pointer": "/a"}, {}, "no such file"),
        ({"observations": "l"}, {"lines": [{"name": "m", "value": 1}]}, "not among"),
        ({"mlperf": "eval"}, {"printed": ":::MLLOG nonsense"}, "no :::MLLOG"),
    ],
)
def test_a_number_that_is_not_there_is_null_with_a_reason(tmp_path, source, given, why):
    found = _read(tmp_path, _metric(**source), **given)
    assert found.values == {"loss": None}
    assert why in found.missing["loss"]


@pytest.mark.parametrize(("token", "word"), [("NaN", "nan"), ("Infinity", "inf"), ("-Infinity", "-inf")])
def test_what_is_not_finite_is_null_and_said(tmp_path, token, word):
    found = _read(tmp_path, _metric(pointer="/a"), printed=f'{{"a": {token}}}')
    assert (found.values, found.nonfinite) == ({"loss": None}, {"loss": word})


def test_a_value_out_of_bounds_is_an_event_and_no_value(tmp_path):
    found = _read(tmp_path, _metric(bounds=[0, 1], regex=r"loss=(\S+)"), printed="loss=7")
    assert found.values == {"loss": None}
    assert "outside of its bounds" in found.violations[0]


def test_two_values_at_one_step_are_a_violation_and_equal_ones_are_not(tmp_path):
    same = _read(tmp_path, _metric(observations="l"), lines=[{"name": "l", "value": 1}] * 2)
    other = _read(tmp_path, _metric(observations="l"), lines=[{"name": "l", "value": 1}, {"name": "l", "value": 2}])
    assert (same.violations, len(other.violations)) == ([], 1)


def test_a_name_that_is_not_declared_is_a_fact_and_no_metric(tmp_path):
    lines = [{"name": "l", "value": 1}, {"name": "extra", "value": 5}, b"garbage", b"[1]", b"", b"\xff"]
    found = _read(tmp_path, _metric(observations="l"), lines=lines)
    assert found.values == {"loss": 1.0}
    assert found.facts == ["3 lines on the descriptor are no observations", "not declared: extra = 5"]


def test_metrics_of_metrics_are_made_in_any_order(tmp_path):
    metrics = [_metric("c", expr="b + 1"), _metric("b", expr="2 * a"), _metric("a", regex=r"a=(\S+)")]
    assert _read(tmp_path, *metrics, printed="a=3").values == {"a": 3.0, "b": 6.0, "c": 7.0}
    missing = _read(tmp_path, *metrics).missing
    assert missing.keys() == {"a", "b", "c"}


def test_a_file_outside_of_the_unit_s_folder_is_not_read(tmp_path):
    room = tmp_path / "room"
    room.mkdir()
    (tmp_path / "secret.json").write_text('{"a": 1}')
    (room / "link.json").symlink_to(tmp_path / "secret.json")
    found = _read(room, _metric(file="link.json", pointer="/a"))
    assert found.values == {"loss": None}
