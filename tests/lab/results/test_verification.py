"""Sealed results: every changed byte is found, with the file or record it is in, and the anchors are told as they are."""

import random
import shlex
import subprocess
from datetime import UTC, datetime

import pytest

from gnomon.core.errors import BadInput
from gnomon.lab.results.verification import verify
from gnomon.lab.runs.experiment import run
from gnomon.lab.specs.registration import register
from tests.lab.plain_worker import HOST
from tests.lab.samples import SOUND, bytes_of, changed
from tests.long import LONG

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def _git(root, *words):
    subprocess.run(
        ["git", "-C", str(root), "-c", "user.name=a", "-c", "user.email=a@b", *words], check=True, capture_output=True
    )


@pytest.fixture(scope="module")
def sealed(tmp_path_factory):
    root = tmp_path_factory.mktemp("sealed")
    path = root / "experiments" / "exp-001-halves.md"
    path.parent.mkdir()
    path.write_bytes(bytes_of(SOUND))
    register(path, now=NOW)
    run(path, HOST)
    return path, root / "results" / path.stem


def _writable(path):
    path.chmod(0o644)
    return path


def test_an_untouched_run_is_whole(sealed):
    found = verify(*sealed)
    assert found.is_whole
    assert found.anchors == ()
    assert "nothing outside of the folder" in found.limits[0]


@pytest.mark.slow
def test_every_changed_byte_is_found_with_its_file(sealed):
    path, folder = sealed
    files = sorted(
        file for file in folder.rglob("*") if file.is_file() and file.name != ".lease" and file.stat().st_size
    )
    files += [path, path.with_name("exp-001-halves.lock.json")]
    source = random.Random(11)
    for _ in range(500 if LONG else 80):
        file = _writable(source.choice(files))
        before = file.read_bytes()
        changed = bytearray(before)
        place = source.randrange(len(before))
        changed[place] ^= 1 << source.randrange(8)
        file.write_bytes(bytes(changed))
        found = verify(path, folder)
        file.write_bytes(before)
        named = " ".join(finding.name for finding in found.findings)
        assert file.name in named or f"units/{file.parent.parent.name}" in named, (file, place)
    assert verify(path, folder).is_whole


@pytest.mark.slow
@pytest.mark.parametrize("change", ["missing", "extra", "linked journal", "no journal end", "no manifest", "no unit"])
def test_what_is_gone_or_added_is_told(tmp_path, change):
    path = tmp_path / "experiments" / "exp-001-halves.md"
    path.parent.mkdir()
    path.write_bytes(bytes_of(SOUND))
    register(path, now=NOW)
    run(path, HOST)
    folder = tmp_path / "results" / path.stem
    match change:
        case "missing":
            (folder / "metrics.json").unlink()
            expected = ("missing", "metrics.json")
        case "extra":
            (folder / "better.json").write_text("{}")
            expected = ("extra", "better.json")
        case "no journal end":
            journal = _writable(folder / "journal.jsonl")
            journal.write_bytes(b"".join(journal.read_bytes().splitlines(keepends=True)[:-1]))
            expected = ("journal", "journal.jsonl")
        case "linked journal":
            (folder / "journal.jsonl").rename(tmp_path / "elsewhere")
            (folder / "journal.jsonl").symlink_to(tmp_path / "elsewhere")
            expected = ("journal", "journal.jsonl")
        case "no manifest":
            (folder / "MANIFEST.sha256").unlink()
            expected = ("manifest", "MANIFEST.sha256")
        case "no unit":
            unit = next((folder / "units").iterdir())
            unit.rename(tmp_path / "away")
            expected = ("missing", f"units/{unit.name}/attempt-1/stdout.log")
    found = {(finding.kind, finding.name) for finding in verify(path, folder).findings}
    assert expected in found


def test_names_and_links_of_any_kind_are_neither_gone_nor_added(tmp_path):
    names = ["a\\nb", "a\nb", "line\u2028end\x0b", "two  spaces"]
    code = f"import os\nfor name in {names!r}:\n open(name, 'w').close()\n os.symlink('x  ' + name, 'link  ' + name)"
    arm = f"cd $GNOMON_ROOM && {{python}} -c {shlex.quote(code).replace('{', '{{')}; echo share=0.5"
    path = tmp_path / "experiments" / "exp-001-halves.md"
    path.parent.mkdir()
    path.write_bytes(bytes_of(changed(protocol__arms__1__command=arm)))
    register(path, now=NOW)
    run(path, HOST)
    folder = tmp_path / "results" / path.stem
    assert verify(path, folder).is_whole
    link = next(folder.glob("units/*/attempt-1/link  two*"))
    link.unlink()
    link.symlink_to("y  two  spaces")
    findings = verify(path, folder).findings
    assert {one.kind for one in findings} >= {"unit"}
    assert any(one.name.endswith("two  spaces") for one in findings)


def test_a_run_that_is_not_sealed_is_no_case_for_it(tmp_path):
    path = tmp_path / "experiments" / "exp-001-halves.md"
    path.parent.mkdir()
    path.write_bytes(bytes_of(SOUND))
    with pytest.raises(BadInput, match="no run"):
        verify(path, tmp_path / "results" / path.stem)


def test_anchors_are_those_that_are_there(tmp_path):
    _git(tmp_path, "init", "-q")
    _git(tmp_path, "config", "user.name", "a")
    _git(tmp_path, "config", "user.email", "a@b")
    path = tmp_path / "experiments" / "exp-001-halves.md"
    path.parent.mkdir()
    path.write_bytes(bytes_of(SOUND))
    _git(tmp_path, "add", "-A")
    _git(tmp_path, "commit", "-qm", "spec")
    register(path, now=NOW)
    run(path, HOST)
    before = verify(path, tmp_path / "results" / path.stem).anchors
    _git(tmp_path, "add", "-A")
    _git(tmp_path, "commit", "-qm", "results")
    after = verify(path, tmp_path / "results" / path.stem).anchors
    assert [anchor.split()[0] for anchor in before] == ["version", "tag"]
    assert after[0].startswith("the journal stands in commit")
