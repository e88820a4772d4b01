"""What a simulated step costs against the number of its NPUs: `python -m benchmarks.training_scaling`.

A computation and an all-reduce of 64 MiB in rings through a torus of three dimensions, unaware: by classes of equal ranks, every
rank message by message, and by ASTRA-sim itself where it is installed. Seconds of the processor, the least of some runs; of
ASTRA-sim those of its own process, which also reads a trace for each rank. Writes a table and its drawing; about three minutes.
"""

from __future__ import annotations

import argparse
import csv
import math
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path

from tests.engines.training.clusters import collective, compute, fabric, rules

from gnomon.adapters.astrasim.adapter import PIN, run_cluster
from gnomon.adapters.astrasim.binaries import installed
from gnomon.core.cluster_rules import AlgorithmName
from gnomon.core.fabric import Wiring
from gnomon.core.trace import ClusterTrace, CollectiveKind, RankTrace
from gnomon.engines.training.simulate.given import Given
from gnomon.engines.training.simulate.simulate import simulate
from gnomon.engines.training.simulate.statistics import total_ns

OUT = Path(__file__).parent.parent / "results" / "training"
TABLE, DRAWING = "time-against-npus.csv", "time-against-npus.svg"
SHAPES = ((4, 4, 4), (8, 8, 4), (8, 8, 8), (16, 16, 8), (16, 16, 16), (32, 32, 32), (64, 64, 64), (128, 128, 64))
RUNS = 3
MOST_S = 15.0  # a way that has taken longer is not asked of a larger cluster
BYTES = 64 * 2**20
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 800, 420, 84, 44, 84, 56
_COLOURS = ("#1f77b4", "#d62728", "#555555")


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What one way took on one cluster."""

    way: str
    npus: int
    seconds: float  # of the processor
    end_ns: int  # when the last rank ends


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A simulator and the clock that it is timed by."""

    name: str
    end_ns: Callable[[Given], int]
    clock: Callable[[], float]


def ways() -> Iterator[Way]:
    """Those that are there."""
    yield Way(
        name="gnomon, by classes of equal ranks",
        end_ns=lambda given: total_ns(simulate(given)),
        clock=time.process_time,
    )
    yield Way(
        name="gnomon, every rank",
        end_ns=lambda given: total_ns(simulate(given, exact_events=True)),
        clock=time.process_time,
    )
    if installed() is not None:
        yield Way(
            name=f"ASTRA-sim {PIN.version}, every rank",
            end_ns=lambda given: max(run_cluster(given.trace, given.fabric, given.rules).cycles),
            clock=_children_s,
        )


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def cluster(shape: Sequence[int]) -> Given:
    """A torus of that shape and its step."""
    nodes = (compute(0, 100), collective(CollectiveKind.ALL_REDUCE, BYTES, id=1, parents=(0,)))
    network = fabric(*((Wiring.RING, npus) for npus in shape))
    one = RankTrace(nodes=nodes, place="workload.json")
    rings = rules(*(AlgorithmName.RING for _ in shape))
    return Given(trace=ClusterTrace(ranks=(one,) * network.npus), fabric=network, rules=rings)


def measured(way: Way, shapes: Sequence[Sequence[int]] = SHAPES) -> Iterator[Point]:
    """A way on larger and larger clusters."""
    for shape in shapes:
        given, taken, end_ns = cluster(shape), [], 0
        while len(taken) < RUNS and max(taken, default=0.0) <= MOST_S:
            began = way.clock()
            end_ns = way.end_ns(given)
            taken.append(way.clock() - began)
        yield Point(way=way.name, npus=given.fabric.npus, seconds=min(taken), end_ns=end_ns)
        if max(taken) > MOST_S:
            return


