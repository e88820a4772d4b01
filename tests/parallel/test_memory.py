from __future__ import annotations

from dataclasses import replace

import pytest

from gnomon.core.footprint import Footprint
from gnomon.core.plan import Plan
from gnomon.core.training_plan import TrainingPlan
from gnomon.parallel.memory import for_weights_bytes, stage_memory
from gnomon.parallel.model_share import ModelShare, model_share
from gnomon.parallel.program import programs
from gnomon.zoo.decoder import decoder
from gnomon.zoo.decoder_shape import Decoder


def gpt(layers: int, hidden: int, heads: int, vocab: int = 51200) -> Decoder:
    return Decoder(
        name="gpt",
        layers=layers,
        hidden=hidden,
        heads=heads,
        kv_heads=heads,
        head_dim=hidden // heads,
        intermediate=4 * hidden,
        vocab=vocab,
        positions=2048,
        position="learned",
        position_rows=2048,
        norm="layer",
        activation="gelu",
        qkv_bias=True,
        out_bias=True,
        mlp_bias=True,
        is_tied=True,
    )


def share(config: Decoder, devices: int, training: TrainingPlan, batch: int = 1) -> ModelShare:
    plan = Plan(
        mode="forward+backward+optimizer", batch=batch, seq=2048, dtype="fp16", attention="eager", training=training
    )
    return model_share(decoder(config, plan), plan, devices)


def memory(config: Decoder, devices: int, training: TrainingPlan, batch: int = 1) -> Footprint:
    found = share(config, devices, training, batch)
    return stage_memory(found, found.stages[0], "fp16")


# Rajbhandari et al. 2020, ZeRO, SC20, table 1 (page 7): gigabytes of model states of a device, by replicas, for stages 1, 2, 3.
ZERO_TABLE_1 = {
    "7.5B": {1: (120, 120, 120), 4: (52.5, 41.3, 30), 16: (35.6, 21.6, 7.5), 64: (31.4, 16.6, 1.88)},
    "128B": {1: (2048, 2048, 2048), 4: (896, 704, 512), 16: (608, 368, 128), 64: (536, 284, 32)},
    "1T": {1: (16000, 16000, 16000), 4: (7000, 5500, 4000), 16: (4750, 2875, 1000), 64: (4187, 2218, 250)},
}
# Shapes with so many parameters: 12 l h^2 + V h.
SHAPES = {"7.5B": gpt(36, 4096, 32), "128B": gpt(115, 9600, 96, 50304), "1T": gpt(127, 25600, 160)}


@pytest.mark.parametrize("size", ZERO_TABLE_1)
@pytest.mark.parametrize("stage", [1, 2, 3])
def test_model_states_are_those_of_the_zero_paper_s_table(size: str, stage: int) -> None:
    for replicas, figures in ZERO_TABLE_1[size].items():
        found = memory(SHAPES[size], replicas, TrainingPlan(zero=stage))
        states = found.weights_bytes + found.gradients_bytes + found.optimizer_bytes
        assert states / 1e9 == pytest.approx(figures[stage - 1], rel=0.1), (size, stage, replicas)


# Korthikanti et al. 2022, table 2 (page 6): activation bytes of a layer over sbh, with t devices and a s / h of the model.
TABLE_2 = {
    ("none", False): lambda t, scores: 10 + 24 / t + 5 * scores / t,
    ("none", True): lambda t, scores: 34 / t + 5 * scores / t,
    ("selective", False): lambda t, scores: 10 + 24 / t,
    ("selective", True): lambda t, scores: 34 / t,
    ("full", False): lambda t, scores: 2.0,
}


@pytest.mark.parametrize(("recompute", "sp"), TABLE_2)
@pytest.mark.parametrize(("hidden", "heads"), [(6144, 64), (12288, 96), (20480, 128), (25600, 160)])
def test_activations_are_those_of_the_sequence_parallel_paper_s_table(
    recompute: str, sp: bool, hidden: int, heads: int
) -> None:
    plan = TrainingPlan(tp=8, pp=2, sp=sp, recompute=recompute, dropout=True, global_batch=1)  # type: ignore[arg-type]
    few, many = (memory(gpt(layers, hidden, heads), 16, plan).activations_bytes for layers in (8, 16))
    of_a_layer = (many - few) / 4  # the first of two stages has half of the layers
    expected = TABLE_2[recompute, sp](8, heads * 2048 / hidden)
    assert of_a_layer / (2048 * hidden) == pytest.approx(expected, rel=0.01)


