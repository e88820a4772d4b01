"""The doors of `gnomon.lab`: every public name is there, and a path may be text."""

import subprocess
import sys
from types import ModuleType

import pytest

from gnomon import lab
from gnomon.core.errors import BadInput
from gnomon.lab import doors
from gnomon.lab import errors as lab_errors
from gnomon.lab.store.seal import MANIFEST
from tests.lab.exports.runs import registered_spec, sealed
from tests.lab.plain_worker import HOST


@pytest.mark.parametrize("name", lab.__all__)
def test_every_public_name_is_a_door_whatever_was_imported_before(name):
    assert callable(getattr(lab, name))
    assert not isinstance(getattr(lab, name), ModuleType)
    assert getattr(lab, name).__doc__


def test_no_module_of_the_lab_has_the_name_of_a_door():
    """A module that is imported becomes an attribute of its package, and would stand in the door's place."""
    code = "import gnomon.lab as l, pkgutil; print([m.name for m in pkgutil.iter_modules(l.__path__) if m.name in l.__all__])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "[]\n"


def test_a_text_is_as_good_as_a_path(tmp_path):
    path = str(registered_spec(tmp_path))
    assert lab.faults(path) == ()
    assert lab.planned(path).units
    assert lab.preflight(path, HOST) == []
    assert lab.run(path, host=HOST).end == "completed"
    assert lab.status(path).state.is_sealed
    assert lab.verify(path).is_whole
    assert lab.read(path).verdicts
    assert lab.export(path, "csv", str(tmp_path / "o.csv")).counts["rows"]
    assert lab.replay(path, "full/half/small/1", host=HOST).observed.values["share"] == 0.5
    name, _ = lab.replicate(path, host=HOST)
    assert lab.status(path, name).state.is_sealed
    assert lab.register(path).lock.version == 0
    with pytest.raises(BadInput, match="sealed already"):
        lab.note(path, "a fact")


def test_a_text_is_as_good_as_a_path_before_a_spec_is_there(tmp_path):
    assert lab.new_spec(str(tmp_path), "a").name == "exp-001-a.md"
    (tmp_path / "plan.md").write_text("# A plan\n\nWords.\n")
    assert lab.import_markdown(str(tmp_path), str(tmp_path / "plan.md")).path.name == "exp-002-plan.md"


def test_a_broken_run_is_salvaged_by_texts(tmp_path):
    path = sealed(tmp_path)
    (doors.folder_of(path) / MANIFEST).unlink()
    assert lab.salvage(str(path), str(tmp_path / "saved")).folder == tmp_path / "saved"


def test_attempts_are_in_the_order_of_their_numbers(tmp_path):
    path = registered_spec(tmp_path)
    for number in (10, 2, 1, 9):
        (doors.folder_of(path) / "units" / "u" / f"attempt-{number}").mkdir(parents=True)
    (doors.folder_of(path) / "units" / "u" / "attempt-3.lost").mkdir()
    found = [folder.name for folder in doors.attempts(path, "u")]
    assert found == ["attempt-1", "attempt-2", "attempt-3.lost", "attempt-9", "attempt-10"]


@pytest.mark.parametrize(
    ("there", "name"),
    [((), "run-2"), (("run-2",), "run-3"), (("run-3",), "run-4"), (("run-2", "run-10"), "run-11")],
)
def test_the_next_replicate_has_a_name_that_none_had(tmp_path, there, name):
    path = sealed(tmp_path)
    for one in there:
        folder = doors.folder_of(path) / "runs" / one
        folder.mkdir(parents=True)
        for file in ("journal.jsonl", MANIFEST):
            (folder / file).write_bytes((doors.folder_of(path) / file).read_bytes())
    assert doors.next_replicate(path) == name


@pytest.mark.slow
@pytest.mark.parametrize("step", ["status", "verify", "read", "stop", "run"])
def test_a_replicate_that_is_not_there_is_told_with_those_that_are(tmp_path, step):
    path = sealed(tmp_path)
    with pytest.raises(BadInput, match=r"no replicate 'run-9' \(there is none; `gnomon exp replicate .*` makes one\)"):
        getattr(lab, step)(path, "run-9")
    lab.replicate(path, host=HOST)
    with pytest.raises(BadInput, match=r"no replicate '\.\.' \(there are run-2\)$"):
        getattr(lab, step)(path, "..")
    with pytest.raises(BadInput, match="no replicate 'rnu-2'; did you mean 'run-2'"):
        getattr(lab, step)(path, "rnu-2")


def test_a_replicate_has_notes_and_overages_of_its_own(tmp_path):
    path = sealed(tmp_path)
    with pytest.raises(lab_errors.OutOfTime):
        lab.replicate(path, host=HOST, most_s=0.0)
    assert lab.note(path, "rebooted at 10:03", "run-2") == []
    lab.justify(path, "runs", "a disk was full", "run-2")
    assert lab.status(path, "run-2").state.overages[0]["text"] == "a disk was full"
    assert lab.run(path, "run-2", host=HOST).end == "completed"
    assert "rebooted" in (doors.folder_of(path, "run-2") / "journal.jsonl").read_text()
    assert "rebooted" not in (doors.folder_of(path) / "journal.jsonl").read_text()
