"""ONNX files as models: work by hand, open sizes, files written by torch, and what is refused."""

import random
from pathlib import Path

import numpy as np
import pytest

import gnomon
from gnomon.core.errors import BadInput, GnomonError, Unsupported
from tests.onnx_files import relu_onnx

onnx = pytest.importorskip("onnx", reason="onnx is not installed (the extra dev has it)")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402 - after the check


def _file(tmp_path, nodes, inputs, weights, outputs=("y",), name="graph.onnx", **settings):
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(k, kind, shape) for k, (kind, shape) in inputs.items()],
        [helper.make_tensor_value_info(o, TensorProto.FLOAT, None) for o in outputs],
        [numpy_helper.from_array(array, key) for key, array in weights.items()],
    )
    path = tmp_path / name
    opsets = settings.pop("opsets", [helper.make_opsetid("", 18)])
    path.write_bytes(helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString())
    return str(path)


FLOAT = TensorProto.FLOAT


def _weight(*shape):
    return np.zeros(shape, dtype=np.float32)


def test_a_perceptron_by_hand(tmp_path):
    nodes = [
        helper.make_node("Gemm", ["x", "w1", "b1"], ["h"], transB=1),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("MatMul", ["r", "w2"], ["y"]),
    ]
    weights = {"w1": _weight(16, 8), "b1": _weight(16), "w2": _weight(16, 4)}
    graph = gnomon.workload(_file(tmp_path, nodes, {"x": (FLOAT, ["batch_size", 8])}, weights), batch=5)
    assert graph.parameters == 16 * 8 + 16 + 16 * 4
    assert graph.table.total_flop == 5 * (2 * 16 * 8 + 16 + 16 + 2 * 16 * 4)


def test_a_strided_padded_grouped_convolution_by_hand(tmp_path):
    node = helper.make_node("Conv", ["x", "w"], ["y"], pads=[0, 1, 1, 1], strides=[2, 1], group=2)
    graph = gnomon.workload(_file(tmp_path, [node], {"x": (FLOAT, [1, 4, 8, 8])}, {"w": _weight(6, 2, 3, 3)}))
    # Height (8 + 1 - 3) // 2 + 1 = 4, width 8 + 2 - 3 + 1 = 8.
    assert graph.table.total_flop == 2 * (4 * 8) * 6 * 2 * 9


@pytest.mark.parametrize("opset", [13, 18, 23])
def test_what_tells_an_operator_what_to_do_is_no_weight(tmp_path, opset):
    nodes = [
        helper.make_node("Resize", ["x", "", "scales"], ["r"]),
        helper.make_node("Conv", ["r", "w"], ["y"]),
    ]
    weights = {"scales": np.array([1, 1, 2, 2], np.float32), "w": _weight(4, 3, 1, 1)}
    opsets = [helper.make_opsetid("", opset)]
    graph = gnomon.workload(_file(tmp_path, nodes, {"x": (FLOAT, [1, 3, 8, 8])}, weights, opsets=opsets))
    assert graph.parameters == 12
    assert graph.table.flop[-1] == 2 * 16 * 16 * 12


@pytest.mark.parametrize("opset", [18, 21, 23])
def test_a_group_norm_of_any_opset_is_read(tmp_path, opset):
    node = helper.make_node("GroupNormalization", ["x", "s", "b"], ["y"], num_groups=4)
    groups = 4 if opset < 21 else 8  # since opset 21 a scale for each channel
    weights = {"s": _weight(groups), "b": _weight(groups)}
    opsets = [helper.make_opsetid("", opset)]
    graph = gnomon.workload(_file(tmp_path, [node], {"x": (FLOAT, [2, 8, 4, 4])}, weights, opsets=opsets))
    assert [node.op.family for node in graph.nodes] == ["norm"]


def test_an_initial_state_of_zeros_is_no_weight(tmp_path):
    node = helper.make_node("GRU", ["x", "w", "r", "", "", "h"], ["y"], hidden_size=16)
    weights = {"w": _weight(1, 48, 8), "r": _weight(1, 48, 16), "h": _weight(1, 2, 16)}
    graph = gnomon.workload(_file(tmp_path, [node], {"x": (FLOAT, [10, 2, 8])}, weights))
    assert graph.parameters == 48 * 8 + 48 * 16


