"""Runs in AIConfigurator's own Python: reads options.json and config.json, writes result.json. Nothing of Gnomon's is imported here."""

import contextlib
import io
import json
import logging
import os
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"  # the model's shape lies beside this

from aiconfigurator.cli.api import cli_estimate
from aiconfigurator_core.sdk.errors import is_expected_cli_error

_FULL = "does not fit in GPU memory"


def main() -> None:
    """Estimates of rising batches until one holds what the rate brings, or memory is full."""
    logging.disable(logging.CRITICAL)
    asked = json.loads(Path("options.json").read_text())
    model = Path("model")
    model.mkdir()
    (model / "config.json").write_text(Path("config.json").read_text())
    steps: list[dict[str, float]] = []
    full = backend = ""
    for batch in asked["batches"]:
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                found = cli_estimate(str(model), mode="agg", batch_size=batch, **asked["estimate"])
        except Exception as fault:  # of many kinds; its own function tells those that lie in the question
            if _FULL in str(fault):
                full = f"a batch of {batch} does not fit in its memory"
            elif is_expected_cli_error(fault):
                full = str(fault).split(" at /")[0]
            else:
                raise
            break
        if found.kv_cache_warning and steps:
            full = f"a batch of {batch} is more than its KV cache holds"
            break
        steps.append(
            {
                "under_way": float(found.concurrency),
                "ttft_ms": float(found.ttft),
                "tpot_ms": float(found.tpot),
                "e2e_ms": float(found.request_latency),
                "measured": _measured(found.per_ops_data or {}, found.per_ops_source or {}),
            }
        )
        backend = f"{found.backend_name} {found.backend_version}"
        if asked["rate_per_s"] is not None and found.concurrency >= asked["rate_per_s"] * found.request_latency / 1e3:
            break
    result = {
        "version": version("aiconfigurator"),
        "backend": backend,
        "steps": steps,
        "full": full,
    }
    Path("result.json").write_text(json.dumps(result, indent=1))


def _measured(times: dict[str, Any], sources: dict[str, Any]) -> float:
    """Share of the steps' time that comes from measured tables alone."""
    whole = measured = 0.0
    for step, told in sources.items():
        for name, source in told.items():
            time = float(times.get(step, {}).get(name, 0.0))
            whole += time
            measured += time if source == "silicon" else 0.0
    return measured / whole if whole else 0.0


if __name__ == "__main__":
    main()
