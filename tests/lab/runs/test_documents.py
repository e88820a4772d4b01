"""metrics.json and config.json have the shape that is published, whatever became of the run, and at every moment of it."""

import json
from pathlib import Path

import pytest

from gnomon.cli.schema import text_of
from gnomon.core.errors import BadInput
from gnomon.formats.strict import read_json
from gnomon.lab import errors
from gnomon.lab.runs.collect import metrics_document
from gnomon.lab.runs.documents import DOCUMENTS, ConfigDocument, MetricsDocument
from gnomon.lab.runs.experiment import run
from gnomon.lab.specs.plan import units
from gnomon.lab.specs.registration import registered
from gnomon.lab.store.journal import scan
from gnomon.lab.store.state import State
from tests.lab.exports.runs import registered_spec, sealed
from tests.lab.plain_worker import HOST

RESULTS = Path(__file__).parents[3] / "results"
TOP = (
    *("experiment", "timestamp", "baseline", "treatment", "per_seed", "sanity_checks", "resource_usage"),
    *("abort_triggered", "abort_reason", "notes", "_protocol"),
)
ENDS = {
    "completed": {},
    "aborted": {"abort__0": {"id": "half_way", "expr": "share < 0.9"}},
    "budget_stopped": {
        "mve": ...,
        "budget__max_runs": 13,
        "protocol__retries": 2,
        "protocol__arms__1__command": "exit 1",
    },
    "sanity_failed": {"sanity__0__command": "false"},
    "baseline_failed": {"protocol__arms__0__command": "echo share=1.02"},
    "mve_failed": {"mve__pass_if": "max(half.share) < 0"},
}
# Runs that come to their end without being all well.
ODD = {
    "null metrics": {"protocol__arms__1__command": "[ {seed} = 0 ] && echo share=0.5 || true"},
    "units that fail": {"protocol__arms__1__command": "[ {seed}-{cell} != 1-large ] && echo share=0.5"},
    "not finite": {
        "protocol__arms__1__command": "echo share=nan",
        "metrics__primary__0__bounds": ...,
        "mve": ...,
    },
    "out of bounds": {"protocol__arms__1__command": "echo share=7", "mve": ...},
    "no cells": {
        "protocol__cells": ...,
        "protocol__arms__1__command": "echo share=0.5",
        "variables__independent": [{"name": "arm", "levels": ["whole", "half"]}],
    },
}


def _faults(kind, document):
    """What the published schema says against a document."""
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed (the extra dev has it)")
    schema = json.loads(text_of(kind))
    jsonschema.Draft202012Validator.check_schema(schema)
    return [fault.json_path for fault in jsonschema.Draft202012Validator(schema).iter_errors(document)]


def _undescribed(value, path="$"):
    """Fields of a document that its shape does not describe."""
    if isinstance(value, dict):
        for name, one in value.items():
            yield from _undescribed(one, f"{path}.{name}")
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _undescribed(one, path)
    elif hasattr(value, "model_fields_set"):
        yield from (f"{path}.{name}" for name in value.model_extra or ())
        for name in type(value).model_fields:
            yield from _undescribed(getattr(value, name), f"{path}.{name}")


def _obeys_its_shape(folder):
    metrics, config = (read_json(folder / f"{kind}.json") for kind in DOCUMENTS)
    assert (_faults("metrics", metrics), _faults("config", config)) == ([], [])
    found = MetricsDocument.model_validate(metrics), ConfigDocument.model_validate(config)
    own = {name for unit in metrics["per_seed"] + metrics["_protocol"]["mve"] for name in unit}  # variables of the spec
    told = {name for one in metrics["_protocol"]["enforcement_violations"] for name in one}
    told |= set(config["enforcement"])
    assert {name for name in _undescribed(found) if name.rpartition(".")[2] not in own | told} == set()
    return metrics


@pytest.mark.parametrize("end", ENDS)
def test_what_a_run_leaves_has_the_published_shape_whatever_its_end(tmp_path, end):
    path = sealed(tmp_path, **ENDS[end])
    assert _obeys_its_shape(tmp_path / "results" / path.stem)["_protocol"]["status"] == end


@pytest.mark.slow
@pytest.mark.parametrize("what", ODD)
def test_what_is_lacking_or_against_the_protocol_has_the_published_shape(tmp_path, what):
    path = sealed(tmp_path, **ODD[what])
    _obeys_its_shape(tmp_path / "results" / path.stem)


def test_the_metrics_of_an_interrupted_run_have_it_too(tmp_path):
    path = registered_spec(tmp_path, protocol__arms__0__command="sleep 0.1; echo share=1.0")
    with pytest.raises(errors.OutOfTime):
        run(path, HOST, most_s=0.2)
    found = read_json(tmp_path / "results" / path.stem / "metrics.json")
    assert _faults("metrics", found) == []
    assert found["_protocol"]["units"]["skipped"] > 0


@pytest.mark.slow
def test_metrics_have_it_after_every_record_of_the_journal(tmp_path):
    path = sealed(tmp_path, **ODD["units that fail"])
    found = registered(path)
    planned, state = units(found.spec, found.lock.spec_sha256), State()
    faults = []

    def after(record):
        state.take(record)
        document = metrics_document(
            found.spec, planned, state, time=record["time"], head=record["hash"], executor="plain"
        )
        faults.extend(_faults("metrics", document))

    assert scan(tmp_path / "results" / path.stem / "journal.jsonl", after).count > 30
    assert faults == []


@pytest.mark.parametrize("folder", sorted(RESULTS.glob("exp-*")), ids=lambda folder: folder.name)
def test_results_of_this_repository_have_it(folder):
    _obeys_its_shape(folder)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    root = tmp_path_factory.mktemp("whole")
    return root / "results" / sealed(root).stem


def test_metrics_need_every_key_of_the_structure_and_take_no_other(whole):
    metrics = read_json(whole / "metrics.json")
    assert tuple(metrics) == TOP
    for key in TOP:
        assert _faults("metrics", {name: value for name, value in metrics.items() if name != key}) == ["$"]
    assert _faults("metrics", {**metrics, "p_value": 0.01}) == ["$"]
    assert _faults("metrics", {**metrics, "resource_usage": {**metrics["resource_usage"], "usd": 1}}) != []
    assert _faults("metrics", {**metrics, "baseline": {"share": "1.0"}}) != []


def test_the_configuration_needs_its_keys_and_a_reader_passes_over_later_ones(whole):
    config = read_json(whole / "config.json")
    for key in config:
        assert _faults("config", {name: value for name, value in config.items() if name != key}) == ["$"]
    assert _faults("config", {**config, "of_a_later_version": 1}) == []


def test_a_number_that_is_none_is_refused(whole, tmp_path):
    """The schema cannot say so: what holds NaN is no JSON."""
    text = (whole / "metrics.json").read_text()
    broken = tmp_path / "metrics.json"
    broken.write_text(text.replace('"share": 1.0', '"share": NaN'))
    with pytest.raises(BadInput, match="NaN is no JSON number"):
        read_json(broken)
    with pytest.raises(ValueError, match="finite"):
        MetricsDocument.model_validate(json.loads(broken.read_text()))
