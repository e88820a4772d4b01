"""Rules of a cluster -> system.json. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import inf, nextafter
from typing import Any

from gnomon.core.cluster_rules import Algorithm, AlgorithmName, ClusterRules
from gnomon.core.trace import CollectiveKind

_GIGA, _TERA = 1_000_000_000, 1_000_000_000_000


def system_text(rules: ClusterRules, custom: Mapping[CollectiveKind, str], custom_of_nodes: str | None) -> str:
    """The file of rules. `custom`: prefix of the traces of an algorithm; `custom_of_nodes`: file that names those of nodes."""
    written: dict[str, Any] = {
        "scheduling-policy": rules.scheduling.value,
        "endpoint-delay": rules.endpoint_delay_ns,
        "active-chunks-per-dimension": rules.active_chunks,
        "local-mem-bw": _over(rules.local_bytes_per_s, _GIGA),
        "peak-perf": _over(rules.flop_per_s, _TERA),
        "roofline-enabled": int(rules.has_roofline),
        "replay-only": int(rules.replays_only),
    }
    if rules.splits is not None:
        written["preferred-dataset-splits"] = rules.splits
    if rules.optimization is not None:
        written["collective-optimization"] = rules.optimization.value
    for kind, algorithms in rules.algorithms.items():
        written[f"{kind.word}-implementation"] = [_named(one) for one in algorithms]
    for kind, prefix in custom.items():
        written[f"{kind.word}-implementation-custom"] = [prefix]
    if custom_of_nodes is not None:
        written["per-node-custom-implementation"] = custom_of_nodes
    if rules.shared_bus is not None:
        bus = rules.shared_bus
        written |= {
            "model-shared-bus": 1,
            "L": bus.latency_ns,
            "o": bus.overhead_ns,
            "g": bus.gap_ns,
            "G": bus.gap_per_byte_ns,
            "local-reduction-delay": bus.reduction_ns_per_100_bytes,
        }
    return json.dumps(written, indent=1)


def _named(algorithm: Algorithm) -> str:
    name = algorithm.name.value
    window = "" if algorithm.window is None else str(algorithm.window)
    if algorithm.name is AlgorithmName.DOUBLE_BINARY_TREE or not algorithm.spans_all:
        return f"{name}{window}"
    return f"one{name[0].upper()}{name[1:]}{window}"


def _over(value: float, unit: int) -> float:
    """The number that times the unit is the value again, to the last bit, where there is one."""
    near = value / unit
    return next((one for one in (near, nextafter(near, inf), nextafter(near, -inf)) if one * unit == value), near)
