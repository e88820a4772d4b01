"""Exported steps, and what ASTRA-sim's own programs say of the files as they are."""

import re
import subprocess
from pathlib import Path

from gnomon.adapters.astrasim.binaries import binary
from gnomon.api.training_simulation import simulate_training

# Model, system and options of steps that between them have every axis, schedule and stage of sharing.
PLANS = {
    "tp-pp-dp": ("gpt2", "hgx-h100:4x4", {"tp": 2, "pp": 2, "seq": 64, "global_batch": 8}),
    "zero-3": ("gpt2", "hgx-h100:4x2", {"tp": 2, "zero": 3, "seq": 64}),
    "experts": ("mixtral-8x7b", "hgx-h100:4x2", {"tp": 2, "ep": 2, "pp": 2, "seq": 64}),
    "interleaved": (
        "bert-base",
        "hgx-h100:2x2",
        {"pp": 2, "schedule": "interleaved", "virtual": 2, "sp": False, "seq": 64},
    ),
    "sequences-shared": (
        "llama-2-7b",
        "hgx-h100:8",
        {"tp": 2, "sp": True, "cp": 2, "pp": 2, "recompute": "full", "seq": 64},
    ),
    "one-dimension": ("resnet-50", "hgx-h100:4", {"batch": 2}),
}


def simulated_ns(made):
    """When the last rank ends, as `gnomon train simulate` has it."""
    found = simulate_training(made.workload, system=made.system, network=made.network, memory=made.memory)
    return max(found.cycles)


def tool_ns(made, backend="unaware"):
    """The same, as the program itself prints it, given the files that were written."""
    given = {
        "workload-configuration": made.workload,
        "system-configuration": made.system,
        "network-configuration": made.network,
        "remote-memory-configuration": made.memory,
        "comm-group-configuration": "empty",
    }
    words = [binary(backend).path, *(f"--{name}={value}" for name, value in given.items())]
    place = Path(made.network).parent  # where it writes a log
    said = subprocess.run(words, cwd=place, capture_output=True, text=True, check=True, timeout=600).stdout
    ended = re.findall(r"sys\[\d+\] finished, (\d+) cycles", said)
    assert len(ended) == made.npus, said[-2000:]
    return max(map(int, ended))
