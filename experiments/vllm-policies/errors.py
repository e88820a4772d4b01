"""Errors of a policy's means on one measured stage, as JSON: `python errors.py POLICY RUN/STAGE SEED`.

Policies: `vidur_vllm`, `vllm_v1`. Times of steps are those of the kernel engine with what software adds fitted to the other three
models, and, under names that end in `_bare`, without anything that is fitted to services.
"""

import json
import sys
from collections.abc import Iterator

from stages import NO_OVERHEADS, fitted_without, service, serving_predictions, simulated_s, stage

MS_PER_S = 1e3


def main() -> None:
    """Write one JSON object: times in ms, errors in per cent."""
    policy, name, seed = sys.argv[1].replace("_", "-"), sys.argv[2], int(sys.argv[3])
    one, _ = stage(name)
    json.dump(
        {
            "requests": one.row.requests,
            **dict(told(policy, name, seed, "")),
            **dict(told(policy, name, seed, "_bare")),
        },
        sys.stdout,
    )


def told(policy: str, name: str, seed: int, suffix: str) -> Iterator[tuple[str, float]]:
    """Means by name, their errors with sign, and without."""
    one, line = stage(name)
    overheads = NO_OVERHEADS if suffix else fitted_without(one.row.model)
    e2e_s, ttft_s = (float(times.mean()) for times in simulated_s(one, service(one, policy, overheads), seed))
    chunks = (
        serving_predictions.CHUNKS_A_TOKEN * one.row.answer_tokens + 1
    )  # as benchmarks/serving_predictions.py has it
    for metric, time_s in (("e2e", e2e_s), ("itl", (e2e_s - ttft_s) / chunks), ("ttft", ttft_s)):
        bias = 100 * (time_s * MS_PER_S / float(line[f"{metric}_mean_ms"]) - 1)
        yield f"{metric}{suffix}_ms", time_s * MS_PER_S
        yield f"bias_{metric}{suffix}", bias
        yield f"error_{metric}{suffix}", abs(bias)


main()
