"""list, show, check, doctor, help."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gnomon.cli.listing import KINDS
from gnomon.cli.main import VERBS
from gnomon.formats import accelerator_file
from gnomon.formats.device_file import catalogue_names
from tests.onnx_files import relu_onnx


def test_help_names_every_verb_after_an_example(gnomon) -> None:
    run = gnomon("--help")
    assert run.code == 0
    assert run.out.startswith("example:")
    assert all(f"  {verb} " in run.out for verb in VERBS)


def test_help_imports_no_numpy() -> None:
    code = "import sys; from gnomon.cli.main import main; main(['--help']); sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_each_verb_shows_an_example_first(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    from gnomon.cli.main import main

    with pytest.raises(SystemExit) as ended:
        main([verb, "--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.index("example:") < 400


def test_an_unknown_verb_names_the_near_one(gnomon) -> None:
    run = gnomon("pedict")
    assert (run.code, run.out) == (2, "")
    assert "did you mean 'predict'?" in run.err


def test_no_verb_at_all_is_a_usage_error_that_shows_the_help(gnomon) -> None:
    assert gnomon().code == 2


@pytest.mark.parametrize("kind", KINDS)
def test_every_list_can_be_read_by_a_person_and_by_a_program(gnomon, kind: str) -> None:
    assert gnomon("list", kind).code == 0
    document = gnomon("list", kind, "--json").json
    assert document["schema"] == f"gnomon/list-{kind}/1"
    if kind != "adapters":
        assert all(row["name"] for row in document["rows"])


def test_list_models_states_parameters_work_shape_and_source(gnomon) -> None:
    rows = {row["name"]: row for row in gnomon("list", "models", "--json").json["rows"]}
    assert rows["resnet-50"]["parameters"] == 25_557_032
    assert rows["resnet-50"]["flop"] / 2 == pytest.approx(4.09e9, rel=0.01)
    assert all(row["source"] and row["shape"] for row in rows.values())


def test_an_unknown_kind_of_list_names_the_near_one(gnomon) -> None:
    run = gnomon("list", "devicse")
    assert run.code == 2
    assert "did you mean 'devices'?" in run.err


@pytest.mark.parametrize("name", catalogue_names())
def test_show_gives_every_number_of_a_device_with_its_source(gnomon, name: str) -> None:
    for number in gnomon("show", name, "--json").json["numbers"]:
        assert number["source"]
        assert number["kind"] in ("datasheet", "measured", "paper", "assumed")
        assert number["value"] > 0


def test_show_marks_an_overridden_number(gnomon) -> None:
    run = gnomon("show", "t4", "--memory-bandwidth", "250 GB/s", "--json")
    found = {number["field"]: number for number in run.json["numbers"]}
    assert found["memory.bandwidth"]["value"] == 250e9
    assert found["memory.bandwidth"]["kind"] == "override"


def test_show_of_a_model_lists_its_operators(gnomon) -> None:
    document = gnomon("show", "mixtral-8x7b", "--json").json
    assert document["parameters"] == 46_702_792_704
    assert sum(row["parameters"] * row["repeat"] for row in document["operators"]) == document["parameters"]


def test_show_of_a_scenario_gives_its_digest(gnomon) -> None:
    assert gnomon("show", "resnet-50-inference-a100", "--json").json["digests"]["time"]


def test_show_of_nothing_known_is_bad_input(gnomon) -> None:
    run = gnomon("show", "resnet-5O")
    assert run.code == 3
    assert "did you mean 'resnet-50'?" in run.err


def test_check_says_which_engine_answers_a_scenario_and_why_another_does_not(gnomon) -> None:
    run = gnomon("check", "llama-2-7b-chat-h100", "--json")
    verdicts = {row["engine"]: row for row in run.json["engines"]}
    assert run.code == 0
    assert verdicts["roofline"]["answers"]
    assert verdicts["null"]["reasons"]


def test_check_of_a_scenario_that_nobody_answers_is_unsupported(gnomon, tmp_path: Path) -> None:
    file = tmp_path / "wide.yaml"
    file.write_text("schema: gnomon/scenario/1\nmodel: llama-2-70b\non: h100-sxm:8\n")
    run = gnomon("check", str(file))
    assert run.code == 4
    assert "for one device, not for the 8" in run.out


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "schema: gnomon/scenario/1\nmodel: gpt2\non: t4\nbtach: 8\n",
            "s.yaml:4: btach: unknown key; did you mean 'batch'?",
        ),
        (
            "schema: gnomon/scenario/1\nmodel: gpt2\non: t4\non: l4\n",
            "s.yaml:4:1: key 'on' is given twice, first on line 3",
        ),
        ("schema: gnomon/scenario/1\nmodel: gpt2\n", "on: missing"),
        ("schema: gnomon/scenario/2\nmodel: gpt2\non: t4\n", "schema"),
        ("schema: gnomon/scenario/1\nmodel: gpt2\non: t4\nbatch: 0\n", "s.yaml:4: batch"),
        ("schema: gnomon/scenario/1\nmodel: gtp2\non: t4\n", "did you mean 'gpt2'?"),
        ("schema: gnomon/scenario/1\nmodel: gpt2\non: t4\nseq: 5000\n", "5000 tokens are more than the 1024 positions"),
        ("schema: [", "s.yaml"),
        ("", "the file is empty"),
    ],
)
def test_a_wrong_scenario_file_is_named_with_line_and_field(gnomon, tmp_path: Path, text: str, line: str) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(text)
    run = gnomon("check", str(file))
    assert run.code == 3
    assert line in run.err
    assert run.out == ""


def test_doctor_finds_this_installation_sound(gnomon) -> None:
    run = gnomon("doctor", "--json")
    assert run.code == 0
    assert run.json["damage"] == []
    assert not any(part["fault"] for part in run.json["plug_ins"] if part["package"].startswith("gnomon "))


def test_a_closed_pipe_is_no_error() -> None:
    done = subprocess.run(
        f"{sys.executable} -m gnomon list models --json | head -1",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert done.stderr == ""


@pytest.mark.slow
def test_a_narrow_terminal_gets_fewer_columns_and_is_told(tmp_path: Path) -> None:
    """Under `script`, which gives the program a terminal of 80 columns."""
    import shutil

    if shutil.which("script") is None:
        pytest.skip("the program `script` is missing")
    command = f"stty cols 80; {sys.executable} -m gnomon predict resnet-50 --on t4"
    done = subprocess.run(
        ["script", "-qec", command, "/dev/null"],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"NO_COLOR": "1", "TERM": "dumb"},
    )
    lines = done.stdout.replace("\r", "").splitlines()
    assert any("columns left out to fit 80 characters" in line for line in lines)
    assert all(len(line) <= 80 for line in lines if line.startswith(("model", "resnet")))


@pytest.mark.parametrize("kind", ["scenario", "device", "system"])
def test_schema_prints_the_json_schema_of_a_kind_of_file(gnomon, kind: str) -> None:
    assert gnomon("schema", kind).json["title"] == f"gnomon/{kind}/1"


def test_schema_of_an_unknown_kind_names_the_near_one(gnomon) -> None:
    run = gnomon("schema", "scenarios")
    assert run.code == 2
    assert "did you mean 'scenario'?" in run.err


def test_check_of_a_scenario_gives_digest_fit_and_what_is_outside(gnomon, tmp_path: Path) -> None:
    file = tmp_path / "large.yaml"
    file.write_text("schema: gnomon/scenario/1\nmodel: llama-2-70b\non: t4\nmode: decode\ncontext: 8192\n")
    document = gnomon("check", str(file), "--json").json
    (verdict,) = (row for row in document["engines"] if row["engine"] == "roofline")
    assert document["digests"] == gnomon("show", str(file), "--json").json["digests"]
    assert verdict["fits"] is False
    assert any("8192 tokens are more than" in reason for reason in verdict["outside"])
    assert f"digest of tpot: {document['digests']['tpot']}" in gnomon("check", str(file)).out


def test_check_of_an_onnx_file_names_its_open_sizes_and_how_to_give_them(gnomon, tmp_path: Path) -> None:
    file = relu_onnx(tmp_path, ["batch", "frames"])
    run = gnomon("check", file)
    assert run.code == 0
    assert "model relu: sound; 0 parameters in a graph of 1 nodes" in run.out
    assert "open size batch (dimension 0 of x): give --batch N, else it is 1" in run.out
    assert "open size frames (dimension 1 of x): give --size frames=N" in run.out
    (size,) = gnomon("check", file, "--batch", "2", "--json").json["open_sizes"]
    assert size == {"name": "frames", "where": "dimension 1 of x", "option": "--size frames=N"}
    assert "did you mean 'frames'" in gnomon("check", file, "--size", "frame=3").err


def test_show_of_an_onnx_file_takes_its_sizes(gnomon, tmp_path: Path) -> None:
    file = relu_onnx(tmp_path, ["batch", "frames"])
    assert "is open: give it, like --size frames=" in gnomon("show", file).err
    document = gnomon("show", file, "--batch", "3", "--size", "frames=50", "--json").json
    assert (document["flop"], document["shape"]) == (150, "batch 3, frames 50")


def test_show_of_a_model_takes_sizes_and_a_device_does_not(gnomon) -> None:
    assert gnomon("show", "resnet-50", "--batch", "4", "--json").json["shape"] == "4 images of 224 x 224"
    assert gnomon("show", "gpt2", "--seq", "64", "--json").json["shape"] == "1 sequence of 64 tokens"
    run = gnomon("show", "t4", "--batch", "4")
    assert (run.code, "are for models, and this is a device" in run.err) == (2, True)


def test_a_file_in_this_folder_needs_no_path(gnomon, tmp_path: Path, monkeypatch) -> None:
    relu_onnx(tmp_path, [2, 3])
    monkeypatch.chdir(tmp_path)
    assert gnomon("check", "relu.onnx").code == 0


def test_a_graph_fixed_at_a_batch_is_answered_from_a_scenario_as_from_its_file(gnomon, tmp_path: Path) -> None:
    file = relu_onnx(tmp_path, [4, 50])
    scenario = tmp_path / "s.yaml"
    scenario.write_text("schema: gnomon/scenario/1\nmodel: ./relu.onnx\non: t4\n")
    row = gnomon("predict", str(scenario), "--json").json["rows"][0]
    assert row["batch"] == 4
    assert row == gnomon("predict", file, "--on", "t4", "--json").json["rows"][0]
    assert gnomon("show", str(scenario), "--json").json["schema"] == "gnomon/show-scenario/1"


@pytest.mark.parametrize("name", ["resnet-50", "dgx-h100", "llama-2-7b-chat-h100"])
@pytest.mark.parametrize(
    ("flag", "word"),
    [
        ("--device-peak", "300 TFLOP/s"),
        ("--memory-bandwidth", "1 TB/s"),
        ("--memory-capacity", "80 GB"),
        ("--launch-overhead", "4 us"),
        ("--efficiency", "0.5"),
    ],
)
def test_show_refuses_numbers_of_a_device_for_what_is_none(gnomon, name, flag, word) -> None:
    run = gnomon("show", name, flag, word)
    assert run.code == 2
    assert "are for devices, and this is a" in run.err
    assert gnomon("show", "t4", flag, word, "--json").out != gnomon("show", "t4", "--json").out


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("check", "mine.csv"), "mine.csv: a table of measurements; `gnomon compare --measurements mine.csv` reads it"),
        (("predict", "gpt2", "--on", "h1000"), "did you mean 'h100-pcie'? (see `gnomon list devices`"),
        (("predict", "resnet-5", "--on", "t4"), "? (see `gnomon list models`)"),
        (("predct",), "unknown verb 'predct'; did you mean 'predict'? (see `gnomon --help`)"),
        (
            ("report", "sweep.yaml", "-o", "x.html"),
            "`gnomon sweep sweep.yaml` runs it, and a report is made of the folder",
        ),
    ],
)
def test_a_refusal_says_what_to_do(gnomon, tmp_path: Path, monkeypatch, words, line) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.csv").write_text("model,device\n")
    Path("sweep.yaml").write_text("schema: gnomon/sweep/1\nbase: {model: gpt2, on: t4}\nvary: {batch: [1]}\n")
    run = gnomon(*words)
    assert run.code in (2, 3)
    assert line in run.err
    assert run.err.count("\n") == 1


@pytest.mark.parametrize("name", accelerator_file.catalogue_names())
def test_show_gives_memories_dataflow_and_every_number_of_an_accelerator_with_its_source(gnomon, name: str) -> None:
    document = gnomon("show", name, "--json").json
    printed = gnomon("show", name).out
    assert all(number["source"] and number["field"] in printed for number in document["numbers"])
    assert all(memory["name"] in printed for memory in document["memories"])
    assert document["memories"][-1]["keeps"] == ["Inputs", "Outputs", "Weights"]


def test_show_of_an_accelerator_tells_sizes_rates_energies_and_what_may_run_where(gnomon) -> None:
    lines = [" ".join(line.split()) for line in gnomon("show", "eyeriss-like").out.splitlines()]
    assert "weights_spad 14 x 12 192 16 1 2 2 1.2 pJ 1.1 pJ" in lines
    assert "DRAM 1 x 1 unlimited 16 4 8 8 512 pJ 512 pJ" in lines
    assert "weights_spad Weights R, C; C, R innermost" in lines
    assert "ColBus nothing none S, C, M (12)" in lines
    assert "GLB Inputs, Outputs any Q, M (14)" in lines


def test_show_of_a_misspelt_accelerator_names_the_near_one(gnomon) -> None:
    run = gnomon("show", "eyeris-like")
    assert run.code == 3
    assert "did you mean 'eyeriss-like'?" in run.err


def test_check_of_an_accelerator_file_counts_its_numbers_or_names_what_is_wrong(gnomon, tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs/how-to/my-accelerator.yaml").read_text()
    (tmp_path / "a.yaml").write_text(text)
    assert gnomon("check", str(tmp_path / "a.yaml")).out.startswith("accelerator my-accelerator: sound; ")
    (tmp_path / "a.yaml").write_text(text.replace("words: 16\n", "wrods: 16\n"))
    run = gnomon("check", str(tmp_path / "a.yaml"))
    assert run.code == 3
    assert "a.yaml:16: memories.0.wrods: unknown key; did you mean 'words'?" in run.err


def test_options_of_devices_are_refused_for_an_accelerator(gnomon) -> None:
    assert gnomon("show", "eyeriss", "--memory-bandwidth", "1 TB/s").code == 2
