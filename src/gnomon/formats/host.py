"""How a user says what launches operators: eager, graphs, or a time."""

from __future__ import annotations

from dataclasses import replace

from gnomon.core.errors import BadInput
from gnomon.formats.quantity import quantity
from gnomon.parallel.host import NO_HOST, Host, eager_host

EAGER, GRAPHS = "eager", "graphs"
MEANING = f"what launches operators: {EAGER} (a framework, one by one), {GRAPHS} (recorded, no host time), or seconds for each like 20 us"


def host_of(text: str) -> Host:
    """The host that is meant. BadInput."""
    if text == GRAPHS:
        return NO_HOST
    if text == EAGER:
        return eager_host()
    try:
        return replace(eager_host(), op_s=quantity(text, "latency"))
    except BadInput as fault:
        raise BadInput(f"{fault.text}; or {EAGER}, or {GRAPHS}", field="host") from None
