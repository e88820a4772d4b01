"""Numbers as a reader sees them, in tables, lines and pages alike: intervals, rates, percentages. "-" where unknown."""

from __future__ import annotations

from gnomon.core.units import show


def interval(low: float | None, high: float | None, unit: str = "s") -> str:
    """Both ends of an interval in SI `unit`: "8.1 ms - 20 ms"."""
    return "-" if low is None or high is None else f"{show(low, unit)} - {show(high, unit)}"


def percent(value: float | None, *, is_signed: bool = False, unknown: str = "-") -> str:
    """A number that is in percent already, with one decimal."""
    if value is None:
        return unknown
    return f"{value:+.1f} %" if is_signed else f"{value:.1f} %"


def share(value: float | None, places: int = 0, *, unknown: str = "-") -> str:
    """A number from 0 to 1 in percent, with so many decimals."""
    return unknown if value is None else f"{100 * value:.{places}f} %"


def ratio(value: float | None, digits: int = 3) -> str:
    """A number without a prefix, like a rate or flop over bytes: so many digits, or all of a larger one."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 10 ** (digits - 1) else f"{value:.{digits}g}"


def counted(count: int, noun: str) -> str:
    """So many of something: "1 replica", "64 sequences", "8 micro-batches"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}{'es' if noun.endswith('ch') else 's'}"


def rate(value: float | None, item: str = "", digits: int = 3) -> str:
    """So many of something each second: "10,539 image/s"."""
    return "-" if value is None else f"{ratio(value, digits)} {item}/s"


def quantity(value: float | None, unit: str, digits: int = 3) -> str:
    """A number in the unit of a column: SI with a prefix; or "/s", "flop/B", "share", "%" and "", which take none."""
    if value is None:
        return "-"
    match unit:
        case "":
            return ratio(value, digits)
        case "flop/B":
            return f"{ratio(value, digits)} {unit}"
        case "/s":
            return rate(value, digits=digits)
        case "share":
            return share(value, 1)
        case "%":
            return percent(value)
        case _:
            return show(value, unit, digits)
