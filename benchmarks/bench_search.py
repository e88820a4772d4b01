"""The best mapping that a search finds, against what Timeloop's own mapper found in ten times as much CPU time."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

import pytest
from tests.engines.mapper.golden import SHARED

from gnomon.api.mapping_search import MappingSearch
from gnomon.core.plan import Plan
from gnomon.engines.mapper.layers import layers
from gnomon.formats.timeloop.problem_text import problem_text
from gnomon.zoo.models import model

_FILES = ("problem.yaml", "arch.yaml", "constraints.yaml", "ert.yaml")
_LEAST_S, _MOST_S = 1.0, 10.0  # of a search; else a tenth of the CPU seconds of Timeloop's mapper
_MOST_GAP = {"latency": 0.05, "energy": 0.15, "edp": 0.35}  # in the median


def _recorded() -> list[dict[str, Any]]:
    summary = SHARED / "mapper" / "summary.json"
    return json.loads(summary.read_text()) if summary.exists() else []


def _searched(name: str, budget_s: float, *, ragged: bool) -> MappingSearch:
    folder: Path = SHARED / "mapper" / name
    files = [folder / file for file in _FILES if (folder / file).exists()]
    search = MappingSearch(files, objective="edp", ragged=ragged)
    search.run(budget_s)
    return search


@pytest.mark.parametrize("ragged", [False, True], ids=["even", "ragged"])
def test_no_mapping_is_worse_than_the_one_that_timeloop_found(report, ragged: bool) -> None:
    if not _recorded():
        pytest.skip("no reference cases in ../shared: GNOMON_SHARED names their folder")
    ratios, gaps = [], []
    for one in _recorded():
        budget_s = min(max(one["cpu_s"] / 10, _LEAST_S), _MOST_S)
        made = _searched(one["name"], budget_s, ragged=ragged)
        ratio = made.mappings()[0].edp_pj_cycles / one["best"]["edp_pJ_cycles"]
        gap = made.bounds()["edp"]["gap"]
        proved = ", proved" if made.search.is_proved() else ""
        report(f"{one['name']}: {ratio:.3f} of its EDP in {budget_s:.1f} s, gap {gap:.1%}{proved}")
        ratios.append(ratio)
        gaps.append(gap)
    report(f"{len(ratios)} pairs: largest ratio {max(ratios):.3f}, median {statistics.median(ratios):.3f}")
    assert max(ratios) <= 1 + 1e-6


@pytest.mark.parametrize("rules", ["timeloop", "gnomon"])
@pytest.mark.parametrize("objective", _MOST_GAP)
def test_the_gap_on_layers_of_resnet_50_is_small(report, tmp_path: Path, objective: str, rules: str) -> None:
    gaps = []
    for at, layer in enumerate(layers(model("resnet-50").build(Plan())).layers):
        file = tmp_path / f"{at}.yaml"
        file.write_text(problem_text(layer.problem))
        search = MappingSearch([file], on="eyeriss-like", objective=objective, ragged=True, rules=rules)
        search.run(_MOST_S)
        gap = search.bounds()[objective]["gap"]
        report(f"{layer.nodes[0]}, {objective}: {gap:.1%} after {_MOST_S:.0f} s by {rules}'s rules")
        gaps.append(gap)
    report(
        f"{objective}, {rules}'s rules: median gap {statistics.median(gaps):.1%}, largest {max(gaps):.1%} "
        f"of {len(gaps)} layers (bar: {_MOST_GAP[objective]:.0%} in the median)"
    )
    assert statistics.median(gaps) <= _MOST_GAP[objective]
