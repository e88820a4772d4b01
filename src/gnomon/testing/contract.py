"""The contract that every engine keeps, as tests that a plug-in's author inherits."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from functools import cache
from typing import Any, ClassVar, get_args

import pytest

from gnomon.core.device import Device
from gnomon.core.digest import plain
from gnomon.core.engine import Engine
from gnomon.core.errors import Unsupported
from gnomon.core.prediction import Bound, Part, Prediction
from gnomon.core.scenario import Scenario
from gnomon.core.workload import Node
from gnomon.testing.scenarios import single_op_scenarios, tiny_scenarios

SI_UNITS = ("s", "J", "W", "B", "B/s", "flop", "flop/s")
_TOLERANCE = 1e-9  # of sums taken in another order


class EngineContract:
    """Subclass it in a test module and give `engine`; override `scenarios` to ask more.

    A failure's message says which promise of `gnomon.core.engine.Engine` does not hold, for which scenario.
    """

    engine: ClassVar[Engine]
    declines_everything: ClassVar[bool] = False  # an engine that is not meant to answer any of the scenarios

    def scenarios(self) -> Mapping[str, Scenario]:
        """What the engine is asked, by name."""
        return tiny_scenarios()

    def pytest_generate_tests(self, metafunc: Any) -> None:
        """Run a test once for each `scenario`, for each that the engine has `answered`, or for each `single` operator."""
        for fixture, found in _sets(type(self)).items():  # type: ignore[arg-type]  # a class has a hash, whatever its instances have
            if fixture in metafunc.fixturenames:
                metafunc.parametrize(fixture, list(found.values()), ids=list(found))

    def _answered(self, asked: Mapping[str, Scenario]) -> dict[str, Scenario]:
        return {name: scenario for name, scenario in asked.items() if not self.engine.missing(scenario)}

    def answer(self, scenario: Scenario) -> Prediction:
        """The engine's prediction of a scenario that it answers."""
        return self.engine.predict(scenario)

    def value(self, scenario: Scenario, what: str) -> float:
        """The predicted value of a variant of an answered scenario, which must be answered too."""
        reasons = self.engine.missing(scenario)
        assert not reasons, f"{self.engine.name} answers a scenario, but {what} it gives reasons: {'; '.join(reasons)}"
        return self.engine.predict(scenario).value

    def test_engine_fills_the_protocol(self) -> None:
        engine = self.engine
        assert isinstance(engine, Engine), f"{engine!r} lacks a part of gnomon.core.engine.Engine: {_lacking(engine)}"
        assert isinstance(engine.name, str), f"name must be text, not {engine.name!r}"
        assert engine.name, "name is empty"
        assert isinstance(engine.cites, tuple), f"cites must be a tuple of texts, not {engine.cites!r}"
        assert all(isinstance(cite, str) and cite.strip() for cite in engine.cites), (
            f"cites holds no text: {engine.cites!r}"
        )

    def test_engine_answers_or_gives_reasons_never_both(self, scenario: Scenario) -> None:
        reasons = self.engine.missing(scenario)
        assert isinstance(reasons, tuple), f"missing() must return a tuple of texts, not {reasons!r}"
        for reason in reasons:
            assert isinstance(reason, str), (
                f"a reason must be a text that tells the user what is missing, not {reason!r}"
            )
            assert reason.strip(), "a reason is empty; say in words what is missing"
        try:
            found = self.engine.predict(scenario)
        except Unsupported as fault:
            assert reasons, f"predict() raised Unsupported({fault}), but missing() gave no reason before the work began"
            for reason in reasons:
                assert reason in str(fault), (
                    f"Unsupported must carry the reasons of missing(); {reason!r} is not in {str(fault)!r}"
                )
        else:
            assert not reasons, f"missing() gave reasons ({'; '.join(reasons)}), but predict() answered {found.value}"
            assert isinstance(found, Prediction), f"predict() must return a Prediction, not {found!r}"

    def test_engine_answers_something(self) -> None:
        answered = self._answered(self.scenarios())
        if self.declines_everything:
            assert not answered, (
                f"{self.engine.name} is declared to decline everything and answers {', '.join(answered)}"
            )
        else:
            assert answered, f"{self.engine.name} answers none of the scenarios: {', '.join(self.scenarios())}"

    def test_reasons_are_the_same_each_time(self, scenario: Scenario) -> None:
        first, second = self.engine.missing(scenario), self.engine.missing(scenario)
        assert first == second, f"missing() gave {first} and then {second} for one scenario"

    def test_same_scenario_gives_the_same_bytes(self, answered: Scenario) -> None:
        first, second = _bytes(self.answer(answered)), _bytes(self.answer(answered))
        assert first == second, (
            f"two calls of predict() differ; is there a clock or a random number in it?\n{first}\n{second}"
        )

    def another(self) -> Engine:
        """A new instance, for an engine that is made with arguments to override."""
        return type(self.engine)()

    def test_fresh_instance_gives_the_same_bytes(self, answered: Scenario) -> None:
        found = _bytes(self.answer(answered))
        try:
            fresh = self.another()
        except TypeError as fault:
            pytest.skip(f"{type(self.engine).__name__} needs arguments: {fault}")
        again = _bytes(fresh.predict(answered))
        assert found == again, (
            f"a fresh {type(self.engine).__name__} answers otherwise: state of earlier calls leaks in\n{found}\n{again}"
        )

    def test_many_answers_equal_single_ones(self) -> None:
        asked = [scenario for scenario in self.scenarios().values() if not self.engine.missing(scenario)]
        single = [_bytes(self.engine.predict(scenario)) for scenario in asked]
        many = [_bytes(found) for found in self.engine.predict_many(asked)]
        assert len(many) == len(asked), f"predict_many() gave {len(many)} answers to {len(asked)} scenarios"
        for scenario, one, other in zip(asked, single, many, strict=True):
            assert one == other, f"{scenario.workload.name}: predict_many() differs from predict()\n{one}\n{other}"

    def test_no_scenarios_give_no_answers(self) -> None:
        assert list(self.engine.predict_many([])) == [], "predict_many([]) must give an empty list"

    def test_parts_recombine_to_the_value(self, answered: Scenario) -> None:
        found = self.answer(answered)
        assert found.parts, "a prediction without parts explains nothing; give at least one part with the whole value"
        total = sum(part.value for part in found.parts)
        assert _close(total, found.value), f"parts add up to {total!r}, the value is {found.value!r}"
        for part in found.parts:
            _check_part(part, part.name)

    def test_interval_contains_the_value(self, answered: Scenario) -> None:
        found = self.answer(answered)
        interval = found.interval
        if interval is None:
            return
        low, high = interval.low, interval.high
        assert math.isfinite(low), f"interval.low is {low}; where no interval can be given, give None"
        assert math.isfinite(high), f"interval.high is {high}; where no interval can be given, give None"
        assert low <= high, f"the interval is upside down: low {low!r}, high {high!r}"
        assert low <= found.value <= high, f"the value {found.value!r} is outside its own interval {low!r} to {high!r}"
        assert low >= 0, f"interval.low is {low!r}: a time is never negative"
        assert 0 < interval.level < 1, f"interval.level is {interval.level!r}, expected a share between 0 and 1"
        assert interval.method.strip(), "interval.method is empty; say how the interval was made"

    def test_value_is_finite_and_positive_where_there_is_work(self, answered: Scenario) -> None:
        found = self.answer(answered)
        assert math.isfinite(found.value), f"the value is {found.value}; give a reason in missing() instead"
        assert found.value >= 0, f"the value is negative: {found.value!r}"
        table = answered.workload.table
        work = float((table.flop + table.read_bytes + table.write_bytes).sum())
        assert found.value > 0 or work == 0, f"{answered.workload.name} does work, but the value is 0"
        assert math.isfinite(found.flop), f"flop is {found.flop!r}; it counts the work of the whole pass"
        assert found.flop >= 0, f"flop is {found.flop!r}; it counts the work of the whole pass"
        if found.moved_bytes is not None:
            assert math.isfinite(found.moved_bytes), (
                f"moved_bytes is {found.moved_bytes!r}; give None where it is not counted"
            )
            assert found.moved_bytes >= 0, f"moved_bytes is {found.moved_bytes!r}"

    def test_memory_is_never_negative(self, answered: Scenario) -> None:
        memory = self.answer(answered).memory
        for field in fields(memory):
            amount = getattr(memory, field.name)
            assert math.isfinite(amount), f"memory.{field.name} is {amount!r}"
            assert amount >= 0, f"memory.{field.name} is {amount!r}"

    def test_fits_says_whether_the_memory_is_enough(self, answered: Scenario) -> None:
        found = self.answer(answered)
        need, has = found.memory.total_bytes, answered.system.device.memory_bytes.value  # of one device
        assert found.fits == (need <= has), (
            f"fits is {found.fits}, but {need:.4g} B are needed and {has:.4g} B are there"
        )

    def test_flop_is_the_work_of_the_graph(self, answered: Scenario) -> None:
        found, graph = self.answer(answered).flop, answered.workload.table.total_flop
        assert _close(found, graph), f"flop is {found!r}, the operators of the graph do {graph!r}"

    def test_a_thousand_copies_take_longer_than_one(self, single: Scenario) -> None:
        nodes = tuple(replace(node, repeat=1000 * node.repeat) for node in single.workload.nodes)
        one, many = self.answer(single).value, self.value(_with_nodes(single, nodes), "with a thousand copies")
        assert many > one, f"{single.workload.name}: one copy takes {one!r}, a thousand take {many!r}"

    def test_units_are_si(self, answered: Scenario) -> None:
        found = self.answer(answered)
        assert found.unit in SI_UNITS, (
            f"unit {found.unit!r} is not SI; give seconds, not milliseconds (known: {', '.join(SI_UNITS)})"
        )
        assert found.quantity != "time" or found.unit == "s", f"a time is given in 's', not in {found.unit!r}"
        assert found.bound is None or found.bound in get_args(Bound), (
            f"bound {found.bound!r} is none of {', '.join(get_args(Bound))}"
        )

    def test_provenance_names_engine_and_scenario(self, answered: Scenario) -> None:
        origin = self.answer(answered).provenance
        assert origin.engine == self.engine.name, (
            f"provenance.engine is {origin.engine!r}, the engine is {self.engine.name!r}"
        )
        assert origin.scenario == answered.digest, "provenance.scenario must be scenario.digest"
        assert origin.version, "provenance.version is empty; give the version of the engine's code"

    def test_json_round_trip_keeps_everything(self, answered: Scenario) -> None:
        form = plain(self.answer(answered))
        try:
            text = json.dumps(form, allow_nan=False)
        except (TypeError, ValueError) as fault:
            pytest.fail(f"the prediction is no JSON: {fault}; give Python numbers and texts, not arrays, nan or inf")
        assert json.loads(text) == form, "the prediction does not come back from JSON as it went in"

    def test_renaming_nodes_changes_nothing(self, answered: Scenario) -> None:
        found = self.answer(answered).value
        renamed = self.value(_with_nodes(answered, _renamed(answered.workload.nodes)), "with its nodes renamed")
        assert _close(renamed, found), (
            f"renaming nodes changes the value from {found!r} to {renamed!r}; a name says nothing about time"
        )

    def test_reordering_independent_nodes_changes_nothing(self, answered: Scenario) -> None:
        found = self.answer(answered).value
        reordered = self.value(
            _with_nodes(answered, _reordered(answered.workload.nodes)), "with independent nodes reordered"
        )
        assert _close(reordered, found), (
            f"another order of independent nodes changes the value from {found!r} to {reordered!r}"
        )

    def test_repeated_node_equals_written_out_copies(self, answered: Scenario) -> None:
        found = self.answer(answered).value
        copied = self.value(
            _with_nodes(answered, _written_out(answered.workload.nodes)), "with repeated nodes written out"
        )
        assert _close(copied, found), (
            f"repeat=n gives {found!r}, n written-out copies give {copied!r}; is repeat forgotten somewhere?"
        )

    def test_more_bandwidth_never_slows_a_single_operator(self, single: Scenario) -> None:
        self._check_not_slower(single, "memory bandwidth", _with_more_bandwidth)

    def test_higher_peak_never_slows_a_single_operator(self, single: Scenario) -> None:
        self._check_not_slower(single, "peak of every unit", _with_higher_peaks)

    def _check_not_slower(self, scenario: Scenario, what: str, faster: Callable[[Device, float], Device]) -> None:
        before = self.answer(scenario).value
        device = scenario.system.device
        for factor in (1.01, 2.0, 10.0):
            better = replace(scenario, system=replace(scenario.system, device=faster(device, factor)))
            after = self.value(better, f"with {factor} times the {what}")
            assert after <= before * (1 + _TOLERANCE), (
                f"{factor} times the {what} slows {scenario.workload.name} from {before!r} to {after!r}"
            )


