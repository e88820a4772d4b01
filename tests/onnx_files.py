"""The smallest ONNX file, for tests that only need one to be there."""

from __future__ import annotations

from pathlib import Path

import pytest


def relu_onnx(tmp_path: Path, sides: list[str | int]) -> str:
    """The path of a file with one Relu of an array with these sides, open where a side is a name."""
    onnx = pytest.importorskip("onnx", reason="onnx is not installed (the extra dev has it)")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", kind, sides)],
        [helper.make_tensor_value_info("y", kind, None)],
    )
    path = tmp_path / "relu.onnx"
    opsets = [helper.make_opsetid("", 18)]
    path.write_bytes(helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString())
    return str(path)