@pytest.mark.parametrize("is_there", [True, False])
def test_a_mask_whose_numbers_stand_outside_is_no_weight_and_read_where_it_can_be(tmp_path, is_there):
    nodes = [
        helper.make_node("MatMul", ["q", "k"], ["s"]),
        helper.make_node("Add", ["s", "mask"], ["m"]),
        helper.make_node("Softmax", ["m"], ["p"], axis=-1),
        helper.make_node("MatMul", ["p", "v"], ["y"]),
    ]
    inputs = {"q": (FLOAT, [1, 4, 64, 8]), "k": (FLOAT, [1, 4, 8, 64]), "v": (FLOAT, [1, 4, 64, 8])}
    mask = np.triu(np.full((1, 1, 64, 64), -np.inf, np.float32), 1)
    path = Path(_file(tmp_path, nodes, inputs, {"mask": mask}))
    model = onnx.load(path)
    onnx.save(model, path, save_as_external_data=True, location="numbers.bin", size_threshold=0)
    if not is_there:
        (tmp_path / "numbers.bin").unlink()
    graph = gnomon.workload(str(path))
    (attention,) = (node.op for node in graph.nodes)
    assert graph.parameters == 0
    assert attention.pairs == (64 * 65 / 2 if is_there else 64 * 64)


def test_a_constant_in_line_is_a_weight(tmp_path):
    constant = helper.make_node("Constant", [], ["w"], value=numpy_helper.from_array(_weight(8, 16), "w"))
    nodes = [constant, helper.make_node("MatMul", ["x", "w"], ["y"])]
    graph = gnomon.workload(_file(tmp_path, nodes, {"x": (FLOAT, ["batch", 8])}, {}), batch=4)
    assert graph.parameters == 8 * 16
    assert graph.table.total_flop == 2 * 4 * 8 * 16


@pytest.mark.parametrize(
    ("kind", "bytes_each"), [("INT8", 1), ("UINT8", 1), ("INT4", 4.15625 / 8), ("FLOAT8E4M3FN", 1)]
)
def test_a_quantised_weight_is_read_as_it_is_stored(tmp_path, kind, bytes_each):
    weight = helper.make_tensor("w", getattr(TensorProto, kind), [8, 16], np.zeros(128, np.int8))
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "scale"], ["f"]),
        helper.make_node("MatMul", ["x", "f"], ["y"]),
    ]
    path = _file(
        tmp_path,
        nodes,
        {"x": (FLOAT, ["batch", 8])},
        {"scale": np.float32(0.1)},
        opsets=[helper.make_opsetid("", 21)],
    )
    model = onnx.load(path)
    model.graph.initializer.append(weight)
    onnx.save(model, path)
    graph = gnomon.workload(path, batch=4)
    assert graph.parameters == 8 * 16
    assert [node.op.weight_bytes for node in graph.nodes] == [8 * 16 * bytes_each]
    assert graph.table.total_flop == 2 * 4 * 8 * 16


def test_activations_that_are_quantised_are_operators(tmp_path):
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "scale"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "scale"], ["f"]),
        helper.make_node("MatMul", ["f", "w"], ["y"]),
    ]
    inputs, weights = {"x": (FLOAT, ["batch", 8])}, {"w": _weight(8, 16), "scale": np.float32(0.1)}
    graph = gnomon.workload(_file(tmp_path, nodes, inputs, weights), batch=4)
    assert [node.op.family for node in graph.nodes] == ["elementwise", "elementwise", "matmul"]


def test_shapes_that_follow_from_shapes_are_computed(tmp_path):
    nodes = [
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("Gather", ["s", "zero"], ["n"]),
        helper.make_node("Concat", ["n", "rest"], ["shape"], axis=0),
        helper.make_node("Reshape", ["x", "shape"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["y"]),
    ]
    weights = {"zero": np.array([0]), "rest": np.array([-1]), "w": _weight(12, 5)}
    graph = gnomon.workload(_file(tmp_path, nodes, {"x": (FLOAT, ["N", 3, 4])}, weights), batch=7)
    assert [type(node.op).__name__ for node in graph.nodes] == ["MatMul"]
    assert graph.table.total_flop == 2 * 7 * 12 * 5


def test_equal_layers_fold(tmp_path):
    nodes = [helper.make_node("MatMul", [f"a{i}", f"w{i}"], [f"a{i + 1}"]) for i in range(80)]
    nodes.append(helper.make_node("Relu", ["a80"], ["y"]))
    weights = {f"w{i}": _weight(8, 8) for i in range(80)}
    graph = gnomon.workload(_file(tmp_path, nodes, {"a0": (FLOAT, ["batch", 8])}, weights))
    assert [node.repeat for node in graph.nodes] == [80, 1]
    assert graph.parameters == 80 * 64


def test_an_open_size_is_named(tmp_path):
    path = _file(tmp_path, [helper.make_node("Relu", ["x"], ["y"])], {"x": (FLOAT, ["batch", "frames"])}, {})
    with pytest.raises(BadInput, match=r"size 'frames' of graph \(dimension 1 of x\) is open"):
        gnomon.workload(path)
    assert gnomon.workload(path, batch=2, sizes={"frames": 30}).nodes[0].op.elements == 60


def test_an_unknown_operator_is_named_with_its_node(tmp_path):
    node = helper.make_node("Mystery", ["x"], ["y"], name="odd", domain="acme")
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("acme", 1)]
    path = _file(tmp_path, [node], {"x": (FLOAT, [1, 2])}, {}, opsets=opsets)
    with pytest.raises(Unsupported, match="node 'odd': no rule for operator 'acme::Mystery'; docs/how-to"):
        gnomon.workload(path)


