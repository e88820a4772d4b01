"""Parts and clusters of a machine."""

from dataclasses import replace

import pytest

from gnomon.core.device import Sourced
from gnomon.core.errors import BadInput
from gnomon.core.system import Dimension, System, cluster
from gnomon.formats.device_file import catalogue_device


def _level(size, kind="switch", bandwidth=64e9):
    return Dimension(
        name=f"{kind} of {size}",
        kind=kind,
        size=size,
        bandwidth_bytes_per_s=Sourced(value=bandwidth, source="a sheet", kind="datasheet"),
        latency_s=Sourced(value=2e-6, source="a sheet", kind="datasheet"),
    )


def _machine(*levels, count):
    return System(
        name="m", device=catalogue_device("t4"), count=count, dimensions=levels, scale_out=_level(1, bandwidth=1e9)
    )


def test_a_cluster_has_the_network_between_its_nodes_as_its_outermost_level():
    found = cluster(_machine(_level(8), count=8), 4, 16)
    assert (found.name, found.count, [d.size for d in found.dimensions]) == ("m:4x16", 64, [4, 16])
    assert found.dimensions[1].bandwidth_bytes_per_s.value == 1e9
    assert found.scale_out is None


def test_the_whole_of_one_node_is_the_machine():
    machine = _machine(_level(8), count=8)
    assert cluster(machine, 8) is machine


def test_inner_levels_are_filled_before_outer_ones():
    machine = _machine(_level(4), _level(3), count=12)
    assert [d.size for d in cluster(machine, 2).dimensions] == [2, 1]
    assert [d.size for d in cluster(machine, 8).dimensions] == [4, 2]
    with pytest.raises(BadInput, match="6 devices of m leave a switch of 4 of 4 partly filled"):
        cluster(machine, 6)


def test_a_part_of_what_is_wired_in_pairs_keeps_the_links_within_it():
    found = cluster(_machine(_level(8, "fully-connected", 448e9), count=8), 4)
    assert found.dimensions[0].bandwidth_bytes_per_s.value == 192e9  # three of seven links of 64 GB/s
    alone = cluster(_machine(_level(8, "fully-connected", 448e9), count=8), 1)
    assert alone.dimensions[0].bandwidth_bytes_per_s.value == 448e9


def test_a_part_of_a_ring_is_refused():
    with pytest.raises(BadInput, match="2 of the 4 that the ring ring of 4 of m joins are no ring"):
        cluster(_machine(_level(4, "ring"), count=4), 2)


def test_digests_count_what_a_switch_adds_up_and_what_joins_nodes():
    machine = _machine(_level(8), count=8)
    adding = replace(machine, dimensions=(replace(_level(8), reduces=("fp16",)),))
    slower = replace(machine, scale_out=_level(1, bandwidth=5e8))
    assert adding.digest != machine.digest
    assert slower.digest == machine.digest  # of one node: nothing joins it
    assert cluster(slower, 8, 2).digest != cluster(machine, 8, 2).digest
