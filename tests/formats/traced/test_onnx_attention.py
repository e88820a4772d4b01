"""Attention in ONNX files: written out in the ways exporters do, or as the standard's own operator; and its masks."""

import numpy as np
import pytest

import gnomon
from gnomon.core.op import Attention

onnx = pytest.importorskip("onnx", reason="onnx is not installed (the extra dev has it)")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402 - after the check

HEADS, LENGTH, WIDTH = 4, 64, 16
Q = K = V = (2, HEADS, LENGTH, WIDTH)
CAUSAL = np.tril(np.ones((LENGTH, LENGTH), dtype=bool))
HIDDEN = np.where(CAUSAL, 0, -np.inf).astype(np.float32)


def _model(tmp_path, nodes, constants=None, *, opset=18, inputs=None, weights=None):
    """The path of a file with inputs q, kt (keys transposed), k and v, and the nodes given as (operator, in, out, attributes)."""
    shapes = {"q": Q, "kt": (2, HEADS, WIDTH, LENGTH), "k": K, "v": V} | (inputs or {})
    arrays = {"half": np.float32(0.5), "low": np.float32(-1e9), "zero": np.float32(0), **(constants or {})}
    graph = helper.make_graph(
        [helper.make_node(kind, list(read), [out], **settings) for kind, read, out, settings in nodes],
        "g",
        [
            helper.make_tensor_value_info(name, TensorProto.BOOL if name == "given" else TensorProto.FLOAT, shape)
            for name, shape in shapes.items()
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in (arrays | (weights or {})).items()],
    )
    path = tmp_path / "attention.onnx"
    opsets = [helper.make_opsetid("", opset)]
    path.write_bytes(helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString())
    return str(path)


def _node(kind, *read, out, **settings):
    return kind, read, out, settings


SCORES = _node("MatMul", "q", "kt", out="s")
AFTER = [_node("Softmax", "m", out="p", axis=-1), _node("MatMul", "p", "v", out="y")]


def _ops(path, **options):
    return [node.op for node in gnomon.workload(path, **options).nodes]


def _only(path, **options):
    (op,) = _ops(path, **options)
    assert isinstance(op, Attention)
    return op


FORMS = {
    "scale after the product": [SCORES, _node("Mul", "s", "half", out="m"), *AFTER],
    "division after the product": [SCORES, _node("Div", "s", "half", out="m"), *AFTER],
    "scale of the queries": [_node("Mul", "q", "half", out="h"), _node("MatMul", "h", "kt", out="m"), *AFTER],
    "half the scale on each": [
        _node("Mul", "q", "half", out="h"),
        _node("Mul", "half", "kt", out="g"),
        _node("MatMul", "h", "g", out="m"),
        *AFTER,
    ],
    "a cast and a guard against rows without keys": [
        SCORES,
        _node("Cast", "s", out="m", to=TensorProto.FLOAT),
        _node("Softmax", "m", out="p", axis=3),
        _node("IsNaN", "p", out="n"),
        _node("Where", "n", "zero", "p", out="g"),
        _node("MatMul", "g", "v", out="y"),
    ],
    "dropout": [
        SCORES,
        _node("Softmax", "s", out="p", axis=-1),
        _node("Dropout", "p", out="d"),
        _node("MatMul", "d", "v", out="y"),
    ],
}


@pytest.mark.parametrize("form", FORMS)
def test_attention_written_out_is_one_operator(tmp_path, form):
    op = _only(_model(tmp_path, FORMS[form]))
    assert (op.batch, op.heads, op.kv_heads, op.head_dim) == (2, HEADS, HEADS, WIDTH)
    assert (op.q_len, op.kv_len, op.is_causal, op.is_fused) == (LENGTH, LENGTH, False, True)


def test_its_scores_travel_through_memory_where_the_plan_says_eager(tmp_path):
    path = _model(tmp_path, FORMS["scale after the product"])
    assert not _only(path, attention="eager").is_fused


