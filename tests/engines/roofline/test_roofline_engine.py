from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given

from gnomon.core.errors import Unsupported
from gnomon.core.op import MatMul, Norm
from gnomon.core.plan import Plan
from gnomon.core.scenario import Scenario
from gnomon.core.system import System
from gnomon.core.workload import Node, Workload
from gnomon.engines.roofline.engine import RooflineEngine, operator_limits_s
from gnomon.formats.device_file import catalogue_device
from gnomon.testing import EngineContract, devices, scenarios, tiny_scenarios, workloads

ENGINE = RooflineEngine()


class TestContract(EngineContract):
    engine = ENGINE


def _alone(op, device="a100-sxm-40gb", repeat=1):
    node = Node(name="op", op=op, repeat=repeat)
    workload = Workload(name="op", mode="forward", nodes=(node,), batch=1, dtype="fp16", item="sequence", items=1)
    return Scenario(
        workload=workload, system=System(name=device, device=catalogue_device(device)), plan=Plan(dtype="fp16")
    )


def test_a_compute_bound_product_by_hand():
    # As in test_equations: 137.4 GFLOP at 312 TFLOP/s is longer than 100.7 MB at 1.555 TB/s.
    scenario = _alone(MatMul(m=4096, n=4096, k=4096, dtype="fp16"))
    found = ENGINE.predict(scenario)
    launch = scenario.system.device.launch_s.value
    assert found.value == pytest.approx(2 * 4096**3 / 312e12 + launch, rel=1e-12)
    assert found.bound == "compute"
    assert found.flop == 2 * 4096**3
    assert found.moved_bytes == 3 * 4096**2 * 2


def test_a_memory_bound_norm_by_hand():
    # 10^4 x 10^4 in fp16: 200 MB in, 200 MB out and 40 kB of parameters at 1.555 TB/s: 257.3 us.
    scenario = _alone(Norm(rows=10**4, columns=10**4, dtype="fp16"))
    found = ENGINE.predict(scenario)
    launch = scenario.system.device.launch_s.value
    assert found.value == pytest.approx((4e8 + 4e4) / 1.555e12 + launch, rel=1e-12)
    assert found.bound == "memory"


def test_a_tiny_operator_is_all_launch():
    found = ENGINE.predict(_alone(Norm(rows=1, columns=8, dtype="fp16"), repeat=7))
    assert found.bound == "overhead"
    assert found.value == pytest.approx(7 * catalogue_device("a100-sxm-40gb").launch_s.value, rel=1e-2)


@pytest.mark.slow
@given(scenarios())
def test_time_is_never_below_the_peak_or_the_bandwidth(scenario):
    assume(not ENGINE.missing(scenario))
    found = ENGINE.predict(scenario)
    device = scenario.system.device
    fastest = np.nanmax(device.peaks_flop_per_s)
    assert found.value >= found.flop / fastest * (1 - 1e-9)
    assert found.value >= found.moved_bytes / device.memory_bytes_per_s.value * (1 - 1e-9)


@given(scenarios(max_count=3))
def test_a_random_scenario_is_answered_or_refused_with_reasons(scenario):
    if reasons := ENGINE.missing(scenario):
        with pytest.raises(Unsupported) as fault:
            ENGINE.predict(scenario)
        assert str(fault.value) == "; ".join(reasons)
    else:
        assert np.isfinite(ENGINE.predict(scenario).value)


@pytest.mark.slow
@given(workloads(), devices())
def test_times_of_operators_add_up_to_the_prediction(workload, device):
    times = ENGINE.times_s(workload.table, device)
    assume(not np.isnan(times).any())
    plan = Plan(mode=workload.mode, batch=workload.batch, dtype=workload.dtype)
    scenario = Scenario(workload=workload, system=System(name="one", device=device), plan=plan)
    assert (times * workload.table.repeat).sum() == pytest.approx(ENGINE.predict(scenario).value)


@given(workloads(), devices())
def test_an_operator_without_a_unit_has_no_time(workload, device):
    compute, memory = operator_limits_s(workload.table, device)
    for index, node in enumerate(workload.nodes):
        lacks = device.peak(node.op.dtype, node.op.unit == "matrix") is None
        assert np.isnan(compute[index]) == lacks
    assert np.isfinite(memory).all()


@given(scenarios())
def test_half_the_bandwidth_and_half_the_peak_take_at_most_twice_the_time(scenario):
    assume(not ENGINE.missing(scenario))
    device = scenario.system.device

    def halved(number):
        return replace(number, value=number.value / 2)

    slow = replace(
        device,
        memory_bytes_per_s=halved(device.memory_bytes_per_s),
        matrix_flop_per_s={d: halved(p) for d, p in device.matrix_flop_per_s.items()},
        vector_flop_per_s={d: halved(p) for d, p in device.vector_flop_per_s.items()},
    )
    fast, half = (
        ENGINE.predict(scenario).value,
        ENGINE.predict(replace(scenario, system=System(name="s", device=slow))).value,
    )
    assert fast <= half <= 2 * fast * (1 + 1e-12)


def test_reasons_name_the_missing_format_and_what_there_is():
    (reason,) = ENGINE.missing(tiny_scenarios()["fp8-on-a-device-without"])
    assert reason == "a100-sxm-80gb has no unit for products in fp8 (it has: fp64, fp32, tf32, fp16, bf16, int8, int4)"


def test_reasons_name_the_number_of_devices():
    (reason,) = ENGINE.missing(tiny_scenarios()["two-devices"])
    assert reason == "roofline answers for one device, not for the 2 of h100-sxm:2"


def test_a_model_that_does_not_fit_is_answered_and_marked():
    scenario = _alone(MatMul(m=1, n=10**6, k=10**6, dtype="fp16"))
    found = ENGINE.predict(scenario)
    assert not found.fits
    assert found.outside == ()  # said once: by its own field


def test_a_cpu_is_outside_the_validated_range():
    found = ENGINE.predict(_alone(MatMul(m=8, n=8, k=8), device="epyc-9654"))
    assert any("CPU" in reason for reason in found.outside)


def test_parts_are_families_with_what_binds_them_largest_first():
    found = ENGINE.predict(tiny_scenarios()["decoder-prefill"])
    assert {"matmul", "attention", "norm", "embedding", "elementwise"} == {part.name for part in found.parts}
    assert [part.value for part in found.parts] == sorted((part.value for part in found.parts), reverse=True)
    for part in found.parts:
        assert sum(inner.value for inner in part.parts) == pytest.approx(part.value)
