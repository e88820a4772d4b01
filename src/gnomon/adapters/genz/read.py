"""What GenZ says of a prefill and of decode steps -> figures of a service. Pure."""

from __future__ import annotations

from gnomon.core.errors import ToolError
from gnomon.core.scenario import Scenario
from gnomon.core.service import Arrivals
from gnomon.core.tool import Files
from gnomon.tools.results import Result
from gnomon.tools.serving.answer import Figures, replicas_of, serving_plan
from gnomon.tools.serving.shape import shape_of
from gnomon.tools.serving.steady_state import Point, settled
from gnomon.tools.serving.stream import steady, untold

NAME = "genz"
_ASSUMPTIONS = (
    "GenZ: every product at the device's peak or its memory's bandwidth, whichever takes longer; norms, activations, rotation, "
    "sampling and starting kernels take no time; one kind of link, the slowest between the devices of a replica",
    "GenZ has no scheduler: the policy says nothing here, nobody waits, and prompts do not hold up those who decode",
)
_MOE = (
    "GenZ reads the experts that one token chooses in a decode step, however many sequences are in it: steps of mixtures of "
    "experts come out too short"
)


def read(output: Files, scenario: Scenario, arrivals: Arrivals) -> Figures:
    """The figures at the batch that the rate brings. ToolError where a number is missing or the model does not fit."""
    said = Result.of(NAME, output)
    full = said.text("full")
    steps = said.rows("steps")
    if not steps:
        raise ToolError(f"{NAME} gave no step: {full.splitlines()[0] if full else 'and no reason'}")
    stream, replicas = steady(arrivals, serving_plan(scenario)), replicas_of(scenario)
    ttft_s = said.part("prefill").number("ms") / 1e3
    points = []
    for step in steps:
        tpot_s = step.number("ms") / 1e3
        stay_s = ttft_s + (stream.answer_tokens - 1) * tpot_s
        points.append(Point(under_way=step.number("batch"), ttft_s=ttft_s, tpot_s=tpot_s, e2e_s=stay_s))
    found, keeps_up = settled(points, stream.rate_of(replicas))
    outside = [*untold(arrivals, "GenZ")]
    if not keeps_up:
        why = "memory holds no more" if full else "the plan allows no more"
        outside.append(
            f"{stream.rate_per_s:.3g} requests/s are more than a steady state of {found.under_way:.0f} under way takes "
            f"({why}): the queue that grows is not in these figures"
        )
    if shape_of(scenario.workload).experts > 1:
        outside.append(_MOE)
    return Figures(
        ttft_s=found.ttft_s,
        tpot_s=found.tpot_s if stream.answer_tokens > 1 else None,
        e2e_s=found.e2e_s,
        version=said.text("version"),
        assumptions=(*_ASSUMPTIONS, _steady_words(found, stream.prompt_tokens, stream.answer_tokens)),
        outside=tuple(outside),
    )


def _steady_words(found: Point, prompt: int, answer: int) -> str:
    return (
        f"steady state: {found.under_way:.3g} requests under way in a replica (Little's law), each with the mean prompt of "
        f"{prompt} and the mean answer of {answer} tokens"
    )
