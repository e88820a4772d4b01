from __future__ import annotations

from gnomon.api.faster import faster, faster_network
from gnomon.api.names import system
from gnomon.formats.device_file import catalogue_device


def test_only_what_is_multiplied_changes_and_is_marked():
    own = catalogue_device("h100-sxm")
    twice = faster(own, bandwidth=2)
    assert twice.memory_bytes_per_s.value == 2 * own.memory_bytes_per_s.value
    assert [line.split(" = ")[0] for line in twice.overrides()] == ["memory.bandwidth"]
    assert faster(own).digest == own.digest


def test_every_peak_is_multiplied():
    own = catalogue_device("h100-sxm")
    twice = faster(own, peak=2)
    assert all(twice.matrix_flop_per_s[d].value == 2 * n.value for d, n in own.matrix_flop_per_s.items())
    assert all(twice.vector_flop_per_s[d].value == 2 * n.value for d, n in own.vector_flop_per_s.items())


def test_every_level_of_a_network_is_multiplied():
    own = system("dgx-h100")
    twice = faster_network(own, 2)
    assert [d.bandwidth_bytes_per_s.value for d in twice.dimensions] == [
        2 * d.bandwidth_bytes_per_s.value for d in own.dimensions
    ]
    assert twice.digest != own.digest
