"""What a report is made from: JSON documents and folders of sweeps, told apart by their schema and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import polars as pl
from pydantic import BaseModel

from gnomon.core.errors import BadInput
from gnomon.core.schema import COMPARE, COMPARE_SCENARIOS, PREDICT, SERVE_CAPACITY, SERVE_RUN, SWEEP_RESULT
from gnomon.formats.strict import read_json, shaped
from gnomon.lab.claims.report import SCHEMA as CLAIMS_REPORT
from gnomon.report.runs import Run, read_run
from gnomon.report.shapes import Capacity, Claims, Measurements, Predictions, Scenarios, SweepResult
from gnomon.sweeps.folder import CHUNKS, CSV, DOCUMENT, PARQUET

Kind = Literal["predictions", "measurements", "scenarios", "sweep", "run", "claims", "capacity"]
_SHAPES: dict[Kind, type[BaseModel]] = {
    "predictions": Predictions,
    "measurements": Measurements,
    "scenarios": Scenarios,
    "sweep": SweepResult,
    "claims": Claims,
    "capacity": Capacity,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One input of a report."""

    label: str  # what the reader called it: a path or a name
    kind: Kind
    data: Mapping[str, Any]  # the JSON document; of a run empty
    rows: Mapping[str, list[Any]] = field(default_factory=dict)  # of a sweep: column -> cells; else empty
    run: Run | None = None  # of a run of an experiment


def document_of(label: str, data: Any) -> Document:
    """The document that an object holds. BadInput for a schema that no report is made of, and for a missing field."""
    schema = data.get("schema") if isinstance(data, dict) else None
    if schema in (PREDICT, SERVE_RUN):
        return _checked(Document(label=label, kind="predictions", data=data))
    if schema == COMPARE:
        return _checked(Document(label=label, kind="measurements", data=data))
    if schema == COMPARE_SCENARIOS:
        return _checked(Document(label=label, kind="scenarios", data=data))
    if schema == SERVE_CAPACITY:
        return _checked(Document(label=label, kind="capacity", data=data))
    if schema == CLAIMS_REPORT:
        return _checked(Document(label=label, kind="claims", data=data))
    if schema == SWEEP_RESULT:
        raise BadInput(f"{label}: a sweep's result is the folder that holds this file; give the folder")
    raise BadInput(
        f"{label}: {f'schema {schema!r:.60}' if schema else 'no schema'} is not one that a report is made of; "
        f"give {PREDICT}, {COMPARE}, {COMPARE_SCENARIOS}, {SERVE_RUN}, {SERVE_CAPACITY} or {CLAIMS_REPORT} (written by "
        "`gnomon predict`, `compare`, `serve` and `claims report` with --json), or the folder of a sweep or of a run"
    )


def _checked(document: Document) -> Document:
    """The document itself. BadInput with the first field that is missing or of another form than the schema says."""
    try:
        shaped(_SHAPES[document.kind], document.data, document.label)
    except BadInput as fault:
        text = f"{fault.text}; not a whole {document.data['schema']}: write it anew"
        raise BadInput(text, field=fault.field, where=document.label) from None
    answers = {"predictions": "rows", "scenarios": "scenarios"}.get(document.kind, "")
    if answers and not document.data[answers]:
        raise BadInput("empty: there is nothing to show", field=answers, where=document.label)
    return document


def run_document(source: Path) -> Document:
    """The run of an experiment that a folder, a file in it or a spec names. BadInput, Tampered; see `read_run`."""
    return Document(label=str(source), kind="run", data={}, run=read_run(source))


def read_json_document(path: Path) -> Document:
    """The document in a JSON file. BadInput for one that is missing, cut short, or of an unknown schema."""
    return document_of(str(path), read_json(path))


def read_folder(folder: Path) -> list[Document]:
    """The finished sweep in a folder, or the documents in its JSON files in the order of their names. BadInput."""
    if (folder / DOCUMENT).exists() or (folder / CHUNKS).is_dir():
        return [read_sweep_result(folder)]
    files = sorted(folder.glob("*.json"))
    if not files:
        raise BadInput(
            f"{folder}: neither {DOCUMENT} nor another JSON file is here; give the folder of a sweep or of a run, or a file"
        )
    return [read_json_document(file) for file in files]


def is_sweep_result(path: Path) -> bool:
    """Whether this is one of the files in a sweep's folder."""
    return path.name == DOCUMENT or (path.name in (PARQUET, CSV) and (path.parent / DOCUMENT).exists())


def read_sweep_result(folder: Path) -> Document:
    """A finished sweep. BadInput for an unfinished one, which says how to finish it."""
    written = folder / DOCUMENT
    resume = f"{folder}: the sweep is not finished; run it again with --resume, then make the report"
    if not written.exists():
        raise BadInput(resume)
    data = read_json(written)
    schema = data.get("schema") if isinstance(data, dict) else None
    if schema != SWEEP_RESULT:
        raise BadInput(
            f"{written}: {f'schema {schema!r:.60}' if schema else 'no schema'} is not {SWEEP_RESULT!r}; run the sweep again"
        )
    if not data.get("complete", False):
        raise BadInput(resume)
    document = _checked(Document(label=str(folder), kind="sweep", data=data, rows=_sweep_rows(folder)))
    if "index" not in document.rows:
        raise BadInput(f"{folder}: 'index' is no column of the rows; run the sweep again")
    return document


def _sweep_rows(folder: Path) -> dict[str, list[Any]]:
    """Column -> cells of the trials; a number that is not finite is None, a list or a date is its text."""
    path = next((folder / name for name in (PARQUET, CSV) if (folder / name).exists()), None)
    if path is None:
        raise BadInput(f"{folder}: neither {PARQUET} nor {CSV} is here; run the sweep again with --resume")
    try:
        frame = pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path)
    except (pl.exceptions.PolarsError, OSError) as fault:
        raise BadInput(f"{path}: not a readable table: {str(fault).splitlines()[0]}") from None
    numbers = pl.selectors.float()
    frame = frame.with_columns(pl.when(numbers.is_finite()).then(numbers))
    others = frame.select(~(pl.selectors.numeric() | pl.selectors.string() | pl.selectors.boolean())).columns
    columns = frame.with_columns(pl.Series(n, [str(cell) for cell in frame[n]], dtype=pl.String) for n in others)
    return {column.name: column.to_list() for column in columns.iter_columns()}
