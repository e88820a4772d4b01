"""A sweep from its first row to its last: points evaluated, rows kept, the Pareto set found.

The rows depend on the sweep alone: not on how many processes there are, nor on how often it was stopped and resumed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import JsonValue

from gnomon.core.digest import digest
from gnomon.core.errors import BadInput, ToolError
from gnomon.core.schema import SWEEP_RESULT
from gnomon.formats.sweep_file import Axis, SearchShape
from gnomon.sweeps import grid
from gnomon.sweeps.folder import Folder
from gnomon.sweeps.pareto import pareto
from gnomon.sweeps.pool import Pool, Rows, pool

# Rows lost at most by a kill: a share of all, and few enough to be done in seconds.
_PARTS, _ROWS_PER_PART = 100, 1000
_MOST_REASONS = 100  # that sweep.json tells; each row has its own


@dataclass(frozen=True, kw_only=True)  # no slots: the columns are kept once computed
class Job:
    """What is swept, and how a point is evaluated."""

    axes: tuple[Axis, ...]
    search: SearchShape | None
    objectives: Mapping[str, str]  # column -> min or max
    evaluator: str  # MODULE:FUNCTION, see gnomon.sweeps.worker
    setup: Mapping[str, Any]  # what FUNCTION is called with
    columns: Mapping[str, type]  # of what it answers
    feasible: str  # the column of booleans without which no row is in the Pareto set
    about: Mapping[str, Any]  # further entries of sweep.json; a change of any makes it another sweep
    labels: Mapping[str, Any]  # entries that may change

    @property
    def size(self) -> int:
        """Number of rows."""
        return self.search.trials if self.search else grid.size(self.axes)

    @property
    def parts(self) -> tuple[range, ...]:
        """Indices of the rows of each chunk; of a search, of the points that are picked at once."""
        step = self.search.together if self.search else min(_ROWS_PER_PART, max(1, self.size // _PARTS))
        return tuple(range(start, min(start + step, self.size)) for start in range(0, self.size, step))

    def document(self) -> dict[str, Any]:
        """The entries of sweep.json that do not change while it runs; what a search looks for is part of its digest."""
        objectives = [{"name": name, "goal": goal} for name, goal in self.objectives.items()]
        rows = {
            **self.about,
            "vary": [
                {"field": axis.field, "values": list(axis.values)}
                if axis.values
                else {"field": axis.field, "span": list(axis.span or ()), "log": axis.is_log}
                for axis in self.axes
            ],
            "search": {**self.search.model_dump(), "objectives": objectives} if self.search else None,
            "points": self.size,
        }
        return {"schema": SWEEP_RESULT, **self.labels, **rows, "objectives": objectives, "digest": digest(rows)}

    @cached_property
    def row_columns(self) -> dict[str, type]:
        """Columns of the table: index, the varied fields, what was answered."""
        return {"index": int, **{axis.field: _type(axis) for axis in self.axes}, **self.columns}


def _type(axis: Axis) -> type:
    """Of the column of a varied field: text where not all values are numbers."""
    values = [value for value in axis.values if value is not None]
    if axis.is_whole:
        return int
    return float if all(isinstance(value, (int, float)) for value in values) else str


Progress = Callable[[int, int, int], None]  # rows there, rows in all, rows done since the last call


def run(job: Job, path: Path, *, workers: int, is_resumed: bool, progress: Progress) -> dict[str, Any]:
    """Sweep into the folder `path` and return its document. BadInput where the folder holds something else.

    Stopped by the user or by a worker's death, the finished rows are a table there, and `is_resumed` goes on.
    """
    folder, document = Folder(path, job.row_columns), job.document()
    with folder.locked():
        before = _before(job, folder, is_resumed)
        if before is not None and before.get("complete"):
            return _looked_at_anew(job, folder, before)
        folder.write_document({**document, "complete": False})
        parts, kept = job.parts, folder.kept()
        there = sum(len(parts[number]) for number in kept)
        progress(there, job.size, 0)
        try:
            for number, rows in _chunks(job, folder, parts, kept, workers):
                folder.write_chunk(number, rows)
                there += len(rows)
                progress(there, job.size, len(rows))
        except (KeyboardInterrupt, ToolError):
            if there:
                folder.write_document({**document, "complete": False, **_summary(job, folder)})
            raise
        found = {**document, "complete": True, **_summary(job, folder)}
        folder.write_document(found)
        folder.drop_chunks()
    return found


def _before(job: Job, folder: Folder, is_resumed: bool) -> dict[str, Any] | None:
    """The document of this sweep from before; None where the folder is new. BadInput where it is another's."""
    path, before, document = folder.path, folder.document(), job.document()
    if before is None:
        return None
    if before.get("version") != document["version"]:
        raise BadInput(
            f"{path}: begun by Gnomon {before.get('version')}, this is {document['version']}: finish it there, or name another folder with --out"
        )
    if before.get("digest") != document["digest"]:
        changed = sorted(key for key in (*job.about, "vary", "search") if before.get(key) != document[key])
        raise BadInput(
            f"{path}: holds a sweep that differs from this one in {', '.join(changed)}; name another folder with --out"
        )
    if not is_resumed:
        is_complete = before.get("complete")
        state = "a finished sweep" if is_complete else "an unfinished sweep"
        wanted = "shows it" if is_complete else "goes on with it"
        raise BadInput(f"{path}: holds {state}: --resume {wanted}, --out names another folder")
    return before


