"""The contract finds what it is there to find: each engine here breaks one promise."""

from dataclasses import replace
from itertools import count

import pytest

from gnomon.core.errors import Unsupported
from gnomon.core.prediction import Interval, Part
from gnomon.engines.roofline.engine import RooflineEngine
from gnomon.testing import EngineContract, single_op_scenarios, tiny_scenarios

SCENARIO = tiny_scenarios()["decoder-training"]
SINGLE = single_op_scenarios()["matmul-large"]


class Liar(RooflineEngine):
    """The roofline with one change to its predictions."""

    def __init__(self, change):
        self.change = change

    def predict(self, scenario):
        return self.change(super().predict(scenario), scenario)


def _contract(engine):
    contract = EngineContract()
    contract.engine = engine
    return contract


def _scaled(found, factor):
    return replace(
        found, value=found.value * factor, parts=(Part(name="all", value=found.value * factor, kind="mixed"),)
    )


def _slower_when_faster(found, scenario):
    return _scaled(found, scenario.system.device.memory_bytes_per_s.value)


_TICKS = count()

LIES = [
    ("same_scenario_gives_the_same_bytes", lambda p, s: _scaled(p, 1 + next(_TICKS)), "clock or a random number"),
    ("parts_recombine_to_the_value", lambda p, s: replace(p, value=2 * p.value), "parts add up to"),
    ("parts_recombine_to_the_value", lambda p, s: replace(p, parts=()), "without parts explains nothing"),
    (
        "parts_recombine_to_the_value",
        lambda p, s: replace(
            p, parts=(Part(name="a", value=p.value, kind="mixed", parts=(Part(name="b", value=0.0, kind="idle"),)),)
        ),
        "part a: the sum of its parts is 0.0",
    ),
    (
        "interval_contains_the_value",
        lambda p, s: replace(p, interval=Interval(low=2 * p.value, high=3 * p.value, method="m")),
        "outside its own interval",
    ),
    (
        "interval_contains_the_value",
        lambda p, s: replace(p, interval=Interval(low=p.value, high=float("inf"), method="m")),
        "interval.high is inf",
    ),
    (
        "interval_contains_the_value",
        lambda p, s: replace(p, interval=Interval(low=p.value, high=p.value, method=" ")),
        "interval.method is empty",
    ),
    (
        "value_is_finite_and_positive_where_there_is_work",
        lambda p, s: replace(p, value=0.0),
        "does work, but the value is 0",
    ),
    (
        "value_is_finite_and_positive_where_there_is_work",
        lambda p, s: replace(p, value=float("nan")),
        "the value is nan",
    ),
    (
        "memory_is_never_negative",
        lambda p, s: replace(p, memory=replace(p.memory, weights_bytes=-1.0)),
        "weights_bytes is -1",
    ),
    ("units_are_si", lambda p, s: replace(p, unit="ms"), "unit 'ms' is not SI"),
    ("units_are_si", lambda p, s: replace(p, unit="B"), "a time is given in 's'"),
    (
        "provenance_names_engine_and_scenario",
        lambda p, s: replace(p, provenance=replace(p.provenance, scenario="0" * 16)),
        "must be scenario.digest",
    ),
    (
        "renaming_nodes_changes_nothing",
        lambda p, s: _scaled(p, len(s.workload.nodes[0].name)),
        "renaming nodes changes the value",
    ),
    (
        "reordering_independent_nodes_changes_nothing",
        lambda p, s: _scaled(p, sum(i * len(node.name) for i, node in enumerate(s.workload.nodes))),
        "another order of independent nodes",
    ),
    ("repeated_node_equals_written_out_copies", lambda p, s: _scaled(p, len(s.workload.nodes)), "is repeat forgotten"),
]


@pytest.mark.parametrize(
    ("promise", "lie", "message"), LIES, ids=[f"{name}-{index}" for index, (name, *_) in enumerate(LIES)]
)
def test_contract_finds_a_broken_promise_and_says_which(promise, lie, message):
    test = getattr(_contract(Liar(lie)), f"test_{promise}")
    with pytest.raises(AssertionError, match=message):
        test(SCENARIO)


def test_contract_finds_a_device_that_slows_down_with_more_bandwidth():
    with pytest.raises(AssertionError, match=r"1\.01 times the memory bandwidth slows matmul-large"):
        _contract(Liar(_slower_when_faster)).test_more_bandwidth_never_slows_a_single_operator(SINGLE)


def test_contract_finds_what_is_no_json():
    with pytest.raises(pytest.fail.Exception, match="the prediction is no JSON"):
        lie = Liar(lambda p, s: replace(p, flop=float("nan")))
        _contract(lie).test_json_round_trip_keeps_everything(SCENARIO)


def test_contract_finds_state_that_leaks_into_a_fresh_instance():
    class Remembers(RooflineEngine):
        def __init__(self):
            self.calls = next(_TICKS)

        def predict(self, scenario):
            return _scaled(super().predict(scenario), 1 + self.calls)

    with pytest.raises(AssertionError, match="a fresh Remembers answers otherwise"):
        _contract(Remembers()).test_fresh_instance_gives_the_same_bytes(SCENARIO)


class Silent(RooflineEngine):
    """Refuses without having said so."""

    def predict(self, scenario):
        raise Unsupported("no")


class Both(RooflineEngine):
    """Gives a reason and answers all the same."""

    def __init__(self, reason):
        self.reason = reason

    def missing(self, scenario):
        return (self.reason,)

    def predict(self, scenario):
        return "an answer"


class Quiet(RooflineEngine):
    """Raises without its reasons."""

    def missing(self, scenario):
        return ("it is raining",)

    def predict(self, scenario):
        raise Unsupported("no")


@pytest.mark.parametrize(
    ("engine", "message"),
    [
        (Silent(), r"raised Unsupported\(no\), but missing\(\) gave no reason"),
        (Both(" "), "a reason is empty"),
        (Both(5), "a reason must be a text"),
        (Quiet(), "'it is raining' is not in 'no'"),
    ],
)
def test_contract_finds_reasons_that_are_none(engine, message):
    with pytest.raises(AssertionError, match=message):
        _contract(engine).test_engine_answers_or_gives_reasons_never_both(SCENARIO)


def test_contract_finds_an_answer_in_spite_of_reasons():
    class Contrary(RooflineEngine):
        def missing(self, scenario):
            return ("not today",)

        def predict(self, scenario):
            return RooflineEngine().predict(scenario)

    with pytest.raises(AssertionError, match=r"missing\(\) gave reasons \(not today\), but predict\(\) answered"):
        _contract(Contrary()).test_engine_answers_or_gives_reasons_never_both(SCENARIO)


def test_contract_finds_many_that_differ_from_one():
    class Hasty(RooflineEngine):
        def predict_many(self, scenarios):
            return [_scaled(found, 2) for found in super().predict_many(scenarios)]

    with pytest.raises(AssertionError, match=r"predict_many\(\) differs from predict\(\)"):
        _contract(Hasty()).test_many_answers_equal_single_ones()


def test_contract_names_what_an_engine_lacks():
    class Half:
        name = "half"

        def missing(self, scenario):
            return ()

    with pytest.raises(AssertionError, match=r"lacks a part of .*: cites, predict, predict_many"):
        _contract(Half()).test_engine_fills_the_protocol()
