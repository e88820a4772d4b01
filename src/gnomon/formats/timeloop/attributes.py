"""The attributes of a component, under each of their names -> Memory and Units, their energies not yet among them."""

from __future__ import annotations

from collections.abc import Mapping

from gnomon.core.accelerator import Memory, Units
from gnomon.core.errors import near_match
from gnomon.formats.timeloop.hardware import Part
from gnomon.formats.timeloop.node import Node

_WORD_BITS = ("word_bits", "word_width", "datawidth")
_BLOCK_SIZE = ("block_size", "n_words")
_WIDTH = ("width", "memory_width", "data_storage_width")
_DEPTH = ("depth", "memory_depth", "data_storage_depth")
# Every attribute that says something here; a component has others, of any name, for the tools that estimate its energy.
_KNOWN = (
    *(*_WORD_BITS, *_BLOCK_SIZE, *_WIDTH, *_DEPTH, "entries", "sizeKB", "instances", "meshX", "meshY", "cluster_size"),
    *("multiple_buffering", "min_utilization", "read_bandwidth", "write_bandwidth", "shared_bandwidth", "bandwidth"),
    *("per_dataspace_bandwidth_consumption_scale", "power_gated_at", "reduction_supported", "vector_access_energy"),
    *("network_fill_latency", "network_drain_latency", "network_word_bits", "network_type", "allow_overbooking"),
    *("wire_energy", "router_energy", "tile_width", "energy_per_hop", "cluster_area", "technology"),
    *("area", "energy", "class", "name"),
)
_DEFAULT_WORD_BITS = 16
_LEAST = 1e-30  # of a rate or a share that is not nothing


def memory(part: Part, spaces: tuple[str, ...]) -> Memory:
    """The memory without its energies and wires; `spaces` are the data spaces that its attributes may name."""
    given = part.attributes
    given.refuse_slips(_KNOWN)
    for key in ("network_read", "network_fill", "network_drain", "network_update"):
        if found := given.get(key):
            raise found.unsupported("networks of their own; leave it out for the wires between two memories")
    if (overbooking := given.get("allow_overbooking")) and overbooking.truth():
        raise overbooking.unsupported("tiles larger than their memory")
    word_bits, block_size, cluster_size = _shape(given)
    if is_dram(part) and cluster_size != 1:
        raise (given.get("cluster_size") or given).fault(
            f"{part.name}: a DRAM has a cluster_size of 1, not {cluster_size}"
        )
    if part.mesh_x * part.mesh_y % cluster_size:
        raise (given.get("cluster_size", *_WIDTH) or given).fault(
            f"{part.name}: {part.mesh_x * part.mesh_y} instances do not make clusters of {cluster_size}"
        )
    entries = _entries(given, word_bits, block_size)
    if entries is None and not is_dram(part):
        raise given.fault(f"{part.name}: its size is missing; give depth, entries or sizeKB (a DRAM may have none)")
    read, write = (_rate(given, key) for key in ("read_bandwidth", "write_bandwidth"))
    halves = given.get("bandwidth")
    half = _positive(halves) / 2 if halves else None
    return Memory(
        name=part.name,
        mesh_x=part.mesh_x,
        mesh_y=part.mesh_y,
        entries=entries,
        word_bits=word_bits,
        block_size=block_size,
        cluster_size=cluster_size,
        multiple_buffering=_buffering(given),
        min_utilization=_utilization(given, entries),
        read_words_per_cycle=half if read is None else read,
        write_words_per_cycle=half if write is None else write,
        shared_words_per_cycle=_rate(given, "shared_bandwidth"),
        bandwidth_scale=_scale(given, spaces),
    )


def units(part: Part) -> Units:
    """The units without their energy."""
    part.attributes.refuse_slips(_KNOWN)
    for key in ("network_operand", "network_result"):
        if found := part.attributes.get(key):
            raise found.unsupported("networks of their own; leave it out for the wires to the innermost memory")
    return Units(name=part.name, mesh_x=part.mesh_x, mesh_y=part.mesh_y, word_bits=unit_word_bits(part.attributes))


def power_gate(part: Part, instances: Mapping[str, int]) -> str | None:
    """The memory whose idle instances alone switch off those of this one; None: each is switched off by itself."""
    found = part.attributes.get("power_gated_at")
    if found is None:
        return None
    if found.text() not in instances:
        known = ", ".join(instances)
        raise found.fault(f"{found.text()!r} is no memory{near_match(found.text(), instances)} (known: {known})")
    return found.text() if instances[found.text()] < instances[part.name] else None


def unit_word_bits(given: Node) -> int:
    """Bits of an operand of the units."""
    found = given.get("word_bits", "datawidth")
    return found.whole() if found else _DEFAULT_WORD_BITS


def is_dram(part: Part) -> bool:
    """Whether it is main memory: then it may be without end, and does not add partial sums."""
    technology = part.attributes.get("technology")
    return "DRAM" in part.class_name or (technology is not None and technology.data == "DRAM")


def _shape(given: Node) -> tuple[int, int, int]:
    """Bits of a word, words of a block, instances of a cluster; a width fixes the one that is not given."""
    bits = given.get(*_WORD_BITS)
    block, cluster, width = given.get(*_BLOCK_SIZE), given.get("cluster_size"), given.get(*_WIDTH)
    word_bits = bits.whole() if bits else _DEFAULT_WORD_BITS
    block_size, cluster_size = block.whole() if block else 1, cluster.whole() if cluster else 1
    if width is None:
        return word_bits, block_size, cluster_size
    known = word_bits * block_size * cluster_size
    if width.whole() % known or (block and cluster and width.whole() != known):
        raise width.fault(
            f"{width.whole()} bits are not made of {block_size} words of {word_bits} bits in {cluster_size} instances"
        )
    rest = width.whole() // known
    if block and not cluster:
        return word_bits, block_size, rest
    return word_bits, block_size * rest, cluster_size


def _entries(given: Node, word_bits: int, block_size: int) -> int | None:
    """Words of an instance; None: without end."""
    entries, depth, kilobytes = given.get("entries"), given.get(*_DEPTH), given.get("sizeKB")
    stated = [found for found in (entries, depth, kilobytes) if found]
    if len(stated) > 1:
        raise stated[1].fault(f"the size is given twice, as {stated[0].path[-1]} too")
    if entries:
        return entries.whole(least=0)
    if depth:
        return depth.whole(least=0) * block_size
    return kilobytes.whole(least=0) * 8192 // word_bits if kilobytes else None


def _buffering(given: Node) -> float:
    found = given.get("multiple_buffering")
    return _positive(found) if found else 1.0


def _utilization(given: Node, entries: int | None) -> float:
    found = given.get("min_utilization")
    least = found.number() if found else 0.0
    if found and least > 1:
        raise found.fault(f"{least:g} is above 1: it is a share of the words")
    if found and least and entries is None:
        raise found.fault("a memory without end has no utilization; give its size")
    return least


def _rate(given: Node, key: str) -> float | None:
    """Words in a cycle; None where none is given."""
    found = given.get(key)
    return _positive(found) if found else None


def _positive(node: Node) -> float:
    found = node.number()
    if found < _LEAST:
        raise node.fault(f"{found:g} is no positive number")
    return found


def _scale(given: Node, spaces: tuple[str, ...]) -> tuple[tuple[str, float], ...]:
    found = given.get("per_dataspace_bandwidth_consumption_scale")
    if found is None:
        return ()
    found.known_keys(spaces, "data space")
    return tuple((name, found.child(name).number()) for name in found.mapping())
