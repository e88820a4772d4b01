"""The parts of a pass one after another, coloured by what binds them."""

from __future__ import annotations

from gnomon.core.units import show
from gnomon.report.facts.table import Table
from gnomon.report.figures.figure import Figure, even_axis, hover, names_axis, share

KIND_COLOURS = {
    "compute": "--series-0",
    "memory": "--series-1",
    "overhead": "--series-2",
    "network": "--series-3",
    "mixed": "--series-4",
    "idle": "--series-7",
}
MOST_IN_WORDS = 6  # parts named in the alternative text


def waterfall(name: str, value_s: float, table: Table) -> Figure:
    """The picture of `facts.waterfall`; `value_s` is the time of the whole pass."""
    totals: dict[str, float] = {}
    for part, value in zip(table["part"], table["value_s"], strict=True):
        totals[str(part)] = totals.get(str(part), 0.0) + float(value or 0)
    said = [f"{p} {show(t, 's')} ({share(t / value_s if value_s else 0.0)})" for p, t in totals.items()]
    more = ", and more" if len(said) > MOST_IN_WORDS else ""
    return Figure(
        kind="waterfall",
        title=f"Where the time goes: {name}",
        alt=f"Waterfall of {name}, {show(value_s, 's')} in all: {', '.join(said[:MOST_IN_WORDS])}{more}.",
        table=table,
        data=[
            {
                "type": "bar",
                "orientation": "h",
                "name": kind,
                "where": {"column": "kind", "is": kind},
                "y": "@part",
                "x": "@value_s",
                "base": "@start_s",
                "marker": {"color": KIND_COLOURS.get(kind, "--series-5")},
                **hover(table, ("part", "inside", "value_s", "share")),
            }
            for kind in dict.fromkeys(map(str, table["kind"]))
        ],
        layout={
            "barmode": "overlay",
            "xaxis": even_axis("time from the start", "s", 0, value_s * 1.02 or 1.0),
            "yaxis": names_axis(list(totals)),
            "height": 150 + 34 * len(totals),
        },
    )