MASKS = {
    "truth values that choose": ([_node("Where", "seen", "s", "low", out="m")], {"seen": CAUSAL}),
    "their negation": (
        [_node("Not", "seen", out="not"), _node("Where", "not", "low", "s", out="m")],
        {"seen": CAUSAL},
    ),
    "numbers that are added": ([_node("Add", "s", "added", out="m")], {"added": HIDDEN}),
    "one less the mask, times a low number": (
        [
            _node("Cast", "seen", out="float", to=TensorProto.FLOAT),
            _node("Sub", "one", "float", out="off"),
            _node("Mul", "off", "low", out="added"),
            _node("Add", "s", "added", out="m"),
        ],
        {"seen": CAUSAL, "one": np.float32(1)},
    ),
    "a triangle of low numbers": (
        [
            _node("Expand", "low", "square", out="full"),
            _node("Trilu", "full", "next", out="added", upper=1),
            _node("Add", "added", "s", out="m"),
        ],
        {"square": np.array([LENGTH, LENGTH]), "next": np.array(1)},
    ),
    "places compared": (
        [
            _node("Range", "n0", "length", "n1", out="places"),
            _node("Unsqueeze", "places", "n1v", out="query"),
            _node("Unsqueeze", "places", "n0v", out="key"),
            _node("LessOrEqual", "key", "query", out="seen"),
            _node("Where", "seen", "zero", "low", out="added"),
            _node("Add", "s", "added", out="m"),
        ],
        {
            "n0": np.array(0),
            "n1": np.array(1),
            "n0v": np.array([0]),
            "n1v": np.array([1]),
            "length": np.array(LENGTH),
        },
    ),
}


@pytest.mark.parametrize("kind", MASKS)
def test_a_mask_that_hides_what_comes_after_is_causal(tmp_path, kind):
    nodes, constants = MASKS[kind]
    graph = gnomon.workload(_model(tmp_path, [SCORES, *nodes, *AFTER], constants))
    assert [node.op.is_causal for node in graph.nodes] == [True]
    assert graph.parameters == 0


def test_it_stays_causal_beside_a_mask_that_is_an_input(tmp_path):
    nodes = [_node("And", "seen", "given", out="both"), _node("Where", "both", "s", "low", out="m")]
    path = _model(tmp_path, [SCORES, *nodes, *AFTER], {"seen": CAUSAL}, inputs={"given": (2, 1, 1, LENGTH)})
    assert [op.is_causal for op in _ops(path) if isinstance(op, Attention)] == [True]


def test_a_mask_that_is_an_input_is_not_taken_for_causal(tmp_path):
    nodes = [_node("Where", "given", "s", "low", out="m")]
    path = _model(tmp_path, [SCORES, *nodes, *AFTER], inputs={"given": (2, 1, LENGTH, LENGTH)})
    assert not _only(path).is_causal


def test_a_band_of_keys_is_a_window(tmp_path):
    band = CAUSAL & ~np.tril(np.ones((LENGTH, LENGTH), dtype=bool), -8)
    path = _model(tmp_path, [SCORES, _node("Where", "seen", "s", "low", out="m"), *AFTER], {"seen": band})
    op = _only(path)
    assert (op.is_causal, op.window) == (True, 8)
    assert op.pairs == band.sum()


def test_both_sides_seen_is_not_causal(tmp_path):
    band = CAUSAL.T & np.tril(np.ones((LENGTH, LENGTH), dtype=bool), 8)
    path = _model(tmp_path, [SCORES, _node("Where", "seen", "s", "low", out="m"), *AFTER], {"seen": band})
    assert not _only(path).is_causal


def test_a_mask_larger_than_is_followed_number_by_number_is_still_causal(tmp_path):
    """At 4096 places the mask has 16 million truth values; its bounds follow from the places alone."""
    nodes = [
        _node("Shape", "q", out="n", start=2, end=3),
        _node("Squeeze", "n", out="length"),
        _node("Range", "n0", "length", "n1", out="places"),
        _node("Unsqueeze", "places", "n1v", out="query"),
        _node("Unsqueeze", "places", "n0v", out="key"),
        _node("Greater", "key", "query", out="unseen"),
        SCORES,
        _node("Where", "unseen", "low", "s", out="m"),
        *AFTER,
    ]
    constants = {"n0": np.array(0), "n1": np.array(1), "n0v": np.array([0]), "n1v": np.array([1])}
    inputs = {"q": (2, HEADS, "seq", WIDTH), "kt": (2, HEADS, WIDTH, "seq"), "v": (2, HEADS, "seq", WIDTH)}
    op = _only(_model(tmp_path, nodes, constants, inputs=inputs), seq=4096)
    assert (op.q_len, op.is_causal) == (4096, True)


