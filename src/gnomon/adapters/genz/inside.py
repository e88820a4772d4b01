"""Runs in GenZ's own Python: reads options.json, writes result.json. Nothing of Gnomon's is imported here."""

import contextlib
import io
import json
import os
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from GenZ import decode_moddeling, prefill_moddeling
from GenZ.Models.default_models import ModelConfig

_LEFT = Path("/tmp/genz/data/model")  # where it writes the layers of every call, and leaves them
_FULL = "would not fit"  # what it says of a batch that memory does not hold


def main() -> None:
    """A prefill, and decode steps of rising batches until one holds what the rate brings, or memory is full."""
    asked = json.loads(Path("options.json").read_text())
    model = ModelConfig(**asked["model"], model=f"gnomon-{os.getpid()}")
    shared = {
        "model": model,
        "system_name": asked["system"] | {"real_values": True},
        "bits": asked["bits"],
        "tensor_parallel": asked["tp"],
        "expert_parallel": asked["ep"],
        "pipeline_parallel": asked["pp"],
    }
    try:
        found = _ask(asked, shared)
    finally:
        for file in _LEFT.glob(f"{model.model}_*"):
            with contextlib.suppress(OSError):
                file.unlink()
    Path("result.json").write_text(json.dumps({"version": version("genz-llm"), **found}, indent=1))


def _ask(asked: dict[str, Any], shared: dict[str, Any]) -> dict[str, Any]:
    steps, full = [], ""
    try:
        first = _times(prefill_moddeling, batch_size=1, input_tokens=asked["prompt"], **shared)
        for batch in asked["batches"]:
            step = _times(
                decode_moddeling,
                batch_size=batch,
                input_tokens=asked["prompt"],
                output_tokens=asked["answer"] // 2,
                Bb=1,
                **shared,
            )
            steps.append({"batch": batch, **step})
            stay_ms = first["ms"] + (asked["answer"] - 1) * step["ms"]
            if asked["rate_per_s"] is not None and batch >= asked["rate_per_s"] * stay_ms / 1e3:
                break
    except ValueError as fault:
        if _FULL not in str(fault):
            raise
        full = str(fault)
        if not steps:
            return {"prefill": None, "steps": [], "full": full}
    return {"prefill": first, "steps": steps, "full": full}


def _times(ask: Callable[..., Any], **given: Any) -> dict[str, float]:
    """Milliseconds, by kind. Its result is a dict whose attributes are always 0: they are not to be read."""
    with contextlib.redirect_stdout(io.StringIO()):
        table = ask(**given)["summary_table"]
    return {
        "ms": float(table["Latency (msec)"].iloc[0]),
        "attention_ms": float(table["Attn Latency (msec)"].iloc[0]),
        "products_ms": float(table["Linear Latency (msec)"].iloc[0]),
        "exchanges_ms": float(table["Comm Latency (msec)"].iloc[0]),
    }


if __name__ == "__main__":
    main()
