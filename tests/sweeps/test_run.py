"""Running a sweep: the same rows however it is run, stopped and resumed."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from gnomon.core.errors import BadInput, ToolError
from gnomon.formats.sweep_file import Axis, SearchShape
from gnomon.sweeps.folder import CHUNKS, CSV, DOCUMENT, PARQUET, Folder
from gnomon.sweeps.run import Job, run
from gnomon.sweeps.search import Search

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _workers_find_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))))


def _job(evaluator: str = "squares", **changes: Any) -> Job:
    return Job(
        **{
            "axes": (Axis(field="x", values=tuple(range(1, 101))),),
            "search": None,
            "objectives": {"y": "min", "z": "min"},
            "evaluator": f"tests.sweeps.evaluators:{evaluator}",
            "setup": {"add": 1},
            "columns": {"y": float, "z": float, "never": float, "fits": bool, "reason": str},
            "feasible": "fits",
            "about": {"version": "1"},
            "labels": {"name": "squares"},
            **changes,
        }
    )


SEARCH = {
    "axes": (Axis(field="x", span=(1, 200)),),
    "search": SearchShape(trials=60, together=8, seed=5),
    "objectives": {"y": "min"},
    "columns": {"y": float, "z": float, "fits": bool, "reason": str},
}


def _run(job: Job, path: Path, *, workers: int = 2, resume: bool = False) -> dict[str, Any]:
    return run(job, path, workers=workers, is_resumed=resume, progress=lambda there, points, done: None)


def _bytes(path: Path) -> dict[str, bytes]:
    return {name: (path / name).read_bytes() for name in (DOCUMENT, PARQUET, CSV)}


def _stopped_after(calls: int, job: Job, path: Path, *, resume: bool = False) -> None:
    """Run, and interrupt as Ctrl-C does after some chunks."""
    seen = 0

    def progress(there: int, points: int, done: int) -> None:
        nonlocal seen
        seen += 1
        if seen > calls:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(job, path, workers=2, is_resumed=resume, progress=progress)


def test_rows_are_those_of_the_grid_in_order(tmp_path: Path) -> None:
    found = _run(_job(), tmp_path / "o")
    rows = pl.read_parquet(tmp_path / "o" / PARQUET)
    assert rows["index"].to_list() == list(range(100))
    assert rows["x"].to_list() == list(range(1, 101))
    assert [y for y in rows["y"].to_list() if y is not None] == [x * x + 1 for x in range(1, 101) if x % 7]
    assert (found["rows"], found["answered"], found["complete"]) == (100, 86, True)
    assert found["refused"] == [{"reason": "sevens are refused", "rows": 14}]
    assert not (tmp_path / "o" / CHUNKS).exists()


def test_the_pareto_set_is_of_rows_that_can_run(tmp_path: Path) -> None:
    found = _run(_job(), tmp_path / "o")
    assert found["pareto"] == [x - 1 for x in range(1, 91) if x % 7]  # y grows with x, z falls


def test_a_column_without_any_value_is_left_out(tmp_path: Path) -> None:
    _run(_job(), tmp_path / "o")
    assert pl.read_parquet(tmp_path / "o" / PARQUET).columns == ["index", "x", "y", "z", "fits", "reason"]


def test_csv_and_parquet_hold_the_same(tmp_path: Path) -> None:
    _run(_job(), tmp_path / "o")
    written = pl.read_csv(tmp_path / "o" / CSV)
    assert written.equals(pl.read_parquet(tmp_path / "o" / PARQUET))


@pytest.mark.parametrize("changes", [{}, SEARCH], ids=["grid", "search"])
def test_bytes_do_not_depend_on_the_number_of_workers(tmp_path: Path, changes: Mapping[str, Any]) -> None:
    for workers in (1, 3):
        _run(_job(**changes), tmp_path / str(workers), workers=workers)
    assert _bytes(tmp_path / "1") == _bytes(tmp_path / "3")


@pytest.mark.parametrize("changes", [{}, SEARCH], ids=["grid", "search"])
def test_stopped_and_resumed_it_gives_the_same_bytes(tmp_path: Path, changes: Mapping[str, Any]) -> None:
    _run(_job(**changes), tmp_path / "whole")
    _stopped_after(3, _job(**changes), tmp_path / "o")
    _stopped_after(2, _job(**changes), tmp_path / "o", resume=True)
    _run(_job(**changes), tmp_path / "o", resume=True)
    assert _bytes(tmp_path / "o") == _bytes(tmp_path / "whole")


def test_what_is_there_is_not_evaluated_again(tmp_path: Path) -> None:
    _stopped_after(5, _job(), tmp_path / "o")
    called: list[tuple[int, int]] = []
    run(
        _job(), tmp_path / "o", workers=2, is_resumed=True, progress=lambda there, _, done: called.append((there, done))
    )
    (before, none), *after = called
    assert none == 0
    assert before >= 5
    assert before + sum(done for _, done in after) == 100


def test_stopped_it_leaves_a_table_of_the_finished_rows_that_says_so(tmp_path: Path) -> None:
    _stopped_after(5, _job(), tmp_path / "o")
    rows = pl.read_parquet(tmp_path / "o" / PARQUET)
    assert len(rows) >= 5
    assert rows["index"].is_sorted()
    assert '"complete": false' in (tmp_path / "o" / DOCUMENT).read_text()


def _alter(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def test_a_damaged_chunk_is_evaluated_again(tmp_path: Path) -> None:
    _run(_job(), tmp_path / "whole")
    _stopped_after(9, _job(), tmp_path / "o")
    first, second, *others = sorted((tmp_path / "o" / CHUNKS).iterdir())
    first.write_bytes(first.read_bytes()[:100])
    second.unlink()
    for place, other in enumerate(others):  # one bit in each, all over the file
        _alter(other, place * other.stat().st_size // len(others))
    (tmp_path / "o" / CHUNKS / "00000099-0123456789abcdef.part").write_bytes(b"half")
    _run(_job(), tmp_path / "o", resume=True)
    assert _bytes(tmp_path / "o") == _bytes(tmp_path / "whole")


def test_somebody_elses_file_among_the_chunks_is_left_alone(tmp_path: Path) -> None:
    _stopped_after(3, _job(), tmp_path / "o")
    (tmp_path / "o" / CHUNKS / "mine.bin").write_text("precious")
    with pytest.raises(BadInput, match=r"mine.bin: no part of this sweep"):
        _run(_job(), tmp_path / "o", resume=True)
    assert (tmp_path / "o" / CHUNKS / "mine.bin").read_text() == "precious"


def test_a_worker_that_dies_is_told_and_what_is_finished_stays(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"a worker ended by signal 9 \(killed: out of memory\?\)"):
        _run(_job("dying"), tmp_path / "o", workers=1)
    assert len(pl.read_parquet(tmp_path / "o" / PARQUET)) == 49
    whole = {**_job("squares").document()}
    assert whole["digest"] == _job("dying").document()["digest"]
    assert _run(_job(), tmp_path / "o", resume=True)["rows"] == 100


def test_what_a_part_prints_is_not_among_the_answers(tmp_path: Path) -> None:
    assert _run(_job("printing"), tmp_path / "o")["rows"] == 100


def test_a_folder_with_an_unfinished_sweep_wants_resume(tmp_path: Path) -> None:
    _stopped_after(3, _job(), tmp_path / "o")
    with pytest.raises(BadInput, match="an unfinished sweep: --resume goes on with it"):
        _run(_job(), tmp_path / "o")


def test_a_folder_with_a_finished_sweep_is_shown_on_resume_and_else_refused(tmp_path: Path) -> None:
    first = _run(_job(), tmp_path / "o")
    with pytest.raises(BadInput, match="a finished sweep: --resume shows it"):
        _run(_job(), tmp_path / "o")
    assert _run(_job(), tmp_path / "o", resume=True) == first


@pytest.mark.parametrize("text", ["[]", "{}", '{"schema": "gnomon/predict/1"}'])
def test_a_document_of_something_else_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / DOCUMENT).write_text(text)
    with pytest.raises(BadInput, match="not the document of a sweep"):
        _run(_job(), tmp_path, resume=True)


def test_killed_as_it_begins_or_ends_it_leaves_nothing_in_the_way(tmp_path: Path) -> None:
    (tmp_path / ".sweep.json.part").write_text("{")
    found = _run(_job(), tmp_path)
    (tmp_path / CHUNKS).mkdir()
    Folder(tmp_path, {"index": int}).write_chunk(0, [{"index": 0}])
    assert _run(_job(), tmp_path, resume=True) == found
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [CSV, PARQUET, DOCUMENT]


def test_a_finished_grid_is_asked_for_other_objectives_without_running(tmp_path: Path) -> None:
    _run(_job(), tmp_path / "o")
    found = _run(_job("dying", objectives={"y": "min"}), tmp_path / "o", resume=True)
    assert found["pareto"] == [0]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"axes": (Axis(field="x", values=(1, 2)),)}, "differs from this one in vary"),
        ({"about": {"version": "1", "engine": "other"}}, "differs from this one in engine"),
        ({"about": {"version": "2"}}, "begun by Gnomon 1, this is 2"),
    ],
)
def test_another_sweep_is_not_mixed_with_this_one(tmp_path: Path, changes: Mapping[str, Any], said: str) -> None:
    _stopped_after(3, _job(), tmp_path / "o")
    with pytest.raises(BadInput, match=said):
        _run(_job(**changes), tmp_path / "o", resume=True)


@pytest.mark.parametrize("name", ["thesis.tex", "rows.csv", "rows.parquet", "notes.part", "chunks"])
def test_a_folder_with_anything_else_is_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("years of work")
    with pytest.raises(BadInput, match=f"holds '{name}' and no sweep"):
        _run(_job(), tmp_path)
    assert [entry.read_text() for entry in tmp_path.iterdir()] == ["years of work"]


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"PAR1")])
def test_a_finished_table_that_is_damaged_is_told(tmp_path: Path, damage: Callable[[Path], object]) -> None:
    _run(_job(), tmp_path / "o")
    damage(tmp_path / "o" / PARQUET)
    with pytest.raises(BadInput, match=r"rows.parquet: missing or damaged"):
        _run(_job(), tmp_path / "o", resume=True)


def test_a_csv_that_is_missing_is_written_again(tmp_path: Path) -> None:
    _run(_job(), tmp_path / "o")
    before = _bytes(tmp_path / "o")
    (tmp_path / "o" / CSV).unlink()
    _run(_job(), tmp_path / "o", resume=True)
    assert _bytes(tmp_path / "o") == before


def test_objectives_that_no_row_has_give_an_empty_set(tmp_path: Path) -> None:
    _run(_job(), tmp_path / "o")
    assert _run(_job(objectives={"never": "min"}), tmp_path / "o", resume=True)["pareto"] == []


def test_two_sweeps_do_not_write_into_one_folder(tmp_path: Path) -> None:
    pytest.importorskip("fcntl", reason="this system has no locks on folders")

    def progress(there: int, points: int, done: int) -> None:
        with pytest.raises(BadInput, match="another sweep is writing here"):
            _run(_job(), tmp_path / "o", resume=True)

    run(_job(), tmp_path / "o", workers=1, is_resumed=False, progress=progress)


def test_a_search_knows_which_points_cannot_run() -> None:
    search = Search(SEARCH["axes"], SEARCH["search"], {"y": "min"}, "fits")
    points = search.ask(8)
    search.tell([{"y": float(point["x"]), "fits": point["x"] > 100} for point in points])  # the best cannot run
    assert [trial.params["x"] for trial in search.study.best_trials] == [min(p["x"] for p in points if p["x"] > 100)]


def test_a_search_goes_on_past_points_that_are_refused_with_a_reason_alone() -> None:
    search = Search(SEARCH["axes"], SEARCH["search"], {"y": "min"}, "fits")
    search.ask(2)
    search.tell([{"reason": "refused"}, {"y": 1.0, "fits": True}])
    assert [trial.value for trial in search.study.best_trials] == [1.0]


def test_a_search_comes_nearer_to_the_best_than_its_first_points(tmp_path: Path) -> None:
    found = _run(_job(**SEARCH), tmp_path / "o")
    rows = pl.read_parquet(tmp_path / "o" / PARQUET)
    (best,) = {rows["y"][index] for index in found["pareto"]}
    assert best < min(value for value in rows["y"][:8].to_list() if value is not None)


@pytest.mark.parametrize("sampler", ["tpe", "nsga2", "random"])
def test_the_seed_decides_what_a_search_tries(tmp_path: Path, sampler: str) -> None:
    tried = {}
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        search = SearchShape(trials=20, together=5, seed=seed, sampler=sampler)
        _run(_job(**{**SEARCH, "search": search}), tmp_path / name)
        tried[name] = pl.read_parquet(tmp_path / name / PARQUET)["x"].to_list()
    assert tried["a"] == tried["b"] != tried["c"]
