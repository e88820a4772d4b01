"""Questions that the tools were really asked; what they answered lies in `recorded`."""

from __future__ import annotations

from pathlib import Path

import pytest

from gnomon.api.mapping_comparison import question_of
from gnomon.core.tool import Files, MappingTool, Question
from gnomon.formats.timeloop.read import read

_HERE = Path(__file__).parent
_MACHINES = _HERE / "machines"
_GOLDEN = _HERE.parent / "golden" / "timeloop"


def product_on_tpu_p() -> Question:
    """512 x 1024 times 1024 x 1024, weight-stationary on 128 x 128 units."""
    return _asked("gemm.yaml", "tpu_p.yaml", "tpu_p_keeps.yaml")


def product_on_eyeriss_p() -> Question:
    """The same on 14 x 12 units with a scratchpad for each operand."""
    return _asked("gemm.yaml", "eyeriss_p.yaml", "eyeriss_p_keeps.yaml")


def halo() -> Question:
    """A convolution whose mapping is given: the golden case that our mapper's README works out by hand."""
    folder = _GOLDEN / "05_conv1d_halo"
    return question_of(read(sorted(folder.glob("*.yaml"))))


QUESTIONS = {"tpu_p": product_on_tpu_p, "eyeriss_p": product_on_eyeriss_p, "halo": halo}


def _asked(*files: str) -> Question:
    return question_of(read([_MACHINES / file for file in files]))


def recorded(tool: str, name: str) -> Files:
    """What the tool gave when it was asked that."""
    return {path.name: path.read_text(encoding="utf-8") for path in (_HERE / "recorded" / tool / name).iterdir()}


def needs(tool: MappingTool) -> pytest.MarkDecorator:
    """Of a test that runs the tool itself."""
    told = f"{tool.name} is not installed: gnomon tools install {tool.name}"
    return pytest.mark.skipif(tool.installed() is None, reason=told)
