"""Ways to say what a data-parallel step of ResNet-50 takes on GPUs of one HGX H100, and what its all-reduce takes there alone."""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory

import gnomon
from gnomon.adapters.astrasim.adapter import run_cluster
from gnomon.api import plugins
from gnomon.core.exchange import Exchange
from gnomon.core.trace import ClusterTrace, CollectiveKind, NodeKind, RankTrace, TraceNode
from gnomon.engines.nccl.equations import ring_all_reduce_s
from gnomon.engines.training.simulate.given import Given
from gnomon.engines.training.simulate.simulate import simulate
from gnomon.parallel.as_trace import fabric_of, rules

MODEL, MACHINE, BATCH, DTYPE = "resnet-50", "hgx-h100", 64, "fp16"
TIMER = "kernel"  # of operators, in every way but the formula
NODE = gnomon.system(MACHINE)
GRADIENT_BYTES = 2 * gnomon.workload(MODEL).parameters  # of the gradients in fp16


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What a step takes."""

    step_s: float
    exposed_s: float  # of it, in which no device computes


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One of the ways."""

    step: Callable[[int, bool], Step]  # of so many GPUs, with exchanges beside computations or after them
    exchange_s: Callable[[int, int], float]  # an all-reduce of so many bytes between so many GPUs, alone


def machine(gpus: int) -> str:
    """So many GPUs of it."""
    return f"{MACHINE}:{gpus}"


def engine(exchanges: str) -> Callable[[int, bool], Step]:
    """The training engine with times of exchanges by name."""

    def step(gpus: int, is_beside: bool) -> Step:
        settings = {"timer": TIMER, "exchanges": exchanges}
        answer = gnomon.predict(
            MODEL,
            machine(gpus),
            engine="training",
            settings=settings,
            mode="train",
            batch=BATCH,
            dtype=DTYPE,
            overlap=is_beside,
        )
        found = answer.to_dict()["quantities"][0]
        return Step(step_s=found["value"], exposed_s=sum(one["exposed_s"] for one in found["step"]["exposed"]))

    return step


def timer(exchanges: str) -> Callable[[int, int], float]:
    """The same source of times, of one all-reduce."""

    def exchange_s(gpus: int, size_bytes: int) -> float:
        one = Exchange(kind="all-reduce", size_bytes=float(size_bytes), spread=(gpus,), dtype=DTYPE)
        return float(plugins.exchange_timer(exchanges).exchange_times_s([one], NODE)[0])

    return exchange_s


def by_formula(gpus: int, is_beside: bool) -> Step:
    """The roofline of one GPU and the ring at line rate: after one another, or the longer of the two."""
    answer = gnomon.predict(MODEL, "h100-sxm", engine="roofline", mode="train", batch=BATCH, dtype=DTYPE)
    computes_s = answer.to_dict()["quantities"][0]["value"]
    talks_s = at_line_rate(gpus, GRADIENT_BYTES) if gpus > 1 else 0.0
    step_s = max(computes_s, talks_s) if is_beside else computes_s + talks_s
    return Step(step_s=step_s, exposed_s=step_s - computes_s)


def at_line_rate(gpus: int, size_bytes: int) -> float:
    """2 (n-1)/n of the bytes, without latency."""
    return float(ring_all_reduce_s(gpus, size_bytes, NODE.dimensions[0].bandwidth_bytes_per_s.value, 0.0))


def exported(backend: str, is_tool: bool) -> Way:
    """The engine's step as a trace, in ASTRA-sim itself or in our simulator."""

    def step(gpus: int, is_beside: bool) -> Step:
        if gpus == 1:  # which no ASTRA-sim simulates: what one device of two computes
            whole = step(2, False)
            return Step(step_s=whole.step_s - whole.exposed_s, exposed_s=0.0)
        with TemporaryDirectory() as folder:
            files = gnomon.export_training(
                MODEL,
                machine(gpus),
                out=Path(folder) / "step",
                timer=TIMER,
                batch=BATCH,
                dtype=DTYPE,
                overlap=is_beside,
            )
            made = gnomon.simulate_training(
                files.workload, system=files.system, network=files.network, memory=files.memory, backend=backend
            )
        given = made.given
        cycles, exposed = answered(given.trace, gpus) if is_tool else (tuple(made.cycles), tuple(made.exposed_comm))
        last = max(range(gpus), key=cycles.__getitem__)
        return Step(step_s=cycles[last] / 1e9, exposed_s=exposed[last] / 1e9)  # a cycle is a nanosecond

    def answered(trace: ClusterTrace, gpus: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        fabric = fabric_of([(gpus, NODE.dimensions[0])])
        found = run_cluster(trace, fabric, rules(1, NODE.device.memory_bytes_per_s.value), backend=backend)
        return found.cycles, found.exposed

    def exchange_s(gpus: int, size_bytes: int) -> float:
        node = TraceNode(
            id=0,
            name="all-reduce",
            kind=NodeKind.COLLECTIVE,
            collective=CollectiveKind.ALL_REDUCE,
            comm_bytes=ceil(size_bytes),
        )
        trace = ClusterTrace(ranks=(RankTrace(nodes=(node,), place="all-reduce"),) * gpus)
        if is_tool:
            return max(answered(trace, gpus)[0]) / 1e9
        given = Given(
            trace=trace,
            fabric=fabric_of([(gpus, NODE.dimensions[0])]),
            rules=rules(1, NODE.device.memory_bytes_per_s.value),
            backend=backend,
        )
        return max(rank.end_ns for rank in simulate(given).ranks) / 1e9

    return Way(step=step, exchange_s=exchange_s)


WAYS = {
    "formula": Way(step=by_formula, exchange_s=at_line_rate),
    "nccl": Way(step=engine("nccl"), exchange_s=timer("nccl")),
    "rules": Way(step=engine("astra-sim"), exchange_s=timer("astra-sim")),
    "simulated_unaware": exported("unaware", is_tool=False),
    "simulated_aware": exported("aware", is_tool=False),
    "astra_sim_unaware": exported("unaware", is_tool=True),
    "astra_sim_aware": exported("aware", is_tool=True),
}
