"""What a report is made from: JSON documents and folders of sweeps, told apart by their schema and checked."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import polars as pl
from pydantic import BaseModel, ValidationError

from gnomon.core.errors import BadInput
from gnomon.report.shapes import Measurements, Predictions, Scenarios, Sweep

Kind = Literal["predictions", "measurements", "scenarios", "sweep"]
PREDICT, COMPARE, SWEEP = "gnomon/predict/1", "gnomon/compare/1", "gnomon/sweep-result/1"
SWEEP_FILE, SWEEP_ROWS = "sweep.json", ("rows.parquet", "rows.csv")
_SHAPES: dict[Kind, type[BaseModel]] = {
    "predictions": Predictions,
    "measurements": Measurements,
    "scenarios": Scenarios,
    "sweep": Sweep,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One input of a report."""

    label: str  # what the reader called it: a path or a name
    kind: Kind
    data: Mapping[str, Any]  # the JSON document
    rows: Mapping[str, list[Any]] = field(default_factory=dict)  # of a sweep: column -> cells; else empty


def document_of(label: str, data: Any) -> Document:
    """The document that an object holds. BadInput for a schema that no report is made of, and for a missing field."""
    schema = data.get("schema") if isinstance(data, dict) else None
    if schema == PREDICT:
        return _checked(Document(label=label, kind="predictions", data=data))
    if schema == COMPARE:
        return _checked(Document(label=label, kind="scenarios" if "scenarios" in data else "measurements", data=data))
    if schema == SWEEP:
        raise BadInput(f"{label}: a sweep's result is the folder that holds this file; give the folder")
    raise BadInput(
        f"{label}: {f'schema {schema!r:.60}' if schema else 'no schema'} is not one that a report is made of; "
        f"give {PREDICT} or {COMPARE} (written by `gnomon predict --json` and `gnomon compare --json`), or a sweep's folder"
    )


def _checked(document: Document) -> Document:
    """The document itself. BadInput with the first field that is missing or of another form than the schema says."""
    try:
        _SHAPES[document.kind].model_validate(document.data)
    except ValidationError as fault:
        first = fault.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        what = "missing" if first["type"] == "missing" else first["msg"][:1].lower() + first["msg"][1:]
        raise BadInput(
            f"{document.label}: {where}: {what}; not a whole {document.data['schema']}: write it anew"
        ) from None
    return document


def read_json_document(path: Path) -> Document:
    """The document in a JSON file. BadInput for one that is missing, cut short, or of an unknown schema."""
    return document_of(str(path), _read_json(path))


def read_folder(folder: Path) -> list[Document]:
    """The finished sweep in a folder, or the documents in its JSON files in the order of their names. BadInput."""
    if (folder / SWEEP_FILE).exists() or (folder / "chunks").is_dir():
        return [read_sweep(folder)]
    files = sorted(folder.glob("*.json"))
    if not files:
        raise BadInput(f"{folder}: neither {SWEEP_FILE} nor another JSON file is here; give a sweep's folder or a file")
    return [read_json_document(file) for file in files]


def _read_json(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as fault:
        raise BadInput(f"{path}: cannot be read: {(fault.strerror or str(fault)).lower()}") from None
    except UnicodeDecodeError:
        raise BadInput(f"{path}: not a JSON document: it is not UTF-8 text") from None
    try:
        return json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    except json.JSONDecodeError as fault:
        raise BadInput(
            f"{path}:{fault.lineno}: not a whole JSON document: {fault.msg.lower()}; write it anew"
        ) from None
    except (ValueError, RecursionError) as fault:
        raise BadInput(f"{path}: not a JSON document: {fault}; write it anew") from None


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{text:.40} is too large a number")
    return value


def is_sweep_file(path: Path) -> bool:
    """Whether this is one of the files in a sweep's folder."""
    return path.name == SWEEP_FILE or (path.name in SWEEP_ROWS and (path.parent / SWEEP_FILE).exists())


def read_sweep(folder: Path) -> Document:
    """A finished sweep. BadInput for an unfinished one, which says how to finish it."""
    written = folder / SWEEP_FILE
    resume = f"{folder}: the sweep is not finished; run it again with --resume, then make the report"
    if not written.exists():
        raise BadInput(resume)
    data = _read_json(written)
    schema = data.get("schema") if isinstance(data, dict) else None
    if schema != SWEEP:
        raise BadInput(
            f"{written}: {f'schema {schema!r:.60}' if schema else 'no schema'} is not {SWEEP!r}; run the sweep again"
        )
    if not data.get("complete", False):
        raise BadInput(resume)
    document = _checked(Document(label=str(folder), kind="sweep", data=data, rows=_sweep_rows(folder)))
    if "index" not in document.rows:
        raise BadInput(f"{folder}: 'index' is no column of the rows; run the sweep again")
    return document


def _sweep_rows(folder: Path) -> dict[str, list[Any]]:
    """Column -> cells of the trials; a number that is not finite is None, a list or a date is its text."""
    path = next((folder / name for name in SWEEP_ROWS if (folder / name).exists()), None)
    if path is None:
        raise BadInput(f"{folder}: neither {' nor '.join(SWEEP_ROWS)} is here; run the sweep again with --resume")
    try:
        frame = pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path)
    except (pl.exceptions.PolarsError, OSError) as fault:
        raise BadInput(f"{path}: not a readable table: {str(fault).splitlines()[0]}") from None
    numbers = pl.selectors.float()
    frame = frame.with_columns(pl.when(numbers.is_finite()).then(numbers))
    others = frame.select(~(pl.selectors.numeric() | pl.selectors.string() | pl.selectors.boolean())).columns
    columns = frame.with_columns(pl.Series(n, [str(cell) for cell in frame[n]], dtype=pl.String) for n in others)
    return {column.name: column.to_list() for column in columns.iter_columns()}
