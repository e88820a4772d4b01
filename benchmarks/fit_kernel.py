"""Fits the kernel engine's numbers to measured rows; one command makes both of its data files.

    python -m benchmarks.fit_kernel ../shared/truth/kernels.csv.gz

writes coefficients.json (fitted to all rows) and the bands of operators in calibration.json (from residuals of each kind
of silicon under coefficients fitted without it) beside the engine's code. `--without H100` and `--out FILE` fit without
the silicon of a device and write the coefficients alone.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import least_squares
from scipy.sparse.linalg import spsolve

import gnomon.engines.kernel as engine_package
from benchmarks.kernel_rows import Rows, read_rows
from gnomon.core.errors import BadInput
from gnomon.core.op import FAMILIES
from gnomon.core.version import version
from gnomon.engines.kernel.correction import COMMON, Axis, Correction, interpolation, on_silicon
from gnomon.engines.kernel.fitted import AttentionFit, Fitted, PassFit, ProductFit, fitted_text
from gnomon.engines.kernel.kernels import FEWEST_QUERIES, attention_name
from gnomon.engines.kernel.times import (
    attention_features,
    pass_features,
    physical_attention_s,
    physical_pass_s,
    physical_product_s,
    product_features,
    started_s,
    unshaped_s,
)
from gnomon.formats.aliases import canonical_device
from gnomon.formats.device_file import catalogue_device
from gnomon.stats.calibration import Calibration, calibrations_text, parse_calibrations
from gnomon.stats.intervals import LEVEL, ratio_bands
from gnomon.stats.strata import kernel_strata

Array = NDArray[np.float64]
Fit = TypeVar("Fit", ProductFit, AttentionFit, PassFit)

# Start, least and largest value of each coefficient.
PRODUCT_START = {
    "share": (0.8, 0.3, 1.0),
    "exponent": (0.1, 0.0, 0.8),
    "half_area": (3000.0, 0.0, 30000.0),
    "prologue_s": (5e-7, 0.0, 1e-5),
    "quantised": (0.4, 0.0, 1.0),
    "l2_bytes_per_clock": (90.0, 64.0, 200.0),
    "cache_share": (0.3, 0.01, 3.0),
    "bandwidth_share": (0.8, 0.5, 1.0),
    "split_s": (2e-6, 0.0, 1e-5),
    "launch_share": (0.1, 0.0, 0.2),
    "floor_clocks": (3000.0, 0.0, 1e5),
}
ATTENTION_START = {
    name: PRODUCT_START[name]
    for name in (
        "share",
        "exponent",
        "prologue_s",
        "quantised",
        "l2_bytes_per_clock",
        "cache_share",
        "bandwidth_share",
        "launch_share",
        "floor_clocks",
    )
} | {"share": (0.6, 0.1, 1.0), "l2_bytes_per_clock": (30.0, 8.0, 200.0)}
PASS_START = {
    "l2_bytes_per_clock": (30.0, 4.0, 200.0),
    "cache_share": (0.3, 0.01, 3.0),
    "bandwidth_share": (0.8, 0.05, 1.0),
    "launch_share": (0.3, 0.0, 2.0),
    "floor_clocks": (1000.0, 0.0, 2e4),
    "single_floor_s": (2e-5, 0.0, 8e-5),
}
PRODUCT_AXES = (
    Axis(name="m", knots=(1, 16, 64, 256, 1024, 4096, 32768)),
    Axis(name="n", knots=(32, 128, 512, 2048, 8192, 65536)),
    Axis(name="k", knots=(32, 128, 512, 2048, 8192, 65536)),
)
# Measured prefills have as many queries as keys, so their ratio knows the queries alone.
PREFILL_AXES = (
    Axis(name="heads", knots=(4, 16, 64, 256, 2048)),
    Axis(name="q_len", knots=(16, 128, 512, 2048, 8192, 32768)),
    Axis(name="head_dim", knots=(64, 128, 256)),
)
DECODE_AXES = (
    Axis(name="heads", knots=(4, 32, 256, 2048, 16384)),
    Axis(name="kv_len", knots=(8, 64, 512, 4096, 32768)),
    Axis(name="sharing", knots=(1, 8)),
    Axis(name="head_dim", knots=(64, 256)),
)
PASS_AXES = (Axis(name="moved_bytes", knots=(1e4, 1e5, 1e6, 4e6, 1.6e7, 6.4e7, 2.56e8, 1e9)),)
# Held firmly: the common grid is what an unknown kind of silicon gets, and few kinds stand behind it.
COMMON_RIDGE, OWN_RIDGE = 10.0, 3.0
HUBER = 0.12  # log error beyond which a row weighs less [Huber 1964]
ROUNDS = 4  # of reweighting
MOST_ROWS = 5_000  # of one device and library that weigh fully; more share that weight
SAMPLE = 4_000  # rows that physical coefficients are fitted to: each silicon, source and decade of time alike
LOW, HIGH = 0.3, 3.0  # of a ratio
SEED = 20_240_229


def fitted(rows: Rows, without: str = "") -> Fitted:
    """The coefficients that these rows give, those of the silicon `without` left out."""
    rows = rows.where(rows.silicon != without) if without else rows
    matmul, attention = rows.where(rows.family == "matmul"), rows.where(rows.family == "attention")
    passes = rows.where(rows.kind != "")
    return Fitted(
        data=rows.data,
        sha256=rows.sha256,
        without=without,
        products={name: product_fit(matmul.where(matmul.format_class == name)) for name in _classes(matmul)},
        attentions={
            str(name): attention_fit(attention.where(_names(attention) == name))
            for name in np.unique(_names(attention))
        },
        passes={str(kind): pass_fit(passes.where(passes.kind == kind)) for kind in np.unique(passes.kind)},
    )


def _names(rows: Rows) -> NDArray[np.str_]:
    """Which coefficients of attention each row stands behind."""
    is_decode = rows.q_len < FEWEST_QUERIES
    return np.array(
        [attention_name(*pair) for pair in zip(rows.format_class.tolist(), is_decode.tolist(), strict=True)]
    )


def _classes(rows: Rows) -> list[str]:
    return [str(name) for name in np.unique(rows.format_class)]


def product_fit(rows: Rows) -> ProductFit:
    """Coefficients of products of one class of formats."""

    def physical(some: Rows, fit: ProductFit) -> Array:
        return physical_product_s(some.products(), some.size, some.peak, some.gpu(), fit)

    empty = ProductFit(**dict.fromkeys(PRODUCT_START, 0.0), unshaped=1.0, correction=_none(PRODUCT_AXES))
    fit = _physical_fit(rows, empty, PRODUCT_START, physical)
    ratio = _correction(rows, physical(rows, fit), PRODUCT_AXES, product_features(rows.products()))
    return replace(fit, correction=ratio, unshaped=_unshaped(rows, fit))


def attention_fit(rows: Rows) -> AttentionFit:
    """Coefficients of fused attention of one class of formats, either of prefills or of decode steps."""
    axes = DECODE_AXES if rows.q_len[0] < FEWEST_QUERIES else PREFILL_AXES

    def physical(some: Rows, fit: AttentionFit) -> Array:
        return physical_attention_s(some.attentions(), some.size, some.peak, some.gpu(), fit)

    empty = AttentionFit(**dict.fromkeys(ATTENTION_START, 0.0), unshaped=1.0, correction=_none(axes))
    fit = _physical_fit(rows, empty, ATTENTION_START, physical)
    ratio = _correction(rows, physical(rows, fit), axes, attention_features(rows.attentions()))
    return replace(fit, correction=ratio, unshaped=_unshaped(rows, fit))


def pass_fit(rows: Rows) -> PassFit:
    """Coefficients of one kind of pass."""

    def physical(some: Rows, fit: PassFit) -> Array:
        is_single = some.dtype == "fp32"
        return physical_pass_s(some.flop, some.moved_bytes, some.peak, some.gpu(), fit, is_single)

    empty = PassFit(**dict.fromkeys(PASS_START, 0.0), correction=_none(PASS_AXES))
    fit = _physical_fit(rows, empty, PASS_START, physical)
    if not (rows.dtype != "fp32").any():  # no row tells one from the other: the start's clocks, the rest is the host's
        clocks = PASS_START["floor_clocks"][0]
        fit = replace(fit, floor_clocks=clocks)
    return replace(fit, correction=_correction(rows, physical(rows, fit), PASS_AXES, pass_features(rows.passes())))


def _unshaped(rows: Rows, fit: ProductFit | AttentionFit) -> float:
    """Median ratio of measured times to those that know no shape, both without what starting takes.

    Of rows that take ten times as long as to start, where there are some: in shorter ones the start's scatter is the ratio.
    """
    on = rows.gpu()
    start = np.asarray(started_s(on, fit))
    plain = unshaped_s(rows.flop, rows.moved_bytes, rows.size, rows.peak, on, fit) - start
    is_long = rows.measured_s > 10.0 * start
    chosen = is_long if is_long.any() else np.ones(len(rows), dtype=np.bool_)
    return float(np.median(np.maximum(rows.measured_s - start, 0.0)[chosen] / plain[chosen]))


def _none(axes: tuple[Axis, ...]) -> Correction:
    return Correction(axes=axes, grid={COMMON: (0.0,) * _size(axes)}, low=LOW, high=HIGH)


def _size(axes: tuple[Axis, ...]) -> int:
    return int(np.prod([len(axis.knots) for axis in axes]))


def _weights(rows: Rows) -> Array:
    """Weight of each row: no more than MOST_ROWS for all rows of one device and library."""
    _, index, counts = np.unique(np.char.add(rows.device, rows.library), return_inverse=True, return_counts=True)
    return np.minimum(1.0, MOST_ROWS / counts[index])


def _physical_fit(
    rows: Rows, empty: Fit, start: Mapping[str, tuple[float, float, float]], physical: Callable[[Rows, Fit], Array]
) -> Fit:
    """Coefficients by least squares of log errors on a sample of even weight."""
    generator = np.random.default_rng(SEED)
    # Without rank by size the many small rows would settle what only the few large ones show: the peak that is held.
    decade = np.floor(np.log10(rows.measured_s)).astype(np.int64).astype(np.str_)
    groups = np.char.add(np.char.add(rows.silicon, rows.source), decade)
    _, index, counts = np.unique(groups, return_inverse=True, return_counts=True)
    chance = 1.0 / counts[index]
    count = min(SAMPLE, len(rows))
    some = rows.where(generator.choice(len(rows), size=count, replace=False, p=chance / chance.sum()))
    names = list(start)
    first, low, high = (np.array([start[name][place] for name in names]) for place in range(3))

    def errors(values: Array) -> Array:
        fit = replace(empty, **{name: float(v) for name, v in zip(names, values * first, strict=True)})
        return np.log(physical(some, fit) / some.measured_s)

    found = least_squares(
        errors,
        np.ones(len(names)),
        bounds=(low / first, high / first),
        loss="soft_l1",
        f_scale=HUBER,
        max_nfev=40,
    )
    return replace(empty, **{name: float(v) for name, v in zip(names, found.x * first, strict=True)})


def _correction(rows: Rows, physical_s: Array, axes: tuple[Axis, ...], features: Mapping[str, Array]) -> Correction:
    """Logarithms of measured / physical at the crossings, by what they are known for.

    A common grid and an addition for each kind of silicon together, so that what silicon shares goes into the common one;
    then an addition for each library on silicon where several were measured, to what those leave.
    """
    corners, weights = interpolation(axes, features)
    size = _size(axes)
    logs, even = np.log(rows.measured_s / physical_s), _weights(rows)
    names, index = np.unique(rows.silicon, return_inverse=True)
    shared = _design(corners, weights, np.zeros(len(rows), dtype=np.intp), size)
    own = _design(corners, weights, index, size)
    ridge = np.concatenate([np.full(size, COMMON_RIDGE), np.full(own.shape[1], OWN_RIDGE)])
    both = sparse.hstack([shared, own]).tocsr()
    found = _robust(both, logs, even, ridge)
    keys = [COMMON, *names.tolist()]
    grid = dict(zip(keys, found.reshape(len(keys), size).tolist(), strict=True))
    left = logs - both @ found
    for silicon in names.tolist():
        here = rows.silicon == silicon
        libraries = np.unique(rows.library[here]).tolist()
        for library in libraries if len(libraries) > 1 else ():
            chosen = np.flatnonzero(here & (rows.library == library))
            design = shared[chosen]
            grid[on_silicon(library, silicon)] = _robust(
                design, left[chosen], even[chosen], np.full(size, OWN_RIDGE)
            ).tolist()
    return Correction(axes=axes, grid={name: tuple(values) for name, values in grid.items()}, low=LOW, high=HIGH)


def _design(corners: NDArray[np.int64], weights: Array, group: NDArray[np.intp], size: int) -> sparse.csr_matrix:
    """Rows of weights, in the columns of each row's group."""
    count, groups = len(corners), int(group.max()) + 1
    row = np.repeat(np.arange(count), corners.shape[1])
    place = (corners + (group * size)[:, np.newaxis]).ravel()
    return sparse.csr_matrix((weights.ravel(), (row, place)), shape=(count, size * groups))


