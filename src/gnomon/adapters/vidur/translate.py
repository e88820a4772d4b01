"""A service and its requests -> Vidur's configuration, trace and tables. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np

from gnomon.adapters.vidur.tables import Sizes, tables
from gnomon.core.op import Attention
from gnomon.core.service import Arrivals, Pool, Service, StepTimes
from gnomon.core.tool import Files
from gnomon.core.workload import Workload
from gnomon.tools.serving.stream import reasons_against

SCHEDULERS = {"vidur-vllm": "vllm", "sarathi": "sarathi", "orca": "orca"}  # policy -> Vidur's name
ROUTERS = ("round_robin", "random", "lor")
OPTIONS, TABLES, TRACE = "options.json", "tables.json", "trace.csv"
_DATE = "2000-01-01"  # it takes the requests of one day out of a trace


def missing(service: Service, arrivals: Arrivals) -> Iterator[str]:
    """Reasons why it cannot be asked, or would not come to an end."""
    pool = service.pools[0]
    if len(service.pools) > 1:
        yield "vidur knows one pool of equal replicas"
    if pool.batching.policy not in SCHEDULERS:
        yield f"vidur knows no policy {pool.batching.policy} (it knows {', '.join(SCHEDULERS)})"
        return
    if not isinstance(pool.times, StepTimes):
        yield "vidur is given times of steps on grids"
    if service.routing.name not in ROUTERS:
        yield f"vidur knows no router {service.routing.name} (it knows {', '.join(ROUTERS)})"
    if service.autoscale is not None:
        yield "vidur knows no replicas that come and go"
    if service.most_waiting is not None or service.most_wait_s is not None:
        yield "vidur serves whoever comes: it turns nobody away"
    if service.most_open is not None:
        yield "vidur takes requests when they come, whatever is under way: it knows no closed loop"
    yield from reasons_against(arrivals)
    yield from _never_scheduled(service, pool, arrivals)


def _never_scheduled(service: Service, pool: Pool, arrivals: Arrivals) -> Iterator[str]:
    """Requests that would wait for ever, at which its simulation ends in an error."""
    if not len(arrivals):
        return
    batching, prompt = pool.batching, int(arrivals.prefill_tokens.max())
    blocks = pool.kv_blocks or 0
    if batching.policy == "vidur-vllm" and batching.most_tokens is not None and prompt > batching.most_tokens:
        yield f"a prompt of {prompt:,} tokens is more than a step takes ({batching.most_tokens:,}): vidur would never begin it"
    if batching.policy == "orca":
        needed = service.sequence_tokens // batching.block_tokens
    else:
        needed = -(-prompt // batching.block_tokens) + int(batching.watermark * blocks)
    if needed > blocks:
        yield f"a request needs {needed:,} free blocks of the KV cache, and a replica has {blocks:,}: vidur would never begin it"


def translate(service: Service, arrivals: Arrivals, workload: Workload, kv_step: int) -> Files:
    """The files by name."""
    pool = service.pools[0]
    batching, scheduler = pool.batching, SCHEDULERS[pool.batching.policy]
    assert isinstance(pool.times, StepTimes)
    limits = {"batch_size_cap": batching.most_requests}
    if scheduler == "vllm":
        limits["max_tokens_in_batch"] = batching.most_tokens or int(arrivals.prefill_tokens.sum())
    if scheduler == "sarathi":
        limits["chunk_size"] = batching.chunk_tokens or batching.most_tokens or 512
    options = {
        "scheduler": scheduler,
        "limits": limits,
        "stages": pool.stages,
        "replicas": pool.replicas,
        "router": service.routing.name,
        "seed": service.routing.seed,
        "is_grouped": is_grouped(workload),
        "cache": {
            "block_size": batching.block_tokens,
            "num_blocks": pool.kv_blocks,
            "watermark_blocks_fraction": batching.watermark,
        },
        "sequence_tokens": service.sequence_tokens,
        "kv_step": kv_step,
        "date": _DATE,
    }
    sizes = _sizes(pool, arrivals, limits, kv_step)
    return {
        OPTIONS: json.dumps(options, indent=1),
        TABLES: json.dumps(tables(pool.times, sizes)),
        TRACE: trace(arrivals),
    }


def _sizes(pool: Pool, arrivals: Arrivals, limits: dict[str, int], kv_step: int) -> Sizes:
    """The largest that it can meet: what is evicted comes again with its answer as part of its prompt."""
    whole = int((arrivals.prefill_tokens + arrivals.decode_tokens).max())
    cap = min(limits["batch_size_cap"], len(arrivals))
    if "chunk_size" in limits:
        chunk = min(limits["chunk_size"], whole)
        step = limits["chunk_size"] + cap
    elif "max_tokens_in_batch" in limits:
        chunk = min(limits["max_tokens_in_batch"], whole)
        step = max(limits["max_tokens_in_batch"], cap)
    else:
        chunk = int(arrivals.prefill_tokens.max())
        step = int(np.sort(arrivals.prefill_tokens)[-cap:].sum()) + cap
    return Sizes(
        step_tokens=step,
        decodes=cap,
        chunk=chunk,
        request_tokens=whole,
        kv_step=kv_step,
        starts_whole="chunk_size" not in limits,
    )


def trace(arrivals: Arrivals) -> str:
    """The requests as rows of one day."""
    columns = (arrivals.arrived_s, arrivals.prefill_tokens, arrivals.decode_tokens)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    lines = (f"{_DATE},{arrived!r},{prompt},{answer}\n" for arrived, prompt, answer in rows)
    return "Date,Time,PromptTokenCount,CompletionTokenCount\n" + "".join(lines)


def is_grouped(workload: Workload) -> bool:
    """Whether several queries share a key: then it adds a tenth to the attention of steps of several requests."""
    attention = [node.op for node in workload.nodes if isinstance(node.op, Attention)]
    return any(op.heads > op.kv_heads and not op.is_value_in_key for op in attention)
