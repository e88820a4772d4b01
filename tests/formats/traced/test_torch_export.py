"""Live torch modules as models: work and parameters beside the zoo's and the module's own, sizes, and what is refused."""

from pathlib import Path

import pytest

import gnomon
from gnomon.core.errors import BadInput, Unsupported
from gnomon.core.op import Attention, Conv, Elementwise, MatMul

torch = pytest.importorskip("torch", reason="torch is not installed (make test EXTRAS=torch)")
transformers = pytest.importorskip("transformers", reason="transformers is not installed (make test EXTRAS=torch)")

pytestmark = [
    pytest.mark.torch,
    pytest.mark.xdist_group("torch"),
    pytest.mark.filterwarnings("ignore"),
]  # the libraries' own warnings

IMAGE = torch.zeros(1, 3, 224, 224)
TOKENS = torch.zeros(1, 128, dtype=torch.long)
OPEN = {"input_ids": {0: "batch", 1: "seq"}}


def _meta(make):
    with torch.device("meta"):
        return make()


def _tokens(make, **settings):
    return gnomon.from_torch(_meta(make), TOKENS, settings, dynamic=OPEN)


class _Linear(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(8, 16)

    def forward(self, x):
        return self.linear(x)


# --- Oracle: the zoo


def test_resnet_50_equals_the_zoo_s():
    config = transformers.ResNetConfig(num_labels=1000)
    model = gnomon.from_torch(_meta(lambda: transformers.ResNetForImageClassification(config)), IMAGE)
    traced, known = gnomon.workload(model, batch=4), gnomon.workload("resnet-50", batch=4)
    assert traced.parameters == known.parameters
    assert traced.model_flop == pytest.approx(known.model_flop, rel=1e-4)
    assert traced.table.total_flop == pytest.approx(known.table.total_flop, rel=1e-2)


def test_bert_equals_the_zoo_s():
    model = _tokens(lambda: transformers.BertForMaskedLM(transformers.BertConfig()))
    traced = gnomon.workload(model, batch=2, seq=384)
    known = gnomon.workload("bert-base", head="mlm", batch=2, seq=384)
    assert traced.parameters == known.parameters
    assert traced.table.total_flop == pytest.approx(known.table.total_flop, rel=1e-2)


def test_a_llama_equals_the_zoo_s_and_its_layers_fold():
    config = transformers.LlamaConfig(
        hidden_size=4096, intermediate_size=11008, num_hidden_layers=12, num_attention_heads=32, vocab_size=32000
    )
    model = _tokens(lambda: transformers.LlamaForCausalLM(config), use_cache=False)
    traced = gnomon.workload(model, batch=2, seq=1024)
    known = gnomon.workload("llama-2-7b", batch=2, seq=1024)
    products = [node for node in traced.nodes if isinstance(node.op, MatMul)]
    assert [node.repeat for node in products] == [12] * 7 + [1]
    head = 32000 * 4096
    assert traced.parameters - 2 * head - 4096 == 12 * (known.parameters - 2 * head - 4096) / 32
    (attention,) = (node.op for node in traced.nodes if isinstance(node.op, Attention))
    assert attention.is_causal
    of_head = 2 * 2 * 1024 * head
    assert traced.model_flop - of_head == pytest.approx((known.model_flop - of_head) * 12 / 32, rel=1e-4)


def test_values_may_have_another_width_than_keys():
    class Latent(torch.nn.Module):
        def forward(self, query, key, value):
            return torch.nn.functional.scaled_dot_product_attention(query, key, value)

    key, value = torch.zeros(2, 4, 16, 24), torch.zeros(2, 4, 16, 8)
    traced = gnomon.workload(gnomon.from_torch(Latent(), (key, key, value)), batch=2)
    (attention,) = (node.op for node in traced.nodes if isinstance(node.op, Attention))
    assert (attention.head_dim, attention.value_dim) == (24, 8)
    assert attention.work()[0] == 2 * 2 * 4 * 16 * 16 * (24 + 8)


# --- Law: what the module holds is what the graph holds


@pytest.mark.parametrize(
    ("make", "inputs"),
    [
        (lambda: transformers.ViTForImageClassification(transformers.ViTConfig(num_labels=1000)), (IMAGE,)),
        (lambda: torch.nn.LSTM(64, 128, 2, batch_first=True, bidirectional=True), (torch.zeros(2, 20, 64),)),
        (lambda: torch.nn.ConvTranspose2d(8, 4, 3, stride=2, padding=1, output_padding=1), (torch.zeros(2, 8, 9, 9),)),
        (lambda: torch.nn.TransformerEncoder(torch.nn.TransformerEncoderLayer(64, 4), 3), (torch.zeros(9, 2, 64),)),
        (lambda: torch.nn.MultiheadAttention(64, 4), (torch.zeros(9, 2, 64),) * 3),
        (lambda: torch.nn.Conv1d(8, 8, 3, groups=4, dilation=2), (torch.zeros(2, 8, 30),)),
    ],
    ids=["vit", "lstm", "transposed", "encoder", "attention", "conv1d"],
)  # fmt: skip
def test_every_parameter_is_counted_once(make, inputs):
    module = _meta(make)
    model = gnomon.from_torch(module, inputs)
    assert gnomon.workload(model).parameters == sum(p.numel() for p in module.parameters())
    answer = gnomon.predict(model, on="a100-sxm-80gb", dtype="fp16", mode="forward+backward")
    assert 0 < answer.value < 1


def test_a_shared_weight_is_counted_once():
    class Tied(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = torch.nn.Embedding(100, 8)
            self.head = torch.nn.Linear(8, 100, bias=False)
            self.head.weight = self.embed.weight

        def forward(self, x):
            return self.head(self.embed(x))

    assert gnomon.workload(gnomon.from_torch(Tied(), torch.zeros(2, 4, dtype=torch.long))).parameters == 800


@pytest.mark.parametrize("kind", ["Mixtral", "Qwen3Moe"])
def test_a_mixture_of_experts_counts_the_chosen_ones_alone(kind):
    config = getattr(transformers, f"{kind}Config")(
        hidden_size=256, intermediate_size=128, moe_intermediate_size=128, num_hidden_layers=2, vocab_size=1000,
        num_attention_heads=4, num_key_value_heads=4, head_dim=64, num_experts_per_tok=2,
    )  # fmt: skip
    module = _meta(lambda: getattr(transformers, f"{kind}ForCausalLM")(config))
    model = gnomon.from_torch(module, TOKENS, {"use_cache": False}, dynamic=OPEN)
    traced = gnomon.workload(model, batch=1, seq=64)
    assert traced.parameters == sum(p.numel() for p in module.parameters())
    (shape,) = {node.op for node in traced.nodes if node.op.family == "moe" and node.op.k == 256}
    assert traced.table.flop[[n.op == shape for n in traced.nodes]][0] == 2 * 64 * 2 * 256 * 2 * 128


def test_convolutions_of_every_kind_by_hand():
    transposed = gnomon.workload(
        gnomon.from_torch(torch.nn.ConvTranspose2d(8, 4, 3, stride=2, bias=False), torch.zeros(2, 8, 5, 5)), batch=2
    )
    (op,) = (node.op for node in transposed.nodes)
    assert isinstance(op, Conv)
    assert (op.out_size, op.work()[0]) == ((11, 11), 2 * 2 * 25 * 8 * 4 * 9)
    same = gnomon.workload(
        gnomon.from_torch(torch.nn.Conv2d(2, 3, (3, 5), padding="same", bias=False), torch.zeros(1, 2, 7, 6))
    )
    assert same.nodes[0].op.out_size == (7, 6)
    assert same.table.total_flop == 2 * 42 * 2 * 3 * 15


def test_an_einsum_is_the_product_it_means():
    class Product(torch.nn.Module):
        def forward(self, a, b):
            return torch.einsum("bhqd,bhkd->bhqk", a, b)

    graph = gnomon.workload(gnomon.from_torch(Product(), (torch.zeros(2, 3, 5, 7), torch.zeros(2, 3, 6, 7))), batch=2)
    assert graph.table.total_flop == 2 * 2 * 3 * 5 * 6 * 7


@pytest.mark.parametrize(
    ("equation", "shapes", "multiply_adds"),
    [
        ("bij,bjk->bik", ((4, 5, 6), (1, 6, 7)), 4 * 5 * 6 * 7),
        ("bij,bjk->bik", ((4, 5, 6), (4, 6, 7)), 4 * 5 * 6 * 7),
        ("ij,jk,kl->il", ((5, 6), (6, 7), (7, 8)), 5 * 6 * 7 + 5 * 7 * 8),
        ("ij,jk", ((5, 6), (6, 7)), 5 * 6 * 7),
        ("...ij,kj->...ik", ((2, 3, 5, 6), (7, 6)), 2 * 3 * 5 * 6 * 7),
    ],
)
def test_einstein_sums_do_the_work_of_their_products(equation, shapes, multiply_adds):
    class Sum(torch.nn.Module):
        def forward(self, *arrays):
            return torch.einsum(equation, *arrays)

    workload = gnomon.workload(gnomon.from_torch(Sum(), tuple(torch.zeros(*shape) for shape in shapes), dynamic={}))
    assert _multiply_adds(workload) == multiply_adds


def test_inner_contracts_the_last_dimensions():
    class Inner(torch.nn.Module):
        def forward(self, a, b):
            return torch.inner(a, b)

    workload = gnomon.workload(gnomon.from_torch(Inner(), (torch.zeros(5, 7), torch.zeros(11, 7)), dynamic={}))
    assert _multiply_adds(workload) == 5 * 7 * 11


@pytest.mark.parametrize(("hidden", "projected"), [(16, 0), (24, 8)])
def test_an_lstm_projects_its_state_at_every_step(hidden, projected):
    module = torch.nn.LSTM(12, hidden, num_layers=2, proj_size=projected, batch_first=True)
    workload = gnomon.workload(gnomon.from_torch(module, (torch.zeros(3, 10, 12),), dynamic={}))
    state = projected or hidden
    layers = [4 * hidden * (width + state) + hidden * projected for width in (12, state)]
    assert _multiply_adds(workload) == 3 * 10 * sum(layers)
    assert workload.parameters == sum(p.numel() for p in module.parameters())


def _multiply_adds(workload):
    products = ((node.op, node.repeat) for node in workload.nodes if isinstance(node.op, MatMul))
    return sum(op.batch * op.m * op.n * op.k * repeat for op, repeat in products)


# --- Sizes


def test_the_batch_is_open_where_nothing_else_is_said():
    model = gnomon.from_torch(_Linear(), torch.zeros(1, 8))
    assert gnomon.workload(model, batch=64).table.total_flop == 64 * (2 * 8 * 16 + 16)


def test_a_fixed_batch_is_the_usual_one_and_no_other_is_taken():
    class Fixed(torch.nn.Module):
        def forward(self, x):
            assert x.shape[0] == 3
            return x + 1

    model = gnomon.from_torch(Fixed(), torch.zeros(3, 8))
    assert gnomon.workload(model).batch == 3
    with pytest.raises(BadInput, match="traced with batch 3 and cannot run with 4"):
        gnomon.workload(model, batch=4)


def test_a_size_left_open_is_named():
    model = gnomon.from_torch(_Linear(), torch.zeros(2, 5, 8), dynamic={"x": {0: "batch", 1: "frames"}})
    with pytest.raises(BadInput, match=r"size 'frames' of _Linear \(dimension 1 of x\) is open"):
        gnomon.workload(model)
    with pytest.raises(BadInput, match="no such open size; did you mean 'frames'"):
        gnomon.workload(model, sizes={"frame": 3})
    assert gnomon.workload(model, batch=2, sizes={"frames": 30}).nodes[0].op.m == 60


def test_a_limit_of_the_module_holds():
    class Positions(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.table = torch.nn.Parameter(torch.zeros(16, 8))

        def forward(self, x):
            return x + self.table[: x.shape[1]]

    model = gnomon.from_torch(Positions(), torch.zeros(2, 4, 8), dynamic={"x": {1: "seq"}})
    with pytest.raises(BadInput, match="allows 1 to 16, not 17"):
        gnomon.workload(model, seq=17)


def test_the_module_is_left_as_it_was():
    module = torch.nn.Sequential(_Linear(), torch.nn.Linear(16, 4)).train()
    module[1].eval()  # as a frozen part is
    gnomon.from_torch(module, torch.zeros(1, 8))
    assert [part.training for part in (module, module[0], module[1])] == [True, True, False]


def test_arrays_in_a_list_are_inputs_like_others():
    class Levels(_Linear):
        def forward(self, levels):
            return [self.linear(level) for level in levels]

    model = gnomon.from_torch(Levels(), ([torch.zeros(1, 8), torch.zeros(1, 8)],))
    graph = gnomon.workload(model, batch=5)
    assert [(node.op.m, node.op.k, node.op.n) for node in graph.nodes] == [(5, 8, 16)] * 2
    assert graph.parameters == 8 * 16 + 16


def test_a_parameter_on_another_device_does_not_decide_where_inputs_stand():
    class Mixed(_Linear):
        def __init__(self):
            super().__init__()
            self.register_parameter("unused", torch.nn.Parameter(torch.zeros(3, device="cpu")))
            self._parameters = dict(reversed(self._parameters.items()))

    assert gnomon.workload(gnomon.from_torch(_meta(Mixed), torch.zeros(1, 8)), batch=2).parameters == 8 * 16 + 16 + 3


def test_a_convolution_with_a_computed_weight_owns_its_bias():
    class Standardised(torch.nn.Conv2d):
        def forward(self, x):
            weight = self.weight - self.weight.mean(dim=(1, 2, 3), keepdim=True)
            return torch.nn.functional.conv2d(x, weight, self.bias)

    model = gnomon.from_torch(_meta(lambda: Standardised(3, 6, 3)), torch.zeros(1, 3, 8, 8))
    assert gnomon.workload(model, batch=2).parameters == 6 * 27 + 6


def test_a_weight_by_direction_and_length_counts_both():
    module = _meta(lambda: torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(8, 16)))
    assert gnomon.workload(gnomon.from_torch(module, torch.zeros(1, 8)), batch=2).parameters == 8 * 16 + 16 + 16


def test_distances_do_the_work_of_a_product():
    class Distances(torch.nn.Module):
        def forward(self, x, y):
            return torch.cdist(x, y)

    model = gnomon.from_torch(Distances(), (torch.zeros(2, 5, 3), torch.zeros(2, 7, 3)))
    assert gnomon.workload(model, batch=2).table.total_flop == 2 * 2 * 5 * 7 * 3


def test_a_product_added_is_one_operator_of_two_flop():
    class Scaled(_Linear):
        def forward(self, x):
            return torch.addcmul(x, x, x)

    (node,) = gnomon.workload(gnomon.from_torch(Scaled(), torch.zeros(1, 8)), batch=2).nodes[:1]
    assert node.op.work()[0] == 2 * 2 * 8


# --- What is refused


def test_control_flow_on_numbers_is_refused_with_its_place(capfd):
    class Branch(torch.nn.Module):
        def forward(self, x):
            if x.sum() > 0:
                return x
            return -x

    with pytest.raises(
        BadInput, match=r"Branch: torch.export cannot trace it \(at .*test_torch_export.py:\d+: if x.sum"
    ):
        gnomon.from_torch(Branch(), torch.zeros(2, 4))
    assert capfd.readouterr() == ("", "")


class _Chosen(_Linear):
    def forward(self, x):
        kept = self.linear(x)
        return kept[kept[:, 0] > 0] * 2


class _Counted(_Linear):
    def forward(self, x):
        for _ in range(int(x.sum())):
            x = x + 1
        return self.linear(x)


class _Item(_Linear):
    def forward(self, x):
        count = self.linear(x).abs().sum().long().item()
        torch._check(count >= 0)
        return self.linear(torch.ones(count, 8))


class _Nonzero(_Linear):
    def forward(self, x):
        return self.linear(x).nonzero() + 1


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        (_Chosen, "kept[kept[:, 0] > 0]"),
        (_Counted, "for _ in range(int(x.sum()))"),
        (_Item, "torch.ones(count, 8)"),
        (_Nonzero, ".nonzero() + 1"),
    ],
)
def test_a_size_that_depends_on_numbers_is_refused_with_its_place(kind, line):
    source = Path(__file__).read_text().splitlines()
    number = 1 + next(index for index, text in enumerate(source) if line in text and "(_" not in text)
    with pytest.raises(
        BadInput, match=rf"test_torch_export\.py:{number}.* depends on the numbers in an array"
    ) as fault:
        gnomon.workload(gnomon.from_torch(kind(), torch.zeros(2, 8)), batch=2)
    assert len(str(fault.value).splitlines()) == 1


