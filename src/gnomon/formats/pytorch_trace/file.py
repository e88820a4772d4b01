"""The JSON of one rank: operators of the host, each with the operator that called it, and the kernels that they launched.

As PyTorch's ExecutionTraceObserver writes it and chakra_trace_link completes it with what the profiler timed. [PyTorch,
execution_trace_observer.cpp; Chakra 21585d8, trace_linker.py]
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from gnomon.core.errors import BadInput
from gnomon.formats.strict import read_json, shaped

_SCHEMA = re.compile(r"1\.[0-9]+\.[0-9]+-chakra\.[0-9]+\.[0-9]+\.[0-9]+")


class _Loose(BaseModel):
    """A shape of which more may be there than is read: the profiler adds to it from version to version."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class _Values(_Loose):
    values: list[Any] = Field(default_factory=list)
    types: list[Any] = Field(default_factory=list)


class _Attribute(_Loose):
    name: str
    value: Any = None


class _Node(_Loose):
    id: int = Field(ge=0)
    name: str
    ctrl_deps: int
    inputs: _Values = _Values()
    attrs: list[_Attribute] = Field(default_factory=list)
    cat: str | None = None
    exclusive_dur: float | None = Field(None, ge=0)
    inclusive_dur: float | None = Field(None, ge=0)
    dur: float | None = Field(None, ge=0)
    ts: float | None = None
    stream: int | None = None
    pg_name: str | None = None
    inter_thread_dep: int | None = None
    sync_dep: list[int] | None = None


class _Trace(_Loose):
    schema_: str = Field(alias="schema")
    nodes: list[_Node]


@dataclass(frozen=True, slots=True, kw_only=True)
class TorchNode:
    """An operator of the host, or a kernel."""

    id: int
    name: str
    caller: int  # id of the operator that called or launched it
    values: tuple[Any, ...]  # of its inputs; a tensor is [id, storage, offset, elements, bytes of an element, device]
    types: tuple[str, ...]  # of its inputs
    attributes: Mapping[str, Any]
    is_kernel: bool
    took_us: float | None  # without what it called; None: not timed
    began_us: float | None  # by the clock of the profiler; None: not timed
    stream: int | None
    group: str  # process group; empty: not said
    after_thread: int | None  # last operator of another thread before it
    syncs: tuple[int, ...]  # kernels that it waits for


def read_torch_trace(path: Path) -> tuple[TorchNode, ...]:
    """The nodes of a file, by ascending id. BadInput."""
    data = read_json(path)
    if not isinstance(data, dict) or "nodes" not in data or "schema" not in data:
        raise BadInput(
            'expected {"schema": ..., "nodes": [...]}, which chakra_trace_link writes; a Kineto trace alone, with traceEvents, '
            "does not say what waits for what",
            where=str(path),
        )
    if not _SCHEMA.fullmatch(str(data["schema"])):
        raise BadInput(
            f"no schema {data['schema']!r:.40}: 1.x.y-chakra.a.b.c is read (PyTorch 2.2 and later)",
            field="schema",
            where=str(path),
        )
    found = shaped(_Trace, data, str(path))
    nodes = sorted(map(_node, found.nodes), key=lambda node: node.id)
    for one, other in pairwise(nodes):
        if one.id == other.id:
            raise BadInput(f"two nodes have id {one.id}: {one.name!r} and {other.name!r}", where=str(path))
    return tuple(nodes)


def _node(found: _Node) -> TorchNode:
    attributes = {one.name: one.value for one in found.attrs}
    is_kernel = found.cat is not None
    timed = [found.exclusive_dur, *([found.inclusive_dur, found.dur] if is_kernel else [])]
    return TorchNode(
        id=found.id,
        name=found.name,
        caller=found.ctrl_deps,
        values=tuple(found.inputs.values),
        types=tuple(map(str, found.inputs.types)),
        attributes=attributes,
        is_kernel=is_kernel,
        took_us=next((one for one in timed if one is not None), None),
        began_us=found.ts,
        stream=found.stream,
        group=str(attributes.get("pg_name") or found.pg_name or ""),
        after_thread=found.inter_thread_dep,
        syncs=tuple(found.sync_dep or ()),
    )
