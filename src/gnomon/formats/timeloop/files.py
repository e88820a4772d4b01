"""Any number of Timeloop's YAML files as one document, its parts told by their top-level keys."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from gnomon.core.errors import BadInput, Unsupported, near_match
from gnomon.formats.strict import Lines, load_yaml, read_text, unique_mapping
from gnomon.formats.timeloop.node import Node

MAP_SPACE = ("mapspace", "mapspace_constraints")
CONSTRAINTS = ("architecture_constraints", "arch_constraints", "constraints", *MAP_SPACE)
_READ = ("problem", "architecture", "arch", "mapping", "ERT", "ART", "variables", "mapper", *CONSTRAINTS)
# Of other tools, or of no effect on what is read.
_PASSED = (
    "dumped_by_timeloop_front_end",
    "components",
    "compound_components",
    "globals",
    "version",
    "ERT_summary",
    "ART_summary",
    "energy_estimation",
)
_REFUSED = {"sparse_optimizations": "sparse optimizations", "layout": "data layouts", "templates": "templates"}
_KNOWN = (*_READ, *_PASSED, *_REFUSED)

# Words that older files write with hyphens.
_ONCE_HYPHENED = {
    word.replace("_", "-"): word
    for word in (
        *(
            "data_spaces",
            "read_write",
            "word_bits",
            "block_size",
            "cluster_size",
            "cluster_area",
            "num_banks",
            "num_ports",
        ),
        *("multiple_buffering", "min_utilization", "vector_access_energy", "network_word_bits", "network_type"),
        *("wire_energy", "router_energy", "tile_width", "energy_per_hop"),
        *("optimization_metric", "optimization_metrics", "search_size", "victory_condition", "sync_interval"),
        *("num_threads", "live_status", "log_interval", "log_stats", "log_suboptimal", "log_all", "log_all_mappings"),
        *("log_orojenesis_mappings", "log_mappings_yaml", "log_mappings_verbose", "filter_revisits"),
        *("penalize_consecutive_bypass_fails", "emit_whoop_nest", "max_permutations_per_if_visit"),
    )
}


class Tagged(dict[str, Any]):
    """A mapping with a tag of its own, such as `!Component`."""

    tag = ""


class _Loader(Lines):
    """Keeps tags, which the newer architectures are made of."""


def _tagged(loader: _Loader, tag: str, node: yaml.Node) -> Tagged:
    if not isinstance(node, yaml.MappingNode):
        raise yaml.constructor.ConstructorError(None, None, f"tag '!{tag}' expects a mapping of keys", node.start_mark)
    found = Tagged({str(key): value for key, value in unique_mapping(loader, node).items()})
    found.tag = tag
    return found


_Loader.add_multi_constructor("!", _tagged)


def load(paths: Sequence[Path]) -> dict[str, Node]:
    """Every top-level key of the files, each with its value and place. BadInput for one given twice or unknown."""
    found: dict[str, Node] = {}
    for path in paths:
        for key, node in _load(path).items():
            if key in found:
                raise node.fault(f"given twice, first in {found[key].place}")
            if key in _REFUSED:
                raise node.unsupported(_REFUSED[key])
            if key not in _KNOWN:
                raise node.fault(f"unknown key{near_match(key, _KNOWN)}")
            if key in _READ:
                _refuse_merges(node)
            found[key] = node
    variables = found["variables"].mapping() if "variables" in found else {}
    return {key: replace(node, variables=variables) for key, node in found.items()}


def _load(path: Path) -> dict[str, Node]:
    where = str(path)
    if path.suffix == ".cfg":
        raise Unsupported(f"{where}: a libconfig file; write it as YAML")
    text = read_text(path)
    for number, line in enumerate(text.splitlines(), 1):
        if re.search(r"\{\{|\{%", line.partition("#")[0]):
            raise Unsupported(f"{where}:{number}: a template ({line.strip():.40}); give the file that it makes")
    data, lines = load_yaml(text, where, _Loader)
    if not isinstance(data, dict):
        raise BadInput(f"{where}: expected a mapping of keys, not {data!r:.60}")
    lines = {tuple(_ONCE_HYPHENED.get(str(part), part) for part in field): line for field, line in lines.items()}
    whole = Node(data=_underscored(data, where, {}), where=where, lines=lines)
    return {str(key): whole.child(key) for key in whole.mapping()}


def _refuse_merges(node: Node) -> None:
    """Unsupported where keys of another mapping are taken over, which each reader of YAML does its own way."""
    for path in node.lines:
        if path[: len(node.path)] == node.path and path[-1] in ("<<", "<<<"):
            raise replace(node, path=path).unsupported("keys taken over from another mapping; write them out")


def _underscored(value: Any, where: str, known: dict[int, Any]) -> Any:
    """The same with old hyphened keys as they are written now; what an alias repeats is one object still."""
    if not isinstance(value, list | Mapping):
        return value
    if id(value) in known:
        return known[id(value)]
    if isinstance(value, list):
        found: Any = [_underscored(item, where, known) for item in value]
    else:
        keys = [_ONCE_HYPHENED.get(key, key) for key in value]
        for key in keys:
            if keys.count(key) > 1:
                raise BadInput(f"{where}: {key} is given twice, with hyphens and with underscores")
        items = (_underscored(item, where, known) for item in value.values())
        found = type(value)(zip(keys, items, strict=True))  # type: ignore[call-arg]
        if isinstance(value, Tagged):
            found.tag = value.tag
    known[id(value)] = found
    return found
