"""A service whose other model has requests for as long as it is there: what a search for a capacity asks for."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from gnomon.core.errors import Unsupported
from gnomon.core.service import Arrivals, Service
from gnomon.core.serving_plan import ServingPlan
from gnomon.core.traffic.played import PlayedTrace, requests_of
from gnomon.engines.serving.colocated import simulate_together
from gnomon.engines.serving.outcome import Outcome
from gnomon.engines.serving.set_up import Ready, as_planned

_LONGER = 1.1  # than was needed, so that one more run is enough
_FEWEST = 50  # requests of the other model
_MOST = 1_000_000


def simulate_beside(service: Service, arrivals: Arrivals, other: Ready, plan: ServingPlan, seed: int) -> Outcome:
    """What became of the requests of a service, and of as many of the other model's as come meanwhile.

    `plan`: the other's, whose traffic goes on at its own rate however many requests it was to have. Unsupported.
    """
    traffic = plan.traffic
    if traffic is None or isinstance(traffic, PlayedTrace):
        raise Unsupported(
            "the model beside it has a trace, which ends: give it traffic that goes on (qps, prompts, answers)"
        )
    least_s, count = float(arrivals.arrived_s.max()), _FEWEST
    while count <= _MOST:
        others = as_planned(requests_of(replace(traffic, requests=count, duration_s=None, seed=seed)), plan)
        if len(others) < count:
            raise Unsupported("the requests of the model beside it come to an end: give it traffic that goes on")
        lasts_s = _last_s(others)
        if traffic.most_open is None and lasts_s < least_s:
            count = _more(count, lasts_s, least_s)
            continue
        made = simulate_together(service, arrivals, other.service, others)
        if made.together is not None and made.together.other is not None and traffic.most_open is not None:
            lasts_s = made.together.other.end_s
        if lasts_s >= made.end_s:
            return made
        count = _more(count, lasts_s, made.end_s)
    raise Unsupported(f"more than {_MOST:,} requests come to the model beside it while this one's are served")


def _last_s(arrivals: Arrivals) -> float:
    """When the last comes that does not wait for another."""
    alone = arrivals.arrived_s if arrivals.after is None else arrivals.arrived_s[np.asarray(arrivals.after) < 0]
    return float(alone.max())


def _more(count: int, lasts_s: float, least_s: float) -> int:
    """Requests that last so long, where `count` of them last `lasts_s`."""
    factor = _LONGER * least_s / lasts_s if lasts_s > 0 else math.inf
    return math.ceil(count * min(max(factor, _LONGER), 100.0)) + 1