_X = {"x": (FLOAT, ["batch", 8])}


@pytest.mark.parametrize(
    ("nodes", "inputs", "told"),
    [
        ([helper.make_node("Relu", ["x"], ["y"])], {"x": (FLOAT, None)}, "input 'x' has no shape"),
        ([helper.make_node("Identity", ["x"], ["y"])], _X, "computes nothing"),
        ([helper.make_node("Relu", ["x"], ["y"])] * 2, _X, "makes 'y', which is there already"),
        ([helper.make_node("Relu", ["x"], ["x"])], _X, "makes 'x', which is there already"),
        (
            [helper.make_node("Conv", ["x", "w"], ["y"], group=3)],
            {"x": (FLOAT, [1, 8, 4, 4])},
            r"\(Conv\): 8 channels are not 3 groups of 8",
        ),
    ],
)
def test_a_graph_that_cannot_be_is_refused_in_words(tmp_path, nodes, inputs, told):
    path = _file(tmp_path, nodes, inputs, {"w": _weight(4, 8, 3, 3)})
    with pytest.raises(GnomonError, match=told):
        gnomon.workload(path)


def test_functions_that_call_each_other_in_a_circle_are_refused(tmp_path):
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("own", 1)]
    call = helper.make_node("F", ["x"], ["y"], domain="own")
    model = onnx.load(_file(tmp_path, [call], _X, {}, opsets=opsets))
    model.functions.append(helper.make_function("own", "F", ["x"], ["y"], [call], opsets))
    path = tmp_path / "circle.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(BadInput, match="its functions cannot be written out"):
        gnomon.workload(str(path))


def test_an_opset_of_the_future_is_refused(tmp_path):
    path = _file(
        tmp_path,
        [helper.make_node("Relu", ["x"], ["y"])],
        {"x": (FLOAT, [1])},
        {},
        opsets=[helper.make_opsetid("", 999)],
    )
    with pytest.raises(BadInput, match=r"opset 999 of ai.onnx; the onnx package here knows 1 to"):
        gnomon.workload(path)


def test_shapes_that_do_not_fit_are_refused_with_the_node(tmp_path):
    node = helper.make_node("MatMul", ["x", "w"], ["y"], name="product")
    path = _file(tmp_path, [node], {"x": (FLOAT, [1, 3])}, {"w": _weight(4, 5)})
    with pytest.raises(BadInput, match=r"node 'product' \(MatMul\)"):
        gnomon.workload(path)


@pytest.mark.parametrize("cut", [0, 1, 40, 200])
def test_a_truncated_file_is_one_line(tmp_path, cut):
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    path = _file(tmp_path, nodes, {"x": (FLOAT, [1, 16])}, {"w": _weight(16, 16)})
    Path(path).write_bytes(Path(path).read_bytes()[:cut])
    with pytest.raises(BadInput, match="damaged") as fault:
        gnomon.workload(path)
    assert len(str(fault.value).splitlines()) == 1


@pytest.mark.parametrize("seed", range(6))
def test_a_damaged_file_is_one_line_or_still_sound(tmp_path, seed):
    nodes = [helper.make_node("Softmax", ["x"], ["s"], axis=1), helper.make_node("MatMul", ["s", "w"], ["y"])]
    path = _file(tmp_path, nodes, {"x": (FLOAT, ["batch", 4])}, {"w": _weight(4, 4), "ids": np.arange(5)})
    whole, chance = Path(path).read_bytes(), random.Random(seed)
    for _ in range(40):
        damaged = bytearray(whole)
        damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        Path(path).write_bytes(bytes(damaged))
        try:
            gnomon.workload(path)
        except GnomonError as fault:
            assert len(str(fault).splitlines()) == 1


