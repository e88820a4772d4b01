"""The arithmetic that requests ask of a model, whatever was computed again or found in a cache."""

from __future__ import annotations

import numpy as np

from gnomon.core.op import Attention
from gnomon.core.service import Ints
from gnomon.core.workload import Node, Workload


def model_flop(workload: Workload, prompts: Ints, answers: Ints) -> float:
    """Work of the model's products for requests of so many tokens; `workload` is a decode step of one sequence.

    All tokens but the last of an answer go through the layers; every token of an answer takes the head. A query meets the keys
    up to its own, of a window at most so many.
    """
    through = prompts + answers - 1
    total = 0.0
    for node in workload.nodes:
        if isinstance(node.op, Attention):
            total += _attention_flop(node, through)
        elif node.op.unit == "matrix":
            tokens = through if node.repeat > 1 or "." in node.name else answers
            total += float(node.op.work()[0]) * node.repeat * float(tokens.sum())
    return total


def _attention_flop(node: Node, through: Ints) -> float:
    op = node.op
    assert isinstance(op, Attention)
    seen = np.minimum(op.kv_len, op.window or op.kv_len)
    per_key = op.work()[0] / float(seen)
    full = np.minimum(through, seen)
    pairs = full * (full + 1) / 2 + (through - full) * seen
    return float(per_key * node.repeat * pairs.sum())
