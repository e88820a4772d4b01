"""Latent attention of DeepSeek-V2 and V3: by hand at a small size, and published figures at the true ones."""

from dataclasses import replace

import pytest

from gnomon.core.op import Attention, GroupedMatMul, MatMul
from gnomon.core.plan import Plan
from gnomon.zoo.decoder import decoder
from gnomon.zoo.decoder_shape import Decoder, Latent
from gnomon.zoo.models import model

WIDTHS = Latent(query_rank=6, rank=5, nope_dim=4, rope_dim=2, value_dim=3)
TINY = Decoder(
    name="tiny",
    layers=3,
    hidden=8,
    heads=2,
    kv_heads=2,
    head_dim=6,
    intermediate=7,
    vocab=50,
    positions=32,
    latent=WIDTHS,
    experts=4,
    experts_chosen=2,
    router="sigmoid",
    shared_intermediate=14,
    dense_layers=1,
    dense_intermediate=20,
)


def _op(workload, name):
    (node,) = (node for node in workload.nodes if node.name == name)
    return node.op


def _flop(workload, prefix):
    return sum(n.op.work()[0] * n.repeat for n in workload.nodes if n.name.startswith(prefix) and n.op.unit == "matrix")


def test_parameters_of_a_tiny_latent_mixture_by_hand():
    # Attention: 8 x (6 + 5 + 2), norms 6 and 5, queries 6 x 2 x 6, keys and values 5 x 2 x (4 + 3), out 6 x 8: 305.
    # Dense MLP 3 x 8 x 20; mixture: router 8 x 4, experts 4 x 3 x 8 x 7, shared 3 x 8 x 14: 1040. Two norms of 8 a layer.
    expected = 400 + (305 + 480 + 16) + 2 * (305 + 1040 + 16) + 8 + 400
    assert decoder(TINY, Plan(seq=4)).parameters == expected
    assert decoder(TINY, Plan(mode="decode", context=4)).parameters == expected


def test_queries_that_are_not_compressed_have_one_product_of_their_own():
    # Instead of 8 x 6 + 6 + 6 x 12: 8 x 12.
    plain = replace(TINY, latent=replace(WIDTHS, query_rank=None))
    assert decoder(TINY, Plan(seq=4)).parameters - decoder(plain, Plan(seq=4)).parameters == 3 * (126 - 96)


def test_a_prompt_meets_keys_and_values_expanded_for_every_head():
    # 2 heads, 4 x 5 / 2 causal pairs, keys of 4 + 2 and values of 3: 2 x 2 x 10 x 9 flop.
    op = _op(decoder(TINY, Plan(mode="prefill", seq=4)), "layer.attention")
    assert (op.heads, op.kv_heads, op.head_dim, op.value_dim) == (2, 2, 6, 3)
    assert op.work()[0] == 360


def test_a_decoded_token_meets_the_latent_itself():
    # 2 heads, 9 keys, 5 + 2 numbers for the score and 5 for the value: 2 x 2 x 9 x 12; the cache is read once, 9 x 7 x 2 B.
    workload = decoder(TINY, Plan(mode="decode", context=9))
    op = _op(workload, "layer.attention")
    assert op.work() == (432.0, (2 * 7 + 9 * 7) * 2.0, 2 * 5 * 2.0)
    # Before: each head's query of 4 to 5; after: each head's result of 5 to 3.
    assert _op(workload, "layer.query_absorb").work()[0] == 2 * 2 * 4 * 5
    assert _op(workload, "layer.value_absorb").work()[0] == 2 * 2 * 5 * 3


def test_the_cache_holds_the_latent_and_the_rotated_key_of_every_token_and_layer():
    # 3 layers x 2 sequences x 9 tokens x (5 + 2) x 2 B, in both modes alike.
    for plan in (Plan(mode="prefill", batch=2, seq=9), Plan(mode="decode", batch=2, context=9)):
        assert decoder(TINY, plan).kv_cache_bytes == 3 * 2 * 9 * 7 * 2
        assert decoder(TINY, replace(plan, kv_dtype="fp8")).footprint.kv_cache_bytes == 3 * 2 * 9 * 7


def test_shared_experts_take_every_token_and_routed_ones_the_chosen():
    workload = decoder(TINY, Plan(seq=4))
    assert _op(workload, "layer.shared_gate_up_proj").work()[0] == 2 * 4 * 8 * 28
    assert _op(workload, "layer.experts_gate_up").work()[0] == 2 * 4 * 2 * 8 * 14
    assert _op(workload, "dense_layer.gate_up_proj").work()[0] == 2 * 4 * 8 * 40


def test_training_takes_the_products_of_the_forward_pass_three_times():
    # All but attention, whose gradients need five products for two.
    trained = decoder(TINY, Plan(mode="forward+backward", seq=4))
    products = [n for n in trained.nodes if isinstance(n.op, MatMul | GroupedMatMul)]
    by_phase = {
        phase: sum(n.op.work()[0] * n.repeat for n in products if n.phase == phase) for phase in ("forward", "backward")
    }
    assert by_phase["backward"] == 2 * by_phase["forward"]
    attention = [n.op.work()[0] for n in trained.nodes if isinstance(n.op, Attention) and n.name.startswith("layer.")]
    assert attention == [2 * 2 * 10 * 9, 2 * 2 * 10 * (3 * 6 + 2 * 3)]


def test_how_latent_attention_is_computed_is_said():
    for mode, word in (("prefill", "expanded"), ("decode", "absorbed")):
        assert any(word in line for line in decoder(TINY, Plan(mode=mode)).assumptions)


@pytest.mark.parametrize(("name", "total", "active"), [("deepseek-v2", 236e9, 21e9), ("deepseek-v3", 671e9, 37e9)])
def test_total_and_active_parameters_are_the_published_ones(name, total, active):
    # DeepSeek-V2 and V3, abstracts: of all, those that a token meets.
    workload = model(name).build(Plan(mode="decode", context=1))
    experts = [node for node in workload.nodes if isinstance(node.op, GroupedMatMul)]
    idle = sum(n.op.parameters * n.repeat * (1 - n.op.chosen / n.op.groups) for n in experts)
    assert workload.parameters == pytest.approx(total, rel=0.002)
    assert workload.parameters - idle == pytest.approx(active, rel=0.02)


def test_a_token_of_deepseek_v3_keeps_70_kilobytes():
    # Zhao et al. 2025, Insights into DeepSeek-V3, table 1: 70.272 KB a token in bf16.
    plan = Plan(mode="decode", context=1000, dtype="bf16")
    assert model("deepseek-v3").build(plan).kv_cache_bytes / 1000 == 70_272


@pytest.mark.parametrize(("name", "gflop"), [("deepseek-v2", 155), ("deepseek-v3", 250)])
def test_a_token_takes_the_published_work_in_training(name, gflop):
    # The same paper, table 2: work of a token at a sequence of 4096, attention causal, to three digits.
    workload = model(name).build(Plan(mode="forward+backward", seq=4096))
    assert workload.model_flop / 4096e9 == pytest.approx(gflop, rel=0.003)
