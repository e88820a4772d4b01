"""Torch's names of the formats that models are stored and run in, as a config.json and a live module give them."""

from __future__ import annotations

from gnomon.core.dtype import SPELLED

TORCH_DTYPES = {name: SPELLED[name] for name in ("float32", "float16", "bfloat16")}
