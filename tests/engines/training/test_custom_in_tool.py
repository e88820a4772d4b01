"""Random algorithms of a collective, in ASTRA-sim's own programs and here."""

import json
import re
import subprocess
from random import Random

import pytest

from gnomon.adapters.astrasim import binaries
from gnomon.api.training_simulation import simulate_training
from gnomon.core.trace import SIMULATED, NodeKind
from gnomon.formats.chakra.file import encode_ranks, write_rank
from tests.engines.training.clusters import collective, compute, message

needs_tool = pytest.mark.skipif(binaries.installed() is None, reason="ASTRA-sim is not installed")


def _algorithm(draw, members):
    """Messages and sums in a random graph without a deadlock, their ids and their order in the file as they fall."""
    ids = [draw.sample(range(draw.choice((100, 10**6, 2**62))), 80) for _ in range(members)]
    made = [[compute(ids[member].pop(), draw.choice((0, 1)))] for member in range(members)]

    def parents(member):
        known = [node.id for node in made[member]]
        return draw.sample(known, min(len(known), draw.choice((0, 1, 1, 2, 5))))

    for tag in range(draw.choice((4, 12, 30))):
        source, destination = draw.sample(range(members), 2)
        size = draw.choice((1_000, 65_536, 99_999, 1_048_576))
        sent = message(ids[source].pop(), NodeKind.SEND, destination, tag, size, *parents(source))
        received = message(ids[destination].pop(), NodeKind.RECV, source, tag, size, *parents(destination))
        made[source].append(sent)
        made[destination].append(received)
        if draw.random() < 0.3:
            made[destination].append(compute(ids[destination].pop(), draw.choice((0, 2)), received.id))
    for nodes in made:
        draw.shuffle(nodes)
    return made


def _write(draw, folder):
    npus = draw.choice((3, 4, 5, 6, 7, 8, 12))
    for prefix, ranks in (("own", _algorithm(draw, npus)), ("w", [[collective(SIMULATED[0], 8)]] * npus)):
        for rank, data in enumerate(encode_ranks(ranks)):
            write_rank(folder / prefix, rank, data)
    wiring = draw.choice(("Ring", "Switch", "FullyConnected"))
    (folder / "network.yml").write_text(
        f"topology: [{wiring}]\nnpus_count: [{npus}]\nbandwidth: [{draw.choice((0.7, 50, 400))}]\nlatency: [{draw.choice((1.6, 500))}]\n"
    )
    implementations = {
        f"{word}-implementation": ["ring"] for word in ("all-reduce", "all-gather", "reduce-scatter", "all-to-all")
    }
    rules = {
        "scheduling-policy": "LIFO",
        "endpoint-delay": 10,
        "active-chunks-per-dimension": 1,
        "preferred-dataset-splits": 1,
        "collective-optimization": "baseline",
        "all-reduce-implementation-custom": ["own"],
    }
    (folder / "system.json").write_text(json.dumps(implementations | rules))
    (folder / "memory.json").write_text('{"memory-type": "NO_MEMORY_EXPANSION"}')


@pytest.mark.tool
@needs_tool
@pytest.mark.parametrize("backend", ["unaware", "aware"])
@pytest.mark.parametrize("seed", range(24))
def test_a_random_algorithm_ends_on_every_rank_when_it_does_in_the_tool(tmp_path, seed, backend):
    _write(Random(seed), tmp_path)
    files = {"workload": "w", "system": "system.json", "network": "network.yml", "remote-memory": "memory.json"}
    words = [f"--{name}-configuration={place}" for name, place in files.items()]
    run = [binaries.binary(backend).path, *words]
    said = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60).stdout
    theirs = dict(re.findall(r"sys\[(\d+)\] finished, (\d+) cycles", said))
    ours = simulate_training(
        tmp_path / "w", system=tmp_path / "system.json", network=tmp_path / "network.yml", backend=backend
    ).cycles
    assert {str(rank): str(end_ns) for rank, end_ns in enumerate(ours)} == theirs
