"""The files and switches of ASTRA-sim, as arguments of the steps that take them."""

from __future__ import annotations

from argparse import Namespace
from typing import Any, TypeVar

from gnomon.cli.arguments import Parser
from gnomon.core.errors import UsageError

_Number = TypeVar("_Number", int, float)


def add_cluster_files(parser: Parser) -> None:
    """--workload, --system, --network, --memory and --comm-groups."""
    parser.add_argument(
        "--workload",
        required=True,
        metavar="PREFIX|FILE",
        help="Chakra traces PREFIX.<rank>.et, or a JSON file of all ranks",
    )
    parser.add_argument("--system", required=True, metavar="FILE", help="system.json: collectives, queues, endpoints")
    parser.add_argument("--network", required=True, metavar="FILE", help="network.yml: the dimensions of the network")
    parser.add_argument("--memory", metavar="FILE", help="memory.json: remote memory (default: none)")
    parser.add_argument("--comm-groups", metavar="FILE", help="process groups, as JSON (default: none)")


def add_switches(parser: Parser) -> None:
    """--num-queues-per-dim, --injection-scale and --rendezvous-protocol."""
    parser.add_argument("--num-queues-per-dim", default="1", metavar="N", help="queues of each dimension (default: 1)")
    parser.add_argument("--injection-scale", default="1", metavar="X", help="of the endpoint delay (default: 1)")
    parser.add_argument(
        "--rendezvous-protocol", action="store_true", help="a message leaves when its receiver has called for it"
    )


def cluster_of(found: Namespace, step: str) -> dict[str, Any]:
    """What both add, as arguments of `simulate_training` and `compare_training`. UsageError."""
    return {
        "workload": found.workload,
        "system": found.system,
        "network": found.network,
        "memory": found.memory,
        "comm_groups": found.comm_groups,
        "num_queues_per_dim": number(found.num_queues_per_dim, step, "--num-queues-per-dim", int, 1),
        "injection_scale": number(found.injection_scale, step, "--injection-scale", float, 0),
        "rendezvous_protocol": found.rendezvous_protocol,
    }


def number(text: str, step: str, flag: str, kind: type[_Number], least: int) -> _Number:
    """A number of a flag. UsageError."""
    try:
        value = kind(text)
    except ValueError:
        raise UsageError(f"train {step}: {flag}: {text!r} is no {'integer' if kind is int else 'number'}") from None
    if not least <= value < float("inf"):
        raise UsageError(f"train {step}: {flag}: {text} is not from {least} on")
    return value
