"""Which mappings may be searched, in Timeloop's words."""

from __future__ import annotations

from typing import Any

from gnomon.core.map_space import LevelRules, LoopRules
from gnomon.core.tool import Question


def directives(question: Question) -> list[dict[str, Any]]:
    """What each memory keeps, and the rules for its loops where there are any."""
    found: list[dict[str, Any]] = []
    spaces = [space.name for space in question.problem.spaces]
    rules = question.rules.levels if question.rules else (LevelRules(),) * len(question.kept)
    for level, (memory, kept, rule) in enumerate(zip(question.accelerator.memories, question.kept, rules, strict=True)):
        keeping = {
            "keep": [name for name in spaces if name in kept],
            "bypass": [name for name in spaces if name not in kept],
        }
        found.append({"target": memory.name, "type": "bypass", **keeping})
        loops = {"temporal": _loops(rule.temporal)}
        if max(question.accelerator.fanout(level)) > 1:
            loops["spatial"] = _loops(rule.spatial) | ({} if rule.along_x is None else {"split": rule.along_x})
        found += [{"target": memory.name, "type": kind, **given} for kind, given in loops.items() if given]
    return found


def _loops(rules: LoopRules) -> dict[str, Any]:
    signs = (("=", rules.exactly), ("<=", rules.at_most), (">=", rules.at_least))
    factors = " ".join(f"{dim}{sign}{count}" for sign, counts in signs for dim, count in counts.items())
    order = "".join(rules.inner) + (f"_{''.join(rules.outer)}" if rules.outer else "")
    return ({"factors": factors} if factors else {}) | ({"permutation": order} if order else {})
