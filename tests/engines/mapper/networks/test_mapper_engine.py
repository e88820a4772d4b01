from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gnomon.core.design import Design
from gnomon.core.engine import OpTimer, Tunable
from gnomon.core.errors import BadInput, Unsupported
from gnomon.core.op import Conv
from gnomon.core.prediction import Prediction
from gnomon.core.scenario import Scenario
from gnomon.core.system import System
from gnomon.engines.mapper.conventions import Switches
from gnomon.engines.mapper.engine import MapperEngine
from gnomon.engines.mapper.evaluate import evaluate
from gnomon.engines.mapper.networks.best import Asked, asked, searched
from gnomon.engines.mapper.networks.settings import Settings
from gnomon.formats.accelerator_file import catalogue_accelerator
from gnomon.formats.device_file import catalogue_device
from gnomon.testing import EngineContract, tiny_scenarios
from tests.engines.mapper.networks.machine import RELU, SQUARE, TINY, WIDE, on

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("compiled"),
]  # what is compiled takes a minute: once, and by one worker

QUICK = Settings(effort=10, is_kept=False)
ENGINE = MapperEngine(QUICK)


class Quick(MapperEngine):
    """With so little effort that the contract is asked in moments."""

    def __init__(self) -> None:
        super().__init__(QUICK)


class TestContract(EngineContract):
    engine = Quick()

    def scenarios(self) -> Mapping[str, Scenario]:
        """Small networks on a small machine; the contract's own are on devices, which are declined."""
        decoder = tiny_scenarios()["decoder-decode"]
        return {
            "products": on(TINY, SQUARE, RELU, WIDE, repeat=2),
            "decoder": replace(decoder, system=on(TINY, SQUARE).system),
            "on-a-gpu": tiny_scenarios()["cnn-forward"],
        }


def _mapped(engine: MapperEngine, scenario: Scenario) -> Prediction:
    found = engine.predict(scenario)
    assert found.mapped is not None
    return found


# --- What it says of a network


def test_time_is_the_cycles_of_all_copies_over_the_clock() -> None:
    found = _mapped(ENGINE, on(TINY, SQUARE, WIDE, repeat=3))
    assert found.mapped is not None
    cycles = 3 * sum(layer.cycles for layer in found.mapped.layers)
    assert found.mapped.cycles == cycles
    assert found.value == pytest.approx(cycles / 100e6, rel=1e-12)


def test_equal_products_are_mapped_once() -> None:
    found = _mapped(ENGINE, on(TINY, SQUARE, SQUARE, WIDE)).mapped
    assert found is not None
    assert [(layer.count, layer.nodes) for layer in found.layers] == [(2, ("n0", "n1")), (1, ("n2",))]


def test_the_energy_of_the_parts_is_that_of_the_layers() -> None:
    found = _mapped(ENGINE, on(TINY, SQUARE, WIDE, repeat=2)).mapped
    assert found is not None
    assert list(found.energy_by_part_j) == ["MAC", "spad", "buffer", "DRAM"]
    whole_j = sum(found.energy_by_part_j.values())
    assert whole_j == pytest.approx(found.energy_j, rel=1e-12)
    assert whole_j == pytest.approx(
        sum(layer.count * layer.total_energy_pj for layer in found.layers) * 1e-12, rel=1e-12
    )
    assert found.energy_by_part_j["MAC"] == pytest.approx(2 * (512 + 512) * 1e-12, rel=1e-12)  # 1 pJ each


def test_no_utilization_is_above_one_and_the_whole_is_the_work_over_the_time() -> None:
    found = _mapped(ENGINE, on(TINY, SQUARE, WIDE)).mapped
    assert found is not None
    assert all(0 < layer.utilization <= 1 for layer in found.layers)
    assert found.utilization == pytest.approx(1024 / (4 * found.cycles), rel=1e-12)


