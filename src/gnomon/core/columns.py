"""What the ending of a column's name says: its unit, and the name as a reader says it.

Every number that leaves Gnomon carries its unit in its name: `total_s`, `moved_bytes`, `images_per_s`, `error_percent`.
"""

from __future__ import annotations

# Ending -> unit, and whether the ending still belongs to the name when the unit stands beside it. The longest first.
_ENDINGS: dict[str, tuple[str, bool]] = {
    "_bytes_per_s": ("B/s", False),
    "_flop_per_s": ("flop/s", False),
    "_percent": ("%", False),
    "_per_s": ("/s", False),
    "_bytes": ("B", False),
    "_flop": ("flop", True),
    "_bubble": ("share", True),
    "_mfu": ("share", True),
    "_hfu": ("share", True),
    "_s": ("s", False),
    "_j": ("J", False),
    "_w": ("W", False),
}


def column_unit(column: str) -> str:
    """The unit that the name of a column ends in; empty for words and plain numbers."""
    return next((unit for ending, (unit, _) in _ENDINGS.items() if f"_{column}".endswith(ending)), "")


def column_label(column: str) -> str:
    """The name of a column as a reader says it, without its unit: "total_s" is "total"."""
    ending = next((ending for ending in _ENDINGS if column.endswith(ending)), "")
    name = column if not ending or _ENDINGS[ending][1] else column.removesuffix(ending)
    return name.replace("_", " ")
