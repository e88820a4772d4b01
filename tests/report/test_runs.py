"""The page of a run: what its journal says, the verdict that was read and no other, and whether it is as it was sealed."""

from __future__ import annotations

import json
import re
import shutil
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from gnomon.core.errors import BadInput
from gnomon.lab import doors
from gnomon.lab.errors import Tampered
from gnomon.lab.runs.experiment import run
from gnomon.lab.store.run_folder import RunFolder
from gnomon.lab.store.seal import close_files
from gnomon.report.documents import run_document
from gnomon.report.facts.run_tables import lanes
from gnomon.report.pages import Page, page
from gnomon.report.runs import read_run
from tests.lab.plain_worker import HOST
from tests.report.runs import ended, forge, read, registered, resumed, rewrite, spec_of
from tests.report.test_pages import HOSTILE, data_of, figure_table, table_of

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return read(ended(tmp_path_factory.mktemp("sealed")))


@pytest.fixture
def copied(sealed: Path, tmp_path: Path) -> Path:
    """The sealed run, to be changed."""
    root = tmp_path / "copied"
    shutil.copytree(sealed.parent.parent, root)
    return root / "results" / sealed.name


def page_of(*sources: Path) -> Page:
    return page([run_document(source) for source in sources])


def words_of(found: Page) -> str:
    """What a reader sees written out, without the figures and long tables."""
    body = found.html.split("<main>")[1].split("</main>")[0]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


def grid_of(found: Page, title: str) -> dict[str, list[Any]]:
    data = data_of(found.html)
    return table_of(data, next(grid["table"] for grid in data["grids"].values() if grid["title"] == title))


# --- what a whole run tells


def test_a_sealed_run_tells_its_question_its_end_and_its_verdict(sealed: Path):
    words = words_of(page_of(sealed))
    assert "half is at most 0.6 of the whole metric share expected below 0.6 held against the whole" in words
    assert "end completed every unit ended seal whole" in words
    assert "less pass mean(half.share) < 0.6 * mean(whole.share) 0.5 0.6 -0.1 to -0.1 primary" in words
    assert "whole whole share 1 ± 1 % of it 1 within reproduction" in words
    assert "violations none" in words


def test_the_numbers_of_the_page_are_those_of_metrics_json(sealed: Path):
    found, metrics = page_of(sealed), json.loads((sealed / "metrics.json").read_text())
    for name in ("share", "twice"):
        figure = next(one for one in found.figures if one.title == name)
        drawn = list(zip(*(figure.table[column] for column in ("arm", "cell", "seed", "value")), strict=True))
        assert sorted(drawn) == sorted(
            (one["arm"], one["cell"], one["seed"], one["metrics"][name]) for one in metrics["per_seed"]
        )
    words = words_of(found)
    for arm, role in (("whole", "baseline"), ("half", "treatment")):
        one = metrics["_protocol"]["stats"][arm]["share"]
        assert f"share {arm} {role} {one['mean']:g} ± {one['ci95']:g} {one['std']:g} {one['n']} lower" in words
    assert metrics["_protocol"]["spec_sha256"] in words
    units = grid_of(found, "Unit by unit")
    assert len(units["unit"]) == 13
    assert units["size"][:6] == [10, 10, 10, 20, 20, 20]


def test_the_sealed_files_are_listed_with_their_digests(sealed: Path):
    files = grid_of(page_of(sealed), "Files")
    listed = (sealed / "MANIFEST.sha256").read_text().splitlines()
    assert [f"{digest}  {name}" for name, digest in zip(files["file"], files["sha256"], strict=True)] == listed


def test_a_spec_its_folder_and_a_file_in_it_name_the_same_run(sealed: Path):
    pages = [page_of(source).html for source in (spec_of(sealed), sealed, sealed / "metrics.json")]
    assert len({data_of(one)["tables"]["t0"][0]["name"] for one in pages}) == 1
    assert len({html.split("From ")[1].split("</p>", 1)[1] for html in pages}) == 1


def test_a_replicate_has_a_page_and_its_name_in_the_commands(copied: Path):
    run(spec_of(copied), HOST, folder=copied / "runs" / "run-2")
    words = words_of(page_of(copied / "runs" / "run-2"))
    assert "`" not in words
    assert "gnomon exp read experiments/exp-001-halves.md --run run-2 gives it" in words


