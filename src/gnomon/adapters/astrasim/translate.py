"""A cluster and what it does -> ASTRA-sim's files. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain

from gnomon.adapters.astrasim.cluster import ClusterQuestion
from gnomon.core.fabric import Fabric, Wiring
from gnomon.core.trace import CollectiveKind, NodeKind, RankTrace, TraceNode
from gnomon.formats.astrasim.groups import groups_text
from gnomon.formats.astrasim.memory import memory_text
from gnomon.formats.astrasim.network import network_text
from gnomon.formats.astrasim.system_text import system_text
from gnomon.formats.chakra.file import encode_ranks

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
    yield from declined_network(fabric, question.backend)
    yield from _quarrels(question)
    if collectives and rules.splits is None:
        yield "preferred-dataset-splits is not said, and it would divide by zero"
    if collectives and rules.optimization is None and len(fabric.dimensions) > 1:
        yield "collective-optimization is not said, and it would take what lies in memory there"


def declined_network(fabric: Fabric, backend: str) -> Iterator[str]:
    """Reasons that lie in the network."""
    if backend == "aware" and len(fabric.dimensions) > 1:
        yield f"its aware backend has networks of one dimension only, not {len(fabric.dimensions)}"
    if backend == "aware" and any(one.wiring is Wiring.RING and one.npus == 2 for one in fabric.dimensions):
        yield "its aware backend aborts on a ring of two: write it as a switch, or as FullyConnected"


def translate(question: ClusterQuestion) -> Bytes:
    """The files by name."""
    rules = question.rules
    files: dict[str, bytes] = dict(_traces(WORKLOAD, question.trace.ranks))
    prefixes: dict[CollectiveKind, str] = {}
    for kind, algorithm in rules.custom.items():
        prefixes[kind] = f"{_CUSTOM}-{kind.word}"
        files |= _traces(prefixes[kind], algorithm.members)
    for number, algorithm in rules.custom_of_node.items():
        files |= _traces(f"{_CUSTOM}-{number}", algorithm.members)
    if rules.custom_of_node:
        lines = (f"{number}: {_CUSTOM}-{number}\n" for number in rules.custom_of_node)
        files[_OF_NODES] = "".join(lines).encode()
    files[SYSTEM] = system_text(rules, prefixes, _OF_NODES if rules.custom_of_node else None).encode()
    files[NETWORK] = network_text(question.fabric).encode()
    files[MEMORY] = memory_text(question.memory, question.fabric.npus).encode()
    if groups := _groups(question):
        files[GROUPS] = groups_text(groups).encode()
    return files


def _groups(question: ClusterQuestion) -> dict[int, tuple[int, ...]]:
    """All groups by number: those that are given, and those that nodes name, at which it would abort."""
    everyone = tuple(range(question.fabric.npus))
    named = {int(name): members or everyone for name, members in _named(question) if name.isdecimal() and int(name)}
    return named | dict(question.groups)


def _quarrels(question: ClusterQuestion) -> Iterator[str]:
    """Groups that are named twice, with other ranks."""
    known = {str(number): members for number, members in question.groups.items()}
    for name, members in _named(question):
        if known.setdefault(name, members) != members:
            yield f"ranks name group {name} otherwise, and it has one list of groups for all"
            return


def _named(question: ClusterQuestion) -> Iterator[tuple[str, tuple[int, ...]]]:
    for trace in _distinct(question.trace.ranks):
        for node in trace.nodes:
            yield from node.groups


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
    """A file for each rank; those of ranks that share all their nodes share their bytes."""
    distinct = {id(trace.nodes): tuple(_without_names(trace.nodes)) for trace in ranks}
    known = dict(zip(distinct, encode_ranks(distinct.values()), strict=True))
    for rank, trace in enumerate(ranks):
        yield f"{prefix}.{rank}.et", known[id(trace.nodes)]


def _without_names(nodes: Sequence[TraceNode]) -> Iterator[TraceNode]:
    """The nodes without those that name groups, at which it would abort: what waits for one waits for what that waits for."""
    names = {node.id: node for node in nodes if node.kind is NodeKind.METADATA}
    if not names:
        yield from nodes
        return
    for node in nodes:
        if node.id in names:
            continue
        parents = node.parents
        while names.keys() & set(parents):
            known = (names[one].parents if one in names else (one,) for one in parents)
            parents = tuple(dict.fromkeys(chain.from_iterable(known)))
        yield replace(node, parents=parents)


def _distinct(ranks: Sequence[RankTrace]) -> list[RankTrace]:
    return list({id(trace.nodes): trace for trace in ranks}.values())
