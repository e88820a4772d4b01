"""Execution times that Vidur's predictor gave, as arrays of an .npz file, in milliseconds."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gnomon.core.errors import BadInput
from gnomon.core.service import Floats, StageTimes

_ALWAYS = (
    "attn_pre_proj",
    "attn_post_proj",
    "attn_rope",
    "attn_kv_cache_save",
    "input_layernorm",
    "mlp_up_proj",
    "mlp_down_proj",
)
_ALWAYS_TOO = ("mlp_act", "add")


@dataclass(frozen=True, slots=True, kw_only=True)
class TableOptions:
    """What of the tables is used, and with which additions."""

    tensor_parallel: int
    stages: int
    layers: int  # of a stage
    has_second_norm: bool
    launch_ms: float  # added to an all-reduce
    skew_ms: float  # likewise, times the ranks to the power of 1.25
    decode_factor: float
    prefill_factor: float


def read_stage_times(path: Path, options: TableOptions) -> StageTimes:
    """What parts of a layer take. BadInput: the file, the array, and what is wrong with it."""
    arrays = _arrays(path)

    def of_tokens(name: str) -> Floats:
        return _checked(arrays, f"op_{name}", 1, path)

    found = {name: of_tokens(name) for name in (*_ALWAYS, *_ALWAYS_TOO)}
    nothing = np.zeros_like(found["add"])
    exchange = norm = send = nothing
    if options.tensor_parallel > 1:
        skew = options.skew_ms * options.tensor_parallel**1.25
        exchange = of_tokens("all_reduce") + options.launch_ms + skew
    if options.has_second_norm:
        norm = of_tokens("post_attention_layernorm")
    if options.stages > 1:
        send = of_tokens("send_recv")
    kv_step = _step(arrays, "attn_decode_kv", path)
    if _step(arrays, "attn_prefill_kv", path) != kv_step:
        raise _fault("its lengths lie otherwise than those of attn_decode_kv", "attn_prefill_kv", path)
    _counts(arrays, "attn_decode_batch", path)
    _counts(arrays, "attn_prefill_chunk", path)
    sizes = {
        name: len(column) for name, column in {**found, "all_reduce": exchange, "send_recv": send, "norm": norm}.items()
    }
    if len(set(sizes.values())) > 1:
        raise BadInput(f"arrays by tokens differ in length: {sizes}", where=str(path))
    return StageTimes(
        projections_ms=found["attn_pre_proj"] + found["attn_post_proj"] + found["attn_rope"],
        kv_save_ms=found["attn_kv_cache_save"],
        exchange_ms=exchange,
        norm_ms=found["input_layernorm"],
        mlp_ms=found["mlp_up_proj"] + found["mlp_down_proj"] + found["mlp_act"] + exchange + norm,
        add_ms=found["add"],
        send_ms=send,
        decode_ms=_sized(arrays, "attn_decode", ("attn_decode_batch", "attn_decode_kv"), path),
        prefill_ms=_sized(arrays, "attn_prefill", ("attn_prefill_kv", "attn_prefill_chunk"), path),
        kv_step=kv_step,
        layers=options.layers,
        decode_factor=options.decode_factor,
        prefill_factor=options.prefill_factor,
    )


def _arrays(path: Path) -> Mapping[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as found:
            if not isinstance(found, np.lib.npyio.NpzFile):
                raise BadInput("an .npz file of several arrays expected", where=str(path))
            return {name: found[name] for name in found.files}
    except FileNotFoundError:
        raise BadInput("no such file", where=str(path)) from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        raise BadInput("no .npz file of numbers", where=str(path)) from None


def _checked(arrays: Mapping[str, np.ndarray], name: str, axes: int, path: Path) -> Floats:
    if name not in arrays:
        raise _fault("no such array in the file", name, path)
    found = arrays[name]
    if found.ndim != axes or found.size == 0 or found.dtype.kind not in "fiu":
        raise _fault(f"numbers along {axes} axes expected, not {found.dtype} of shape {found.shape}", name, path)
    values = np.ascontiguousarray(found, np.float64)
    if not np.isfinite(values).all() or (values < 0).any():
        raise _fault("a time below zero, or none", name, path)
    return values


def _sized(arrays: Mapping[str, np.ndarray], name: str, axes: tuple[str, str], path: Path) -> Floats:
    found = _checked(arrays, name, 2, path)
    expected = tuple(len(arrays[axis]) for axis in axes)
    if found.shape != expected:
        raise _fault(f"shape {found.shape} instead of {expected}, the lengths of {axes[0]} and {axes[1]}", name, path)
    return found


def _step(arrays: Mapping[str, np.ndarray], name: str, path: Path) -> int:
    values = _checked(arrays, name, 1, path)
    step = int(values[1] - values[0]) if len(values) > 1 else 0
    if step < 1 or not np.array_equal(values, np.arange(len(values)) * step):
        raise _fault("lengths from 0 on in equal steps expected", name, path)
    return step


def _counts(arrays: Mapping[str, np.ndarray], name: str, path: Path) -> None:
    values = _checked(arrays, name, 1, path)
    if not np.array_equal(values, np.arange(1, len(values) + 1)):
        raise _fault("1, 2, 3 and so on expected", name, path)


def _fault(text: str, field: str, path: Path) -> BadInput:
    return BadInput(text, field=field, where=str(path))
