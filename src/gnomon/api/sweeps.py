"""sweep(): every combination of some values, or those that a search picks, as rows of a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pydantic import JsonValue

from gnomon.api import names, plugins
from gnomon.api.overrides import Overrides
from gnomon.api.questions import quantities
from gnomon.api.scenarios import beside
from gnomon.api.sweep_rows import COLUMNS, OBJECTIVES, PASSES
from gnomon.core.device import Device
from gnomon.core.digest import digest
from gnomon.core.dtype import dtype
from gnomon.core.errors import BadInput, near_match
from gnomon.core.plan import Plan
from gnomon.core.version import version
from gnomon.formats.named import is_path, split_count
from gnomon.formats.scenario_file import OverridesShape
from gnomon.formats.strict import read_text
from gnomon.formats.sweep_file import WHOLE, Axis, Sweep, parse_sweep
from gnomon.sweeps.folder import PARQUET
from gnomon.sweeps.pool import usual_workers
from gnomon.sweeps.run import Job, Progress, run
from gnomon.zoo.models import Model

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepResult:
    """A sweep's folder."""

    path: Path
    document: Mapping[str, Any]  # sweep.json

    @property
    def is_complete(self) -> bool:
        """Whether every row is there."""
        return bool(self.document["complete"])

    def table(self) -> pl.DataFrame:
        """The rows as a polars data frame, SI with the units in the names."""
        import polars as pl

        return pl.read_parquet(self.path / PARQUET)

    def pareto(self) -> pl.DataFrame:
        """The rows that no other is at least as good as in every objective and better in one."""
        import polars as pl

        return self.table().filter(pl.col("index").is_in(self.document["pareto"]))

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """The rows as an Arrow stream: `polars.DataFrame(result)`, `pandas.DataFrame.from_arrow(result)`."""
        return self.table().__arrow_c_stream__(requested_schema)

    def __repr__(self) -> str:
        rows, points = self.document["rows"], self.document["points"]
        return f"{self.document['name']}: {rows:,} of {points:,} rows, {len(self.document['pareto'])} in the Pareto set, {self.path}"


def read_sweep(file: str | Path) -> Sweep:
    """The sweep in a file. BadInput for a field that no scenario has, a name that is unknown, an objective that no row has."""
    path = Path(file)
    found = parse_sweep(read_text(path), str(file))
    _check_names(found, path.parent)
    models = [names.model(beside(str(text), path.parent)) for text in _given(found, "model")]
    _check_sizes(found, models)
    _check_objectives(found, models)
    return found


def sweep(
    file: str | Path,
    *,
    out: str | Path | None = None,
    workers: int | None = None,
    resume: bool = False,
    progress: Progress = lambda there, points, done: None,
) -> SweepResult:
    """Evaluate a sweep file into the folder `out` (FILE without .yaml, with .sweep) and return what is there.

    workers: processes, as many as cores. resume: go on with what `out` holds of this sweep. The rows are the same whatever
    the number of workers and however often it was stopped. A point that cannot be answered is a row with a reason.
    progress: called with rows there, rows in all, rows done since the last call. Raises a GnomonError that says what to mend.
    """
    if workers is not None and (not isinstance(workers, int) or workers < 1):
        raise BadInput(f"{workers!r} is not a whole number from 1", field="workers")
    found = read_sweep(file)
    path = out_folder(file) if out is None else Path(out)
    done = run(job_of(found), path, workers=workers or usual_workers(), is_resumed=resume, progress=progress)
    return SweepResult(path=path, document=done)


def out_folder(file: str | Path) -> Path:
    """Where a sweep's rows go when nothing is said: beside you, called after the file."""
    return Path(f"{Path(file).stem}.sweep")


def job_of(found: Sweep) -> Job:
    """The sweep as what is run."""
    written, path = found.written, Path(found.where)
    setup = {"base": found.base, "engine": written.engine, "folder": str(path.parent.resolve())}
    return Job(
        axes=tuple(sorted(found.axes, key=_is_of_the_machine)),
        search=written.search,
        objectives=written.objectives,
        evaluator="gnomon.api.sweep_rows:evaluator",
        setup=setup,
        columns=COLUMNS,
        feasible="fits",
        labels={"name": path.stem, "title": written.title},
        about={
            "version": version(),
            "engine": written.engine,
            "base": found.base,
            "files": _files(found, path.parent),
        },
    )


def _is_of_the_machine(axis: Axis) -> bool:
    """Whether points that differ in this field alone share the model's graph: they follow each other, and it is built once."""
    return axis.field in ("engine", "on") or axis.field.startswith("overrides.")