def test_gradients_of_weights_that_wait_keep_what_the_zero_bubble_paper_says() -> None:
    # Qi et al. 2023, section 2.2: 32 s b h bytes of a layer in 16 bits.
    (layer,) = (
        one.block for one in share(gpt(4, 1024, 16), 1, TrainingPlan()).stages[0].chunks[0].blocks if one.copies > 1
    )
    assert for_weights_bytes(layer) == 32 * 2048 * 1024


def test_the_first_stage_keeps_as_many_micro_batches_as_there_are_stages() -> None:
    # Korthikanti et al. 2022, section 4.2.3: activations of the first stage are those of all L layers, whatever p.
    config = gpt(16, 2048, 16)
    alone = memory(config, 8, TrainingPlan(tp=8, global_batch=1)).activations_bytes
    piped = memory(config, 64, TrainingPlan(tp=8, pp=8, global_batch=8)).activations_bytes
    assert piped == pytest.approx(alone, rel=0.06)


def test_a_table_that_the_head_shares_is_held_by_the_last_stage_too() -> None:
    found = share(gpt(8, 1024, 16), 4, TrainingPlan(pp=4, global_batch=4))
    first, second, *_, last = (stage_memory(found, stage, "fp16").weights_bytes for stage in found.stages)
    table = 51200 * 1024 * 2
    assert last - second == pytest.approx(table, rel=0.001)
    assert first - second == pytest.approx(table + 2048 * 1024 * 2, rel=0.001)


def test_adapters_take_gradients_and_moments_of_their_own_numbers_alone() -> None:
    config = gpt(8, 1024, 16)
    whole = memory(config, 1, TrainingPlan())
    adapted = memory(config, 1, TrainingPlan(lora_rank=8))
    trained = 8 * 8 * ((1024 + 3072) + (1024 + 1024) + (1024 + 4096) * 2)
    assert adapted.optimizer_bytes == 12 * trained
    assert adapted.gradients_bytes == 2 * trained
    assert adapted.weights_bytes == pytest.approx(whole.weights_bytes + 2 * trained)


def test_frozen_weights_in_four_bits_take_a_quarter() -> None:
    config = gpt(8, 2048, 16, vocab=1024)
    plain, short = (
        memory(config, 1, TrainingPlan(lora_rank=8, lora_base=base)).weights_bytes for base in (None, "int4")
    )
    assert short / plain == pytest.approx(4.15625 / 16, rel=0.07)  # norms, biases and adapters are not in four bits


def test_experts_are_shared_out_among_the_replicas_that_hold_the_same_ones() -> None:
    config = replace(gpt(8, 1024, 16), activation="silu_mul", experts=8, experts_chosen=2)
    whole = memory(config, 1, TrainingPlan()).weights_bytes
    experts = sum(
        block.weights.expert_bytes * block.copies
        for block in share(config, 1, TrainingPlan()).stages[0].chunks[0].blocks
    )
    found = memory(config, 8, TrainingPlan(zero=3, ep=4)).weights_bytes
    assert found == pytest.approx((whole - experts) / 8 + experts / 4 / 2)


def test_weights_of_experts_are_gathered_among_those_replicas_too() -> None:
    config = replace(gpt(8, 1024, 16), activation="silu_mul", experts=8, experts_chosen=2)
    plan = TrainingPlan(zero=3, ep=2, pp=2, global_batch=8)
    found = share(config, 8, plan)
    layer = next(one for one in found.stages[1].chunks[0].blocks if one.block.is_layer)
    assert [(talk.exchange.axis, talk.exchange.kind) for talk in layer.gathers] == [
        ("data", "all-gather"),
        ("edp", "all-gather"),
    ]
    assert sum(talk.exchange.size_bytes for talk in layer.gathers) == layer.weights.stored_bytes
    assert all(len(program) for program in programs(found))
