"""A file of requests, whatever its format: told by its columns or its keys."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable
from pathlib import Path

from gnomon.core.errors import BadInput, nearest
from gnomon.formats.traces import azure_llm, burstgpt, measured_requests, mooncake, plain, sharegpt, splitwise, vidur
from gnomon.formats.traces import vllm_benchmark as vllm
from gnomon.formats.traces.trace_file import TraceFile

Reader = Callable[[Path], TraceFile]

# In the order in which they are tried, and named to who asks.
_TABLES: tuple[tuple[str, tuple[str, ...], Reader], ...] = (
    ("our own", plain.COLUMNS, plain.read_plain),
    ("Azure LLM inference", azure_llm.COLUMNS, azure_llm.read_azure_llm),
    ("BurstGPT", burstgpt.COLUMNS, burstgpt.read_burstgpt),
    ("Vidur", vidur.COLUMNS, vidur.read_vidur),
    ("Vidur's lengths", vidur.LENGTHS, vidur.read_vidur_lengths),
    ("Splitwise", splitwise.COLUMNS, splitwise.read_splitwise),
)
_OBJECTS: tuple[tuple[str, tuple[str, ...], Reader], ...] = (
    ("Mooncake", mooncake.KEYS, mooncake.read_mooncake),
    ("measured requests", measured_requests.KEYS, measured_requests.read_measured_requests),
    ("vLLM benchmark", vllm.KEYS, vllm.read_vllm_benchmark),
    ("ShareGPT", sharegpt.KEYS[:1], sharegpt.read_sharegpt),
    ("chat messages", sharegpt.KEYS[1:], sharegpt.read_sharegpt),
    ("vLLM benchmark", ("completed", "request_throughput"), vllm.read_vllm_benchmark),
)
_SEEN = 1 << 16  # letters of a file that are looked at; a line of a trace in JSON may be longer


def read_trace_file(path: Path) -> TraceFile:
    """The requests of a file in any of the formats of this folder. BadInput: the file, the line, the column, what to do."""
    begin = _beginning(path)
    if not begin.strip():
        raise BadInput("the file is empty", where=str(path))
    first = begin.lstrip()[0]
    if first == "[":
        return sharegpt.read_sharegpt(path)
    if first == "{":
        return _reader(path, _keys(begin), _OBJECTS, "key")(path)
    header = next(csv.reader([begin.lstrip("\ufeff").splitlines()[0]]), [])
    return _reader(path, [name.strip() for name in header], _TABLES, "column")(path)


def _reader(path: Path, names: list[str], kinds: tuple[tuple[str, tuple[str, ...], Reader], ...], what: str) -> Reader:
    """What reads a file with those columns or keys: of the kind that it has all of, else of the one that it is most like."""
    for _, required, reader in kinds:
        if set(required) <= set(names):
            return reader

    def likeness(kind: tuple[str, tuple[str, ...], Reader]) -> float:
        return sum(name in names or 0.5 * bool(nearest(name, names)) for name in kind[1]) / len(kind[1])

    best = max(kinds, key=likeness)
    if likeness(best) < 0.5:
        known = "; ".join(f"{name}: {', '.join(required)}" for name, required, _ in kinds)
        raise BadInput(
            f"no trace of requests that is known here, its {what}s are {', '.join(names)[:200] or 'none'} "
            f"(known {what}s of {known})",
            where=str(path),
        )
    return best[2]


def _beginning(path: Path) -> str:
    try:
        with path.open("rb") as file:
            seen = gzip.GzipFile(fileobj=file).read(_SEEN) if path.suffix == ".gz" else file.read(_SEEN)
        return seen.decode("utf-8", errors="replace")
    except FileNotFoundError:
        raise BadInput("no such file", where=str(path)) from None
    except IsADirectoryError:
        raise BadInput("a folder, not a file", where=str(path)) from None
    except (OSError, EOFError) as fault:
        raise BadInput(str(getattr(fault, "strerror", None) or fault), where=str(path)) from None


def _keys(begin: str) -> list[str]:
    """Keys of the first object, as far as it was read: of all of it, or those that stand in its first letters."""
    try:
        value, _ = json.JSONDecoder().raw_decode(begin.lstrip())
        return list(value)
    except ValueError:
        return [key for _, keys, _ in _OBJECTS for key in keys if f'"{key}"' in begin]
