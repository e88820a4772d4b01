import json

import pytest

from gnomon.api.names import model
from gnomon.api.overrides import Overrides
from gnomon.api.questions import build, question, usual_dtype
from gnomon.core.errors import BadInput
from gnomon.core.plan import Plan
from gnomon.formats.device_file import catalogue_device, catalogue_names
from gnomon.zoo.models import models

H100 = catalogue_device("h100-sxm")


def _overridden(**numbers):
    return Overrides(**numbers).apply(H100)


# --- Overrides


def test_no_override_leaves_the_device_as_it_is():
    assert Overrides().apply(H100) == H100


def test_one_peak_replaces_all_formats_and_units():
    device = _overridden(device_peak=("300 TFLOP/s",))
    assert {p.value for p in (*device.matrix_flop_per_s.values(), *device.vector_flop_per_s.values())} == {3e14}
    assert set(device.matrix_flop_per_s) == set(H100.matrix_flop_per_s)


def test_a_peak_for_one_format_replaces_that_one_only():
    device = _overridden(device_peak=("bfloat16=300 TFLOP/s",))
    assert device.peak("bf16", is_matrix=True).value == 3e14
    assert device.peak("fp16", is_matrix=True) == H100.peak("fp16", is_matrix=True)
    assert device.peak("bf16", is_matrix=False) == H100.peak("bf16", is_matrix=False)


def test_several_peaks_are_set_in_turn():
    device = _overridden(device_peak=("300 TFLOP/s", "fp8=600 TFLOP/s"))
    assert device.peak("fp16", is_matrix=True).value == 3e14
    assert device.peak("fp8", is_matrix=True).value == 6e14


def test_a_peak_below_the_vector_unit_is_the_peak_all_the_same():
    assert _overridden(device_peak=("fp16=1 TFLOP/s",)).peak("fp16", is_matrix=True).value == 1e12


def test_a_peak_for_a_format_that_the_device_lacks_gives_it_a_unit():
    p4 = catalogue_device("p4")
    device = Overrides(device_peak=("fp16=10 TFLOP/s",)).apply(p4)
    assert p4.peak("fp16", is_matrix=True) is None
    assert device.peak("fp16", is_matrix=True).value == 1e13


def test_a_peak_of_a_vector_format_stays_on_the_vector_unit():
    device = Overrides(device_peak=("int8=30 TOP/s",)).apply(catalogue_device("p4"))
    assert device.vector_flop_per_s["int8"].value == 3e13
    assert "int8" not in device.matrix_flop_per_s


@pytest.mark.parametrize(
    ("option", "text", "field", "value"),
    [
        ("memory_bandwidth", "2 TB/s", "memory_bytes_per_s", 2e12),
        ("memory_capacity", "40 GB", "memory_bytes", 4e10),
        ("launch_overhead", "5 us", "launch_s", 5e-6),
    ],
)
def test_a_number_is_replaced_and_marked_as_an_override(option, text, field, value):
    number = getattr(_overridden(**{option: text}), field)
    assert (number.value, number.kind, number.source) == (value, "override", f"{text} ({option})")


def test_efficiency_scales_peaks_and_bandwidth_but_not_launches():
    device = _overridden(efficiency="50 %")
    assert device.memory_bytes_per_s.value == H100.memory_bytes_per_s.value / 2
    for dtype, peak in H100.matrix_flop_per_s.items():
        assert device.matrix_flop_per_s[dtype].value == peak.value / 2
    for dtype, peak in H100.vector_flop_per_s.items():
        assert device.vector_flop_per_s[dtype].value == peak.value / 2
    assert device.launch_s == H100.launch_s
    assert device.memory_bytes_per_s.source == "3.35 TB/s x 0.5 (efficiency)"


