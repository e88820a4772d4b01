"""What a device draws for arithmetic and bytes, fitted to measured powers: python -m benchmarks.fit_power [SHARED/truth]

Prints the shares of gnomon.engines.serving.power, and their error where one of the two models is left out.
"""

from __future__ import annotations

import csv
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from gnomon.api.names import device
from gnomon.core.service import Floats

TABLE = "serving/splitwise_prompt_token_times.csv"
DEVICE = "a100-sxm-80gb"
MODELS = {  # parameters, layers, width of keys [Llama 2, Touvron et al. 2023; BLOOM, Le Scao et al. 2022]
    "llama2-70b": (68.98e9, 80, 1024),
    "bloom-176b": (176.25e9, 70, 14336),
}
_LONGEST, _SHARE = 1024, 0.06  # prompts whose time is at most this share: the mean power is that of the answer
_CAPPED = 0.95  # a peak above it is the limit's, not the work's


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A power, as a share of the limit, and the shares of peak arithmetic and bandwidth that were used."""

    model: str
    arithmetic: float
    moved: float
    power: float


def measured(truth: Path) -> list[Measured]:
    """Powers of prompts that the limit does not cap, and of answers."""
    alike: dict[tuple[str, int, int, int], list[Mapping[str, str]]] = defaultdict(list)
    with (truth / TABLE).open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            if row["hardware"] == "a100-80gb" and float(row["average_power"]) > 0:
                key = row["model"], *(int(row[name]) for name in ("tensor_parallel", "batch_size", "prompt_size"))
                alike[key].append(row)
    found = []
    for (name, tensor, batch, prompt), rows in sorted(alike.items()):

        def middle(column: str, rows: Sequence[Mapping[str, str]] = rows) -> float:
            return median(float(row[column]) for row in rows)

        flop, weights, kept = _sizes(name)
        prompt_s, token_s, answer = middle("prompt_time") * 1e-3, middle("token_time") * 1e-3, middle("token_size")
        if middle("peak_power") < _CAPPED:
            found.append(_share(name, middle("peak_power"), flop * batch * prompt, weights, prompt_s * tensor))
        if prompt <= _LONGEST and prompt_s < _SHARE * (prompt_s + (answer - 1) * token_s):
            moved = weights + batch * (prompt + answer / 2) * kept
            found.append(_share(name, middle("average_power"), flop * batch, moved, token_s * tensor))
    return found


def _sizes(name: str) -> tuple[float, float, float]:
    """FLOP of a token, bytes of weights, bytes that the cache keeps of a token; all in FP16."""
    parameters, layers, width = MODELS[name]
    return 2 * parameters, 2 * parameters, float(2 * layers * width * 2)


def _share(name: str, power: float, flop: float, moved_bytes: float, device_s: float) -> Measured:
    sheet = device(DEVICE)
    peak = sheet.peak("fp16", is_matrix=True)
    assert peak is not None
    return Measured(
        model=name,
        arithmetic=flop / (peak.value * device_s),
        moved=moved_bytes / (sheet.memory_bytes_per_s.value * device_s),
        power=power,
    )


def fitted(rows: Sequence[Measured]) -> Floats:
    """Shares while a step runs, for arithmetic and for bytes: least squares of relative errors."""
    powers = np.array([row.power for row in rows])
    found: Floats = np.linalg.lstsq(_terms(rows) / powers[:, None], np.ones(len(rows)), rcond=None)[0]
    return found


def errors(shares: Floats, rows: Sequence[Measured]) -> Floats:
    """Relative, of each row."""
    found: Floats = _terms(rows) @ shares / np.array([row.power for row in rows]) - 1.0
    return found


def _terms(rows: Sequence[Measured]) -> Floats:
    return np.array([(1.0, row.arithmetic, row.moved) for row in rows])


def _said(found: Floats) -> str:
    sizes = np.abs(found)
    return (
        f"n {len(sizes)}, median {np.median(sizes):.1%}, p90 {np.quantile(sizes, 0.9):.1%}, "
        f"{found.min():+.1%} to {found.max():+.1%}"
    )


def main(truth: Path) -> None:
    """Print the shares and their errors."""
    rows = measured(truth)
    shares = fitted(rows)
    print("running {:.3f}, by arithmetic {:.3f}, by bytes {:.3f}".format(*shares))
    print(f"fitted rows: {_said(errors(shares, rows))}")
    for name in MODELS:
        others, own = [row for row in rows if row.model != name], [row for row in rows if row.model == name]
        print(f"{name} left out: {_said(errors(fitted(others), own))}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/truth"))
