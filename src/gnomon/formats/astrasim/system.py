"""system.json."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import Field

from gnomon.core.cluster_rules import ClusterRules, CustomAlgorithm, Optimization, Scheduling, SharedBus
from gnomon.core.errors import BadInput
from gnomon.core.trace import SIMULATED
from gnomon.formats.astrasim.algorithms import algorithm, custom_algorithm
from gnomon.formats.astrasim.ranges import SpeedIfSaid, Time
from gnomon.formats.strict import Strict, load_yaml, read_json, read_text, shaped

IGNORED = {  # keys that this revision of ASTRA-sim does not read, or that change no time
    "boost-mode",
    "intra-dimension-scheduling",
    "inter-dimension-scheduling",
    "trace-enabled",
    "track-local-mem",
    "local-mem-trace-filename",
}
_INT_MAX = 2**31 - 1  # of what ASTRA-sim holds in an int
_Read = TypeVar("_Read")
_Flag = Annotated[float, Field(allow_inf_nan=False)]  # on unless 0
_Names = Annotated[list[str], Field(min_length=1)]


class _System(Strict):
    scheduling: Scheduling = Field(Scheduling.LIFO, alias="scheduling-policy")
    optimization: Optimization | None = Field(None, alias="collective-optimization")
    endpoint_delay: Annotated[float, Field(ge=0, le=_INT_MAX)] | None = Field(None, alias="endpoint-delay")
    active_chunks: Annotated[float, Field(ge=1, le=_INT_MAX)] = Field(1, alias="active-chunks-per-dimension")
    splits: Annotated[float, Field(ge=1, le=_INT_MAX)] | None = Field(None, alias="preferred-dataset-splits")
    all_reduce: _Names | None = Field(None, alias="all-reduce-implementation")
    all_gather: _Names | None = Field(None, alias="all-gather-implementation")
    reduce_scatter: _Names | None = Field(None, alias="reduce-scatter-implementation")
    all_to_all: _Names | None = Field(None, alias="all-to-all-implementation")
    custom_all_reduce: _Names | None = Field(None, alias="all-reduce-implementation-custom")
    custom_all_gather: _Names | None = Field(None, alias="all-gather-implementation-custom")
    custom_reduce_scatter: _Names | None = Field(None, alias="reduce-scatter-implementation-custom")
    custom_all_to_all: _Names | None = Field(None, alias="all-to-all-implementation-custom")
    custom_of_node: str | None = Field(None, alias="per-node-custom-implementation")
    local_bandwidth: SpeedIfSaid = Field(0.0, alias="local-mem-bw")  # 1e9 bytes per second
    peak: SpeedIfSaid = Field(0.0, alias="peak-perf")  # 1e12 operations per second
    roofline: _Flag = Field(0, alias="roofline-enabled")
    replays_only: _Flag = Field(0, alias="replay-only")
    shared_bus: _Flag = Field(0, alias="model-shared-bus")
    latency: Time = Field(0.0, alias="L")
    overhead: Time = Field(0.0, alias="o")
    gap: Time = Field(0.0, alias="g")
    gap_per_byte: Time = Field(0.0, alias="G")
    reduction_delay: Time = Field(1, alias="local-reduction-delay")


def read_system(path: Path, dimensions: int, injection_scale: float) -> ClusterRules:
    """The rules of a file, for a network of so many dimensions. BadInput."""
    data = read_json(path)
    if isinstance(data, dict):
        data = {key: value for key, value in data.items() if key not in IGNORED}
    found = shaped(_System, data, str(path))
    native, custom = {}, {}
    for kind in SIMULATED:
        word = kind.word
        names = getattr(found, word.replace("-", "_"))
        if names is not None:
            native[kind] = tuple(_named(algorithm, name, f"{word}-implementation", path) for name in names)
            if len(names) > dimensions:
                raise _fault(
                    f"{len(names)} algorithms for a network of {dimensions} dimensions", f"{word}-implementation", path
                )
        own = getattr(found, f"custom_{word.replace('-', '_')}")
        if own is not None:
            if len(own) > 1:
                raise _fault("one trace covers all dimensions", f"{word}-implementation-custom", path)
            custom[kind] = _named(
                lambda name: custom_algorithm(name, path.parent), own[0], f"{word}-implementation-custom", path
            )
    return ClusterRules(
        place=str(path),
        splits=None if found.splits is None else int(found.splits),
        scheduling=found.scheduling,
        optimization=found.optimization,
        endpoint_delay_ns=_endpoint_delay_ns(found, path, injection_scale),
        active_chunks=int(found.active_chunks),
        algorithms=native,
        custom=custom,
        custom_of_node=_of_nodes(found.custom_of_node, path),
        local_bytes_per_s=found.local_bandwidth * 1_000_000_000,
        flop_per_s=found.peak * 1_000_000_000_000,
        has_roofline=found.roofline != 0,
        replays_only=found.replays_only != 0,
        shared_bus=_bus(found) if found.shared_bus == 1 else None,
    )


def _endpoint_delay_ns(found: _System, path: Path, injection_scale: float) -> int:
    if found.endpoint_delay is None:
        return 10
    made = int(found.endpoint_delay) * injection_scale
    if made > _INT_MAX:
        raise _fault(
            f"{found.endpoint_delay:g} times injection-scale {injection_scale:g} is {made:.4g} ns: to {_INT_MAX:,}, which "
            "ASTRA-sim holds in 32 bits",
            "endpoint-delay",
            path,
        )
    return int(made)


def _bus(found: _System) -> SharedBus:
    """ASTRA-sim keeps L, o, g and G in single precision, and drops the fraction of the first three."""
    return SharedBus(
        latency_ns=int(found.latency),
        overhead_ns=int(found.overhead),
        gap_ns=int(found.gap),
        gap_per_byte_ns=struct.unpack("f", struct.pack("f", found.gap_per_byte))[0],
        reduction_ns_per_100_bytes=int(found.reduction_delay),
    )


def _of_nodes(text: str | None, path: Path) -> dict[int, CustomAlgorithm]:
    """Node id -> its own algorithm, from the file that the key names."""
    if text is None:
        return {}
    table = path.parent / text
    data, _ = load_yaml(read_text(table), str(table))
    if not isinstance(data, dict) or not all(
        type(key) is int and isinstance(value, str) for key, value in data.items()
    ):
        raise BadInput("expected the id of a node and the prefix of its traces, on each line", where=str(table))
    return {key: custom_algorithm(value, path.parent) for key, value in data.items()}


def _named(read: Callable[[str], _Read], name: str, field: str, path: Path) -> _Read:
    try:
        return read(name)
    except BadInput as fault:
        raise fault.at(field=field, where=str(path)) from None


def _fault(text: str, field: str, path: Path) -> BadInput:
    return BadInput(text, field=field, where=str(path))
