"""How far Gnomon's own counts are from Timeloop's, deviation by deviation: `python -m benchmarks.mapper_deviations`.

On the published and found mappings (real_*) and on those with ragged parts, of the reference cases beside the repository.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from math import ceil
from statistics import median

from tests.engines.mapper.golden import given, shared_cases

from gnomon.core.accelerator import Accelerator
from gnomon.core.errors import GnomonError
from gnomon.core.loop_nest import LoopNest
from gnomon.engines.mapper import evaluate as timeloop
from gnomon.engines.mapper.conventions import Switches
from gnomon.engines.mapper.evaluate import Evaluation
from gnomon.engines.mapper.exact import evaluate as exact


def sizes() -> dict[str, list[float]]:
    """What is told of each deviation -> relative changes against Timeloop, one for each case in which it can appear."""
    found: dict[str, list[float]] = defaultdict(list)
    for case in shared_cases("cases", "fuzz", "official"):
        asked = given(case)
        assert asked.nest is not None
        is_ragged = _is_ragged(asked.nest)
        if not (is_ragged or case.name.startswith("real_") or case.parent.name == "official"):
            continue
        accelerator = _without_wires(asked.accelerator)
        try:
            plain = timeloop.evaluate(asked.problem, accelerator, asked.nest, Switches())
            unlinked = timeloop.evaluate(asked.problem, accelerator, asked.nest, Switches(link_transfers=False))
            ours = exact.evaluate(asked.problem, accelerator, asked.nest)
        except GnomonError as fault:
            print(f"{case.parent.name}/{case.name}: {fault}")
            continue
        kind = "ragged" if is_ragged else "even"
        found[f"all: energy, {kind}"].append(ours.costs.energy_pj / plain.costs.energy_pj - 1)
        found[f"all: cycles, {kind}"].append(ours.costs.cycles / plain.costs.cycles - 1)
        ends = sum(ours.costs.fill_cycles) + sum(ours.costs.drain_cycles)
        found[f"fill and drain: cycles, {kind}"].append(float(ends) / ours.costs.cycles)
        found["links: accesses"].append(_accesses(unlinked) / _accesses(plain) - 1)
        found["blocks rounded up: energy of accesses"].append(_without_rounding(accelerator, plain) - 1)
        if is_ragged:
            found["instances at work: multiply-accumulates"].append(ours.activity.macs / plain.activity.macs - 1)
            found["time steps: cycles of the units"].append(ours.activity.steps / plain.activity.cycles - 1)
            continue
        for space in asked.problem.spaces:
            kept = [level for level, tiling in enumerate(asked.nest.tilings) if space.name in tiling.kept]
            has_halo = any(len(rank) > 1 for rank in space.ranks)
            is_bypassed = kept != list(range(len(asked.nest.tilings)))
            change = _of_space(unlinked, ours, space.name)
            if has_halo and not is_bypassed:
                found["reuse: accesses of what has a halo"].append(change)
            elif is_bypassed and not has_halo:
                found["bypass: accesses of what is passed by"].append(change)
            elif has_halo:
                found["reuse and bypass: accesses of what has both"].append(change)
            else:
                found["neither: accesses of what has none"].append(change)
    return found


def _of_space(theirs: Evaluation, ours: exact.Evaluation, name: str) -> float:
    """Change of what is read, filled and updated of a data space in all memories."""
    before = sum(
        counts[name].accesses * instances
        for counts, instances in zip(theirs.activity.levels, theirs.activity.instances, strict=True)
    )
    after = sum(one.reads + one.fills + one.updates for one in (counts[name] for counts in ours.activity.levels))
    return after / before - 1


def _accesses(made: Evaluation) -> int:
    return sum(
        one.accesses * instances
        for counts, instances in zip(made.activity.levels, made.activity.instances, strict=True)
        for one in counts.values()
    )


def _without_rounding(accelerator: Accelerator, made: Evaluation) -> float:
    """Energy of the accesses where part of a block costs part of its energy, over that where it costs all of it."""
    parts = wholes = 0.0
    for memory, counts, instances in zip(
        accelerator.memories, made.activity.levels, made.activity.instances, strict=True
    ):
        for one in counts.values():
            for words, energy_pj in (
                (one.reads, memory.actions.read_pj),
                (one.fills, memory.actions.fill_pj),
                (one.updates, memory.actions.update_pj),
            ):
                parts += words / memory.block_size * energy_pj * instances
                wholes += ceil(words / memory.block_size) * energy_pj * instances
    return parts / wholes


def _without_wires(accelerator: Accelerator) -> Accelerator:
    """The same machine, whose wires cost nothing."""
    return replace(
        accelerator,
        memories=tuple(
            replace(one, network=replace(one.network, hop_pj=None, wire_pj_per_bit_mm=0.0, router_pj=0.0))
            for one in accelerator.memories
        ),
    )


def _is_ragged(nest: LoopNest) -> bool:
    return any(loop.count != loop.last for tiling in nest.tilings for loop in tiling.loops)


def main() -> None:
    print(f"{'':48}{'cases':>6}{'least':>10}{'median':>10}{'most':>10}")
    for what, changes in sorted(sizes().items()):
        print(
            f"{what:48}{len(changes):6}"
            + "".join(f"{one:+10.3%}" for one in (min(changes), median(changes), max(changes)))
        )


if __name__ == "__main__":
    main()