def test_an_unknown_operator_is_named_and_a_rule_can_be_given():
    class Inverse(torch.nn.Module):
        def forward(self, x):
            return torch.linalg.inv(x)

    def inverse(call, formats):
        return ((Elementwise(elements=call.out.elements, function="copy", dtype=formats.activation), 1),)

    with pytest.raises(
        Unsupported, match=r"node 'linalg_inv' \(.*:\d+\): no rule for operator 'linalg_inv'; docs/how-to"
    ):
        gnomon.workload(gnomon.from_torch(Inverse(), torch.zeros(2, 4, 4)))
    assert gnomon.workload(gnomon.from_torch(Inverse(), torch.zeros(2, 4, 4), rules={"linalg_inv": inverse})).nodes


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"inputs": None}, "inputs: a tensor or a tuple"),
        ({"inputs": 5}, "inputs: a tensor or a tuple"),
        ({"kwargs": [1]}, "kwargs: a dict"),
        ({"kwargs": {1: 2}}, "kwargs: a dict"),
        ({"dynamic": ["x"]}, "dynamic: a dict"),
        ({"dynamic": {"x": "batch"}}, "dynamic: x: its dimensions by number"),
        ({"dynamic": {"x": {"0": "batch"}}}, "dynamic: x: its dimensions by number"),
        ({"dynamic": {"x": {7: "batch"}}}, "no dimension 7"),
    ],
)
def test_arguments_of_another_kind_are_refused(given, told):
    with pytest.raises(BadInput, match=told):
        gnomon.from_torch(_Linear(), **({"inputs": torch.zeros(2, 8)} | given))


