"""What users write, and what it names."""

from pathlib import Path

import pytest

from gnomon.api.names import accelerator, kind_of, system
from gnomon.core.errors import BadInput


@pytest.mark.parametrize(
    ("text", "name", "device", "count"),
    [
        ("h100-sxm", "h100-sxm", "h100-sxm", 1),
        ("H100:8", "h100-sxm:8", "h100-sxm", 8),
        ("dgx-h100", "dgx-h100", "h100-sxm", 8),
        ("a100:1", "a100-sxm-80gb", "a100-sxm-80gb", 1),
    ],
)
def test_the_short_form_names_device_and_count_and_is_shown_under_the_device_s_own_name(text, name, device, count):
    found = system(text)
    assert (found.name, found.device.name, found.count) == (name, device, count)


def test_equal_systems_have_equal_digests_however_they_are_spelled():
    assert len({system(text).digest for text in ("a100", "a100-sxm-80gb", "A100-SXM-80GB:1")}) == 1


@pytest.mark.parametrize(
    ("text", "kind"),
    [("t4", "device"), ("dgx-h100", "system"), ("gpt2", "model"), ("llama-2-7b-chat-h100", "scenario")],
)
def test_a_name_says_what_it_is(text, kind):
    assert kind_of(text) == kind


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("h100-sxn", "unknown device 'h100-sxn'; did you mean 'h100-sxm'?"),
        ("h100-sxm:0", "'h100-sxm:0': a system has one device or more, not 0"),
        ("h100-sxm:-2", "'h100-sxm:-2': a system has one device or more, not -2"),
        ("h100-sxm:--5", "'h100-sxm:--5': '--5' is not a number of devices"),
        ("h100-sxm:²", "'h100-sxm:²': '²' is not a number of devices"),
        ("h100-sxm:two", "'h100-sxm:two': 'two' is not a number of devices"),
        ("h100-sxm:", "'h100-sxm:': '' is not a number of devices"),
        (":2", "unknown device ''"),
        ("./none.yaml", "none.yaml: no such file"),
        ("./none.yaml:2", "none.yaml: no such file"),
    ],
)
def test_a_short_form_that_names_nothing_is_refused(text, message):
    with pytest.raises(BadInput) as fault:
        system(text)
    assert str(fault.value).startswith(message)


def test_an_accelerator_is_named_by_the_catalogue_or_by_a_file():
    assert accelerator("tpu-v1-like").accelerator.units.instances == 65_536
    assert kind_of("tpu-v1-like") == "accelerator"
    assert accelerator(Path(__file__).parents[2] / "docs/how-to/my-accelerator.yaml").name == "my-accelerator"


def test_a_misspelt_accelerator_names_the_near_one():
    with pytest.raises(
        BadInput, match=r"unknown accelerator 'tpu-v1'; did you mean 'tpu-v1-like'\? \(see `gnomon list"
    ):
        accelerator("tpu-v1")


@pytest.mark.parametrize("text", ["eyeriss-like", "eyeriss-like:1"])
def test_a_system_may_be_an_accelerator(text):
    found = system(text)
    assert (found.name, found.count, found.device.kind) == ("eyeriss-like", 1, "accelerator")
    assert found.device.design is accelerator("eyeriss-like")


def test_a_system_may_be_a_file_of_an_accelerator():
    found = system(Path(__file__).parents[2] / "docs/how-to/my-accelerator.yaml")
    assert found.name == "my-accelerator"
    assert found.device.design is not None


def test_a_misspelt_accelerator_in_place_of_a_system_names_the_near_one():
    with pytest.raises(BadInput, match="unknown device 'eyeris-like'; did you mean 'eyeriss-like'"):
        system("eyeris-like")
