"""Hyper-parameters found in graphs."""

import pytest

from gnomon.core.errors import Unsupported
from gnomon.tools.serving.shape import shape_of
from tests.adapters.services import scenario


def shape(model):
    return shape_of(scenario(model, "h100-sxm", requests=2).workload)


def test_shape_of_llama_is_its_config():
    found = shape("llama-2-7b")
    assert (found.layers, found.hidden, found.heads, found.kv_heads, found.head_dim) == (32, 4096, 32, 32, 128)
    assert (found.intermediate, found.is_gated, found.vocab, found.positions) == (11008, True, 32000, 4096)
    assert (found.experts, found.has_qkv_bias, found.has_qk_norm, found.is_tied) == (1, False, False, False)


def test_shape_of_a_mixture_has_its_experts():
    found = shape("mixtral-8x7b")
    assert (found.experts, found.experts_chosen, found.intermediate, found.kv_heads, found.is_gated) == (
        8,
        2,
        14336,
        8,
        True,
    )


def test_shape_without_gate_and_with_tied_head():
    found = shape("gpt2")
    assert (found.intermediate, found.is_gated, found.is_tied, found.has_qkv_bias) == (3072, False, True, True)


def test_heads_may_be_wider_than_the_stream():
    found = shape("qwen3-32b")
    assert (found.hidden, found.heads, found.head_dim, found.has_qk_norm) == (5120, 64, 128, True)


@pytest.mark.parametrize(
    ("model", "told"), [("deepseek-v2", "latent attention"), ("opt-350m", "embedding is not as wide")]
)
def test_what_plain_numbers_cannot_say_is_declined_in_words(model, told):
    with pytest.raises(Unsupported, match=told):
        shape(model)
