"""Runs in Vidur's own Python: reads options.json, tables.json and trace.csv, writes result.json. Nothing of Gnomon's is imported here.

It looks for predictions in its cache of a hub before it trains any: with that cache filled beforehand it trains nothing and asks nobody.
"""

import contextlib
import csv
import io
import json
import lzma
import os
import sys
import traceback
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ |= {"HF_HUB_OFFLINE": "1", "WANDB_MODE": "disabled"}

from vidur.config import SimulationConfig
from vidur.config.config import (
    CacheConfig,
    ClusterConfig,
    LORGlobalSchedulerConfig,
    MetricsConfig,
    OrcaSchedulerConfig,
    RandomForrestExecutionTimePredictorConfig,
    RandomGlobalSchedulerConfig,
    ReplicaConfig,
    RoundRobinGlobalSchedulerConfig,
    SarathiSchedulerConfig,
    TraceRequestGeneratorConfig,
    VllmSchedulerConfig,
)
from vidur.config.device_sku_config import BaseDeviceSKUConfig
from vidur.config.model_config import Llama2ModelConfig
from vidur.config.node_sku_config import BaseNodeSKUConfig
from vidur.execution_time_predictor.random_forrest_execution_time_predictor import RandomForrestExecutionTimePredictor
from vidur.simulator import Simulator
from vidur.utils.random import set_seeds

ASKED = json.loads(Path("options.json").read_text())
NAME = "gnomon"
_COMMIT = "0" * 40
_ROUTERS = {
    "round_robin": RoundRobinGlobalSchedulerConfig,
    "random": RandomGlobalSchedulerConfig,
    "lor": LORGlobalSchedulerConfig,
}
# Operators whose times are in that of another.
_IN_ANOTHER = (
    "attn_post_proj",
    "mlp_up_proj",
    "mlp_down_proj",
    "mlp_act",
    "attn_rope",
    "input_layernorm",
    "post_attention_layernorm",
    "add",
)
_COLUMNS = {
    "e2e_s": "request_e2e_time",
    "ttft_s": "prefill_e2e_time",
    "waiting_s": "request_scheduling_delay",
    "restarts": "request_num_restarts",
}


@dataclass
class Model(Llama2ModelConfig):  # type: ignore[misc] # a class of Vidur's
    """A model whose layers on a stage are one, for times are given by stage, and whose memory is given in blocks."""

    num_layers: int = ASKED["stages"]
    num_q_heads: int = 2 if ASKED["is_grouped"] else 1
    num_kv_heads: int = 1
    embedding_dim: int = 2
    mlp_hidden_dim: int = 2

    @staticmethod
    def get_name() -> str:
        return NAME


@dataclass
class Device(BaseDeviceSKUConfig):  # type: ignore[misc] # a class of Vidur's
    """A device that bounds nothing."""

    fp16_tflops: int = 1
    total_memory_gb: int = 2**20

    @staticmethod
    def get_type() -> str:
        return NAME


@dataclass
class Node(BaseNodeSKUConfig):  # type: ignore[misc] # a class of Vidur's
    """A node that a replica lies within."""

    num_devices_per_node: int = ASKED["stages"] + 1

    @staticmethod
    def get_type() -> str:
        return NAME


def main() -> None:
    """Simulate, and write down what it says of each request."""
    config = _config()
    set_seeds(config.seed)
    _fill_cache(config)
    with contextlib.redirect_stdout(io.StringIO()):
        simulator = Simulator(config)
        _run(simulator)
    path = Path(config.metrics_config.output_dir) / "request_metrics.csv"
    with path.open(newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: int(float(row["Request Id"])))
    result = {
        "version": version("vidur"),
        "requests": [int(float(row["Request Id"])) for row in rows],
        **{name: [float(row[column] or "nan") for row in rows] for name, column in _COLUMNS.items()},
    }
    Path("result.json").write_text(json.dumps(result))


def _run(simulator: Simulator) -> None:
    """Run it, and say in words at which of its own assertions it ends."""
    try:
        simulator.run()
    except AssertionError as fault:
        if "pending requests" in str(fault):
            sys.exit("ERROR: requests were left that it never began")
        frames = traceback.extract_tb(fault.__traceback__)
        if Path(frames[-1].filename).parts[-2:] == ("entities", "request.py"):
            sys.exit("ERROR: a request was evicted from the KV cache, and Vidur 0.0.26 fails when that one runs again")
        raise


