"""Text to SI numbers and back: parse("3.35 TB/s", "B/s") -> 3.35e12, show(1.39e-4, "s") -> "139 us".

Prefixes live only here, at the edges; inside, every number is in SI and its name carries the unit.
"""

from __future__ import annotations

import difflib
import math
import re

from gnomon.core.errors import BadInput

DECIMAL = {"": 1.0, "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18}
BINARY = {"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40}

# Per dimension: spelling -> size in the SI unit, and the prefixes that people write with it.
_BIG = ("", "k", "M", "G", "T", "P", "E")
SPELLINGS: dict[str, dict[str, float]] = {
    "s": {p + "s": DECIMAL[p] for p in ("", "n", "u", "m")} | {"min": 60.0, "h": 3600.0, "µs": 1e-6},
    "B": {p + "B": DECIMAL[p] for p in _BIG} | {p + "B": v for p, v in BINARY.items()},
    "B/s": {p + "B/s": DECIMAL[p] for p in _BIG}
    | {p + "B/s": v for p, v in BINARY.items()}
    | {p + "bit/s": DECIMAL[p] / 8 for p in _BIG},
    "flop/s": {p + name: DECIMAL[p] for p in _BIG for name in ("flop/s", "FLOP/s", "OP/s")},
    "flop": {p + name: DECIMAL[p] for p in _BIG for name in ("flop", "FLOP", "OP")},
    "Hz": {p + "Hz": DECIMAL[p] for p in ("", "k", "M", "G")},
    "W": {p + "W": DECIMAL[p] for p in ("", "m", "k", "M")},
    "": {"": 1.0, "%": 0.01},
}
_NUMBER = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(.*?)\s*\Z")


def parse(text: str | float, unit: str) -> float:
    """The quantity in `text` as a finite number of SI `unit`; the text must carry a unit of that dimension.

    A bare number is refused for every unit but "" (a ratio): 3350 could be GB/s or B/s.
    Raises BadInput with the spelling meant, where one is near.
    """
    if isinstance(text, bool):
        raise BadInput(f"{text!r} is not a quantity in {unit or 'plain numbers'}")
    match = _NUMBER.match(str(text))
    if match is None:
        raise BadInput(f"{str(text)!r} does not start with a number; write it like {_example(unit)!r}")
    number, spelling = float(match.group(1)), match.group(2)
    sizes = SPELLINGS[unit]
    if spelling in sizes:
        size = sizes[spelling]
        value = number * size if size >= 1 else number / round(1 / size)  # 5 us is 5e-6, not 4.9999999999999996e-06
        if not math.isfinite(value):
            raise BadInput(f"{text!r} is not a finite quantity")
        return value
    if spelling == "":
        raise BadInput(f"{str(text)!r} has no unit; write it like {_example(unit)!r}")
    raise BadInput(f"{str(text)!r}: {_unknown_unit(spelling, unit)}")


def _example(unit: str) -> str:
    examples = {
        "s": "5 us",
        "B": "80 GB",
        "B/s": "3.35 TB/s",
        "flop/s": "312 TFLOP/s",
        "flop": "8.2 GFLOP",
        "Hz": "1410 MHz",
        "W": "700 W",
        "": "0.8",
    }
    return examples[unit]


def _unknown_unit(spelling: str, unit: str) -> str:
    for other, sizes in SPELLINGS.items():
        if spelling in sizes and other != unit:
            return (
                f"{spelling!r} is a unit of {_DIMENSION[other]}, expected {_DIMENSION[unit]}, like {_example(unit)!r}"
            )
    near = difflib.get_close_matches(spelling, SPELLINGS[unit], n=1, cutoff=0.5)
    if near:
        return f"unknown unit {spelling!r}; did you mean {near[0]!r}?"
    return f"unknown unit {spelling!r}; write it like {_example(unit)!r}"


_DIMENSION = {
    "s": "time",
    "B": "size",
    "B/s": "bandwidth",
    "flop/s": "compute rate",
    "flop": "work",
    "Hz": "frequency",
    "W": "power",
    "": "a plain ratio",
}


def show(value: float, unit: str, digits: int = 3) -> str:
    """`value` in SI `unit` as text with a prefix and `digits` significant digits: show(1.39e-4, "s") -> "139 us"."""
    if not math.isfinite(value):
        return f"{value} {unit}".strip()
    if value == 0:
        return f"0 {unit}".strip()
    smallest, largest = ("n", "") if unit == "s" else ("n", "E")
    names = list(DECIMAL)
    order = sorted(names, key=lambda name: DECIMAL[name])
    order = order[order.index(smallest) : order.index(largest) + 1]
    rounded = float(f"{abs(value):.{digits}g}")
    prefix = order[0]
    for name in order:
        if rounded >= DECIMAL[name] * (1 - 1e-12):
            prefix = name
    scaled = value / DECIMAL[prefix]
    return f"{_plain(scaled, digits)} {prefix}{unit}".strip()


def _plain(value: float, digits: int) -> str:
    """`value` with `digits` significant digits, never in exponent form."""
    places = max(0, digits - 1 - math.floor(math.log10(abs(float(f"{abs(value):.{digits}g}")))))
    return f"{value:.{places}f}"