def _looked_at_anew(job: Job, folder: Folder, before: Mapping[str, Any]) -> dict[str, Any]:
    """The document of a finished sweep, with the Pareto set of the objectives that are asked for now."""
    folder.drop_chunks()  # of a sweep that was killed as it ended
    found = {**before, **job.document(), "pareto": list(_pareto(job, folder.table()))}
    if found != before:
        folder.write_document(found)
    return found


def _chunks(
    job: Job, folder: Folder, parts: Sequence[range], kept: set[int], workers: int
) -> Iterator[tuple[int, Rows]]:
    """The rows of each chunk that is not kept, as they come."""
    left = [number for number in range(len(parts)) if number not in kept]
    if not left:
        return
    with pool(
        job.evaluator, job.setup, min(workers, job.search.together if job.search else len(left))
    ) as workers_at_work:
        if job.search is None:
            tasks = ((number, [grid.point(job.axes, index) for index in parts[number]]) for number in left)
            for number, answers in workers_at_work.map(tasks):
                points = (grid.point(job.axes, index) for index in parts[number])
                yield number, _rows(job, parts[number], points, answers)
        else:
            yield from _searched(job, folder, parts, kept, workers_at_work)


def _searched(
    job: Job, folder: Folder, parts: Sequence[range], kept: set[int], workers: Pool
) -> Iterator[tuple[int, Rows]]:
    """The rows of each round of a search; rounds that are kept are told to it again, so that it goes on as it would have."""
    from gnomon.sweeps.search import Search

    assert job.search is not None
    search = Search(job.axes, job.search, job.objectives, job.feasible)
    for number, part in enumerate(parts):
        points = search.ask(len(part))
        if number in kept:
            rows = folder.read_chunk(number)
            if [_cells(job, point) for point in points] != [
                {field: row[field] for field in point} for point, row in zip(points, rows, strict=True)
            ]:
                raise BadInput(
                    f"{folder.path}: this Optuna picks other points than the one it was begun with; name another folder with --out"
                )
        else:
            answers: dict[int, Rows] = dict(workers.map((i, [point]) for i, point in enumerate(points)))
            rows = _rows(job, part, points, [answers[i][0] for i in range(len(points))])
        search.tell(rows)
        if number not in kept:
            yield number, rows


def _rows(job: Job, part: range, points: Iterable[grid.Point], answers: Rows) -> Rows:
    return [
        {"index": index, **_cells(job, point), **answer}
        for index, point, answer in zip(part, points, answers, strict=True)
    ]


def _cells(job: Job, point: grid.Point) -> dict[str, Any]:
    """A point's values as cells: as text where the column holds text."""
    return {field: _text(value) if job.row_columns[field] is str else value for field, value in point.items()}


def _text(value: JsonValue) -> str | None:
    if isinstance(value, list):
        return "; ".join(map(str, value))
    return None if value is None else str(value)


def _summary(job: Job, folder: Folder) -> dict[str, Any]:
    """Write the table of the rows there are; what sweep.json says of them."""
    rows = folder.scan()
    filled = rows.select(pl.all().is_not_null().any()).collect(engine="streaming").row(0, named=True)
    always = ("index", *(axis.field for axis in job.axes), *job.objectives, "reason")
    folder.combine([name for name in job.row_columns if filled[name] or name in always])
    has_answer = pl.col(job.feasible).is_not_null() if job.feasible in filled else pl.lit(value=False)
    by_reason = rows.group_by("reason", (pl.col("reason").is_null() | has_answer).alias("answered")).len()
    found = by_reason.sort("len", "reason", descending=[True, False]).collect(engine="streaming")
    refused, partial = (_reasons(found, is_answered=answered) for answered in (False, True))
    return {
        "rows": int(found["len"].sum()),
        "answered": int(found.filter("answered")["len"].sum()),
        "reasons": len(refused),
        "refused": refused[:_MOST_REASONS],
        "partial": partial[:_MOST_REASONS],
        "pareto": list(_pareto(job, rows)),
    }


def _reasons(found: pl.DataFrame, *, is_answered: bool) -> list[dict[str, Any]]:
    """Why rows have no answer, or why answered ones lack some of it, with how many they are."""
    of_these = found.filter(pl.col("answered") == is_answered, pl.col("reason").is_not_null())
    return of_these.select("reason", rows="len").to_dicts()


def _pareto(job: Job, rows: pl.LazyFrame) -> tuple[int, ...]:
    """Indices of the rows that are not dominated, of those that can run."""
    columns = rows.collect_schema().names()
    if not job.objectives or not {job.feasible, *job.objectives}.issubset(columns):
        return ()
    asked = rows.filter(pl.col(job.feasible)).select("index", *job.objectives).collect(engine="streaming")
    values = asked.select(pl.col(name).cast(pl.Float64).fill_null(math.nan) for name in job.objectives).to_numpy()
    return tuple(asked["index"].gather(list(pareto(values, list(job.objectives.values())))).to_list())