@pytest.mark.parametrize("objective", ["latency", "energy", "edp"])
def test_the_gap_is_the_share_of_the_objective_above_its_bound(objective: str) -> None:
    found = _mapped(MapperEngine(replace(QUICK, objective=objective)), on(TINY, SQUARE, WIDE)).mapped
    assert found is not None
    value = {"latency": found.cycles, "energy": found.energy_j * 1e12, "edp": found.cycles * found.energy_j * 1e12}
    assert 0 <= found.gap < 1
    assert found.gap == pytest.approx(1 - found.least / value[objective], abs=1e-9)


def test_the_least_product_of_a_network_is_not_above_that_of_any_choice_of_mappings() -> None:
    """By the quickest mapping of each layer, and by the one that takes least energy."""
    least = _mapped(ENGINE, on(TINY, SQUARE, WIDE, repeat=3)).mapped
    assert least is not None
    for objective in ("latency", "energy"):
        other = _mapped(MapperEngine(replace(QUICK, objective=objective)), on(TINY, SQUARE, WIDE, repeat=3)).mapped
        assert other is not None
        assert least.least <= other.cycles * other.energy_j * 1e12 * (1 + 1e-12)


def test_the_quickest_mappings_take_no_longer_than_those_of_least_energy() -> None:
    quick, frugal = (
        _mapped(MapperEngine(replace(QUICK, objective=objective, effort=100)), on(TINY, SQUARE, WIDE)).mapped
        for objective in ("latency", "energy")
    )
    assert quick is not None
    assert frugal is not None
    assert quick.cycles <= frugal.cycles
    assert frugal.energy_j <= quick.energy_j


@pytest.mark.parametrize("design", [TINY, catalogue_accelerator("simba"), catalogue_accelerator("eyeriss-like")])
def test_the_share_of_each_part_is_what_a_walk_of_the_mapping_gives(design: Design) -> None:
    one = _conv(design, "timeloop")
    best, _ = searched(one, QUICK, None)
    walked = evaluate(one.problem, design.accelerator, best.nest, Switches()).costs
    price = one.counting.price(best.nest)
    assert price is not None
    assert price.cycles == walked.cycles
    assert price.utilization == pytest.approx(walked.utilization, rel=1e-12)
    assert list(price.energy_pj.values()) == pytest.approx(
        [
            walked.units_pj,
            *(sum(one.values()) + leak for one, leak in zip(walked.memories_pj, walked.leaks_pj, strict=True)),
        ],
        rel=1e-9,
    )


def _conv(design: Design, conventions: str = "gnomon") -> Asked:
    from gnomon.engines.mapper.layers import layers

    op = Conv(batch=1, c_in=4, c_out=8, in_size=(8, 8), kernel=(3, 3), padding=(1, 1), dtype="fp16")
    return asked(layers(on(design, op).workload).layers[0].problem, design, conventions)


def test_a_search_that_goes_on_finds_nothing_worse() -> None:
    one = _conv(TINY)
    before, state = searched(one, QUICK, None)
    after, _ = searched(one, replace(QUICK, effort=30), (before.effort, state))
    prices = [one.counting.price(best.nest) for best in (before, after)]
    values = [price.cycles * sum(price.energy_pj.values()) for price in prices if price is not None]
    assert after.is_proved or after.effort >= 30 > before.effort
    assert values[1] <= values[0]
    assert after.least >= before.least


def test_what_is_left_out_is_told() -> None:
    found = ENGINE.predict(on(TINY, SQUARE, RELU))
    told = " ".join(found.assumptions)
    for words in ("1 of elementwise", "nothing stays on the chip", "gnomon's own", "energy leaves both out"):
        assert words in told
    assert found.interval is None
    assert "no interval" in found.outside[-1]


def test_the_settings_are_in_the_provenance() -> None:
    assert ENGINE.predict(on(TINY, SQUARE)).provenance.settings == (
        "objective=edp",
        "conventions=gnomon",
        "effort=10",
        "seed=0",
    )


# --- What it declines


def test_a_device_is_none_of_its_machines() -> None:
    (reason,) = ENGINE.missing(tiny_scenarios()["cnn-forward"])
    assert reason == (
        "mapper answers for spatial accelerators, and a100-sxm-40gb is none (see `gnomon list accelerators`)"
    )


