from dataclasses import dataclass, fields, replace

import pytest
from hypothesis import given

from gnomon.core.autoscale import Autoscale
from gnomon.core.beside import Beside
from gnomon.core.device import Sourced
from gnomon.core.digest import digest
from gnomon.core.errors import BadInput
from gnomon.core.op import MatMul
from gnomon.core.plan import Plan
from gnomon.core.serving_plan import PREFILL_FIELDS, ServingPlan
from gnomon.core.system import System
from gnomon.core.traffic.arrival_processes import AllAtOnce
from gnomon.core.traffic.lengths import Fixed, Lengths
from gnomon.core.traffic.traffic import Traffic
from gnomon.core.training_plan import TrainingPlan
from gnomon.core.workload import SERVE, Node
from gnomon.formats.accelerator_file import catalogue_accelerator
from gnomon.testing import devices, scenarios, tiny_scenarios

SCENARIO = tiny_scenarios()["decoder-decode"]


def test_equal_scenarios_have_equal_digests():
    assert tiny_scenarios()["decoder-decode"].digest == tiny_scenarios()["decoder-decode"].digest


@given(scenarios())
def test_digest_is_sixteen_hexadecimal_digits(scenario):
    assert len(scenario.digest) == 16
    int(scenario.digest, 16)


# A value other than SCENARIO's for every field; a field without an entry here fails the tests below.
_OTHER_PLAN = {
    "mode": "prefill",
    "batch": 7,
    "seq": 3,
    "context": 15,
    "image": 225,
    "dtype": "fp32",
    "weight_dtype": "int4",
    "kv_dtype": "int8",
    "attention": "eager",
    "head": "none",
    "classes": 3,
    "sizes": (("frames", 3),),
    "training": TrainingPlan(tp=2),
    "serving": ServingPlan(),
}
_OTHER_WORKLOAD = {
    "name": "other",
    "mode": "prefill",
    "nodes": SCENARIO.workload.nodes[:-1],
    "batch": 7,
    "dtype": "fp32",
    "item": "image",
    "items": 99,
    "seq": 9,
    "context": 99,
    "weight_dtype": "int4",
    "gradient_dtype": "bf16",
    "head": "none",
}


@pytest.mark.parametrize("field", [f.name for f in fields(Plan)])
def test_digest_differs_when_any_field_of_the_plan_differs(field):
    shared = {field: _OTHER_PLAN[field]} if field in ("mode", "batch", "dtype") else {}
    with_it = {"mode": SERVE, "batch": 1} if field == "serving" else {}  # which no other mode has
    plan = replace(SCENARIO.plan, **{field: _OTHER_PLAN[field]}, **with_it)
    other = replace(SCENARIO, plan=plan, workload=replace(SCENARIO.workload, **shared, **with_it))
    if with_it:
        assert digest(plan) != digest(replace(plan, serving=ServingPlan(tp=2)))
    assert other.digest != SCENARIO.digest


@pytest.mark.parametrize("field", [f.name for f in fields(ServingPlan)])
def test_digest_differs_when_any_field_of_a_service_differs(field):
    lengths = Lengths(prompts=Fixed(tokens=5), answers=Fixed(tokens=5))
    words = {
        "quantity": "ttft",
        "policy": "sarathi",
        "router": "lor",
        "router_weights": (2, 1),
        "max_wait_s": 2.0,
        "warmup_s": 3.0,
        "autoscale": Autoscale(max=2, target_outstanding=3, start_s=1),
        "scheduling": "priority",
        "prefix_caching": False,
        "schedule_policy": "lpm",
        "mixed_chunk": True,
        "gpu_memory_utilization": 0.8,
    }
    words |= {"traffic": Traffic(arrivals=AllAtOnce(), lengths=lengths, requests=1), "usd_per_device_hour": 2.0}
    beside = {"router_weights": {"router": "weighted"}}.get(field, {})
    words |= {"prefill_on": SCENARIO.system, "kv_transfer": "layerwise", "draft_acceptance": 0.5, "draft_model": "gpt2"}
    words |= {
        "beside": Beside(
            workload=SCENARIO.workload, plan=Plan(mode=SERVE, serving=ServingPlan(gpu_memory_utilization=0.1))
        )
    }
    drafted = {"max_loras": 1, "num_speculative_tokens": 2, "draft_acceptance": 0.2}  # beside which others can be
    tiered = {"kv_offloading_size_gib": 1.0, "kv_remote_size_gib": 1.0, "kv_remote_gbit_per_s": 1.0}
    usual = (
        ServingPlan(prefill_replicas=2, usd_per_device_hour=1.0) if field in PREFILL_FIELDS else ServingPlan(**drafted)
    )
    usual = ServingPlan(**tiered) if field.startswith(("kv_offloading", "kv_remote")) else usual
    assert digest(replace(usual, **{field: words.get(field, 8)}, **beside)) != digest(usual)


