import pytest

from gnomon.core.dtype import DTYPES
from gnomon.core.workload import MODES
from gnomon.formats.aliases import alias_table, canonical_device, canonical_model, squeezed
from gnomon.formats.device_file import catalogue_names
from gnomon.zoo.models import models


@pytest.mark.parametrize(
    ("spelled", "name"),
    [
        ("H100", "h100-sxm"),
        ("h100_sxm", "h100-sxm"),
        ("NVIDIA H100 80GB HBM3", "h100-sxm"),
        ("NVIDIA_H100_80GB_HBM3", "h100-sxm"),
        ("NVIDIA_H100-SXM-80GB", "h100-sxm"),
        ("NVIDIA H100 PCIe", "h100-pcie"),
        ("deepbench_NV_P100", "p100-sxm2-16gb"),
        ("deepbench_NV_V100", "v100-sxm2-16gb"),
        ("deepbench_NV_T4", "t4"),
        ("AMD_Instinct_MI100", "mi100"),
        ("NVIDIA_A100-PCIE-40GB", "a100-pcie-40gb"),
    ],
)
def test_spellings_of_devices_in_sources_are_known(spelled, name):
    assert canonical_device(spelled) == name


@pytest.mark.parametrize(
    ("spelled", "name"),
    [
        ("bert_large", "bert-large"),
        ("gpt2_large", "gpt2-large"),
        ("opt_13", "opt-1.3b"),
        ("OPT-1.3B", "opt-1.3b"),
        ("opt-13b", "opt-13b"),
        ("opt13b", "opt-13b"),
        ("Llama-2-7b-hf", "llama-2-7b"),
        ("ResNet50", "resnet-50"),
        ("DeepSeek-R1", "deepseek-v3"),
        ("qwen3-32B", "qwen3-32b"),
        ("stable-diffusion-xl", "sdxl"),
        ("flux", "flux.1-dev"),
        ("FLUX.1-dev", "flux.1-dev"),
    ],
)
def test_spellings_of_models_in_sources_are_known(spelled, name):
    assert canonical_model(spelled) == name


def test_opt_1_3b_and_opt_13b_stay_apart():
    assert squeezed("opt-1.3b") != squeezed("opt-13b")
    assert canonical_model("opt-1.3b") != canonical_model("opt-13b")


def test_an_unknown_name_has_no_canonical_one():
    assert canonical_device("h1000") is None
    assert canonical_model("") is None


@pytest.mark.parametrize("name", catalogue_names())
def test_every_device_is_known_by_its_own_name(name):
    assert canonical_device(name.upper()) == name


@pytest.mark.parametrize("name", models())
def test_every_model_is_known_by_its_own_name(name):
    assert canonical_model(name.upper().replace("-", "_")) == name


def test_no_spelling_stands_for_two_names():
    table = alias_table()
    for known, others in ((catalogue_names(), table.devices), (tuple(models()), table.models)):
        owner = {squeezed(name): name for name in known}
        for name, spellings in others.items():
            assert name in known
            for spelling in spellings:
                assert owner.setdefault(squeezed(spelling), name) == name, spelling


def test_modes_and_formats_lead_to_ours():
    table = alias_table()
    assert set(table.modes.values()) <= set(MODES)
    for written in table.dtypes.values():
        assert {written.dtype, written.weights or written.dtype} <= set(DTYPES)


def test_readings_of_sources_name_modes_and_models_of_ours():
    for reading in alias_table().sources.values():
        assert reading.why
        assert set(reading.modes.values()) <= set(MODES)
        for what in reading.heads:
            name, mode = what.split()
            assert name in models()
            assert mode in MODES


@pytest.mark.parametrize(
    "spelled", ["gp\nt2", "gpt2\n", "g\tpt2", "gpt\x002", "gpt\u00a02", "gpt2\u00e9", "gpt2\u00b2"]
)
def test_a_name_with_what_no_name_has_is_not_stripped_of_it(spelled):
    assert canonical_model(spelled) is None
    assert canonical_device(spelled.replace("gpt2", "t4")) is None


def test_words_of_a_name_may_stand_apart():
    assert canonical_model("GPT 2") == canonical_model(" gpt2 ") == "gpt2"
    assert canonical_model("Llama 2 7B") == "llama-2-7b"
    assert canonical_device("Tesla T4") == canonical_device("t4")


@pytest.mark.parametrize("spelled", ["gp t2", "g pt2", "llama-2 -7 b x", "re snet-50", "opt-1. 3b", "opt-1 3b"])
def test_a_space_within_a_word_is_not_dropped(spelled):
    assert canonical_model(spelled) is None