def _config() -> SimulationConfig:
    scheduler = ASKED["scheduler"]
    kinds = {"vllm": VllmSchedulerConfig, "sarathi": SarathiSchedulerConfig, "orca": OrcaSchedulerConfig}
    return SimulationConfig(
        seed=ASKED["seed"],
        log_level="error",
        cluster_config=ClusterConfig(
            num_replicas=ASKED["replicas"],
            replica_config=ReplicaConfig(
                model_name=NAME,
                num_pipeline_stages=ASKED["stages"],
                tensor_parallel_size=1,
                device=NAME,
                network_device=NAME,
            ),
            cache_config=CacheConfig(**ASKED["cache"]),
            global_scheduler_config=_ROUTERS[ASKED["router"]](),
            replica_scheduler_config=kinds[scheduler](**ASKED["limits"]),
        ),
        request_generator_config=TraceRequestGeneratorConfig(
            trace_file="trace.csv",
            date=ASKED["date"],
            prefill_scale_factor=1,
            decode_scale_factor=1,
            time_scale_factor=1,
            max_tokens=ASKED["sequence_tokens"],
        ),
        execution_time_predictor_config=RandomForrestExecutionTimePredictorConfig(
            model_profiling_dataset=f"{NAME}/compute",
            network_profiling_dataset=f"{NAME}/network",
            prediction_hf_org=NAME,
            prediction_hf_collection=NAME,
            kv_cache_prediction_granularity=ASKED["kv_step"],
            prediction_max_tokens_per_request=ASKED["sequence_tokens"],
            cache_dir="cache",
            use_native_execution_time_predictor=False,
        ),
        metrics_config=MetricsConfig(
            output_dir="out",
            store_plots=False,
            enable_chrome_trace=False,
            store_batch_metrics=False,
            store_utilization_metrics=False,
        ),
    )


def _fill_cache(config: SimulationConfig) -> None:
    """The tables where it looks for what others have predicted, under the names that it gives them itself."""
    tables = json.loads(Path("tables.json").read_text())
    cluster = config.cluster_config
    names = object.__new__(
        RandomForrestExecutionTimePredictor
    )  # to be asked for names: making one would look for files
    names._config = config.execution_time_predictor_config
    names._replica_config = cluster.replica_config
    names._block_size = cluster.cache_config.block_size
    names._max_tokens = config.execution_time_predictor_config.prediction_max_tokens_per_request
    names._is_multi_node = False
    step, count = tables["token_step"], len(tables["stage_ms"])
    sizes = [step * (at + 1) for at in range(count)]
    compute: dict[str, list[tuple[Any, ...]]] = {name: [(size, 0.0) for size in sizes] for name in _IN_ANOTHER}
    compute["attn_kv_cache_save"] = [(size, 0.0) for size in range(1, sizes[-1] + 1)]  # asked for, and never added
    compute["attn_pre_proj"] = list(zip(sizes, tables["stage_ms"], strict=True))
    compute["attn_decode"] = [
        (batch + 1, kv, time)
        for batch, row in enumerate(tables["decode_ms"])
        for kv, time in zip(tables["decode_kv"], row, strict=True)
    ]
    compute["attn_prefill"] = tables["prefill"]
    network = {"send_recv": list(zip(sizes, tables["send_ms"], strict=True))} if ASKED["stages"] > 1 else {}
    _fill("compute", names._get_compute_prediction_repo_id(), compute)
    _fill("network", names._get_network_prediction_repo_id(), network)


def _fill(kind: str, repository: str, tables: dict[str, list[tuple[Any, ...]]]) -> None:
    base = Path("cache/hf_predictions", kind, f"datasets--{repository.replace('/', '--')}")
    files = base / "snapshots" / _COMMIT
    files.mkdir(parents=True)
    (base / "refs").mkdir()
    (base / "refs" / "main").write_text(_COMMIT)
    (files / "config.json").write_text("{}")
    for name, rows in tables.items():
        with lzma.open(files / f"{name}.csv.xz", "wt", preset=0) as file:
            keys = len(rows[0]) - 1
            file.write(",".join([*(f"X_{at}" for at in range(keys)), "prediction"]) + "\n")
            file.writelines(",".join(map(repr, row)) + "\n" for row in rows)


if __name__ == "__main__":
    main()