def _robust(design: sparse.csr_matrix, logs: Array, even: Array, ridge: Array) -> Array:
    """Ridge regression with Huber's weights, by reweighting."""
    robust = np.ones(len(logs))
    found = np.zeros(design.shape[1])
    for _ in range(ROUNDS):
        weighted = design.multiply((even * robust)[:, np.newaxis]).tocsr()
        found = spsolve((design.T @ weighted + sparse.diags(ridge**2)).tocsc(), weighted.T @ logs)
        robust = 1.0 / np.maximum(1.0, np.abs(logs - design @ found) / HUBER)
    return found


def predicted_s(rows: Rows, numbers: Fitted, *, knows_library: bool = False) -> Array:
    """Seconds that the coefficients give of each row `(rows,)`; nan where they have none for it."""
    times, names = np.full(len(rows), np.nan), _names(rows)
    libraries = rows.library if knows_library else np.full(len(rows), "")
    for silicon, library in sorted({*zip(rows.silicon.tolist(), libraries.tolist(), strict=True)}):
        here = (rows.silicon == silicon) & (libraries == library)
        for name, fit in numbers.products.items():
            chosen = np.flatnonzero(here & (rows.family == "matmul") & (rows.format_class == name))
            some = rows.where(chosen)
            physical = physical_product_s(some.products(), some.size, some.peak, some.gpu(), fit)
            times[chosen] = physical * fit.correction.ratio(product_features(some.products()), silicon, library)
        for name, attention in numbers.attentions.items():
            chosen = np.flatnonzero(here & (rows.family == "attention") & (names == name))
            some = rows.where(chosen)
            physical = physical_attention_s(some.attentions(), some.size, some.peak, some.gpu(), attention)
            ratio = attention.correction.ratio(attention_features(some.attentions()), silicon, library)
            times[chosen] = physical * ratio
        for name, one in numbers.passes.items():
            chosen = np.flatnonzero(here & (rows.kind == name))
            some = rows.where(chosen)
            is_single = some.dtype == "fp32"
            physical = physical_pass_s(some.flop, some.moved_bytes, some.peak, some.gpu(), one, is_single)
            times[chosen] = physical * one.correction.ratio(pass_features(some.passes()), silicon, library)
    return times