@cache
def _sets(contract: type[EngineContract]) -> Mapping[str, Mapping[str, Scenario]]:
    """What its tests are run for, by the name of their argument: the same for each of them."""
    one = contract()
    asked = one.scenarios()
    return {"scenario": asked, "answered": one._answered(asked), "single": one._answered(single_op_scenarios())}


def _lacking(engine: object) -> str:
    parts = ("name", "cites", "missing", "predict", "predict_many")
    return ", ".join(part for part in parts if not hasattr(engine, part))


def _bytes(found: Prediction) -> str:
    return json.dumps(plain(found), sort_keys=True)


def _close(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=_TOLERANCE, abs_tol=0.0)


def _check_part(part: Part, path: str) -> None:
    """A part's own parts give its value by `combine`, all the way down."""
    assert math.isfinite(part.value), f"part {path}: its value is {part.value!r}"
    assert part.value >= 0, f"part {path}: its value is {part.value!r}"
    if not part.parts:
        return
    values = [inner.value for inner in part.parts]
    if part.combine == "overlap":  # somewhere between perfect overlap and none
        assert part.value <= sum(values) * (1 + _TOLERANCE), (
            f"part {path}: overlapping parts {values} cannot take {part.value!r}"
        )
        assert part.value >= max(values) * (1 - _TOLERANCE), (
            f"part {path}: overlapping parts {values} cannot take {part.value!r}"
        )
    else:
        whole = sum(values) if part.combine == "sum" else max(values)
        assert _close(whole, part.value), (
            f"part {path}: the {part.combine} of its parts is {whole!r}, its value {part.value!r}"
        )
    for inner in part.parts:
        _check_part(inner, f"{path} > {inner.name}")


