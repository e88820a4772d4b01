"""Service level objectives: limits of times over the requests of a service."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gnomon.core.errors import BadInput, near_match
from gnomon.core.units import parse, show

METRICS = ("ttft", "tpot", "e2e", "queueing")
SHARES: Mapping[str, float] = {
    "p50": 0.5,
    "p90": 0.9,
    "p95": 0.95,
    "p99": 0.99,
}  # of the values, which a quantile is not below
STATISTICS = ("mean", *SHARES)
USUAL_STATISTIC = "p99"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A statistic of a time that must not be exceeded."""

    metric: str  # of METRICS
    statistic: str  # of STATISTICS
    most_s: float

    @property
    def name(self) -> str:
        return f"{self.metric}_{self.statistic}"

    def __str__(self) -> str:
        return f"{self.name} <= {show(self.most_s, 's')}"


def parse_limits(text: str) -> tuple[Limit, ...]:
    """Limits as a user writes them: "ttft_p99=500ms,tpot_p99=50ms"; without a statistic p99 is meant. BadInput."""
    found = tuple(_limit(part.strip()) for part in text.split(",") if part.strip())
    if not found:
        raise BadInput("no limit: write them like ttft_p99=500ms,tpot_p99=50ms", field="slo")
    names = [one.name for one in found]
    for name in names:
        if names.count(name) > 1:
            raise BadInput(f"{name} is given twice", field="slo")
    return found


def limits_text(limits: Iterable[Limit]) -> str:
    """The limits in words."""
    return ", ".join(map(str, limits))


def _limit(text: str) -> Limit:
    name, equals, value = text.partition("=")
    metric, _, statistic = name.strip().partition("_")
    if not equals:
        raise BadInput(f"{text!r:.40} is not NAME=TIME, like ttft_p99=500ms", field="slo")
    if metric not in METRICS:
        raise BadInput(
            f"unknown {metric!r:.40}{near_match(metric, METRICS)} (known: {', '.join(METRICS)})", field="slo"
        )
    statistic = statistic or USUAL_STATISTIC
    if statistic not in STATISTICS:
        near = near_match(statistic, STATISTICS)
        raise BadInput(f"{name.strip()}: unknown {statistic!r:.40}{near} (known: {', '.join(STATISTICS)})", field="slo")
    try:
        most_s = parse(value.strip(), "s")
    except BadInput as fault:
        raise BadInput(f"{name.strip()}: {fault.text}", field="slo") from None
    if not most_s > 0:
        raise BadInput(f"{name.strip()}: {value.strip()} is not a positive time", field="slo")
    return Limit(metric=metric, statistic=statistic, most_s=most_s)
