"""What AIConfigurator says of rising batches -> figures of a service. Pure."""

from __future__ import annotations

from gnomon.core.errors import ToolError
from gnomon.core.scenario import Scenario
from gnomon.core.service import Arrivals
from gnomon.core.tool import Files
from gnomon.tools.results import Result
from gnomon.tools.serving.answer import Figures, replicas_of, serving_plan
from gnomon.tools.serving.steady_state import Point, settled
from gnomon.tools.serving.stream import steady, untold

NAME = "aiconfigurator"
_ASSUMPTIONS = (
    "AIConfigurator: steps of prompts and answers mixed by a formula, from operators measured on the device with that stack; "
    "nobody waits in a queue, the host takes no time of its own",
)
_LEAST_MEASURED = 0.9  # share of the steps' time, below which the answer says so as extrapolation


def read(output: Files, scenario: Scenario, arrivals: Arrivals) -> Figures:
    """The figures at the batch that the rate brings. ToolError where a number is missing or nothing fits."""
    said = Result.of(NAME, output)
    full, steps = said.text("full"), said.rows("steps")
    if not steps:
        raise ToolError(f"{NAME} gave no estimate: {full or 'and no reason'}")
    plan, replicas = serving_plan(scenario), replicas_of(scenario)
    stream = steady(arrivals, plan)
    points = [
        Point(
            under_way=step.number("under_way"),
            ttft_s=step.number("ttft_ms") / 1e3,
            tpot_s=step.number("tpot_ms") / 1e3,
            e2e_s=step.number("e2e_ms") / 1e3,
        )
        for step in steps
    ]
    found, keeps_up = settled(points, stream.rate_of(replicas))
    outside = [*untold(arrivals, "AIConfigurator")]
    if not keeps_up:
        outside.append(
            f"{stream.rate_per_s:.3g} requests/s are more than a steady state of {found.under_way:.0f} under way takes "
            f"({full or 'the plan allows no more'}): the queue that grows is not in these figures"
        )
    measured = min(step.number("measured") for step in steps)
    if measured < _LEAST_MEASURED:
        outside.append(f"{1 - measured:.0%} of the steps' time is not from measured tables alone")
    return Figures(
        ttft_s=found.ttft_s,
        tpot_s=found.tpot_s if stream.answer_tokens > 1 else None,
        e2e_s=found.e2e_s,
        version=f"{said.text('version')} ({said.text('backend')})",
        assumptions=(
            *_ASSUMPTIONS,
            f"measurements of {said.text('backend')}; {measured:.0%} of the steps' time is from measured tables alone",
            f"steady state: {found.under_way:.3g} requests under way in a replica (Little's law), each with the mean prompt of "
            f"{stream.prompt_tokens} and the mean answer of {stream.answer_tokens} tokens",
        ),
        outside=tuple(outside),
    )
