"""Services whose outcome is known: worked by hand, and recorded of Vidur."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np

from gnomon.api.serving_simulation import ServingSimulation, simulate_service
from gnomon.core.service import Arrivals, Batching, Pool, Routing, Service, StageTimes, StepTimes
from gnomon.engines.serving.step_times.layout import Limits

ROOT = Path(__file__).parents[3]
OWN = ROOT / "tests" / "golden" / "vidur"
SHARED = ROOT / os.environ.get("GNOMON_SHARED", "../shared") / "reference" / "vidur"
TOKENS, KV_STEP, KV_COLUMNS, REQUESTS = 128, 64, 3, 8  # that the tables of the cases by hand cover
VLLM_LIMITS = Limits(step_tokens=2048, requests=128, sequence_tokens=4096)  # of the runs that the calibration is of
BY_TOKEN = ("lightllm", "sglang")  # policies whose blocks hold a token, on one stage
_OPERATORS = (
    *("attn_post_proj", "attn_rope", "attn_kv_cache_save", "input_layernorm", "mlp_up_proj", "mlp_down_proj"),
    *("mlp_act", "add", "all_reduce", "post_attention_layernorm"),
)


def own_cases() -> list[Path]:
    return sorted(path.parent for path in OWN.glob("*/vidur_config.json"))


def shared_runs() -> list[Path]:
    """Recorded runs of the repository's Vidur."""
    return sorted(path.parent for path in SHARED.glob("runs/G*/case.json"))


def write_table(path: Path, **others: np.ndarray) -> Path:
    """Eight tokens take 1 s, decoding 0.5 s more, sending 0.25 s."""
    arrays = {f"op_{name}": np.zeros(TOKENS) for name in _OPERATORS}
    arrays["op_attn_pre_proj"] = np.arange(1, TOKENS + 1) * 125.0
    arrays["op_send_recv"] = np.full(TOKENS, 250.0)
    arrays["attn_decode"] = np.full((REQUESTS, KV_COLUMNS), 500.0)
    arrays["attn_prefill"] = np.zeros((KV_COLUMNS, TOKENS))
    arrays["attn_decode_kv"] = arrays["attn_prefill_kv"] = np.arange(KV_COLUMNS) * KV_STEP
    arrays["attn_decode_batch"], arrays["attn_prefill_chunk"] = np.arange(REQUESTS) + 1, np.arange(TOKENS) + 1
    np.savez(path, **{name: array for name, array in (arrays | others).items() if array.size})
    return path


def by_hand(case: Path, table: Path) -> ServingSimulation:
    return simulate_service(case / "vidur_config.json", trace=case / "trace.csv", stage_times=table)


def recorded(run: Path, *, records: bool = False) -> ServingSimulation:
    """A run from its files."""
    table = SHARED / json.loads((run / "summary.json").read_text())["table"]
    return simulate_service(run / "vidur_config.json", trace=run / "trace.csv", stage_times=table, records=records)


def service(policy: str, *, blocks: int = 64, most_requests: int = 4, **others: object) -> Service:
    """A small service whose blocks hold 8 tokens, of sequences of 32."""
    batching = Batching(
        policy=policy,
        most_requests=most_requests,
        block_tokens=1 if policy in BY_TOKEN else 8,
        most_tokens=64,
        chunk_tokens=8,
        most_waits=2,
    )
    pool = {
        "name": "replicas",
        "replicas": 1,
        "stages": 1,
        "tensor_parallel": 1,
        "kv_blocks": blocks,
        "kv_sequences": 1000,
        "batching": batching,
        "times": stage_times(),
    }
    given = {"sequence_tokens": 32, "routing": Routing(name="round_robin"), "time_limit_s": None}
    pool |= {name: value for name, value in others.items() if name not in given}
    given |= {name: value for name, value in others.items() if name in given}
    return Service(pools=(Pool(**pool),), **given)  # type: ignore[arg-type]


def stage_times(**others: object) -> StageTimes:
    """Tables as `write_table` has them, with times of their own for each length."""
    nothing = np.zeros(TOKENS)
    decode_ms = 100.0 + np.arange(REQUESTS)[:, None] * 7.0 + np.arange(KV_COLUMNS)[None, :] * 3.0
    given = {
        "projections_ms": np.arange(1, TOKENS + 1) * 12.3,
        "kv_save_ms": np.arange(1, TOKENS + 1) * 0.1,
        "exchange_ms": nothing,
        "norm_ms": nothing,
        "mlp_ms": nothing,
        "add_ms": nothing,
        "send_ms": nothing + 5.0,
        "decode_ms": decode_ms,
        "prefill_ms": np.ones((KV_COLUMNS, TOKENS)),
        "kv_step": KV_STEP,
        "layers": 2,
    }
    return StageTimes(**(given | others))  # type: ignore[arg-type]


def step_times(**others: object) -> StepTimes:
    """A step takes 1 ms, 0.1 ms for each token, and attention."""
    given = {
        "tokens": np.array([1, 16, 64]),
        "by_tokens_s": np.array([1.1, 2.6, 7.4]) * 1e-3,
        "first_s": np.array([0.01, 0.02, 0.03]) * 1e-3,
        "send_s": np.array([0.2, 0.3, 0.4]) * 1e-3,
        "sampled": np.array([1, 8]),
        "last_s": np.array([0.1, 0.3]) * 1e-3,
        "decodes": np.array([1, 2, 8]),
        "decode_kv": np.array([8, 16, 64]),
        "decode_s": np.array([[0.1, 0.15, 0.4], [0.11, 0.2, 0.5], [0.2, 0.4, 1.5]]) * 1e-3,
        "before": np.array([0, 8, 32]),
        "chunks": np.array([1, 8, 32]),
        "prefill_s": np.array([[0.01, 0.1, 0.5], [0.02, 0.2, 0.8], [0.05, 0.5, 2.0]]) * 1e-3,
        "host_step_s": 0.5e-3,
        "host_request_s": 0.01e-3,
    }
    return StepTimes(**(given | others))  # type: ignore[arg-type]


def arrivals(*rows: tuple[float, int, int]) -> Arrivals:
    """When, tokens of the prompt, tokens of the answer."""
    arrived, prefill, decode = zip(*rows, strict=True)
    return Arrivals(
        ids=np.arange(len(rows)),
        arrived_s=np.array(arrived, np.float64),
        prefill_tokens=np.array(prefill, np.int64),
        decode_tokens=np.array(decode, np.int64),
    )
