"""LoRA adapters beside the products of a decoder's layers: what their thin products take in a step, their bytes, and their way
to the device.

A step gathers the two thin matrices of each of its requests' adapters and multiplies with all of them at once. [Chen et al. 2024,
Punica, MLSys, section 4: SGMV, a shrink and an expand kernel; Sheng et al. 2024, S-LoRA, MLSys, section 5]
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil

import numpy as np

from gnomon.core.dtype import DTYPES
from gnomon.core.engine import OpTimer
from gnomon.core.errors import Unsupported
from gnomon.core.op import GroupedMatMul, MatMul, Op
from gnomon.core.service import StepTimes
from gnomon.core.system import System
from gnomon.core.workload import Node, Workload, op_table
from gnomon.engines.serving.step_times.device_share import DeviceShare, device_share
from gnomon.engines.serving.step_times.grids import counts
from gnomon.engines.serving.step_times.layout import Layout, Limits
from gnomon.parallel.piece import Boundary

# An adapter comes from the host's memory over PCIe 4.0: 16 GT/s on 16 lanes, 128 of 130 bits. [PCI Express 4.0] Boards with a
# faster link take less, pageable memory and small copies more.
HOST_BYTES_PER_S = 31.5e9
RANK = 16  # where none is said [vLLM 0.15, max_lora_rank]
OF_ADAPTERS = "every LoRA adapter has one rank and lies in the host's memory; all products of the layers have one, but for routers and experts"
# Products that serving software computes as one, and whose adapters have a first matrix for each. [vLLM 0.15, packed modules]
_PACKED = {"qkv_proj": 3, "gate_up_proj": 2, "shared_gate_up_proj": 2}
_WITHOUT = ("router",)  # of a mixture, whose experts have no adapters here either


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterSizes:
    """Adapters of one rank."""

    rank: int
    most: int  # of a step, which a device has room for


def adapter_bytes(workload: Workload, layout: Layout, rank: int) -> float:
    """Bytes of one adapter on a device of the fullest stage: first matrices (rank, k) and second ones (n, rank) of what it holds."""
    share = device_share(workload, layout)
    numbers = sum(copies * rank * (packed * op.k + op.n) for op, packed, copies in _adapted(share, layout))
    return numbers * DTYPES[share.dtype].bytes


def with_adapters(
    times: StepTimes,
    workload: Workload,
    system: System,
    layout: Layout,
    limits: Limits,
    timer: OpTimer,
    sizes: AdapterSizes,
    kernel_share: float,
) -> StepTimes:
    """The times with those of adapters: by tokens that have one, and by how many different ones they have. Unsupported."""
    share = device_share(workload, layout)
    tokens, adapters = counts(limits.step_tokens), counts(sizes.most)
    products = list(_adapted(share, layout))
    ops = [
        op
        for many in tokens.tolist()
        for different in adapters.tolist()
        for product, packed, _ in products
        for op in _thin(product, packed, share.dtype, many, different, sizes.rank)
    ]
    took_s = timer.times_s(op_table(tuple(Node(name=str(at), op=op) for at, op in enumerate(ops))), system.device)
    if not np.isfinite(took_s).all():
        raise Unsupported(f"this timer has no times of an adapter's products on {system.device.name}")
    copies = np.repeat([copies for *_, copies in products], 2)
    return replace(
        times,
        adapted=tokens,
        adapters=adapters,
        adapters_s=kernel_share * (took_s.reshape(len(tokens), len(adapters), -1) @ copies),
        adapter_load_s=adapter_bytes(workload, layout, sizes.rank) / HOST_BYTES_PER_S,
    )


def _adapted(share: DeviceShare, layout: Layout) -> Iterator[tuple[MatMul, int, float]]:
    """Products of a layer that have adapters, how many first matrices each has, and how often the fullest stage has it."""
    part = ceil(share.layer_count / layout.stages) / share.layer_count
    for layers in share.layers:
        for piece in layers.pieces:
            if isinstance(piece, Boundary) or not isinstance(piece.op, MatMul) or not piece.op.is_weight:
                continue
            name = piece.name.rpartition(".")[2]
            if name not in _WITHOUT:
                yield piece.op, _PACKED.get(name, 1), part * layers.copies


def _thin(product: MatMul, packed: int, dtype: str, tokens: int, adapters: int, rank: int) -> tuple[Op, Op]:
    """Shrink and expand of so many tokens of so many adapters beside a product of one token."""

    def gathered(n: int, k: int) -> GroupedMatMul:
        return GroupedMatMul(tokens=tokens * product.m, groups=adapters, chosen=1, n=n, k=k, dtype=dtype)

    return gathered(packed * rank, product.k), gathered(product.n, rank)
