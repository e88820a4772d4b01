"""What the host adds to a device's time: operators are launched one by one, and the device waits where they are short."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """How long a host takes to launch things."""

    op_s: float  # one kernel of an operator, with all that a framework runs around it
    exchange_s: float  # one exchange
    sharpness: float  # how sharply the longer of host and device decides: see `held_up_s`


NO_HOST = Host(op_s=0.0, exchange_s=0.0, sharpness=1.0)  # launches are recorded once and replayed, as CUDA graphs are


def host_text(host: Host, *, data: str, sha256: str) -> str:
    """The text of a file that holds it, with which rows it was fitted on and the digest of their table."""
    return json.dumps({"data": data, "sha256": sha256, **asdict(host)}, indent=1) + "\n"


@cache
def eager_host() -> Host:
    """The host of a framework that launches operators one by one, as measured steps have it: `python -m benchmarks.fit_training`."""
    found = json.loads((files(__package__) / "host.json").read_text(encoding="utf-8"))
    return Host(op_s=found["op_s"], exchange_s=found["exchange_s"], sharpness=found["sharpness"])


def held_up_s(device_s: float, host_s: float, sharpness: float) -> float:
    """Seconds of a run of operators on a device that a host launches: (d^p + h^p)^(1/p).

    The longer of the two where p is large: the host runs ahead of a busy device and is waited for by an idle one. Between
    them lies a run of which parts are bound by the one and parts by the other. Ours; the form is the p-norm.
    """
    if not host_s or not device_s:
        return device_s + host_s
    longer, shorter = max(device_s, host_s), min(device_s, host_s)
    return longer * math.pow(1.0 + math.pow(shorter / longer, sharpness), 1.0 / sharpness)
