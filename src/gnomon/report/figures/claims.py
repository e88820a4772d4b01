"""How many claims of each tool have each status."""

from __future__ import annotations

from gnomon.report.facts.table import Table
from gnomon.report.figures.figure import Figure, axis, hover, names_axis

STATUS_COLOURS = {
    "reproduced": "--series-2",
    "refuted": "--series-8",
    "not comparable": "--series-4",
    "unverified": "--series-7",
}


def claims_by_tool(table: Table) -> Figure:
    """The picture of `facts.claims.by_tool`."""
    tools = list(dict.fromkeys(map(str, table["tool"])))
    words = [word for word in STATUS_COLOURS if word in table["status"]]
    totals = {
        word: sum(int(count or 0) for one, count in zip(table["status"], table["claims"], strict=True) if one == word)
        for word in words
    }
    return Figure(
        kind="claims-by-tool",
        title="Claims by tool",
        alt=f"Claims of {len(tools)} tools: {', '.join(f'{count} {word}' for word, count in totals.items())}.",
        table=table,
        data=[
            {
                "type": "bar",
                "orientation": "h",
                "name": word,
                "where": {"column": "status", "is": word},
                "y": "@tool",
                "x": "@claims",
                "marker": {"color": STATUS_COLOURS[word]},
                **hover(table, ("tool", "status", "claims")),
            }
            for word in words
        ],
        layout={
            "barmode": "stack",
            "xaxis": axis("claims", rangemode="tozero", tickformat="d"),
            "yaxis": names_axis(tools),
            "height": 140 + 24 * len(tools),
            "showlegend": True,
        },
    )
