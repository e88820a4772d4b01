"""compare_measurements(): one engine's predictions beside the rows of a table, with errors by group and intervals."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from gnomon.api import plugins
from gnomon.api.measurements import Where, plan_of, read_measurements, table_path
from gnomon.api.names import device, model, system
from gnomon.api.predict import DEFAULT_ENGINE
from gnomon.api.questions import build
from gnomon.core.digest import plain
from gnomon.core.engine import Engine, OpIntervals, OpTimer
from gnomon.core.errors import BadInput, GnomonError, Unsupported
from gnomon.core.measurement import Measurement
from gnomon.core.scenario import Scenario
from gnomon.core.schema import COMPARE
from gnomon.core.version import version
from gnomon.formats.files import write_whole
from gnomon.formats.kernel_table import KernelTable
from gnomon.formats.model_table import ModelTable
from gnomon.formats.refused import Refused
from gnomon.formats.strict import read_text
from gnomon.stats.calibration import Calibration, calibrations_text, parse_calibrations
from gnomon.stats.errors import ErrorSummary, error_summary, percent_errors
from gnomon.stats.intervals import FEWEST_GROUPS, LEVEL, HeldOut, leave_group_out, leave_group_out_at, ratio_bands
from gnomon.stats.strata import MODEL_STRATUM, kernel_strata

Numbers = NDArray[np.float64]
LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)  # nominal levels at which the coverage on silicon left out is stated

MOST_REASONS = 20  # in the message that no row can be answered


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Predictions of one engine beside the rows of one table."""

    table: str
    engine: str
    kind: Literal["models", "kernels"]
    sha256: str  # of the table's file
    asked: int  # rows of the table, after filtering
    rows: pl.DataFrame  # answered: device, silicon, subject, mode, dtype, quality, line, ..._s, error_percent, and more
    refused: tuple[Refused, ...]
    unread_columns: Mapping[str, str]  # each with the column that may be meant, or nothing

    @property
    def is_in_sample(self) -> bool:
        """Whether the intervals of some row were calibrated on this very table."""
        return bool((self.rows["calibrated_on"] == self.sha256).any())

    @property
    def clean(self) -> pl.DataFrame:
        """Answered rows that nobody doubts."""
        return self.rows.filter(pl.col("quality") == "")

    def resampled(self, seed: int) -> Comparison:
        """The comparison on as many answered rows, drawn again with replacement; the same rows for the same seed.

        [Efron 1979, Bootstrap methods: another look at the jackknife]
        """
        count = len(self.rows)
        drawn = random.Random(seed).choices(range(count), k=count)
        return replace(self, rows=self.rows[drawn])

    def overall(self) -> ErrorSummary:
        """Errors of all clean rows; coverage over everything asked but the doubted rows."""
        return _summary(self.clean, sum(r.rows for r in self.refused))

    def inside(self) -> tuple[int, int]:
        """How many clean rows lie in the interval that came with their prediction, and how many have one."""
        with_one = self.clean.drop_nulls(["low_s", "high_s"])
        return len(with_one.filter(pl.col("measured_s").is_between("low_s", "high_s"))), len(with_one)

    def by(self, column: str) -> dict[str, ErrorSummary]:
        """Errors of the clean rows by device, subject, mode or family, the largest group first; refused groups too."""
        refused: dict[str, int] = {}
        for entry in self.refused:
            if (key := getattr(entry, column, None)) is not None:
                refused[key] = refused.get(key, 0) + entry.rows
        groups = {str(key[0]): frame for key, frame in self.clean.group_by(column, maintain_order=True)}
        empty = self.clean.clear()
        found = {key: _summary(groups.get(key, empty), refused.get(key, 0)) for key in [*groups, *refused]}
        return dict(sorted(found.items(), key=lambda item: (-item[1].rows, -item[1].asked, item[0])))

    def doubted(self) -> dict[str, ErrorSummary]:
        """Errors of the rows that a quality mark sets apart, by mark."""
        marked = self.rows.filter(pl.col("quality") != "")
        return {str(key[0]): _summary(frame, 0) for key, frame in marked.group_by("quality", maintain_order=True)}

    def worst(self, count: int = 5) -> pl.DataFrame:
        """The clean rows with the largest absolute error."""
        return self.clean.sort(pl.col("error_percent").abs(), descending=True).head(count)

    def reasons(self) -> dict[str, int]:
        """Rows refused by reason, the largest count first."""
        counts: dict[str, int] = {}
        for entry in self.refused:
            counts[entry.reason] = counts.get(entry.reason, 0) + entry.rows
        return dict(sorted(counts.items(), key=lambda item: -item[1]))

    def held_out(self, *, by_row: bool = False) -> list[HeldOut]:
        """Intervals on each kind of silicon, calibrated on the others; empty with one kind of silicon."""
        ratios, groups, strata = self._residuals()
        return leave_group_out(ratios, groups, strata, LEVEL, by_row=by_row)

    def coverage_by_level(self) -> list[dict[str, float]]:
        """For each nominal level, the share of rows inside on silicon left out: of all rows, and of the kinds of silicon.

        `rows`: over the clean rows. `mean`, `lowest` and `highest`: over the kinds of silicon, each weighing the same.
        Empty with one kind of silicon.
        """
        ratios, groups, strata = self._residuals()
        found = []
        for level, held in zip(LEVELS, leave_group_out_at(ratios, groups, strata, LEVELS), strict=True):
            shares = [one.coverage for one in held]
            if shares:
                rows = sum(one.coverage * one.rows for one in held) / len(ratios)
                mean = sum(shares) / len(shares)
                found.append(
                    {"level": level, "rows": rows, "mean": mean, "lowest": min(shares), "highest": max(shares)}
                )
        return found

    def calibration(self) -> Calibration:
        """The bands of measured / predicted that the clean rows give."""
        if self.clean.is_empty():
            raise BadInput(f"{self.table}: no row was answered, so there is nothing to calibrate from")
        return Calibration(
            engine=self.engine,
            version=version(),
            data=f"{Path(self.table).name}, {len(self.clean)} rows",
            sha256=self.sha256,
            bands=ratio_bands(*self._residuals(), LEVEL),
        )

    def write_calibration(self, path: str | Path) -> Path:
        """Add the bands of these rows to a calibration file of the same engine, or begin one; return its path. BadInput.

        Bands of the other kind of table that the file holds stay.
        """
        target = Path(path)
        kept: dict[str, Calibration] = {}
        if target.exists():
            try:
                kept = parse_calibrations(read_text(target))
            except (ValueError, KeyError, TypeError, AttributeError):
                raise BadInput(f"{target}: not a calibration file; give another name, or remove it") from None
        if len(self.held_out()) < FEWEST_GROUPS:
            raise BadInput(f"{self.table}: fewer than {FEWEST_GROUPS} kinds of silicon: too few to calibrate from")
        other = next((one.engine for one in kept.values() if one.engine != self.engine), None)
        if other is not None:
            raise BadInput(f"{target}: holds the calibration of {other}, not of {self.engine}; give another name")
        write_whole(target, calibrations_text({**kept, self.kind: self.calibration()}))
        return target

    def check_answered(self) -> None:
        """BadInput where the table holds no rows; Unsupported, with the reasons, where none was answered."""
        if not self.rows.is_empty():
            return
        if not self.reasons():
            raise BadInput(f"{self.table}: the table holds no rows")
        reasons = [f"{count} rows: {why}" for why, count in self.reasons().items()]
        more = [f"and {len(reasons) - MOST_REASONS} further reasons"] if len(reasons) > MOST_REASONS else []
        head = f"no row of {self.table} can be answered:"
        raise Unsupported("\n".join([head, *reasons[:MOST_REASONS], *more]))

    def sample(self, count: int | None) -> pl.DataFrame:
        """Answered rows in order: all of them, or at most `count` of each device, subject and mode."""
        groups = self.rows.group_by("device", "subject", "mode", maintain_order=True)
        return (self.rows if count is None else groups.head(count)).sort("subject", "device", "line")

    def evenly(self, most: int) -> pl.DataFrame:
        """Answered rows in the order of the table: all of them, or at most `most`, one in so many."""
        step = -(-len(self.rows) // most)
        return self.rows if step <= 1 else self.rows.gather_every(step)

    def to_dict(self, rows: pl.DataFrame | None = None) -> dict[str, Any]:
        """The document of `gnomon compare --measurements --json`: SI numbers, errors in percent; `rows` where given."""
        groups = ("device", "subject", "mode") if self.kind == "models" else ("device", "subject", "family", "dtype")
        return {
            "schema": COMPARE,
            "table": self.table,
            "engine": self.engine,
            "kind": self.kind,
            "version": version(),
            "sha256": self.sha256,
            "rows_asked": self.asked,
            "rows_answered": len(self.rows),
            "rows_doubted": len(self.rows) - len(self.clean),
            "unread_columns": list(self.unread_columns),
            "refused": [{"reason": reason, "rows": rows} for reason, rows in self.reasons().items()],
            "overall": summary_fields(self.overall()),
            "inside_interval": dict(zip(("rows", "of"), self.inside(), strict=True)),
            "in_sample": self.is_in_sample,
            "by": {group: [{"group": k} | summary_fields(v) for k, v in self.by(group).items()] for group in groups},
            "doubted": [{"group": k} | summary_fields(v) for k, v in self.doubted().items()],
            "worst": self.worst().to_dicts(),
            "intervals": {
                "level": LEVEL,
                "left_out": "silicon",
                "silicon_weighs_alike": [plain(h) for h in self.held_out()],
                "rows_weigh_alike": [plain(h) for h in self.held_out(by_row=True)],
                "levels": self.coverage_by_level(),
            },
        } | ({} if rows is None else {"rows": rows.to_dicts()})

    def _residuals(self) -> tuple[Numbers, NDArray[np.str_], NDArray[np.str_]]:
        clean = self.clean
        ratios = np.log(clean["measured_s"].to_numpy() / clean["predicted_s"].to_numpy())
        return ratios, clean["silicon"].to_numpy().astype(str), clean["stratum"].to_numpy().astype(str)


def summary_fields(summary: ErrorSummary) -> dict[str, Any]:
    """An error summary as in the documents."""
    found: dict[str, Any] = plain(summary)
    return found | {"coverage": summary.coverage}


def _summary(frame: pl.DataFrame, refused: int) -> ErrorSummary:
    return error_summary(frame["predicted_s"].to_numpy(), frame["measured_s"].to_numpy(), refused)


def compare_measurements(table: str, *, engine: str = DEFAULT_ENGINE, where: Where | None = None) -> Comparison:
    """Predictions beside the rows of a table: a built-in one by name, or a CSV or Parquet file.

    where: column -> values to keep. Rows that no prediction can be compared with are counted with their reasons.
    """
    read = read_measurements(table, where)
    sha256 = hashlib.sha256(table_path(table).read_bytes()).hexdigest()
    if isinstance(read, KernelTable):
        return _compare_kernels(table, sha256, engine, read)
    return _compare_models(table, sha256, engine, read)


def _compare_models(table: str, sha256: str, engine_name: str, read: ModelTable) -> Comparison:
    engine = plugins.engine(engine_name)
    rows: list[dict[str, Any]] = []
    refused = list(read.refused)
    for measured in read.measurements:
        try:
            rows.append(_model_row(measured, engine))
        except GnomonError as fault:
            where = {"device": measured.device, "subject": measured.model, "mode": measured.mode}
            refused.append(Refused(**where, reason=str(fault), rows=1))
    frame = pl.DataFrame(rows, schema=_MODEL_SCHEMA)
    frame = frame.with_columns(_error(frame))
    return Comparison(
        table=table,
        sha256=sha256,
        engine=engine_name,
        kind="models",
        asked=read.rows,
        rows=frame,
        refused=tuple(refused),
        unread_columns=read.unread_columns,
    )


_MODEL_SCHEMA: dict[str, Any] = {
    **dict.fromkeys(
        ("device", "silicon", "subject", "mode", "dtype", "weights", "head", "stratum", "quality"), pl.String
    ),
    **dict.fromkeys(("batch", "seq", "line"), pl.Int64),
    **dict.fromkeys(("measured_s", "predicted_s", "low_s", "high_s"), pl.Float64),
    **dict.fromkeys(("statistic", "software", "conditions", "source"), pl.String),
    "fits": pl.Boolean,
    "calibrated_on": pl.String,
}


def _model_row(measured: Measurement, engine: Engine) -> dict[str, Any]:
    """One measured row with its prediction. Raises a GnomonError with the reason where there is none."""
    plan, machine = plan_of(measured), system(f"{measured.device}:{measured.devices}")
    scenario = Scenario(workload=build(model(measured.model), plan), system=machine, plan=plan)
    if reasons := engine.missing(scenario):
        raise Unsupported("; ".join(reasons))
    found = engine.predict(scenario)
    return {
        "device": measured.device,
        "silicon": machine.device.silicon,
        "subject": measured.model,
        "mode": measured.mode,
        "dtype": measured.dtype,
        "weights": measured.weight_dtype or measured.dtype,
        "head": scenario.workload.head,
        "stratum": MODEL_STRATUM,
        "quality": measured.quality,
        "batch": measured.batch,
        "seq": measured.seq,
        "line": measured.line,
        "measured_s": measured.time_s,
        "predicted_s": found.value,
        "low_s": found.interval.low if found.interval else None,
        "high_s": found.interval.high if found.interval else None,
        "statistic": measured.statistic,
        "software": measured.software,
        "conditions": measured.conditions,
        "source": measured.source,
        "fits": found.fits,
        "calibrated_on": found.provenance.calibration_sha256,
    }


def _error(frame: pl.DataFrame) -> pl.Series:
    errors = percent_errors(frame["predicted_s"].to_numpy(), frame["measured_s"].to_numpy())
    return pl.Series("error_percent", errors, dtype=pl.Float64)


def _compare_kernels(table: str, sha256: str, engine_name: str, read: KernelTable) -> Comparison:
    timer = plugins.engine(engine_name)
    if not isinstance(timer, OpTimer):
        raise Unsupported(f"engine {engine_name!r} gives no operator times, and {table} holds operators")
    predicted, low, high, silicon = _time_operators(timer, read)
    answered = np.isfinite(predicted)
    strata = kernel_strata(read.ops.family, np.where(answered, predicted, 0.0))
    frame = read.rows.rename({"op": "subject"}).with_columns(
        pl.Series("predicted_s", predicted),
        pl.Series("low_s", low).fill_nan(None),
        pl.Series("high_s", high).fill_nan(None),
        pl.Series("silicon", silicon, dtype=pl.String),
        pl.Series("stratum", strata.astype(object), dtype=pl.String),
        pl.lit("").alias("mode"),
        pl.lit(timer.calibrated_on if isinstance(timer, OpIntervals) else "").alias("calibrated_on"),
    )
    without = frame.filter(~pl.Series(answered)).group_by("device", "subject", "dtype").len()
    frame = frame.filter(pl.Series(answered))
    refused = tuple(
        Refused(device=d, subject=op, mode="", reason=f"{d} has no unit for {op} in {dtype}", rows=n)
        for d, op, dtype, n in without.sort("len", "device", "subject", "dtype", descending=True).iter_rows()
    )
    return Comparison(
        table=table,
        sha256=sha256,
        engine=engine_name,
        kind="kernels",
        asked=read.total,
        rows=frame.with_columns(_error(frame)),
        refused=(*read.refused, *refused),
        unread_columns=read.unread_columns,
    )


def _time_operators(timer: OpTimer, read: KernelTable) -> tuple[Numbers, Numbers, Numbers, list[str]]:
    """Predicted time, both ends of its interval (nan where there is none) and silicon of each row."""
    devices = read.rows["device"].to_numpy()
    predicted, low, high = (np.full(len(devices), np.nan) for _ in range(3))
    silicon: dict[str, str] = {}
    for name in map(str, np.unique(devices)):
        chosen = np.flatnonzero(devices == name)
        described, ops = device(name), read.ops.take(chosen)
        predicted[chosen] = times = timer.times_s(ops, described)
        silicon[name] = described.silicon
        ends = timer.intervals_s(ops, described, times) if isinstance(timer, OpIntervals) else None
        if ends is not None:
            low[chosen], high[chosen] = ends
    return predicted, low, high, [silicon[str(name)] for name in devices]
