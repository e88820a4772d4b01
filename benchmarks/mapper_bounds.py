"""Tiny spaces, mapping by mapping, against the bounds that a search prunes by: `python -m benchmarks.mapper_bounds 10000`.

Each tiny space is drawn at random and looked at whole where parts divide their dimensions, and at so many mappings drawn at random
where they need not; by Timeloop's rules and by Gnomon's own.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import count, islice

from tests.engines.mapper.search import below
from tests.engines.mapper.search.brute import Tiny, small, with_odd_bounds

from gnomon.core.accelerator import Accelerator
from gnomon.core.map_space import MapRules
from gnomon.core.problem import Problem
from gnomon.engines.mapper.conventions import Switches
from gnomon.engines.mapper.search.counting import CountingRules, of_gnomon, of_timeloop

_DRAWN, _MOST_MAPPINGS = 60, 400


def _timeloop(problem: Problem, accelerator: Accelerator, rules: MapRules) -> CountingRules:
    return of_timeloop(problem, accelerator, rules, Switches())


def _drawn(first: int) -> Iterator[tuple[int, Tiny]]:
    """Tiny spaces without end, each with its seed."""
    for seed in count(first):
        for one in small([seed], most_mappings=_MOST_MAPPINGS):
            yield seed, one


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("spaces", type=int, help="how many to look at")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    asked = parser.parse_args()
    found = Counter[str]()
    for seen, (seed, one) in enumerate(islice(_drawn(asked.first), asked.spaces), start=1):
        odd = with_odd_bounds(one)
        for rules, counting in (("timeloop", _timeloop), ("gnomon", of_gnomon)):
            for parts, held in (
                ("even", below.even(one, counting(one.problem, one.accelerator, one.rules))),
                ("ragged", below.ragged(odd, counting(odd.problem, odd.accelerator, odd.rules), _DRAWN, seed)),
            ):
                found[f"{rules}, {parts}: mappings"] += held.mappings
                found[f"{rules}, {parts}: bounds"] += held.parts
                found["below a bound"] += len(held.below)
                for told in held.below:
                    print(f"seed {seed}, {rules}, {parts}: {told}")
        if seen % 100 == 0 or seen == asked.spaces:
            print(f"{seen} of {asked.spaces} spaces, to seed {seed}: {dict(found)}", file=sys.stderr)
    return found["below a bound"] > 0


if __name__ == "__main__":
    sys.exit(main())