def test_what_ran_at_the_same_time_stands_in_lanes_of_its_own(tmp_path: Path):
    folder = ended(tmp_path, protocol__workers=3, protocol__arms__1__command="sleep 0.1; echo share=0.5")
    found = lanes(read_run(folder))
    assert [lane.name for lane in found if lane.name.startswith("full")] == [
        "full: half",
        "full: half (2)",
        "full: half (3)",
    ]
    for lane in found:
        assert all(one.end_s <= after.start_s for one, after in zip(lane.tries, lane.tries[1:], strict=False))
    assert sum(len(lane.tries) for lane in found) == 14


@pytest.mark.slow
@pytest.mark.parametrize("folder", sorted((ROOT / "results").glob("exp-*")), ids=lambda folder: folder.name)
def test_each_of_our_own_experiments_has_a_page(folder: Path):
    found = page_of(folder)
    assert found.alarms == ()
    assert {"values-by-arm", "course"} == {figure.kind for figure in found.figures}
    assert "seal whole" in words_of(found)


# --- verdicts


def test_a_run_that_was_not_read_names_the_command_that_reads_it(copied: Path):
    (copied / "verdict.json").unlink()
    words = words_of(page_of(copied))
    assert "No verdict yet: gnomon exp read experiments/exp-001-halves.md gives it." in words
    assert "pass" not in words


@pytest.mark.parametrize("text", ["{", "[]", '{"criteria": [{"verdict": "pass"}]}'])
def test_a_verdict_that_the_numbers_do_not_give_is_not_shown(copied: Path, text: str):
    (copied / "verdict.json").write_text(text)
    words = words_of(page_of(copied))
    assert "verdict.json is not what the criteria say of the sealed numbers" in words
    rewritten = json.loads(read(copied).joinpath("verdict.json").read_text())
    rewritten["criteria"][0]["verdict"] = "fail"
    (copied / "verdict.json").write_text(json.dumps(rewritten))
    assert "is not what the criteria say" in words_of(page_of(copied))


# --- runs that ended otherwise


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"abort": [{"id": "no", "expr": "share < 0.6"}]}, "end aborted no: share < 0.6, after half/small/0"),
        ({"sanity__0__command": "exit 3"}, "shell failed exit 3"),
        ({"baselines__0__expected": {"share": {"value": 3.0, "tol_rel": 0.1}}}, "share 3 ± 10 % of it 1 outside"),
        ({"mve__pass_if": "max(half.share) < 0.1"}, "end mve failed max(half.share) < 0.1: does not hold"),
        ({"budget__max_runs": 14, "protocol__retries": 1, "protocol__arms__1__command": "false"}, "1 failed"),
    ],
    ids=["aborted", "sanity", "baseline", "mve", "budget"],
)
def test_however_a_run_ended_its_page_tells_it(tmp_path: Path, fields: dict[str, Any], told: str):
    words = words_of(page_of(ended(tmp_path, **fields)))
    assert told in words
    assert "not run" in words
    assert "seal whole" in words


def test_every_missing_value_has_its_reason(tmp_path: Path):
    folder = ended(tmp_path, protocol__arms__1__command="test $GNOMON_SEED != 1 && echo share=0.5")
    found = grid_of(page_of(folder), "Missing values")
    assert list(zip(found["cell"], found["seed"], found["metric"], found["reason"], strict=True)) == [
        ("small", 1, "all", "exit 1"),
        ("large", 1, "all", "exit 1"),
    ]


@pytest.mark.slow
def test_an_interrupted_run_says_how_far_it_is_and_a_resumed_one_where_it_went_on(tmp_path: Path):
    folder = ended(tmp_path, most_s=1.0, protocol__arms__1__command="sleep 0.4; echo share=0.5")
    found = page_of(folder)
    words = words_of(found)
    assert "interrupted in phase full; gnomon exp resume experiments/exp-001-halves.md goes on" in words
    assert "not sealed nothing to hold it against until it ends" in words
    assert "No verdict: criteria are read of a sealed run." in words
    assert "It is written down when the run is sealed." in words
    assert found.alarms == ()
    doors.justify(spec_of(folder), "wall_clock", "an errand")
    doors.note(spec_of(folder), "a fact")
    found = page_of(resumed(folder))
    assert "It was interrupted and resumed once." in next(one.alt for one in found.figures if one.kind == "course")
    assert "wall-clock time an errand" in words_of(found)
    assert "Notes a fact" in words_of(found)


# --- tampering, and what is no run


def test_a_run_that_was_tampered_with_says_so_first_and_withholds_its_verdict(copied: Path):
    rewrite(copied / "metrics.json", "0.5", "0.4")
    rewrite(copied / "config.json", '"cores"', '"c0res"')
    found = page_of(copied)
    (alarm,) = found.alarms
    assert alarm.startswith("This run is not as it was registered and sealed: config.json: sha256 is")
    words = words_of(found)
    assert words.index("This run is not as it was") < words.index("Question")
    assert "criteria are read only of a run that is as it was sealed" in words
    assert "share half treatment 0.5" in words
    assert "config.json is not as it was sealed" in words
    assert re.search(r"seal not as it was sealed \d+ records", words)


