"""What a layer takes at least on a machine, whatever its mapping: every unit works, and every word crosses the outermost memory once."""

from math import ceil, prod

from gnomon.core.accelerator import Accelerator
from gnomon.core.problem import DataSpace, Problem


def cycles(problem: Problem, machine: Accelerator) -> int:
    """Those of the units or of the outermost memory's ports, whichever are more."""
    outermost = machine.memories[-1]
    brought, taken = crossing_words(problem)
    assert outermost.read_words_per_cycle and outermost.write_words_per_cycle
    return ceil(
        max(
            problem.macs / machine.units.instances,
            brought / outermost.read_words_per_cycle,
            taken / outermost.write_words_per_cycle,
        )
    )


def energy_pj(problem: Problem, machine: Accelerator) -> float:
    """Of the multiply-accumulates and of the outermost memory alone."""
    outermost = machine.memories[-1]
    brought, taken = crossing_words(problem)
    accesses_pj = brought * outermost.actions.read_pj + taken * outermost.actions.update_pj
    return problem.macs * machine.units.mac_pj + accesses_pj / outermost.block_size


def crossing_words(problem: Problem) -> tuple[int, int]:
    """Words that the loops read of inputs, and write of outputs, each counted once."""
    words = {space: touched(space, problem) for space in problem.spaces}
    return (
        sum(count for space, count in words.items() if not space.is_output),
        sum(count for space, count in words.items() if space.is_output),
    )


def touched(space: DataSpace, problem: Problem) -> int:
    """Different words of a data space that the loops come to; what a stride jumps over is none."""
    sizes = []
    for rank in space.ranks:
        places = {0}
        for term in rank:
            places = {place + term.factor * at for place in places for at in range(problem.bounds[term.dim])}
        sizes.append(len(places))
    return prod(sizes)
