"""Traces of training made from what others collected."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count, takewhile
from pathlib import Path
from typing import Any

from gnomon.core.errors import BadInput, Unsupported
from gnomon.formats.astrasim.groups import groups_text, read_groups
from gnomon.formats.astrasim.text_steps import nodes_of
from gnomon.formats.astrasim.text_workload import read_text_workload
from gnomon.formats.chakra.file import encode, path_of, read_nodes, write_rank
from gnomon.formats.chakra.mend import mended
from gnomon.formats.chakra.scaling.scale import scale
from gnomon.formats.chakra.scaling.traced import traced
from gnomon.formats.files import check_writable, write_whole
from gnomon.formats.pytorch_trace.convert import convert_torch_trace

SCHEMA = "gnomon/trace-conversion/1"
_OF_RANK = re.compile(r"(.+)\.([0-9]{1,9})\.et")


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenTrace:
    """The file of one rank."""

    rank: int
    path: str
    nodes: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenTraces:
    """What was written, and what a user must know of it."""

    made_from: str  # text, pytorch, chakra, or extrapolated
    files: tuple[WrittenTrace, ...]
    notes: tuple[str, ...] = ()
    groups_path: str | None = None  # process groups; None: all ranks are in one

    def to_dict(self) -> dict[str, Any]:
        """One JSON object."""
        return {
            "schema": SCHEMA,
            "from": self.made_from,
            "files": [
                {"rank": one.rank, "path": one.path, "nodes": one.nodes, "bytes": one.bytes} for one in self.files
            ],
            "comm_groups": self.groups_path,
            "notes": list(self.notes),
        }


def convert_text(path: str | Path, *, npus: int, out: str | Path, passes: int = 1) -> WrittenTraces:
    """Write PREFIX.<rank>.et from a text workload of ASTRA-sim 1.0. BadInput."""
    for name, number in (("npus", npus), ("passes", passes)):
        if number < 1:
            raise BadInput(f"{number}: at least one", field=name)
    prefix = Path(out)
    check_writable(path_of(prefix, 0))
    workload = read_text_workload(Path(path))
    try:
        nodes = nodes_of(workload, passes)
    except BadInput as fault:
        raise fault.at(where=str(path)) from None
    data = encode(nodes)
    files = [(rank, write_rank(prefix, rank, data)) for rank in range(npus)]
    return WrittenTraces(made_from="text", files=tuple(_written(rank, one, len(nodes), data) for rank, one in files))


def convert_pytorch(
    paths: Sequence[str | Path], *, out: str | Path, mends: bool = False, in_stream_order: bool = False
) -> WrittenTraces:
    """Write a Chakra trace of each file of PyTorch, linked by chakra_trace_link, the first of rank 0. BadInput.

    out: PREFIX of PREFIX.<rank>.et; for one file also the whole name, of another rank.
    """
    files, notes = [], []
    for rank, path, place in _places(paths, Path(out)):
        made = convert_torch_trace(path, rank, mends=mends, in_stream_order=in_stream_order)
        data = encode(made.nodes)
        files.append(_written(rank, write_rank(place, rank, data), len(made.nodes), data))
        notes += [f"{path}: {note}" for note in made.notes]
    return WrittenTraces(made_from="pytorch", files=tuple(files), notes=tuple(notes))


def convert_chakra(paths: Sequence[str | Path], *, out: str | Path, mends: bool = False) -> WrittenTraces:
    """Write Chakra traces anew, checked and without what is said twice. BadInput. `out`, `mends`: as of PyTorch's."""
    files, notes = [], []
    for rank, path, place in _places(paths, Path(out)):
        try:
            nodes, told = mended(read_nodes(path), mends=mends)
        except BadInput as fault:
            raise fault.at(where=str(path)) from None
        data = encode(nodes)
        files.append(_written(rank, write_rank(place, rank, data), len(nodes), data))
        notes += [f"{path}: {note}" for note in told]
    return WrittenTraces(made_from="chakra", files=tuple(files), notes=tuple(notes))


def extrapolate_traces(
    prefix: str | Path,
    *,
    npus: int,
    out: str | Path,
    comm_groups: str | Path | None = None,
    along: int | None = None,
    shrinks_shards: bool = True,
) -> WrittenTraces:
    """Write the traces PREFIX.<rank>.et made to another number of ranks. BadInput; Unsupported with what cannot be told.

    along: stride of the dimension of ranks that grows; None: the outermost in which collectives run and no messages go.
    shrinks_shards: all-gathers along it gather as much in all; else each rank's part stays.
    """
    paths = list(takewhile(Path.exists, (path_of(Path(prefix), rank) for rank in count())))
    if not paths:
        raise BadInput(f"{path_of(Path(prefix), 0)}: no such file: PREFIX.<rank>.et is read, from rank 0 on")
    target = Path(out)
    check_writable(path_of(target, 0))
    groups_path = target.with_name(f"{target.name}.groups.json")
    _check_apart([path_of(target, 0), groups_path], [*paths, *([] if comm_groups is None else [Path(comm_groups)])])
    groups = {} if comm_groups is None else read_groups(Path(comm_groups), len(paths))
    trace = traced([read_nodes(path) for path in paths], {str(number): ranks for number, ranks in groups.items()})
    try:
        made = scale(trace, npus, along=along, shrinks_shards=shrinks_shards)
    except Unsupported as fault:
        raise Unsupported(f"{prefix}: {fault}") from None
    except BadInput as fault:
        raise fault.at(where=str(prefix)) from None
    files = [
        _written(rank, write_rank(target, rank, data), nodes, data)
        for rank, (data, nodes) in enumerate(zip(made.files, made.nodes, strict=True))
    ]
    if made.groups:
        write_whole(groups_path, groups_text(made.groups) + "\n")
    return WrittenTraces(
        made_from="extrapolated",
        files=tuple(files),
        notes=made.notes,
        groups_path=str(groups_path) if made.groups else None,
    )


def _places(paths: Sequence[str | Path], out: Path) -> list[tuple[int, Path, Path]]:
    """Rank, file and prefix of each."""
    if not paths:
        raise BadInput("at least one file")
    whole = _OF_RANK.fullmatch(out.name)
    if whole is not None and len(paths) > 1:
        raise BadInput(f"{out}: of one rank, for {len(paths)} files; give the prefix {whole[1]}", field="out")
    prefix, first = (out.with_name(whole[1]), int(whole[2])) if whole is not None else (out, 0)
    for rank in range(first, first + len(paths)):
        check_writable(path_of(prefix, rank))
    _check_apart([path_of(prefix, rank) for rank in range(first, first + len(paths))], map(Path, paths))
    return [(rank, Path(path), prefix) for rank, path in enumerate(paths, first)]


def _check_apart(written: Iterable[Path], read: Iterable[Path]) -> None:
    """BadInput where a file that is read would be written over."""
    sources = {path.resolve() for path in read}
    for path in written:
        if path.resolve() in sources:
            raise BadInput(f"{path} is read, and would be written over; give another prefix", field="out")


def _written(rank: int, path: Path, nodes: int, data: bytes) -> WrittenTrace:
    return WrittenTrace(rank=rank, path=str(path), nodes=nodes, bytes=len(data))
