"""`gnomon compare`, both forms."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path

import polars as pl
import pytest

HEADER = "device,model,mode,batch,seq,precision,measured_ms\n"


def test_a_scenario_shows_the_measured_value_beside_the_prediction(gnomon) -> None:
    run = gnomon("compare", "resnet-50-inference-a100")
    assert run.code == 0
    assert "68.2 ms" in run.out
    assert "roofline -" in run.out


def test_a_prediction_is_compared_only_with_its_like(gnomon) -> None:
    """TensorRT-LLM printed a first token of 36 ms for a prompt of 2048; the decode row of another length is not its like."""
    document = gnomon("compare", "llama-2-7b-chat-h100", "--json").json
    assert document["schema"] == "gnomon/compare-scenarios/1"
    (entry,) = document["scenarios"]
    assert [(m["mode"], m["seq"]) for m in entry["measured"]] == [("prefill", 2048)]


def test_a_table_gives_errors_by_device_model_and_mode_and_names_the_worst_row(gnomon) -> None:
    document = gnomon("compare", "--measurements", "published", "--json").json
    assert document["schema"] == "gnomon/compare/1"
    assert document["overall"]["rows"] == document["rows_answered"] > 200
    for group in ("device", "subject", "mode"):
        assert sum(entry["rows"] for entry in document["by"][group]) == document["overall"]["rows"]
    errors = [abs(row["error_percent"]) for row in document["rows"]]
    assert abs(document["worst"][0]["error_percent"]) == max(errors)
    assert document["overall"]["median_ape"] == pytest.approx(pl.Series(errors).median())


def test_the_rows_of_the_demo_hold_four_models_on_four_devices_each(gnomon) -> None:
    words = ("--where", "model=resnet-50,bert-large,gpt2-large,llama-2-7b", "--json")
    rows = gnomon("compare", "--measurements", "published", *words).json["rows"]
    for model in ("resnet-50", "bert-large", "gpt2-large", "llama-2-7b"):
        assert len({row["device"] for row in rows if row["subject"] == model}) >= 4
    assert all(row["software"] and row["mode"] and row["dtype"] and row["batch"] for row in rows)


def test_csv_and_parquet_and_gzip_give_the_same_rows(gnomon, tmp_path: Path) -> None:
    text = HEADER + "t4,bert-large,forward,8,384,fp16,92.92\nTesla T4,resnet50,inf,128,,fp16,114.24\n"
    plain, parquet, zipped = tmp_path / "a.csv", tmp_path / "a.parquet", tmp_path / "a.csv.gz"
    plain.write_text(text)
    pl.read_csv(plain).write_parquet(parquet)
    import gzip

    zipped.write_bytes(gzip.compress(text.encode()))
    found = [
        [
            (r["subject"], r["predicted_s"], r["measured_s"])
            for r in gnomon("compare", "--measurements", str(p), "--json").json["rows"]
        ]
        for p in (plain, parquet, zipped)
    ]
    assert found[0] == found[1] == found[2]
    assert [row[0] for row in found[0]] == ["bert-large", "resnet-50"]


def test_refused_rows_are_counted_with_their_reason(gnomon, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text(
        HEADER.replace("measured_ms", "measured_ms,option")
        + "t4,bert-large,forward,8,384,fp16,92.92,\nt4,nonsuch,forward,1,,fp16,1,\nq9,gpt2,forward,1,8,fp16,1,\n"
        + "t4,gpt2,forward,1,8,fp16,1,fusion\nt4,gpt2,forward,1,8,bf16,1,\n"
    )
    document = gnomon("compare", "--measurements", str(file), "--json").json
    assert (document["rows_asked"], document["rows_answered"]) == (5, 1)
    assert document["overall"]["coverage"] == pytest.approx(0.2)
    reasons = " | ".join(entry["reason"] for entry in document["refused"])
    for words in (
        "'nonsuch' is not in the zoo",
        "'q9' is not in the catalogue",
        "'fusion'",
        "no unit for products in bf16",
    ):
        assert words in reasons


def test_rows_that_their_source_doubts_are_set_apart(gnomon, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text(
        HEADER.replace("measured_ms", "measured_ms,quality")
        + "t4,bert-large,forward,8,384,fp16,92.92,\nt4,bert-large,forward,8,384,fp16,900,throttled\n"
    )
    document = gnomon("compare", "--measurements", str(file), "--json").json
    assert document["overall"]["rows"] == 1
    assert [(entry["group"], entry["rows"]) for entry in document["doubted"]] == [("throttled", 1)]


def test_operators_are_compared_by_device_family_and_operator(gnomon, tmp_path: Path) -> None:
    file = tmp_path / "k.csv"
    file.write_text(
        "device,op,dtype,m,n,k,b,h,measured_us\nh100_sxm,gemm,fp16,4096,4096,4096,,,250\n"
        "h100,softmax,fp32,,,,4096,4096,80\nh100,layer_attn,fp16,4096,,,,,10\n"
    )
    document = gnomon("compare", "--measurements", str(file), "--json").json
    assert document["kind"] == "kernels"
    assert {entry["group"] for entry in document["by"]["family"]} >= {"matmul", "softmax"}
    assert document["refused"] == [{"reason": "operator 'layer_attn': no rule", "rows": 1}]


def test_operators_have_a_page_too_with_the_interval_of_each_row(gnomon, tmp_path: Path) -> None:
    file, page = tmp_path / "k.csv", tmp_path / "k.html"
    file.write_text("device,op,dtype,m,n,k,measured_us\nh100_sxm,gemm,fp16,4096,4096,4096,250\n")
    words = ("--rows", "--report", str(page), "--json")
    (row,) = gnomon("compare", "--measurements", str(file), *words).json["rows"]
    assert row["low_s"] <= row["predicted_s"] < row["high_s"]
    assert "gemm" in page.read_text()


def test_the_report_is_one_page_with_the_rows_and_its_place_comes_last(gnomon, tmp_path: Path) -> None:
    page = tmp_path / "deep" / "page.html"
    run = gnomon(
        "compare", "--measurements", "published", "--where", "model=gpt2-large", "--rows", "--report", str(page)
    )
    assert run.out.splitlines()[-1] == f"report: {page}"
    assert "gpt2-large" in page.read_text()


def test_a_calibration_file_holds_bands_and_keeps_those_of_the_other_kind(gnomon, tmp_path: Path) -> None:
    file = tmp_path / "c.json"
    kept = {"engine": "roofline", "version": "0", "data": "others", "sha256": "", "bands": {}}
    file.write_text(json.dumps({"kernels": kept}))
    assert gnomon("compare", "--measurements", "published", "--calibrate", str(file)).code == 0
    found = json.loads(file.read_text())
    assert found["kernels"]["data"] == "others"
    assert found["models"]["bands"][""]["high"] > 0


def test_a_calibration_of_another_engine_is_not_mixed_with_this_one(gnomon, tmp_path: Path) -> None:
    file = tmp_path / "c.json"
    other = {"engine": "other", "version": "0", "data": "d", "sha256": "", "bands": {}}
    file.write_text(json.dumps({"kernels": other}))
    run = gnomon("compare", "--measurements", "published", "--calibrate", str(file))
    assert run.code == 3
    assert "holds the calibration of other, not of roofline" in run.err
    assert json.loads(file.read_text()) == {"kernels": other}


@pytest.mark.parametrize("text", ["[1]", "5", "null", "{", '{"kernels": 5}'])
def test_a_damaged_calibration_file_is_left_as_it_is(gnomon, tmp_path: Path, text: str) -> None:
    file = tmp_path / "c.json"
    file.write_text(text)
    run = gnomon("compare", "--measurements", "published", "--calibrate", str(file))
    assert run.code == 3
    assert "not a calibration file" in run.err
    assert file.read_text() == text


SCENARIO = "schema: gnomon/scenario/1\nmodel: {model}\non: {on}\nbatch: 128\ndtype: tf32\n"


@pytest.mark.parametrize(
    ("change", "rows"),
    [("", 2), ("image: 448\n", 0), ("classes: 10\n", 0), ("head: none\n", 0), ("mode: forward+backward\n", 0)],
)
def test_a_scenario_of_another_shape_has_no_like(gnomon, tmp_path: Path, change: str, rows: int) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(SCENARIO.format(model="resnet-50", on="a100-sxm-40gb") + change)
    (entry,) = gnomon("compare", str(file), "--json").json["scenarios"]
    assert len(entry["measured"]) == rows


def test_a_device_of_the_user_is_not_taken_for_the_catalogue_s(gnomon, tmp_path: Path) -> None:
    device = tmp_path / "fake.yaml"
    device.write_text(
        "schema: gnomon/device/1\nname: a100-sxm-40gb\nsilicon: GA100\ncompute:\n  matrix: {tf32: 156 TFLOP/s}\n"
        "  vector: {fp32: 19.5 TFLOP/s}\nmemory: {capacity: 40 GB, bandwidth: 1 TB/s}\n"
    )
    file = tmp_path / "s.yaml"
    file.write_text(SCENARIO.format(model="resnet-50", on="./fake.yaml"))
    (entry,) = gnomon("compare", str(file), "--json").json["scenarios"]
    assert entry["measured"] == []


def test_every_run_of_the_built_in_table_fits_into_its_device(gnomon) -> None:
    rows = gnomon("compare", "--measurements", "published", "--json").json["rows"]
    assert [(row["line"], row["subject"], row["device"]) for row in rows if not row["fits"]] == []


def test_a_report_follows_a_link_and_spares_what_is_no_plain_file(gnomon, tmp_path: Path) -> None:
    page, link = tmp_path / "page.html", tmp_path / "link.html"
    link.symlink_to(page)
    words = ("compare", "--measurements", "published", "--where", "model=gpt2-large", "--report")
    assert gnomon(*words, str(link)).code == 0
    assert link.is_symlink()
    assert "gpt2-large" in page.read_text()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    run = gnomon(*words, str(pipe))
    assert run.code == 3
    assert "no plain file" in run.err
    assert pipe.is_fifo()


def test_a_report_and_a_calibration_in_one_file_are_refused(gnomon, tmp_path: Path) -> None:
    file = str(tmp_path / "x")
    run = gnomon("compare", "--measurements", "published", "--report", file, "--calibrate", file)
    assert run.code == 3
    assert "name the same file" in run.err


def test_rows_can_be_chosen_by_their_line(gnomon) -> None:
    (row,) = gnomon("compare", "--measurements", "published", "--where", "line=2", "--json").json["rows"]
    assert row["line"] == 2


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("gemm,fp16,0,8,8,,,,,5", "a number of its shape is no whole number from 1"),
        ("gemm,fp16,1.5,8,8,,,,,5", "a number of its shape is no whole number from 1"),
        ("moe,fp16,8,8,8,2,4,,,5", "more experts chosen than there are"),
        ("attn_context,fp16,8,8,8,,,64,32,5", "more queries than keys"),
        ("mystery,fp16,8,8,8,,,,,5", "operator 'mystery': no rule"),
    ],
)
def test_an_operator_that_cannot_be_is_refused(gnomon, tmp_path: Path, row: str, reason: str) -> None:
    file = tmp_path / "k.csv"
    good = "t4,gemm,fp16,8,8,8,,,,,5\n"
    file.write_text(f"device,op,dtype,m,n,k,experts,topk,seq_q,seq_kv,measured_us\n{good}t4,{row}\n")
    (refused,) = gnomon("compare", "--measurements", str(file), "--json").json["refused"]
    assert reason in refused["reason"]


def test_a_device_and_a_model_of_the_user_can_be_measured_too(gnomon, tmp_path: Path) -> None:
    device, model, file = tmp_path / "mine.yaml", tmp_path / "mine.json", tmp_path / "a.csv"
    device.write_text(
        "schema: gnomon/device/1\nname: mine\ncompute:\n  matrix: {fp16: 65 TFLOP/s}\n  vector: {fp32: 8.1 TFLOP/s}\n"
        "memory: {capacity: 16 GB, bandwidth: 320 GB/s}\n"
    )
    model.write_text(json.dumps({"model_type": "gpt2", "n_embd": 64, "n_head": 4, "n_layer": 2}))
    file.write_text(f"device,model,mode,batch,seq,dtype,measured_ms\n{device},{model},prefill,1,32,fp16,1\n")
    (row,) = gnomon("compare", "--measurements", str(file), "--json").json["rows"]
    assert row["predicted_s"] > 0
    kernels = tmp_path / "k.csv"
    kernels.write_text(f"device,op,dtype,m,n,k,measured_us\n{device},gemm,fp16,64,64,64,5\n")
    assert gnomon("compare", "--measurements", str(kernels), "--json").json["rows_answered"] == 1


def test_names_in_a_table_that_are_nearly_known_are_named(gnomon, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text(
        HEADER + "t4,gpt2,forward,1,8,fp16,1\nt4,resnett-50,forward,1,,fp16,1\nh1000,gpt2,forward,1,8,fp16,1\n"
    )
    reasons = " | ".join(r["reason"] for r in gnomon("compare", "--measurements", str(file), "--json").json["refused"])
    assert "did you mean 'resnet-50'?" in reasons
    assert "did you mean 'h100" in reasons


def test_rows_inside_their_interval_are_counted(gnomon, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text(HEADER + "t4,bert-large,forward,8,384,fp16,92.92\nt4,bert-large,forward,8,384,fp16,9000\n")
    document = gnomon("compare", "--measurements", str(file), "--json").json
    assert document["inside_interval"] == {"rows": 1, "of": 2}
    assert document["in_sample"] is False
    assert "1 of 2 rows" in gnomon("compare", "--measurements", str(file)).out


def test_csv_output_has_a_row_for_each_answered_row(gnomon) -> None:
    run = gnomon("compare", "--measurements", "published", "--where", "model=gpt2-large", "--csv")
    rows = list(csv.DictReader(io.StringIO(run.out)))
    assert len(rows) == 15
    assert all(float(row["predicted_s"]) > 0 for row in rows)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (HEADER + "t4,gpt2,forward,1,8,fp16,fast\n", ":2: column 'measured_ms': 'fast' is not a number"),
        (
            HEADER + "t4,gpt2,forward,1,8,fp16,1\nt4,gpt2,forward,one,8,fp16,1\n",
            ":3: column 'batch': 'one' is not a number",
        ),
        (HEADER + "t4,gpt2,forward,1,8,fp16,0\n", ":2: column 'measured_ms': 0 is not a positive number"),
        (HEADER + "t4,gpt2,forward,1,8,fp16,-2\n", "is not a positive number"),
        ("devise,model,mode,measured_ms\nt4,gpt2,forward,1\n", "column 'device' is missing; is it 'devise'?"),
        ("", "the file is empty"),
    ],
)
def test_a_wrong_table_is_named_with_line_and_column(gnomon, tmp_path: Path, text: str, line: str) -> None:
    file = tmp_path / "a.csv"
    file.write_text(text)
    run = gnomon("compare", "--measurements", str(file))
    assert run.code == 3
    assert line in run.err
    assert len(run.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        ((), 2, "give scenarios, or --measurements TABLE"),
        (("a", "--measurements", "published"), 2, "give scenarios, or --measurements TABLE"),
        (("nonsuch",), 3, "unknown scenario 'nonsuch'"),
        (("--measurements", "publisht"), 3, "did you mean 'published'?"),
        (("--measurements", "./none.csv"), 3, "no such file"),
        (("--measurements", "published", "--where", "model"), 3, "COLUMN=VALUE"),
        (("--measurements", "published", "--where", "modell=gpt2"), 3, "did you mean 'model'?"),
        (("--measurements", "published", "--where", "model=gpt5"), 3, "no row has model 'gpt5'"),
        (("--measurements", "published", "--engine", "null"), 4, "no row of published can be answered"),
    ],
)
def test_a_wrong_comparison_ends_in_a_clear_line_and_its_exit_code(gnomon, words, code, line) -> None:
    run = gnomon("compare", *words)
    assert run.code == code
    assert line in run.err
    assert run.out == ""


def test_a_report_that_cannot_be_written_is_refused_before_the_work(gnomon, tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir()
    target = folder / "page.html"
    if os.geteuid() == 0:  # root may write everywhere: a file in place of the folder stops it too
        folder.rmdir()
        folder.write_text("in the way")
    else:
        folder.chmod(0o500)
    run = gnomon("compare", "--measurements", "published", "--report", str(target))
    assert run.code == 3
    assert "cannot be written" in run.err
    assert run.out == ""


def test_a_line_column_of_the_table_itself_is_passed_over(gnomon, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text(HEADER.replace("measured_ms", "measured_ms,line") + "t4,gpt2,forward,1,8,fp16,1,77\n")
    (row,) = gnomon("compare", "--measurements", str(file), "--json").json["rows"]
    assert row["line"] == 2


def test_an_unknown_kind_of_attention_refuses_the_row(gnomon, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    rows = "t4,gpt2,forward,1,8,fp16,1,eager\nt4,gpt2,forward,1,8,fp16,1,flash\n"
    file.write_text(HEADER.replace("measured_ms", "measured_ms,attention") + rows)
    document = gnomon("compare", "--measurements", str(file), "--json").json
    assert document["refused"] == [{"reason": "attention 'flash' is neither fused nor eager", "rows": 1}]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("published",), "compare: published: a table of measurements; write --measurements published"),
        (("./mine.csv",), "compare: ./mine.csv: a table of measurements; write --measurements ./mine.csv"),
        (("--measurements", "published", "--sample", "2"), "compare: --sample is of the rows that --rows prints"),
        (("--measurements", "published", "--rows", "--csv", "--sample", "2"), "compare: --sample is of the rows"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(gnomon, words, line) -> None:
    run = gnomon("compare", *words)
    assert (run.code, run.out) == (2, "")
    assert run.err.startswith(f"gnomon: {line}")


def test_a_column_that_is_passed_over_is_told_with_the_near_one(gnomon, tmp_path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("model,device,mode,batch,precision,measured_ms,sofware\nresnet-50,t4,forward,8,fp16,5.0,x\n")
    run = gnomon("compare", "--measurements", str(file))
    assert "column 'sofware' is not one that is read, and was passed over; did you mean 'software'?" in run.err


def test_json_of_a_scenario_that_nobody_answers_has_its_answers_with_the_reasons(gnomon, tmp_path: Path) -> None:
    file = tmp_path / "wide.yaml"
    file.write_text("schema: gnomon/scenario/1\nmodel: llama-2-70b\non: h100-sxm:8\n")
    run = gnomon("compare", str(file), "--json")
    assert run.code == 4
    (entry,) = run.json["scenarios"]
    assert all(quantity["reasons"] for answer in entry["answers"] for quantity in answer["quantities"])


def test_rows_drawn_again_are_the_same_for_a_seed_and_others_for_another(gnomon):
    def errors(*more):
        return gnomon("compare", "--measurements", "published", "--json", *more).json["overall"]

    plain, one, again, other = errors(), errors("--resample", "1"), errors("--resample", "1"), errors("--resample", "2")
    assert one == again
    assert len({e["median_ape"] for e in (plain, one, other)}) == 3
    assert one["rows"] == plain["rows"]


@pytest.mark.parametrize("words", [("--resample", "x"), ("--resample", "1", "--calibrate", "bands.json")])
def test_a_seed_is_a_whole_number_and_no_rows_to_calibrate_on(gnomon, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = gnomon("compare", "--measurements", "published", *words)
    assert (run.code, len(run.err.splitlines())) == (2, 1)
