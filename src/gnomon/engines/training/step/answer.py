"""A step that was run, as an answer: its parts, what bounds it, what each stage does, what each exchange costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from gnomon.core.footprint import Footprint
from gnomon.core.prediction import Bound, Part
from gnomon.core.scenario import Scenario
from gnomon.core.step_facts import Exposed, StageFacts, StepFacts
from gnomon.core.system import System
from gnomon.engines.training.step.accounts import Account, Line, account, line_of
from gnomon.engines.training.step.lanes import Lanes
from gnomon.engines.training.step.run import Ran
from gnomon.parallel.model_share import ModelShare
from gnomon.parallel.passes import Compute
from gnomon.parallel.program import Program
from gnomon.parallel.times import exchange_of

PS_PER_S = 1e12
_ROLES = {"forward": "forward", "backward": "backward", "recompute": "computed again", "update": "optimizer"}


@dataclass(frozen=True, kw_only=True)
class RanStep:
    """A step as it was run."""

    model: ModelShare
    programs: tuple[Program, ...]
    device_ps: Sequence[Sequence[int]]  # by stage, of each action where no host holds it up
    lanes: Lanes
    ran: tuple[Ran, ...]

    @property
    def end_ps(self) -> int:
        return max(one.last_ps for one in self.ran)

    @cached_property
    def accounts(self) -> tuple[Account, ...]:
        """Where the time of each stage goes."""
        stages = zip(self.programs, self.ran, self.lanes.of, self.device_ps, strict=True)
        return tuple(account(*stage, self.end_ps) for stage in stages)

    @property
    def slowest(self) -> int:
        """The stage that ends last."""
        return max(range(len(self.ran)), key=lambda at: self.ran[at].last_ps)

    def parts(self) -> tuple[Part, ...]:
        """The parts of the stage that ends last; they add up to the step."""
        of = self.accounts[self.slowest]
        computes = [(_ROLES[role], time_ps, "compute") for role, time_ps in of.compute_ps.items()]
        talks = [(f"{line.axis} {line.kind}", time_ps, "network") for line, time_ps in of.exposed_ps.items()]
        others = [("launching", of.host_ps, "overhead"), ("idle", of.idle_ps, "idle")]
        found = [
            Part(name=name, value=time_ps / PS_PER_S, kind=kind)  # type: ignore[arg-type]
            for name, time_ps, kind in (*computes, *talks, *others)
            if time_ps > 0
        ]
        return tuple(sorted(found, key=lambda part: -part.value))

    def bound(self) -> Bound:
        """What takes most of the stage that ends last."""
        of = self.accounts[self.slowest]
        taken: dict[Bound, int] = {
            "compute": of.device_ps,
            "network": sum(of.exposed_ps.values()),
            "overhead": of.idle_ps + of.host_ps,
        }
        return max(taken, key=taken.__getitem__)

    def facts(self, scenario: Scenario, memories: Sequence[Footprint], products_flop: float) -> StepFacts:
        """What is known of the step beside its time."""
        last, model, end_ps = self.accounts[self.slowest], self.model, self.end_ps
        names = self._networks(scenario.system)
        return StepFacts(
            microbatches=model.microbatches,
            replicas=model.sizes["dp"],
            sequences=model.microbatches * model.sizes["dp"] * scenario.plan.batch,
            hardware_flop=products_flop,
            bubble=sum(one.idle_ps for one in self.accounts) / (len(self.accounts) * end_ps) if end_ps else 0.0,
            exposed=tuple(
                Exposed(
                    axis=line.axis,
                    kind=line.kind,
                    network=names[line],
                    time_s=last.talk_ps[line] / PS_PER_S,
                    exposed_s=last.exposed_ps[line] / PS_PER_S,
                    size_bytes=last.talk_bytes[line],
                )
                for line in last.talk_ps
            ),
            stages=tuple(
                StageFacts(
                    stage=at,
                    compute_s=one.device_ps / PS_PER_S,
                    host_s=one.host_ps / PS_PER_S,
                    exposed_s=sum(one.exposed_ps.values()) / PS_PER_S,
                    idle_s=one.idle_ps / PS_PER_S,
                    memory=memories[at],
                )
                for at, one in enumerate(self.accounts)
            ),
        )

    def _networks(self, system: System) -> dict[Line, str]:
        """The dimensions of the network that each exchange of the stage that ends last crosses."""
        found: dict[Line, str] = {}
        for action in self.programs[self.slowest].actions:
            if isinstance(action, Compute):
                continue
            where = exchange_of(action, self.model, system).spread
            crossed = [one.name for one, count in zip(system.dimensions, where, strict=False) if count > 1]
            found.setdefault(line_of(action), " and ".join(crossed))
        return found
