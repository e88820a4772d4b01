"""Specs that were written from the documents alone end as their first transcripts say."""

import json
import re
import shutil
from pathlib import Path

import pytest

from gnomon.lab import doors
from gnomon.lab.units.local import local_host

FIRST_RUNS = Path(__file__).parent / "first_runs"
ATTEMPTS_AGAIN = {"heavy-ball": 1}


def laid_out(folder: Path, root: Path) -> Path:
    """Everything of the folder in the root, and its spec in `experiments/`."""
    shutil.copytree(folder, root, dirs_exist_ok=True)
    (spec,) = root.glob("exp-*.md")
    (root / "experiments").mkdir()
    return Path(shutil.move(spec, root / "experiments" / spec.name))


@pytest.mark.slow
@pytest.mark.parametrize("slug", sorted(each.name for each in FIRST_RUNS.iterdir()))
def test_a_first_run_ends_as_its_transcript_says(slug, tmp_path):
    transcript = (FIRST_RUNS / slug / "transcript.txt").read_text()
    told, verdicts = transcript.split("$ gnomon exp read ")
    spec = laid_out(FIRST_RUNS / slug, tmp_path)
    doors.register(spec)
    host = local_host()
    lacking = doors.preflight(spec, host)
    if any("enforcement" in each for each in lacking):
        pytest.skip(f"this machine cannot hold units as the spec asks: {lacking}")
    doors.run(spec, host=host)
    protocol = json.loads((doors.folder_of(spec) / "metrics.json").read_text())["_protocol"]
    units = int(re.search(r": completed, (\d+) units in ", told)[1])
    assert (protocol["status"], protocol["units"]["done"]) == ("completed", units)
    assert protocol["attempts"] == units + ATTEMPTS_AGAIN.get(slug, 0)
    assert doors.verify(spec).findings == ()
    read = [one.verdict for one in doors.read(spec).verdicts]
    assert read == re.findall(r"^\w+ +(pass|fail|undecidable) ", verdicts, re.MULTILINE)
