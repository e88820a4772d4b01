from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given

from gnomon.core.engine import OpIntervals, OpTimer, Tunable
from gnomon.core.errors import BadInput
from gnomon.core.op import Attention, GroupedMatMul, MatMul, Norm
from gnomon.core.plan import Plan
from gnomon.core.scenario import Scenario
from gnomon.core.system import System
from gnomon.core.workload import Node, Workload
from gnomon.engines.kernel.calibration import calibration
from gnomon.engines.kernel.engine import KernelEngine
from gnomon.formats.device_file import catalogue_device
from gnomon.stats.intervals import EVERYTHING
from gnomon.testing import EngineContract, scenarios, tiny_scenarios

ENGINE = KernelEngine()
A100 = catalogue_device("a100-sxm-80gb")


class TestContract(EngineContract):
    engine = ENGINE


def _workload(*ops):
    nodes = tuple(Node(name=str(index), op=op) for index, op in enumerate(ops))
    return Workload(name="ops", mode="forward", nodes=nodes, batch=1, dtype="bf16", item="sequence", items=1)


def _time_s(op, device=A100, engine=ENGINE):
    return float(engine.times_s(_workload(op).table, device)[0])


def _scenario(op, device=A100):
    return Scenario(workload=_workload(op), system=System(name=device.name, device=device), plan=Plan(dtype="bf16"))


def test_it_times_operators_gives_their_intervals_and_takes_a_setting():
    assert isinstance(ENGINE, OpTimer)
    assert isinstance(ENGINE, OpIntervals)
    assert isinstance(ENGINE, Tunable)


def test_a_large_product_reaches_most_of_the_peak_and_never_more():
    op = MatMul(m=8192, n=4096, k=4096, dtype="bf16")
    share = op.work()[0] / 312e12 / _time_s(op)
    assert 0.6 < share < 0.95


def test_fp16_and_bf16_are_alike():
    assert _time_s(MatMul(m=4096, n=512, k=512, dtype="fp16")) == _time_s(MatMul(m=4096, n=512, k=512, dtype="bf16"))


def test_a_row_more_than_a_tile_never_costs_less():
    assert _time_s(MatMul(m=4097, n=4096, k=4096, dtype="bf16")) >= _time_s(
        MatMul(m=4096, n=4096, k=4096, dtype="bf16")
    )


def test_eager_attention_is_slower_than_fused_and_backward_slower_than_forward():
    def attention(is_fused, is_backward):
        return Attention(
            batch=8,
            heads=32,
            kv_heads=32,
            head_dim=128,
            q_len=2048,
            kv_len=2048,
            is_causal=True,
            dtype="bf16",
            is_fused=is_fused,
            is_backward=is_backward,
        )

    for is_backward in (False, True):
        assert _time_s(attention(False, is_backward)) > _time_s(attention(True, is_backward))
    for is_fused in (False, True):
        assert _time_s(attention(is_fused, True)) > _time_s(attention(is_fused, False))


def test_one_group_that_all_tokens_meet_is_one_product():
    grouped = GroupedMatMul(tokens=4096, groups=1, chosen=1, n=1024, k=2048, dtype="bf16")
    assert _time_s(grouped) == pytest.approx(_time_s(MatMul(m=4096, n=1024, k=2048, dtype="bf16")))


def test_without_shapes_a_pass_takes_as_long_and_a_product_about_as_long():
    table = _workload(Norm(rows=8192, columns=4096, dtype="bf16"), MatMul(m=8192, n=4096, k=4096, dtype="bf16")).table
    known, unknown = ENGINE.times_s(table, A100), ENGINE.times_s(replace(table, ops=None), A100)
    assert known[0] == unknown[0]
    assert unknown[1] == pytest.approx(known[1], rel=0.3)


def test_a_format_without_measured_products_is_refused_by_name():
    (reason,) = ENGINE.missing(_scenario(MatMul(m=8, n=8, k=8, dtype="fp64")))
    assert reason.startswith("kernel has no measured products in fp64 (it has: fp16, bf16, tf32, fp32")


def test_a_cpu_is_refused_and_has_no_times():
    cpu = catalogue_device("epyc-9654")
    (reason,) = ENGINE.missing(_scenario(MatMul(m=8, n=8, k=8), cpu))
    assert reason == "kernel answers for GPUs, and epyc-9654 is none: engine roofline answers for it"
    assert np.isnan(_time_s(MatMul(m=8, n=8, k=8), cpu))


def test_a_device_file_without_a_number_that_is_needed_is_refused_by_path():
    device = replace(A100, l2_bytes=None, power_w=None)
    assert [
        reason.split(" does not say ")[1] for reason in ENGINE.missing(_scenario(MatMul(m=8, n=8, k=8), device))
    ] == [
        "l2.capacity, which kernel needs",
        "power, which kernel needs",
    ]


def test_several_devices_are_refused():
    (reason,) = ENGINE.missing(tiny_scenarios()["two-devices"])
    assert reason == "kernel answers for one device, not for the 2 of h100-sxm:2"


def test_a_library_that_was_measured_changes_a_time_and_another_name_is_refused():
    op = MatMul(m=8192, n=4096, k=4096, dtype="bf16")
    assert _time_s(op, engine=ENGINE.tuned({"library": "sglang"})) != _time_s(op)
    with pytest.raises(BadInput, match="did you mean 'sglang'"):
        ENGINE.tuned({"library": "sglnag"})
    with pytest.raises(BadInput, match="unknown setting 'libary'"):
        ENGINE.tuned({"libary": "sglang"})


@pytest.mark.parametrize("name", ["decoder-prefill", "decoder-decode", "decoder-training", "encoder-training"])
def test_times_of_operators_add_up_to_the_prediction(name):
    scenario = tiny_scenarios()[name]
    table = scenario.workload.table
    times = ENGINE.times_s(table, scenario.system.device)
    assert (times * table.repeat).sum() == pytest.approx(ENGINE.predict(scenario).value)


@given(scenarios())
def test_half_the_bandwidth_and_half_the_peak_never_speed_an_operator(scenario):
    device, table = scenario.system.device, scenario.workload.table
    slow = device.scaled(peak=0.5, bandwidth=0.5, why="test")
    fast_s, slow_s = ENGINE.times_s(table, device), ENGINE.times_s(table, slow)
    known = np.isfinite(fast_s)
    assert (fast_s[known] <= slow_s[known] * (1 + 1e-9)).all()


def test_overridden_numbers_void_the_interval():
    device = A100.scaled(peak=2.0, why="test")
    found = ENGINE.predict(_scenario(MatMul(m=512, n=512, k=512, dtype="bf16"), device))
    assert found.interval is None
    assert any("overridden" in reason for reason in found.outside)


@pytest.mark.parametrize("what", ["kernels", "models"])
def test_shipped_bands_hold_the_prediction_and_say_what_stands_behind_them(what):
    found = calibration(what)
    assert found.engine == "kernel"
    assert found.bands[EVERYTHING].groups >= 3
    assert all(band.low <= 0 <= band.high for band in found.bands.values())
