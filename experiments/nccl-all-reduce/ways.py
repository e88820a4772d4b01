"""Ways to say what a ring all-reduce takes on HGX H100: microseconds by GPUs, for each size of `figures`."""

from collections.abc import Callable

from figures import GPUS, PLOTTED_US, SIZES_BYTES

from gnomon.adapters.astrasim.adapter import run_cluster
from gnomon.api.names import system
from gnomon.core.cluster_rules import Algorithm, AlgorithmName, ClusterRules, Optimization, Scheduling
from gnomon.core.exchange import Exchange
from gnomon.core.fabric import Fabric, FabricDimension, Wiring
from gnomon.core.trace import ClusterTrace, CollectiveKind, NodeKind, RankTrace, TraceNode
from gnomon.engines.nccl.equations import ring_all_reduce_s
from gnomon.engines.nccl.timer import NcclTimer
from gnomon.engines.training.simulate.given import Given
from gnomon.engines.training.simulate.simulate import simulate

Times = dict[int, tuple[float, ...]]
PLACE = "all-reduce"

# ASTRA-sim's HGX-H100 example as it ships. [astra-sim 518bd51, examples: network and system files of HGX-H100-validated]
_BANDWIDTH_GIB_PER_S, _LATENCY_NS = 400.0, 936.25
_RULES = ClusterRules(
    place=PLACE,
    splits=4,
    active_chunks=2,
    scheduling=Scheduling.LIFO,
    optimization=Optimization.LOCAL_BW_AWARE,
    endpoint_delay_ns=10,
    algorithms={CollectiveKind.ALL_REDUCE: (Algorithm(name=AlgorithmName.RING),)},
    local_bytes_per_s=3350e9,
)


def line_rate() -> Times:
    """2 (n-1) steps of the catalogue's latency, and 2 (n-1)/n of the array at its line rate."""
    node = system("hgx-h100").dimensions[0]
    rate, latency = node.bandwidth_bytes_per_s.value, node.latency_s.value
    return {
        gpus: tuple(1e6 * float(ring_all_reduce_s(gpus, size, rate, latency)) for size in SIZES_BYTES) for gpus in GPUS
    }


def ours() -> Times:
    """The timer of NCCL's exchanges with the ring and the calibration that ships."""
    timer, on = NcclTimer(algorithm="ring"), system("hgx-h100")
    return {
        gpus: tuple(
            1e6 * float(one)
            for one in timer.exchange_times_s(
                [Exchange(kind="all-reduce", size_bytes=size, spread=(gpus,), dtype="fp32") for size in SIZES_BYTES], on
            )
        )
        for gpus in GPUS
    }


def simulated(backend: str) -> Times:
    """ASTRA-sim's shipped configuration in our simulator."""

    def cycles(trace: ClusterTrace, fabric: Fabric) -> int:
        given = Given(trace=trace, fabric=fabric, rules=_RULES, backend=backend)
        return max(rank.end_ns for rank in simulate(given).ranks)

    return _each(cycles)


def astra_sim(backend: str) -> Times:
    """The same in ASTRA-sim itself, whose programs are on the PATH."""

    def cycles(trace: ClusterTrace, fabric: Fabric) -> int:
        return max(run_cluster(trace, fabric, _RULES, backend=backend).cycles)

    return _each(cycles)


def _each(cycles: Callable[[ClusterTrace, Fabric], int]) -> Times:
    """Of every size and number of GPUs."""
    return {
        gpus: tuple(cycles(_trace(gpus, size), _fabric(gpus)) / 1000 for size in SIZES_BYTES)  # a cycle is a ns
        for gpus in GPUS
    }


def _fabric(gpus: int) -> Fabric:
    one = FabricDimension(
        wiring=Wiring.SWITCH, npus=gpus, bandwidth_gib_per_s=_BANDWIDTH_GIB_PER_S, latency_ns=_LATENCY_NS
    )
    return Fabric(dimensions=(one,))


def _trace(gpus: int, size_bytes: int) -> ClusterTrace:
    node = TraceNode(
        id=0,
        name=PLACE,
        kind=NodeKind.COLLECTIVE,
        collective=CollectiveKind.ALL_REDUCE,
        comm_bytes=size_bytes,
    )
    return ClusterTrace(ranks=(RankTrace(nodes=(node,), place=PLACE),) * gpus)


WAYS: dict[str, Callable[[], Times]] = {
    "line_rate": line_rate,
    "ours": ours,
    "simulated_unaware": lambda: simulated("unaware"),
    "simulated_aware": lambda: simulated("aware"),
    "astra_sim_unaware": lambda: astra_sim("unaware"),
    "astra_sim_aware": lambda: astra_sim("aware"),
    "plotted": lambda: {gpus: tuple(map(float, times)) for gpus, times in PLOTTED_US.items()},
}
