"""The slower memories that a plan gives to the KV cache: how many blocks each holds, and what one takes on its way."""

from __future__ import annotations

from gnomon.core.errors import BadInput, Unsupported
from gnomon.core.service import KvTier, KvTiers
from gnomon.core.serving_plan import ServingPlan
from gnomon.core.system import System
from gnomon.core.units import show

_GIB, _BYTES_PER_S = 2**30, 1e9 / 8  # of a GiB; of a Gbit/s
_HOST_LINK = "PCIe"  # how the names of links to a host begin
ASSUMPTIONS = (
    "KV blocks go to slower memories and come back at the whole rate of their link, also while steps run, which they do not slow down",
    "a remote store serves every replica at the rate of that one's own link, and answers look-ups in no time",
)


def tiers_of(plan: ServingPlan, system: System, block_bytes: float, devices: int) -> KvTiers | None:
    """Those of a replica of some devices, each of which keeps `block_bytes` of a block; None: there are none. BadInput."""
    if not plan.has_kv_tiers:
        return None
    of_all = block_bytes * devices
    cpu = remote = None
    if plan.kv_offloading_size_gib is not None:
        blocks = _blocks(plan.kv_offloading_size_gib, of_all, "kv_offloading_size_gib")
        cpu = KvTier(blocks=blocks, block_s=block_bytes / _host_bytes_per_s(plan, system))
    if plan.kv_remote_size_gib is not None:
        assert plan.kv_remote_gbit_per_s is not None  # as the plan was checked
        blocks = _blocks(plan.kv_remote_size_gib, of_all, "kv_remote_size_gib")
        remote = KvTier(blocks=blocks, block_s=block_bytes / (plan.kv_remote_gbit_per_s * _BYTES_PER_S))
    return KvTiers(cpu=cpu, remote=remote, block_bytes=of_all)


def check_alone(plan: ServingPlan) -> None:
    """Unsupported for what is not simulated with slower memories of the KV cache."""
    if not plan.has_kv_tiers:
        return
    others = {
        "two pools (prefill_replicas, prefill_on)": plan.has_prefill_pool,
        "replicas that come and go (autoscale)": plan.autoscale is not None,
        "LoRA adapters (max_loras)": plan.max_loras is not None,
        "speculative decoding (num_speculative_tokens)": plan.num_speculative_tokens is not None,
        "requests that leave their queue (max_wait_s)": plan.max_wait_s is not None,
    }
    for what, is_asked in others.items():
        if is_asked:
            raise Unsupported(f"slower memories of the KV cache are not simulated with {what}")


def _blocks(size_gib: float, block_bytes: float, field: str) -> int:
    """Whole blocks of a store [vLLM 0.15, CPUOffloadingSpec: of all devices of a replica together]. BadInput where there is none."""
    found = int(size_gib * _GIB // block_bytes)
    if found < 1:
        raise BadInput(f"{size_gib:g} GiB hold no block: one takes {show(block_bytes, 'B')}", field=field)
    return found


def _host_bytes_per_s(plan: ServingPlan, system: System) -> float:
    """Of the link of a device to its host, in either direction. BadInput where its data sheet knows of none."""
    if plan.kv_offloading_gbit_per_s is not None:
        return plan.kv_offloading_gbit_per_s * _BYTES_PER_S
    for link in system.device.links:
        if link.name.startswith(_HOST_LINK):
            return link.bandwidth_bytes_per_s.value
    raise BadInput(
        f"the data sheet of {system.device.name} has no link to its host: say how fast it is",
        field="kv_offloading_gbit_per_s",
    )
