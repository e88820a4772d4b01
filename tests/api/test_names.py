"""What users write, and what it names."""

from pathlib import Path

import pytest

from gnomon import catalogue
from gnomon.api.names import accelerator, kind_of, system
from gnomon.core.errors import BadInput


@pytest.mark.parametrize(
    ("text", "name", "device", "count"),
    [
        ("h100-sxm", "h100-sxm", "h100-sxm", 1),
        ("H100:8", "h100-sxm:8", "h100-sxm", 8),
        ("dgx-h100", "dgx-h100", "h100-sxm", 8),
        ("a100:1", "a100-sxm-80gb", "a100-sxm-80gb", 1),
        ("hgx-h100:8", "hgx-h100", "h100-sxm", 8),
        ("hgx-h100:8x1", "hgx-h100", "h100-sxm", 8),
        ("hgx-h100:4x1", "hgx-h100:4", "h100-sxm", 4),
        ("hgx-h100:8x4", "hgx-h100:8x4", "h100-sxm", 32),
    ],
)
def test_the_short_form_names_device_and_count_and_is_shown_under_the_device_s_own_name(text, name, device, count):
    found = system(text)
    assert (found.name, found.device.name, found.count) == (name, device, count)


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("hgx-h100", (8,)),
        ("hgx-h100:4", (4,)),
        ("hgx-h100:4x16", (4, 16)),
        ("hgx-h100:1x4", (1, 4)),
        ("gb200-nvl72:72x8", (72, 8)),
    ],
)
def test_a_system_s_counts_are_those_of_its_nodes_and_of_the_devices_in_each(text, sizes):
    assert tuple(d.size for d in system(text).dimensions) == sizes
    assert kind_of(text) == "system"


def test_a_file_of_a_system_takes_counts_too_where_it_says_what_joins_nodes(tmp_path):
    lone = tmp_path / "node.yaml"
    lone.write_text(catalogue.text("systems", "hgx-h100").split("scale_out:")[0])
    assert system(f"{lone}:4").name == "hgx-h100:4"
    assert kind_of(f"{lone}:4") == "system"
    with pytest.raises(BadInput, match="does not say what joins several nodes"):
        system(f"{lone}:8x4")


def test_equal_systems_have_equal_digests_however_they_are_spelled():
    assert len({system(text).digest for text in ("a100", "a100-sxm-80gb", "A100-SXM-80GB:1")}) == 1


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("t4", "device"),
        ("dgx-h100", "system"),
        ("dgx-h100:8x2", "system"),
        ("gpt2", "model"),
        ("llama-2-7b-chat-h100", "scenario"),
    ],
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
        (
            "h100-sxm:8x4",
            "'h100-sxm:8x4': '8x4' is not a number of devices; h100-sxm is a device, and only systems have",
        ),
        ("hgx-h10:8x4", "unknown device 'hgx-h10'; did you mean 'hgx-h100'?"),
        (
            "hgx-h100:",
            "'hgx-h100:': '' is neither devices of a node, like hgx-h100:8, nor devices of a node x nodes, like",
        ),
        ("hgx-h100:8x", "'hgx-h100:8x': '8x' is neither devices of a node"),
        ("hgx-h100:0", "'hgx-h100:0': a node of hgx-h100 has 8 devices: 1 to 8, not 0"),
        ("hgx-h100:9x2", "'hgx-h100:9x2': a node of hgx-h100 has 8 devices: 1 to 8, not 9"),
        ("hgx-h100:8x0", "'hgx-h100:8x0': a cluster has one node or more, not 0"),
        ("hgx-h100:8x-2", "'hgx-h100:8x-2': a cluster has one node or more, not -2"),
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