def test_a_module_that_computes_nothing_is_refused():
    model = gnomon.from_torch(torch.nn.Flatten(), torch.zeros(2, 3, 4))
    with pytest.raises(Unsupported, match="Flatten computes nothing"):
        gnomon.workload(model)


def test_frozen_parameters_are_told_of_where_they_are_trained():
    module = torch.nn.Sequential(torch.nn.Linear(8, 16).requires_grad_(False), torch.nn.Linear(16, 4))
    model = gnomon.from_torch(module, torch.zeros(2, 8))
    told = {
        mode: [text for text in gnomon.workload(model, batch=2, mode=mode).assumptions if "frozen" in text]
        for mode in ("forward", "forward+backward")
    }
    assert told["forward"] == []
    assert told["forward+backward"][0].startswith("144 frozen parameters")


def test_complex_numbers_are_told_of():
    class Rotated(torch.nn.Module):
        def forward(self, x):
            return torch.view_as_real(torch.view_as_complex(x) * 2)

    (told,) = (
        text
        for text in gnomon.workload(gnomon.from_torch(Rotated(), torch.zeros(4, 2)), batch=4).assumptions
        if "complex" in text
    )
    assert "four times" in told


def test_buffers_alone_decide_where_inputs_stand():
    class Shifted(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("shift", torch.zeros(8, device="meta"))

        def forward(self, x):
            return x + self.shift

    model = gnomon.from_torch(Shifted(), torch.zeros(2, 8))
    assert gnomon.workload(model, batch=2).table.total_flop == 16


def test_inputs_that_do_not_fit_are_refused():
    with pytest.raises(BadInput, match="the inputs do not fit forward"):
        gnomon.from_torch(_Linear(), (torch.zeros(1, 8), 3))
    with pytest.raises(BadInput, match="no tensor argument is called 'y'"):
        gnomon.from_torch(_Linear(), torch.zeros(1, 8), dynamic={"y": {0: "batch"}})
    with pytest.raises(BadInput, match=r"takes a torch.nn.Module, not str"):
        gnomon.from_torch("resnet-50")


def test_modes_of_a_language_model_are_refused():
    model = gnomon.from_torch(_Linear(), torch.zeros(1, 8))
    with pytest.raises(BadInput, match="a traced graph: it has forward"):
        gnomon.workload(model, mode="decode")
