"""What is known of a training step beside its time: how it is put together, and what each stage of its pipeline does."""

from __future__ import annotations

from dataclasses import dataclass

from gnomon.core.footprint import Footprint


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposed:
    """Exchanges along one axis of a plan, on the stage that ends last."""

    axis: str  # tp, cp, dp, ep or pp
    kind: str  # all-reduce, all-gather, reduce-scatter, all-to-all, send
    network: str  # dimensions of the network that it crosses, innermost first
    time_s: float  # under way
    exposed_s: float  # of it, while nothing is computed; what two of them share counts for that on the inner network
    size_bytes: float  # of one device; of what is gathered or scattered, the whole array


@dataclass(frozen=True, slots=True, kw_only=True)
class StageFacts:
    """One stage of a pipeline."""

    stage: int
    compute_s: float  # of the device; with what the host holds up where that is not told apart
    exposed_s: float  # of exchanges, while nothing is computed; of a tool that does not tell it apart, waiting too
    idle_s: float  # neither, until the step ends
    host_s: float | None = None  # by which launching made computations longer; None: not told apart
    memory: Footprint


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFacts:
    """A training step."""

    microbatches: int  # that a replica runs
    replicas: int
    sequences: int  # or images, of the whole step
    hardware_flop: float  # of the products of all devices, with what is computed again
    bubble: float | None  # share of the step in which a device is idle, in the mean over the stages; None: not told
    exposed: tuple[Exposed, ...]  # empty: not told apart
    stages: tuple[StageFacts, ...]
