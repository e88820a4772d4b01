"""Measured services as scenarios: rows of vllm_h100_measured.csv, or of a table like it.

What the tool that measured them does (inference-perf, of the kubernetes-sigs): intervals between arrivals are exponential,
scaled so that all requests come within the stage; the prompts of all users are made once and sent round and round, so that
from its second round on a prompt is in the prefix cache but for its last block.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from gnomon.api.names import model, system
from gnomon.core.errors import BadInput
from gnomon.core.plan import Plan
from gnomon.core.system import System
from gnomon.core.workload import Workload
from gnomon.engines.serving.step_times.layout import Layout, Limits
from gnomon.zoo.decoder import decoder
from gnomon.zoo.decoder_shape import Decoder

TABLE = "serving/vllm_h100_measured.csv"
METRICS = ("e2e", "itl", "ttft")
CHUNKS_A_TOKEN = 2  # that the client sees of each token: (e2e - ttft) / itl is 2 output_len + 1.2 in every row
SEED = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One stage of one run."""

    run: str
    model: str
    stage: str
    workload: Workload
    system: System
    layout: Layout
    limits: Limits
    rate_per_s: float
    requests: int
    shared_tokens: int  # of a prompt, shared by the users of a group
    groups: int
    users: int
    prompt_tokens: float  # mean
    answer_tokens: int
    measured_s: dict[str, float]  # means, by METRICS


