"""AIConfigurator: what it is asked, what is made of what it says."""

import json

import pytest

import gnomon
from gnomon.adapters.aiconfigurator.engine import AIConfigurator
from gnomon.adapters.aiconfigurator.names import SYSTEMS
from gnomon.adapters.aiconfigurator.read import read
from gnomon.adapters.aiconfigurator.run import run
from gnomon.adapters.aiconfigurator.translate import missing, translate
from gnomon.api import plugins
from gnomon.catalogue import names
from gnomon.core.errors import ToolError, ToolMissing
from gnomon.core.tool import Limits, OutsideTool
from gnomon.tools.serving.stream import said_in
from tests.adapters.services import FAULTS, gives, needs, recorded, runs, scenario, scenarios, stand_in

ASKED = {"on": "h100-sxm", "qps": 8.0}  # what lies in `recorded`


def asked(**options):
    named = {"model": "llama-2-7b", "on": "h100-sxm"} | options
    return scenario(named.pop("model"), named.pop("on"), **named)


def files(**options):
    made = asked(**options)
    found = translate(made, said_in(made.plan.serving))
    return json.loads(found["options.json"]), json.loads(found["config.json"])


def told(output, **options):
    made = asked(**(ASKED | options))
    return read(output, made, said_in(made.plan.serving))


def test_model_is_given_as_hugging_face_writes_it():
    options, config = files()
    assert config["architectures"] == ["LlamaForCausalLM"]
    assert (config["num_hidden_layers"], config["hidden_size"], config["intermediate_size"]) == (32, 4096, 11008)
    assert options["estimate"]["system_name"] == "h100_sxm"
    assert options["estimate"]["backend_name"] == "vllm"
    assert (options["estimate"]["isl"], options["estimate"]["osl"], options["rate_per_s"]) == (
        512,
        64,
        pytest.approx(2),
    )
    assert "moe_ep_size" not in options["estimate"]


def test_architecture_is_the_closest():
    assert files(model="qwen2.5-7b")[1]["architectures"] == ["Qwen2ForCausalLM"]
    assert files(model="qwen3-32b", on="hgx-h100:2", tp=2)[1]["architectures"] == ["Qwen3ForCausalLM"]


def test_experts_are_divided_or_shared():
    for ep, found in ((1, (4, 1)), (4, (1, 4))):
        options, config = files(model="mixtral-8x7b", on="hgx-h100:4", tp=4, ep=ep)
        assert (options["estimate"]["moe_tp_size"], options["estimate"]["moe_ep_size"]) == found
        assert (config["num_local_experts"], config["num_experts_per_tok"]) == (8, 2)


def test_formats_are_those_that_it_names():
    kept = files(dtype="fp8")[0]["estimate"]
    assert (kept["gemm_quant_mode"], kept["kvcache_quant_mode"]) == ("fp8", "bfloat16")
    short = files(weight_dtype="int4", kv_dtype="fp8")[0]["estimate"]
    assert (short["gemm_quant_mode"], short["kvcache_quant_mode"]) == ("int4_wo", "fp8")


def test_chunk_is_at_most_a_prompt():
    assert files(max_num_batched_tokens=256)[0]["estimate"]["ctx_tokens"] == 256
    assert files(max_num_batched_tokens=8192)[0]["estimate"]["ctx_tokens"] == 512


def test_devices_are_of_the_catalogue():
    assert set(SYSTEMS) <= set(names("devices"))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"on": "h100-pcie"}, "no measurements of h100-pcie"),
        ({"policy": "sarathi"}, "knows no policy sarathi"),
        ({"model": "deepseek-v2"}, "it has latent attention"),
        ({"model": "gpt2"}, "no MLP without a gate"),
        ({"dtype": "fp32"}, "no products in fp32"),
        ({"weight_dtype": "fp4"}, "no weights in fp4"),
        ({"on": "hgx-h100:4", "tp": 3}, "32 heads cannot be divided by 3"),
        ({"overrides": gnomon.Overrides(memory_bandwidth="1 TB/s")}, "its own measurements of the device"),
    ],
)
def test_what_it_cannot_be_asked_is_told_in_words(options, told):
    made = asked(**options)
    assert told in " ".join(missing(made, said_in(made.plan.serving)))


