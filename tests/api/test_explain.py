from __future__ import annotations

import pytest

import gnomon
from gnomon import Overrides


def _changes(found, quantity):
    (chosen,) = (one for one in found.parts.explain().passes if one.outcome.quantity == quantity)
    return {change.name: change for change in chosen.changes}


def test_without_launches_a_memory_bound_step_is_twice_as_fast_at_twice_the_bandwidth():
    found = gnomon.predict("llama-2-7b", "h100-sxm", mode="decode", overrides=Overrides(launch_overhead="0 s"))
    changes = _changes(found, "tpot")
    assert changes["twice the memory bandwidth"].times_as_fast == pytest.approx(2, rel=1e-6)
    assert changes["twice the peak"].times_as_fast == pytest.approx(1)
    assert changes["half the launch overhead"].times_as_fast == 1


def test_a_change_is_what_the_engine_answers_to_the_changed_question():
    found = gnomon.predict("llama-2-7b", "h100-sxm")
    changes = _changes(found, "tpot")
    wide = gnomon.predict("llama-2-7b", "h100-sxm", overrides=Overrides(memory_bandwidth="6.7 TB/s"))["tpot"].value
    eight = gnomon.predict("llama-2-7b", "h100-sxm", dtype="fp8")["tpot"].value
    two = gnomon.predict("llama-2-7b", "h100-sxm", batch=2)["tpot"].value
    assert changes["twice the memory bandwidth"].value_s == pytest.approx(wide)
    assert changes["products in fp8"].value_s == pytest.approx(eight)
    assert changes["twice the batch"].value_s == pytest.approx(two)
    assert changes["twice the batch"].times_as_fast == pytest.approx(2 * found["tpot"].value / two)


def test_a_format_that_the_device_lacks_is_not_proposed():
    assert not any("fp8" in name for name in _changes(gnomon.predict("gpt2", "v100-sxm2-16gb"), "ttft"))


def test_training_is_not_told_to_store_its_weights_in_four_bits():
    found = gnomon.predict("bert-large", "v100-pcie-32gb", batch=8, mode="forward+backward")
    assert not any("weights" in name for name in _changes(found, "time"))


def test_the_words_name_the_bound_the_shares_and_the_most_helpful_first():
    text = str(gnomon.predict("llama-2-7b", "h100-sxm", mode="decode").parts.explain())
    assert "the memory's bandwidth binds" in text
    assert "matmul 84 %" in text
    assert text.index("weights stored in int4") < text.index("twice the memory bandwidth")
    assert text.splitlines()[-1] == "  Would not help: twice the peak."


def test_a_question_without_an_answer_is_explained_by_its_reasons():
    text = repr(gnomon.predict("resnet-50", "h100:8").parts.explain())
    assert "not answered: roofline answers for one device" in text


def _step(**options):
    return gnomon.predict("gpt2", "hgx-h100", mode="train", engine="training", seq=64, **options)


def test_a_step_of_as_many_sequences_in_larger_micro_batches_is_as_much_faster_as_it_is_shorter():
    found = _step(global_batch=64)
    changes = _changes(found, "time")
    two = _step(global_batch=64, batch=2)["time"].value
    assert changes["twice the micro-batch"].times_as_fast == pytest.approx(found["time"].value / two)


def test_a_change_that_the_plan_of_a_step_cannot_have_is_not_proposed():
    found = _step(global_batch=8)
    assert "twice the micro-batch" not in _changes(found, "time")
    assert "a step)" in str(found.parts.explain())


@pytest.mark.xdist_group("compiled")
def test_of_a_service_the_time_is_what_a_change_makes_shorter_and_nothing_is_said_to_bind():
    found = gnomon.predict(
        "llama-2-7b",
        "h100-sxm",
        mode="serve",
        engine="serving",
        traffic={"qps": 2, "prompts": 100, "answers": 4, "requests": 5},
    )
    one = next(one for one in found.parts.explain().passes if one.outcome.quantity == "tpot")
    assert one.changes[0].times_as_fast > 1.2
    assert "binds" not in str(one)
