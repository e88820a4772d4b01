"""Work of the products of small models of every new architecture against what their own library's module does, traced."""

import csv
import json
from pathlib import Path

import pytest

import gnomon
from gnomon.core.op import SOFTMAX_FLOP, Attention, GroupedMatMul, MatMul
from gnomon.core.plan import Plan
from gnomon.formats.hf_config import HFConfig

pytestmark = [pytest.mark.torch, pytest.mark.xdist_group("torch")]  # its modules are loaded once, by one worker
torch = pytest.importorskip("torch", reason="torch is not installed (make test EXTRAS=torch)")
transformers = pytest.importorskip("transformers", reason="transformers is not installed (make test EXTRAS=torch)")

CONFIGS = {
    row["name"]: json.loads(row["config"])
    for row in csv.DictReader((Path(__file__).parent / "parameters.csv").read_text(encoding="utf-8").splitlines())
    if row["config"]
}


def _products(workload):
    """flop of products alone: without biases, and without the softmax inside eager attention."""
    total = 0.0
    for node in workload.nodes:
        if node.op.unit != "matrix":
            continue
        op, flop = node.op, node.op.work()[0]
        if isinstance(op, Attention) and not op.is_fused:
            flop -= (SOFTMAX_FLOP + 3.0 * op.has_softcap) * op.batch * op.heads * op.pairs
        if isinstance(op, MatMul) and op.has_bias:
            flop -= op.m * op.n
        if isinstance(op, GroupedMatMul) and op.has_bias:
            flop -= op.tokens * op.chosen * op.n
        total += flop * node.repeat
    return total


# The library gives a windowed layer a mask and computes every pair; without a window, both count the same. It computes
# gpt_oss (sinks) and gemma2 (caps) with eager attention. The rotation of deepseek_v2 has no rule in the reader of modules.
@pytest.mark.parametrize(
    ("name", "changed", "attention"),
    [
        ("config:deepseek-v3-bias", {}, "fused"),
        ("config:qwen3-bias-window", {"use_sliding_window": False}, "fused"),
        ("config:qwen3-moe-sparse-step", {}, "fused"),
        ("config:gpt-oss-no-attention-bias", {"layer_types": ["full_attention"] * 3}, "eager"),
        ("config:gemma-2b", {"num_hidden_layers": 3}, "fused"),
        ("config:gemma-2-2b", {"num_hidden_layers": 2, "layer_types": ["full_attention"] * 2}, "eager"),
        ("config:gemma-3-bias-untied", {"layer_types": ["full_attention"] * 7}, "fused"),
        ("config:phi-qk-norm", {}, "fused"),
        ("config:phi-4-mini", {"num_hidden_layers": 2, "sliding_window": None}, "fused"),
    ],
)
def test_a_small_model_takes_the_flop_of_its_library_s_module(tmp_path, name, changed, attention):
    config = CONFIGS[name] | changed
    file = tmp_path / "config.json"
    file.write_text(json.dumps(config))
    known = HFConfig().read(file).build(Plan(batch=2, seq=64, attention=attention))
    kind, family = config.pop("model_type"), config["architectures"][0]
    written = transformers.AutoConfig.for_model(kind, **config)
    if any(isinstance(node.op, GroupedMatMul) for node in known.nodes):
        written._experts_implementation = "grouped_mm"
    with torch.device("meta"):
        module, tokens = getattr(transformers, family)(written).eval(), torch.zeros(2, 64, dtype=torch.long)
    traced = gnomon.workload(gnomon.from_torch(module, (tokens,), {"use_cache": False}), batch=2)
    assert traced.parameters == known.parameters
    assert _products(known) == pytest.approx(_products(traced), rel=1e-12)
