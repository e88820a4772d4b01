"""vidur_config.json: the configuration of a run as Vidur resolves and writes it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from gnomon.core.errors import BadInput, Unsupported, near_match
from gnomon.core.service import Batching, DecoderShape, DeviceRoom, Pool, RouterName, Routing, Service, StageTimes
from gnomon.formats.strict import read_json, shaped
from gnomon.formats.vidur.tables import TableOptions

POLICIES = {  # Vidur's name of a replica scheduler -> ours
    "vllm": "vidur-vllm",
    "sarathi": "sarathi",
    "orca": "orca",
    "faster_transformer": "faster-transformer",
    "lightllm": "lightllm",
}
_DRAWS = {
    "poisson": 1,
    "gamma": 0,
    "static": 0,
    "trace": 0,
}  # from Python's generator, for the interval before a request
_LENGTH_DRAWS = {"uniform": 1, "fixed": 0, "zipf": 0, "trace": 0}  # likewise, for its length
_GIB = 2**30
_Count = Annotated[int, Field(ge=1)]
_Share = Annotated[float, Field(ge=0, lt=1)]
_Number = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Part(BaseModel):
    """A part of the file; Vidur writes many keys that change no time, and these are passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class _Model(_Part):
    num_layers: _Count
    num_q_heads: _Count
    num_kv_heads: _Count
    embedding_dim: _Count
    mlp_hidden_dim: _Count
    use_gated_mlp: bool
    post_attn_norm: bool


class _Device(_Part):
    total_memory_gb: Annotated[float, Field(gt=0, allow_inf_nan=False)]


class _Replica(_Part):
    memory_margin_fraction: _Share = 0.1
    num_pipeline_stages: _Count
    tensor_parallel_size: _Count
    device_config: _Device
    llm: _Model = Field(alias="model_config")


class _Named(_Part):
    name: str


class _Scheduler(_Part):
    name: str
    batch_size_cap: _Count
    block_size: _Count
    watermark_blocks_fraction: _Share = 0.0
    num_blocks: _Count | None = None
    max_tokens_in_batch: _Count | None = None
    chunk_size: _Count | None = None
    max_waiting_iters: Annotated[int, Field(ge=0)] | None = None


class _Cluster(_Part):
    num_replicas: _Count
    replica_config: _Replica
    global_scheduler_config: _Named
    replica_scheduler_config: _Scheduler


class _Generator(_Part):
    name: str
    seed: int | None = None
    max_tokens: _Count
    duration: _Number | None = None
    length_generator_config: _Named | None = None
    interval_generator_config: _Named | None = None


class _Predictor(_Part):
    attention_decode_batching_overhead_fraction: _Number = 0.1
    attention_prefill_batching_overhead_fraction: _Number = 0.1
    nccl_cpu_launch_overhead_ms: _Number = 0.02
    nccl_cpu_skew_overhead_per_device_ms: _Number = 0.0
    skip_cpu_overhead_modeling: bool = True


class _Config(_Part):
    seed: int = 42
    time_limit: _Number = 0
    cluster_config: _Cluster
    request_generator_config: _Generator
    execution_time_predictor_config: _Predictor


@dataclass(frozen=True, slots=True, kw_only=True)
class VidurRun:
    """What a file configures, but for the requests."""

    config: _Config
    place: str

    @property
    def tables(self) -> TableOptions:
        """What of the tables is used."""
        replica, given = self.config.cluster_config.replica_config, self.config.execution_time_predictor_config
        is_grouped = replica.llm.num_q_heads > replica.llm.num_kv_heads  # only then does a batch add to attention
        return TableOptions(
            tensor_parallel=replica.tensor_parallel_size,
            stages=replica.num_pipeline_stages,
            layers=replica.llm.num_layers // replica.num_pipeline_stages,
            has_second_norm=replica.llm.post_attn_norm,
            launch_ms=given.nccl_cpu_launch_overhead_ms,
            skew_ms=given.nccl_cpu_skew_overhead_per_device_ms,
            decode_factor=1 + given.attention_decode_batching_overhead_fraction * is_grouped,
            prefill_factor=1 + given.attention_prefill_batching_overhead_fraction * is_grouped,
        )

    @property
    def sequence_tokens(self) -> int:
        """Tokens of prompt and answer that a request has at most."""
        return self.config.request_generator_config.max_tokens

    @property
    def room(self) -> DeviceRoom:
        """What the plan of memory divides."""
        cluster = self.config.cluster_config
        replica = cluster.replica_config
        return DeviceRoom(
            shape=DecoderShape(
                layers=replica.llm.num_layers,
                query_heads=replica.llm.num_q_heads,
                kv_heads=replica.llm.num_kv_heads,
                embedding=replica.llm.embedding_dim,
                hidden=replica.llm.mlp_hidden_dim,
                is_gated=replica.llm.use_gated_mlp,
            ),
            tensor_parallel=replica.tensor_parallel_size,
            stages=replica.num_pipeline_stages,
            device_bytes=replica.device_config.total_memory_gb * _GIB,
            margin=replica.memory_margin_fraction,
            sequence_tokens=self.sequence_tokens,
            block_tokens=cluster.replica_scheduler_config.block_size,
            blocks=cluster.replica_scheduler_config.num_blocks,
        )

    def service(self, requests: int, times: StageTimes, *, kv_sequences: int, kv_blocks: int) -> Service:
        """The service with its memory planned, for so many requests that Vidur generated before it routed them."""
        cluster = self.config.cluster_config
        pool = Pool(
            name="replicas",
            replicas=cluster.num_replicas,
            tensor_parallel=cluster.replica_config.tensor_parallel_size,
            stages=cluster.replica_config.num_pipeline_stages,
            kv_blocks=kv_blocks,
            kv_sequences=kv_sequences,
            batching=_batching(cluster.replica_scheduler_config),
            times=times,
        )
        return Service(
            pools=(pool,),
            routing=self._routing(requests),
            sequence_tokens=self.sequence_tokens,
            time_limit_s=self.config.time_limit or None,
        )

    def _routing(self, requests: int) -> Routing:
        """Random draws of the router follow those of the generator, which is seeded just before it begins."""
        generator = self.config.request_generator_config
        names: dict[str, RouterName] = {"random": "random", "round_robin": "round_robin", "lor": "lor"}
        name = names[self.config.cluster_config.global_scheduler_config.name]
        if generator.interval_generator_config is None or generator.length_generator_config is None:
            return Routing(name=name, seed=self.config.seed)  # a trace is replayed: nothing is drawn before
        generated = requests + (1 if generator.duration is not None else 0)  # the one that came too late was drawn, too
        each = _DRAWS[generator.interval_generator_config.name] + _LENGTH_DRAWS[generator.length_generator_config.name]
        seed = self.config.seed if generator.seed is None else generator.seed
        return Routing(name=name, seed=seed, draws_before=each * generated)


