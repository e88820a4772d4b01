"""The steps that two papers publish of Megatron-LM on Selene, as scenarios.

D. Narayanan et al., Efficient Large-Scale Language Model Training on GPU Clusters Using Megatron-LM, SC 2021, arXiv 2104.04473,
tables 1 and 2: TFLOP/s a GPU, made into seconds by the paper's own count of operations. V. Korthikanti et al., Reducing
Activation Recomputation in Large Transformer Models, arXiv 2205.05198, table 5: seconds.

All are GPTs trained in fp16 with dropout and unfused attention, whose replicas exchange gradients after the backward pass; those
with ZeRO-3 gather weights beside the computations.
"""

import csv
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

MACHINE = "dgx-a100-80gb"  # of both papers [Narayanan et al. 2021, section 5]
GPUS_A_NODE = 8
UNPUBLISHED_BATCHES = (1, 2, 4, 8)  # micro-batches tried where a table does not say
GROUPS = {
    "arXiv 2104.04473, table 1": "weak",
    "arXiv 2104.04473, table 2": "strong",
    "arXiv 2205.05198, table 5": "sequence",
}
ZERO = "zero"  # of table 2, a group of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A published step and the scenarios that it may have been: several where its plan is not published whole."""

    name: str
    group: str
    step_s: float
    scenarios: tuple[Scenario, ...]


def rows() -> Iterator[Row]:
    """All of them, in the order of the file."""
    with (Path(__file__).parent / "published.csv").open(newline="") as file:
        for line in csv.DictReader(file):
            yield Row(
                name=line["row"],
                group=ZERO if line["zero"] == "3" else GROUPS[line["source"]],
                step_s=float(line["step_s"]),
                scenarios=tuple(_scenarios(line)),
            )


def _scenarios(line: dict[str, str]) -> Iterator[Scenario]:
    """Every legal micro-batch and number of chunks a stage, where they are not published."""
    tp, pp, dp, total = (int(line[name]) for name in ("tp", "pp", "dp", "global_batch"))
    each = int(line["layers"]) // pp
    is_sharded = line["zero"] == "3"
    chunks = [one for one in range(1, each + 1) if each % one == 0 and (one == 1 or pp > 1)]
    for batch in [int(line["micro_batch"])] if line["micro_batch"] else UNPUBLISHED_BATCHES:
        for virtual in [int(line["virtual"])] if line["virtual"] else chunks:
            if total % (batch * dp) or (virtual > 1 and total // (batch * dp) % pp):
                continue
            training = TrainingPlan(
                global_batch=total,
                tp=tp,
                pp=pp,
                virtual=virtual,
                schedule="interleaved" if virtual > 1 else "1f1b",
                zero=3 if is_sharded else 0,
                sp=line["sp"] == "1",
                recompute=line["recompute"],  # type: ignore[arg-type]
                overlap=is_sharded,
                dropout=True,
            )
            yield _scenario(line, batch, training)


def _scenario(line: dict[str, str], batch: int, training: TrainingPlan) -> Scenario:
    gpus, seq = int(line["gpus"]), int(line["seq"])
    nodes = gpus // GPUS_A_NODE
    plan = Plan(
        mode="forward+backward+optimizer", batch=batch, seq=seq, dtype="fp16", attention="eager", training=training
    )
    layers, hidden, heads, vocabulary = (int(line[name]) for name in ("layers", "hidden", "heads", "vocabulary"))
    return Scenario(
        workload=_graph(layers, hidden, heads, vocabulary, seq, batch),
        system=system(f"{MACHINE}:{GPUS_A_NODE}x{nodes}" if nodes > 1 else MACHINE),
        plan=plan,
    )


@lru_cache
def _graph(layers: int, hidden: int, heads: int, vocabulary: int, seq: int, batch: int) -> Workload:
    config = Decoder(
        name=f"gpt-{layers}x{hidden}",
        layers=layers,
        hidden=hidden,
        heads=heads,
        kv_heads=heads,
        head_dim=hidden // heads,
        intermediate=4 * hidden,
        vocab=vocabulary,
        positions=seq,
        position="learned",
        position_rows=seq,
        norm="layer",
        activation="gelu",
        qkv_bias=True,
        out_bias=True,
        mlp_bias=True,
        is_tied=True,
    )
    plan = Plan(mode="forward+backward+optimizer", batch=batch, seq=seq, dtype="fp16", attention="eager")
    return decoder(config, plan)
