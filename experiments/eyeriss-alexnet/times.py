"""Times of the convolutions of AlexNet at batch 4 on Eyeriss: `python times.py estimate|mapper SEED` prints them as JSON.

`estimate` lets every unit work in every cycle; `mapper` takes the quickest mapping that is found under the chip's dataflow.
"""

import json
import sys
from pathlib import Path

from gnomon.api.mapping_search import MappingSearch
from gnomon.api.names import accelerator

FOLDER = Path(__file__).parent
LAYERS = ("conv1", "conv2", "conv3", "conv4", "conv5")
SEARCH_S = 10.0  # for each layer


def time_s(how: str, layer: str, seed: int) -> float:
    """Seconds of one layer."""
    chip = accelerator("eyeriss")
    search = MappingSearch([FOLDER / f"{layer}.yaml"], on="eyeriss", objective="latency", rules="gnomon", seed=seed)
    if how == "estimate":
        return search.given.problem.macs / chip.accelerator.units.instances / chip.clock_hz.value
    search.run(SEARCH_S)
    return search.mappings()[0].found.cycles / chip.clock_hz.value


def main() -> None:
    """Write one JSON object."""
    how, seed = sys.argv[1], int(sys.argv[2])
    times = {f"{layer}_s": time_s(how, layer, seed) for layer in LAYERS}
    json.dump({**times, "total_s": sum(times.values())}, sys.stdout)


main()
