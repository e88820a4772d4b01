"""What prompts are made of, put together from a list for each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gnomon.core.service import Prefixes

Pieces = Sequence[tuple[int, int]]  # of a prompt: the number of a piece of text, its tokens


def as_prefixes(prompts: Sequence[Pieces], answers: Sequence[int]) -> Prefixes:
    """The pieces of each prompt, and the piece that its answer is for prompts to come (-1: for none)."""
    pieces = np.array([piece for prompt in prompts for piece in prompt], np.int64).reshape(-1, 2)
    return Prefixes(
        starts=np.cumsum([0, *map(len, prompts)], dtype=np.int64),
        segments=np.ascontiguousarray(pieces[:, 0]),
        tokens=np.ascontiguousarray(pieces[:, 1]),
        answers=np.array(answers, np.int64),
    )