def drawing(points: Sequence[Point]) -> str:
    """An SVG of seconds against NPUs, both logarithmic; a line for each way."""
    low, high = (f(math.log10(one.npus) for one in points) for f in (min, max))
    least, most = (
        math.floor(min(math.log10(one.seconds) for one in points)),
        math.ceil(max(math.log10(one.seconds) for one in points)),
    )

    def x(npus: float) -> float:
        return _LEFT + (math.log10(npus) - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT)

    def y(seconds: float) -> float:
        return _HEIGHT - _BOTTOM - (math.log10(seconds) - least) / (most - least) * (_HEIGHT - _TOP - _BOTTOM)

    def text(at_x: float, at_y: float, words: str, anchor: str = "middle", **more: str) -> str:
        further = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in more.items())
        return f'<text x="{at_x:.1f}" y="{at_y:.1f}" text-anchor="{anchor}"{further}>{escape(words)}</text>'

    def line(x_1: float, y_1: float, x_2: float, y_2: float) -> str:
        return f'<line x1="{x_1:.1f}" y1="{y_1:.1f}" x2="{x_2:.1f}" y2="{y_2:.1f}" stroke="#dddddd"/>'

    made = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        text(_LEFT, 22, "Time to simulate a step, against its NPUs", "start", font_size="15"),
        text(_LEFT, 40, "all-reduce of 64 MiB in rings through a torus of three dimensions, unaware", "start"),
        text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 12, "NPUs"),
        text(
            16,
            (_TOP + _HEIGHT - _BOTTOM) / 2,
            "processor time",
            transform=f"rotate(-90 16 {(_TOP + _HEIGHT - _BOTTOM) / 2})",
        ),
    ]
    for power in range(least, most + 1):
        made += [
            line(_LEFT, y(10.0**power), _WIDTH - _RIGHT, y(10.0**power)),
            text(_LEFT - 8, y(10.0**power) + 4, _seconds(power), "end"),
        ]
    for npus in sorted({one.npus for one in points}):
        made += [line(x(npus), _TOP, x(npus), _HEIGHT - _BOTTOM), text(x(npus), _HEIGHT - _BOTTOM + 18, f"{npus:,}")]
    names = list(dict.fromkeys(one.way for one in points))
    for at, (name, colour) in enumerate(zip(names, _COLOURS, strict=False)):
        own = [(x(one.npus), y(one.seconds)) for one in points if one.way == name]
        path = " ".join(f"{one:.1f},{other:.1f}" for one, other in own)
        made.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        made += [f'<circle cx="{one:.1f}" cy="{other:.1f}" r="3.5" fill="{colour}"/>' for one, other in own]
        made.append(text(_LEFT + (0, 250, 410)[at], _TOP - 22, f"● {name}", "start", fill=colour))
    return "\n".join([*made, "</svg>", ""])


def _seconds(power: int) -> str:
    """10 to that power, in a unit."""
    prefix, within = divmod(power, 3)
    return f"{10**within} {({-2: 'us', -1: 'ms', 0: 's'})[prefix]}"


def read_points(path: Path) -> list[Point]:
    """The rows of the table."""
    with path.open(newline="", encoding="utf-8") as file:
        return [
            Point(way=row["way"], npus=int(row["npus"]), seconds=float(row["seconds"]), end_ns=int(row["end_ns"]))
            for row in csv.DictReader(file)
        ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--draw", action="store_true", help="the table that is there; nothing is measured")
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    if not asked.draw:
        _measure(asked.out / TABLE)
    (asked.out / DRAWING).write_text(drawing(read_points(asked.out / TABLE)), encoding="utf-8")


def _measure(path: Path) -> None:
    """Write the table, printing its rows."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, ["way", "npus", "seconds", "end_ns"], lineterminator="\n")
        table.writeheader()
        for way in ways():
            for point in measured(way):
                print(
                    f"{point.way:34s} {point.npus:9,} NPUs {point.seconds:10.4f} s  ends at {point.end_ns:,} ns",
                    flush=True,
                )
                table.writerow({**asdict(point), "seconds": f"{point.seconds:.6f}"})


if __name__ == "__main__":
    main()
