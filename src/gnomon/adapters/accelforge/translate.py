"""A question -> AccelForge's specification: architecture and workload in one file. Pure.

Its clock ticks once in a second, so that its seconds are cycles; its joules are picojoules.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from gnomon.adapters.accelforge import names
from gnomon.core.accelerator import Memory
from gnomon.core.problem import Term
from gnomon.core.tool import Files, Question


class _Tagged(dict[str, Any]):
    """A mapping that is written behind a tag."""

    tag = ""


class _Dumper(yaml.SafeDumper):
    """Writes tags, and everything else as it stands."""


def _represented(dumper: yaml.SafeDumper, data: _Tagged) -> yaml.Node:
    return dumper.represent_mapping(f"!{data.tag}", data.items())


_Dumper.add_representer(_Tagged, _represented)


def _tagged(tag: str, **fields: Any) -> _Tagged:
    found = _Tagged(fields)
    found.tag = tag
    return found


def translate(question: Question) -> Files:
    """The files by name."""
    whole = {"arch": {"nodes": list(_nodes(question))}, "workload": _workload(question)}
    return {
        "specification.yaml": yaml.dump(whole, Dumper=_Dumper, sort_keys=False),
        "options.json": json.dumps({"objective": question.objective}),
    }


def _workload(question: Question) -> dict[str, Any]:
    called, variables = names.tensors(question), names.variables(question)
    accesses = []
    for space in question.problem.spaces:
        tensor = called[space.name]
        access: dict[str, Any] = {
            "name": tensor,
            "projection": {f"{tensor}R{at}": _index(rank, variables) for at, rank in enumerate(space.ranks)},
        }
        accesses.append(access | ({"output": True} if space.is_output else {}))
    return {
        "iteration_space_shape": {
            variables[dim]: f"0 <= {variables[dim]} < {bound}" for dim, bound in question.problem.bounds.items()
        },
        "bits_per_value": {called[space.name]: _bits(question, space.name) for space in question.problem.spaces},
        "einsums": [{"name": "E", "tensor_accesses": accesses}],
    }


def _index(rank: tuple[Term, ...], variables: Mapping[str, str]) -> str:
    return " + ".join(
        variables[term.dim] if term.factor == 1 else f"{variables[term.dim]} * {term.factor}" for term in rank
    )


def _bits(question: Question, space: str) -> int:
    """Bits of a word where the units have it."""
    return next(
        memory.word_bits
        for memory, kept in zip(question.accelerator.memories, question.kept, strict=True)
        if space in kept
    )


def _nodes(question: Question) -> Iterator[_Tagged]:
    """From outside in: each memory, and the fan-out inside it."""
    accelerator = question.accelerator
    called, tensors = names.memories(question), names.tensors(question)
    for level in reversed(range(len(accelerator.memories))):
        memory, kept = accelerator.memories[level], question.kept[level]
        if kept:
            held = " | ".join(tensors[space.name] for space in question.problem.spaces if space.name in kept)
            yield _memory(memory, called[memory.name], held)
        spatial = [
            {"name": f"{axis}{level}", "fanout": count}
            for axis, count in zip("XY", accelerator.fanout(level), strict=True)
            if count > 1
        ]
        if spatial:
            yield _tagged("Container", name=f"F{level}", spatial=spatial)
    compute = {"name": "compute", "energy": float(accelerator.units.mac_pj), "throughput": 1}
    yield _tagged("Compute", name=names.UNITS, leak_power=0, area=0, actions=[compute])


def _memory(memory: Memory, name: str, held: str) -> _Tagged:
    block_bits = memory.block_size * memory.word_bits
    room = "inf" if memory.entries is None else int(memory.entries / memory.multiple_buffering) * memory.word_bits
    rates = {"read": memory.read_words_per_cycle, "write": memory.write_words_per_cycle}
    write_pj = max(memory.actions.fill_pj, memory.actions.update_pj)
    energies_pj = {"read": memory.actions.read_pj, "write": write_pj}
    actions = [
        {
            "name": action,
            "energy": float(energies_pj[action]),
            "throughput": "inf" if rate is None else float(rate / memory.block_size),
            "bits_per_action": block_bits,
        }
        for action, rate in rates.items()
    ]
    return _tagged(
        "Memory",
        name=name,
        size=room,
        leak_power=0,
        area=0,
        tensors={"keep": held},
        total_latency=_latency(memory),
        actions=actions,
    )


def _latency(memory: Memory) -> str:
    """The longer of reads and writes, each at its own rate, and both together at the rate that they share."""
    apart = "max(a.n_calls / a.throughput for a in actions)"
    if memory.shared_words_per_cycle is None:
        return apart
    together = f"sum(a.n_calls for a in actions) / {memory.shared_words_per_cycle / memory.block_size!r}"
    if memory.read_words_per_cycle is None and memory.write_words_per_cycle is None:
        return together
    return f"max({apart}, {together})"