def test_heads_that_the_file_repeats_are_counted_once(tmp_path):
    def repeated(name):
        return [
            _node("Unsqueeze", name, "n2v", out=f"{name}5"),
            _node("Expand", f"{name}5", "groups", out=f"{name}e"),
            _node("Reshape", f"{name}e", "whole", out=f"{name}r"),
        ]

    nodes = [
        *repeated("k"),
        *repeated("v"),
        _node("Transpose", "kr", out="krt", perm=[0, 1, 3, 2]),
        _node("MatMul", "q", "krt", out="m"),
        _node("Softmax", "m", out="p", axis=-1),
        _node("MatMul", "p", "vr", out="y"),
    ]
    constants = {
        "n2v": np.array([2]),
        "groups": np.array([2, 2, 2, LENGTH, WIDTH]),
        "whole": np.array([2, HEADS, LENGTH, WIDTH]),
    }
    few = (2, 2, LENGTH, WIDTH)
    op = _only(_model(tmp_path, nodes, constants, inputs={"k": few, "v": few}))
    assert (op.heads, op.kv_heads) == (HEADS, 2)


def test_a_softmax_between_other_products_stays_what_it_is(tmp_path):
    nodes = [_node("MatMul", "q", "w", out="s"), _node("Softmax", "s", out="p", axis=-1)]
    nodes.append(_node("MatMul", "p", "u", out="y"))
    weights = {name: np.zeros(shape, np.float32) for name, shape in {"w": (WIDTH, 8), "u": (8, WIDTH)}.items()}
    ops = _ops(_model(tmp_path, nodes, weights=weights))
    assert [type(op).__name__ for op in ops] == ["MatMul", "Softmax", "MatMul"]


def test_probabilities_that_something_else_reads_stay_too(tmp_path):
    nodes = [*FORMS["scale after the product"][:-1], _node("MatMul", "p", "v", out="z")]
    nodes += [_node("ReduceSum", "p", out="r"), _node("Add", "z", "r", out="y")]
    assert not any(isinstance(op, Attention) for op in _ops(_model(tmp_path, nodes)))


@pytest.mark.skipif(onnx.defs.onnx_opset_version() < 23, reason="this onnx does not know opset 23")
@pytest.mark.parametrize("is_causal", [0, 1])
def test_the_standard_operator_with_grouped_heads_in_three_dimensions(tmp_path, is_causal):
    settings = {"q_num_heads": HEADS, "kv_num_heads": 2, "is_causal": is_causal}
    shapes = {"q": (2, LENGTH, HEADS * WIDTH), "k": (2, LENGTH, 2 * WIDTH), "v": (2, LENGTH, 2 * WIDTH)}
    path = _model(tmp_path, [_node("Attention", "q", "k", "v", out="y", **settings)], opset=23, inputs=shapes)
    op = _only(path)
    assert (op.heads, op.kv_heads, op.head_dim, op.is_causal) == (HEADS, 2, WIDTH, bool(is_causal))


@pytest.mark.skipif(onnx.defs.onnx_opset_version() < 23, reason="this onnx does not know opset 23")
def test_the_standard_operator_is_causal_under_a_mask_that_is(tmp_path):
    path = _model(tmp_path, [_node("Attention", "q", "k", "v", "seen", out="y")], {"seen": CAUSAL}, opset=23)
    assert _only(path).is_causal


@pytest.mark.skipif(onnx.defs.onnx_opset_version() < 23, reason="this onnx does not know opset 23")
def test_the_standard_operator_reads_the_keys_of_earlier_calls_too(tmp_path):
    node = _node("Attention", "q", "k", "v", "", "past_k", "past_v", out="y")
    past = (2, HEADS, 100, WIDTH)
    path = _model(tmp_path, [node], opset=23, inputs={"past_k": past, "past_v": past})
    assert _only(path).kv_len == LENGTH + 100


def test_the_claim_stands_among_the_assumptions(tmp_path):
    graph = gnomon.workload(_model(tmp_path, FORMS["dropout"]))
    assert any("attention in one kernel" in line for line in graph.assumptions)
