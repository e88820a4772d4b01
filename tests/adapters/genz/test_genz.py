"""GenZ: what it is asked, what is made of what it says."""

import json

import pytest

from gnomon.adapters.genz.engine import GenZ
from gnomon.adapters.genz.read import read
from gnomon.adapters.genz.run import run
from gnomon.adapters.genz.translate import missing, translate
from gnomon.api import plugins
from gnomon.core.errors import ToolError, ToolMissing, Unsupported
from gnomon.core.tool import Limits, OutsideTool
from gnomon.tools.serving.stream import said_in
from tests.adapters.services import FAULTS, gives, needs, recorded, runs, scenario, scenarios, stand_in

GIB = 2**30
ASKED = {"qps": 40.0}  # what lies in `recorded`


def options(asked):
    return json.loads(translate(asked, said_in(asked.plan.serving))["options.json"])


def reasons(asked):
    return " ".join(missing(asked, said_in(asked.plan.serving)))


def told(output, **options):
    asked = scenario(**(ASKED | options))
    return read(output, asked, said_in(asked.plan.serving))


def changed(change):
    said = json.loads(recorded("genz/llama-2-7b")["result.json"])
    change(said)
    return {"result.json": json.dumps(said)}


def test_model_and_device_are_given_by_numbers():
    found = options(scenario())
    assert found["model"]["num_decoder_layers"] == 32
    assert (found["model"]["num_ffi"], found["model"]["head_dim"]) == (2, 128)
    assert found["system"]["Flops"] == 312
    # What it calls a GB is 2^30 bytes, of memory and of bandwidths.
    assert found["system"]["Memory_BW"] * GIB == pytest.approx(2039e9)
    assert found["system"]["Memory_size"] * GIB == pytest.approx(0.9 * 80e9)
    assert (found["prompt"], found["answer"], found["rate_per_s"]) == (512, 64, pytest.approx(2.0))


def test_peak_of_a_short_format_comes_out_as_the_device_has_it():
    found = options(scenario(on="h100-sxm", dtype="fp8"))
    half = 0.5  # of the time of 16 bits, is how it counts fp8
    assert found["bits"] == "fp8"
    assert found["system"]["Flops"] * 1e12 / half == scenario(on="h100-sxm").system.device.peak("fp8", True).value


def test_link_is_the_slowest_between_the_devices_of_a_replica():
    within, across = (
        options(scenario(on="hgx-h100:8x2", tp=8, pp=stages, requests=4))["system"]["ICN"] * GIB for stages in (1, 2)
    )
    system = scenario(on="hgx-h100:8x2", requests=2).system
    assert within == pytest.approx(system.dimensions[0].bandwidth_bytes_per_s.value)
    assert across == pytest.approx(system.dimensions[1].bandwidth_bytes_per_s.value)


def test_shared_experts_divide_attention_too():
    found = options(scenario("mixtral-8x7b", "hgx-h100:4", tp=4, ep=4))
    assert (found["tp"], found["ep"]) == (1, 4)
    assert options(scenario("mixtral-8x7b", "hgx-h100:4", tp=4))["tp"] == 4


def test_batches_end_at_what_can_be_under_way():
    assert options(scenario(requests=5))["batches"] == [1, 2, 4, 5]
    assert options(scenario(max_num_seqs=3))["batches"] == [1, 2, 3]
    assert options(scenario(on="hgx-a100:4", requests=5))["batches"] == [1, 2]  # four replicas


def test_translation_is_the_same_each_time():
    asked = scenario()
    stream = said_in(asked.plan.serving)
    assert translate(asked, stream) == translate(asked, stream)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"model": "deepseek-v2"}, "it has latent attention"),
        ({"weight_dtype": "int4"}, "in one format, and here the weights are in int4"),
        ({"kv_dtype": "fp8"}, "here the KV cache is in fp8"),
        ({"dtype": "fp8"}, "a100-sxm-80gb has no unit for fp8"),
        ({"tp": 2}, "does not describe what joins 2 devices"),
        ({"on": "hgx-a100:4", "tp": 3}, "32 heads cannot be divided by 3"),
    ],
)
def test_what_it_cannot_be_asked_is_told_in_words(options, told):
    named = {"model": "llama-2-7b", "on": "a100-sxm-80gb"} | options
    assert told in reasons(scenario(named.pop("model"), named.pop("on"), **named))