def read_vidur_config(path: Path) -> VidurRun:
    """The configuration of a file. BadInput: the file and the field; Unsupported: what is not simulated here."""
    config = shaped(_Config, read_json(path), str(path))
    cluster, generator = config.cluster_config, config.request_generator_config
    scheduler, replica = cluster.replica_scheduler_config, cluster.replica_config
    known: list[tuple[str, str, tuple[str, ...]]] = [
        ("cluster_config.replica_scheduler_config.name", scheduler.name, tuple(POLICIES)),
        (
            "cluster_config.global_scheduler_config.name",
            cluster.global_scheduler_config.name,
            ("random", "round_robin", "lor"),
        ),
        ("request_generator_config.name", generator.name, ("synthetic", "trace_replay")),
    ]
    if generator.interval_generator_config is not None:
        name = generator.interval_generator_config.name
        known.append(("request_generator_config.interval_generator_config.name", name, tuple(_DRAWS)))
    if generator.length_generator_config is not None:
        name = generator.length_generator_config.name
        known.append(("request_generator_config.length_generator_config.name", name, tuple(_LENGTH_DRAWS)))
    for field, word, words in known:
        if word not in words:
            raise Unsupported(
                f"{path}: {field}: {word!r} is not simulated{near_match(word, words)} ({', '.join(words)})"
            )
    if not config.execution_time_predictor_config.skip_cpu_overhead_modeling:
        raise Unsupported(
            f"{path}: execution_time_predictor_config.skip_cpu_overhead_modeling: false: no data of it exist"
        )
    _check(path, scheduler, replica)
    return VidurRun(config=config, place=str(path))


def _check(path: Path, scheduler: _Scheduler, replica: _Replica) -> None:
    def refuse(text: str, field: str) -> None:
        raise BadInput(text, field=field, where=str(path))

    within = "cluster_config.replica_scheduler_config"
    if scheduler.name in ("vllm", "lightllm") and scheduler.max_tokens_in_batch is None:
        refuse(f"{scheduler.name} needs a number", f"{within}.max_tokens_in_batch")
    if scheduler.name == "sarathi" and scheduler.chunk_size is None:
        refuse("sarathi needs a number", f"{within}.chunk_size")
    if scheduler.name == "lightllm" and scheduler.max_waiting_iters is None:
        refuse("lightllm needs a number", f"{within}.max_waiting_iters")
    if scheduler.name == "lightllm" and (scheduler.block_size != 1 or replica.num_pipeline_stages != 1):
        refuse("lightllm has blocks of one token, and one stage", f"{within}.block_size")
    for field, parts, of in (
        ("num_pipeline_stages", replica.num_pipeline_stages, replica.llm.num_layers),
        ("tensor_parallel_size", replica.tensor_parallel_size, replica.llm.num_q_heads),
        ("model_config.num_q_heads", replica.llm.num_q_heads, replica.llm.embedding_dim),
    ):
        if of % parts:
            refuse(f"{parts} does not divide {of}", f"cluster_config.replica_config.{field}")


def _batching(scheduler: _Scheduler) -> Batching:
    return Batching(
        policy=POLICIES[scheduler.name],
        most_requests=scheduler.batch_size_cap,
        block_tokens=scheduler.block_size,
        watermark=scheduler.watermark_blocks_fraction if scheduler.name in ("vllm", "sarathi") else 0.0,
        most_tokens=scheduler.max_tokens_in_batch,
        chunk_tokens=scheduler.chunk_size,
        most_waits=scheduler.max_waiting_iters,
    )
