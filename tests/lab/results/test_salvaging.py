"""What is sound of a broken run comes over into a new folder, and nothing else; the broken run stays as it is."""

import json
from datetime import UTC, datetime

import pytest

from gnomon.cli.main import main
from gnomon.core.errors import BadInput
from gnomon.lab.results.salvaging import ACCOUNT, salvage
from gnomon.lab.runs.experiment import run
from gnomon.lab.specs.registration import register
from gnomon.lab.store.journal import scan
from gnomon.lab.store.run_folder import digest_of_tree
from tests.lab.plain_worker import HOST
from tests.lab.samples import bytes_of, changed

NOW = datetime(2026, 1, 1, tzinfo=UTC)
# A file with an odd name, a link and a pipe in every unit's folder.
LITTER = 'cd "$GNOMON_ROOM"; touch "$(printf \'a\\nb\')"; ln -s /nowhere link; mkfifo pipe; echo share=0.5'


@pytest.fixture
def place(tmp_path):
    path = tmp_path / "experiments" / "exp-001-halves.md"
    path.parent.mkdir()
    path.write_bytes(bytes_of(changed(protocol__arms__1__command=LITTER, mve=...)))
    register(path, now=NOW)
    run(path, HOST)
    return path, tmp_path / "results" / path.stem


def _edit(file, change):
    file.chmod(0o644)
    file.write_bytes(change(file.read_bytes()))


def _records(journal):
    records = []
    found = scan(journal, records.append)
    assert not found.fault and not found.torn_bytes
    return records


def _break(place, number):
    """Change a byte of a record of the journal."""
    lines = (place[1] / "journal.jsonl").read_bytes().splitlines(keepends=True)
    lines[number] = lines[number].replace(b'"kind":"', b'"kind":"x', 1)
    _edit(place[1] / "journal.jsonl", lambda raw: b"".join(lines))
    return lines


@pytest.mark.slow
@pytest.mark.parametrize("number", [0, 1, 9, 17, 30])
def test_the_records_before_the_first_bad_one_and_the_units_they_bind_come_over(place, tmp_path, number):
    lines = _break(place, number)
    before = digest_of_tree(place[1])
    found = salvage(place[1], tmp_path / "saved")
    records = _records(found.folder / "journal.jsonl")
    assert (found.folder / "journal.jsonl").read_bytes() == b"".join(lines[:number])
    assert found.records == len(records) == number
    done = [record for record in records if record["kind"] == "unit_done"]
    assert found.units == len(done) == len(list(found.folder.glob("units/*/*")))
    for record in done:
        folder = found.folder / "units" / record["unit"] / f"attempt-{record['attempt']}"
        assert digest_of_tree(folder) == record["result_sha256"]
    assert (found.folder / "spec.md").exists() == (number > 0)
    assert not (found.folder / "metrics.json").exists()
    told = {one.name: one.why for one in found.left}
    assert f"record {number}" in told[next(name for name in told if name.startswith("journal.jsonl, "))]
    assert told["metrics.json"] == "no sound record binds it"
    assert sum(name.startswith("units/") for name in told) == 13 - len(done)
    assert digest_of_tree(place[1]) == before


def test_a_unit_whose_bytes_were_changed_does_not_come_over(place, tmp_path):
    changed_one, gone = sorted((place[1] / "units").iterdir())[:2]
    _edit(next(changed_one.glob("*/stdout.log")), lambda raw: b"share=0.1\n")
    gone.rename(tmp_path / "away")
    found = salvage(place[1], tmp_path / "saved")
    assert (found.records, found.units) == (len(_records(place[1] / "journal.jsonl")), 11)
    assert {(one.name, one.why) for one in found.left} == {
        (f"units/{changed_one.name}/attempt-1", "not the bytes that were recorded"),
        (f"units/{gone.name}/attempt-1", "gone"),
    }


def test_of_a_sealed_run_every_listed_file_with_its_digest_comes_over(place, tmp_path):
    _edit(place[1] / "metrics.json", lambda raw: b"{")
    (place[1] / "better.json").write_text("{}")
    found = salvage(place[1], tmp_path / "saved")
    assert {(one.name, one.why) for one in found.left} == {
        ("metrics.json", "not the bytes that were recorded"),
        ("better.json", "no sound record binds it"),
    }
    assert (found.folder / "config.json").read_bytes() == (place[1] / "config.json").read_bytes()
    account = json.loads((found.folder / ACCOUNT).read_bytes())
    assert (account["records"], len(account["units"])) == (found.records, 13)
    assert {"MANIFEST.sha256", "spec.md", "config.json"} <= set(account["files"])


def test_a_folder_that_is_there_or_inside_of_the_run_is_refused(place, tmp_path):
    with pytest.raises(BadInput, match="exists already; name a folder that does not"):
        salvage(place[1], tmp_path)
    with pytest.raises(BadInput, match="inside of the run"):
        salvage(place[1], place[1] / "saved")
    with pytest.raises(BadInput, match="no run"):
        salvage(tmp_path / "nowhere", tmp_path / "saved")
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot be written"):
        salvage(place[1], tmp_path / "file" / "saved")
    assert not (tmp_path / "saved").exists()


def test_the_command_line_tells_what_came_over_and_ends_in_14(place, tmp_path, capsys):
    _break(place, 9)
    into = tmp_path / "saved"
    assert main(["exp", "verify", str(place[0]), "--salvage", str(into)]) == 14
    said = capsys.readouterr()
    assert "journal: journal.jsonl: record 9: " in said.out
    assert f"{into}: 9 records, 1 unit and 1 file came over" in said.out
    assert "left: metrics.json: no sound record binds it" in said.out
    assert main(["exp", "verify", str(place[0]), "--salvage", str(into)]) == 3
    assert "exists already" in capsys.readouterr().err
    assert main(["exp", "verify", str(place[0]), "--salvage", str(tmp_path / "other"), "--json"]) == 14
    assert json.loads(capsys.readouterr().out)["salvaged"]["records"] == 9


def test_of_a_whole_run_nothing_is_copied(place, tmp_path, capsys):
    assert main(["exp", "verify", str(place[0]), "--salvage", str(tmp_path / "saved")]) == 0
    assert "nothing is broken: nothing was copied" in capsys.readouterr().err
    assert not (tmp_path / "saved").exists()
