"""A training step written as ASTRA-sim takes it: what every rank does, the network, the rules."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Unpack, get_args

from gnomon.api import plugins
from gnomon.api.questions import TRAIN, Options, question
from gnomon.core.errors import BadInput, Unsupported, near_match
from gnomon.core.remote_memory import NO_REMOTE_MEMORY
from gnomon.core.scenario import Scenario
from gnomon.core.tell import Tell, silent
from gnomon.core.trace import ClusterTrace
from gnomon.engines.training.engine import DEFAULTS, TrainingEngine
from gnomon.formats.astrasim.memory import memory_text
from gnomon.formats.astrasim.network import network_text
from gnomon.formats.astrasim.system_text import system_text
from gnomon.formats.astrasim.workload_text import workload_text
from gnomon.formats.chakra.file import encode_ranks, path_of, write_rank
from gnomon.formats.files import check_writable, write_whole
from gnomon.formats.host import host_of
from gnomon.parallel.legal import checked_share
from gnomon.parallel.program import programs
from gnomon.zoo.models import Model

SCHEMA = "gnomon/training-export/1"
Form = Literal["et", "json"]
FORMS: tuple[Form, ...] = get_args(Form)
MOST_NODES = 4_000_000  # of all ranks together: where none is shared, about two minutes and half a gigabyte


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedTraining:
    """What was written, and what the step takes."""

    form: Form
    npus: int
    nodes: int  # of all ranks together
    workload: str  # what `--workload` of `gnomon train simulate` takes: a prefix, or a file
    system: str  # paths
    network: str
    memory: str
    files: int  # how many were written
    bytes: int  # of all of them
    timer: str  # the engine that told operators' times
    host: str  # what launches them, as it was given; their recorded times hold it
    time_s: float  # of the step, by the training engine with ASTRA-sim's rules

    @property
    def command(self) -> str:
        """The command line that simulates it."""
        named = ("workload", "system", "network", "memory")
        given = (word for name in named for word in (f"--{name}", getattr(self, name)))
        return shlex.join(["gnomon", "train", "simulate", *given])

    def to_dict(self) -> dict[str, Any]:
        """One JSON object."""
        return {
            "schema": SCHEMA,
            "form": self.form,
            "npus": self.npus,
            "nodes": self.nodes,
            "workload": self.workload,
            "system": self.system,
            "network": self.network,
            "memory": self.memory,
            "files": self.files,
            "bytes": self.bytes,
            "timer": self.timer,
            "host": self.host,
            "time": {"value": self.time_s, "unit": "s"},
            "command": self.command,
        }


def export_training(
    model: str | Path | Model,
    on: str | Path,
    *,
    out: str | Path,
    form: Form = "et",
    timer: str = DEFAULTS["timer"],
    host: str = DEFAULTS["host"],
    tell: Tell = silent,
    **options: Unpack[Options],
) -> ExportedTraining:
    """Write a training step as ASTRA-sim takes it: PREFIX.<rank>.et, .network.yml, .system.json and .memory.json. BadInput, Unsupported.

    out: PREFIX; its folder is made where it is missing. form: "json" writes PREFIX.workload.json in place of a file for each rank, which
    `gnomon train simulate` alone reads. timer: the engine that tells operators' times. host: what launches them, "eager", "graphs" or a time
    like "20 us" for each: computations are recorded as it holds them up. options: as of `predict`, of mode train.
    """
    if form not in FORMS:
        raise BadInput(f"no form {form!r}{near_match(str(form), FORMS)}: {' or '.join(FORMS)}", field="form")
    if options.get("mode") not in (None, TRAIN):
        raise BadInput(f"{options['mode']!r:.40}: a step of training is written, mode {TRAIN}", field="mode")
    host_of(host)  # refused before work begins
    whole: Options = {**options, "mode": TRAIN}
    asked = question(model, on, **whole)
    (scenario,) = asked.scenarios().values()
    prefix, npus = Path(out), scenario.system.count
    _check_places(prefix, npus, form)
    _check_size(scenario)
    settings = {"timer": timer, "exchanges": "astra-sim", "host": host}
    engine = TrainingEngine(plugins.op_timer, plugins.exchange_timer, settings)
    tell(f"putting a step of {npus:,} ranks together")
    time_s = engine.predict(scenario).value
    trace, fabric, rules = engine.as_trace(scenario)
    written = []
    for name, text in (
        ("network.yml", network_text(fabric)),
        ("system.json", system_text(rules, {}, None) + "\n"),
        ("memory.json", memory_text(NO_REMOTE_MEMORY, npus) + "\n"),
    ):
        write_whole(_beside(prefix, name), text)
        written.append(len(text.encode()))
    if form == "et":
        written += _traces(trace, prefix, tell)
    else:
        text = workload_text(trace, f"{scenario.workload.name} on {scenario.system.name}")
        write_whole(_beside(prefix, "workload.json"), text)
        written.append(len(text.encode()))
    return ExportedTraining(
        form=form,
        npus=npus,
        nodes=sum(len(one.nodes) for one in trace.ranks),
        workload=str(prefix if form == "et" else _beside(prefix, "workload.json")),
        system=str(_beside(prefix, "system.json")),
        network=str(_beside(prefix, "network.yml")),
        memory=str(_beside(prefix, "memory.json")),
        files=len(written),
        bytes=sum(written),
        timer=timer,
        host=host,
        time_s=time_s,
    )


def _beside(prefix: Path, name: str) -> Path:
    return prefix.with_name(f"{prefix.name}.{name}")


def _check_places(prefix: Path, npus: int, form: Form) -> None:
    """BadInput where the files could not be written, or others would be taken for some of them."""
    if not prefix.name:
        raise BadInput(f"{prefix}: a folder; give a prefix in it, like {prefix / 'step'}", field="out")
    for path in (
        path_of(prefix, 0) if form == "et" else _beside(prefix, "workload.json"),
        _beside(prefix, "network.yml"),
    ):
        check_writable(path)
    beyond = path_of(prefix, npus)
    if form == "et" and beyond.exists():
        raise BadInput(
            f"{beyond}: of a step of more ranks, and would be taken for one of these {npus}; take it away, or give another prefix",
            field="out",
        )


def _check_size(scenario: Scenario) -> None:
    """Unsupported where there would be too much to write. BadInput for a plan that the model or the system cannot have."""
    model = checked_share(scenario.workload, scenario.plan, scenario.system.count)
    each = [len(program.action) for program in programs(model)]
    nodes = sum(each) * (scenario.system.count // len(each))
    if nodes > MOST_NODES:
        raise Unsupported(
            f"{nodes:,} nodes, {max(each):,} of each of {scenario.system.count:,} ranks: up to {MOST_NODES:,} are written; "
            "ask for fewer devices, or fewer micro-batches"
        )


def _traces(trace: ClusterTrace, prefix: Path, tell: Tell) -> Iterator[int]:
    """Writes the file of each rank and says how many bytes it has."""
    encoded = encode_ranks(one.nodes for one in trace.ranks)
    for rank, data in enumerate(encoded):
        tell(f"writing traces, {rank:,} of {len(trace.ranks):,}")
        write_rank(prefix, rank, data)
        yield len(data)
