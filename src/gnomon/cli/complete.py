"""gnomon complete: what could stand at the end of an unfinished command line. Asked by the scripts of `gnomon completion`.

A press of a key waits for it: polars and plotly are not imported.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module

from gnomon import catalogue
from gnomon.cli.arguments import Parser
from gnomon.cli.main import VERBS


def run(arguments: Sequence[str]) -> int:
    """Print the candidates for the last of the words after `gnomon`, one a line."""
    for candidate in candidates(_whole_words(arguments)):
        print(candidate)
    return 0


def candidates(line: Sequence[str]) -> list[str]:
    """Whole words that the last word of `line` can become; empty where only a file or a free text can stand."""
    *before, last = line or [""]
    if not before:
        return _beginning(last, VERBS)
    parser = parser_of(before[0])
    if parser is None:
        return []
    if last.startswith("-"):
        flag, equals, value = last.partition("=")
        if not equals:
            return _beginning(last, parser.flags)
        return [f"{flag}={word}" for word in _values(parser.flags.get(flag), value)]
    waiting = _waiting(parser, before[1:])
    return _values(waiting, last)


def parser_of(verb: str) -> Parser | None:
    """The arguments of a verb; None for an unknown one."""
    if verb not in VERBS:
        return None
    found: Parser = import_module(f"gnomon.cli.{VERBS[verb][0]}").parser()
    return found


def _waiting(parser: Parser, before: Sequence[str]) -> argparse.Action | None:
    """The flag or the argument that the next word belongs to."""
    positionals, flag = list(parser.positionals), None
    for word in before:
        if flag is not None:
            flag = None
        elif word.startswith("-"):
            named = parser.flags.get(word)
            flag = named if named is not None and named.nargs is None else None
        elif positionals and positionals[0].nargs is None:
            positionals.pop(0)
    return flag or (positionals[0] if positionals else None)


def _values(action: argparse.Action | None, text: str) -> list[str]:
    """What an argument can be, by its choices or by the word that stands for it in the help; after a comma the next."""
    if action is None:
        return []
    if action.choices is not None:
        return _beginning(text, action.choices)
    metavar = str(action.metavar)
    names = _NAMES.get(metavar)
    if names is None:
        return []
    done, comma, last = text.rpartition(",") if "," in metavar else ("", "", text)
    taken = done.split(",")
    return [f"{done}{comma}{name}" for name in _beginning(last, names()) if name not in taken]


def _beginning(text: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(text)]


def _models() -> Iterable[str]:
    from gnomon.zoo.models import models

    return models()


def _systems() -> Iterable[str]:
    return (*catalogue.names("devices"), *catalogue.names("systems"), *catalogue.names("accelerators"))


def _scenarios() -> Iterable[str]:
    return catalogue.names("scenarios")


def _engines() -> Iterable[str]:
    from gnomon.api import plugins

    return (*plugins.names("engines"), *(name for name in plugins.names("adapters") if name in plugins.engines()))


def _mapping_tools() -> Iterable[str]:
    from gnomon.api import plugins

    return plugins.mapping_tools()


def _tools() -> Iterable[str]:
    from gnomon.api import plugins

    return plugins.tools()


def _everything() -> Iterable[str]:
    return (*_systems(), *_models(), *_scenarios())


def _lists() -> Iterable[str]:
    from gnomon.cli.listing import KINDS

    return KINDS


def _files() -> Iterable[str]:
    from gnomon.cli.schema import KINDS

    return KINDS


def table_names() -> Iterable[str]:
    """Names of the measurements in the catalogue, told without reading them."""
    return sorted(f.name.split(".")[0] for f in (catalogue.ROOT / "measurements").iterdir() if ".csv" in f.name)


def _reported() -> Iterable[str]:
    return (*table_names(), *_scenarios())


def _modes() -> Iterable[str]:
    from gnomon.api.questions import ASKED_MODES

    return ASKED_MODES


def _dtypes() -> Iterable[str]:
    from gnomon.core.dtype import DTYPES

    return DTYPES


def _schedules() -> Iterable[str]:
    from gnomon.core.training_plan import SCHEDULES

    return SCHEDULES


def _recomputes() -> Iterable[str]:
    from gnomon.core.training_plan import RECOMPUTES

    return RECOMPUTES


def _heads() -> Iterable[str]:
    from gnomon.core.plan import HEADS

    return HEADS


# The word that stands for an argument in the help -> the names it can be.
_NAMES: dict[str, Callable[[], Iterable[str]]] = {
    "MODEL[,MODEL...]": _models,
    "MODEL": _models,
    "SYSTEM[,SYSTEM...]": _systems,
    "SYSTEM": _systems,
    "SCENARIO": _scenarios,
    "SOURCE": _reported,
    "NAME[,NAME...]": _engines,
    "NAME": _engines,
    "TOOL[,TOOL...]": _mapping_tools,
    "TOOL": _tools,
    "DEVICE|SYSTEM|MODEL|SCENARIO|ACCELERATOR": _everything,
    "KIND": _lists,
    "FILE_KIND": _files,
    "TABLE": table_names,
    "MODE": _modes,
    "FORMAT": _dtypes,
    "HEAD": _heads,
    "SCHEDULE": _schedules,
    "WHAT": _recomputes,
    "STAGE": lambda: ("0", "1", "2", "3"),
}


def _whole_words(pieces: Sequence[str]) -> list[str]:
    """The words of the line; bash hands "--on=t4" and "t4:8" over in pieces, cut around "=" and ":"."""
    words: list[str] = []
    is_joined = False
    for place, piece in enumerate(pieces, start=1):
        if piece == "=" and words:
            is_joined = False
            if place == len(pieces):
                words.append("")
        elif piece == ":" and words:
            words[-1] += piece
            is_joined = True
        elif is_joined:
            words[-1] += piece
            is_joined = False
        else:
            words.append(piece)
    return words
