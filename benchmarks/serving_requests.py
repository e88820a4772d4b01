"""Single requests of measured services on a GPU that nothing is fitted to: predicted beside measured, one by one.

Replicas that share experts step each by itself, as in every answer of the engine; in truth they step together.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from benchmarks.serving_predictions import service
from benchmarks.serving_rows import decode_graph, machine
from gnomon.core.engine import OpTimer
from gnomon.core.exchange import ExchangeTimer
from gnomon.core.service import Arrivals
from gnomon.engines.serving.prediction import BAND
from gnomon.engines.serving.simulate import simulate
from gnomon.engines.serving.step_times.layout import Layout, Limits
from gnomon.engines.serving.step_times.memory import kv_memory
from gnomon.engines.serving.step_times.overheads import vllm_v1
from gnomon.engines.serving.step_times.times import step_times

FOLDER = "serving/per_request"
_SEQUENCE_TOKENS = 8192  # above any request of these runs, whose own limit is each model's


def per_request(truth: Path, timer: OpTimer, exchanges: ExchangeTimer) -> None:
    """Print how the times of single requests lie around the measured ones."""
    for folder in sorted((truth / FOLDER).iterdir()):
        meta = json.loads((folder / "meta.json").read_text())
        lines = [json.loads(line) for line in (folder / "requests.jsonl").read_text().splitlines()]
        asked = meta["engine_kwargs"]
        tensor, replicas = asked["tensor_parallel_size"], asked["data_parallel_size"]
        layout = Layout(tensor=tensor, experts=tensor * replicas if asked["enable_expert_parallel"] else 1)
        limits = Limits(
            step_tokens=asked["max_num_batched_tokens"],
            requests=asked["max_num_seqs"],
            sequence_tokens=_SEQUENCE_TOKENS,
        )
        system = machine(folder.name.split("_")[0], tensor * replicas)
        workload = decode_graph(meta["model"])
        # Measured from the engine's queue on: no server stands before it.
        own = vllm_v1().overheads
        times = step_times(workload, system, layout, limits, timer, exchanges, own)
        blocks = kv_memory(workload, system.device, layout, limits).blocks
        lines.sort(key=lambda line: line["queued_ts"])
        start = lines[0]["queued_ts"] + times.request_s
        arrived_s = np.array([line["queued_ts"] - start for line in lines])
        answers = np.array([line["output_toks"] for line in lines])
        asked_of = Arrivals(
            ids=np.arange(len(lines)),
            arrived_s=arrived_s,
            prefill_tokens=np.array([line["input_toks"] for line in lines]),
            decode_tokens=answers,
        )
        # Which replica took which is not in the file.
        made = simulate(service(times, limits, blocks, tensor, replicas), asked_of)
        assert made.is_completed.all(), list(made.notes)
        first_s, end_s = made.requests.first_token_s, made.requests.completed_s
        print(f"\n{folder.name}, vLLM {meta['vllm_version']}, {len(lines)} requests, {replicas} x {layout}")
        for name, told, true in (
            (
                "ttft",
                first_s - arrived_s - times.request_s,
                [line["first_token_ts"] - line["queued_ts"] for line in lines],
            ),
            (
                "e2e",
                end_s - arrived_s - times.request_s,
                [line["last_token_ts"] - line["queued_ts"] for line in lines],
            ),
            (
                "tpot",
                (end_s - first_s) / np.maximum(1, answers - 1),
                [(line["last_token_ts"] - line["first_token_ts"]) / max(1, line["output_toks"] - 1) for line in lines],
            ),
        ):
            errors = 100 * (told / np.array(true) - 1)
            sizes, of_mean = np.abs(errors), float(np.mean(told) / np.mean(true))
            widths = abs(np.log(of_mean)) / vllm_v1().bands[BAND[name]].high
            print(
                f"  {name:5} measured median {1e3 * np.median(true):9.1f} ms, predicted {1e3 * np.median(told):9.1f}; error of "
                f"each: median {np.median(sizes):.1f}, mean {sizes.mean():.1f}, p90 {np.quantile(sizes, 0.9):.1f} %, "
                f"bias {errors.mean():+.1f} %; of their mean {100 * (of_mean - 1):+.1f} %, {widths:.1f} times the interval's half width",
                flush=True,
            )
