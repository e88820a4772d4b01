"""gnomon map evaluate, explain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from gnomon.api.mapping import RULES, MappingEvaluation, evaluate_mapping, explained_switches, switches_of
from gnomon.cli.arguments import Parser, add_output_options
from gnomon.cli.output import print_json, print_table, say
from gnomon.core.errors import UsageError, near_match
from gnomon.engines.mapper.conventions import Switches


def evaluate(arguments: Sequence[str]) -> int:
    """Evaluate the mapping that the files hold."""
    parser = _parser(
        "evaluate",
        "What a mapping moves, takes and costs, as Timeloop counts it: cycles, energy, reads, fills and updates.",
        "gnomon map evaluate problem.yaml arch.yaml mapping.yaml ert.yaml --set first_read_elision=off",
    )
    found = parser.read(arguments)
    made = evaluate_mapping(found.files, settings("evaluate", found.set), rules=found.conventions)
    if found.json:
        print_json(made.to_dict())
    else:
        _as_text(made)
    return 0


def explain(arguments: Sequence[str]) -> int:
    """Print the summands of every count."""
    parser = _parser(
        "explain",
        "Why each memory is read, filled and updated as often as it is: the loops that bring words, how often and how many.",
        "gnomon map explain problem.yaml arch.yaml mapping.yaml ert.yaml --level GLB",
    )
    parser.add_argument("--level", metavar="NAME", help="of this memory alone")
    found = parser.read(arguments)
    given = settings("explain", found.set)
    explained_switches(switches_of(found.conventions, given))  # before anything is evaluated, which may take a minute
    made = evaluate_mapping(found.files, given, rules=found.conventions)
    names = [memory.name for memory in made.given.accelerator.memories]
    if found.level is not None and found.level not in names:
        raise UsageError(f"map explain: --level: no memory {found.level!r}{near_match(found.level, names)}")
    counts = [one for one in made.explain() if found.level in (None, one.level)]
    if found.json:
        print_json({"schema": "gnomon/mapping-explanation/1", "counts": [asdict(one) for one in counts]})
        return 0
    print(made.loops)
    _say_switches(made)
    for one in counts:
        print(f"\n{one.level}: {one.words:,} {one.count} of {one.space}")
        for reason in one.reasons:
            each = _number(reason.words / reason.visits) if reason.visits > 1 else ""
            visits = f", {reason.visits:,} of {each} words" if each else ""
            print(f"  {_number(reason.words, '+'):>16}  {reason.why}{visits}")
    return 0


def _parser(step: str, about: str, example: str) -> Parser:
    parser = Parser(
        f"map {step}",
        f"{about}\nFILEs are Timeloop's: problem, architecture, mapping, ERT and ART, in any number of files.",
        example,
    )
    add_timeloop_options(parser)
    add_output_options(parser, csv=False)
    return parser


def add_timeloop_options(parser: Parser) -> None:
    """The files, and whose rules count."""
    parser.add_argument("files", metavar="FILE", nargs="+", help="YAML, recognised by its top-level keys")
    parser.add_argument(
        "--conventions",
        metavar="NAME",
        choices=RULES,
        default=RULES[0],
        help="whose rules count: timeloop (default), or gnomon: every iteration and instance, without its shortcuts",
    )
    parser.add_argument(
        "--set",
        metavar="SWITCH=on|off",
        action="append",
        default=[],
        help=f"turn one of Timeloop's switches: {', '.join(Switches().told())}",
    )


def settings(step: str, given: Sequence[str]) -> dict[str, str]:
    """Switches of Timeloop by name."""
    found = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals:
            raise UsageError(f"map {step}: --set takes SWITCH=on or SWITCH=off, not {one!r}")
        found[name] = value
    return found


def _as_text(made: MappingEvaluation) -> None:
    document = made.to_dict()
    print(made.loops)
    print()
    print_table(
        ["level", "data space", "words kept", "reads", "fills", "updates", "energy"],
        [
            [
                level["name"],
                name,
                f"{one['utilized_capacity']:,}",
                _count(one["reads"]),
                _count(one["fills"]),
                _count(one["updates"]),
                shown_energy(one["energy_pj"]),
            ]
            for level in document["levels"]
            for name, one in level["dataspaces"].items()
            if one["keep"]
        ],
    )
    print()
    rows = [
        [
            level["name"],
            str(level["instances"]),
            f"{level['cycles']:,}",
            shown_energy(level["energy_pj"] + level["leakage_pj"]),
        ]
        for level in document["levels"]
    ]
    rows += [[network["name"], "", "", shown_energy(network["energy_pj"])] for network in document["networks"]]
    rows.append(["all", "", f"{document['cycles']:,}", shown_energy(document["energy_pj"])])
    print_table(["part", "instances", "cycles", "energy"], rows)
    print()
    print(f"{document['macs']:,} multiply-accumulates, utilization {document['utilization']:.1%}")
    rules = "gnomon's own conventions" if made.switches is None else document["conventions"]["name"]
    say(f"counts of {rules}, per instance; energy of all instances")
    _say_switches(made)
    if not made.given.has_ert:
        say("no ERT: the energies are those that Timeloop has built in")
    if not any(network["energy_pj"] for network in document["networks"]):
        say("no energy is given for the wires, and address generation has none: the total leaves both out")


def _say_switches(made: MappingEvaluation) -> None:
    """Those that do not stand as they do in Timeloop by itself; a variable of the environment may have turned them."""
    own = Switches().told()
    for name, is_on in (made.switches.told() if made.switches else {}).items():
        if is_on is not own[name]:
            say(f"{name} is turned {'on' if is_on else 'off'}")


def _count(words: float) -> str:
    """Whole, or to two decimals: a count of an instance that does not always have work may be a fraction."""
    return f"{words:,}" if isinstance(words, int) else f"{words:,.2f}"


def shown_energy(picojoules: float) -> str:
    """With the prefix that makes it readable."""
    for scale, unit in ((1e12, "J"), (1e9, "mJ"), (1e6, "uJ"), (1e3, "nJ")):
        if picojoules >= scale:
            return f"{picojoules / scale:,.4g} {unit}"
    return f"{picojoules:,.4g} pJ"


def _number(words: float, sign: str = "") -> str:
    return f"{round(words):{sign},}" if abs(words - round(words)) < 1e-6 else f"{words:{sign},.2f}"
