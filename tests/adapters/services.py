"""Services that tools are asked about, and programs of ours in the place of tools."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from gnomon.api.questions import question
from gnomon.core.service import Arrivals, Batching, Pool, Routing, Service, StepTimes
from gnomon.testing.adapter_contract import program
from gnomon.tools.environments import python_in
from gnomon.tools.home import VARIABLE

_RECORDED = Path(__file__).parent / "recorded"


def scenarios(model="llama-2-7b", on="a100-sxm-80gb", *, qps=2.0, requests=100, prompts=512, answers=64, **options):
    """The three quantities of a service with constant lengths, requests coming evenly."""
    traffic = {"qps": qps, "requests": requests, "prompts": prompts, "answers": answers, "arrivals": "constant"}
    traffic |= options.pop("traffic", {})
    return question(model, on, mode="serve", traffic=traffic, **options).scenarios()


def scenario(*words, quantity="e2e", **options):
    return scenarios(*words, **options)[quantity]


def arrivals(arrived_s, prompts, answers, **further):
    """Requests by hand."""
    return Arrivals(
        ids=np.arange(len(arrived_s)),
        arrived_s=np.array(arrived_s, dtype=np.float64),
        prefill_tokens=np.array(prompts, dtype=np.int64),
        decode_tokens=np.array(answers, dtype=np.int64),
        **further,
    )


def flat_times():
    """Steps of 5 ms, with 20 us for each token of a prompt and 100 us for each that decodes: nothing that Vidur rounds."""
    return StepTimes(
        tokens=np.array([1, 4096]),
        by_tokens_s=np.array([5e-3, 5e-3]),
        first_s=np.zeros(2),
        send_s=np.array([1e-3, 1e-3]),
        sampled=np.array([1, 256]),
        last_s=np.zeros(2),
        decodes=np.array([1, 128]),
        decode_kv=np.array([1, 4096]),
        decode_s=np.array([[1e-4, 1e-4], [1.28e-2, 1.28e-2]]),
        before=np.array([0, 4096]),
        chunks=np.array([32, 4096]),
        prefill_s=np.array([[6.4e-4, 8.192e-2], [6.4e-4, 8.192e-2]]),
    )


def service(policy="vidur-vllm", *, times=None, blocks=64, stages=1, replicas=1, **further):
    """A small service by hand."""
    batching = {"most_requests": 4, "block_tokens": 16, "watermark": 0.01, "most_tokens": 1024}
    batching |= {"chunk_tokens": 96} if policy == "sarathi" else {}
    pool = Pool(
        name="all",
        replicas=replicas,
        tensor_parallel=1,
        stages=stages,
        kv_blocks=blocks,
        batching=Batching(policy=policy, **batching),
        times=times or flat_times(),
    )
    return Service(pools=(pool,), routing=Routing(name="round_robin"), sequence_tokens=512, **further)


FEW = arrivals(
    [0.0, 0.001, 0.02, 0.021, 0.1, 0.3], [128, 256, 64, 320, 96, 32], [8, 12, 1, 20, 5, 2]
)  # requests; prompts in whole chunks


def recorded(name):
    """What the tool really gave."""
    return {"result.json": (_RECORDED / f"{name}.json").read_text(encoding="utf-8")}


def stand_in(tool, folder, script, monkeypatch):
    """A program that runs this script of the shell in the place of the tool's Python; empty: the tool is not there."""
    monkeypatch.setenv(VARIABLE, str(folder))
    if script:
        place = folder / tool.name
        program(python_in(place), script)
        record = {"version": tool.pin.version, "python": "3", "packages": {}}
        (place / "gnomon-tool.json").write_text(json.dumps(record), encoding="utf-8")


def gives(name):
    """A script that writes what the tool gave, and counts its runs."""
    return f"echo run >> {_runs()}; cp {_RECORDED / name}.json result.json"


def _runs():
    return "$(dirname $(dirname $0))/../runs"


def runs(folder):
    """How often the stand-in ran."""
    path = folder / "runs"
    return len(path.read_text().splitlines()) if path.exists() else 0


FAULTS = {
    "": "is not installed",
    "echo 'out of cheese' >&2; exit 3": "failed with code 3: out of cheese",
    "exit 0": "gave no result",
    "echo '{}' > result.json": "gave None for",
    "echo nonsense > result.json": "gave no result that can be read",
}


def needs(tool):
    """Of a test that runs the tool itself."""
    told = f"{tool.name} is not installed: gnomon tools install {tool.name}"
    return pytest.mark.skipif(tool().installed() is None, reason=told)