def left_out_s(rows: Rows) -> Array:
    """Seconds of each row `(rows,)` from coefficients that rows of its silicon had no part in."""
    times, names = np.full(len(rows), np.nan), _kinds(rows)
    for silicon in np.unique(rows.silicon):
        chosen = np.flatnonzero(rows.silicon == silicon)
        needed = rows.where(np.isin(names, names[chosen]))
        times[chosen] = predicted_s(rows.where(chosen), fitted(needed, str(silicon)))
        print(f"fitted without {silicon}: {len(chosen)} rows", flush=True)
    return times


def _kinds(rows: Rows) -> NDArray[np.str_]:
    """Which coefficients each row stands behind."""
    other = np.where(rows.family == "attention", _names(rows), rows.format_class)
    return np.where(rows.kind != "", rows.kind, other)


def strata(rows: Rows, times: Array) -> NDArray[np.str_]:
    """The stratum of each row."""
    family = np.array([FAMILIES.index(name) for name in rows.family.tolist()])
    return kernel_strata(family, times)


def operator_calibration(rows: Rows, times: Array) -> Calibration:
    """Bands of operators from times of silicon that was left out."""
    answered = np.isfinite(times)
    rows, times = rows.where(answered), times[answered]
    bands = ratio_bands(np.log(rows.measured_s / times), rows.silicon, strata(rows, times), LEVEL)
    return Calibration(engine="kernel", version=version(), data=rows.data, sha256=rows.sha256, bands=bands)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path, help="measured operators, such as kernels.csv.gz")
    parser.add_argument("--without", metavar="DEVICE", help="leave out all rows of this device's silicon")
    parser.add_argument("--out", type=Path, help="where the coefficients go; default: beside the engine's code")
    asked = parser.parse_args()
    folder = Path(str(engine_package.__file__)).parent
    rows = read_rows(asked.table)
    left_out = ""
    if asked.without:
        if asked.out is None:
            parser.error("--without needs --out: the engine's own coefficients are fitted to everything")
        name = canonical_device(asked.without)
        if name is None:
            raise BadInput(f"--without: {asked.without!r} is no device of the catalogue")
        left_out = catalogue_device(name).silicon
    numbers = fitted(rows, left_out)
    target = asked.out or folder / "coefficients.json"
    target.write_text(fitted_text(numbers), encoding="utf-8")
    print(f"{target}: {target.stat().st_size / 1e3:.0f} kB")
    if asked.out is None:
        bands = folder / "calibration.json"
        kept = parse_calibrations(bands.read_text(encoding="utf-8")) if bands.exists() else {}
        kept["kernels"] = operator_calibration(rows, left_out_s(rows))
        bands.write_text(calibrations_text(kept), encoding="utf-8")
        print(f"{bands}: {len(kept['kernels'].bands)} bands")


if __name__ == "__main__":
    main()
