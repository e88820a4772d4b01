"""`mapper:` and the template of the map space -> what they say of a search here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gnomon.core.errors import near_match
from gnomon.formats.timeloop.node import Node

_OBJECTIVES = ("edp", "energy", "delay", "last_level_accesses", "ordered_accesses")
_ONCE_HYPHENED = {"last-level-accesses": "last_level_accesses", "ordered-accesses": "ordered_accesses"}
_AT_LEVEL = "accesses-"  # and the position of a memory from inside out
_TEMPLATES = {"uber": False, "ruby": True}
_ASKED = ("optimization_metrics", "optimization_metric")
# Of how Timeloop searches and what it prints, which is of no effect here.
_PASSED = (
    *("version", "algorithm", "num_threads", "search_size", "timeout", "heartbeat", "victory_condition"),
    *("sync_interval", "log_interval", "log_oaves", "log_oaves_mappings", "log_oave_mappings", "log_all_mappings"),
    *("log_orojenesis_mappings", "log_mappings_yaml", "log_mappings_verbose", "log_stats", "log_suboptimal", "log_all"),
    *("live_status", "diagnostics", "penalize_consecutive_bypass_fails", "emit_whoop_nest", "filter_revisits"),
    *("max_temporal_loops_in_a_mapping", "max_permutations_per_if_visit", "out_prefix"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSettings:
    """What the files ask of a search."""

    objectives: tuple[str, ...] = ()  # by rank, in Timeloop's words; empty: none is named
    is_ragged: bool | None = None  # whether parts may leave dimensions undivided; None: nothing is said


def search_settings(mapper: Node | None, map_spaces: Sequence[Node]) -> SearchSettings:
    """Those of `mapper:`, and of what names a template. BadInput for a key or a word that Timeloop does not know."""
    objectives: tuple[str, ...] = ()
    if mapper and mapper.data is not None:
        for key in mapper.mapping():
            if key == "template":
                raise mapper.child(key).fault("belongs to 'mapspace:'")
            if key not in (*_ASKED, *_PASSED):
                raise mapper.child(key).fault(f"unknown key{near_match(str(key), (*_ASKED, *_PASSED))}")
        asked = mapper.get(*_ASKED)
        if asked:
            listed = asked.items() if isinstance(asked.data, list) else (asked,)
            objectives = tuple(_objective(item) for item in listed)
    named = [found for node in map_spaces if isinstance(node.data, dict) and (found := node.get("template"))]
    for found in named:
        if found.text() not in _TEMPLATES:
            raise found.fault(
                f"{found.text()!r} is no template{near_match(found.text(), _TEMPLATES)} (known: uber, ruby)"
            )
    return SearchSettings(objectives=objectives, is_ragged=_TEMPLATES[named[0].text()] if named else None)


def _objective(node: Node) -> str:
    called = _ONCE_HYPHENED.get(node.text(), node.text())
    is_at_level = called.startswith(_AT_LEVEL) and called.removeprefix(_AT_LEVEL).isdecimal()
    if called not in _OBJECTIVES and not is_at_level:
        known = ", ".join((*_OBJECTIVES, f"{_AT_LEVEL}0"))
        raise node.fault(f"{called!r} is no metric{near_match(called, _OBJECTIVES)} (known: {known})")
    return called
