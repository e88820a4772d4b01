"""gnomon predict of a step of training: what is printed, and how a plan that cannot be is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

LLAMA = "llama-2-7b"
STEP = ("--mode", "train", "--engine", "training", "--seq", "512")
SMALL = ("predict", "gpt2", "--on", "hgx-h100:2x2", "--mode", "train", "--engine", "training", "--seq", "64")

# Model, machine and options -> exit code, and what is said.
WRONG = [
    (
        LLAMA,
        "hgx-h100:8",
        "--tp 8 --pp 3",
        3,
        "--pp: 8 devices is not a multiple of tp 8 x cp 1 x pp 3 = 24; try --pp 1",
    ),
    (LLAMA, "hgx-h100:8", "--tp 2 --pp 2 --dp 4", 3, "--dp: tp 2 x cp 1 x dp 4 x pp 2 = 16 ranks, .* try --dp 2"),
    (LLAMA, "hgx-h100:6", "--tp 6", 3, r"--tp: layer\.attention: 32 heads cannot be divided by 6; try --tp 1 or 2"),
    (LLAMA, "hgx-h100:6x2", "--tp 6 --dp 2", 3, "--tp: .*32 heads .*; try --tp 2 or 4 with another dp"),
    (
        LLAMA,
        "hgx-h100:3",
        "--pp 3",
        3,
        "--pp: 32 layers do not divide evenly into 3 chunks; try --pp 1, or --stage-layers 11x2,10",
    ),
    (LLAMA, "hgx-h100:8", "--cp 3", 3, "--cp: 8 devices .*; try --cp 1, 2, 4 or 8"),
    (LLAMA, "hgx-h100:8", "--ep 2", 3, "--ep: this model has no experts; try --ep 1"),
    ("mixtral-8x7b", "hgx-h100:8x2", "--ep 16", 3, r"--ep: .*8 experts cannot be divided by 16; try --ep 4 or 8"),
    ("mixtral-8x7b", "hgx-h100:8", "--ep 3", 3, r"--ep: 3 does not divide the 8 replicas .*; try --ep 1, 2, 4 or 8"),
    (
        LLAMA,
        "hgx-h100:8",
        "--microbatch 2 --global-batch 33",
        3,
        "--global-batch: 33 sequences .*; try --global-batch 32 or 48",
    ),
    (
        LLAMA,
        "hgx-h100:8",
        "--pp 4 --schedule interleaved --virtual-stages 2 --global-batch 12",
        3,
        "--global-batch: 12 sequences .* x interleaved groups of 4; try --global-batch 8 or 16",
    ),
    (
        LLAMA,
        "hgx-h100:8",
        "--pp 4 --schedule interleaved --virtual-stages 3",
        3,
        "--pp: 32 layers do not divide evenly into 12 chunks; try --virtual-stages 2, 4 or 8",
    ),
    (
        LLAMA,
        "hgx-h100:8",
        "--pp 4 --schedule interleaved",
        3,
        "--virtual-stages: .* two or more chunks of layers per stage, not 1",
    ),
    (
        LLAMA,
        "hgx-h100:8",
        "--pp 4 --virtual-stages 2",
        3,
        "--virtual-stages: 2 chunks per stage need schedule interleaved, not 1f1b",
    ),
    (
        LLAMA,
        "hgx-h100:8",
        "--schedule gpipe",
        3,
        "--schedule: gpipe needs pp >= 2 \\(pp is 1\\)",
    ),
    (LLAMA, "hgx-h100:8", "--pp 2 --schedule 1f1", 3, "--schedule: unknown '1f1'; did you mean '1f1b'"),
    (
        LLAMA,
        "hgx-h100:8",
        "--pp 2 --stage-layers 16",
        3,
        "--stage-layers: 16 lists 1 chunk, but 2 stages of 1 chunk each need 2",
    ),
    (
        LLAMA,
        "hgx-h100:8",
        "--pp 2 --stage-layers 16,15",
        3,
        "--stage-layers: 16,15 adds up to 31 layers, but the model has 32",
    ),
    (LLAMA, "hgx-h100:8", "--pp 2 --stage-layers 16,a", 3, "--stage-layers: 'a' is neither the layers of one chunk"),
    (
        LLAMA,
        "hgx-h100:8",
        "--pp 4 --stage-layers 16,0,0,16",
        3,
        "--stage-layers: 16,0x2,16 leaves a chunk with nothing",
    ),
    (
        LLAMA,
        "hgx-h100:8",
        "--global-batch 99999992",
        4,
        "12,499,999 micro-batches per replica .* use a smaller global batch",
    ),
    (LLAMA, "hgx-h100:8x999999999999", "--tp 7", 3, "--tp: .* 32 heads cannot be divided by 7; try --tp 2, 4 or 8"),
    (LLAMA, "hgx-h100:8", "--expert-imbalance 2", 3, "--expert-imbalance: 2 needs experts on different devices"),
    ("mixtral-8x7b", "hgx-h100:8", "--ep 8 --expert-imbalance 5", 3, "--expert-imbalance: 5 times .*: at most 4"),
    (LLAMA, "hgx-h100:8", "--recompute selectiv", 3, "--recompute: unknown 'selectiv'; did you mean 'selective'"),
    (LLAMA, "hgx-h100:8", "--zero 4", 3, "--zero: '4' is not a ZeRO stage: use 0, 1, 2 or 3"),
    (LLAMA, "hgx-h100:8", "--sp", 3, r"--sp: .* needs tp >= 2 \(tp is 1\)"),
    (LLAMA, "hgx-h100:8", "--seq 500 --tp 8 --sp", 3, "--sp: .*500 rows cannot be divided by 8; try --tp 2 or 4"),
    (LLAMA, "hgx-h100:8", "--lora-base int4", 3, "--lora-base: only LoRA freezes weights"),
    (LLAMA, "hgx-h100:8", "--gradients fp31", 3, "--gradients: unknown dtype 'fp31'; did you mean 'fp32'"),
    (LLAMA, "hgx-h100:8", "--expert-imbalance 0.5", 3, r"--expert-imbalance: 0\.5 must be a number of at least 1"),
    (LLAMA, "hgx-h100:8", "--tp 0", 3, "--tp: '0' is not a whole number from 1"),
    (LLAMA, "hgx-h100:8", "--microbatch 0", 3, "--microbatch: '0' is not a whole number from 1"),
    (LLAMA, "hgx-h100:8", "--mode forward --tp 2", 3, "--tp: only a whole training step has it: use mode train"),
    (
        LLAMA,
        "hgx-h100:8",
        "--mode forward --microbatch 2",
        3,
        "--microbatch: only a whole training step has it: use --mode train",
    ),
    (LLAMA, "hgx-h100:8", "--mode trian", 3, "--mode: unknown 'trian'; did you mean 'train'"),
    (LLAMA, "h100-sxm:8", "", 4, "the network between the 8 of h100-sxm:8 is not described: `gnomon list systems`"),
    (
        LLAMA,
        "eyeriss-like",
        "",
        4,
        "training predicts devices with a data sheet; eyeriss-like is a spatial accelerator",
    ),
    (LLAMA, "h100-sxm", "--mode prefill", 4, "training predicts whole steps of training only: use mode train"),
    ("resnet-50", "hgx-h100:8", "--tp 8", 3, "--tp: tensor parallelism finds no pair .*; try --tp 1"),
    ("resnet-50", "hgx-h100:8", "--cp 2", 3, "--cp: context parallelism needs attention, .*; try --cp 1"),
    (LLAMA, "hgx-h100:8", "--set training.timer=rooflin", 3, "--set training.timer: .*; did you mean 'roofline'"),
    (
        LLAMA,
        "hgx-h100:8",
        "--set training.timer=training",
        3,
        "--set training.timer: no engine 'training' gives times of single",
    ),
    (
        LLAMA,
        "hgx-h100:8",
        "--set training.exchanges=ncll",
        3,
        "--set training.exchanges: unknown 'ncll'; did you mean 'nccl'",
    ),
    (LLAMA, "hgx-h100:8", "--set training.exchange=nccl", 3, "--set training.exchange: .*; did you mean 'exchanges'"),
]


@pytest.mark.parametrize(("model", "on", "options", "code", "text"), WRONG)
def test_a_plan_that_cannot_be_is_refused_in_one_line_that_names_the_flag(gnomon, model, on, options, code, text):
    length = () if model == "resnet-50" else ("--seq", "512")
    run = gnomon("predict", model, "--on", on, "--mode", "train", "--engine", "training", *length, *options.split())
    assert (run.code, run.out) == (code, "")
    (line,) = run.err.splitlines()
    assert re.search(text, line), line
    assert code == 4 or line.startswith(f"gnomon: {text[:5]}")


def test_a_micro_batch_and_a_batch_are_one_thing(gnomon):
    run = gnomon(*SMALL, "--microbatch", "1", "--batch", "2")
    assert run.code == 2
    assert (
        gnomon(*SMALL, "--microbatch", "2", "--json").json["rows"]
        == gnomon(*SMALL, "--batch", "2", "--json").json["rows"]
    )


@pytest.mark.parametrize("verb", [("predict", "--engine", "training"), ("check",), ("compare", "--engine", "training")])
@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("tp: 3", "tp: 8 devices is not a multiple of tp 3 x cp 1 x pp 1 = 3; try tp 1, 2 or 4"),
        ("schedule: gpipe", "schedule: gpipe needs pp >= 2"),
        ("zero: 4", "zero: "),
    ],
)
def test_a_plan_that_cannot_be_is_refused_at_its_line_of_a_file(gnomon, tmp_path: Path, verb, line, text):
    file = tmp_path / "s.yaml"
    file.write_text(f"schema: gnomon/scenario/1\nmodel: gpt2\non: hgx-h100\nmode: train\n{line}\n")
    run = gnomon(verb[0], str(file), *verb[1:])
    assert (run.code, run.out) == (3, "")
    assert run.err.splitlines()[-1].startswith(f"gnomon: {file}:5: {text}")


def test_a_network_slower_than_nothing_is_refused_in_its_file(gnomon, tmp_path: Path):
    file = tmp_path / "node.yaml"
    file.write_text(
        "schema: gnomon/system/1\nname: node\ndevice: t4\nsources:\n  s: {title: sheet, kind: datasheet}\nsource: s\n"
        "dimensions:\n  - {name: PCIe 3, kind: switch, size: 2, bandwidth: -12 GB/s, latency: 2 us}\n"
    )
    run = gnomon("predict", "gpt2", "--on", str(file), *STEP)
    assert run.code == 3
    assert "bandwidth: '-12 GB/s' is outside what a bandwidth can be" in run.err


def test_check_says_that_the_engine_answers_a_step(gnomon, tmp_path: Path):
    file = tmp_path / "s.yaml"
    file.write_text("schema: gnomon/scenario/1\nmodel: gpt2\non: hgx-h100\nmode: train\ntp: 2\n")
    rows = {row["engine"]: row["answers"] for row in gnomon("check", str(file), "--json").json["engines"]}
    assert rows["training"] and not rows["roofline"]


def test_the_tables_of_a_step_tell_its_communication_and_its_stages(gnomon):
    run = gnomon(*SMALL, "--pp", "2", "--global-batch", "8")
    assert run.code == 0
    assert "8 sequences per step: 2 replicas x 4 micro-batches of 1" in run.out
    assert re.search(r"^dp +all-reduce +NVLink 4 through NVSwitch ", run.out, re.MULTILINE)
    assert re.search(r"^pp +send +InfiniBand NDR ", run.out, re.MULTILINE)
    assert len(re.findall(r"^ +[01]  .*B", run.out, re.MULTILINE)) == 2


def test_a_step_is_written_as_a_scenario_and_read_again(gnomon, tmp_path: Path):
    file = tmp_path / "s.yaml"
    options = "--tp 2 --sp --pp 2 --zero 1 --recompute full --overlap no --gradients fp32 --dropout --global-batch 8"
    asked = gnomon(*SMALL, *options.split(), "--save", str(file), "--json").json
    again = gnomon("predict", str(file), "--engine", "training", "--json").json
    assert again == asked


def test_a_step_becomes_a_page_and_a_trace(gnomon, tmp_path: Path):
    answer, page, trace = tmp_path / "a.json", tmp_path / "a.html", tmp_path / "t.json"
    answer.write_text(gnomon(*SMALL, "--pp", "2", "--json", "--trace", str(trace)).out)
    assert gnomon("report", str(answer), "-o", str(page)).code == 0
    assert "pp 2" in page.read_text()
    named = [
        event["args"]["name"]
        for event in json.loads(trace.read_text())["traceEvents"]
        if event["name"] == "thread_name"
    ]
    assert [name.split(": ", 1)[1] for name in named] == [
        "parts",
        *(
            f"stage {stage}: {track}"
            for stage in (0, 1)
            for track in ("communication over NVLink 4 through NVSwitch", "compute", "passes", "sends")
        ),
    ]


def test_csv_tells_the_plan_and_every_kind_of_memory(gnomon):
    head, row = gnomon(*SMALL, "--tp", "2", "--sp", "--csv").out.splitlines()
    found = dict(zip(head.split(","), row.split(","), strict=True))
    assert found["training"] == "tp=2;sp=True"
    kinds = ("weights", "activations", "gradients", "optimizer", "logits", "buffers", "overhead")
    assert sum(float(found[f"{kind}_bytes"]) for kind in kinds) == float(found["total_bytes"])
    assert 0 < float(found["mfu"]) <= float(found["hfu"]) < 1


def test_every_field_of_a_step_stands_in_the_reference(gnomon):
    page = (Path(__file__).parents[2] / "docs/reference/json.md").read_text()
    section = page.split("### A training step\n")[1].split("\n### ")[0]
    named = set(re.findall(r"`(\w+)`", section))
    step = gnomon(*SMALL, "--pp", "2", "--json").json["rows"][0]["quantities"][0]["step"]
    assert set(step) | set(step["stages"][0]) | set(step["exposed"][0]) <= named
    memory = next(line for line in page.splitlines() if line.startswith("| `memory` |"))
    assert set(step["stages"][0]["memory"]) <= set(re.findall(r"`(\w+)`", memory))


@pytest.mark.parametrize(
    ("flag", "start", "words"),
    [
        ("--mode", "t", ["train"]),
        ("--schedule", "", ["1f1b", "gpipe", "interleaved", "zero-bubble"]),
        ("--recompute", "s", ["selective"]),
        ("--zero", "", ["0", "1", "2", "3"]),
        ("--gradients", "bf", ["bf16"]),
    ],
)
def test_words_of_a_plan_are_completed(gnomon, flag, start, words):
    assert gnomon("complete", "predict", "gpt2", flag, start).out.split() == words


def test_operators_that_the_engine_gives_no_times_of_are_said_to_be_missing(gnomon):
    run = gnomon(*SMALL, "--operators")
    assert run.code == 0
    assert "gnomon: no times of single operators from training" in run.err
    assert (gnomon(*SMALL, "--operators", "--csv").code, gnomon(*SMALL, "--operators", "--json").code) == (4, 0)
