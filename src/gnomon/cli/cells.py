"""Numbers as the cells of a table."""

from __future__ import annotations

from gnomon.core.units import show


def interval_cell(low_s: float | None, high_s: float | None) -> str:
    """Both ends of an interval of time, or a dash."""
    return "-" if low_s is None or high_s is None else f"{show(low_s, 's')} - {show(high_s, 's')}"


def percent_cell(value: float | None, *, is_signed: bool = True) -> str:
    """A number that is in percent already, or a dash."""
    if value is None:
        return "-"
    return f"{value:+.1f} %" if is_signed else f"{value:.1f} %"


def cut_cell(text: str, width: int) -> str:
    """At most `width` characters of a text."""
    return text if len(text) <= width else text[: width - 3].rstrip() + "..."


def rate_cell(value: float) -> str:
    """A number of three digits, or all of a larger one."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
