"""Replicas of requests that can be told before the simulation."""

from __future__ import annotations

import random

import numpy as np

from gnomon.core.service import Ints, Routing
from gnomon.engines.serving.simulator.state import Records


def static_routes(routing: Routing, requests: int, replicas: int) -> Ints | None:
    """The replica of each request in the order of arrival; None where it depends on the queues.

    `random` draws from Python's generator after the numbers that made the requests were drawn from it.
    """
    if routing.name == "round_robin":
        return np.arange(requests, dtype=np.int64) % replicas
    if routing.name == "lor":
        return None
    generator = random.Random(routing.seed)
    for _ in range(routing.draws_before):
        generator.random()
    return np.array([generator.randint(1, replicas) - 1 for _ in range(requests)], np.int64)


def follow_routes(requests: Records, replicas: Records, routes: Ints) -> None:
    """Write down the routes, and who comes to each replica after whom."""
    requests.drawn[:] = routes
    for replica in range(len(replicas)):
        own = np.flatnonzero(routes == replica)
        if len(own):
            replicas.coming[replica] = own[0]
            requests.behind[own[:-1]] = own[1:]
