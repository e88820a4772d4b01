"""Measured training steps as scenarios: vTrain's rows on A100, and the steps that the Megatron papers publish.

All of them are GPT models trained by Megatron-LM in fp16 with dropout and unfused attention, whose replicas exchange gradients
after the backward pass [Narayanan et al. 2021; Korthikanti et al. 2022; Bang et al. 2024, vTrain]. vTrain's rows do not say
what is computed again; all of a layer is taken, as the larger of its models could not be run without.
"""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from gnomon.api.names import system
from gnomon.core.plan import Plan
from gnomon.core.scenario import Scenario
from gnomon.core.training_plan import TrainingPlan
from gnomon.core.workload import Workload
from gnomon.zoo.decoder import decoder
from gnomon.zoo.decoder_shape import Decoder

_GPUS_A_NODE = 8
VTRAIN_MACHINE = "hgx-a100"
SELENE = "dgx-a100-80gb"  # the machine of both papers [Narayanan et al. 2021, section 5]
VOCABULARY = 51200  # GPT-2's, padded, as Megatron-LM's papers have it
UNPUBLISHED_BATCHES = (1, 2, 4, 8)  # micro-batches tried where a row does not say


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A GPT."""

    layers: int
    hidden: int
    heads: int
    vocabulary: int = VOCABULARY
    seq: int = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A measured step and the scenarios that it may have been: several where its plan is not published whole."""

    name: str
    model: str
    group: str  # rows of one table
    measured_s: float
    scenarios: tuple[Scenario, ...]


def scenario(shape: Shape, on: str, batch: int, training: TrainingPlan) -> Scenario:
    """A step of Megatron-LM's."""
    plan = Plan(
        mode="forward+backward+optimizer",
        batch=batch,
        seq=shape.seq,
        dtype="fp16",
        attention="eager",
        training=training,
    )
    return Scenario(workload=_graph(shape, batch), system=system(on), plan=plan)


@lru_cache
def _graph(shape: Shape, batch: int) -> Workload:
    config = Decoder(
        name=f"gpt-{shape.layers}x{shape.hidden}",
        layers=shape.layers,
        hidden=shape.hidden,
        heads=shape.heads,
        kv_heads=shape.heads,
        head_dim=shape.hidden // shape.heads,
        intermediate=4 * shape.hidden,
        vocab=shape.vocabulary,
        positions=shape.seq,
        position="learned",
        position_rows=shape.seq,
        norm="layer",
        activation="gelu",
        qkv_bias=True,
        out_bias=True,
        mlp_bias=True,
        is_tied=True,
    )
    plan = Plan(mode="forward+backward+optimizer", batch=batch, seq=shape.seq, dtype="fp16", attention="eager")
    return decoder(config, plan)


def machine(name: str, devices: int) -> str:
    """So many devices of a machine, whole nodes first."""
    if devices <= _GPUS_A_NODE:
        return name if devices == _GPUS_A_NODE else f"{name}:{devices}"
    return f"{name}:{_GPUS_A_NODE}x{devices // _GPUS_A_NODE}"


def vtrain(truth: Path) -> Iterator[Row]:
    """vTrain's rows of models.csv.gz, in groups "single" (one node) and "multi"."""
    with gzip.open(truth / "models.csv.gz", "rt", newline="") as file:
        for line in csv.DictReader(file):
            kind, _, group = line["source"].partition(":")
            if kind == "vTrain":
                yield _vtrain(line, group)


def _vtrain(line: dict[str, str], group: str) -> Row:
    layers, hidden, heads = (_number(f"{letter}(\\d+)", line["model"]) for letter in ("-l", "-h", "-a"))
    shape = Shape(layers=layers, hidden=hidden, heads=heads, seq=int(float(line["seq"])))
    batch, tp, pp = (_number(f"{name}(\\d+)", line["option"]) for name in ("mb", "tp", "pp"))
    training = TrainingPlan(
        global_batch=int(float(line["batch"])), tp=tp, pp=pp, recompute="full", overlap=False, dropout=True
    )
    on = machine(VTRAIN_MACHINE, int(float(line["ndev"])))
    return Row(
        name=f"{line['model']} {line['option']}",
        model=line["model"],
        group=group,
        measured_s=float(line["measured_ms"]) / 1e3,
        scenarios=(scenario(shape, on, batch, training),),
    )


def _number(pattern: str, text: str) -> int:
    found = re.search(pattern, text)
    assert found is not None, (pattern, text)
    return int(found[1])


def published_steps(truth: Path) -> Iterator[Row]:
    """The steps of training_steps.csv: those with a time, of a whole model. In groups by table."""
    with (truth / "training_steps.csv").open(newline="") as file:
        for line in csv.DictReader(file):
            if line["iter_time_s"] and int(line["layers"]) > 1:
                yield _published(line)


def _published(line: dict[str, str]) -> Row:
    shape = Shape(
        layers=int(line["layers"]),
        hidden=int(line["hidden"]),
        heads=int(line["heads"]),
        vocabulary=int(line["vocab"]),
        seq=int(line["seq_len"]),
    )
    tp, pp, dp = int(line["tp"]), int(line["pp"]), int(line["dp"])
    is_sharded = bool(line["zero_or_fsdp"])
    each = shape.layers // pp
    chunks = (
        [int(line["vp"])]
        if line["vp"]
        else [one for one in range(1, each + 1) if each % one == 0 and (one == 1 or pp > 1)]
    )
    batches = [int(line["micro_batch"])] if line["micro_batch"] else UNPUBLISHED_BATCHES
    found = []
    for batch in batches:
        for virtual in chunks:
            count = int(line["global_batch_seqs"]) / (batch * dp)
            if count % 1 or (virtual > 1 and count % pp):
                continue
            training = TrainingPlan(
                global_batch=int(line["global_batch_seqs"]),
                tp=tp,
                pp=pp,
                virtual=virtual,
                schedule="interleaved" if virtual > 1 else "1f1b",
                zero=3 if is_sharded else 0,
                sp=line["seq_parallel"] == "1",
                recompute=line["recompute"],  # type: ignore[arg-type]
                overlap=is_sharded,
                dropout=True,
            )
            found.append(scenario(shape, machine(SELENE, int(line["n_gpus"])), batch, training))
    table = "ZeRO-3" if is_sharded else f"{line['source'].split(' et al')[0]}, {line['table'].split(' (')[0]}"
    return Row(
        name=line["row_id"],
        model=line["model"],
        group=table,
        measured_s=float(line["iter_time_s"]),
        scenarios=tuple(found),
    )
