"""`gnomon predict`: the table, the JSON, the CSV, and every way to ask wrongly."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

import gnomon as api
from tests.onnx_files import relu_onnx


def test_the_table_has_a_row_per_device_and_batch_with_unit_and_interval(gnomon) -> None:
    run = gnomon("predict", "resnet-50", "--on", "a100-sxm-80gb,t4", "--batch", "1,8,128")
    lines = [line for line in run.out.splitlines() if line.startswith("resnet-50")]
    assert run.code == 0
    assert len(lines) == 6
    assert all("ms" in line or "us" in line for line in lines)
    assert all(" - " in line and "image/s" in line for line in lines)


def test_json_and_csv_and_python_give_the_same_numbers(gnomon) -> None:
    words = ("predict", "llama-2-7b", "--on", "h100-sxm", "--batch", "4", "--seq", "512")
    document = gnomon(*words, "--json").json
    rows = list(csv.DictReader(io.StringIO(gnomon(*words, "--csv").out)))
    answer = api.predict("llama-2-7b", on="h100-sxm", batch=4, seq=512)
    assert document["schema"] == "gnomon/predict/1"
    for quantity, row in zip(document["rows"][0]["quantities"], rows, strict=True):
        assert quantity["quantity"] == row["quantity"]
        assert quantity["value"] == float(row["value_s"]) == answer[quantity["quantity"]].value
        assert quantity["interval"]["low"] <= quantity["value"] <= quantity["interval"]["high"]
    assert document["rows"] == json.loads(answer.to_json())["rows"]


def test_a_decoder_is_asked_for_ttft_and_tpot_apart(gnomon) -> None:
    row = gnomon("predict", "gpt2-xl", "--on", "l4", "--json").json["rows"][0]
    assert [(q["quantity"], q["mode"]) for q in row["quantities"]] == [("ttft", "prefill"), ("tpot", "decode")]


def test_a_mode_gives_one_quantity(gnomon) -> None:
    row = gnomon("predict", "gpt2", "--on", "l4", "--mode", "forward+backward", "--json").json["rows"][0]
    assert [q["quantity"] for q in row["quantities"]] == ["time"]
    assert row["quantities"][0]["memory"]["gradients_bytes"] > 0


def test_a_model_that_does_not_fit_is_a_warning_with_both_sizes_and_false_in_json(gnomon) -> None:
    run = gnomon("predict", "llama-2-70b", "--on", "t4", "--json")
    assert run.code == 0
    assert not any(q["fits"] for q in run.json["rows"][0]["quantities"])
    assert "needs 138 GB, the device has 16.0 GB: does not fit" in run.err


@pytest.mark.parametrize(
    ("words", "passes"),
    [(("llama-2-70b", "--mode", "decode"), 1), (("llama-2-70b",), 2), (("resnet-50", "--batch", "4096"), 1)],
)
def test_a_misfit_warns_once_for_each_pass(gnomon, words: tuple[str, ...], passes: int) -> None:
    run = gnomon("predict", *words, "--on", "t4")
    said = [line for line in run.err.splitlines() if "fit" in line and "columns left out" not in line]
    assert len(said) == len(set(said)) == passes
    assert all("does not fit" in line and "too much" in line for line in said)


def test_operators_are_listed_under_the_pass_that_they_are_of(gnomon) -> None:
    run = gnomon("predict", "resnet-50", "--on", "t4", "--image", "448", "--operators", "--parts")
    assert run.out.count("resnet-50 on t4, batch 1, forward, fp16, image 448, roofline") == 2


def test_an_override_changes_the_number_voids_the_interval_and_shows_in_the_provenance(gnomon) -> None:
    words = ("predict", "bert-large", "--on", "t4", "--dtype", "fp16", "--json")
    plain = gnomon(*words).json["rows"][0]["quantities"][0]
    changed = gnomon(*words, "--device-peak", "fp16=650 TFLOP/s").json["rows"][0]["quantities"][0]
    assert changed["value"] < plain["value"]
    assert changed["interval"] is None
    assert changed["provenance"]["overrides"] == ["compute.matrix.fp16 = fp16=650 TFLOP/s (device_peak)"]


def test_a_device_file_answers_like_the_catalogue(gnomon, tmp_path: Path) -> None:
    file = tmp_path / "my-gpu.yaml"
    file.write_text(
        "schema: gnomon/device/1\nname: my-gpu\ncompute:\n  matrix: {fp16: 65 TFLOP/s}\n"
        "  vector: {fp32: 8.1 TFLOP/s, fp16: 16.2 TFLOP/s}\nmemory: {capacity: 16 GB, bandwidth: 320 GB/s}\n"
        "launch_overhead: 5 us\n"
    )
    mine, theirs = (
        gnomon("predict", "resnet-50", "--on", on, "--dtype", "fp16", "--json").json["rows"][0]["quantities"][0][
            "value"
        ]
        for on in (str(file), "t4")
    )
    assert mine == theirs


def test_a_config_json_answers_under_the_name_of_its_folder(gnomon, tmp_path: Path) -> None:
    folder = tmp_path / "my-llama"
    folder.mkdir()
    config = {"model_type": "llama", "vocab_size": 1000, "hidden_size": 64, "intermediate_size": 128}
    (folder / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 2, "num_attention_heads": 4}))
    run = gnomon("predict", str(folder / "config.json"), "--on", "t4", "--json")
    assert run.json["rows"][0]["model"] == "my-llama"


def test_the_format_of_the_cache_is_shown_and_halves_it(gnomon) -> None:
    words = ("predict", "llama-2-7b", "--on", "l40s", "--mode", "decode", "--dtype", "fp8")
    plain, short = (gnomon(*words, *more, "--json").json["rows"][0] for more in ((), ("--kv", "fp8")))
    cache = [row["quantities"][0]["memory"]["kv_cache_bytes"] for row in (plain, short)]
    assert cache[0] == 2 * cache[1]
    assert (plain["kv_dtype"], short["kv_dtype"]) == (None, "fp8")
    assert "fp8, fp8 KV" in gnomon(*words, "--kv", "fp8").out


def test_a_length_beyond_what_the_model_was_made_for_is_said(gnomon) -> None:
    run = gnomon("predict", "llama-2-7b", "--on", "h100-sxm", "--mode", "prefill", "--seq", "8192")
    assert "8192 tokens are more than the 4096 positions" in run.err


def test_a_folder_with_a_config_json_is_a_model(gnomon, tmp_path: Path) -> None:
    folder = tmp_path / "my-gpt"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "gpt2", "n_embd": 64, "n_head": 4, "n_layer": 2}))
    assert gnomon("predict", str(folder), "--on", "t4", "--json").json["rows"][0]["model"] == "my-gpt"


def test_one_device_that_cannot_is_a_row_without_a_number_beside_one_that_can(gnomon) -> None:
    run = gnomon("predict", "resnet-50", "--on", "t4,a100-sxm-80gb", "--dtype", "bf16", "--json")
    values = [row["quantities"][0]["value"] for row in run.json["rows"]]
    assert run.code == 0
    assert values[0] is None
    assert values[1] > 0
    assert "no unit for products in bf16" in run.json["rows"][0]["quantities"][0]["reasons"][0]


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (("resnt-50", "--on", "t4"), 3, "did you mean 'resnet-50'?"),
        (("resnet-50", "--on", "h1oo"), 3, "did you mean 'h100"),
        (("resnet-50", "--on", "t4", "--engine", "rofline"), 3, "did you mean 'roofline'?"),
        (("resnet-50", "--on", "t4", "--dtype", "fp17"), 3, "did you mean 'fp16'?"),
        (("resnet-50", "--on", "t4", "--bacth", "8"), 2, "did you mean '--batch'?"),
        (("resnet-50", "--on", "t4", "--batch", "0"), 3, "--batch: '0' is not a whole number from 1"),
        (("resnet-50", "--on", "t4", "--batch", "-1"), 3, "--batch: '-1' is not a whole number from 1"),
        (("resnet-50", "--on", "t4", "--batch", "1,x"), 3, "--batch: 'x' is not a whole number from 1"),
        (("resnet-50", "--on", "t4", "--memory-bandwidth", "3.35 TBs"), 3, "did you mean 'TB/s'?"),
        (("resnet-50", "--on", "t4", "--memory-bandwidth", "3350"), 3, "3350 looks like GB/s"),
        (("resnet-50", "--on", "t4", "--efficiency", "1.2"), 3, "--efficiency"),
        (("resnet-50", "--on", "t4", "--seq", "8"), 3, "resnet-50 is an image model"),
        (("bert-large", "--on", "t4", "--seq", "513"), 3, "513 tokens are more than the 512 positions"),
        (("bert-large", "--on", "t4", "--mode", "decode"), 3, "is an encoder, it has no decode"),
        (("bert-large", "--on", "t4", "--mode", "forwards"), 3, "did you mean 'forward'?"),
        (("resnet-50", "--on", "t4", "--dtype", "bf16"), 4, "t4 has no unit for products in bf16"),
        (("resnet-50", "--on", "t4", "--engine", "null"), 4, "null answers nothing"),
        (("llama-2-70b", "--on", "h100-sxm:8"), 4, "for one device, not for the 8"),
        (("resnet-50", "--on", "t4:0"), 3, "one device or more"),
        (("resnet-50",), 2, "--on"),
        (("llama-2-7b", "--on", "l40s", "--classes", "5"), 3, "llama-2-7b has classes with head classifier"),
        (("llama-2-7b", "--on", "l40s", "--seq", "512", "--context", "100"), 3, "fewer than the 512 of the prompt"),
        (("Qwen/Qwen2.5-7B", "--on", "l40s"), 3, "did you mean 'qwen2.5-7b'?"),
        (("resnet-50", "--onn", "t4"), 2, "unknown flag '--onn'; did you mean '--on'?"),
        (("resnet-50", "--on", "t4", "--batch", "9" * 300), 3, "is not a whole number from 1"),
        (("resnet-50", "--on", "t4", "--batch", "1_000"), 3, "is not a whole number from 1"),
        (("resnet-50", "--on", "t4", "--dtype", ""), 3, "unknown dtype ''"),
        (("resnet-50", "--on", "t4", "--kv", "fp8"), 3, "it has no KV cache"),
        (("llama-2-7b", "--on", "h100-sxm", "--image", "448"), 3, "llama-2-7b reads text"),
        (("gpt2", "--on", "t4", "--mode", "forward+backward", "--dtype", "int8"), 4, "no rule for training with int8"),
        (("resnet-50", "--on", "./absent.yaml"), 3, "no such file"),
        (("./absent.json", "--on", "t4"), 3, "no such file"),
    ],
)
def test_a_wrong_question_ends_in_one_clear_line_and_its_exit_code(gnomon, words, code, line) -> None:
    run = gnomon("predict", *words)
    assert run.code == code
    assert line in run.err
    assert run.out == ""
    assert len(run.err.strip().splitlines()) == 1
    assert "Traceback" not in run.err


def test_a_saved_question_is_answered_with_the_same_numbers(gnomon, tmp_path) -> None:
    file = str(tmp_path / "q.yaml")
    asked = gnomon(
        "predict", "llama-2-7b", "--on", "a100", "--seq", "300", "--efficiency", "0.7", "--save", file, "--csv"
    )
    assert asked.code == 0
    assert gnomon("predict", file, "--csv").out == asked.out


def test_several_questions_are_not_saved(gnomon, tmp_path) -> None:
    run = gnomon("predict", "resnet-50", "--on", "t4", "--batch", "1,2", "--save", str(tmp_path / "q.yaml"))
    assert run.code == 2
    assert "--save writes one question, not 2" in run.err


def test_an_option_beside_a_scenario_file_is_refused(gnomon, tmp_path) -> None:
    file = str(tmp_path / "q.yaml")
    gnomon("predict", "resnet-50", "--on", "t4", "--save", file)
    run = gnomon("predict", file, "--batch", "8")
    assert run.code == 2
    assert "--batch: a scenario says this itself" in run.err


def test_without_a_system_a_model_is_a_usage_error(gnomon) -> None:
    run = gnomon("predict", "resnet-50")
    assert run.code == 2
    assert "--on" in run.err


def test_a_scenario_of_the_catalogue_is_answered_by_its_name(gnomon) -> None:
    (row,) = gnomon("predict", "llama-2-7b-decode-a100", "--json").json["rows"]
    assert (row["model"], row["device"]) == ("llama-2-7b", "a100-sxm-80gb")


def test_an_open_size_of_an_onnx_file_is_bound_by_its_name(gnomon, tmp_path) -> None:
    words = ("predict", relu_onnx(tmp_path, ["batch", "frames"]), "--on", "h100-sxm")
    assert gnomon(*words).code == 3
    assert "size 'frames' of relu (dimension 1 of x) is open: give it, like --size frames=128" in gnomon(*words).err
    assert (
        gnomon(*words, "--batch", "2", "--size", "frames=300", "--json").json["rows"][0]["quantities"][0]["flop"] == 600
    )
    assert "--size: 'frames' is not NAME=N" in gnomon(*words, "--size", "frames").err
    assert "did you mean 'frames'" in gnomon(*words, "--size", "frame=3").err


def test_a_graph_with_a_fixed_batch_is_asked_with_it(gnomon, tmp_path) -> None:
    words = ("predict", relu_onnx(tmp_path, [8, 4]), "--on", "h100-sxm")
    row = gnomon(*words, "--json").json["rows"][0]
    assert (row["batch"], row["quantities"][0]["throughput"]["unit"]) == (8, "sample/s")
    assert "traced with batch 8 and cannot run with 2" in gnomon(*words, "--batch", "2").err


def test_a_model_of_the_zoo_has_no_further_sizes(gnomon) -> None:
    assert "resnet-50 is no traced graph" in gnomon("predict", "resnet-50", "--on", "t4", "--size", "frames=3").err


def test_json_of_a_question_that_nobody_answers_has_its_rows_with_the_reasons(gnomon) -> None:
    run = gnomon("predict", "gpt2", "--on", "t4:2", "--json")
    assert run.code == 4
    assert "one device, not for the 2" in run.err
    assert [(q["value"], len(q["reasons"])) for q in run.json["rows"][0]["quantities"]] == [(None, 1), (None, 1)]


@pytest.mark.parametrize(
    ("width", "gone"),
    [
        (90, "flop/B, by kind, MFU, dtype, rate"),
        (76, "flop/B, by kind, MFU, dtype, rate, bound"),
        (68, "flop/B, by kind, MFU, dtype, rate, bound, memory"),
    ],
)
def test_a_narrow_terminal_keeps_time_interval_and_memory_longest(gnomon, monkeypatch, width: int, gone: str) -> None:
    monkeypatch.setattr("gnomon.cli.output.WIDTH_WITHOUT_TERMINAL", width)
    run = gnomon("predict", "resnet-50", "--on", "t4", "--batch", "128")
    assert f"to fit {width} characters: {gone} (" in run.err
    assert "90 % interval" in run.out


def test_a_family_s_name_says_which_device_is_taken(gnomon):
    assert "gnomon: h100 is taken as h100-sxm\n" in gnomon("predict", "resnet-50", "--on", "h100").err
    assert gnomon("predict", "resnet-50", "--on", "h100-sxm").err == ""