@pytest.mark.parametrize(
    "field", [f.name for f in fields(SCENARIO.workload) if f.name not in ("assumptions", "outside")]
)
def test_digest_differs_when_any_value_of_the_workload_differs(field):
    shared = {field: _OTHER_WORKLOAD[field]} if field in ("mode", "batch", "dtype") else {}
    workload = replace(SCENARIO.workload, **{field: _OTHER_WORKLOAD[field]})
    other = replace(SCENARIO, workload=workload, plan=replace(SCENARIO.plan, **shared))
    assert other.digest != SCENARIO.digest


@pytest.mark.parametrize("field", [f.name for f in fields(Node)])
def test_digest_differs_when_any_field_of_a_node_differs(field):
    *rest, last = SCENARIO.workload.nodes
    others = {"name": "x", "op": MatMul(m=1, n=1, k=1), "after": (rest[0].name,), "repeat": 9, "phase": "update"}
    nodes = (*rest, replace(last, **{field: others[field]}))
    assert replace(SCENARIO, workload=replace(SCENARIO.workload, nodes=nodes)).digest != SCENARIO.digest


def test_a_graph_and_a_plan_that_contradict_each_other_are_no_scenario():
    with pytest.raises(BadInput, match="the graph's batch is 2, the plan's 3"):
        replace(SCENARIO, plan=replace(SCENARIO.plan, batch=3))


_WORDS = ("title", "vendor", "architecture", "covers", "memory_kind", "unit_name", "notes")


@pytest.mark.parametrize("field", [f.name for f in fields(SCENARIO.system.device) if f.name not in _WORDS])
def test_digest_differs_when_any_value_of_the_device_differs(field):
    device = SCENARIO.system.device
    number = Sourced(value=12345.0, source="elsewhere", kind="assumed")
    now = getattr(device, field)
    if field.endswith("_flop_per_s"):
        other = {**now, "fp32": number}
    elif isinstance(now, tuple):
        other = ()
    elif isinstance(now, str):
        other = now + "x"
    elif field == "design":
        other = catalogue_accelerator("eyeriss")
    else:
        other = number
    changed = replace(SCENARIO, system=replace(SCENARIO.system, device=replace(device, **{field: other})))
    assert changed.digest != SCENARIO.digest


@pytest.mark.parametrize("field", _WORDS)
def test_words_about_a_device_are_not_part_of_the_question(field):
    device = SCENARIO.system.device
    now = getattr(device, field)
    changed = replace(device, **{field: ("another",) if isinstance(now, tuple) else now + "x"})
    assert changed.digest == device.digest


def test_where_a_number_comes_from_is_not_part_of_the_question():
    device = SCENARIO.system.device
    elsewhere = replace(device.launch_s, source="elsewhere", kind="measured", note="seen")
    assert replace(device, launch_s=elsewhere).digest == device.digest


def test_digest_differs_when_the_count_of_devices_differs_and_not_with_the_spelling_of_the_system():
    system = SCENARIO.system
    assert replace(SCENARIO, system=replace(system, count=2)).digest != SCENARIO.digest
    assert System(name="other", device=system.device).digest == system.digest


def test_equal_devices_have_equal_hashes():
    device = SCENARIO.system.device
    assert hash(replace(device)) == hash(device)


@given(devices())
def test_digest_does_not_depend_on_the_order_of_a_mapping(device):
    turned = replace(device, vector_flop_per_s=dict(reversed(device.vector_flop_per_s.items())))
    assert digest(turned) == digest(device)


def test_the_digest_tells_types_with_equal_fields_apart():
    @dataclass(frozen=True, kw_only=True)
    class One:
        size: int

    @dataclass(frozen=True, kw_only=True)
    class Other:
        size: int

    assert digest(One(size=3)) != digest(Other(size=3))
    assert digest((1, 2)) != digest((2, 1))
    assert digest((1, 2)) == digest([1, 2])


def test_a_field_at_its_default_changes_no_digest():
    @dataclass(frozen=True, kw_only=True)
    class Grown:
        size: int
        added_later: int | None = None

    @dataclass(frozen=True, kw_only=True)
    class Small:
        size: int

    Small.__name__ = "Grown"
    assert digest(Grown(size=3)) == digest(Small(size=3))
    assert digest(Grown(size=3, added_later=4)) != digest(Small(size=3))
