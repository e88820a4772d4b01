"""What is written of a step is that step: simulated here and by ASTRA-sim itself it takes what the engine says."""

import json
import random

import pytest

import gnomon
from gnomon.adapters.astrasim import binaries
from gnomon.core.errors import BadInput, GnomonError, Unsupported
from tests.engines.training.exported import PLANS, simulated_ns, tool_ns
from tests.engines.training.step.test_step_is_its_trace import drawn_options

needs_tool = pytest.mark.skipif(binaries.installed() is None, reason="ASTRA-sim is not installed")


def exported(name, out, **further):
    model, on, options = PLANS[name]
    return gnomon.export_training(model, on, out=out, **options, **further)


@pytest.mark.slow  # the same with packages of any version
@pytest.mark.parametrize("form", ["et", "json"])
@pytest.mark.parametrize("name", PLANS)
def test_files_simulated_take_what_the_engine_says(tmp_path, name, form):
    made = exported(name, tmp_path / "step", form=form)
    assert simulated_ns(made) == round(made.time_s * 1e9) > 0


def test_its_time_is_that_of_the_engine_with_the_rules_of_astra_sim(tmp_path):
    model, on, options = PLANS["tp-pp-dp"]
    answer = gnomon.predict(model, on, engine="training", settings={"exchanges": "astra-sim"}, mode="train", **options)
    assert exported("tp-pp-dp", tmp_path / "step").time_s == answer.value


@pytest.mark.parametrize("host", ["graphs", "20 us"])
def test_its_time_holds_the_host_that_is_named_and_no_other(tmp_path, host):
    model, on, options = PLANS["tp-pp-dp"]
    settings = {"exchanges": "astra-sim", "host": host}
    answer = gnomon.predict(model, on, engine="training", settings=settings, mode="train", **options)
    made = exported("tp-pp-dp", tmp_path / "step", host=host)
    assert (made.time_s, made.host) == (answer.value, host)
    assert simulated_ns(made) == round(made.time_s * 1e9) < round(exported("tp-pp-dp", tmp_path / "step").time_s * 1e9)


def test_every_file_is_there_and_counted(tmp_path):
    made = exported("tp-pp-dp", tmp_path / "step")
    written = sorted(path.name for path in tmp_path.iterdir())
    assert written == sorted(
        [*(f"step.{rank}.et" for rank in range(16)), "step.memory.json", "step.network.yml", "step.system.json"]
    )
    assert (made.npus, made.files) == (16, len(written))
    assert made.bytes == sum(path.stat().st_size for path in tmp_path.iterdir())


def test_ranks_of_a_stage_are_one_class_of_the_document(tmp_path):
    made = exported("tp-pp-dp", tmp_path / "step", form="json")
    document = json.loads((tmp_path / "step.workload.json").read_text())
    assert [one["ranks"] for one in document["classes"]] == ["0-7", "8-15"]
    assert document["source"] == "gpt2 on hgx-h100:4x4"
    assert made.bytes < exported("tp-pp-dp", tmp_path / "step").bytes


def test_the_source_of_operator_times_is_the_one_that_is_named(tmp_path):
    with pytest.raises(BadInput, match="no engine 'training' gives times of single operators"):
        exported("zero-3", tmp_path / "step", timer="training")
    with pytest.raises(Unsupported, match="no times of Gather"):
        exported("zero-3", tmp_path / "step", timer="mapper")


def test_a_prefix_without_its_folder_has_it_made(tmp_path):
    made = exported("one-dimension", tmp_path / "missing" / "step")
    assert len(list((tmp_path / "missing").iterdir())) == made.files


def test_a_step_too_large_to_write_is_refused_before_work_begins(tmp_path, monkeypatch):
    monkeypatch.setattr("gnomon.api.training_export.TrainingEngine", None)
    with pytest.raises(
        Unsupported, match=r"43 of each of 8,000,000 ranks: up to 4,000,000 are written; ask for fewer devices"
    ):
        gnomon.export_training("gpt2", "hgx-h100:8x1000000", out=tmp_path / "step", form="json")


def test_what_is_counted_beforehand_is_what_is_written(tmp_path, monkeypatch):
    nodes = exported("tp-pp-dp", tmp_path / "step").nodes
    monkeypatch.setattr("gnomon.api.training_export.MOST_NODES", nodes - 1)
    with pytest.raises(Unsupported, match=f"^{nodes:,} nodes, "):
        exported("tp-pp-dp", tmp_path / "step")


def test_a_trace_of_a_rank_too_many_is_not_left_to_be_taken_for_one(tmp_path):
    (tmp_path / "step.8.et").write_bytes(b"")
    with pytest.raises(BadInput, match=r"step\.8\.et: of a step of more ranks"):
        exported("zero-3", tmp_path / "step")
    assert [path.name for path in tmp_path.iterdir()] == ["step.8.et"]


@pytest.mark.parametrize(
    ("on", "further", "fault", "said"),
    [
        ("h100-sxm", {}, Unsupported, "one device has nothing to communicate"),
        ("hgx-h100", {"mode": "prefill"}, BadInput, "mode: 'prefill': a step of training is written"),
        ("hgx-h100", {"form": "jsn"}, BadInput, "no form 'jsn'; did you mean 'json'"),
        ("hgx-h100", {"tp": 5}, BadInput, "tp"),
    ],
)
def test_what_cannot_be_written_is_refused_and_nothing_is_left(tmp_path, on, further, fault, said):
    with pytest.raises(fault, match=said):
        gnomon.export_training("gpt2", on, out=tmp_path / "step", **further)
    assert not list(tmp_path.iterdir())


def test_progress_is_told_rank_by_rank(tmp_path):
    told = []
    exported("one-dimension", tmp_path / "step", tell=told.append)
    assert told == ["putting a step of 4 ranks together", *(f"writing traces, {rank} of 4" for rank in range(4))]


@pytest.mark.tool
@needs_tool
@pytest.mark.parametrize("name", PLANS)
def test_the_tool_itself_takes_the_files_and_says_the_same(tmp_path, name):
    made = exported(name, tmp_path / "step")
    assert tool_ns(made) == round(made.time_s * 1e9)


@pytest.mark.tool
@needs_tool
def test_the_backend_that_lets_messages_meet_takes_them_too(tmp_path):
    made = exported("one-dimension", tmp_path / "step")
    assert tool_ns(made, "aware") >= tool_ns(made)


@pytest.mark.tool
@pytest.mark.slow
@needs_tool
@pytest.mark.parametrize("seed", range(24))
def test_random_plans_take_in_the_tool_what_the_engine_says(tmp_path, seed):
    draw = random.Random(seed)
    while True:
        model, on, options = drawn_options(draw)
        try:
            made = gnomon.export_training(model, on, out=tmp_path / "step", **options)
        except GnomonError:
            continue
        break
    assert tool_ns(made) == simulated_ns(made) == round(made.time_s * 1e9)
