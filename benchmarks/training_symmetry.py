"""Clusters by classes of equal ranks against every rank, message by message: `python -m benchmarks.training_symmetry 1000`.

So many random small clusters that can be simulated by classes; any difference in what is told of a rank or a link is printed.
"""

from __future__ import annotations

import sys
from collections import Counter

from tests.engines.training.random_clusters import random_cluster, told

from gnomon.core.errors import GnomonError
from gnomon.engines.training.simulate.simulate import simulate


def compare(wanted: int, first_seed: int = 0) -> Counter[str]:
    """How many came out the same, by what they were."""
    found: Counter[str] = Counter()
    seed = first_seed
    while found["by classes"] < wanted:
        given = random_cluster(seed)
        try:
            ours = simulate(given)
        except GnomonError:
            found["refused"] += 1
        else:
            if ours.how.why_all is not None:
                found[f"every rank: {ours.how.why_all.split(' ns ')[-1]}"] += 1
            else:
                found["by classes"] += 1
                found[f"{given.backend}, {'closed' if ours.how.ranks == 1 else 'several classes'}"] += 1
                if told(ours) != told(simulate(given, exact_events=True)):
                    found["different"] += 1
                    print(f"seed {seed} differs")
        seed += 1
    return found


if __name__ == "__main__":
    counts = compare(int(sys.argv[1]) if len(sys.argv) > 1 else 1000, int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    for name, count in counts.most_common():
        print(f"{count:6,}  {name}")
    sys.exit(bool(counts["different"]))
