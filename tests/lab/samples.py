"""A small sound spec, as data to be changed and as a file."""

import json
from copy import deepcopy

import yaml

from gnomon.lab.specs.spec import SECTIONS

_METRIC = {"unit": "", "direction": "lower"}
SOUND = {
    "schema": "gnomon/experiment/1",
    "id": "exp-001-halves",
    "title": "Half of a number is less than the number",
    "hypothesis": {
        "statement": "half is at most 0.6 of the whole",
        "metric": "share",
        "direction": "below",
        "magnitude": 0.6,
        "reference": "the whole",
    },
    "variables": {
        "independent": [{"name": "size", "levels": [10, 20]}],
        "controls": [{"name": "base", "value": 10, "why": "numbers are written so"}],
    },
    "metrics": {
        "primary": [{"name": "share", **_METRIC, "from": {"regex": r"share=(\S+)"}, "bounds": [0, 2]}],
        "secondary": [{"name": "twice", **_METRIC, "from": {"expr": "2 * share"}}],
    },
    "baselines": [
        {
            "name": "whole",
            "arm": "whole",
            "source": "reproduction",
            "expected": {"share": {"value": 1.0, "tol_rel": 0.01}},
        }
    ],
    "criteria": [{"id": "less", "expr": "mean(half.share) < 0.6 * mean(whole.share)"}],
    "mve": {"seeds": [0], "pass_if": "max(half.share) < 1"},
    "protocol": {
        "arms": [
            {"name": "whole", "role": "baseline", "command": "echo share=1.0"},
            {"name": "half", "command": ["sh", "-c", "echo share=0.5 {size} {seed}"]},
        ],
        "cells": [{"name": "small", "size": 10}, {"name": "large", "size": 20}],
        "seeds": [0, 1, 2],
        "unit_estimate": "1 s",
        "unit_timeout": "10 s",
    },
    "sanity": [{"name": "shell", "command": "true"}],
    "budget": {"tier": "small", "wall_clock": "10 min", "max_runs": 40, "max_seeds_per_config": 3},
    "abort": [{"id": "slow", "kind": "time", "expr": "elapsed > 9 s"}],
    "confounds": ["none that we know"],
}


def changed(**fields):
    """The sound spec with other fields: a dotted path with __ for the dots, a value, or ... to leave it out."""
    spec = deepcopy(SOUND)
    for path, value in fields.items():
        *above, last = [int(part) if part.isdigit() else part for part in path.split("__")]
        place = spec
        for part in above:
            place = place[part]
        if value is ...:
            del place[last]
        else:
            place[last] = value
    return spec


def text_of(spec, sections=SECTIONS):
    """The spec as a file."""
    prose = "".join(f"## {section}\n\nWords.\n\n" for section in sections)
    return f"---\n{yaml.safe_dump(json.loads(json.dumps(spec)), sort_keys=False)}---\n\n{prose}"


def bytes_of(spec, sections=SECTIONS):
    """The spec as a file's bytes."""
    return text_of(spec, sections).encode()
