"""What Vidur says of each request -> figures of a service. Pure."""

from __future__ import annotations

import numpy as np

from gnomon.adapters.vidur.translate import SCHEDULERS
from gnomon.core.errors import ToolError
from gnomon.core.service import Arrivals, Floats, Service
from gnomon.core.tool import Files
from gnomon.tools.results import Result
from gnomon.tools.serving.answer import Figures
from gnomon.tools.serving.stream import untold

NAME = "vidur"
_ASSUMPTIONS = (
    "Vidur simulates requests with the times of steps that the serving engine has, looked up in tables: tokens rounded up to 8, "
    "chunks of prompts to 32",
    "Vidur has neither embedding nor head nor sampling, and no time of the host: they are left out",
    "KV blocks are those that the plan has or that fit, not those that Vidur would plan",
)
_GROUPED = "Vidur adds a tenth to the attention of a step in which several requests decode, for models whose queries share keys"
_OF_SCHEDULER = {
    "vllm": "Vidur's vllm follows vLLM before version 1: prompts go first and whole; this Vidur bounds a step by the sum of their "
    "tokens, not by the longest times their number",
    "sarathi": "a chunk of one token counts as a decode there",
    "orca": "",
}
_ORCA = (
    "Vidur 0.0.26 leaves out the attention of prompts under orca: it forgets their lengths when it makes a batch (times are too "
    "short)"
)


def read(output: Files, service: Service, arrivals: Arrivals, *, kv_step: int, is_grouped: bool) -> Figures:
    """Means over all requests. ToolError for requests that are missing or have no times."""
    said = Result.of(NAME, output)
    told = [_column(said, name) for name in ("requests", "ttft_s", "e2e_s", "waiting_s", "restarts")]
    requests, ttft_s, e2e_s, waiting_s, restarts = told
    if len(requests) != len(arrivals) or not np.array_equal(requests, np.arange(len(arrivals))):
        raise ToolError(f"{NAME} told of {len(requests)} requests, and {len(arrivals)} came")
    for name, column in (("first token", ttft_s), ("whole request", e2e_s), ("waiting", waiting_s)):
        if not np.isfinite(column).all() or (column < 0).any():
            raise ToolError(f"{NAME} gave no time of the {name} for {int((~(column >= 0)).sum())} requests")
    further = arrivals.decode_tokens - 1
    has_tpot = further > 0
    tpot_s = (e2e_s - ttft_s)[has_tpot] / further[has_tpot]
    policy = service.pools[0].batching.policy
    outside = [*untold(arrivals, "Vidur")]
    if policy == "orca":
        outside.append(_ORCA)
    if restarts.any():
        outside.append(f"{int((restarts > 0).sum())} requests were evicted from the KV cache and began again")
    return Figures(
        ttft_s=float(ttft_s.mean()),
        tpot_s=float(tpot_s.mean()) if len(tpot_s) else None,
        e2e_s=float(e2e_s.mean()),
        waiting_s=float(waiting_s.mean()),
        version=said.text("version"),
        assumptions=tuple(
            line
            for line in (
                *_ASSUMPTIONS,
                f"lengths in the KV cache are rounded up to {kv_step} tokens (vidur.kv_step)",
                _GROUPED if is_grouped else "",
                _OF_SCHEDULER[SCHEDULERS[policy]],
            )
            if line
        ),
        outside=tuple(outside),
    )


def _column(said: Result, name: str) -> Floats:
    """A list of numbers. ToolError."""
    found = said.fields.get(name)
    if not isinstance(found, list) or not all(isinstance(one, int | float) for one in found):
        raise ToolError(f"{NAME} gave {found!r:.40} for {name}")
    return np.array(found, dtype=np.float64)