def test_an_array_with_fewer_numbers_than_its_shape_is_damage(tmp_path):
    path = _file(tmp_path, [helper.make_node("Relu", ["x"], ["y"])], {"x": (FLOAT, [2])}, {"ids": np.arange(3)})
    proto = onnx.load(path)
    proto.graph.initializer[0].dims[0] = 7
    Path(path).write_bytes(proto.SerializeToString())
    with pytest.raises(BadInput, match="numbers of 'ids' do not fit its shape or type: damaged"):
        gnomon.workload(path)


@pytest.mark.torch
@pytest.mark.xdist_group("torch")
@pytest.mark.filterwarnings("ignore")  # the exporter's own
@pytest.mark.parametrize("kind", ["llama", "bert", "resnet"])
def test_a_file_written_by_torch_equals_the_zoo(tmp_path, kind):
    """Parameters and FLOP within 1 %, attention fused and causal as there, at sizes that the trace did not have."""
    torch = pytest.importorskip("torch", reason="torch is not installed (make test EXTRAS=torch)")
    transformers = pytest.importorskip("transformers", reason="transformers is not installed (make test EXTRAS=torch)")
    pytest.importorskip("onnxscript", reason="onnxscript is not installed (make test EXTRAS=torch)")

    class Logits(torch.nn.Module):
        def __init__(self, model, **settings):
            super().__init__()
            self.model, self.settings = model.eval(), settings

        def forward(self, x):
            return self.model(x, **self.settings).logits

    tokens, sides = torch.zeros(2, 64, dtype=torch.long), {0: "batch", 1: "seq"}
    if kind == "llama":
        config = transformers.LlamaConfig(
            num_hidden_layers=2, hidden_size=256, intermediate_size=688, num_attention_heads=8, num_key_value_heads=2,
            vocab_size=1000, max_position_embeddings=8192, architectures=["LlamaForCausalLM"],
        )  # fmt: skip
        module, asked = Logits(transformers.LlamaForCausalLM(config), use_cache=False), {"seq": 4096}
    elif kind == "bert":
        config = transformers.BertConfig(num_hidden_layers=2, vocab_size=1000, architectures=["BertForMaskedLM"])
        module, asked = Logits(transformers.BertForMaskedLM(config)), {"seq": 512}
    else:
        config = transformers.ResNetConfig(num_labels=1000)
        module, asked = Logits(transformers.ResNetForImageClassification(config)), {}
        tokens, sides = torch.zeros(2, 3, 224, 224), {0: "batch"}
    torch.onnx.export(module, (tokens,), dynamo=True, verbose=False, dynamic_shapes=(sides,)).save(tmp_path / "it.onnx")
    written = gnomon.workload(str(tmp_path / "it.onnx"), batch=2, **asked)
    (tmp_path / "config.json").write_text(config.to_json_string(use_diff=False))
    known = "resnet-50" if kind == "resnet" else str(tmp_path / "config.json")
    head = {"head": "mlm"} if kind == "bert" else {}
    zoo = gnomon.workload(known, batch=2, mode="forward", **head, **asked)
    assert written.table.total_flop == pytest.approx(zoo.table.total_flop, rel=0.01)
    assert written.parameters == pytest.approx(zoo.parameters, rel=0.01)
    found, expected = (
        [(node.op.is_causal, node.op.heads, node.op.kv_heads) for node in graph.nodes if node.op.family == "attention"]
        for graph in (written, zoo)
    )
    assert set(found) == set(expected)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"seq": 128}, r"seq: relu is a traced graph without an open size of this name \(open: batch, frames\)"),
        ({"context": 128}, "context: relu is a traced graph without an open size of this name"),
        ({"image": 128}, "image: relu is a traced graph without an open size of this name"),
        ({"kv_dtype": "fp8"}, "kv_dtype: relu is a traced graph, it has no KV cache of its own"),
    ],
)
def test_what_a_graph_has_not_is_refused(tmp_path, asked, said):
    file = relu_onnx(tmp_path, ["batch", "frames"])
    with pytest.raises(BadInput, match=f"^{said}"):
        gnomon.workload(file, sizes={"frames": 3}, **asked)


def test_a_graph_without_inputs_is_of_one_batch(tmp_path):
    file = _file(tmp_path, [helper.make_node("Relu", ["w"], ["y"])], {}, {"w": _weight(3, 4)})
    with pytest.raises(BadInput, match=r"^batch: graph is a traced graph without an open size"):
        gnomon.workload(file, batch=2)
