"""gnomon serve simulate, as a user calls it."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

import gnomon
from gnomon.cli.main import main
from tests.engines.serving.cases import OWN, write_table

pytestmark = pytest.mark.xdist_group("compiled")
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "json.md"
WORDS = ("--from-vidur", "vidur_config.json", "--trace", "trace.csv", "--stage-times", "table.npz")


@pytest.fixture(autouse=True)
def _files(tmp_path, monkeypatch):
    shutil.copytree(OWN / "prompts_first", tmp_path, dirs_exist_ok=True)
    write_table(tmp_path / "table.npz")
    monkeypatch.chdir(tmp_path)


def test_json_is_what_was_worked_by_hand(capsys):
    assert (
        main(
            [
                "serve",
                "simulate",
                *WORDS,
                "--out",
                "out.csv",
                "--batches",
                "batches.csv",
                "--decisions",
                "decisions.csv",
                "--json",
            ]
        )
        == 0
    )
    found = json.loads(capsys.readouterr().out)
    assert found["schema"] == "gnomon/serving-simulation/1"
    assert (found["completed"], found["batches"], found["end_s"]) == (2, 4, 5.0)
    assert found["ttft_s"]["mean"] == 1.25
    assert Path("out.csv").read_text().splitlines() == Path("requests.csv").read_text().splitlines()
    assert Path("batches.csv").read_text().splitlines()[3] == "2,0,0,2.0,1.5,2,2,8,,2,64,0 1"
    assert Path("decisions.csv").read_text().splitlines()[3] == "2,0,2.0,3.5,2,0 1,,,0,0"
    made = gnomon.simulate_service("vidur_config.json", trace="trace.csv", stage_times="table.npz")
    assert made.to_dict() == found


def test_the_reference_describes_every_field():
    made = gnomon.simulate_service("vidur_config.json", trace="trace.csv", stage_times="table.npz").to_dict()
    section = PAGE.read_text().split("## gnomon/serving-simulation/1")[1].split("\n## ")[0]
    described = set(re.findall(r"`([a-z0-9_]+)`", section))
    assert set(made) - {"schema"} <= described


def test_a_person_reads_a_table(capsys):
    assert main(["serve", "simulate", *WORDS]) == 0
    shown = capsys.readouterr()
    assert "first token" in shown.out
    assert "2 of 2 requests in 5.00 s, 4 batches, 0 restarts" in shown.out
    assert "with Vidur's defects" in shown.err


def _spoil(old, new, file="vidur_config.json"):
    text = Path(file).read_text()
    assert old in text
    Path(file).write_text(text.replace(old, new, 1))


CONFIGS = [
    ('"num_replicas": 1', '"num_replicas": 0', 3, "cluster_config.num_replicas"),
    ('"num_replicas": 1,', "", 3, "cluster_config.num_replicas"),
    ('"name": "vllm"', '"name": "vlm"', 4, "'vlm' is not simulated; did you mean 'vllm'?"),
    (
        '"name": "round_robin"',
        '"name": "best"',
        4,
        "cluster_config.global_scheduler_config.name: 'best' is not simulated",
    ),
    ('"max_tokens_in_batch": 32,', "", 3, "max_tokens_in_batch: vllm needs a number"),
    ('"total_memory_gb": 1', '"total_memory_gb": 1e-9', 3, "the model does not fit"),
    ('"num_pipeline_stages": 1', '"num_pipeline_stages": 3', 3, "num_pipeline_stages: 3 does not divide 1"),
    ('"tensor_parallel_size": 1', '"tensor_parallel_size": 4', 3, "tensor_parallel_size: 4 does not divide 2"),
    ("{", "", 3, "vidur_config.json"),
]
TRACES = [
    ("num_decode_tokens", "decode_tokens", "no column 'num_decode_tokens'; did you mean 'decode_tokens'?"),
    ("1,0.5,8,2", "1,0.5,-8,2", "request 2: num_prefill_tokens: -8 tokens: at least one expected"),
    ("1,0.5,8,2", "1,0.5,8,0", "request 2: num_decode_tokens: 0 tokens: at least one expected"),
    ("1,0.5,8,2", "1,0.5,8,2.5", "num_decode_tokens: 2.5 is no whole number"),
    ("1,0.5,8,2", "1,x,8,2", "trace.csv:3: arrived_at: 'x' is no number"),
    ("1,0.5,8,2", "1,0.5,8", "trace.csv:3: num_decode_tokens: nothing there"),
    ("1,0.5,8,2", "1,nan,8,2", "arrived_at: nan is no number that can be used"),
    ("0,0.0,8,3", "0,0.7,8,3", "request 2: arrived_at: 0.5 s is before the request above it"),
    ("0,0.0,8,3", "0,-1,8,3", "request 1: arrived_at: -1 s is before the beginning"),
    (
        "1,0.5,8,2",
        "1,0.5,30,9",
        "request 2: num_prefill_tokens: 30 tokens, with those of its answer more than max_tokens: 32",
    ),
    ("0,0.0,8,3\n1,0.5,8,2\n", "", "trace.csv: no requests"),
]
TABLES = [
    ({"op_mlp_act": np.zeros(0)}, "op_mlp_act: no such array"),
    ({"op_mlp_act": np.zeros(7)}, "arrays by tokens differ in length"),
    ({"op_mlp_act": np.full(128, -1.0)}, "op_mlp_act: a time below zero"),
    ({"attn_decode": np.zeros((2, 2))}, "attn_decode: shape (2, 2) instead of (8, 3)"),
    ({"attn_decode_kv": np.array([0, 64, 100])}, "attn_decode_kv: lengths from 0 on in equal steps expected"),
    ({"attn_decode": np.array(["a"])}, "attn_decode: numbers along 2 axes expected"),
]


def _refused(capsys, code, said):
    assert main(["serve", "simulate", *WORDS, "--out", "out.csv"]) == code
    line = capsys.readouterr().err
    assert said in line
    assert len(line.splitlines()) == 1
    assert not Path("out.csv").exists()


@pytest.mark.parametrize(("old", "new", "code", "said"), CONFIGS)
def test_a_wrong_configuration_is_one_line(capsys, old, new, code, said):
    _spoil(old, new)
    _refused(capsys, code, said)


@pytest.mark.parametrize(("old", "new", "said"), TRACES)
def test_a_wrong_trace_is_one_line(capsys, old, new, said):
    _spoil(old, new, "trace.csv")
    _refused(capsys, 3, said)


@pytest.mark.parametrize(("arrays", "said"), TABLES)
def test_a_wrong_table_is_one_line(capsys, arrays, said):
    write_table(Path("table.npz"), **arrays)
    _refused(capsys, 3, said)


@pytest.mark.parametrize("content", [None, b"", b"PK no zip", b"[]"])
def test_a_table_that_is_none_is_one_line(capsys, content):
    Path("table.npz").unlink()
    if content is not None:
        Path("table.npz").write_bytes(content)
    _refused(capsys, 3, "table.npz: no ")


def test_a_request_that_can_never_be_scheduled_is_told_and_written(capsys):
    _spoil('"num_blocks": 4', '"num_blocks": 3')
    _spoil("1,0.5,8,2", "1,0.5,25,2", "trace.csv")
    assert main(["serve", "simulate", *WORDS, "--out", "out.csv", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["never_scheduled"] == [1]
    assert Path("out.csv").read_text().splitlines()[2] == "1,0,0.5,0.0,0.0,0.0,0,,,0.0,0.0,0.0,0.0,0,25,2,"
