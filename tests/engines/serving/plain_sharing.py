"""Two servers that take one request after another, step by step, on one device that both share: as plainly as can be.

What is left of each step is kept and counted down, at half speed where both are on the device, from one change to the next.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf


@dataclass
class Server:
    waiting: list[tuple[float, list[float]]]  # when a request comes, what its steps take with their hosts
    host_s: float  # of each step, before the device
    steps: list[float] = field(default_factory=list)  # of the request that is served, still to come
    host_left: float = 0.0
    device_left: float = 0.0
    is_serving: bool = False
    ends: list[float] = field(default_factory=list)

    def on_device(self) -> bool:
        return self.is_serving and self.host_left <= 0

    def next_step(self) -> None:
        self.host_left = self.host_s
        self.device_left = self.steps.pop(0) - self.host_s


def run(servers: list[Server]) -> None:
    """All are served; `ends` has when each request is through."""
    now = 0.0
    while True:
        for one in servers:
            if not one.is_serving and one.waiting and one.waiting[0][0] <= now:
                _, one.steps = one.waiting.pop(0)
                one.is_serving = True
                one.next_step()
        speed = 0.5 if all(one.on_device() for one in servers) else 1.0
        changes = [inf]
        for one in servers:
            if one.is_serving:
                changes.append(one.host_left if one.host_left > 0 else one.device_left / speed)
            elif one.waiting:
                changes.append(one.waiting[0][0] - now)
        passed = min(changes)
        if passed == inf:
            return
        on_device = [one.on_device() for one in servers]
        now += passed
        for one, had_device in zip(servers, on_device, strict=True):
            if not one.is_serving:
                continue
            if not had_device:
                one.host_left = 0.0 if one.host_left - passed < 1e-12 else one.host_left - passed
                continue
            one.device_left -= passed * speed
            if one.device_left < 1e-12:
                if one.steps:
                    one.next_step()
                else:
                    one.is_serving = False
                    one.ends.append(now)
