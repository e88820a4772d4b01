"""Parameter counts against the models' own libraries (parameters.csv: library, version and class of every row)."""

import csv
import json
from pathlib import Path

import pytest

from gnomon.core.plan import Plan
from gnomon.formats.hf_config import HFConfig
from gnomon.zoo.models import model, models

ROWS = list(csv.DictReader((Path(__file__).parent / "parameters.csv").read_text(encoding="utf-8").splitlines()))
NAMED = [row for row in ROWS if not row["name"].startswith("config:")]
WITH_CONFIG = [row for row in ROWS if row["config"]]


def test_every_model_of_the_zoo_has_a_published_count():
    assert {row["name"] for row in NAMED} == set(models())


@pytest.mark.parametrize("row", NAMED, ids=lambda row: row["name"])
def test_model_has_exactly_the_parameters_of_its_library(row):
    assert model(row["name"]).build(Plan(batch=1)).parameters == int(row["parameters"])


@pytest.mark.parametrize("row", WITH_CONFIG, ids=lambda row: row["name"])
def test_configuration_gives_exactly_the_parameters_of_its_library(row, tmp_path):
    file = tmp_path / "model.json"
    file.write_text(row["config"])
    assert HFConfig().read(file).build(Plan(batch=1, seq=1)).parameters == int(row["parameters"])


@pytest.mark.parametrize("row", [row for row in NAMED if row["config"]], ids=lambda row: row["name"])
def test_model_and_its_configuration_do_the_same_work(row, tmp_path):
    file = tmp_path / f"{row['name']}.json"
    file.write_text(row["config"])
    plan = Plan(batch=2, seq=16)
    assert HFConfig().read(file).build(plan).digest == model(row["name"]).build(plan).digest


# One row of every architecture and of every odd field, each small enough to describe in a second.
_RECOUNTED = (
    "bert-base",
    "gpt2",
    "opt-350m",
    "llama-3-8b",
    "mixtral-8x7b",
    "qwen2.5-7b",
    "config:llama-both-biases-tied",
    "config:mistral-7b-window",
    "config:gpt2-n-inner-untied",
    "config:bert-base-mlm",
    "config:bert-base-classifier",
    "config:bert-base-pretraining",
    "config:opt-no-bias-no-affine-projected",
    "config:mixtral-head-dim",
    "config:deepseek-v3-bias",
    "config:deepseek-v2-tied",
    "config:qwen3-bias-window",
    "config:qwen3-moe-sparse-step",
    "config:gpt-oss-no-attention-bias",
    "config:gemma-2b",
    "config:gemma-2-2b",
    "config:gemma-3-bias-untied",
    "config:phi-qk-norm",
    "config:phi-4-mini",
)


@pytest.mark.torch
@pytest.mark.xdist_group("torch")
@pytest.mark.parametrize("name", _RECOUNTED)
def test_library_still_counts_what_the_table_says(name):
    torch = pytest.importorskip("torch", reason="torch is not installed (make test EXTRAS=torch)")
    transformers = pytest.importorskip("transformers", reason="transformers is not installed (make test EXTRAS=torch)")
    (row,) = (row for row in ROWS if row["name"] == name)
    config = json.loads(row["config"])
    config.pop("quantization_config", None)  # the library would ask for the packages that unpack it
    written = transformers.AutoConfig.for_model(config.pop("model_type"), **config)
    with torch.device("meta"):
        network = getattr(transformers, row["class"])(written)
    assert sum(parameter.numel() for parameter in network.parameters()) == int(row["parameters"])
