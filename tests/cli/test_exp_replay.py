"""`gnomon exp replay`: one unit alone, with its command and log, and nothing recorded."""

import re

import pytest

from gnomon.lab.errors import MissingMetrics
from gnomon.lab.runs.experiment import run
from gnomon.lab.runs.runner import now
from gnomon.lab.specs.registration import register
from tests.lab.plain_worker import HOST
from tests.lab.samples import bytes_of, changed

FAILS = 'echo before; echo "seed {seed}: out of luck" >&2; [ {seed} != 1 ] || exit 3; echo share=0.5'


@pytest.fixture
def ran(tmp_path):
    """A spec whose run has two units that failed, and what it said at its end."""
    path = tmp_path / "experiments" / "exp-001-halves.md"
    path.parent.mkdir()
    path.write_bytes(bytes_of(changed(protocol__arms__1__command=FAILS)))
    register(path, now=now())
    with pytest.raises(MissingMetrics) as fault:
        run(path, HOST)
    return path, str(fault.value)


def test_the_end_of_a_run_names_a_unit_and_it_can_be_run_alone(gnomon, ran):
    path, told = ran
    folder = path.parent.parent / "results" / path.stem
    journal = (folder / "journal.jsonl").read_bytes()
    (unit,) = re.findall(rf"`gnomon exp replay {re.escape(str(path))} (\w+)`", told)
    found = gnomon("exp", "replay", str(path), unit)
    assert found.code == 13
    assert "full/half/small/1" in found.out
    assert "GNOMON_SEED=1 GNOMON_ARM=half" in found.out
    assert f"recorded: {folder}/units/{unit}/attempt-1" in found.out
    assert (
        "--- stdout.log\nbefore\n--- stderr.log\nseed 1: out of luck\n---\nexit 3: seed 1: out of luck, " in found.out
    )
    assert (folder / "journal.jsonl").read_bytes() == journal


def test_a_unit_is_found_by_its_place_and_gives_its_numbers(gnomon, ran):
    found = gnomon("exp", "replay", str(ran[0]), "full/half/small/2", "--json")
    assert found.code == 0
    assert (found.json["metrics"], found.json["failure"]) == ({"share": 0.5, "twice": 1.0}, None)
    assert found.json["command"][:2] == ["/bin/sh", "-c"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("full/half/smal/2", "no unit 'full/half/smal/2'; did you mean 'full/half/small/0'?"),
        ("half/small/0", "'half/small/0' names 2 units: mve/half/small/0, full/half/small/0"),
        ("", "no unit ''"),
    ],
)
def test_a_unit_that_is_not_there_is_told_with_the_nearest(gnomon, ran, name, told):
    found = gnomon("exp", "replay", str(ran[0]), name)
    assert (found.code, found.out) == (3, "")
    assert told in found.err
    assert len(found.err.splitlines()) == 1
