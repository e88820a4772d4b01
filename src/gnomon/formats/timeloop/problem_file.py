"""`problem:` of a Timeloop file -> Problem."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from gnomon.core.errors import near_match
from gnomon.core.problem import DataSpace, Problem, Term
from gnomon.formats.timeloop.node import Node

_SHAPE = ("name", "version", "dimensions", "data_spaces", "coefficients", "flatten")
_ANY = -(2**31)  # a coefficient may be negative
_MOST_MACS = 2**53  # counts are told apart in a float


def problem(node: Node) -> Problem:
    """The shape with the bounds of its instance."""
    shape = node.need("shape")
    if isinstance(shape.data, str):
        raise shape.unsupported(f"the built-in shape {shape.data!r} is not known here; write the shape out")
    shape.known_keys(_SHAPE, "part of a shape")
    if flatten := shape.get("flatten"):
        raise flatten.unsupported("flattened dimensions")
    node.refuse_slips(("version", "shape", "instance"))
    instance = node.get("instance") or node
    for key in ("densities", "commonDensity"):
        _refuse_sparse(instance.get(key))
    dims: list[str] = []
    for item in shape.need("dimensions").items():
        if len(item.text()) != 1:
            raise item.fault(f"{item.text()!r}: a dimension has a name of one letter")
        if item.text() in dims:
            raise item.fault(f"dimension {item.text()!r} is given twice")
        dims.append(item.text())
    bounds = {dim: instance.need(dim).whole() for dim in dims}
    if prod(bounds.values()) > _MOST_MACS:
        raise instance.fault(f"more than {_MOST_MACS:,} multiply-accumulates, up to which is counted exactly")
    factors = _coefficients(shape, instance)
    instance.refuse_slips((*bounds, *factors))  # it may hold keys for other tools
    spaces: list[DataSpace] = []
    for item in shape.need("data_spaces").items():
        space = _space(item, bounds, factors)
        if any(space.name == other.name for other in spaces):
            raise item.need("name").fault(f"data space {space.name!r} is given twice")
        spaces.append(space)
    if not spaces:
        raise shape.need("data_spaces").fault("a problem has at least one data space")
    title = shape.get("name")
    return Problem(name=title.text() if title else "problem", bounds=bounds, spaces=tuple(spaces))


def _coefficients(shape: Node, instance: Node) -> dict[str, int]:
    """Strides and dilations: those of the instance, else their defaults."""
    listed = shape.get("coefficients")
    found: dict[str, int] = {}
    for item in listed.items() if listed else ():
        item.known_keys(("name", "default"), "part of a coefficient")
        name = item.need("name").text()
        if name in found:
            raise item.need("name").fault(f"coefficient {name!r} is given twice")
        found[name] = (instance.get(name) or item.need("default")).whole(least=_ANY)
    return found


def _space(node: Node, bounds: Mapping[str, int], factors: Mapping[str, int]) -> DataSpace:
    node.known_keys(("name", "projection", "read_write"), "part of a data space")
    ranks: list[tuple[Term, ...]] = []
    for rank in node.need("projection").items():
        if isinstance(rank.data, str):  # the short form: a dimension by itself
            ranks.append((_term((rank,), rank, bounds, factors),))
        else:
            ranks.append(tuple(_term(tuple(term.items()), term, bounds, factors) for term in rank.items()))
    writes = node.get("read_write")
    return DataSpace(name=node.need("name").text(), ranks=tuple(ranks), is_output=writes.truth() if writes else False)


def _term(words: tuple[Node, ...], whole: Node, bounds: Mapping[str, int], factors: Mapping[str, int]) -> Term:
    if len(words) not in (1, 2):
        raise whole.fault(f"expected a dimension and perhaps its coefficient, not {whole.data!r:.60}")
    dim = words[0].text()
    if dim not in bounds:
        raise words[0].fault(f"{dim!r} is no dimension{near_match(dim, bounds)} (known: {', '.join(bounds)})")
    if len(words) == 1:
        return Term(dim=dim)
    factor = words[1].text()
    if factor not in factors:
        known = ", ".join(factors) or "none"
        raise words[1].fault(f"{factor!r} is no coefficient{near_match(factor, factors)} (known: {known})")
    return Term(dim=dim, factor=factors[factor])


def _refuse_sparse(densities: Node | None) -> None:
    """Unsupported where some data space is not dense."""
    if densities is None:
        return
    written = densities.data.values() if isinstance(densities.data, dict) else [densities.data]
    if any(density not in (1, "1", "1.0") for density in written):
        raise densities.unsupported("sparse data")
