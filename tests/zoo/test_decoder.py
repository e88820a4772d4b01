from dataclasses import replace

import pytest

from gnomon.core.errors import BadInput
from gnomon.core.op import Attention, Gather, GroupedMatMul, MatMul, Softmax
from gnomon.core.plan import Plan
from gnomon.zoo.decoder import decoder
from gnomon.zoo.decoder_shape import Decoder
from gnomon.zoo.models import model

TINY = Decoder(
    name="tiny", layers=3, hidden=8, heads=4, kv_heads=2, head_dim=2, intermediate=16, vocab=50, positions=32
)
LEARNED = replace(TINY, position="learned", position_rows=34)
MIXTURE = replace(TINY, experts=4, experts_chosen=2)


def _nodes(workload, kind):
    return [node for node in workload.nodes if isinstance(node.op, kind)]


def _flop(workload):
    return sum(node.op.work()[0] * node.repeat for node in workload.nodes)


def test_parameters_of_a_tiny_llama_by_hand():
    # Embedding 50 x 8; a layer: qkv 8 x (8 + 4 + 4), out 8 x 8, gate and up 8 x 32, down 16 x 8, two norms of 8; last norm,
    # head: 400 + 3 x (128 + 64 + 256 + 128 + 16) + 8 + 400.
    assert decoder(TINY, Plan(seq=4)).parameters == 400 + 3 * 592 + 8 + 400


@pytest.mark.parametrize("name", ["llama-2-7b", "llama-3-8b", "opt-6.7b", "gpt2-xl"])
def test_a_decode_step_takes_about_two_flop_a_parameter(name):
    # Every weight meets the one token once; embeddings that are looked up instead, and attention, are left out or small.
    workload = model(name).build(Plan(mode="decode", batch=1, context=16))
    looked_up = sum(n.op.parameters for n in _nodes(workload, Gather))
    tied = sum(n.op.n * n.op.k for n in _nodes(workload, MatMul) if n.op.is_tied)
    assert _flop(workload) == pytest.approx(2 * (workload.parameters - looked_up + tied), rel=0.02)


def test_prefill_scores_the_last_token_only_and_forward_every_token():
    heads = {
        mode: _nodes(decoder(TINY, Plan(mode=mode, batch=2, seq=8)), MatMul)[-1].op.m for mode in ("prefill", "forward")
    }
    assert heads == {"prefill": 2, "forward": 16}


def test_decode_reads_the_context_and_handles_one_token_a_sequence():
    workload = decoder(TINY, Plan(mode="decode", batch=3, context=20))
    (attention,) = _nodes(workload, Attention)
    assert (attention.op.q_len, attention.op.kv_len, attention.repeat) == (1, 20, 3)
    assert (workload.items, workload.seq, workload.context) == (3, 1, 20)
    assert workload.kv_cache_bytes == 3 * 2 * 3 * 2 * 20 * 2 * 2  # layers, k and v, batch, heads, context, size, bytes


def test_prefill_leaves_a_cache_and_forward_does_not():
    assert decoder(TINY, Plan(mode="prefill", seq=8)).kv_cache_bytes > 0
    assert decoder(TINY, Plan(mode="forward", seq=8)).kv_cache_bytes == 0


def test_grouped_heads_shrink_the_cache_and_the_projection():
    full = replace(TINY, kv_heads=4)
    plan = Plan(mode="prefill", seq=8)
    assert decoder(full, plan).kv_cache_bytes == 2 * decoder(TINY, plan).kv_cache_bytes
    assert decoder(full, plan).parameters - decoder(TINY, plan).parameters == 3 * 8 * 2 * (2 * 2)


def test_a_mixture_keeps_all_experts_and_computes_the_chosen():
    workload = decoder(MIXTURE, Plan(seq=8))
    up, down = (node.op for node in _nodes(workload, GroupedMatMul))
    assert up.parameters + down.parameters == 4 * (3 * 8 * 16)
    assert up.work()[0] + down.work()[0] == 8 * 2 * 2 * (3 * 8 * 16)


def test_a_tied_head_is_counted_once_and_computed_all_the_same():
    tied = replace(TINY, is_tied=True)
    assert decoder(TINY, Plan(seq=4)).parameters - decoder(tied, Plan(seq=4)).parameters == 50 * 8
    assert _flop(decoder(tied, Plan(seq=4))) == _flop(decoder(TINY, Plan(seq=4)))


def test_training_ends_in_a_loss_over_the_vocabulary():
    workload = decoder(TINY, Plan(mode="forward+backward", batch=2, seq=4))
    (loss,) = [n.op for n in _nodes(workload, Softmax) if n.phase == "forward"]
    assert (loss.rows, loss.columns) == (8, 50)


@pytest.mark.parametrize("mode", ["forward+backward", "forward+backward+optimizer"])
def test_training_keeps_the_parameters_of_the_forward_pass(mode):
    for config in (TINY, LEARNED, MIXTURE, replace(TINY, is_tied=True)):
        assert decoder(config, Plan(mode=mode, seq=4)).parameters == decoder(config, Plan(seq=4)).parameters


def test_quantised_weights_leave_embedding_and_head_in_16_bits():
    workload = decoder(TINY, Plan(seq=4, weight_dtype="int4"))
    head = _nodes(workload, MatMul)[-1].op
    assert head.weight_dtype is None
    assert {n.op.weight_dtype for n in _nodes(workload, MatMul)[:-1]} == {"int4"}
    assert "embedding, LM head and router stay in the activations' format" in workload.assumptions


def test_fp8_products_take_and_give_bf16_elsewhere():
    workload = decoder(TINY, Plan(seq=4, dtype="fp8"))
    assert {n.op.dtype for n in workload.nodes} == {"fp8", "bf16"}
    assert {n.op.out_dtype for n in _nodes(workload, MatMul) if n.op.dtype == "fp8"} == {"bf16"}


def test_a_classifier_sits_on_what_the_body_hands_on():
    # OPT-350M projects its 1024 wide stream to 512 before any head (transformers, OPTForSequenceClassification).
    workload = model("opt-350m").build(Plan(seq=4, head="classifier", classes=3))
    by_name = {node.name: node.op for node in workload.nodes}
    assert by_name["classifier"].k == by_name["project_out"].n == 512


def test_learned_positions_end_and_rotary_ones_are_only_noted():
    with pytest.raises(BadInput, match="seq: 33 tokens are more than the 32 positions of tiny"):
        decoder(LEARNED, Plan(seq=33))
    workload = decoder(TINY, Plan(seq=33))
    assert workload.outside == ("33 tokens are more than the 32 positions that tiny was made for",)


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (Plan(head="mlm"), r"head: tiny has no head 'mlm' \(it has: lm, classifier, none\)"),
        (Plan(mode="decode", seq=5), "seq: a decode step handles one token; give the tokens already there as context"),
        (Plan(mode="prefill", context=5), "context: only a decode step has one; mode 'prefill' takes seq"),
    ],
)
def test_a_plan_that_no_decoder_can_follow_is_refused(plan, message):
    with pytest.raises(BadInput, match=message):
        decoder(TINY, plan)


def test_no_length_given_means_the_usual_one_or_the_longest():
    assert decoder(TINY, Plan()).seq == 32
    assert model("llama-2-7b").build(Plan()).seq == 1024
