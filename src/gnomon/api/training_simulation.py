"""Steps of training on clusters, from ASTRA-sim's own files."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from gnomon.core.cluster_rules import RunOptions
from gnomon.core.errors import BadInput
from gnomon.core.fabric import Wiring, backend_of
from gnomon.core.remote_memory import NO_REMOTE_MEMORY
from gnomon.core.trace import CollectiveKind, NodeKind, TraceNode
from gnomon.core.version import version
from gnomon.engines.training.simulate.given import Given
from gnomon.engines.training.simulate.outcome import RankResult, Simulation
from gnomon.engines.training.simulate.simulate import simulate
from gnomon.engines.training.simulate.statistics import KINDS, kind_of, times_of, total_ns, utilization_of
from gnomon.engines.training.simulate.traffic import Traffic
from gnomon.formats.astrasim.groups import read_groups
from gnomon.formats.astrasim.memory import read_memory
from gnomon.formats.astrasim.network import read_network
from gnomon.formats.astrasim.system import read_system
from gnomon.formats.astrasim.workload import read_workload
from gnomon.formats.files import write_whole
from gnomon.report.step_timeline import Event, step_trace

_Figures = TypeVar("_Figures")
SCHEMA = "gnomon/training-simulation/1"
_NS_PER_S = 1_000_000_000
_LANES = {"gpu": "accelerator", "comm": "network", "cpu": "host", "remote_memory": "remote memory", "other": "other"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSimulation:
    """A cluster, what it was to do, and what came of it."""

    given: Given
    simulation: Simulation

    @property
    def cycles(self) -> list[int]:
        """When each rank ends, in ns: ASTRA-sim's cycles."""
        return [rank.end_ns for rank in self.simulation.ranks]

    @property
    def exposed_comm(self) -> list[int]:
        """Of each rank, the ns in which its accelerator does not compute: ASTRA-sim's exposed communication."""
        return [rank.exposed_ns for rank in self.simulation.ranks]

    def to_dict(self) -> dict[str, Any]:
        """One JSON object; times in ns, lists by rank."""
        times, fabric = self._of_each(times_of), self.given.fabric
        return {
            "schema": SCHEMA,
            "backend": self.given.backend,
            "npus": fabric.npus,
            "cycles": self.cycles,
            "exposed_comm": self.exposed_comm,
            "max_cycles": total_ns(self.simulation),
            "time_ns": {kind: [one.by_kind[kind] for one in times] for kind in KINDS},
            "overlap_ns": [one.overlap for one in times],
            "roofline": self._roofline(),
            "network": [self._network(one) for one in self.simulation.traffic],
            "how": asdict(self.simulation.how),
            "assumptions": list(self.assumptions),
        }

    def _of_each(self, of: Callable[[RankResult], _Figures]) -> list[_Figures]:
        """Figures of each rank, worked out once for those that share a result."""
        known = {id(rank): rank for rank in self.simulation.ranks}
        made = {key: of(rank) for key, rank in known.items()}
        return [made[id(rank)] for rank in self.simulation.ranks]

    @property
    def assumptions(self) -> Iterator[str]:
        """What the figures rest on beside the files."""
        if self.given.backend == "aware" and len(self.given.fabric.dimensions) > 1:
            yield "messages go through the lowest dimension first: ASTRA-sim's aware backend has one dimension only"
        if self.given.backend == "unaware" and len(self.given.fabric.dimensions) > 1:
            yield "a message is charged the lowest dimension in which sender and receiver differ, and no other"
        if unreceived := self.simulation.unreceived:
            first = unreceived[0]
            others = f", and so {len(unreceived) - 1:,} others" if len(unreceived) > 1 else ""
            yield (
                f"rank {first.source} sends {first.message_bytes:,} bytes with tag {first.tag} to rank {first.destination}, "
                f"which never receives them{others}"
            )
        if any(rank.compute_ns > rank.end_ns for rank in self.simulation.ranks):
            yield "more computation is recorded than time has passed: exposed communication is below zero"

    def _roofline(self) -> dict[str, list[float]] | None:
        if not self.given.rules.has_roofline:
            return None
        made = self._of_each(lambda rank: asdict(utilization_of(rank, self.given.rules)))
        return {name: [one[name] for one in made] for name in made[0]}

    def _network(self, traffic: Traffic) -> dict[str, Any]:
        dimension = self.given.fabric.dimensions[traffic.dimension]
        total, links = total_ns(self.simulation), traffic.links or None
        return {
            "dimension": traffic.dimension,
            "topology": dimension.wiring.value,
            "link_class": traffic.name,
            "link_bytes_per_s": dimension.bytes_per_ns * _NS_PER_S,
            "links": links,
            "messages": traffic.messages,
            "bytes": traffic.bytes,
            "busy_ns": traffic.busy_ns,
            "active_ns": traffic.active_ns,
            "achieved_bytes_per_s": traffic.bytes / traffic.active_ns * _NS_PER_S if traffic.active_ns else None,
            "utilization": traffic.busy_ns / links / total if links and total else None,
        }

    def write_trace(self, path: str | Path) -> None:
        """Write what every rank did as a Chrome trace. BadInput where it cannot be written."""
        events = (
            Event(
                rank=rank,
                lane="receives" if node.kind is NodeKind.RECV else _LANES[kind_of(node)],
                name=node.name or _type(node),
                start_ns=start_ns,
                end_ns=end_ns,
                details={"node": node.id, "type": _type(node), "bytes": node.comm_bytes or node.tensor_bytes},
            )
            for rank, node, start_ns, end_ns in self._ran()
        )
        write_whole(Path(path), json.dumps(step_trace(events, version=version())) + "\n")

    def write_csv(self, path: str | Path) -> None:
        """Write a row for every node that ran. BadInput where it cannot be written."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["rank", "node", "name", "type", "start_ns", "end_ns", "bytes", "bytes_per_s"])
        for rank, node, start_ns, end_ns in self._ran():
            moved, time_ns = node.comm_bytes, end_ns - start_ns
            rate = moved / time_ns * _NS_PER_S if moved and time_ns else ""
            writer.writerow(
                [rank, node.id, node.name, _type(node), start_ns, end_ns, moved if moved is not None else "", rate]
            )
        write_whole(Path(path), text.getvalue())

    def _ran(self) -> Iterator[tuple[int, TraceNode, int, int]]:
        """Rank, node, begin and end of all that ran, rank by rank in the order of beginning."""
        for number, rank in enumerate(self.simulation.ranks):
            for done in sorted(rank.log, key=lambda one: (one.start_ns, one.at)):
                yield number, rank.graph.nodes[done.at], done.start_ns, done.end_ns


def _type(node: TraceNode) -> str:
    if node.kind is NodeKind.COLLECTIVE and node.collective in list(CollectiveKind):
        return CollectiveKind(node.collective).name
    return node.kind.name


def simulate_training(
    workload: str | Path,
    *,
    system: str | Path,
    network: str | Path,
    memory: str | Path | None = None,
    comm_groups: str | Path | None = None,
    backend: str = "unaware",
    num_queues_per_dim: int = 1,
    injection_scale: float = 1.0,
    rendezvous_protocol: bool = False,
    exact_events: bool = False,
) -> TrainingSimulation:
    """Simulate a step from ASTRA-sim's files. BadInput, Unsupported.

    `workload`: a JSON file, or the prefix of Chakra traces, PREFIX.<rank>.et. `exact_events`: every rank, message by message,
    also where one rank of each class of equal ranks says the same.
    """
    if num_queues_per_dim < 1:
        raise BadInput(f"{num_queues_per_dim}: at least one queue", field="num_queues_per_dim")
    if not 0 <= injection_scale < float("inf"):
        raise BadInput(f"{injection_scale}: a number from 0", field="injection_scale")
    fabric = read_network(Path(network))
    options = RunOptions(
        queues_per_dimension=num_queues_per_dim, injection_scale=injection_scale, has_rendezvous=rendezvous_protocol
    )
    given = Given(
        fabric=fabric,
        rules=read_system(Path(system), len(fabric.dimensions), injection_scale),
        memory=NO_REMOTE_MEMORY if memory is None else read_memory(Path(memory), fabric.npus),
        groups={} if comm_groups is None else read_groups(Path(comm_groups), fabric.npus),
        trace=read_workload(str(workload), fabric),
        options=options,
        backend=backend_of(backend),
    )
    return TrainingSimulation(given=given, simulation=simulate(given, exact_events=exact_events))


def wiring_in_words(given: Given) -> str:
    """The network in one line: "Ring of 8", "Switch of 8 x Ring of 4"."""
    names = {Wiring.FULLY_CONNECTED: "fully connected"}
    return " x ".join(f"{names.get(one.wiring, one.wiring.value)} of {one.npus}" for one in given.fabric.dimensions)
