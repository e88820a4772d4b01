from __future__ import annotations

from gnomon.api.faster import faster_network
from gnomon.api.names import system


def test_every_level_of_a_network_is_multiplied():
    own = system("dgx-h100")
    twice = faster_network(own, 2)
    assert [d.bandwidth_bytes_per_s.value for d in twice.dimensions] == [
        2 * d.bandwidth_bytes_per_s.value for d in own.dimensions
    ]
    assert twice.digest != own.digest
