"""A cluster and what it does -> ASTRA-sim's files. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from gnomon.adapters.astrasim.cluster import ClusterQuestion
from gnomon.core.trace import CollectiveKind, NodeKind, RankTrace
from gnomon.formats.astrasim.groups import groups_text
from gnomon.formats.astrasim.memory import memory_text
from gnomon.formats.astrasim.network import network_text
from gnomon.formats.astrasim.system_text import WORDS, system_text
from gnomon.formats.chakra.file import encode
from gnomon.formats.chakra.node import message_of

WORKLOAD, SYSTEM, NETWORK, MEMORY, GROUPS = "w", "system.json", "network.yml", "memory.json", "groups.json"
_OF_NODES = "nodes.yml"
_CUSTOM = "custom"  # in the name of the traces of an algorithm
Bytes = Mapping[str, bytes]  # name of a file in the folder where the tool runs -> what is in it


def missing(question: ClusterQuestion) -> Iterator[str]:
    """Reasons why the tool would fail, hang, or answer by chance."""
    rules, fabric, nodes = question.rules, question.fabric, _distinct(question.trace.ranks)
    collectives = [node for trace in nodes for node in trace.nodes if node.kind is NodeKind.COLLECTIVE]
    if len(question.trace.ranks) != fabric.npus:
        yield f"{len(question.trace.ranks)} ranks on a network of {fabric.npus} NPUs"
    if question.backend == "aware" and len(fabric.dimensions) > 1:
        yield f"its aware backend has networks of one dimension only, not {len(fabric.dimensions)}"
    if any(node.kind is NodeKind.METADATA for trace in nodes for node in trace.nodes):
        yield "it aborts at nodes that name process groups; give them apart"
    if collectives and rules.splits is None:
        yield "preferred-dataset-splits is not said, and it would divide by zero"
    if collectives and rules.optimization is None and len(fabric.dimensions) > 1:
        yield "collective-optimization is not said, and it would take what lies in memory there"


def translate(question: ClusterQuestion) -> Bytes:
    """The files by name."""
    rules = question.rules
    files: dict[str, bytes] = dict(_traces(WORKLOAD, question.trace.ranks))
    prefixes: dict[CollectiveKind, str] = {}
    for kind, algorithm in rules.custom.items():
        prefixes[kind] = f"{_CUSTOM}-{WORDS[kind]}"
        files |= _traces(prefixes[kind], algorithm.members)
    for number, algorithm in rules.custom_of_node.items():
        files |= _traces(f"{_CUSTOM}-{number}", algorithm.members)
    if rules.custom_of_node:
        lines = (f"{number}: {_CUSTOM}-{number}\n" for number in rules.custom_of_node)
        files[_OF_NODES] = "".join(lines).encode()
    files[SYSTEM] = system_text(rules, prefixes, _OF_NODES if rules.custom_of_node else None).encode()
    files[NETWORK] = network_text(question.fabric).encode()
    files[MEMORY] = memory_text(question.memory, question.fabric.npus).encode()
    if question.groups:
        files[GROUPS] = groups_text(question.groups).encode()
    return files


def words(question: ClusterQuestion, files: Bytes) -> list[str]:
    """What it is called with."""
    given = {
        "workload-configuration": WORKLOAD,
        "system-configuration": SYSTEM,
        "network-configuration": NETWORK,
        "remote-memory-configuration": MEMORY,
        "comm-group-configuration": GROUPS if GROUPS in files else "empty",
        "num-queues-per-dim": question.options.queues_per_dimension,
        "rendezvous-protocol": str(question.options.has_rendezvous).lower(),
    }  # the scale of the endpoint delay is in system.json already
    return [f"--{name}={value}" for name, value in given.items()]


def _traces(prefix: str, ranks: Sequence[RankTrace]) -> Iterator[tuple[str, bytes]]:
    """A file for each rank; equal nodes are written once."""
    known: dict[int, bytes] = {}
    for rank, trace in enumerate(ranks):
        if id(trace.nodes) not in known:
            known[id(trace.nodes)] = encode(map(message_of, trace.nodes))
        yield f"{prefix}.{rank}.et", known[id(trace.nodes)]


def _distinct(ranks: Sequence[RankTrace]) -> list[RankTrace]:
    return list({id(trace.nodes): trace for trace in chain(ranks)}.values())
