"""What software adds to the times of kernels and exchanges: a few numbers, fitted to measured services."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cache
from importlib.resources import files

from gnomon.stats.intervals import RatioBand


@dataclass(frozen=True, slots=True, kw_only=True)
class Overheads:
    """Of serving software on its host. Seconds are the host's and do not scale with the GPU; shares are of the GPU's times."""

    step_s: float = 0.0  # of each step, by which the device waits
    request_in_step_s: float = 0.0  # likewise, for each request in it
    # from a request's arrival at the server to the queue, with what its first token takes back, as if that came before: HTTP, tokens
    arrival_s: float = 0.0
    attention_share: float = 1.0  # of the timer's attention
    exchange_share: float = 1.0  # of the timer's exchanges between devices of a stage
    kernel_share: float = 1.0  # of all else that the timer gives


NO_OVERHEADS = Overheads()


@dataclass(frozen=True, slots=True, kw_only=True)
class Software:
    """Serving software as measured runs have it."""

    follows: str  # its name and version
    data: str  # which rows it was fitted on
    sha256: str  # of their table's file
    timer: str  # operator times that the shares are of
    exchanges: str  # source of communication times that the share of exchanges is of
    # Steps that are made up before the one under way has ended: who arrives meanwhile waits for all of them. [vLLM 0.14 on:
    # asynchronous scheduling, by default]
    steps_ahead: int
    overheads: Overheads
    bands: Mapping[str, RatioBand]  # of measured / predicted means of services left out: "e2e", "itl", "ttft"


def software_text(software: Software) -> str:
    """The text of a file that holds it."""
    return json.dumps(asdict(software), indent=1) + "\n"


def parse_software(text: str) -> Software:
    """What a file holds. ValueError, KeyError or TypeError when it is damaged."""
    found = json.loads(text)
    return Software(
        **{
            **found,
            "overheads": Overheads(**found["overheads"]),
            "bands": {name: RatioBand(**band) for name, band in found["bands"].items()},
        }
    )


@cache
def vllm_v1() -> Software:
    """vLLM as the measured runs have it: `python -m benchmarks.fit_serving`."""
    return parse_software((files(__package__) / "vllm_v1.json").read_text(encoding="utf-8"))


NAMES = tuple(field.name for field in fields(Overheads))
