"""What a user may set of the mapper: text by name -> values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from gnomon.core.errors import BadInput, near_match
from gnomon.core.tool import Objective

LEAST_EFFORT = 10  # of fewer steps a search makes none
OBJECTIVES: tuple[str, ...] = get_args(Objective)
RULES = ("gnomon", "timeloop")
MEANINGS = {
    "objective": "what mappings make small: latency, energy, or edp, energy times time (default)",
    "conventions": "whose rules count: gnomon (default), with parts that need not divide their dimensions; or timeloop, with parts that do",
    "effort": "steps of the search for each layer, default 200; 200 of a convolution take some seconds",
    "seed": "of the search's random choices, default 0",
    "cache": "on (default): mappings are kept from one run to the next, and a longer search goes on from them; or off",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How layers are mapped."""

    # As of Timeloop's own mapper: neither time nor energy is thrown away for a trace of the other.
    objective: str = "edp"
    conventions: str = "gnomon"
    effort: int = 200  # steps for each layer: an answer depends on them, not on the speed of the machine
    seed: int = 0
    is_kept: bool = True  # mappings that are found, in the user's cache

    @property
    def told(self) -> tuple[str, ...]:
        """What an answer depends on."""
        return (
            f"objective={self.objective}",
            f"conventions={self.conventions}",
            f"effort={self.effort}",
            f"seed={self.seed}",
        )


def parsed(given: Mapping[str, str]) -> Settings:
    """Settings from text. BadInput names the setting."""
    for name in given:
        if name not in MEANINGS:
            raise BadInput(
                f"the mapper has no setting {name!r}{near_match(name, MEANINGS)} (it has: {', '.join(MEANINGS)})"
            )
    return Settings(
        objective=_word(given, "objective", OBJECTIVES, Settings().objective),
        conventions=_word(given, "conventions", RULES, Settings().conventions),
        effort=_whole(given, "effort", LEAST_EFFORT, Settings().effort),
        seed=_whole(given, "seed", 0, Settings().seed),
        is_kept=_word(given, "cache", ("on", "off"), "on") == "on",
    )


def _word(given: Mapping[str, str], name: str, known: tuple[str, ...], usual: str) -> str:
    word = given.get(name, usual)
    if word not in known:
        raise BadInput(
            f"{word!r:.40} is none of {', '.join(known)}{near_match(str(word), known)}", field=f"mapper.{name}"
        )
    return word


def _whole(given: Mapping[str, str], name: str, least: int, usual: int) -> int:
    text = str(given.get(name, usual))
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) < least:
        raise BadInput(f"{text!r:.40} is not a whole number from {least} to 999999999", field=f"mapper.{name}")
    return int(text)
