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


def test_every_system_of_the_catalogue_has_sourced_numbers():
    assert catalogue_systems()
    for name, found in catalogue_systems().items():
        assert found.name == name
        assert found.device.name in catalogue_names()
        assert found.count == math.prod(d.size for d in found.dimensions)
        for dimension in found.dimensions:
            assert dimension.bandwidth_bytes_per_s.source
            assert dimension.latency_s.source