def _decoder(
    layers: int, hidden: int, heads: int, kv_heads: int, intermediate: int, vocab: int, positions: int, **more: Any
) -> Decoder:
    shape = {"head_dim": hidden // heads, **more}
    return Decoder(
        name="",
        layers=layers,
        hidden=hidden,
        heads=heads,
        kv_heads=kv_heads,
        intermediate=intermediate,
        vocab=vocab,
        positions=positions,
        **shape,
    )


_SCOUT = {"head_dim": 128, "experts": 16, "experts_chosen": 1, "router": "sigmoid", "shared_intermediate": 8192}
_QWEN3 = {"head_dim": 128, "qk_norm": "rms"}
# Models that the zoo lacks, from config.json of the released checkpoints.
_FURTHER = {
    "codellama-34b": _decoder(48, 8192, 64, 8, 22016, 32000, 16384),
    "codellama-13b": _decoder(40, 5120, 40, 40, 13824, 32016, 16384),
    "codellama-7b": _decoder(32, 4096, 32, 32, 11008, 32016, 16384),
    "llama-3.1-8b": _decoder(32, 4096, 32, 8, 14336, 128256, 131072),
    "llama-3.1-70b": _decoder(80, 8192, 64, 8, 28672, 128256, 131072),
    "llama-3.3-70b": _decoder(80, 8192, 64, 8, 28672, 128256, 131072),
    "llama-3.2-3b": _decoder(28, 3072, 24, 8, 8192, 128256, 131072, is_tied=True),
    "llama-3.2-1b": _decoder(16, 2048, 32, 8, 8192, 128256, 131072, is_tied=True),
    "llama-4-scout": _decoder(48, 5120, 40, 8, 8192, 202048, 10485760, **_SCOUT),
    "mistral-7b": _decoder(32, 4096, 32, 8, 14336, 32768, 32768),
    "mistral-nemo": _decoder(40, 5120, 32, 8, 14336, 131072, 131072, head_dim=128),
    "mistral-small": _decoder(40, 5120, 32, 8, 32768, 131072, 32768, head_dim=128),
    "qwen2.5-14b": _decoder(48, 5120, 40, 8, 13824, 152064, 131072, qkv_bias=True),
    "qwen2.5-32b": _decoder(64, 5120, 40, 8, 27648, 152064, 131072, qkv_bias=True),
    "qwen3-8b": _decoder(36, 4096, 32, 8, 12288, 151936, 40960, **_QWEN3),
    "qwen3-14b": _decoder(40, 5120, 40, 8, 17408, 151936, 40960, **_QWEN3),
    "qwen3-30b-a3b": _decoder(48, 2048, 32, 4, 768, 151936, 262144, experts=128, experts_chosen=8, **_QWEN3),
    "yi-34b": _decoder(60, 7168, 56, 8, 20480, 64000, 4096),
}


def decode_graph(name: str) -> Workload:
    """The graph of a step of one token of the model that a hub's name means. BadInput."""
    short = name.rsplit("/", 1)[-1].lower()
    kept = "fp8" if "fp8" in short else None
    for known in sorted(_FURTHER, key=len, reverse=True):
        if short.removeprefix("meta-").startswith(known):
            return decoder(replace(_FURTHER[known], name=known), _plan(kept or "bf16"))
    for asked in (
        name,
        short,
        *(
            short.removesuffix(end)
            for end in ("-hf", "-instruct", "-chat-hf", "-v0.1", "-instruct-v0.1", "-fp8", "-instruct-fp8")
        ),
    ):
        try:
            found = model(asked)
        except BadInput:
            continue
        return found.build(_plan(kept or found.dtype, found.weight_dtype))
    raise BadInput(f"unknown model {name!r}: add it to benchmarks/serving_rows.py")


def _plan(dtype: str, weight_dtype: str | None = None) -> Plan:
    return Plan(mode="decode", batch=1, context=1, dtype=dtype, weight_dtype=weight_dtype)


# Machines on which devices of a table stand, by what its name of the device contains.
_MACHINES = (
    ("h100-pcie", "h100-pcie-8"),
    ("h100", "hgx-h100"),
    ("h200", "hgx-h200"),
    ("b200", "hgx-b200"),
    ("a100-sxm-40", "hgx-a100"),
    ("a100-pcie", "a100-pcie-8"),
    ("a100", "dgx-a100-80gb"),
    ("l40s", "l40s-8"),
    ("rtx-pro-6000", "rtx-pro-6000-8"),
    ("rtxpro6000", "rtx-pro-6000-8"),
    ("mi300x", "mi300x-8"),
)


def machine(name: str, devices: int) -> System:
    """So many devices of the machine that a name of a device means. BadInput."""
    short = name.lower().replace(" ", "-").replace("_", "-").removeprefix("nvidia-")
    for part, found in _MACHINES:
        if part in short:
            return system(f"{found}:{devices}" if devices < 8 else found)
    return system(name if devices == 1 else f"{name}:{devices}")


def rows(table: Path) -> tuple[Row, ...]:
    """The stages of a table that no request failed in, without its summaries."""
    with table.open(newline="") as file:
        lines = [line for line in csv.DictReader(file) if line["stage"] != "summary"]
    return tuple(_row(line) for line in lines if int(float(line["failures"] or 0)) == 0)


def _row(line: dict[str, str]) -> Row:
    tensor = int(line["tp"])
    groups = int(float(line["n_sys_prompts"] or 1))
    return Row(
        run=line["exp"],
        model=line["model"],
        stage=line["stage"],
        workload=decode_graph(line["model"]),
        system=machine(line["gpu"], tensor),
        layout=Layout(tensor=tensor),
        limits=Limits(
            step_tokens=int(line["max_num_batched_tokens"]),
            requests=int(line["max_num_seqs"]),
            sequence_tokens=int(line["max_model_len"]),
        ),
        rate_per_s=float(line["rate"]),
        requests=int(float(line["n"])),
        shared_tokens=int(float(line["sys_prompt"])),
        groups=groups,
        users=groups * int(float(line["users_per"] or 1)),
        prompt_tokens=float(line["prompt_len_mean"]),
        answer_tokens=int(float(line["output_len"])),
        measured_s={name: float(line[f"{name}_mean_ms"]) / 1e3 for name in METRICS},
    )


def arrivals_s(row: Row, count: int, seed: int = SEED) -> list[float]:
    """When requests arrive, `count` of them."""
    intervals = np.random.default_rng(seed).exponential(1.0, count)
    found: list[float] = (np.cumsum(intervals) * count / row.rate_per_s / intervals.sum()).tolist()
    return found


def runs_of(found: Sequence[Row]) -> list[str]:
    """Names of the runs, in order."""
    return list(dict.fromkeys(row.run for row in found))