def test_recorded_figures_are_at_the_batch_that_the_rate_brings():
    found = told(recorded("genz/llama-2-7b"))
    assert found.ttft_s == pytest.approx(22.55546126441026e-3)
    # Between 16 and 32 under way: b = 40 / s * (ttft + 63 tpot(b)), tpot linear from 8.72552782 to 10.97035199 ms.
    slope = (10.970351994420433 - 8.72552782457657) / 16 * 1e-3
    under_way = 40 * (found.ttft_s + 63 * (8.72552782457657e-3 - 16 * slope)) / (1 - 40 * 63 * slope)
    assert 16 < under_way < 32
    assert found.tpot_s == pytest.approx(8.72552782457657e-3 + (under_way - 16) * slope)
    assert found.e2e_s == pytest.approx(found.ttft_s + 63 * found.tpot_s)
    assert found.outside == ()
    assert f"{under_way:.3g} requests under way" in found.assumptions[-1]


def test_more_load_than_capacity_is_told():
    found = told(recorded("genz/llama-2-7b"), qps=400.0)
    assert "400 requests/s are more than a steady state of 32 under way takes" in found.outside[0]
    full = changed(lambda said: said.update(full="All params would not fit on chip."))
    assert "memory holds no more" in told(full, qps=400.0).outside[0]


def test_mixtures_are_marked():
    found = read(
        recorded("genz/llama-2-7b"),
        asked := scenario("mixtral-8x7b", "hgx-h100:4", tp=4),
        said_in(asked.plan.serving),
    )
    assert "reads the experts that one token chooses" in found.outside[0]


def test_a_model_that_does_not_fit_is_an_error():
    nothing = {"version": "0.0.16", "prefill": None, "steps": [], "full": "All params would not fit on chip.\nSystem"}
    with pytest.raises(ToolError, match="genz gave no step: All params would not fit on chip"):
        told({"result.json": json.dumps(nothing)})


def test_total_of_zero_is_refused(tmp_path, monkeypatch):
    def zero(said):
        said["prefill"]["ms"] = 0.0

    (tmp_path / "zero.json").write_text(changed(zero)["result.json"])
    stand_in(GenZ, tmp_path, f"cp {tmp_path}/zero.json result.json", monkeypatch)
    with pytest.raises(ToolError, match="genz gave 0 s for the time to first token: something was not counted"):
        GenZ().predict(scenario(**ASKED, quantity="ttft"))


@pytest.mark.parametrize(("script", "told"), FAULTS.items())
def test_faults_of_the_tool_are_told_apart(script, told, tmp_path, monkeypatch):
    stand_in(GenZ, tmp_path, script, monkeypatch)
    with pytest.raises(ToolError, match=told) as fault:
        GenZ().predict(scenario())
    assert "genz" in str(fault.value)
    assert isinstance(fault.value, ToolMissing) == (not script)


def test_no_answer_in_time_is_told(tmp_path, monkeypatch):
    stand_in(GenZ, tmp_path, "exec sleep 60", monkeypatch)
    with pytest.raises(ToolError, match=r"genz was stopped: no answer within 0\.3 s"):
        run("genz", GenZ.pin, {}, Limits(time_s=0.3))


def test_quantities_of_a_service_come_from_one_run(tmp_path, monkeypatch):
    stand_in(GenZ, tmp_path, gives("genz/llama-2-7b"), monkeypatch)
    asked = scenarios(**ASKED)
    found = dict(zip(asked, GenZ().predict_many(list(asked.values())), strict=True))
    assert runs(tmp_path) == 1
    assert found["e2e"].value == pytest.approx(found["ttft"].value + 63 * found["tpot"].value)
    assert [(part.name, part.kind) for part in found["e2e"].parts] == [("prompt", "mixed"), ("answer", "mixed")]
    assert sum(part.value for part in found["e2e"].parts) == pytest.approx(found["e2e"].value)
    assert found["tpot"].provenance.version.startswith("0.0.16, driven by gnomon ")
    assert all(one.unit == "s" and one.interval is None and one.fits for one in found.values())


def test_a_single_pass_and_a_service_without_requests_are_declined():
    from gnomon.api.questions import question

    (single,) = question("llama-2-7b", "a100-sxm-80gb", mode="prefill").scenarios().values()
    assert GenZ().missing(single) == ("genz answers for services alone: use mode serve",)
    with pytest.raises(Unsupported, match="use mode serve"):
        GenZ().predict(single)
    assert "does not say them" in GenZ(lambda plan: None).missing(scenario())[0]
    assert "no answer has a second token" in GenZ().missing(scenario(answers=1, quantity="tpot"))[0]


def test_it_is_an_engine_and_a_tool():
    assert isinstance(plugins.engine("genz"), GenZ)
    assert isinstance(GenZ(), OutsideTool)


@needs(GenZ)
@pytest.mark.tool
def test_the_tool_itself_says_what_is_recorded():
    asked = scenario(**ASKED)
    stream = said_in(asked.plan.serving)
    said = json.loads(run("genz", GenZ.pin, translate(asked, stream), Limits())["result.json"])
    assert said == json.loads(recorded("genz/llama-2-7b")["result.json"])
