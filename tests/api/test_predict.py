import json
import pickle

import pytest

import gnomon
from gnomon import Overrides
from gnomon.core.units import show


def test_public_names_are_those_listed():
    for name in gnomon.__all__:
        assert getattr(gnomon, name) is not None
    with pytest.raises(AttributeError, match="module 'gnomon' has no attribute 'predcit'"):
        _ = gnomon.predcit


def test_a_decoder_is_answered_by_time_to_first_token_and_time_per_token():
    found = gnomon.predict("llama-2-7b", "h100-sxm", batch=1, seq=512)
    assert [outcome.quantity for outcome in found.outcomes] == ["ttft", "tpot"]
    assert found["ttft"].value > found["tpot"].value > 0
    with pytest.raises(KeyError):
        found["time"]
    with pytest.raises(ValueError, match="ttft"):
        _ = found.value


def test_a_decode_step_of_llama_2_7b_takes_the_reading_of_its_weights():
    # 6.74 G parameters less the embedding table's 131 M, 2 bytes each, at 3.35 TB/s: 3.94 ms. The rest is small.
    no_launch = Overrides(launch_overhead="0 s")
    found = gnomon.predict("llama-2-7b", "h100-sxm", batch=1, mode="decode", context=16, overrides=no_launch)
    assert found.value == pytest.approx(3.94e-3, rel=0.01)
    assert found["tpot"].bound == "memory"


def test_throughput_and_mfu_follow_from_the_time():
    (outcome,) = gnomon.predict("resnet-50", "a100", batch=32, dtype="fp16").outcomes
    found = outcome.prediction
    assert outcome.items_per_s == pytest.approx(32 / found.value)
    assert outcome.mfu == pytest.approx(outcome.scenario.workload.model_flop / found.value / 312e12)
    assert 0 < outcome.mfu < 1


def test_an_engine_that_cannot_answer_gives_reasons():
    found = gnomon.predict("resnet-50", "h100:8")
    assert not found.is_answered
    assert found.reasons == ("roofline answers for one device, not for the 8 of h100-sxm:8",)
    assert "not answered (roofline answers for one device" in repr(found)


def test_one_line_shows_time_and_interval():
    found = gnomon.predict("resnet-50", "a100", batch=8)
    text = repr(found)
    assert text.startswith("resnet-50 on a100-sxm-80gb, batch 8, fp16, roofline: " + show(found.value, "s"))
    assert "90 % interval" in text


def test_overrides_are_in_the_provenance_and_void_the_interval():
    found = gnomon.predict("resnet-50", "a100", overrides=Overrides(device_peak=("fp16=200 TFLOP/s",)))["time"]
    assert found.interval is None
    assert found.provenance.overrides == ("compute.matrix.fp16 = fp16=200 TFLOP/s (device_peak)",)
    assert any("no interval" in reason for reason in found.outside)
    assert gnomon.predict("resnet-50", "a100")["time"].interval is not None


def test_half_the_efficiency_takes_longer():
    slow = gnomon.predict("resnet-50", "a100", batch=64, overrides=Overrides(efficiency="0.5"))
    assert slow.value > 1.5 * gnomon.predict("resnet-50", "a100", batch=64).value


def test_many_answers_come_in_order_and_equal_single_ones():
    found = gnomon.predict_many(
        ["resnet-18", "resnet-50"], ["t4", "a100"], batches=[1, 2], engines=["null", "roofline"]
    )
    asked = [
        (a.question.model.name, a.question.system.name, a.outcomes[0].scenario.plan.batch, a.engine) for a in found
    ]
    assert asked == [
        (m, s, b, e)
        for m in ("resnet-18", "resnet-50")
        for s in ("t4", "a100-sxm-80gb")
        for b in (1, 2)
        for e in ("null", "roofline")
    ]
    assert found[-1].to_dict() == gnomon.predict("resnet-50", "a100", batch=2).to_dict()


def test_json_is_one_object_with_a_schema_and_si_numbers():
    found = json.loads(gnomon.predict("llama-2-7b", "h100-sxm", batch=2, seq=128).to_json())
    assert found["schema"] == "gnomon/predict/1"
    (row,) = found["rows"]
    assert (row["model"], row["device"], row["batch"], row["seq"], row["context"]) == (
        "llama-2-7b",
        "h100-sxm",
        2,
        128,
        128,
    )
    for quantity in row["quantities"]:
        assert quantity["unit"] == "s"
        assert quantity["interval"]["low"] <= quantity["value"] <= quantity["interval"]["high"]
        assert sum(part["value"] for part in quantity["parts"]) == pytest.approx(quantity["value"])
        assert quantity["memory"]["total_bytes"] == sum(
            size for kind, size in quantity["memory"].items() if kind not in ("total_bytes", "capacity_bytes")
        )


def test_a_refused_question_has_reasons_in_its_json():
    (row,) = json.loads(gnomon.predict("resnet-50", "h100:8").to_json())["rows"]
    (quantity,) = row["quantities"]
    assert quantity["value"] is None
    assert quantity["reasons"]


def test_one_name_may_stand_for_a_list_of_one():
    (found,) = gnomon.predict_many("resnet-50", "t4", batches=[2], engines="roofline")
    assert found.to_dict() == gnomon.predict("resnet-50", "t4", batch=2).to_dict()


def test_the_option_of_a_single_prediction_is_not_passed_over_by_many():
    with pytest.raises(gnomon.BadInput, match="takes batches"):
        gnomon.predict_many(["resnet-50"], ["t4"], batch=3)


def test_a_quantity_that_is_not_there_is_named_beside_those_that_are():
    with pytest.raises(KeyError, match="this answer has 'ttft', 'tpot'"):
        gnomon.predict("gpt2", "t4")["time"]


def test_an_outcome_is_shown_in_a_line():
    (outcome,) = gnomon.predict("resnet-50", "t4").outcomes
    assert len(repr(outcome)) < 200


@pytest.mark.parametrize(("model", "quantity"), [("resnet-50", "time"), ("gpt2", "tpot")])
def test_an_answer_without_predictions_gives_the_reasons_wherever_it_is_asked_for_one(model, quantity, tmp_path):
    found = gnomon.predict(model, "t4:2")
    with pytest.raises(gnomon.Unsupported, match=r"roofline did not answer: .* one device, not for the 2"):
        _ = found.value
    with pytest.raises(gnomon.Unsupported, match="one device, not for the 2"):
        found[quantity]
    with pytest.raises(gnomon.Unsupported, match=r"nothing to trace: .* one device, not for the 2"):
        found.parts.trace(tmp_path / "t.json")
    assert not list(tmp_path.iterdir())


def test_equal_questions_have_equal_answers_also_from_another_process():
    found = gnomon.predict("gpt2", "t4")
    sent = pickle.loads(pickle.dumps(found))
    assert found == sent == gnomon.predict("GPT-2", "tesla t4")
    assert len({found, sent}) == 1
    assert found != gnomon.predict("gpt2", "t4", batch=2)
    assert found != "an answer"
