"""Vidur: what it is given, what is made of what it says, and that its rules are ours."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest

from gnomon.adapters.vidur.engine import Vidur
from gnomon.adapters.vidur.read import read
from gnomon.adapters.vidur.run import run
from gnomon.adapters.vidur.tables import Sizes, along, over, tables
from gnomon.adapters.vidur.translate import is_grouped, missing, trace, translate
from gnomon.api import plugins
from gnomon.core.errors import BadInput, ToolError, ToolMissing, Unsupported
from gnomon.core.service import StepTimes
from gnomon.core.tool import Limits, OutsideTool
from gnomon.engines.serving.simulate import simulate
from tests.adapters.services import (
    FAULTS,
    FEW,
    arrivals,
    flat_times,
    gives,
    needs,
    recorded,
    runs,
    scenario,
    scenarios,
    service,
    stand_in,
)

pytestmark = pytest.mark.xdist_group("compiled")  # by one worker, which compiles what the others need not
ROUNDED_NOWHERE = ("vidur-vllm", "three-replicas")  # recorded runs in which no size is rounded
RECORDED = {
    "vidur-vllm": service(),
    "sarathi": service("sarathi"),
    "orca": service("orca", blocks=128),
    "two-stages": service("sarathi", stages=2),
    "three-replicas": service(replicas=3),
}
LLAMA = scenario(requests=2).workload


def options(made, stream=FEW, workload=LLAMA):
    return json.loads(translate(made, stream, workload, 64)["options.json"])


def figures(name, stream=FEW, grouped=False):
    return read(recorded(f"vidur/{name}"), RECORDED[name], stream, kv_step=64, is_grouped=grouped)


def engine(made=None, stream=FEW):
    """An adapter that is given this service whatever the scenario."""
    return Vidur(lambda settings: lambda asked: (made or service(), stream))


def test_between_and_beyond_points_times_are_linear():
    grid, values = np.array([10, 20, 40]), np.array([1.0, 2.0, 3.0])
    assert along(np.array([10, 15, 30, 60]), grid, values).tolist() == [1.0, 1.5, 2.5, 4.0]
    assert along(np.array([0]), grid, np.array([1.0, 9.0, 9.0])).tolist() == [0.0]  # never below zero
    plane = np.array([[0.0, 1.0], [10.0, 11.0]])
    assert over(np.array([1, 2]), np.array([5]), np.array([0, 10]), np.array([0, 10]), plane).tolist() == [[1.5], [2.5]]


def test_tables_hold_the_sizes_that_it_looks_up():
    sizes = Sizes(step_tokens=20, decodes=3, chunk=70, request_tokens=100, kv_step=64, starts_whole=False)
    found = tables(flat_times(), sizes)
    assert (len(found["stage_ms"]), found["decode_kv"], len(found["decode_ms"])) == (3, [64, 128], 3)
    assert found["stage_ms"] == pytest.approx([5.0] * 3)
    assert [row[0] for row in found["decode_ms"]] == pytest.approx([0.1, 0.2, 0.3])
    assert [(kv, chunk) for kv, chunk, _ in found["prefill"]] == [
        (64, 32), (128, 32), (64, 64), (128, 64), (128, 96),
    ]  # fmt: skip
    assert [ms for *_, ms in found["prefill"]] == pytest.approx([0.64, 0.64, 1.28, 1.28, 1.92])


def test_whole_prompts_have_nothing_before_them():
    sizes = Sizes(step_tokens=8, decodes=1, chunk=64, request_tokens=1000, kv_step=64, starts_whole=True)
    assert all(kv <= chunk + 64 for kv, chunk, _ in tables(flat_times(), sizes)["prefill"])


def test_service_is_told_by_pool_blocks_and_limits():
    found = options(service(stages=2, replicas=3))
    assert (found["scheduler"], found["stages"], found["replicas"], found["router"]) == ("vllm", 2, 3, "round_robin")
    assert found["cache"] == {"block_size": 16, "num_blocks": 64, "watermark_blocks_fraction": 0.01}
    assert found["limits"] == {"batch_size_cap": 4, "max_tokens_in_batch": 1024}
    assert options(service("sarathi"))["limits"] == {"batch_size_cap": 4, "chunk_size": 96}
    assert options(service("orca"))["limits"] == {"batch_size_cap": 4}


def test_grouped_queries_are_told():
    assert not is_grouped(LLAMA)
    assert is_grouped(scenario("llama-3-8b", requests=2).workload)


def test_trace_keeps_every_digit():
    rows = trace(arrivals([0.1 + 0.2, 1 / 3], [8, 9], [2, 1])).splitlines()
    assert rows == [
        "Date,Time,PromptTokenCount,CompletionTokenCount",
        "2000-01-01,0.30000000000000004,8,2",
        "2000-01-01,0.3333333333333333,9,1",
    ]


def test_translation_is_the_same_each_time():
    assert translate(service(), FEW, LLAMA, 64) == translate(service(), FEW, LLAMA, 64)


@pytest.mark.parametrize(
    ("made", "stream", "told"),
    [
        (service("vllm-v1"), FEW, "vidur knows no policy vllm-v1 (it knows vidur-vllm, sarathi, orca)"),
        (service(blocks=19), FEW, "needs 20 free blocks of the KV cache, and a replica has 19"),
        (service("orca", blocks=31), FEW, "needs 32 free blocks"),
        (service(), arrivals([0.0], [1025], [1]), "a prompt of 1,025 tokens is more than a step takes (1,024)"),
        (service(most_open=3), FEW, "knows no closed loop"),
        (service(), arrivals([0.0, 1.0], [8, 8], [1, 1], after=np.array([-1, 0])), "wait for the ends of others"),
    ],
)
def test_what_it_cannot_be_asked_is_told_in_words(made, stream, told):
    assert told in " ".join(missing(made, stream))
    with pytest.raises(Unsupported):
        engine(made, stream).predict(scenario(requests=2))


@pytest.mark.slow
@pytest.mark.parametrize("name", ROUNDED_NOWHERE)
def test_recorded_runs_are_what_our_simulator_makes_of_the_same_service(name):
    said = json.loads(recorded(f"vidur/{name}")["result.json"])
    ours = simulate(RECORDED[name], FEW).requests
    assert said["ttft_s"] == pytest.approx((ours.first_token_s - ours.arrived_s).tolist(), rel=1e-12)
    assert said["e2e_s"] == pytest.approx((ours.completed_s - ours.arrived_s).tolist(), rel=1e-12)


def test_orca_of_the_tool_forgets_the_attention_of_prompts():
    said = json.loads(recorded("vidur/orca")["result.json"])
    ours = simulate(RECORDED["orca"], FEW).requests
    assert said["ttft_s"][0] == pytest.approx(5e-3)  # a step, and nothing for its 128 tokens
    assert float(ours.first_token_s[0]) == pytest.approx(5e-3 + 128 * 20e-6)
    assert "leaves out the attention of prompts under orca" in figures("orca").outside[0]


def test_figures_are_means_over_requests():
    said = json.loads(recorded("vidur/vidur-vllm")["result.json"])
    found = figures("vidur-vllm")
    assert found.ttft_s == pytest.approx(sum(said["ttft_s"]) / 6)
    assert found.e2e_s == pytest.approx(sum(said["e2e_s"]) / 6)
    after = [(e2e - ttft) / (answer - 1) for e2e, ttft, answer in zip(said["e2e_s"], said["ttft_s"], FEW.decode_tokens, strict=True) if answer > 1]  # fmt: skip
    assert found.tpot_s == pytest.approx(sum(after) / 5)
    assert (found.version, found.outside) == ("0.0.26", ())
    assert any("adds a tenth" in line for line in figures("vidur-vllm", grouped=True).assumptions)


def test_what_is_left_out_of_its_answer_is_an_error():
    with pytest.raises(ToolError, match="vidur told of 6 requests, and 1 came"):
        figures("vidur-vllm", arrivals([0.0], [8], [2]))
    said = json.loads(recorded("vidur/vidur-vllm")["result.json"])
    said["ttft_s"][3] = float("nan")
    with pytest.raises(ToolError, match="no time of the first token for 1 requests"):
        read({"result.json": json.dumps(said)}, service(), FEW, kv_step=64, is_grouped=False)


def test_total_of_zero_is_refused(tmp_path, monkeypatch):
    said = json.loads(recorded("vidur/vidur-vllm")["result.json"])
    said |= {name: [0.0] * 6 for name in ("ttft_s", "e2e_s", "waiting_s")}
    (tmp_path / "zero.json").write_text(json.dumps(said))
    stand_in(Vidur, tmp_path, f"cp {tmp_path}/zero.json result.json", monkeypatch)
    with pytest.raises(ToolError, match="vidur gave 0 s for the time to first token: something was not counted"):
        engine().predict(scenario(requests=2))


@pytest.mark.parametrize(("script", "told"), FAULTS.items())
def test_faults_of_the_tool_are_told_apart(script, told, tmp_path, monkeypatch):
    stand_in(Vidur, tmp_path, script, monkeypatch)
    with pytest.raises(ToolError, match=told) as fault:
        engine().predict(scenario(requests=2))
    assert "vidur" in str(fault.value)
    assert isinstance(fault.value, ToolMissing) == (not script)


def test_quantities_of_a_service_come_from_one_run(tmp_path, monkeypatch):
    stand_in(Vidur, tmp_path, gives("vidur/vidur-vllm"), monkeypatch)
    asked = scenarios(requests=2)
    found = engine().predict_many(list(asked.values()))
    assert runs(tmp_path) == 1
    assert [part.name for part in found[2].parts] == ["waiting", "prompt", "answer"]
    assert sum(part.value for part in found[2].parts) == pytest.approx(found[2].value)
    assert found[0].provenance.version.startswith("0.0.26, driven by gnomon ")


def test_settings_are_checked(tmp_path):
    assert engine().tuned({"kv_step": "64"})._kv_step == 64
    for settings, told in (({"kv_step": "50"}, "not a multiple of 32"), ({"kv_setp": "64"}, "did you mean 'kv_step'")):
        with pytest.raises(BadInput, match=told):
            engine().tuned(settings)


def test_it_is_an_engine_and_a_tool_with_services_of_the_serving_engine():
    found = plugins.tuned("vidur", {"software": "none"})
    assert isinstance(found, Vidur)
    assert isinstance(found, OutsideTool)
    asked = scenario(policy="vidur-vllm", requests=2)
    made, stream = found._service_source()(asked)
    assert isinstance(made.pools[0].times, StepTimes)
    assert (len(stream), made.pools[0].batching.policy) == (2, "vidur-vllm")
    with pytest.raises(BadInput, match=r"vidur\.timer: .*no engine 'kernell'"):
        plugins.tuned("vidur", {"timer": "kernell", "software": "none"})


@needs(Vidur)
@pytest.mark.tool
@pytest.mark.parametrize("name", RECORDED)
def test_the_tool_itself_says_what_is_recorded(name):
    said = json.loads(run("vidur", Vidur.pin, translate(RECORDED[name], FEW, LLAMA, 64), Limits())["result.json"])
    assert said == json.loads(recorded(f"vidur/{name}")["result.json"])


@needs(Vidur)
@pytest.mark.tool
def test_eviction_which_it_does_not_survive_is_told():
    with pytest.raises(ToolError, match="a request was evicted from the KV cache"):
        run("vidur", Vidur.pin, translate(service(blocks=24), FEW, LLAMA, 64), Limits())


@needs(Vidur)
@pytest.mark.tool
@pytest.mark.parametrize("name", ["P01_pip_vllm_python", "P03_pip_sarathi512_python"])
def test_runs_of_the_tool_with_its_own_tables_are_made_again(name, shared):
    """250 requests on tables that it had trained, given as times of steps."""
    folder = shared / "reference" / "vidur" / "runs" / name
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    with (folder / "trace.csv").open() as file:
        rows = list(csv.DictReader(file))
    with (folder / "requests.csv").open() as file:
        wanted = list(csv.DictReader(file))
    about = json.loads((folder / "summary.json").read_text())
    stream = arrivals(
        *([float(row[key]) for row in rows] for key in ("arrived_at", "num_prefill_tokens", "num_decode_tokens"))
    )
    made = service("sarathi" if about["scheduler"] == "sarathi" else "vidur-vllm", times=_its_own(folder))
    batching = replace(
        made.pools[0].batching,
        most_requests=about["batch_size_cap"],
        most_tokens=about["max_tokens_in_batch"],
        chunk_tokens=about["chunk_size"],
    )
    pool = replace(made.pools[0], kv_blocks=int(about["num_blocks"]), batching=batching)
    files = translate(replace(made, pools=(pool,), sequence_tokens=4096), stream, LLAMA, about["kv_granularity"])
    said = json.loads(run("vidur", Vidur.pin, files, Limits())["result.json"])
    for ours, theirs in (("ttft_s", "ttft"), ("e2e_s", "e2e")):
        assert said[ours] == pytest.approx([float(row[theirs]) for row in wanted], rel=1e-11)


def _its_own(folder):
    """Its tables as times of steps: 32 layers, in ms."""
    with np.load(folder / "tables.npz") as found:
        table = dict(found)
    of_layers = 32e-3
    names = [name for name in table if name.startswith("op_") and name != "op_attn_kv_cache_save"]
    chunks, before, step = table["attn_prefill_k1"], np.arange(0, 4096, 32), 64
    kv = np.minimum(-(-(before[:, None] + chunks) // step), table["attn_prefill"].shape[0] - 1)
    prefill = table["attn_prefill"][kv, np.arange(len(chunks))]
    return StepTimes(
        tokens=np.arange(1, 4097),
        by_tokens_s=sum(table[name] for name in names) * of_layers,
        first_s=np.zeros(4096),
        send_s=np.zeros(4096),
        sampled=np.array([1]),
        last_s=np.zeros(1),
        decodes=table["attn_decode_k0"],
        decode_kv=table["attn_decode_k1"],
        decode_s=table["attn_decode"] * of_layers,
        before=before,
        chunks=chunks,
        prefill_s=prefill * of_layers,
    )
