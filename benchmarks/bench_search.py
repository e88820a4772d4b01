"""The best mapping that a search finds, against what Timeloop's own mapper found in ten times as much CPU time."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

import pytest
from tests.engines.mapper.golden import SHARED

from gnomon.api.mapping_search import MappingSearch

_FILES = ("problem.yaml", "arch.yaml", "constraints.yaml", "ert.yaml")
_LEAST_S, _MOST_S = 1.0, 10.0  # of a search; else a tenth of the CPU seconds of Timeloop's mapper
_MOST_GAP = {"latency": 0.05, "energy": 0.15, "edp": 0.35}  # in the median


def _recorded() -> list[dict[str, Any]]:
    summary = SHARED / "mapper" / "summary.json"
    return json.loads(summary.read_text()) if summary.exists() else []


def _searched(name: str, objective: str, budget_s: float, *, ragged: bool, rules: str = "timeloop") -> MappingSearch:
    folder: Path = SHARED / "mapper" / name
    files = [folder / file for file in _FILES if (folder / file).exists()]
    search = MappingSearch(files, objective=objective, ragged=ragged, rules=rules)
    search.run(budget_s)
    return search


@pytest.mark.parametrize("ragged", [False, True], ids=["even", "ragged"])
def test_no_mapping_is_worse_than_the_one_that_timeloop_found(report, ragged: bool) -> None:
    if not _recorded():
        pytest.skip("no reference cases in ../shared: GNOMON_SHARED names their folder")
    ratios, gaps = [], []
    for one in _recorded():
        budget_s = min(max(one["cpu_s"] / 10, _LEAST_S), _MOST_S)
        made = _searched(one["name"], "edp", budget_s, ragged=ragged)
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
def test_the_gap_on_layers_of_resnet_50_is_small(report, objective: str, rules: str) -> None:
    names = sorted({one["name"].split("__alg")[0].split("__long")[0] for one in _recorded()})
    layers = [name for name in names if name.startswith("eyeriss__rn50")]
    if not layers:
        pytest.skip("no reference cases in ../shared: GNOMON_SHARED names their folder")
    gaps = []
    for name in layers:
        gap = _searched(name, objective, 10.0, ragged=True, rules=rules).bounds()[objective]["gap"]
        report(f"{name}: {gap:.1%} after 10 s by {rules}'s rules")
        gaps.append(gap)
    report(
        f"{objective}: median gap {statistics.median(gaps):.1%} of {len(gaps)} layers (bar: {_MOST_GAP[objective]:.0%})"
    )
    assert statistics.median(gaps) <= _MOST_GAP[objective]
