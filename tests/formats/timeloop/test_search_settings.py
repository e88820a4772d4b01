from pathlib import Path

import pytest

from gnomon.core.errors import BadInput
from gnomon.formats.timeloop.read import read
from gnomon.formats.timeloop.search_settings import SearchSettings
from tests.formats.timeloop.small import ARCHITECTURE, PROBLEM, write


def _read(folder: Path, text: str) -> SearchSettings:
    return read(write(folder, {"problem.yaml": PROBLEM, "arch.yaml": ARCHITECTURE, "mapper.yaml": text})).search


@pytest.mark.parametrize(
    ("text", "objectives", "is_ragged"),
    [
        ("mapper: {version: 0.4, algorithm: hybrid, timeout: 1000}", (), None),
        ("mapper:", (), None),
        ("mapper: {optimization_metrics: [delay, energy]}", ("delay", "energy"), None),
        (
            "mapper: {optimization_metrics: [last_level_accesses, accesses-0]}",
            ("last_level_accesses", "accesses-0"),
            None,
        ),
        ("mapper: {optimization-metrics: [last-level-accesses], num-threads: 8}", ("last_level_accesses",), None),
        ("mapper: {optimization_metric: edp}", ("edp",), None),
        ("mapspace: {template: ruby}", (), True),
        ("mapspace_constraints: {template: uber, targets: []}", (), False),
        ("mapspace: {constraints: []}", (), None),
        ("mapspace: []", (), None),
    ],
)
def test_what_is_asked_of_a_search(text, objectives, is_ragged, tmp_path):
    assert _read(tmp_path, text + "\n") == SearchSettings(objectives=objectives, is_ragged=is_ragged)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mapper: {algoritm: hybrid}", "mapper.algoritm: unknown key; did you mean 'algorithm'?"),
        ("mapper: {template: ruby}", "mapper.template: belongs to 'mapspace:'"),
        ("mapper: {optimization_metrics: [energi]}", "mapper.optimization_metrics.0: 'energi' is no metric; did you mean 'energy'? (known: edp, energy, delay, last_level_accesses, ordered_accesses, accesses-0)"),
        ("mapper: {optimization_metrics: [accesses-x]}", "mapper.optimization_metrics.0: 'accesses-x' is no metric; did you mean 'ordered_accesses'? (known: edp, energy, delay, last_level_accesses, ordered_accesses, accesses-0)"),
        ("mapspace: {template: rubi}", "mapspace.template: 'rubi' is no template; did you mean 'ruby'? (known: uber, ruby)"),
        ("mapper: hybrid", "mapper: expected a mapping of keys, not 'hybrid'"),
    ],
)  # fmt: skip
def test_what_no_search_knows_is_refused(text, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput) as fault:
        _read(Path(), text + "\n")
    assert str(fault.value) == f"mapper.yaml:1: {message}"
