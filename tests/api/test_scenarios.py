"""What is written is the same question when it is read again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import gnomon
from gnomon.api.questions import Question, question
from gnomon.api.scenarios import read_scenario, scenario_names, write_scenario
from gnomon.zoo.models import models
from tests.onnx_files import relu_onnx

GPU = Path(__file__).parents[2] / "docs/how-to/my-gpu.yaml"


def _digests(asked: Question) -> dict[str, str]:
    return {quantity: scenario.digest for quantity, scenario in asked.scenarios().items()}


def _read_again(asked: Question, folder: Path) -> Question:
    return read_scenario(str(write_scenario(asked, folder / "q.yaml"))).question


@pytest.mark.parametrize("name", models())
def test_every_model_of_the_zoo_is_the_same_question_after_writing(name: str, tmp_path: Path) -> None:
    asked = question(name, "h100", batch=3, overrides=gnomon.Overrides(device_peak="fp16=1 PFLOP/s", efficiency="70 %"))
    assert _digests(_read_again(asked, tmp_path)) == _digests(asked)


@pytest.mark.parametrize("name", scenario_names())
def test_every_scenario_of_the_catalogue_is_the_same_question_after_writing(name: str, tmp_path: Path) -> None:
    asked = read_scenario(name).question
    assert _digests(_read_again(asked, tmp_path)) == _digests(asked)


@pytest.mark.parametrize(
    "options",
    [
        {"mode": "decode", "seq": 77, "weight_dtype": "int4", "kv_dtype": "fp8"},
        {"seq": 100, "context": 300, "attention": "eager", "head": "none"},
        {"mode": "forward+backward+optimizer", "dtype": "float32"},
        {"overrides": gnomon.Overrides(launch_overhead="0 s", memory_bandwidth="2e12", memory_capacity="10 GiB")},
        {"overrides": gnomon.Overrides(device_peak=("9 TFLOP/s", "bf16=1 PFLOP/s"))},
    ],
)
def test_every_option_is_written(options, tmp_path: Path) -> None:
    found = gnomon.predict("gpt2", "l4", **options)
    again = gnomon.predict_scenario(str(found.write_scenario(tmp_path / "q.yaml", title="a title")))
    assert [o.prediction for o in again.outcomes] == [o.prediction for o in found.outcomes]


def test_classes_and_image_are_written(tmp_path: Path) -> None:
    asked = question("resnet-18", "t4", image=448, classes=10)
    assert _digests(_read_again(asked, tmp_path)) == _digests(asked)


def test_files_are_named_from_the_folder_of_the_scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gpus").mkdir()
    (tmp_path / "gpus/mine.yaml").write_text(GPU.read_text())
    (tmp_path / "tiny").mkdir()
    config = {"model_type": "gpt2", "n_layer": 2, "n_embd": 64, "n_head": 2, "vocab_size": 99, "n_positions": 32}
    (tmp_path / "tiny/config.json").write_text(json.dumps(config))
    monkeypatch.chdir(tmp_path)
    asked = question("./tiny", "gpus/mine.yaml:4", seq=16)
    written = write_scenario(asked, "asked/q.yaml")
    text = written.read_text()
    assert "model: ../tiny\n" in text
    assert "on: ../gpus/mine.yaml:4\n" in text
    monkeypatch.chdir(tmp_path / "gpus")
    assert _digests(read_scenario("../asked/q.yaml").question) == _digests(asked)


def test_a_model_made_in_python_cannot_be_named_in_a_file(tmp_path: Path) -> None:
    with pytest.raises(gnomon.BadInput, match="gpt2: made in Python"):
        gnomon.predict(models()["gpt2"], "t4").write_scenario(tmp_path / "q.yaml")


def test_sizes_are_written(tmp_path: Path) -> None:
    asked = question(relu_onnx(tmp_path, ["batch", "frames"]), "t4", sizes={"frames": 7})
    assert read_scenario(str(write_scenario(asked, tmp_path / "q.yaml"))).written.sizes == {"frames": 7}


def test_only_yaml_is_written(tmp_path: Path) -> None:
    with pytest.raises(gnomon.BadInput, match=r"a scenario file ends in \.yaml"):
        gnomon.predict("resnet-50", "t4").write_scenario(tmp_path / "q.json")


def test_a_scenario_in_the_working_directory_names_a_file_beside_it(tmp_path, monkeypatch):
    relu_onnx(tmp_path, ["batch", 4])
    monkeypatch.chdir(tmp_path)
    answer = gnomon.predict("./relu.onnx", "t4", batch=2)
    answer.write_scenario("q.yaml")
    assert gnomon.predict_scenario("q.yaml").value == answer.value
