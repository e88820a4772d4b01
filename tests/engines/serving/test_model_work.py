"""The model's own work for requests, by hand."""

import numpy as np
import pytest

from gnomon.api.names import model
from gnomon.core.plan import Plan
from gnomon.core.serving_plan import ServingPlan
from gnomon.engines.serving.model_work import model_flop
from gnomon.zoo.decoder import decoder
from gnomon.zoo.decoder_shape import Decoder

TINY = Decoder(
    name="tiny", layers=2, hidden=64, heads=4, kv_heads=2, head_dim=16, intermediate=128, vocab=100, positions=64
)


def work(workload, *requests):
    prompts, answers = np.array(requests, np.int64).T
    return model_flop(workload, prompts, answers)


def llama():
    return model("llama-2-7b").build(Plan(mode="serve", dtype="fp16", serving=ServingPlan()))


# Of a layer: four products of 4096 x 4096, three of 4096 x 11008; 32 layers. The head: 4096 x 32000.
LAYERS = 32 * 2 * (4 * 4096**2 + 3 * 4096 * 11008)
HEAD = 2 * 4096 * 32000
PER_KEY = 32 * 4 * 4096  # scores and values, a multiply and an add each, of all layers


def test_a_prompt_with_one_token_of_answer_by_hand():
    pairs = 512 * 513 / 2  # the n-th token meets n keys
    assert work(llama(), (512, 1)) == pytest.approx(512 * LAYERS + HEAD + PER_KEY * pairs, rel=1e-3)


def test_all_tokens_but_the_last_go_through_the_layers_and_every_token_of_an_answer_takes_the_head():
    through = 512 + 100 - 1
    by_hand = through * LAYERS + 100 * HEAD + PER_KEY * through * (through + 1) / 2
    assert work(llama(), (512, 100)) == pytest.approx(by_hand, rel=1e-3)


def test_a_token_of_a_large_model_takes_twice_its_parameters():
    assert work(llama(), (1, 1)) == pytest.approx(2 * (6.738e9 - 32000 * 4096), rel=0.001)


def test_requests_add_up():
    assert work(llama(), (512, 100), (7, 3)) == pytest.approx(work(llama(), (512, 100)) + work(llama(), (7, 3)))


def test_a_window_bounds_the_keys_that_a_token_meets():
    full = decoder(TINY, Plan(mode="serve", dtype="fp16", serving=ServingPlan()))
    windowed = decoder(
        Decoder(**{**_fields(TINY), "window": 8}), Plan(mode="serve", dtype="fp16", serving=ServingPlan())
    )
    assert work(windowed, (8, 1)) == work(full, (8, 1))
    pairs = {"full": 20 * 21 / 2, "windowed": 8 * 9 / 2 + 12 * 8}
    per_key = 2 * 4 * 4 * 16  # layers, multiply-adds of scores and values, heads, their width
    assert work(full, (20, 1)) - work(windowed, (20, 1)) == pytest.approx(per_key * (pairs["full"] - pairs["windowed"]))


def _fields(shape):
    return {name: getattr(shape, name) for name in shape.__dataclass_fields__}
