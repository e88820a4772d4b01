"""Replicas of requests that can be told before the simulation."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np

from gnomon.core.errors import BadInput
from gnomon.core.in_words import counted
from gnomon.core.service import Ints, Routing
from gnomon.core.serving_plan import ServingPlan
from gnomon.engines.serving.simulator.state import Records


def routing_of(plan: ServingPlan, replicas: int, seed: int) -> Routing:
    """Which of so many replicas a request goes to. BadInput where the weights are not theirs."""
    weights = plan.router_weights or ()
    if weights and len(weights) != replicas:
        raise BadInput(
            f"{counted(len(weights), 'weight')} for {counted(replicas, 'replica')}: give one for each",
            field="router_weights",
        )
    return Routing(name=plan.router, seed=seed, weights=weights)


def static_routes(routing: Routing, requests: int, replicas: int) -> Ints | None:
    """The replica of each request in the order of arrival; None where it depends on what replicas do.

    `random` draws from Python's generator after the numbers that made the requests were drawn from it.
    """
    if routing.name == "round_robin":
        return np.arange(requests, dtype=np.int64) % replicas
    if routing.name == "weighted":
        return np.resize(one_round(routing.weights, requests), requests)
    if routing.name != "random":
        return None
    generator = random.Random(routing.seed)
    for _ in range(routing.draws_before):
        generator.random()
    return np.array([generator.randint(1, replicas) - 1 for _ in range(requests)], np.int64)


def one_round(weights: Sequence[int], most: int) -> Ints:
    """Replicas in the order of a round, after which it begins again, or the first of them: each as often as its weight says, spread evenly.

    Each gains its weight, the richest is taken and pays what all have gained together; of equals the first.
    [smooth weighted round robin of nginx, from 1.3.1 on]
    """
    steps = np.array(weights, np.int64) // np.gcd.reduce(np.array(weights, np.int64))
    total, held = int(steps.sum()), np.zeros(len(steps), np.int64)
    found = np.zeros(min(total, most), np.int64)
    for at in range(len(found)):
        held += steps
        found[at] = np.argmax(held)
        held[found[at]] -= total
    return found


def follow_routes(requests: Records, replicas: Records, routes: Ints) -> None:
    """Write down the routes, and who comes to each replica after whom."""
    requests.drawn[:] = routes
    for replica in range(len(replicas)):
        own = np.flatnonzero(routes == replica)
        if len(own):
            replicas.coming[replica] = own[0]
            requests.behind[own[:-1]] = own[1:]