def test_efficiency_is_taken_of_an_overridden_number_and_both_are_told():
    number = _overridden(memory_bandwidth="2 TB/s", efficiency="0.5").memory_bytes_per_s
    assert number.value == 1e12
    assert "2 TB/s (memory_bandwidth)" in number.source
    assert "(efficiency)" in number.source


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        (
            {"device_peak": ("300",)},
            "overrides.device_peak: '300' has no unit; 300 looks like TFLOP/s: write '300 TFLOP/s'",
        ),
        ({"device_peak": ("fp17=300 TFLOP/s",)}, "overrides.device_peak: unknown dtype 'fp17'; did you mean"),
        ({"device_peak": ("bf16=300 GB/s",)}, "overrides.device_peak: '300 GB/s': 'GB/s' is a unit of bandwidth"),
        ({"memory_bandwidth": "3350"}, "overrides.memory_bandwidth: '3350' has no unit; 3350 looks like GB/s"),
        (
            {"memory_capacity": "80 GB/s"},
            "overrides.memory_capacity: '80 GB/s': 'GB/s' is a unit of bandwidth, expected size",
        ),
        ({"launch_overhead": "-1 us"}, "overrides.launch_overhead: '-1 us' is outside what a latency can be"),
        ({"efficiency": "1.5"}, "overrides.efficiency: '1.5' is outside what a ratio can be"),
        ({"efficiency": "0"}, "overrides.efficiency: '0' is outside what a ratio can be"),
    ],
)
def test_a_faulty_override_is_refused_under_the_name_of_its_field(numbers, message):
    with pytest.raises(BadInput) as fault:
        _overridden(**numbers)
    assert str(fault.value).startswith(message)


# --- Formats and passes


@pytest.mark.parametrize(
    ("name", "device", "dtype"),
    [
        ("llama-3-8b", "h100-sxm", "bf16"),
        ("llama-3-8b", "v100-sxm2-16gb", "fp16"),  # Volta has no bf16
        ("llama-3-8b", "p4", "fp32"),  # nor fp16 on this Pascal
        ("resnet-50", "p4", "fp32"),
        ("resnet-50", "t4", "fp16"),
        ("deepseek-v3", "h100-sxm", "fp8"),
        ("deepseek-v3", "a100-sxm-80gb", "bf16"),  # Ampere has no fp8
    ],
)
def test_the_usual_format_falls_back_to_what_the_device_has(name, device, dtype):
    assert usual_dtype(models()[name], catalogue_device(device)) == dtype


@pytest.mark.parametrize("device", catalogue_names())
def test_every_device_can_run_every_model_in_its_usual_format(device):
    for chosen in models().values():
        assert usual_dtype(chosen, catalogue_device(device)) in catalogue_device(device).product_dtypes


def test_a_decoder_is_asked_for_prefill_and_decode():
    passes = question("llama-2-7b", "h100-sxm", batch=2, seq=128).passes
    assert passes["ttft"] == Plan(mode="prefill", batch=2, seq=128)
    assert passes["tpot"] == Plan(mode="decode", batch=2, context=128)


@pytest.mark.parametrize(
    ("name", "mode", "quantity"),
    [
        ("llama-2-7b", "prefill", "ttft"),
        ("llama-2-7b", "forward", "time"),
        ("resnet-50", None, "time"),
        ("bert-base", None, "time"),
    ],
)
def test_a_mode_is_one_pass(name, mode, quantity):
    assert list(question(name, "h100-sxm", mode=mode).passes) == [quantity]


def test_a_decode_takes_its_length_as_context():
    assert question("llama-2-7b", "h100-sxm", mode="decode", seq=64).passes["tpot"].context == 64


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch": 0}, "batch: 0 is not a positive whole number"),
        ({"batch": -1}, "batch: -1 is not a positive whole number"),
        ({"bacth": 1}, "unknown option 'bacth'; did you mean 'batch'?"),
        ({"mode": "decoding"}, "mode: unknown 'decoding'; did you mean 'decode'?"),
        ({"dtype": "fp17"}, "dtype: unknown dtype 'fp17'; did you mean"),
    ],
)
def test_a_faulty_question_is_refused(options, message):
    with pytest.raises(BadInput) as fault:
        question("llama-2-7b", "h100-sxm", **options)
    assert str(fault.value).startswith(message)


def test_equal_plans_share_one_graph():
    chosen = models()["resnet-18"]
    assert build(chosen, Plan(batch=3)) is build(chosen, Plan(batch=3))


def test_a_model_is_found_by_name_spelling_or_file(tmp_path):
    assert model("resnet-50") is model("ResNet50")
    file = tmp_path / "mine.json"
    file.write_text(json.dumps({"model_type": "gpt2", "n_embd": 8, "n_layer": 1, "n_head": 2}))
    assert model(str(file)).name == "mine"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("resnt-50", "unknown model 'resnt-50'; did you mean 'resnet-50'"),
        ("./none.json", r"none\.json: no such file"),
    ],
)
def test_a_model_that_is_not_there_is_refused(name, message):
    with pytest.raises(BadInput, match=message):
        model(name)


def test_a_file_that_no_format_reads_is_refused(tmp_path):
    (tmp_path / "model.yaml").write_text("a: 1")
    with pytest.raises(BadInput, match=r"no installed format reads this file as a model \(formats: hf-config"):
        model(str(tmp_path / "model.yaml"))
