"""The timer: laws, choices and refusals."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.api.names import system
from gnomon.core.errors import BadInput, Unsupported
from gnomon.core.exchange import EXCHANGE_KINDS, Exchange, ExchangeTimer
from gnomon.core.system import System
from gnomon.engines.nccl.link_fit import kind_of_link, parse, shipped, text_of
from gnomon.engines.nccl.timer import ALGORITHMS, NcclTimer

TIMER = NcclTimer()
ON = [
    "hgx-a100",
    "hgx-h100",
    "gb200-nvl72:8",
    "l40s-8",
    "mi300x-8",
    "hgx-h100:8x4",
    "hgx-h100-roce:4x16",
    "hgx-h200:1x4",
]
KINDS = [kind for kind in EXCHANGE_KINDS if kind != "send"]


def _seconds(name, kind="all-reduce", size=2.0**26, dtype="fp16", spread=None, timer=TIMER):
    on = system(name) if isinstance(name, str) else name
    spread = spread or tuple(d.size for d in on.dimensions)
    return timer.exchange_times_s([Exchange(kind=kind, size_bytes=size, spread=spread, dtype=dtype)], on)[0]


def _twice_as_fast(on: System) -> System:
    levels = (
        replace(d, bandwidth_bytes_per_s=replace(d.bandwidth_bytes_per_s, value=2 * d.bandwidth_bytes_per_s.value))
        for d in on.dimensions
    )
    return replace(on, dimensions=tuple(levels))


def test_it_is_a_source_of_times_of_exchanges():
    assert isinstance(TIMER, ExchangeTimer)


@pytest.mark.parametrize("kind", EXCHANGE_KINDS)
def test_a_group_of_one_takes_no_time(kind):
    assert _seconds("hgx-h100", kind, spread=(1,)) == 0.0


@given(on=st.sampled_from(ON), kind=st.sampled_from(KINDS), sizes=st.tuples(st.floats(0, 1e10), st.floats(0, 1e10)))
def test_more_bytes_never_take_less_time(on, kind, sizes):
    assert _seconds(on, kind, min(sizes)) <= _seconds(on, kind, max(sizes))


@given(
    on=st.sampled_from(ON),
    kind=st.sampled_from(KINDS),
    size=st.floats(0, 1e10),
    dtype=st.sampled_from(["fp16", "int8"]),
)
def test_more_bandwidth_never_takes_more_time(on, kind, size, dtype):
    own = system(on)
    assert _seconds(_twice_as_fast(own), kind, size, dtype) <= _seconds(own, kind, size, dtype)


@given(on=st.sampled_from(ON), size=st.floats(1, 1e10))
def test_the_library_is_as_fast_as_its_fastest_algorithm(on, size):
    found = []
    for algorithm in ("ring", "tree", "in-switch"):
        try:
            found.append(_seconds(on, size=size, timer=NcclTimer(algorithm=algorithm)))
        except Unsupported:
            assert algorithm == "in-switch"
    assert _seconds(on, size=size) == min(found)


def test_exchanges_are_answered_in_order_whatever_stands_beside_them():
    on = system("hgx-h100")
    asked = [
        Exchange(kind=kind, size_bytes=size, spread=(members,), dtype=dtype)
        for kind in KINDS
        for size in (1e3, 1e8)
        for members in (1, 2, 8)
        for dtype in ("fp16", "int8")
    ]
    alone = [TIMER.exchange_times_s([one], on)[0] for one in asked]
    assert TIMER.exchange_times_s(asked, on).tolist() == alone


def test_a_switch_adds_up_halves_and_floats_and_not_bytes():
    assert _seconds("hgx-h100", size=2.0**29, dtype="fp16") < 0.9 * _seconds("hgx-h100", size=2.0**29, dtype="int8")
    assert _seconds("hgx-h100", size=2.0**29, dtype="fp32") == _seconds("hgx-h100", size=2.0**29, dtype="fp16")
    assert _seconds("hgx-a100", size=2.0**29, dtype="fp16") == _seconds("hgx-a100", size=2.0**29, dtype="int8")


def test_between_nodes_the_adapters_of_a_node_send_together():
    eight, one = _seconds("hgx-h100:8x4", size=2.0**30), _seconds("hgx-h100:1x4", size=2.0**30)
    assert 4 < one / eight < 10


def test_trees_serve_small_arrays_on_many_nodes():
    ring, tree = (_seconds("hgx-h100:8x64", size=2.0**16, timer=NcclTimer(algorithm=name)) for name in ("ring", "tree"))
    assert tree < ring / 5


def test_a_group_across_nodes_of_a_cluster_crosses_its_network_alone():
    assert _seconds("hgx-h100:8x4", spread=(1, 4)) == _seconds("hgx-h100:1x4")


def test_intervals_hold_the_prediction_and_are_wider_where_no_row_knows_the_links():
    for on in (system("hgx-h100"), system("mi300x-8")):
        asked = [Exchange(kind="all-reduce", size_bytes=size, spread=(8,)) for size in (1e3, 1e6, 1e9)]
        times = TIMER.exchange_times_s(asked, on)
        low, high = TIMER.exchange_intervals_s(asked, on, times)
        assert np.all(low <= times) and np.all(times <= high)
        width = np.max((high - low) / times)
        assert width < 1 if on.name == "hgx-h100" else width > 1
    assert TIMER.outside(asked, system("hgx-h100")) == ()
    assert TIMER.outside(asked, system("mi300x-8"))[0].startswith("never measured on Infinity Fabric 4")
    assert NcclTimer(algorithm="ring").exchange_intervals_s(asked, on, times) is None


@pytest.mark.parametrize(
    ("on", "asked", "message"),
    [
        ("hgx-h100", {"kind": "broadcats"}, "unknown collective 'broadcats' (known: all-reduce"),
        ("hgx-h100", {"size_bytes": -1.0}, "all-reduce of -1 bytes: a size is 0 or more"),
        ("hgx-h100", {"size_bytes": float("nan")}, "all-reduce of nan bytes: a size is 0 or more"),
        ("hgx-h100", {"spread": (16,)}, "all-reduce of 16 devices: hgx-h100 has 8"),
        ("hgx-h100:4x8", {"spread": (8, 2)}, "all-reduce of 8 along NVLink 4 through NVSwitch, which joins 4"),
        ("hgx-h100:4x8", {"spread": (4,)}, "all-reduce spread over 1 levels: hgx-h100:4x8 has 2"),
        ("hgx-h100", {"kind": "send", "spread": (3,)}, "send of 3 devices: a message is between two"),
    ],
)
def test_what_no_system_can_exchange_is_refused_in_one_line(on, asked, message):
    exchange = Exchange(**{"kind": "all-reduce", "size_bytes": 1e6, "spread": (8,), **asked})
    with pytest.raises(BadInput) as fault:
        TIMER.exchange_times_s([exchange], system(on))
    assert str(fault.value).startswith(message)
    assert "\n" not in str(fault.value)


def test_a_bandwidth_below_zero_is_refused():
    on = system("hgx-h100")
    level = on.dimensions[0]
    broken = replace(level, bandwidth_bytes_per_s=replace(level.bandwidth_bytes_per_s, value=-1.0))
    with pytest.raises(BadInput, match="a bandwidth is above 0"):
        _seconds(replace(on, dimensions=(broken,)))


def test_devices_without_a_network_are_refused():
    with pytest.raises(Unsupported, match="the network of h100-sxm:8 is not described"):
        _seconds("h100-sxm:8", spread=(8,))


def test_a_switch_that_does_not_add_up_a_format_says_so():
    with pytest.raises(Unsupported, match="in-switch: NVLink 4 through NVSwitch of hgx-h100 does not add up int8"):
        _seconds("hgx-h100", dtype="int8", timer=NcclTimer(algorithm="in-switch"))


def test_an_unknown_algorithm_is_refused():
    with pytest.raises(BadInput, match="unknown algorithm 'butterfly'") as fault:
        NcclTimer(algorithm="butterfly")
    assert all(name in str(fault.value) for name in ALGORITHMS)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("NVLink 4 through NVSwitch", "NVLink 4"),
        ("PCIe 5.0 x16", "PCIe 5"),
        ("pcie3", "PCIe 3"),
        ("InfiniBand NDR", "network"),
        ("RoCE v2 on 400 Gb/s Ethernet", "network"),
        ("torus", "torus"),
    ],
)
def test_a_level_s_name_tells_the_kind_of_its_links(name, kind):
    assert kind_of_link(name) == kind


def test_links_that_no_row_knows_are_the_mean_of_their_family_or_of_all():
    links = shipped()
    rates = [links.named(f"NVLink {n}").rate for n in (3, 4, 5)]
    assert links.named("NVLink 6").rate == pytest.approx(np.prod(rates) ** (1 / 3))
    assert min(rates) > links.named("torus").rate > links.named("PCIe 4").rate


def test_a_calibration_is_written_as_it_is_read():
    assert parse(text_of(shipped())) == shipped()
