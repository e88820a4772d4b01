"""Differences of models are sums of terms."""

from dataclasses import replace

import pytest

from gnomon.api.mapping_comparison import difference, question_of
from gnomon.api.mapping_tools import mapper_answer
from gnomon.core.card import Card, differing
from gnomon.core.tool import Answer, EnergyPart
from gnomon.engines.mapper.card import CARD
from gnomon.formats.timeloop.read import read
from gnomon.tools.answers import checked
from tests.adapters.asked import QUESTIONS
from tests.engines.mapper.golden import own_cases


def _answer(tool, terms, parts):
    return Answer(
        tool=tool,
        version="1",
        card=CARD,
        cycles=sum(terms.values()),
        cycle_terms=terms,
        energy_pj=sum(parts.values()) if parts else None,
        energy_parts=tuple(
            EnergyPart(part=part, space=space, energy_pj=energy_pj) for (part, space), energy_pj in parts.items()
        ),
    )


def test_a_difference_is_the_sum_of_its_terms():
    one = _answer("a", {"ideal": 100.0, "stalls": 30.0, "first load": 5.0}, {("DRAM", "W"): 7.0, ("MAC", ""): 1.0})
    other = _answer("b", {"ideal": 100.0, "idle units": 10.0}, {("DRAM", "W"): 4.0, ("RF", "W"): 2.0, ("MAC", ""): 1.0})
    found = difference(one, other)
    assert found.cycles == sum(found.terms.values()) == 25
    assert found.terms == {"idle units": -10.0, "stalls": 30.0, "first load": 5.0}
    assert found.energy_pj == sum(found.energies_pj.values()) == 1
    assert found.energies_pj == {("DRAM", "W"): 3.0, ("RF", "W"): -2.0}


def test_without_the_energy_of_one_there_is_no_difference_of_energies():
    found = difference(_answer("a", {"ideal": 1.0}, {}), _answer("b", {"ideal": 1.0}, {("MAC", ""): 1.0}))
    assert (found.energy_pj, found.energies_pj) == (None, {})


def test_cards_differ_in_terms_and_not_in_names():
    other = replace(CARD, tool="x", version="y", ports="in turn", tiles="divisors")
    assert differing((CARD, other)) == ("ports", "tiles")
    assert differing((CARD, CARD)) == differing(()) == ()
    assert set(Card.__dataclass_fields__) == set(CARD.told())


@pytest.mark.parametrize(
    ("terms", "energy_pj", "told"),
    [
        ({"ideal": 0.0}, None, "0 cycles: something was not counted"),
        ({"ideal": float("nan")}, None, "nan cycles"),
        ({"ideal": 5.0}, 0.0, "0 pJ: something was not counted"),
    ],
)
def test_a_total_that_cannot_be_one_is_refused(terms, energy_pj, told):
    with pytest.raises(Exception, match=told):
        checked(replace(_answer("a", terms, {}), energy_pj=energy_pj))


def test_the_ideal_is_that_of_all_work_whatever_a_model_rounds_off():
    case = next(case for case in own_cases() if case.name == "37_imperfect_spatial")
    question = question_of(read([case / f"{name}.yaml" for name in ("problem", "arch", "mapping", "ert")]))
    assert question.nest is not None
    found = mapper_answer(question, question.nest)
    # 13 x 8 x 8 multiply-accumulates, of which Timeloop's rounding leaves 768
    assert found.cycle_terms["ideal"] == 832 / question.accelerator.units.instances
    assert sum(found.cycle_terms.values()) == found.cycles


def test_a_total_that_is_not_its_parts_is_refused():
    answer = _answer("a", {"ideal": 5.0}, {("MAC", ""): 3.0})
    with pytest.raises(Exception, match="a gave a total of 6 cycles, which is not the sum of ideal 5"):
        checked(replace(answer, cycles=6.0))
    with pytest.raises(Exception, match="a gave a total of 4 pJ, but its parts add up to 3 pJ"):
        checked(replace(answer, energy_pj=4.0))


def test_what_a_memory_may_keep_comes_from_the_mapping_or_the_constraints():
    case = next(case for case in own_cases() if case.name == "11_gemm_bypass")
    given = read(sorted(case.glob("*.yaml")))
    assert given.nest is not None
    assert question_of(given).kept == tuple(tiling.kept for tiling in given.nest.tilings)
    assert [sorted(kept) for kept in QUESTIONS["eyeriss_p"]().kept] == [
        ["Z"],
        ["B"],
        ["A"],
        ["A", "Z"],
        ["A", "B", "Z"],
    ]
