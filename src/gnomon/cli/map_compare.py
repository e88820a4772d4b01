"""gnomon map compare: several models of mappings on one tensor operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import get_args

from gnomon.api.mapping_comparison import Difference, MappingComparison, by_part, compare_mappings
from gnomon.cli.arguments import Parser, add_output_options, whole, words
from gnomon.cli.map_search import searching_s
from gnomon.cli.map_steps import shown_energy
from gnomon.cli.output import print_json, print_table, say
from gnomon.cli.progress import working
from gnomon.core.tool import TERMS, Limits, Objective

_GIB = 2**30
_PARTS_TOLD = 3  # of a difference of energies, those that matter most


def compare(arguments: Sequence[str]) -> int:
    """Ask every model, and print what each says and what their differences consist of."""
    parser = Parser(
        "map compare",
        "What several models say of one tensor operation on one accelerator, and what their differences consist of.\n"
        "The mapper and Timeloop evaluate the mapping of the files, or look for one where there is none; other tools always do.\n"
        "FILEs are Timeloop's: problem, architecture, mapping or constraints, ERT and ART, in any number of files.",
        "gnomon map compare problem.yaml arch.yaml mapping.yaml --with mapper,zigzag",
    )
    parser.add_argument("files", metavar="FILE", nargs="+", help="YAML, recognised by its top-level keys")
    parser.add_argument(
        "--with",
        dest="models",
        metavar="TOOL[,TOOL...]",
        help="mapper, or of `gnomon tools list` (default: mapper and what is installed); differences are against the first",
    )
    parser.add_argument(
        "--objective",
        choices=get_args(Objective),
        default="latency",
        help="what those that search make small: latency (default), energy, edp",
    )
    parser.add_argument(
        "--budget",
        default="10 s",
        metavar="TIME",
        help="of the mapper's search where no mapping is given (default: 10 s)",
    )
    parser.add_argument("--time-limit", metavar="SECONDS", help="of each tool (default: 600)")
    parser.add_argument("--memory-limit", metavar="GIB", help="of each tool (default: 8)")
    add_output_options(parser, csv=False)
    found = parser.read(arguments)
    made = compare_mappings(
        found.files,
        words(found.models or ""),
        objective=found.objective,
        budget_s=searching_s(found.budget),
        limits=_limits(found.time_limit, found.memory_limit),
        working=working,
    )
    if found.json:
        print_json(made.to_dict())
    else:
        _as_text(made)
    return 0


def _limits(time_limit: str | None, memory_limit: str | None) -> Limits:
    usual = Limits()
    seconds, gib = whole("time-limit", time_limit), whole("memory-limit", memory_limit)
    return Limits(
        time_s=float(seconds) if seconds else usual.time_s,
        memory_bytes=gib * _GIB if gib else usual.memory_bytes,
    )


def _as_text(made: MappingComparison) -> None:
    terms = [term for term in TERMS if any(one.cycle_terms.get(term) for one in made.answers)]
    print_table(
        ["model", "version", "cycles", *terms, "energy"],
        [
            [
                one.tool,
                one.version,
                _cycles(one.cycles),
                *(_cycles(one.cycle_terms[term]) if term in one.cycle_terms else "-" for term in terms),
                "-" if one.energy_pj is None else shown_energy(one.energy_pj),
            ]
            for one in made.answers
        ],
    )
    _energies(made)
    for one in made.differences:
        print(f"\n{_told(one)}")
    cards = [one.card for one in made.answers]
    if made.differing_terms:
        print()
        print_table(
            ["what they count", *(card.tool for card in cards)],
            [
                [term.replace("_", " "), *(card.told()[term] for card in cards)]
                for term in made.differing_terms
                if term != "search"
            ],
        )
        for card in cards:
            say(f"{card.tool} searches: {card.search}")
    for answer in made.answers:
        for note in answer.notes:
            say(f"{answer.tool}: {note}")
    for name, fault in made.faults.items():
        reason = str(fault).removeprefix(f"{name}: ")  # some faults begin with the name
        say(f"no answer of {name}: {reason}")


def _energies(made: MappingComparison) -> None:
    """Energy by part and data space, of the models that have any."""
    having = [(one.tool, by_part(one)) for one in made.answers if one.energy_parts]
    keys = list(dict.fromkeys(key for _, parts in having for key in parts))
    if keys:
        print()
        print_table(
            ["part", "data space", *(name for name, _ in having)],
            [
                [
                    part,
                    space or "-",
                    *(shown_energy(parts[part, space]) if (part, space) in parts else "-" for _, parts in having),
                ]
                for part, space in keys
            ],
        )


def _told(one: Difference) -> str:
    """A difference as a sum, of cycles and of energy."""
    cycles = _sum(one.cycles, one.terms, _signed_cycles) if one.terms else "+0"
    lines = [f"{one.model} against {one.against}", f"  cycles  {cycles}"]
    if one.energy_pj is not None:
        parts = {f"{part} {space}".strip(): value for (part, space), value in one.energies_pj.items()}
        most = dict(sorted(parts.items(), key=lambda item: -abs(item[1]))[:_PARTS_TOLD])
        rest = sum(value for name, value in parts.items() if name not in most)
        if rest:
            most["all else"] = rest
        lines.append(f"  energy  {_sum(one.energy_pj, most, _signed_energy)}")
    return "\n".join(lines)


def _sum(whole: float, parts: Mapping[str, float], shown: Callable[[float], str]) -> str:
    """`+7 = stalls +9, array -2`."""
    told = ", ".join(f"{name} {shown(value)}" for name, value in parts.items())
    return f"{shown(whole)} = {told}" if told else shown(whole)


def _cycles(count: float) -> str:
    return f"{count:,.0f}"


def _signed_cycles(count: float) -> str:
    return f"{count:+,.0f}"


def _signed_energy(picojoules: float) -> str:
    return ("-" if picojoules < 0 else "+") + shown_energy(abs(picojoules))
