"""A spatial accelerator: memories in each other around an array of multiply-accumulate units.

The terms and units are those of Timeloop. [Parashar et al., Timeloop, ISPASS 2019]
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Actions:
    """What one access costs, in picojoules; of a block of words, not of a word."""

    read_pj: float = 0.0
    fill_pj: float = 0.0  # a write of what comes from the memory outside
    update_pj: float = 0.0  # a write of what comes from the memory or units inside
    leak_pj: float = 0.0  # of an instance in a cycle


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """The wires from a memory to the one inside it, or to the units."""

    fill_cycles: float = 0.0  # added once to the time of the whole
    drain_cycles: float = 0.0
    wire_pj_per_bit_mm: float = 0.0
    tile_mm: float = 0.0  # from one child to the next
    hop_pj: float | None = None  # of a word to the next child; None: from wire and tile
    router_pj: float = 0.0
    can_reduce: bool = True  # partial sums are added on the way out

    @property
    def has_energy(self) -> bool:
        """Whether a word on its wires costs any."""
        return bool(self.hop_pj or self.router_pj or (self.wire_pj_per_bit_mm and self.tile_mm))


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """One level of storage, all its instances alike."""

    name: str
    mesh_x: int = 1  # instances in all, along x
    mesh_y: int = 1
    entries: int | None = None  # words of an instance; None: without end
    word_bits: int = 16
    block_size: int = 1  # words of an access
    cluster_size: int = 1  # instances that share one wide access
    multiple_buffering: float = 1.0  # of the words, the part 1/this is there for one tile
    min_utilization: float = 0.0  # of the words
    read_words_per_cycle: float | None = None  # of an instance; None: without bound
    write_words_per_cycle: float | None = None
    shared_words_per_cycle: float | None = None  # reads and writes together
    bandwidth_scale: tuple[tuple[str, float], ...] = ()  # data space -> words that one of its words takes
    power_gated_by: str | None = None  # a memory outside: what is inside its working instances leaks; None: itself
    actions: Actions = Actions()
    network: Network = Network()

    @property
    def instances(self) -> int:
        return self.mesh_x * self.mesh_y

    @property
    def words_per_cycle(self) -> float:
        """The most that an instance reads and writes together; infinite without bound."""
        read, write, shared = (
            inf if rate is None else rate
            for rate in (self.read_words_per_cycle, self.write_words_per_cycle, self.shared_words_per_cycle)
        )
        return min(read + write, shared)


@dataclass(frozen=True, slots=True, kw_only=True)
class Units:
    """The multiply-accumulate units."""

    name: str
    mesh_x: int = 1
    mesh_y: int = 1
    word_bits: int = 16
    mac_pj: float = 0.0

    @property
    def instances(self) -> int:
        return self.mesh_x * self.mesh_y


@dataclass(frozen=True, slots=True, kw_only=True)
class Accelerator:
    """Units, and the memories around them."""

    name: str
    units: Units
    memories: tuple[Memory, ...]  # the innermost first

    def fanout(self, level: int) -> tuple[int, int]:
        """Along x and y, how many children one instance of this memory has."""
        inner: Memory | Units = self.memories[level - 1] if level else self.units
        outer = self.memories[level]
        return inner.mesh_x // outer.mesh_x, inner.mesh_y // outer.mesh_y

    def leaking(self, level: int) -> tuple[int, int]:
        """The memory each of whose working instances lets some of this one leak, and how many: itself and 1 without a gate."""
        gate = next(
            (at for at, one in enumerate(self.memories) if one.name == self.memories[level].power_gated_by), level
        )
        together = self.memories[level].instances // self.memories[gate].instances
        return (gate, together) if together > 1 else (level, 1)
