"""Mappings kept from one run to the next: a file for each layer, machine and objective, which nobody has to trust.

Its first line is the mapping and how far the search had come, its second the state of the search, which only one that goes on
reads. A file that is damaged, or of other code, is as good as none. A mapping's costs are not in it: they are counted anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from math import ceil
from pathlib import Path
from typing import Any

from gnomon.core.digest import digest
from gnomon.core.loop_nest import Loop, LoopNest, Tiling
from gnomon.engines.mapper.networks.best import Asked, Best, State
from gnomon.engines.mapper.networks.settings import Settings
from gnomon.engines.mapper.obeys import broken_rules
from gnomon.engines.mapper.search.counting import flags

_SCHEMA = "gnomon/kept-mapping/1"


def usual_folder(variables: Mapping[str, str]) -> Path:
    """Where a user's mappings are kept. [XDG Base Directory Specification 0.8: XDG_CACHE_HOME]"""
    given = variables.get("XDG_CACHE_HOME", "")
    base = Path(given) if Path(given).is_absolute() else Path.home() / ".cache"
    return base / "gnomon" / "mappings"


def read(folder: Path, layer: Asked, settings: Settings) -> Best | None:
    """What is kept of a layer; None where there is nothing that can be used."""
    try:
        with _file(folder, layer, settings).open(encoding="utf-8") as file:
            head = _checked(json.loads(file.readline()))
        best = Best(
            nest=_nest(head["nest"], layer),
            least=float(head["least"]),
            effort=int(head["effort"]),
            is_proved=bool(head["is_proved"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return best if _is_whole(best.nest, layer) else None


def read_state(folder: Path, layer: Asked, settings: Settings) -> tuple[int, State] | None:
    """The steps that were spent on a layer, and the state of its search; None where it cannot be gone on with."""
    try:
        with _file(folder, layer, settings).open(encoding="utf-8") as file:
            head, text = _checked(json.loads(file.readline())), file.read()
        if head["state_sum"] != _sum(text):
            return None
        return int(head["effort"]), json.loads(text)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write(folder: Path, layer: Asked, settings: Settings, best: Best, state: State) -> None:
    """Keep what was found, unless another process has kept what took more effort. OSError where it cannot be written."""
    before = read(folder, layer, settings)
    if before is not None and (before.is_proved, before.effort) > (best.is_proved, best.effort):
        return
    text = json.dumps(state)
    head = {
        "schema": _SCHEMA,
        "problem": layer.problem.name,
        "nest": [_written(tiling) for tiling in best.nest.tilings],
        "least": best.least,
        "effort": best.effort,
        "is_proved": best.is_proved,
        "state_sum": _sum(text),
    }
    head |= {"sum": _sum(json.dumps(head, sort_keys=True))}
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=folder, suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(f"{json.dumps(head)}\n{text}")
        Path(name).replace(_file(folder, layer, settings))  # whole or not at all
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise


def _checked(head: Any) -> dict[str, Any]:
    """The first line of a file. ValueError where it is not as it was written."""
    given: dict[str, Any] = dict(head)
    if given.pop("sum") != _sum(json.dumps(given, sort_keys=True)) or given["schema"] != _SCHEMA:
        raise ValueError("damaged")
    return given


def _file(folder: Path, layer: Asked, settings: Settings) -> Path:
    """By all that the best mapping depends on but the effort, and by the code that finds and counts it."""
    problem = layer.problem
    key = digest(
        (
            tuple(problem.bounds.items()),
            problem.spaces,
            layer.design.accelerator,
            layer.rules.without_places(),
            layer.conventions,
            settings.objective,
            settings.seed,
            _code(),
        )
    )
    return folder / f"{key}.json"


@cache
def _code() -> str:
    """Digest of the mapper's own source: a bound that other code found is not this code's."""
    found = hashlib.sha256()
    for text in _sources(files("gnomon.engines.mapper")):
        found.update(text)
    return found.hexdigest()


def _sources(folder: Traversable) -> list[bytes]:
    each = sorted(folder.iterdir(), key=lambda one: one.name)
    own = [one.read_bytes() for one in each if one.name.endswith(".py")]
    return own + [text for one in each if one.is_dir() and one.name != "__pycache__" for text in _sources(one)]


def _sum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _written(tiling: Tiling) -> dict[str, Any]:
    return {
        "temporal": _loops(tiling.temporal),
        "spatial_x": _loops(tiling.spatial_x),
        "spatial_y": _loops(tiling.spatial_y),
        "kept": sorted(tiling.kept),
    }


def _loops(loops: tuple[Loop, ...]) -> list[list[str | int]]:
    return [[loop.dim, loop.count, loop.last] for loop in loops]


def _nest(given: list[dict[str, Any]], layer: Asked) -> LoopNest:
    """The mapping, with the flags that the rules bear."""

    def loops(written: list[list[Any]]) -> tuple[Loop, ...]:
        return tuple(Loop(dim=str(dim), count=int(count), last=int(last)) for dim, count, last in written)

    return LoopNest(
        tilings=tuple(
            replace(
                bare,
                temporal=loops(one["temporal"]),
                spatial_x=loops(one["spatial_x"]),
                spatial_y=loops(one["spatial_y"]),
                kept=frozenset(map(str, one["kept"])),
            )
            for one, bare in zip(given, flags(layer.rules).tilings, strict=True)
        )
    )


def _is_whole(nest: LoopNest, layer: Asked) -> bool:
    """Whether its loops make up the problem and obey the rules."""
    left = dict(layer.problem.bounds)
    for tiling in nest.tilings:
        for loop in tiling.loops:
            if loop.dim not in left or loop.count < 1:
                return False
            left[loop.dim] = ceil(left[loop.dim] / loop.count)
    return set(left.values()) == {1} and not broken_rules(nest, layer.problem, layer.rules)
