"""Two models on the same devices: each a server of its own, with its share of memory, its policy and its requests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from gnomon.core.errors import BadInput, Unsupported
from gnomon.core.service import Arrivals, Service
from gnomon.core.serving_plan import ServingPlan
from gnomon.engines.serving.outcome import Outcome, Together
from gnomon.engines.serving.simulate import Begun, begin
from gnomon.engines.serving.simulator.beside import busy_s, new_steps
from gnomon.engines.serving.simulator.loop import NO_ROOM, OUT_OF_MEMORY, loop

_ALONE = 0.1  # of a run, beyond which means are not those of two models that are both there
ASSUMPTIONS = (
    "two models on the same devices are two servers without MPS: kernels of both never run at once [NVIDIA, Multi-Process Service], and "
    "where both have a step on a device each gets half of its time; switching between them costs nothing, and slices are shorter than steps",
    "each model keeps to its share of the memory; the host works for one model as if the other were not there",
)


def simulate_together(
    service: Service, arrivals: Arrivals, other: Service, others: Arrivals, *, records: bool = False
) -> Outcome:
    """What became of each request of a service, and beside it of another on the same devices. BadInput, Unsupported."""
    _check(service, other)
    pool = service.pools[0]
    shared = new_steps(pool.replicas * pool.stages)
    both = [
        begin(one, one.pools[0], requests, records=records, model=model, shared=shared)
        for model, (one, requests) in enumerate(((service, arrivals), (other, others)))
    ]
    _run(*both)
    first, second = (begun.outcome() for begun in both)
    end_s, taken_s = max(first.end_s, second.end_s), busy_s(shared)
    waits_s = [begun.world.beside.waits_s for begun in both]
    second = replace(second, together=Together(waits_s=waits_s[1], busy_s=taken_s, end_s=end_s, other=None))
    return replace(first, together=Together(waits_s=waits_s[0], busy_s=taken_s, end_s=end_s, other=second))


def _run(first: Begun, second: Begun) -> None:
    """Everything happens to both. Unsupported."""
    ending = NO_ROOM
    while ending == NO_ROOM:
        ending, where, which = loop()(first.world, second.world)
        whose = second if which else first
        if ending == NO_ROOM:
            whose.make_room()
    if ending == OUT_OF_MEMORY:
        whose.refuse(where)


def _check(service: Service, other: Service) -> None:
    """Unsupported for services that are not simulated together; BadInput where they are not on the same devices."""
    for one in (service, other):
        if len(one.pools) != 1 or one.pools[0].role != "both":
            raise Unsupported("of two models on the same devices each has one pool, which computes prompts and answers")
        if one.autoscale is not None or one.time_limit_s is not None:
            raise Unsupported(
                "of two models on the same devices neither replicas that come and go nor a time limit is simulated"
            )
    layouts = [(one.pools[0].replicas, one.pools[0].tensor_parallel, one.pools[0].stages) for one in (service, other)]
    if layouts[0] != layouts[1]:
        raise BadInput(
            "two models on the same devices have as many replicas, of as many devices and stages: "
            + ", not ".join(f"{replicas} of tp {tp} and pp {pp}" for replicas, tp, pp in layouts),
            field="beside",
        )


def check_plans(plan: ServingPlan) -> None:
    """Unsupported for plans whose models are not simulated on the same devices."""
    if plan.beside is None:
        return
    for one in (plan, plan.beside.serving):
        if one.has_prefill_pool:
            raise Unsupported("of a model beside another prompts and answers are computed by the same replicas")
        if one.autoscale is not None:
            raise Unsupported("of a model beside another replicas stay: autoscale is not simulated there")
        if one.has_kv_tiers:
            raise Unsupported("of a model beside another no slower memories of the KV cache are simulated")
        if one.ep > 1:
            raise Unsupported("of a model beside another no expert parallelism across replicas is simulated")


def alone_notes(made: Outcome, names: tuple[str, str]) -> Iterator[str]:
    """What a reader should know where one of two models has nothing to do for a while. `names`: the run's own, the other's."""
    other = made.together.other if made.together is not None else None
    if other is None or not len(made.requests) or not len(other.requests):
        return
    spans = [(float(one.requests.arrived_s.min()), one.end_s) for one in (made, other)]
    both_s = max(0.0, min(end for _, end in spans) - max(begin for begin, _ in spans))
    for name, (begin_s, end_s), beside in zip(names, spans, reversed(names), strict=True):
        alone = 1 - both_s / (end_s - begin_s) if end_s > begin_s else 0.0
        if alone > _ALONE:
            yield (
                f"{name} is served for {end_s - begin_s:.3g} s, and for {100 * alone:.0f} % of that {beside} has no requests beside it: give "
                "both traffic for as long"
            )
