"""gnomon serve run, gnomon serve capacity and gnomon predict --mode serve, as a user calls them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import polars as pl
import pytest

pytestmark = pytest.mark.xdist_group("compiled")
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "json.md"
SET = ("--set", "serving.timer=roofline", "--set", "serving.software=none")
SERVICE = """schema: gnomon/scenario/1
model: llama-2-7b
on: h100-sxm
mode: serve
usd_per_device_hour: 2
traffic:
  qps: 10
  prompts: 300
  answers: 20
  requests: 60
"""
TRACE = "arrived_at,num_prefill_tokens,num_decode_tokens\n0,100,10\n1,200,20\n3,300,2\n"


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("service.yaml").write_text(SERVICE)
    Path("t.csv").write_text(TRACE)


def test_a_person_reads_times_throughput_and_cost(gnomon):
    run = gnomon("serve", "run", "service.yaml", *SET, "--slo", "ttft=1s,tpot=1us")
    assert run.code == 0
    for text in ("TTFT mean of requests", "waiting", "60 of 60 requests through in", "USD per million answer tokens"):
        assert text in run.out
    assert "1 replica by the rules of vLLM" in run.out
    assert "goodput: 0.0 % of all requests keep ttft <= 1.00 s, tpot <= 1.00 us, 0 request/s" in run.out


def test_files_are_written_and_json_has_the_answer(gnomon):
    files = ("--requests", "r.csv", "--series", "s.parquet", "--decisions", "d.csv", "--timeline", "t.json")
    run = gnomon("serve", "run", "service.yaml", *SET, "--slo", "ttft=1s", *files, "--json")
    assert (run.code, run.json["schema"]) == (0, "gnomon/serve-run/1")
    assert run.json["goodput"]["share"] == 1.0
    steps = run.json["rows"][0]["quantities"][0]["service"]["steps"]
    assert len(pl.read_csv("r.csv")) == 60
    assert len(pl.read_parquet("s.parquet")) == len(pl.read_csv("d.csv", infer_schema=False)) == steps
    assert json.loads(Path("t.json").read_text())["traceEvents"]


def test_run_says_what_predict_says_of_the_same_file(gnomon):
    run = gnomon("serve", "run", "service.yaml", *SET, "--json")
    predicted = gnomon("predict", "service.yaml", "--engine", "serving", *SET, "--json")
    assert run.json["rows"] == predicted.json["rows"]


def test_the_same_on_the_command_line_is_the_same_answer(gnomon):
    said = ("--qps", "10", "--prompt-tokens", "300", "--answer-tokens", "20", "--requests", "60")
    line = ("predict", "llama-2-7b", "--on", "h100-sxm", "--mode", "serve", "--usd-per-device-hour", "2", *said)
    by_flags = gnomon(*line, "--engine", "serving", *SET, "--json", "--save", "saved.yaml")
    by_file = gnomon("predict", "service.yaml", "--engine", "serving", *SET, "--json")
    assert by_flags.json["rows"] == by_file.json["rows"]
    assert gnomon("predict", "saved.yaml", "--engine", "serving", *SET, "--json").json["rows"] == by_file.json["rows"]


def test_a_trace_is_played(gnomon):
    line = (
        "predict",
        "llama-2-7b",
        "--on",
        "h100-sxm",
        "--mode",
        "serve",
        "--engine",
        "serving",
        *SET,
        "--trace",
        "t.csv",
    )
    found = gnomon(*line, "--json").json["rows"][0]
    assert found["serving"]["traffic"]["trace"] == "t.csv"
    service = found["quantities"][0]["service"]
    assert (service["requests"], service["prompt_tokens"], service["answer_tokens"]) == (3, 600, 32)
    faster = gnomon(*line, "--arrivals", "recorded", "--qps", "1", "--json").json["rows"][0]["quantities"][0]["service"]
    assert faster["offered_per_s"] == pytest.approx(1.0)
    assert "trace t.csv" in gnomon(*line).out


def test_a_load_above_capacity_is_warned_of(gnomon):
    Path("service.yaml").write_text(
        SERVICE.replace("qps: 10", "qps: 2000").replace("requests: 60", "requests: 400") + "max_num_seqs: 2\n"
    )
    run = gnomon("serve", "run", "service.yaml", *SET)
    assert run.code == 0
    assert "warning: load exceeds capacity: requests wait" in run.err


def test_a_capacity_is_printed_with_its_confidence_and_what_binds(gnomon):
    run = gnomon("serve", "capacity", "service.yaml", *SET, "--slo", "ttft_p90=60ms,tpot=1s")
    assert run.code == 0
    assert re.match(
        r"service keeps ttft_p90 <= 60\.0 ms, tpot_p99 <= 1\.00 s up to [\d.,]+ request/s \(mean of 5 draws of "
        r"its traffic, 90 % interval [\d.]+ to [\d.]+ of the draws alone: the error of the times themselves is not in it\)",
        " ".join(run.out.split()),
    )
    assert re.search(r"^ttft_p90 .* 60\.0 ms  yes", run.out, re.MULTILINE)
    assert re.search(r"^tpot_p99 .* 1\.00 s  -", run.out, re.MULTILINE)


def test_the_reference_describes_every_field(gnomon):
    found = gnomon("serve", "capacity", "service.yaml", *SET, "--slo", "ttft_p90=60ms", "--json").json
    assert found.pop("schema") == "gnomon/serve-capacity/1"
    assert set(found) <= _described("gnomon/serve-capacity/1")
    assert all(set(run) <= _described("gnomon/serve-capacity/1") for run in found.get("curve", ()))
    made = gnomon("serve", "run", "service.yaml", *SET, "--slo", "ttft=1s", "--json").json
    assert set(made) - {"schema"} <= _described("gnomon/serve-run/1")
    service = made["rows"][0]["quantities"][0]["service"]
    assert set(service) | set(service["spreads"][0]) <= _described("gnomon/serve-run/1")


def _described(schema: str) -> set[str]:
    section = PAGE.read_text().split(f"## {schema}\n")[1].split("\n## ")[0]
    return set(re.findall(r"`([a-z0-9_]+)`", section))


FRONT = """router: least_outstanding
autoscale: {max: 3, target_outstanding: 4, start_s: 0.2, every_s: 0.1, idle_s: 0.5}
max_waiting: 4
max_num_seqs: 2
"""


def test_replicas_come_and_go_and_who_is_turned_away_is_told(gnomon):
    Path("service.yaml").write_text(
        SERVICE.replace("on: h100-sxm", "on: h100-sxm:3").replace("qps: 10", "qps: 60") + FRONT
    )
    run = gnomon("serve", "run", "service.yaml", *SET, "--requests", "r.csv", "--series", "s.csv", "--slo", "ttft=60s")
    assert run.code == 0
    assert "of these 1 at the start, between 1 and 3 ready, " in run.out.replace("\n", " ")
    assert " of 60 requests are turned away: " in run.err.replace("\n", " ")
    found = gnomon("serve", "run", "service.yaml", *SET, "--slo", "ttft=60s", "--json").json
    service = found["rows"][0]["quantities"][0]["service"]
    rows, series = pl.read_csv("r.csv"), pl.read_csv("s.csv")
    refused = rows["turned_away"].drop_nulls().to_list()
    assert refused == ["queue full"] * service["found_full"]
    assert service["found_full"] > 0
    assert service["completed"] + service["found_full"] == 60
    assert rows.filter(pl.col("turned_away").is_not_null())["e2e_s"].null_count() == len(refused)
    assert found["goodput"]["share"] == service["completed"] / 60
    assert series["replicas"].min() == 1
    assert series["replicas"].max() == max(one["ready"] for one in service["scaling"]["course"]) == 3
    scaling = service["scaling"]
    assert service["span_s"] < scaling["replica_s"] < 3 * service["span_s"]
    assert service["usd_per_s"] == pytest.approx(2 / 3600 * scaling["replica_s"] / service["span_s"])
    assert set(scaling) | set(scaling["course"][0]) <= _described("gnomon/serve-run/1")
    Path("run.json").write_text(json.dumps(found | {"schema": "gnomon/predict/1"}))
    assert gnomon("report", "run.json", "-o", "run.html").code == 0
    assert "Replicas: llama-2-7b on h100-sxm:3" in Path("run.html").read_text()


def test_the_front_door_on_the_command_line_is_that_of_the_file(gnomon):
    Path("service.yaml").write_text(SERVICE.replace("on: h100-sxm", "on: h100-sxm:3") + FRONT)
    said = ("--qps", "10", "--prompt-tokens", "300", "--answer-tokens", "20", "--requests", "60")
    door = ("--router", "least_outstanding", "--max-waiting", "4", "--max-num-seqs", "2")
    door += ("--autoscale", "max=3,target_outstanding=4,start_s=0.2,every_s=0.1,idle_s=0.5")
    line = (
        "predict",
        "llama-2-7b",
        "--on",
        "h100-sxm:3",
        "--mode",
        "serve",
        "--usd-per-device-hour",
        "2",
        *said,
        *door,
    )
    by_flags = gnomon(*line, "--engine", "serving", *SET, "--json", "--save", "saved.yaml")
    by_file = gnomon("predict", "service.yaml", "--engine", "serving", *SET, "--json")
    assert by_flags.json["rows"] == by_file.json["rows"]
    assert gnomon("predict", "saved.yaml", "--engine", "serving", *SET, "--json").json["rows"] == by_file.json["rows"]
    refused = gnomon("predict", "llama-2-7b", "--on", "h100-sxm", "--mode", "serve", *said, "--autoscale", "max")
    assert (refused.code, "'max' is not NAME=N" in refused.err) == (3, True)


def test_a_service_that_scales_has_no_capacity(gnomon):
    Path("service.yaml").write_text(SERVICE.replace("on: h100-sxm", "on: h100-sxm:3") + FRONT)
    run = gnomon("serve", "capacity", "service.yaml", *SET, "--slo", "ttft=1s")
    assert run.code == 4
    assert "depends on how the load came to be" in run.err


def test_a_capacity_is_where_nobody_is_turned_away(gnomon):
    Path("service.yaml").write_text(SERVICE + "max_waiting: 1\nmax_num_seqs: 2\n")
    run = gnomon("serve", "capacity", "service.yaml", *SET, "--slo", "ttft=60s")
    assert run.code == 0
    assert "above that rate requests are turned away before any limit is broken" in run.out.replace("\n", " ")


def test_limits_that_no_rate_keeps_end_in_one_line(gnomon):
    run = gnomon("serve", "capacity", "service.yaml", *SET, "--slo", "tpot=1us")
    assert (run.code, run.out) == (4, "")
    assert "no rate keeps tpot_p99 <= 1.00 us: where requests hardly meet, tpot_p99 " in run.err


# What is changed in the file, the words after `serve run service.yaml`, and what is said.
WRONG = [
    ("mode: serve", "mode: prefill", (), 3, "service.yaml:"),
    ("  qps: 10\n", "", (), 3, "service.yaml:6: traffic.qps: requests per second are not said"),
    ("qps: 10", "qsp: 10", (), 3, "service.yaml:7: traffic.qsp: unknown key; did you mean 'qps'?"),
    ("qps: 10", "qps: -1", (), 3, "service.yaml:7: traffic.qps: -1.0 is not a positive number"),
    ("prompts: 300", "prompts: 0", (), 3, "service.yaml:8: traffic.prompts.tokens: 0 is less than 1"),
    ("prompts: 300", "prompts: 4090", (), 3, "request 0 has 4,090 tokens in its prompt"),
    ("model: llama-2-7b", "model: llama-2-70b", (), 3, "does not fit on 1 x h100-sxm"),
    ("model: llama-2-7b", "model: resnet-50", (), 3, "service.yaml"),
    ("mode: serve", "mode: serve\npolicy: vlm-v1", (), 3, "service.yaml:5: policy: "),
    ("mode: serve", "mode: serve\npolicy: sglang\nblock_size: 8", (), 4, "pages of one token only"),
    ("mode: serve", "mode: serve\npolicy: sglang\nblock_size: 16", (), 4, "not with a block_size of 16"),
    ("mode: serve", "mode: serve\ntp: 2", (), 3, "service.yaml:5: tp: a replica needs 2 devices"),
    ("mode: serve", "mode: serve\nmax_waiting: 0", (), 3, "service.yaml:5: max_waiting: "),
    ("mode: serve", "mode: serve\nmax_wait_s: -1", (), 3, "service.yaml:5: max_wait_s: "),
    ("mode: serve", "mode: serve\nrouter: prefix_aware\nprefix_caching: false", (), 3, "service.yaml:5: router: "),
    ("mode: serve", "mode: serve\nrouter: weighted", (), 3, "router_weights: router weighted needs one for each"),
    ("mode: serve", "mode: serve\nrouter: weighted\nrouter_weights: [1, 2]", (), 3, "2 weights for 1 replica"),
    ("mode: serve", "mode: serve\nautoscale: {max: 2, start_s: 1}", (), 3, "autoscale.target_outstanding: missing"),
    (
        "mode: serve",
        "mode: serve\nautoscale: {max: 2, target_outstanding: 3, start_s: 4}",
        (),
        3,
        "service.yaml:5: autoscale.max: 2 replicas of 1 device are more than the 1 of h100-sxm",
    ),
    (
        "mode: serve",
        "mode: serve\nreplicas: 2\nautoscale: {max: 1, target_outstanding: 3, start_s: 4}",
        (),
        3,
        "service.yaml:5: replicas: 2 at the start, where autoscale keeps between 1 and 1",
    ),
    ("mode: serve", "mode: serve\nbatch: 2", (), 3, "service.yaml:5: batch: a service makes batches by its policy"),
    ("  requests: 60\n", "  duration_s: 0.001\n", (), 3, "service.yaml:10: traffic.duration_s: nothing arrives"),
    ("mode: serve", "mode: serve\nkv_blocks: 2", (), 4, "60 requests can never be scheduled"),
    (
        "  requests: 60\n",
        "  requests: 60\n  adapters: {count: 2}\n",
        (),
        3,
        "max_loras: the requests ask for LoRA adapters",
    ),
    ("traffic:", "trafic:", (), 3, "service.yaml:6: trafic: unknown key; did you mean 'traffic'?"),
    ("", "", ("--slo", "tttf=1s"), 3, "slo: unknown 'tttf'; did you mean 'ttft'?"),
    ("", "", ("--slo", "ttft=fast"), 3, "slo: ttft: "),
    ("", "", ("--requests", "r.txt"), 3, "--requests: r.txt: is written as .csv or .parquet"),
    ("", "", ("--decisions", "r.parquet"), 3, "--decisions: r.parquet: is written as .csv"),
    ("", "", ("--set", "serving.tmer=x"), 3, "no setting of serving's; did you mean 'timer'?"),
    ("", "", ("--set", "serving.software=vllm"), 3, "unknown 'vllm'; did you mean 'vllm-v1'?"),
    ("", "", ("--set", "training.host=graphs"), 3, ""),
]


@pytest.mark.parametrize(("old", "new", "words", "code", "said"), WRONG)
def test_what_is_wrong_is_one_line(gnomon, old, new, words, code, said):
    Path("service.yaml").write_text(SERVICE.replace(old, new, 1) if old else SERVICE)
    run = gnomon("serve", "run", "service.yaml", *SET, *words)
    assert run.code == code or (code == 3 and run.code in (2, 3))
    assert said in run.err
    assert len(run.err.splitlines()) == 1
    assert not Path("r.txt").exists()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("num_decode_tokens", "decode_tokens", "num_decode_tokens"),
        ("1,200,20", "1,-200,20", "t.csv:3: num_prefill_tokens: "),
        ("1,200,20", "5,200,20", "t.csv:4: arrived_at: "),
        ("1,200,20", "1,9000,20", "request 1 has 9,000 tokens in its prompt"),
        ("3,300,2", "1700000000000,300,2", "request 2 comes 1.7e+12 s after the beginning"),
        (TRACE.partition("\n")[2], "", "t.csv"),
    ],
)
def test_a_wrong_trace_is_one_line(gnomon, old, new, said):
    Path("t.csv").write_text(TRACE.replace(old, new, 1))
    line = (
        "predict",
        "llama-2-7b",
        "--on",
        "h100-sxm",
        "--mode",
        "serve",
        "--engine",
        "serving",
        *SET,
        "--trace",
        "t.csv",
    )
    run = gnomon(*line)
    assert run.code == 3
    assert said in run.err
    assert len(run.err.splitlines()) == 1


def test_the_scenario_of_the_catalogue_is_a_service(gnomon):
    run = gnomon("serve", "run", "llama-2-7b-service-h100", *SET, "--json")
    assert run.json["rows"][0]["quantities"][0]["service"]["completed"] == 1000
    shown = gnomon("show", "llama-2-7b-service-h100").out
    assert re.search(
        r"^traffic\.prompts +distribution lognormal, most 3000, mean 500\.0, cv 1\.0 *$", shown, re.MULTILINE
    )
    assert "None" not in shown


def test_a_question_without_an_engine_for_it_names_the_one_that_has_it(gnomon):
    run = gnomon("predict", "llama-2-7b-service-h100")
    assert run.code == 4
    assert "engine serving simulates a service" in run.err


@pytest.mark.parametrize("flag", ["--qps", "--requests", "--policy", "--prefix-caching"])
def test_an_option_of_a_service_is_refused_of_other_modes(gnomon, flag):
    word = {"--policy": "sarathi", "--prefix-caching": "no"}.get(flag, "3")
    run = gnomon("predict", "llama-2-7b", "--on", "h100-sxm", flag, word)
    assert run.code == 3
    assert "only a service has it: use mode serve" in run.err


FLAGGED = ("predict", "gpt2", "--on", "h100-sxm", "--mode", "serve", "--engine", "serving", *SET)
FLAGGED += ("--prompt-tokens", "300", "--answer-tokens", "20", "--requests", "20", "--qps", "5")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--arrivals", "posson"), "not 'posson'; did you mean 'poisson'?"),
        (("--seed", "-1"), "--seed: '-1' is not a whole number from 0 to "),
        (("--max-model-len", "4096"), "--max-model-len: 4096 tokens are more than the 1024 positions of gpt2"),
        (("--gpu-memory-utilization", "190%"), "--gpu-memory-utilization: 1.9 is not a share"),
        (("--gpu-memory-utilization", "most"), "--gpu-memory-utilization: 'most' is not a number"),
        (("--duration", "1hr"), "--duration: '1hr': unknown unit 'hr'; did you mean 'h'?"),
    ],
)
def test_a_flag_that_is_wrong_is_one_line_with_its_name(gnomon, words, said):
    run = gnomon(*FLAGGED, *words)
    assert (run.code, len(run.err.splitlines())) == (3, 1)
    assert said in run.err


def test_a_share_may_be_in_percent_and_a_time_have_a_unit(gnomon):
    words = ("--gpu-memory-utilization", "50%", "--duration", "1min", "--max-wait", "500ms", "--json")
    said = gnomon(*FLAGGED, *words).json["rows"][0]["serving"]
    assert (said["gpu_memory_utilization"], said["max_wait_s"], said["traffic"]["duration_s"]) == (0.5, 0.5, 60.0)
