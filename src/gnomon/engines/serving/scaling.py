"""What became of replicas that come and go."""

from __future__ import annotations

import numpy as np

from gnomon.core.service_facts import ReplicaCount, Scaling
from gnomon.engines.serving.simulator.front import GONE, Front


def scaling_of(front: Front, end_s: float) -> Scaling:
    """The course of a run that has ended."""
    marks, each = front.marks[0], front.each
    there = each.state != GONE
    rows = front.course[: marks.rows]
    return Scaling(
        replica_s=float(marks.replica_s + np.maximum(end_s - each.since_s[there], 0.0).sum()),
        starts=int(marks.starts),
        ticks=int(marks.ticks),
        at_most=int(marks.at_most),
        course=tuple(
            ReplicaCount(
                time_s=float(row.time_s), ready=int(row.ready), starting=int(row.starting), leaving=int(row.leaving)
            )
            for row in rows
        ),
    )