def _given(found: Sweep, field: str) -> tuple[JsonValue, ...]:
    """Every value that a field takes; none where it is left to its default."""
    for axis in found.axes:
        if axis.field == field:
            return axis.values
    part, _, name = field.partition(".")
    base = {"engine": found.written.engine, **found.base}
    value = (base.get(part) or {}).get(name) if name else base.get(part)
    return () if value is None else (value,)


def _files(found: Sweep, folder: Path) -> dict[str, str]:
    """The files that it names, each with a digest of what is in it: another content is another sweep."""
    paths = (split_count(str(value))[0] for field in ("model", "on", "prefill_on") for value in _given(found, field))
    digests = {}
    for text in filter(is_path, paths):
        path = Path(beside(text, folder))
        path = path / "config.json" if path.is_dir() else path
        digests[text] = digest(path.read_bytes().hex())
    return digests


# Fields of a plan that cannot be judged by the file's shape alone, and can without the others.
_OF_A_PLAN = {field.name for field in fields(Plan)}
_ALONE = ("dtype", "weight_dtype", "kv_dtype", "head", *(name for name in WHOLE if name in _OF_A_PLAN))


def _check_names(found: Sweep, folder: Path) -> None:
    """BadInput with the place of a value that nothing here is called, or that is no such number."""
    checks: dict[str, Callable[[Any], object]] = {
        "engine": plugins.engine,
        "model": lambda text: names.model(beside(text, folder)),
        **dict.fromkeys(("on", "prefill_on"), lambda text: names.system(beside(text, folder))),
        **{field: partial(_plan_with, field) for field in _ALONE},
        **dict.fromkeys(("gradient_dtype", "lora_base"), dtype),
    }
    for field, check in checks.items():
        for place, value in _placed(found, field):
            _checked(found, place, check, value)
    device = names.system(beside(str(_given(found, "on")[0]), folder)).device
    for name in OverridesShape.model_fields:
        for place, value in _placed(found, f"overrides.{name}"):
            _checked(found, place, partial(_override, device, name), value)


def _checked(found: Sweep, place: tuple[str | int, ...], check: Callable[[Any], object], value: JsonValue) -> None:
    """BadInput, as of the field at `place`, where `check` refuses the value."""
    try:
        check(value)
    except BadInput as fault:
        raise found.fault(str(fault) if fault.where else fault.text, *place) from None


def _plan_with(field: str, value: Any) -> Plan:
    """BadInput for a value that no plan can have, whatever the model."""
    return replace(Plan(), **{field: value})


def _override(device: Device, name: str, value: Any) -> Device:
    """BadInput for a number that cannot stand in place of the device's."""
    written: Any = tuple(value) if isinstance(value, list) else str(value)
    return replace(Overrides(), **{name: written}).apply(device)


def _placed(found: Sweep, field: str) -> Iterator[tuple[tuple[str | int, ...], JsonValue]]:
    """Every value that a field takes, with the path at which it stands in the file."""
    for index, value in enumerate(_given(found, field)):
        if value is None:
            continue
        if field in found.written.vary:
            is_listed = isinstance(found.written.vary[field], list)
            yield (("vary", field, index) if is_listed else ("vary", field)), value
        else:
            yield (("engine",) if field == "engine" else ("base", *field.split("."))), value


def _check_sizes(found: Sweep, models: Sequence[Model]) -> None:
    """BadInput for a further size that none of these models has open."""
    known = dict.fromkeys(name for model in models for name, _ in model.open_sizes)
    places = [("base", "sizes", name) for name in found.base.get("sizes") or {}]
    places += [("vary", axis.field, "") for axis in found.axes if axis.field.startswith("sizes.")]
    for part, field, name in places:
        size = name or field.partition(".")[2]
        if size not in known:
            has = f"open: {', '.join(known)}" if known else "further sizes are those of traced graphs"
            raise found.fault(
                f"no model here has this open size{near_match(size, known)} ({has})", *filter(None, (part, field, name))
            )


def _check_objectives(found: Sweep, models: Sequence[Model]) -> None:
    """BadInput for an objective that is no number of a row, or that no row of these models and modes can have."""
    modes = _given(found, "mode") or (None,)
    had = {quantity for model in models for mode in modes for quantity in quantities(model, cast(str | None, mode))}
    for name in found.written.objectives:
        if name not in OBJECTIVES:
            near = near_match(name, OBJECTIVES)
            raise found.fault(f"no number of a row{near} (known: {', '.join(OBJECTIVES)})", "objectives", name)
        if (pass_ := name.partition("_")[0]) in PASSES and pass_ not in had:
            raise found.fault(
                f"no row has it: these models and modes have {', '.join(sorted(had))}", "objectives", name
            )
