"""What KV caches take from the replicas that compute prompts to those that compute answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil, prod

import numpy as np

from gnomon.core.errors import Unsupported
from gnomon.core.exchange import Exchange, ExchangeTimer
from gnomon.core.service import Floats, KvTransfer
from gnomon.core.serving_plan import KvSent
from gnomon.core.system import System, cluster
from gnomon.engines.serving.step_times.grids import counts
from gnomon.engines.serving.step_times.layout import Layout

_BITS_PER_BYTE, _GIGA = 8, 1e9


def link_bytes(block_bytes: float, sender: Layout, receiver: Layout) -> tuple[float, float]:
    """Bytes of one block on the link of a device that sends, and of one that receives and keeps `block_bytes` of it.

    Every device that receives reads its own copy, from a device that has it [vLLM 0.15, connector NIXL: ranks of unequal tensor
    parallelism read from each other]; of n devices that send each sends an equal share of all copies:
        block * (tp' pp') / (tp pp), block
    """
    return block_bytes * receiver.tensor * receiver.stages / (sender.tensor * sender.stages), block_bytes


def shares(sent: KvSent, layers: int, stages: int) -> tuple[float, float]:
    """Of a KV cache that is sent: what cannot be before the prompt is through; and of the prompt's time, what is left when the
    first layer can be.

    Layer by layer [Patel et al. 2024, section 4.3] a device sends each of its l layers when it is computed, while its stage, the
    last of p, computes the others: 1 / l and (1 - 1 / l) / p.
    """
    if sent == "whole":
        return 1.0, 0.0
    own = ceil(layers / stages)
    return 1 / own, (1 - 1 / own) / stages


def kv_transfer(
    most_blocks: int, times_s: Callable[[Floats], Floats], sent: KvSent, layers: int, stages: int
) -> KvTransfer:
    """The transfer of prompts of up to so many blocks; `times_s`: of numbers of blocks."""
    blocks = counts(max(most_blocks, 1))
    last, lead = shares(sent, layers, stages)
    return KvTransfer(blocks=blocks, seconds=times_s(blocks.astype(np.float64)), last_share=last, lead_share=lead)


def network_s(
    blocks: Floats, bytes_of_one: tuple[float, float], systems: Sequence[System], devices: int, timer: ExchangeTimer
) -> Floats:
    """Seconds of so many blocks between two pools: on one system that `devices` of are used, or from one to another.

    Whichever end takes longer: between two systems each as if the other end were of its own kind. Unsupported where no
    network is described.
    """
    if len(systems) == 1:
        ends = [(systems[0], _level(systems[0], devices))] * 2
    else:
        wide = [one if one.scale_out is None else cluster(one, one.count, 2) for one in systems]
        ends = [(one, len(one.dimensions) - 1) for one in wide]
    found = [
        _sends_s(blocks * own, system, level, timer) for own, (system, level) in zip(bytes_of_one, ends, strict=True)
    ]
    return np.maximum(*found)


def at_rate_s(blocks: Floats, bytes_of_one: tuple[float, float], gbit_per_s: float) -> Floats:
    """Seconds of so many blocks where every link has a rate."""
    return blocks * (max(bytes_of_one) * _BITS_PER_BYTE / (gbit_per_s * _GIGA))


def _level(system: System, devices: int) -> int:
    """The innermost level of the network that joins the first so many devices; -1: none does."""
    sizes = [one.size for one in system.dimensions]
    return next((at for at in range(len(sizes)) if prod(sizes[: at + 1]) >= devices), -1)


def _sends_s(sizes_bytes: Floats, system: System, level: int, timer: ExchangeTimer) -> Floats:
    """Seconds of messages between two devices that differ in one level."""
    if level < 0:
        raise Unsupported(
            f"no network of {system.name} is described that KV caches could be sent over: say kv_transfer_gbit_per_s, or name a "
            "system of `gnomon list systems`"
        )
    spread = tuple(2 if at == level else 1 for at in range(len(system.dimensions)))
    sends = [Exchange(kind="send", size_bytes=size, spread=spread, grid=((2, level),)) for size in sizes_bytes.tolist()]
    return np.asarray(timer.exchange_times_s(sends, system), np.float64)