def _with_nodes(scenario: Scenario, nodes: tuple[Node, ...]) -> Scenario:
    return replace(scenario, workload=replace(scenario.workload, nodes=nodes))


def _renamed(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """The same graph with names that sort the other way round and say nothing."""
    new = {node.name: f"x{len(nodes) - index:05d}" for index, node in enumerate(nodes)}
    return tuple(replace(node, name=new[node.name], after=tuple(new[name] for name in node.after)) for node in nodes)


def _reordered(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """The same graph in another order that respects `after`: of the nodes that are ready, the last written first."""
    waiting, placed, order = list(nodes), set[str](), list[Node]()
    while waiting:
        node = next(node for node in reversed(waiting) if placed.issuperset(node.after))
        waiting.remove(node)
        placed.add(node.name)
        order.append(node)
    return tuple(order)


def _written_out(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """Each repeated node as copies in a row; its readers read the last."""
    last: dict[str, str] = {}
    written: list[Node] = []
    for node in nodes:
        after = tuple(last[name] for name in node.after)
        for copy in range(node.repeat):
            name = f"{node.name}#{copy}"
            written.append(replace(node, name=name, after=after, repeat=1))
            after = (name,)
        last[node.name] = after[0] if node.repeat else node.name
    return tuple(written)


def _with_more_bandwidth(device: Device, factor: float) -> Device:
    return device.scaled(bandwidth=factor, why="contract")


def _with_higher_peaks(device: Device, factor: float) -> Device:
    return device.scaled(peak=factor, why="contract")
