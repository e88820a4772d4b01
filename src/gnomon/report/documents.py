"""What a report is made from: JSON documents and folders of sweeps, read and told apart by their schema."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import polars as pl

from gnomon.core.errors import BadInput

Kind = Literal["predictions", "measurements", "scenarios", "sweep"]
PREDICT, COMPARE, SWEEP = "gnomon/predict/1", "gnomon/compare/1", "gnomon/sweep-result/1"
SWEEP_FILE = "sweep.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One input of a report."""

    label: str  # what the reader called it: a path or the name of a table
    kind: Kind
    data: Mapping[str, Any]  # the JSON document
    rows: Mapping[str, list[Any]] = field(default_factory=dict)  # of a sweep: column -> cells; else empty


def document_of(label: str, data: Any) -> Document:
    """The document that an object holds. BadInput for a schema that no report is made of."""
    schema = data.get("schema") if isinstance(data, dict) else None
    if schema == PREDICT:
        return Document(label=label, kind="predictions", data=data)
    if schema == COMPARE:
        return Document(label=label, kind="scenarios" if "scenarios" in data else "measurements", data=data)
    raise BadInput(
        f"{label}: {f'schema {schema!r}' if schema else 'no schema'} is not one that a report is made of; "
        f"give {PREDICT} or {COMPARE} (written by `gnomon predict --json` and `gnomon compare --json`) or a sweep's folder"
    )


def read_document(path: Path) -> Document:
    """The document in a JSON file, or the sweep in a folder or beside a file of its rows. BadInput."""
    if path.is_dir():
        return _read_sweep(path)
    if not path.exists():
        raise BadInput(f"{path}: no such file")
    if path.suffix in (".csv", ".parquet") or path.name == SWEEP_FILE:
        return _read_sweep(path.parent)
    return document_of(str(path), _read_json(path))


def is_sweep(path: Path) -> bool:
    """Whether this is a sweep's folder, or one of the files in it."""
    return path.is_dir() or path.name == SWEEP_FILE or (
        path.name in ("rows.csv", "rows.parquet") and (path.parent / SWEEP_FILE).exists()
    )


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
    except OSError as fault:
        raise BadInput(f"{path}: cannot be read: {(fault.strerror or str(fault)).lower()}") from None
    except json.JSONDecodeError as fault:
        raise BadInput(f"{path}:{fault.lineno}: not a whole JSON document: {fault.msg.lower()}; write it anew") from None
    except (ValueError, RecursionError) as fault:
        raise BadInput(f"{path}: not a JSON document: {fault}") from None


def _read_sweep(folder: Path) -> Document:
    """A finished sweep. BadInput for an unfinished one, which says how to finish it."""
    written = folder / SWEEP_FILE
    resume = f"{folder}: the sweep is not finished; run it again with --resume, then make the report"
    if not written.exists():
        if (folder / "chunks").is_dir():
            raise BadInput(resume)
        raise BadInput(f"{folder}: no {SWEEP_FILE} here; give the folder that `gnomon sweep` wrote, or a file")
    data = _read_json(written)
    schema = data.get("schema") if isinstance(data, dict) else None
    if schema != SWEEP:
        raise BadInput(f"{written}: {f'schema {schema!r}' if schema else 'no schema'} is not {SWEEP!r}")
    if not data.get("complete", False):
        raise BadInput(resume)
    for name in ("pareto", "objectives"):
        if not isinstance(data.get(name), list):
            raise BadInput(f"{written}: the field {name!r} is missing or no list; run the sweep again")
    return Document(label=str(folder), kind="sweep", data=data, rows=_sweep_rows(folder))


def _sweep_rows(folder: Path) -> dict[str, list[Any]]:
    for path, read in ((folder / "rows.parquet", pl.read_parquet), (folder / "rows.csv", pl.read_csv)):
        if path.exists():
            try:
                frame = read(path)
            except (pl.exceptions.PolarsError, OSError) as fault:
                raise BadInput(f"{path}: not a readable table: {str(fault).splitlines()[0]}") from None
            kept = frame.select(pl.selectors.numeric() | pl.selectors.string() | pl.selectors.boolean())
            return kept.with_columns(pl.selectors.float().fill_nan(None)).to_dict(as_series=False)
    raise BadInput(f"{folder}: neither rows.parquet nor rows.csv is here; run the sweep again with --resume")
