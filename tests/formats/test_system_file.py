import math

import pytest

from gnomon.core.errors import BadInput
from gnomon.formats.device_file import catalogue_names
from gnomon.formats.system_file import catalogue_systems, parse_system

NODE = """schema: gnomon/system/1
name: node
device: h100-sxm
sources: {sheet: {title: A data sheet, kind: datasheet}}
source: sheet
dimensions:
  - {name: inner, kind: switch, size: 4, bandwidth: 450 GB/s, latency: 2 us}
  - {name: outer, kind: ring, size: 3, bandwidth: 50 GB/s, latency: 5 us}
"""


def test_a_system_has_as_many_devices_as_its_levels_join():
    found = parse_system(NODE, "node.yaml")
    assert found.count == 12
    assert [d.bandwidth_bytes_per_s.value for d in found.dimensions] == [4.5e11, 5e10]
    assert [d.latency_s.value for d in found.dimensions] == [2e-6, 5e-6]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("size: 4", "size: 1", "node.yaml:7: dimensions.0.size: Input should be greater than or equal to 2, not 1"),
        ("kind: ring", "kind: torus", "node.yaml:8: dimensions.1.kind: Input should be 'switch', 'ring' or 'fully-con"),
        ("450 GB/s", "450", "node.yaml: dimensions.inner.bandwidth: 450 has no unit; 450 looks like GB/s"),
        ("source: sheet", "source: shet", "node.yaml: dimensions.inner.bandwidth: source 'shet' is not among"),
        ("device: h100-sxm", "device: h100-sxx", "node.yaml:3: device: 'h100-sxx' is not in the catalogue"),
        ("latency: 2 us", "latncy: 2 us", "node.yaml:7: dimensions.0.latncy: unknown key"),
    ],
)
def test_a_faulty_system_is_refused(old, new, message):
    with pytest.raises(BadInput) as fault:
        parse_system(NODE.replace(old, new), "node.yaml")
    assert any(line.startswith(message) for line in str(fault.value).splitlines()), str(fault.value)


SCALE_OUT = "scale_out: {name: fabric, kind: switch, bandwidth: 25 GB/s, latency: 4 us}\n"


def test_what_joins_several_systems_is_a_level_of_open_size():
    assert parse_system(NODE, "node.yaml").scale_out is None
    found = parse_system(NODE + SCALE_OUT, "node.yaml").scale_out
    assert (found.name, found.size, found.bandwidth_bytes_per_s.value, found.latency_s.value) == (
        "fabric",
        1,
        25e9,
        4e-6,
    )


def test_formats_that_a_switch_adds_up_are_of_its_level_with_their_source():
    text = NODE.replace("latency: 2 us", "latency: 2 us, reduces: {dtypes: [half, fp32], source: sheet}")
    inner, outer = parse_system(text, "node.yaml").dimensions
    assert (inner.reduces, inner.reduces_source) == (("fp16", "fp32"), "A data sheet")
    assert outer.reduces == ()
    assert parse_system(text, "node.yaml").digest != parse_system(NODE, "node.yaml").digest


@pytest.mark.parametrize(
    ("reduces", "message"),
    [
        ("{dtypes: [fp15], source: sheet}", "node.yaml: dimensions.inner.reduces: unknown dtype 'fp15'"),
        ("{dtypes: [fp32], source: shet}", "node.yaml: dimensions.inner.reduces: source 'shet' is not among"),
        ("[fp32]", "node.yaml:7: dimensions.0.reduces: "),
    ],
)
def test_faulty_formats_of_a_switch_are_refused(reduces, message):
    with pytest.raises(BadInput) as fault:
        parse_system(NODE.replace("latency: 2 us", f"latency: 2 us, reduces: {reduces}"), "node.yaml")
    assert str(fault.value).startswith(message), str(fault.value)


def test_every_system_of_the_catalogue_has_sourced_numbers():
    assert catalogue_systems()
    for name, found in catalogue_systems().items():
        assert found.name == name
        assert found.device.name in catalogue_names()
        assert found.count == math.prod(d.size for d in found.dimensions)
        assert found.scale_out is not None
        for dimension in (*found.dimensions, found.scale_out):
            assert dimension.bandwidth_bytes_per_s.source
            assert dimension.latency_s.source
            assert bool(dimension.reduces) == bool(dimension.reduces_source)
