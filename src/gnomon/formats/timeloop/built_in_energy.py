"""The energies that Timeloop has built in, for architectures without an energy table.

[NVlabs/timeloop at 4cf6d4c, its public placeholder of a technology model; checked by golden case 48]
"""

from __future__ import annotations

from math import ceil

from gnomon.core.accelerator import Memory


def sram_access_pj(memory: Memory) -> float:
    """Energy of one access of an SRAM or a register file, in picojoules: linear in its kilobytes and in its width."""
    if not memory.entries:
        return 0.0
    width_bits = memory.word_bits * memory.block_size * memory.cluster_size
    kilobytes = width_bits * ceil(memory.entries / memory.block_size) / 8192
    return (1 + 5 / 99.5 * (kilobytes - 0.5)) * width_bits / 16 / memory.cluster_size


def dram_access_pj(memory: Memory) -> float:
    """Energy of one access of a DRAM, in picojoules: 200 for 16 bits."""
    return 200 * memory.word_bits * memory.block_size / 16


def mac_pj(word_bits: int) -> float:
    """Energy of one multiply-accumulate, in picojoules: 1 for 16 bits."""
    return (word_bits / 16) ** 2
