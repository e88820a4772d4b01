"""write_report(): the page of what the user names, whether it was computed before or is computed now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gnomon.api import names
from gnomon.api.compare import compare
from gnomon.api.comparison import Comparison, compare_measurements
from gnomon.api.measurements import Where, built_in_tables
from gnomon.api.predict import DEFAULT_ENGINE
from gnomon.api.scenarios import scenario_names
from gnomon.core.errors import BadInput, Unsupported, near_match
from gnomon.core.schema import COMPARE_SCENARIOS
from gnomon.formats.files import check_writable, write_whole
from gnomon.formats.named import TABLES
from gnomon.report.documents import (
    Document,
    document_of,
    is_sweep_result,
    read_folder,
    read_json_document,
    read_sweep_result,
    run_document,
)
from gnomon.report.pages import MOST_ROWS, Page, page
from gnomon.report.runs import is_run

SCENARIOS = (".yaml", ".yml")


def write_report(
    sources: Sequence[str | Path] | str | Path,
    path: str | Path,
    *,
    engine: str | None = None,
    where: Where | None = None,
    title: str = "",
) -> Page:
    """Write one HTML page of `sources` and return it; missing folders are made.

    sources: JSON files that `gnomon predict --json` or `gnomon compare --json` wrote, folders of them, sweeps' folders,
    folders and specs of experiments that were run, tables of measurements and scenarios, each by name or path. engine and where are those of compare_measurements; a
    scenario is put to every engine where none is named. Raises a GnomonError, and then leaves the file as it was.
    """
    target = Path(path)
    check_writable(target)
    given = [sources] if isinstance(sources, (str, Path)) else sources
    expected = "a name or a path; write an answer into a file by its to_json(), and name that"
    named = [names.written(source, "sources", expected) for source in given]
    if target.resolve() in {Path(source).resolve() for source in named}:
        raise BadInput(f"{target}: is what the report is made of; give the page another name")
    if any((folder / "journal.jsonl").exists() for folder in target.resolve().parents):
        raise BadInput(
            f"{target}: is in the folder of a run, which holds what it was sealed with alone; give another place"
        )
    found = page(documents(named, engine=engine, where=where), title)
    write_whole(target, found.html)
    return found


def documents(sources: Sequence[str], *, engine: str | None = None, where: Where | None = None) -> list[Document]:
    """What each source holds, in order. BadInput for one that is nothing a report is made of."""
    if not sources:
        raise BadInput("nothing to report: name a JSON file, a folder, a table of measurements or a scenario")
    kinds = [_kind(source) for source in sources]
    if where and "table" not in kinds:
        raise BadInput("where: chooses rows of a table of measurements, and none is named")
    if engine is not None and not {"table", "scenario"} & set(kinds):
        raise BadInput("engine: what was computed before holds its engine's answers; name a table or a scenario")
    return [one for s, k in zip(sources, kinds, strict=True) for one in _read(s, k, engine, where)]


def _kind(source: str) -> str:
    """Which of table, scenario, run, folder, sweep and json a source is. BadInput for none of them."""
    if source in built_in_tables():
        return "table"
    if source in scenario_names():
        return "scenario"
    path = Path(source)
    if is_run(path):
        return "run"
    if path.is_dir():
        return "folder"
    if is_sweep_result(path):
        return "sweep"
    kind = {".json": "json", **dict.fromkeys(TABLES, "table"), **dict.fromkeys(SCENARIOS, "scenario")}.get(path.suffix)
    if kind is None:
        if "/" in source or path.exists():
            what = "a report is made of .json, .yaml, .csv and .parquet files, of folders, and of specs in experiments/"
            raise BadInput(f"{source}: {what if path.exists() else 'no such file or folder'}")
        near = near_match(source, (*built_in_tables(), *scenario_names()))
        raise BadInput(f"{source!r}: no such file, folder, table of measurements or scenario{near}")
    if not path.exists():
        raise BadInput(f"{source}: no such file")
    return kind


def _read(source: str, kind: str, engine: str | None, where: Where | None) -> list[Document]:
    match kind:
        case "run":
            return [run_document(Path(source))]
        case "folder":
            return read_folder(Path(source))
        case "sweep":
            return [read_sweep_result(Path(source).parent)]
        case "json":
            return [read_json_document(Path(source))]
        case "scenario":
            return [_of_scenario(source, engine)]
        case _:
            return [of_comparison(compare_measurements(source, engine=engine or DEFAULT_ENGINE, where=where), where)]


def of_comparison(found: Comparison, where: Where | None) -> Document:
    """The document of a comparison, with as many rows as a page shows. Unsupported where none was answered.

    where: what chose the rows of the table; the page says so.
    """
    found.check_answered()
    chosen = {
        column: values if isinstance(values, str) else ",".join(values) for column, values in (where or {}).items()
    }
    label = ", ".join([found.table, *(f"where {column}={values}" for column, values in chosen.items())])
    return document_of(label, found.to_dict(found.evenly(MOST_ROWS[0])))


def comparison_page(found: Comparison, where: Where | None) -> Page:
    """The page of one comparison."""
    return page([of_comparison(found, where)])


def _of_scenario(source: str, engine: str | None) -> Document:
    """A scenario under that engine or every one, with its operators. Unsupported where no engine answers."""
    (found,) = compare([source], [engine] if engine else ())
    if not found.has_predictions:
        raise Unsupported(f"{source}: no engine answers ({found.reasons})")
    return document_of(source, {"schema": COMPARE_SCENARIOS, "scenarios": [found.to_dict(operators=True)]})


def claims_page(document: Mapping[str, Any], root: Path) -> Page:
    """The page of a ledger of claims, from what `gnomon.lab.claims.report` gives of it."""
    return page([document_of(f"the ledger of {root.resolve().name}", dict(document))])
