"""A phase -> the machine that runs it."""

from __future__ import annotations

from collections.abc import Callable

from gnomon.core.cluster_rules import Algorithm, AlgorithmName
from gnomon.engines.training.simulate.algorithms.direct import Direct
from gnomon.engines.training.simulate.algorithms.double_binary_tree import DoubleBinaryTree
from gnomon.engines.training.simulate.algorithms.halving_doubling import HalvingDoubling
from gnomon.engines.training.simulate.algorithms.ring import Ring
from gnomon.engines.training.simulate.phase import Phase, Running, Seat

_NATIVE: dict[AlgorithmName, Callable[[Seat, Phase], Running]] = {
    AlgorithmName.RING: Ring,
    AlgorithmName.DIRECT: Direct,
    AlgorithmName.HALVING_DOUBLING: HalvingDoubling,
    AlgorithmName.DOUBLE_BINARY_TREE: DoubleBinaryTree,
}


def machine(seat: Seat, phase: Phase) -> Running:
    """A rank's part of a phase, message by message. BadInput."""
    assert isinstance(phase.algorithm, Algorithm)
    return _NATIVE[phase.algorithm.name](seat, phase)
