"""Names that are safe in AccelForge's expressions, where words like Inputs, All or the name of a memory have a meaning."""

from __future__ import annotations

from gnomon.core.tool import Question

UNITS = "MAC"


def tensors(question: Question) -> dict[str, str]:
    """Data space -> its name there."""
    return {space.name: f"T{index}" for index, space in enumerate(question.problem.spaces)}


def variables(question: Question) -> dict[str, str]:
    """Dimension -> its name there."""
    return {dim: f"v{index}" for index, dim in enumerate(question.problem.bounds)}


def memories(question: Question) -> dict[str, str]:
    """Memory -> its name there."""
    return {memory.name: f"L{level}" for level, memory in enumerate(question.accelerator.memories)}
