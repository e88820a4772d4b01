"""What a plan says of slower memories: their sizes and rates by hand, what is refused, and the parts of an answer."""

import math

import pytest

from gnomon.api import plugins
from gnomon.api.questions import question
from gnomon.core.errors import BadInput, Unsupported

TALKS = {
    "qps": 4.0,
    "prompts": 400,
    "answers": 40,
    "conversations": {"turns": 3, "think_s": 2.0},
    "requests": 60,
}
BLOCK = 2 * 2 * 32 * 4096 * 16  # Llama-2-7B: bytes of 16 tokens, keys and values of 32 layers in two bytes


def asked(on="h100-sxm", **others):
    return question("llama-2-7b", on, mode="serve", traffic=TALKS, **others).scenarios()


def engine():
    return plugins.tuned("serving", {"timer": "roofline", "software": "none"})


def tiers_of(**others):
    service, _ = engine().service(asked(**others)["e2e"])
    return service.pools[0].tiers


def test_sizes_are_of_a_replica_and_rates_of_a_device():
    found = tiers_of(
        on="hgx-h100",
        tp=2,
        kv_offloading_size_gib=10,
        kv_offloading_gbit_per_s=80,
        kv_remote_size_gib=100,
        kv_remote_gbit_per_s=40,
    )
    assert (found.cpu.blocks, found.remote.blocks) == (10 * 2**30 // BLOCK, 100 * 2**30 // BLOCK)
    assert found.block_bytes == BLOCK
    assert found.cpu.block_s == pytest.approx(BLOCK / 2 / 10e9)
    assert found.remote.block_s == pytest.approx(BLOCK / 2 / 5e9)


def test_the_link_to_the_host_is_that_of_the_data_sheet():
    assert tiers_of(kv_offloading_size_gib=1).cpu.block_s == pytest.approx(BLOCK / 63e9)


def test_a_device_without_such_a_link_needs_it_said():
    with pytest.raises(BadInput, match="kv_offloading_gbit_per_s: the data sheet of gb200 has no link to its host"):
        tiers_of(on="gb200", kv_offloading_size_gib=1)


@pytest.mark.parametrize(
    ("others", "field", "what"),
    [
        ({"kv_offloading_size_gib": 0}, "kv_offloading_size_gib", "0 is not a size in GiB above 0"),
        ({"kv_offloading_size_gib": math.inf}, "kv_offloading_size_gib", "inf is not a size in GiB above 0"),
        ({"kv_remote_size_gib": True, "kv_remote_gbit_per_s": 1}, "kv_remote_size_gib", "True is not a size"),
        (
            {"kv_offloading_size_gib": 1, "kv_offloading_gbit_per_s": -1},
            "kv_offloading_gbit_per_s",
            "-1 is not a rate above 0",
        ),
        ({"kv_offloading_gbit_per_s": 1.0}, "kv_offloading_gbit_per_s", "a rate is of a memory"),
        ({"kv_remote_size_gib": 1.0}, "kv_remote_gbit_per_s", "how fast a device reaches the remote store is not said"),
        ({"kv_offloading_size_gib": 1, "prefix_caching": False}, "kv_offloading_size_gib", "they need policy vllm-v1"),
        ({"kv_offloading_size_gib": 1, "policy": "sarathi"}, "kv_offloading_size_gib", "they need policy vllm-v1"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(others, field, what):
    with pytest.raises(BadInput, match=what) as fault:
        asked(**others)
    assert fault.value.field == field


def test_a_memory_too_small_for_a_block_is_refused():
    with pytest.raises(BadInput, match=r"0\.001 GiB hold no block: one takes"):
        tiers_of(kv_offloading_size_gib=0.001)


@pytest.mark.parametrize(
    ("others", "what"),
    [
        ({"on": "hgx-h100", "prefill_replicas": 1}, "two pools"),
        (
            {"on": "hgx-h100", "autoscale": {"max": 2, "target_outstanding": 4, "start_s": 1}},
            "replicas that come and go",
        ),
        ({"max_loras": 2}, "LoRA adapters"),
        ({"num_speculative_tokens": 2, "draft_acceptance": 0.5}, "speculative decoding"),
        ({"max_wait_s": 1.0}, "requests that leave their queue"),
    ],
)
def test_what_is_not_simulated_beside_them_is_refused_before_anything_runs(others, what):
    with pytest.raises(Unsupported, match=f"slower memories of the KV cache are not simulated with {what}"):
        engine().service(asked(kv_offloading_size_gib=10, **others)["e2e"])


@pytest.mark.xdist_group("compiled")
def test_parts_add_up_with_the_wait_for_what_is_loaded():
    scenarios = asked(kv_blocks=150, kv_offloading_size_gib=40, kv_offloading_gbit_per_s=40)
    found = {quantity: engine().predict(scenario) for quantity, scenario in scenarios.items()}
    for quantity in ("ttft", "e2e"):
        one = found[quantity]
        assert sum(part.value for part in one.parts) == pytest.approx(one.value, rel=1e-12)
        load = next(part for part in one.parts if part.name == "KV load")
        assert load.value > 0
        assert load.kind == "network"
    facts = found["ttft"].service
    (cpu,) = facts.kv_tiers
    assert cpu.name == "cpu"
    assert cpu.hit_tokens > 0
    assert cpu.loaded_bytes == cpu.hit_tokens / 16 * BLOCK
    assert cpu.stored_bytes % BLOCK == 0
    assert "kv_load" in {spread.quantity for spread in facts.spreads}
    assert any("slower memories" in one for one in found["ttft"].assumptions)
    bare = engine().predict(asked(kv_blocks=150)["ttft"])
    assert bare.service.kv_tiers == ()
    assert facts.spreads[0]["mean"] != bare.service.spreads[0]["mean"]
