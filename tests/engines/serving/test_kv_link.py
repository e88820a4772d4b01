"""What KV caches take between two pools, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from gnomon.api.names import system
from gnomon.core.errors import Unsupported
from gnomon.engines.serving.kv_link import at_rate_s, kv_transfer, link_bytes, network_s, shares
from gnomon.engines.serving.step_times.layout import Layout


class Described:
    """Latency and bandwidth of the outermost level that a message crosses, as its system describes them."""

    is_simulated = False

    def exchange_times_s(self, exchanges, system):
        found = []
        for one in exchanges:
            ((_, level),) = one.grid
            across = system.dimensions[level]
            found.append(across.latency_s.value + one.size_bytes / across.bandwidth_bytes_per_s.value)
        return np.array(found)


def test_devices_send_equal_shares_of_every_copy_that_is_read():
    assert link_bytes(1000.0, Layout(), Layout()) == (1000.0, 1000.0)
    assert link_bytes(500.0, Layout(tensor=4), Layout(tensor=2)) == (250.0, 500.0)
    assert link_bytes(500.0, Layout(), Layout(tensor=2)) == (1000.0, 500.0)
    assert link_bytes(500.0, Layout(stages=2), Layout(tensor=2)) == (500.0, 500.0)


def test_of_layers_sent_as_they_are_computed_the_last_is_left():
    assert shares("whole", 32, 2) == (1.0, 0.0)
    assert shares("layerwise", 32, 1) == (1 / 32, 31 / 32)
    assert shares("layerwise", 32, 2) == (1 / 16, 15 / 32)


def test_at_a_rate_the_busier_end_counts():
    assert at_rate_s(np.array([1.0, 10.0]), (1e6, 4e6), 400.0) == pytest.approx([8e-5, 8e-4])


def test_pools_within_a_node_use_its_network_and_others_that_between_nodes():
    blocks, one = np.array([100.0]), (1e6, 1e6)
    two_nodes = system("hgx-h100:8x2")
    inside, outside = (network_s(blocks, one, (two_nodes,), devices, Described()) for devices in (8, 9))
    assert inside == pytest.approx([2e-6 + 1e8 / 450e9])
    assert outside == pytest.approx([4e-6 + 1e8 / 50e9])


def test_between_two_systems_the_slower_end_counts():
    fast, slow = system("hgx-h100"), system("dgx-a100-80gb")
    assert slow.scale_out is not None
    rate = slow.scale_out.bandwidth_bytes_per_s.value
    assert rate < 50e9
    for one, expected_s in (((1e6, 1e6), 1e8 / rate), ((0.1e6, 1e6), max(1e7 / rate, 1e8 / 50e9))):
        found = network_s(np.array([100.0]), one, (slow, fast), 16, Described())
        assert found == pytest.approx([expected_s], rel=0.01)


@pytest.mark.parametrize(("names", "devices"), [(("h100-sxm:2",), 2), (("h100-sxm", "hgx-h100"), 2)])
def test_without_a_network_a_rate_is_asked_for(names, devices):
    with pytest.raises(Unsupported, match=r"no network of h100-sxm\S* is described .* say kv_transfer_gbit_per_s"):
        network_s(np.ones(1), (1.0, 1.0), tuple(map(system, names)), devices, Described())


def test_a_transfer_has_points_up_to_the_longest_prompt():
    found = kv_transfer(256, lambda blocks: blocks * 2.0, "layerwise", 8, 1)
    assert (found.blocks[0], found.blocks[-1]) == (1, 256)
    assert np.array_equal(found.seconds, found.blocks * 2.0)
    assert (found.last_share, found.lead_share) == (1 / 8, 7 / 8)
