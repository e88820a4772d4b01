"""How far predictions are from measurements."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


def percent_errors(predicted: Numbers, measured: Numbers) -> Numbers:
    """Signed errors `(rows,)` in percent of the measured value: 100 (p - m) / m."""
    return 100.0 * (predicted - measured) / measured


def percent_error(predicted: float, measured: float) -> float:
    """That of one row."""
    return float(percent_errors(np.array([predicted]), np.array([measured]))[0])


def kendall_tau(predicted: Numbers, measured: Numbers) -> float | None:
    """Kendall's tau-b rank correlation; None where fewer than two rows or no order exists. [Kendall 1945]"""
    if len(predicted) < 2 or np.ptp(predicted) == 0 or np.ptp(measured) == 0:
        return None
    from scipy.stats import kendalltau  # a quarter of a second that one error does not wait for

    return float(kendalltau(predicted, measured).statistic)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorSummary:
    """Errors of one group of rows. Percentages are of the measured value; None where no row was answered."""

    rows: int  # compared
    asked: int  # compared and refused
    median_ape: float | None  # of |error|
    mean_ape: float | None
    p90_ape: float | None
    bias: float | None  # mean signed error
    kendall_tau: float | None

    @property
    def coverage(self) -> float:
        """Share of the rows asked about that were answered."""
        return self.rows / self.asked if self.asked else 0.0


def error_summary(predicted: Numbers, measured: Numbers, refused: int = 0) -> ErrorSummary:
    """Errors of `predicted` against `measured`, both `(rows,)` in one unit; `refused` rows lower the coverage."""
    asked = len(measured) + refused
    if not len(measured):
        return ErrorSummary(
            rows=0, asked=asked, median_ape=None, mean_ape=None, p90_ape=None, bias=None, kendall_tau=None
        )
    signed = percent_errors(predicted, measured)
    size = np.abs(signed)
    return ErrorSummary(
        rows=len(measured),
        asked=asked,
        median_ape=float(np.median(size)),
        mean_ape=float(size.mean()),
        p90_ape=float(np.quantile(size, 0.9)),
        bias=float(signed.mean()),
        kendall_tau=kendall_tau(predicted, measured),
    )
