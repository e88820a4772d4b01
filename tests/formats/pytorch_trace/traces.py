"""A small linked trace, made by hand: two operators with kernels, an all-reduce, messages, and a second thread."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_TENSOR = [7, 8, 0, 1024, 4, "cuda:0"]  # 4 KiB
_MEMBERS: dict[str, list[int]] = {"0": [], "1": [1, 3], "2": [0, 2]}
GROUPS = json.dumps([{"pg_name": name, "ranks": ranks} for name, ranks in _MEMBERS.items()])


def operator(number: int, name: str, caller: int, **more: Any) -> dict[str, Any]:
    """A node of the host."""
    inputs = more.pop("inputs", ([], []))
    attrs = {"rf_id": number, "fw_parent": 0, "seq_id": -1, "scope": 0, "tid": 1, "fw_tid": 0, "op_schema": ""}
    attrs |= more.pop("attrs", {})
    return {
        "id": number,
        "name": name,
        "ctrl_deps": caller,
        "inputs": {"values": inputs[0], "shapes": [], "types": inputs[1]},
        "outputs": {"values": [], "shapes": [], "types": []},
        "attrs": [{"name": key, "type": "", "value": value} for key, value in attrs.items()],
        "inclusive_dur": 9,
        "exclusive_dur": 3,
        "ts": 1000 + number,
        "inter_thread_dep": None,
    } | more


def kernel(number: int, name: str, caller: dict[str, Any], took_us: float, **more: Any) -> dict[str, Any]:
    """A kernel, which has everything of the operator that launched it but this."""
    own = {"id": number, "name": name, "ctrl_deps": caller["id"], "cat": "kernel", "exclusive_dur": took_us}
    return caller | own | {"ts": 1000 + number, "stream": 7} | more


def linked() -> dict[str, Any]:
    """The trace of rank 1 of 4."""
    first = operator(10, "aten::mm", 2)
    inner = operator(11, "aten::empty", 10)
    second = operator(20, "aten::add", 2)
    called = operator(
        30, "c10d::allreduce_", 2, inputs=([[_TENSOR], "<Object>", 0], ["GenericList[Tensor(float)]", "Object", "Int"])
    )
    record = operator(
        31,
        "record_param_comms",
        30,
        inputs=([[_TENSOR], 12, "0", 1, "allreduce"], ["GenericList[Tensor(float)]", "Int", "String", "Int", "String"]),
        attrs={"pg_name": "1", "collective_name": "allreduce"},
    )
    sending = operator(
        40,
        "c10d::send",
        2,
        inputs=([[_TENSOR], "<Object>", 2, 5], ["GenericList[Tensor(float)]", "Object", "Int", "Int"]),
    )
    sent = operator(
        41,
        "record_param_comms",
        40,
        inputs=([[_TENSOR], 13, "0", 2, "send"], ["GenericList[Tensor(float)]", "Int", "String", "Int", "String"]),
        attrs={"pg_name": "0"},
    )
    nodes = [
        operator(1, "[pytorch|profiler|execution_trace|process]", 1),
        operator(2, "[pytorch|profiler|execution_trace|thread]", 1),
        operator(3, "## process_group:init ##", 2, inputs=([GROUPS], ["String"])),
        first,
        inner,
        kernel(12, "ampere_sgemm_128x64", first, 250),
        kernel(13, "splitk_reduce", first, 20),
        second,
        kernel(21, "vectorized_elementwise_kernel", second, 30),
        called,
        record,
        kernel(32, "ncclDevKernel_AllReduce_Sum_f32_RING_LL(ncclDevComm*)", record, 90, stream=20, pg_name="1"),
        sending,
        sent,
        kernel(42, "ncclDevKernel_SendRecv(ncclDevComm*)", sent, 15, stream=24, pg_name="0"),
        operator(50, "cudaStreamSynchronize", 2, sync_dep=[12, 32]),
        operator(51, "Optimizer.step#SGD.step", 2, exclusive_dur=5000),
        operator(60, "[pytorch|profiler|execution_trace|thread]", 1),
        operator(61, "autograd::engine", 60, inter_thread_dep=20),
    ]
    return {"schema": "1.1.1-chakra.0.0.4", "pid": 1, "time": "", "start_ts": 0, "finish_ts": 1, "nodes": nodes}


def write(path: Path, trace: dict[str, Any]) -> Path:
    path.write_text(json.dumps(trace))
    return path


def linked_ranks() -> list[dict[str, Any]]:
    """The traces of four ranks: 0 and 2, 1 and 3 sum, and each of the first two sends to the one two further on."""
    made = []
    for rank in range(4):
        trace = linked()
        text = json.dumps(trace["nodes"])
        if rank % 2 == 0:
            text = text.replace('"pg_name", "type": "", "value": "1"', '"pg_name", "type": "", "value": "2"')
            text = text.replace('"pg_name": "1"}', '"pg_name": "2"}')
        text = text.replace('"<Object>", 2, 5]', f'"<Object>", {(rank + 2) % 4}, 5]')
        text = text.replace('"0", 2, "send"]', f'"0", {(rank + 2) % 4}, "send"]')
        if rank >= 2:
            text = text.replace("c10d::send", "c10d::recv_").replace('"send"]', '"recv"]')
        made.append(trace | {"nodes": json.loads(text)})
    return made
