"""Means of a service of Llama 2 7B on an A100, as JSON in ms: `python means.py serving|vidur vidur-vllm|sarathi SEED`.

Two requests a second. Both engines have the same service, requests and times of steps, those of the kernel engine without what is
fitted to services (`software=none`); Vidur leaves out embedding, head and sampling, which are in ours.
"""

import json
import sys

from gnomon.api import plugins
from gnomon.api.questions import question

MS_PER_S = 1e3
CHUNK_TOKENS = 512  # of a step under sarathi
TRAFFIC = {
    "qps": 2,
    "requests": 400,
    "prompts": {"distribution": "uniform", "least": 512, "most": 1536},
    "answers": {"distribution": "uniform", "least": 64, "most": 192},
}


def main() -> None:
    """Write one JSON object."""
    engine, policy, seed = sys.argv[1], sys.argv[2], int(sys.argv[3])
    answering = plugins.tuned(engine, {"software": "none"})
    asked = question(
        "llama-2-7b",
        "a100-sxm-80gb",
        mode="serve",
        policy=policy,
        chunk_tokens=CHUNK_TOKENS if policy == "sarathi" else None,
        max_num_seqs=128,
        traffic={**TRAFFIC, "seed": seed},
    )
    said = {name: answering.predict(scenario) for name, scenario in asked.scenarios().items()}
    found = {f"{name}_ms": one.value * MS_PER_S for name, one in said.items()}
    json.dump(found, sys.stdout)


main()