def test_two_accelerators_are_declined() -> None:
    asked_of_one = on(TINY, SQUARE)
    two = replace(asked_of_one, system=System(name="tiny:2", device=asked_of_one.system.device, count=2))
    assert ENGINE.missing(two) == ("mapper answers for one accelerator, not for 2 of tiny",)


def test_numbers_in_place_of_a_machine_s_are_declined() -> None:
    scenario = on(TINY, SQUARE)
    faster = replace(
        scenario, system=replace(scenario.system, device=scenario.system.device.scaled(peak=2, why="test"))
    )
    (reason,) = ENGINE.missing(faster)
    assert reason.startswith("mapper takes the numbers of tiny from its file: compute.matrix.fp16 = ")


def test_a_format_wider_than_a_word_is_declined() -> None:
    scenario = on(TINY, SQUARE)
    wide = replace(
        scenario, workload=replace(scenario.workload, dtype="fp32"), plan=replace(scenario.plan, dtype="fp32")
    )
    assert ENGINE.missing(wide) == ("tiny has words of 16 bits, too few for products in fp32 (it has: fp16, bf16)",)


def test_a_network_without_products_is_declined() -> None:
    assert ENGINE.missing(on(TINY, RELU)) == ("small has no product that could be mapped",)


def test_a_layer_that_the_dataflow_leaves_no_mapping_is_named() -> None:
    rules = replace(TINY.dataflow.levels[-1].temporal, exactly={"C": 3})
    level = replace(TINY.dataflow.levels[-1], temporal=rules)
    narrow = replace(TINY, dataflow=replace(TINY.dataflow, levels=(*TINY.dataflow.levels[:-1], level)))
    even = MapperEngine(replace(QUICK, conventions="timeloop"))
    (reason,) = even.missing(on(narrow, SQUARE))
    assert reason.startswith("product 8x8 by 8x8: no mapping: C of 8 cannot be made of parts that divide it under ")
    with pytest.raises(Unsupported, match="no mapping: C of 8"):
        even.predict(on(narrow, SQUARE))


# --- As others ask it


def test_it_times_products_for_other_engines_and_nothing_else() -> None:
    scenario = on(TINY, SQUARE, RELU, WIDE)
    found = _mapped(ENGINE, scenario)
    times_s = ENGINE.times_s(scenario.workload.table, scenario.system.device)
    assert isinstance(ENGINE, OpTimer)
    assert np.isnan(times_s[1])
    assert np.nansum(times_s) == pytest.approx(found.value, rel=1e-12)


def test_operators_without_a_shape_or_on_a_device_have_no_time() -> None:
    scenario = on(TINY, SQUARE)
    shapeless = replace(scenario.workload.table, ops=None)
    assert np.isnan(ENGINE.times_s(shapeless, scenario.system.device)).all()
    assert np.isnan(ENGINE.times_s(scenario.workload.table, catalogue_device("t4"))).all()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"objectiv": "edp"}, "no setting 'objectiv'; did you mean 'objective'"),
        ({"objective": "epd"}, "mapper.objective: 'epd' is none of latency, energy, edp; did you mean 'edp'"),
        ({"effort": "9"}, "mapper.effort: '9' is not a whole number from 10"),
        ({"seed": "-1"}, "mapper.seed: '-1' is not a whole number from 0"),
        ({"cache": "of"}, "mapper.cache: 'of' is none of on, off; did you mean 'off'"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(given: dict[str, str], message: str) -> None:
    assert isinstance(ENGINE, Tunable)
    with pytest.raises(BadInput, match=message.replace("?", r"\?")):
        ENGINE.tuned(given)


def test_what_is_mapped_is_told_and_what_is_kept_is_not(tmp_path: Path) -> None:
    told: list[str] = []
    engine = MapperEngine(replace(QUICK, is_kept=True), tmp_path, told.append)
    engine.predict(on(TINY, SQUARE, WIDE))
    engine.predict(on(TINY, SQUARE, WIDE))
    assert told == ["mapping product 8x8 by 8x8, layer 1 of 2", "mapping product 4x8 by 8x16, layer 2 of 2"]
