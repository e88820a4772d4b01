"""How long it takes to write down what is installed, against the reading of the same lists of files by importlib."""

from __future__ import annotations

from importlib.metadata import distributions

from benchmarks.conftest import median_ratio
from gnomon.lab.runs.packages import installed


def _lists_of_files() -> None:
    for distribution in distributions():
        assert distribution.files is None or any(file.name == "RECORD" for file in distribution.files)


def test_packages_and_their_digests_take_half_of_a_reading_of_their_lists_at_most(report) -> None:
    ratio = median_ratio(installed, _lists_of_files)
    report(f"packages with the digests of their records: {ratio:.2f} times `distribution.files` of each (bar: 0.5)")
    assert ratio <= 0.5