def test_recorded_figures_are_at_the_batch_that_the_rate_brings():
    found = told(recorded("aiconfigurator/llama-2-7b"))
    # 8 requests/s: between 4 under way, of which each stays 0.5310 s (4.25 come), and 8, of which each stays 0.5597 s (4.48).
    low, high = 531.0001067343442e-3, 559.746234323247e-3
    share = (8 * low - 4) / (4 - 8 * (high - low))
    assert found.e2e_s == pytest.approx(low + share * (high - low))
    assert found.ttft_s == pytest.approx((48.98898055590994 + share * (54.15315712033921 - 48.98898055590994)) / 1e3)
    assert found.version == "0.12.0 (vllm 0.24.0)"
    assert "15% of the steps' time is not from measured tables alone" in found.outside


def test_more_load_than_capacity_is_told():
    assert "(the plan allows no more)" in told(recorded("aiconfigurator/llama-2-7b"), qps=100.0).outside[0]


def test_nothing_that_fits_is_an_error():
    nothing = {"version": "0.12.0", "backend": "", "steps": [], "full": "a batch of 1 does not fit in its memory"}
    with pytest.raises(ToolError, match="gave no estimate: a batch of 1 does not fit"):
        told({"result.json": json.dumps(nothing)})


def test_total_of_zero_is_refused(tmp_path, monkeypatch):
    said = json.loads(recorded("aiconfigurator/llama-2-7b")["result.json"])
    for step in said["steps"]:
        step["tpot_ms"] = 0.0
    (tmp_path / "zero.json").write_text(json.dumps(said))
    stand_in(AIConfigurator, tmp_path, f"cp {tmp_path}/zero.json result.json", monkeypatch)
    with pytest.raises(ToolError, match="gave 0 s for the time per output token: something was not counted"):
        AIConfigurator().predict(asked(**ASKED, quantity="ttft"))


@pytest.mark.parametrize(("script", "told"), FAULTS.items())
def test_faults_of_the_tool_are_told_apart(script, told, tmp_path, monkeypatch):
    stand_in(AIConfigurator, tmp_path, script, monkeypatch)
    with pytest.raises(ToolError, match=told) as fault:
        AIConfigurator().predict(asked())
    assert "aiconfigurator" in str(fault.value)
    assert isinstance(fault.value, ToolMissing) == (not script)


def test_quantities_of_a_service_come_from_one_run(tmp_path, monkeypatch):
    stand_in(AIConfigurator, tmp_path, gives("aiconfigurator/llama-2-7b"), monkeypatch)
    made = scenarios("llama-2-7b", **ASKED)
    found = AIConfigurator().predict_many(list(made.values()))
    assert runs(tmp_path) == 1
    assert [one.quantity for one in found] == ["ttft", "tpot", "e2e"]
    assert found[2].value == pytest.approx(found[0].value + 63 * found[1].value)


def test_it_is_an_engine_and_a_tool():
    assert isinstance(plugins.engine("aiconfigurator"), AIConfigurator)
    assert isinstance(AIConfigurator(), OutsideTool)


@needs(AIConfigurator)
@pytest.mark.tool
@pytest.mark.slow
def test_the_tool_itself_says_what_is_recorded():
    made = asked(**ASKED)
    given = translate(made, said_in(made.plan.serving))
    said = json.loads(run("aiconfigurator", AIConfigurator.pin, given, Limits())["result.json"])
    assert said == json.loads(recorded("aiconfigurator/llama-2-7b")["result.json"])


@needs(AIConfigurator)
@pytest.mark.tool
def test_what_it_has_no_measurements_for_is_told_in_its_words():
    with pytest.raises(ToolError, match=r"gave no estimate: .*GEMM perf data missing for quant 'int4_wo'"):
        AIConfigurator().predict(asked(weight_dtype="int4"))
