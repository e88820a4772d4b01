"""A question -> ZigZag's three files: the workload of one layer, the accelerator, and which operand is which. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from gnomon.adapters.zigzag.array import array_of
from gnomon.adapters.zigzag.operands import INPUT, OUTPUT, WEIGHT, operands
from gnomon.core.accelerator import Accelerator, Memory
from gnomon.core.problem import DataSpace, Problem, Term
from gnomon.core.tool import Files, Question

_OBJECTIVES = {"latency": "latency", "energy": "energy", "edp": "EDP"}
_LEAST_DRAM_BITS = 10**10  # of a memory without end; as large as that of ZigZag's own examples
_ROOM = 4  # times the data, so that it always counts as double-buffered
_LINKS = {OUTPUT: "O", WEIGHT: "I2", INPUT: "I1"}  # operand of the layer -> its name in the memories


def translate(question: Question) -> Files:
    """The files by name. The question is one that `missing` has nothing against."""
    parts = {
        "workload.yaml": [_layer(question)],
        "accelerator.yaml": _accelerator(question),
        "mapping.yaml": [{"name": "default", "memory_operand_links": dict(_LINKS)}],
        "options.yaml": {"opt": _OBJECTIVES[question.objective]},
    }
    return {name: yaml.safe_dump(part, sort_keys=False) for name, part in parts.items()}


def _layer(question: Question) -> dict[str, Any]:
    problem = question.problem
    named = operands(problem)
    bits = {operand: _bits(question, space) for operand, space in named.items()}
    relations = [relation for space in named.values() for relation in _relations(space, problem)]
    layer: dict[str, Any] = {
        "id": 0,
        "name": problem.name,
        "operator_type": "Conv" if relations else "Gemm",
        "equation": f"{_indexed('O', named[OUTPUT])}+={_indexed('I', named[INPUT])}*{_indexed('W', named[WEIGHT])}",
        "loop_dims": [dim.upper() for dim in problem.bounds],
        "loop_sizes": list(problem.bounds.values()),
        "operand_precision": {
            "I": bits[INPUT][0],
            "W": bits[WEIGHT][0],
            "O": bits[OUTPUT][0],
            "O_final": bits[OUTPUT][1],
        },
        "operand_source": {"I": 0, "W": 0},
    }
    if relations:
        layer["dimension_relations"] = relations
    return layer


def _indexed(operand: str, space: DataSpace) -> str:
    return operand + "".join(f"[{_index(rank)}]" for rank in space.ranks)


def _index(rank: tuple[Term, ...]) -> str:
    """A dimension, or the name of the sum of two."""
    return "".join(term.dim.upper() for term in rank)


def _relations(space: DataSpace, problem: Problem) -> Iterator[str]:
    """`PR=2*P+1*R` for each sum of two dimensions, that of the outputs first."""
    outputs = operands(problem)[OUTPUT].dims
    for rank in space.ranks:
        if len(rank) == 2:
            first, second = sorted(rank, key=lambda term: term.dim not in outputs)
            yield f"{_index(rank)} = {first.factor}*{first.dim.upper()} + {second.factor}*{second.dim.upper()}"


def _bits(question: Question, space: DataSpace) -> tuple[int, int]:
    """Bits of a word where the units have it, and where it ends up: of the innermost and the outermost memory with it."""
    memories = [
        memory for memory, kept in zip(question.accelerator.memories, question.kept, strict=True) if space.name in kept
    ]
    return memories[0].word_bits, memories[-1].word_bits


def _accelerator(question: Question) -> dict[str, Any]:
    accelerator = question.accelerator
    array = array_of(accelerator)
    links = {space.name: _LINKS[operand] for operand, space in operands(question.problem).items()}
    data_bits = sum(
        space.words(question.problem.bounds) * max(_bits(question, space)) for space in question.problem.spaces
    )
    memories = {}
    for level, (memory, kept) in enumerate(zip(accelerator.memories, question.kept, strict=True)):
        held = sorted(links[space] for space in kept)
        if not held:
            continue
        # Where no bandwidth is given: no wider, for ZigZag rounds the accesses of a port down to whole widths of it.
        unbounded_bits = _units_inside(accelerator, memory) * memory.block_size * memory.word_bits
        memories[memory.name] = {
            "size": max(_LEAST_DRAM_BITS, _ROOM * data_bits)
            if memory.entries is None
            else memory.entries * memory.word_bits,
            **_ports_and_costs(memory, held, unbounded_bits),
            "area": 0.0,
            "latency": 1,
            "operands": held,
            "served_dimensions": [name for name, (_, outside) in array.items() if level >= outside],
        }
    return {
        "name": accelerator.name,
        "memories": memories,
        "operational_array": {
            "unit_energy": float(accelerator.units.mac_pj),
            "unit_area": 0.0,
            "dimensions": list(array) or ["D1"],
            "sizes": [size for size, _ in array.values()] or [1],
        },
    }


def _ports_and_costs(memory: Memory, held: list[str], unbounded_bits: int) -> dict[str, Any]:
    """Its ports, and what an access as wide as one of them costs: of ours, the cost of a block."""
    reads = [f"{name}, tl" for name in held] + ["O, th"] * ("O" in held)
    writes = [f"{name}, fh" for name in held] + ["O, fl"] * ("O" in held)
    block_bits = memory.block_size * memory.word_bits
    if memory.shared_words_per_cycle is not None:
        read = write = _width(memory.shared_words_per_cycle, memory)
        ports = [_port("rw_port_1", "read_write", read, block_bits, [*reads, *writes])]
    else:
        rates = (memory.read_words_per_cycle, memory.write_words_per_cycle)
        read, write = (unbounded_bits if rate is None else _width(rate, memory) for rate in rates)
        ports = [
            *_one_or_each("r_port", "read", rates[0], read, block_bits, reads),
            *_one_or_each("w_port", "write", rates[1], write, block_bits, writes),
        ]
    write_pj = max(memory.actions.fill_pj, memory.actions.update_pj)
    return {
        "r_cost": float(memory.actions.read_pj * read / block_bits),
        "w_cost": float(write_pj * write / block_bits),
        "ports": ports,
    }


def _one_or_each(
    name: str, kind: str, rate: float | None, width_bits: int, block_bits: int, moves: list[str]
) -> list[dict[str, Any]]:
    """One port for all moves; where no bandwidth is given one for each, so that none waits for another."""
    groups = [moves] if rate is not None else [[move] for move in moves]
    return [_port(f"{name}_{at}", kind, width_bits, block_bits, group) for at, group in enumerate(groups, 1)]


def _units_inside(accelerator: Accelerator, memory: Memory) -> int:
    """Units that an instance of the memory serves."""
    return accelerator.units.instances // memory.instances


def _width(words_per_cycle: float, memory: Memory) -> int:
    return max(round(words_per_cycle * memory.word_bits), 1)


def _port(name: str, kind: str, width_bits: int, block_bits: int, moves: list[str]) -> dict[str, Any]:
    return {
        "name": name,
        "type": kind,
        "bandwidth_min": min(block_bits, width_bits),
        "bandwidth_max": width_bits,
        "allocation": moves,
    }


def names_of(question: Question) -> Mapping[str, str]:
    """Operand of the layer -> name of the data space."""
    return {operand: space.name for operand, space in operands(question.problem).items()}
