"""A small machine and small networks, which are searched in moments."""

from __future__ import annotations

from gnomon.core.design import Design
from gnomon.core.op import Elementwise, MatMul, Op
from gnomon.core.plan import Plan
from gnomon.core.scenario import Scenario
from gnomon.core.system import System
from gnomon.core.workload import Node, Workload
from gnomon.formats.accelerator_file import parse_accelerator

TEXT = """\
schema: gnomon/accelerator/1
name: tiny
sources: {test: {title: a test, kind: assumed}}
source: test
clock: 100 MHz
units: {name: MAC, mesh_x: 4, mesh_y: 1, word_bits: 16, mac_pj: 1}
memories:
  - {name: spad, mesh_x: 4, mesh_y: 1, words: 16, word_bits: 16, read_pj: 1, write_pj: 1}
  - {name: buffer, mesh_x: 1, mesh_y: 1, words: 512, word_bits: 16, read_pj: 6, write_pj: 6}
  - {name: DRAM, mesh_x: 1, mesh_y: 1, word_bits: 16, shared_words_per_cycle: 4, read_pj: 200, write_pj: 200}
"""
TINY: Design = parse_accelerator(TEXT, "tiny.yaml")
SQUARE = MatMul(m=8, n=8, k=8, dtype="fp16")
WIDE = MatMul(m=4, n=16, k=8, dtype="fp16")
RELU = Elementwise(elements=64, function="relu", dtype="fp16")


def on(design: Design, *ops: Op, repeat: int = 1, batch: int = 1) -> Scenario:
    """A network of these operators, each `repeat` times."""
    nodes = tuple(Node(name=f"n{at}", op=op, repeat=repeat) for at, op in enumerate(ops))
    workload = Workload(
        name="small", mode="forward", nodes=nodes, batch=batch, dtype="fp16", item="sample", items=batch
    )
    device = design.as_device()
    return Scenario(
        workload=workload, system=System(name=device.name, device=device), plan=Plan(batch=batch, dtype="fp16")
    )
