import pytest

from gnomon.core.errors import BadInput
from gnomon.core.op import MatMul
from gnomon.core.plan import Plan
from gnomon.zoo.encoder import Encoder, encoder

TINY = Encoder(name="tiny", layers=2, hidden=8, heads=2, intermediate=16, vocab=50, positions=32)
# Embeddings (50 + 32 + 2) x 8 and a norm of 16; a layer: four projections of 8 x 8 + 8, MLP 8 x 16 + 16 and 16 x 8 + 8, two
# norms of 16; pooler 72.
BODY = 84 * 8 + 16 + 2 * (4 * 72 + 144 + 136 + 32)


@pytest.mark.parametrize(
    ("head", "parameters"),
    [
        ("none", BODY + 72),
        ("classifier", BODY + 72 + 3 * 8 + 3),
        ("qa", BODY + 2 * 8 + 2),
        ("mlm", BODY + 72 + 16 + 50),  # transform, norm, bias of the tied decoder
        ("pretraining", BODY + 72 + 72 + 16 + 50 + 2 * 8 + 2),
    ],
)
def test_parameters_under_each_head_by_hand(head, parameters):
    plan = Plan(seq=4, head=head, classes=3 if head == "classifier" else None)
    assert encoder(TINY, plan).parameters == parameters


def test_attention_of_an_encoder_sees_both_sides():
    attention = next(n.op for n in encoder(TINY, Plan(seq=4)).nodes if n.name == "layer.attention")
    assert not attention.is_causal
    assert attention.pairs == 16


def test_the_pooler_reads_one_token_and_the_mlm_head_every_token():
    rows = {
        n.name: n.op.m
        for n in encoder(TINY, Plan(batch=2, seq=4, head="pretraining")).nodes
        if isinstance(n.op, MatMul)
    }
    assert (rows["pooler"], rows["classifier"], rows["mlm_decoder"]) == (2, 2, 8)


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (Plan(seq=33), "seq: 33 tokens are more than the 32 positions of tiny"),
        (Plan(mode="decode"), "mode: tiny is an encoder, it has no decode; use forward"),
        (Plan(mode="prefill"), "mode: tiny is an encoder, it has no prefill; use forward"),
        (Plan(context=4), "context: only a decode step has one; tiny takes seq"),
        (Plan(head="lm"), "head: tiny has no head 'lm'"),
    ],
)
def test_a_plan_that_no_encoder_can_follow_is_refused(plan, message):
    with pytest.raises(BadInput, match=message):
        encoder(TINY, plan)


def test_a_trained_head_has_a_loss():
    names = {n.name for n in encoder(TINY, Plan(mode="forward+backward", seq=4, head="pretraining")).nodes}
    assert {"loss", "mlm_loss"} <= names