def test_a_spec_that_is_gone_is_read_from_its_lock_and_missed(copied: Path):
    spec_of(copied).unlink()
    (copied / "spec.md").unlink()
    found = page_of(copied)
    assert "exp-001-halves.md: the registered file is gone" in found.alarms[0]
    assert "half is at most 0.6 of the whole" in words_of(found)
    spec_of(copied).with_suffix(".lock.json").unlink()
    with pytest.raises(Tampered, match=r"spec.md: not the spec that the journal says ran .* restore it"):
        page_of(copied)


def test_a_journal_that_does_not_fit_together_has_no_page(copied: Path):
    rewrite(copied / "journal.jsonl", '"end":"completed"', '"end":"completes"')
    with pytest.raises(Tampered, match=r"journal.jsonl: record \d+: its digest does not fit; .* restore the file"):
        page_of(copied)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("unit_done", {"metrics": {"share": float("nan")}}),
        ("unit_done", {"metrics": {"share": [1]}}),
        ("unit_started", {"label": 3}),
        ("run_started", {"host": ...}),
        ("phase_entered", {"phase": ["x"]}),
        ("ended", {"reason": None}),
        ("sealed", {"manifest_sha256": ...}),
    ],
)
def test_a_journal_that_fits_together_and_is_not_gnomon_s_is_one_line(copied: Path, kind: str, fields: dict[str, Any]):
    forge(copied / "journal.jsonl", kind, **fields)
    with pytest.raises(Tampered, match=rf"journal.jsonl: record \d+: '{kind}' is not as Gnomon writes it"):
        page_of(copied)


def test_a_configuration_that_was_sealed_and_is_not_gnomon_s_is_not_told(copied: Path):
    rewrite(copied / "config.json", '"environment": {', '"environment": [1], "other": {')
    (copied / "MANIFEST.sha256").chmod(0o644)
    forge(copied / "journal.jsonl", "sealed", manifest_sha256=close_files(RunFolder(copied)))
    found = page_of(copied)
    assert found.alarms == ()
    assert "config.json is not as it was sealed, or not as Gnomon writes it" in words_of(found)


def test_what_is_no_run_is_one_line_that_says_what_to_do(sealed: Path, tmp_path: Path):
    spec = registered(tmp_path)
    with pytest.raises(BadInput, match=r"no run: .* begin one with `gnomon exp run experiments/exp-001-halves.md`"):
        page_of(spec)
    with pytest.raises(BadInput, match=r"exp-009-none.md: no such file"):
        page_of(spec.with_name("exp-009-none.md"))
    (tmp_path / "results" / "exp-001-halves").mkdir(parents=True)
    journal = tmp_path / "results" / "exp-001-halves" / "journal.jsonl"
    journal.write_text("")
    with pytest.raises(BadInput, match=r"the run has not begun"):
        page_of(spec)
    journal.write_text('{"torn')
    with pytest.raises(BadInput, match=r"the run has not begun"):
        page_of(journal.parent)
    shutil.copytree(sealed, tmp_path / "elsewhere")
    with pytest.raises(BadInput, match=r"elsewhere: a run is held against its registration: put the folder into"):
        page_of(tmp_path / "elsewhere")


# --- strangers' words


def test_strangers_words_stay_text(tmp_path: Path):
    folder = ended(
        tmp_path,
        title=HOSTILE,
        hypothesis__statement=HOSTILE,
        hypothesis__reference=f"`{HOSTILE}`",
        metrics__primary__0__unit=HOSTILE,
        metrics__secondary__0__unit=f"{HOSTILE}%{{customdata[0]}}",
        variables__controls__0__value=HOSTILE,
        protocol__arms__1__command="sleep 0.3; echo share=0.5",
        most_s=0.8,
    )
    doors.note(spec_of(folder), HOSTILE)
    doors.justify(spec_of(folder), "runs", HOSTILE)
    found = page_of(folder)
    ours = re.sub(r"<script>/\*\*.*?</script>", "", found.html, flags=re.S)
    assert "<script>alert" not in ours
    assert "<img" not in ours
    assert words_of(found).count("alert(1)") >= 5
    assert not any("alert" in json.dumps(trace.get("hovertemplate", "")) for f in found.figures for trace in f.data)
    assert figure_table(data_of(found.html), "values-by-arm")["unit"][0] == HOSTILE
