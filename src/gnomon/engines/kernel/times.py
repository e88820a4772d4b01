"""Times of kernels on a device: the physical time of the equations, and that times the learned ratio."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnomon.core.device import Device
from gnomon.engines.kernel.equations import (
    Numbers,
    cached_share,
    overlapped_s,
    sustained_flop_per_s,
    tile_s,
    tiles,
    traffic_s,
    waves,
)
from gnomon.engines.kernel.fitted import AttentionFit, PassFit, ProductFit
from gnomon.engines.kernel.kernels import FEWEST_QUERIES, Attentions, Passes, Products

Array = NDArray[np.float64]

# Output tiles and splits that a library is taken to choose from, by the least time: what CUTLASS's profiler offers by
# default is of these sizes; 256 x 256 stands for two multiprocessors that share their operands (Blackwell).
TILES = (
    (256, 256, 1),
    (256, 128, 1),
    (128, 256, 1),
    (128, 128, 1),
    (128, 128, 2),
    (128, 128, 4),
    (128, 64, 1),
    (64, 128, 1),
    (64, 64, 1),
    (64, 64, 4),
    (64, 64, 8),
    (64, 32, 1),
    (64, 32, 4),
    (64, 32, 16),
)
PARTIAL_BYTES = 4.0  # of a partial sum of a split contraction: FP32
QUERY_BLOCK = 128.0  # queries of one block of fused attention [Dao 2023, FlashAttention-2, section 3.3]
HALF_BYTES = 2.0
# Backward reaches 63 % of an A100's peak where forward reaches 73 %. [Dao 2023, FlashAttention-2, section 4.1]
BACKWARD_SLOWER = 73 / 63


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """Numbers of a device that the equations need; each may be an array over kernels of several devices."""

    units: Numbers
    clock_hz: Numbers
    l2_bytes: Numbers
    power_w: Numbers
    memory_bytes_per_s: Numbers
    launch_s: Numbers


NEEDED = {"units.count": "unit_count", "clocks.boost": "boost_hz", "l2.capacity": "l2_bytes", "power": "power_w"}


def lacking(device: Device) -> tuple[str, ...]:
    """Numbers of the device that the equations need and its file does not say, by their paths in it."""
    return tuple(path for path, field in NEEDED.items() if getattr(device, field) is None)


def gpu(device: Device) -> Gpu:
    """The numbers of a device that lacks none."""
    units, clock, l2, power = device.unit_count, device.boost_hz, device.l2_bytes, device.power_w
    assert units and clock and l2 and power
    return Gpu(
        units=units.value,
        clock_hz=clock.value,
        l2_bytes=l2.value,
        power_w=power.value,
        memory_bytes_per_s=device.memory_bytes_per_s.value,
        launch_s=device.launch_s.value,
    )


def physical_product_s(one: Products, size: Numbers, peak_flop_per_s: Numbers, on: Gpu, fit: ProductFit) -> Array:
    """Seconds of each product `(products,)` by the tiles that take least; `size` is an element's bytes."""
    energy = on.power_w / peak_flop_per_s * (HALF_BYTES / size)
    unit_rate = sustained_flop_per_s(peak_flop_per_s, energy, fit.share, fit.exponent) / on.units
    unit_l2 = fit.l2_bytes_per_clock * on.clock_hz
    l2_rate = unit_l2 * on.units
    memory = _traffic_s(one.moved_bytes, on, fit)
    best = np.full(len(one.m), np.inf)
    for tile_m, tile_n, splits in TILES:
        blocks = tiles(one.m, one.n, one.batch, tile_m, tile_n, splits)
        k = np.ceil(one.k / splits)
        block = tile_s(tile_m, tile_n, k, size, unit_rate, unit_l2, fit.half_area, fit.prologue_s)
        time = overlapped_s(waves(blocks, on.units, fit.quantised) * block, memory)
        if splits > 1:
            partial = splits * one.batch * one.m * one.n * PARTIAL_BYTES
            time = time + fit.split_s + 2.0 * partial / l2_rate
        best = np.minimum(best, time)
    return best + started_s(on, fit)


def physical_attention_s(one: Attentions, size: Numbers, peak_flop_per_s: Numbers, on: Gpu, fit: AttentionFit) -> Array:
    """Seconds of each fused attention forward `(attentions,)`: blocks of queries in waves, keys and values read once."""
    energy = on.power_w / peak_flop_per_s * (HALF_BYTES / size)
    rate = sustained_flop_per_s(peak_flop_per_s, energy, fit.share, fit.exponent)
    blocks = one.heads * np.ceil(one.q_len / QUERY_BLOCK)
    rounds = waves(blocks, on.units, fit.quantised)
    # A step of few queries splits its keys over blocks instead, so no multiprocessor idles for want of queries.
    idle = np.where(one.q_len < FEWEST_QUERIES, 1.0, rounds * on.units / blocks)
    time = overlapped_s(one.flop / rate * idle, _traffic_s(one.moved_bytes, on, fit)) + rounds * fit.prologue_s
    return np.asarray(time + started_s(on, fit))


def physical_pass_s(
    flop: Array, moved_bytes: Array, vector_flop_per_s: Numbers, on: Gpu, fit: PassFit, is_single: NDArray[np.bool_]
) -> Array:
    """Seconds of each pass `(passes,)`: traffic through memory or L2 beside the vector unit's arithmetic."""
    time = overlapped_s(_traffic_s(moved_bytes, on, fit), flop / vector_flop_per_s)
    floor = np.where(is_single, fit.single_floor_s, 0.0)
    return np.asarray(time + started_s(on, fit) + floor)


def unshaped_s(
    flop: Array, moved_bytes: Array, size: Numbers, peak_flop_per_s: Numbers, on: Gpu, fit: ProductFit | AttentionFit
) -> Array:
    """Seconds of products or attentions of unknown shape: no tiles, no waves, the mean ratio of their kind."""
    energy = on.power_w / peak_flop_per_s * (HALF_BYTES / size)
    rate = sustained_flop_per_s(peak_flop_per_s, energy, fit.share, fit.exponent)
    time = overlapped_s(flop / rate, _traffic_s(moved_bytes, on, fit)) * fit.unshaped
    return np.asarray(time + started_s(on, fit))


def started_s(on: Gpu, fit: ProductFit | AttentionFit | PassFit) -> Numbers:
    """Seconds that any kernel takes: its share of the launch, and clocks to start and drain."""
    return fit.launch_share * on.launch_s + fit.floor_clocks / on.clock_hz


def _traffic_s(moved_bytes: Array, on: Gpu, fit: ProductFit | AttentionFit | PassFit) -> Numbers:
    l2_rate = fit.l2_bytes_per_clock * on.clock_hz * on.units
    cached = cached_share(moved_bytes, on.l2_bytes * fit.cache_share)
    return traffic_s(moved_bytes, on.memory_bytes_per_s * fit.bandwidth_share, l2_rate, cached)


def product_features(one: Products) -> dict[str, Array]:
    """What the ratio of products depends on."""
    return {"m": one.m, "n": one.n, "k": one.k}


def attention_features(one: Attentions) -> dict[str, Array]:
    """What the ratio of fused attention depends on."""
    return {
        "heads": one.heads,
        "sharing": one.sharing,
        "q_len": one.q_len,
        "kv_len": one.kv_len,
        "head_dim": one.head_dim,
    }


def pass_features(one: Passes) -> dict[str, Array]:
    """What the ratio of passes depends on."""
    return {"moved_bytes": np.maximum(one.moved_bytes, 1.0)}
