"""Steps of data-parallel ResNet-50 on 1, 2, 4 and 8 GPUs by one way to tell them, as JSON: `python steps.py WAY`."""

import json
import sys
from collections.abc import Iterator

from measured import MIB, RING_US, SIZES_BYTES
from ways import GRADIENT_BYTES, WAYS, Way

GPUS = (1, 2, 4, 8)


def told(way: Way) -> Iterator[tuple[str, float]]:
    """Every number by its name: times in milliseconds, overhead, efficiency and errors in per cent."""
    alone_s = way.step(1, False).step_s
    yield "step_1_ms", 1e3 * alone_s
    for gpus in GPUS[1:]:
        for name, is_beside in (("beside", True), ("after", False)):
            found = way.step(gpus, is_beside)
            yield f"step_{gpus}_{name}_ms", 1e3 * found.step_s
            yield f"overhead_{gpus}_{name}", 100 * found.exposed_s / found.step_s
            yield f"efficiency_{gpus}_{name}", 100 * alone_s / found.step_s
        yield f"exchange_{gpus}_ms", 1e3 * way.exchange_s(gpus, GRADIENT_BYTES)
    every = []
    for gpus, measured_us in RING_US.items():
        size = [
            100 * abs(1e6 * way.exchange_s(gpus, size_bytes) / true - 1)
            for size_bytes, true in zip(SIZES_BYTES, measured_us, strict=True)
        ]
        yield f"ring_error_{gpus}", sum(size) / len(size)
        every += size
    yield "ring_error", sum(every) / len(every)
    yield "gradients_mib", GRADIENT_BYTES / MIB


def main() -> None:
    """Write one JSON object."""
    json.dump(dict(told(WAYS[sys.argv[1]])), sys.stdout)


main()
