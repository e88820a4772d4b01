"""gnomon map search."""

from __future__ import annotations

import json
from collections.abc import Sequence
from math import isclose
from pathlib import Path
from typing import Any

from gnomon.api.mapping_search import OBJECTIVES, PARETO, MappingSearch
from gnomon.cli.arguments import Parser, add_output_options
from gnomon.cli.map_steps import add_timeloop_options, settings, shown_energy
from gnomon.cli.output import print_json, print_table, say
from gnomon.cli.progress import working
from gnomon.core.errors import BadInput
from gnomon.core.units import parse, show
from gnomon.formats.files import check_writable, write_whole


def search(arguments: Sequence[str]) -> int:
    """Search and print the best; 130 when interrupted, with the best so far."""
    parser = _parser()
    found = parser.read(arguments)
    limit_s = searching_s(found.budget)
    state = _state_path(found)
    before = _read_state(state) if found.resume else None
    for path in (state, Path(found.out) if found.out else None):
        if path is not None:
            check_writable(path)
    with working("getting ready (the first search on a machine compiles for a minute or two)"):
        made = MappingSearch(
            found.files,
            on=found.on,
            objective=found.objective,
            ragged=found.ragged,
            seed=found.seed,
            settings=settings("search", found.set),
            rules=found.conventions,
        )
    if found.resume:
        made.restore(before, str(state))
    code = 0
    try:
        with working(f"searching for {show(limit_s, 's')}"):
            made.run(limit_s)
    except KeyboardInterrupt:
        code = 130
    if state is not None:
        write_whole(state, json.dumps(made.state()))
    document = made.to_dict()
    if found.out:
        write_whole(Path(found.out), document["best"]["mapping"])
    if found.json:
        print_json(document)
    else:
        _as_text(made, document)
    if code:
        say("interrupted; this is the best so far" + (f", and --resume goes on from {state}" if state else ""))
    return code


def _parser() -> Parser:
    parser = Parser(
        "map search",
        "The best mapping of a problem on an architecture under Timeloop's constraints, with a bound that no mapping of the "
        "space is below. FILEs are Timeloop's: problem, architecture, constraints, ERT and ART, in any number of files.",
        "gnomon map search problem.yaml arch.yaml constraints.yaml ert.yaml --objective edp --budget 10s --out best.yaml",
    )
    add_timeloop_options(parser)
    parser.add_argument(
        "--on",
        metavar="ACCELERATOR",
        help="a machine of the catalogue or of a file, with its dataflow, in place of architecture, constraints and ERT "
        "(see `gnomon list accelerators`)",
    )
    parser.add_argument(
        "--objective",
        choices=OBJECTIVES,
        help="what is made small: latency, energy, edp (energy times time), or pareto for all mappings than which no other "
        "is better (default: what `mapper:` in the files asks for, else edp). Equal ones are ordered by the other figures",
    )
    parser.add_argument(
        "--budget", default="10 s", metavar="TIME", help="how long to search, like 10s or 5min (default: 10 s)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the random choices (default: 0)")
    tiles = parser.add_mutually_exclusive_group()
    tiles.add_argument(
        "--ragged",
        action="store_const",
        const=True,
        help="tiles need not divide their dimension (default, unless the files' template is uber)",
    )
    tiles.add_argument("--no-ragged", dest="ragged", action="store_const", const=False, help="they must")
    parser.add_argument("--out", metavar="FILE", help="write the best mapping as Timeloop's YAML")
    parser.add_argument(
        "--state", metavar="FILE", help="write how far the search is (default: beside --out, with .state.json)"
    )
    parser.add_argument("--resume", action="store_true", help="go on from that state")
    add_output_options(parser, csv=False)
    return parser


def searching_s(text: str) -> float:
    """Seconds of `--budget`. BadInput."""
    try:
        budget_s = parse(text, "s")
    except BadInput as fault:
        raise BadInput(f"--budget: {fault.text}") from None
    if budget_s <= 0:
        raise BadInput(f"--budget: {text!r} is no time to search")
    return budget_s


def _state_path(found: Any) -> Path | None:
    if found.state:
        return Path(found.state)
    if found.out:
        return Path(found.out).with_suffix(".state.json")
    if found.resume:
        raise BadInput("--resume: of which state? give --state FILE or --out FILE")
    return None


def _read_state(path: Path | None) -> Any:
    assert path is not None
    try:
        return json.loads(path.read_text())
    except OSError as fault:
        raise BadInput(f"cannot be read: {fault.strerror}", where=str(path)) from None
    except ValueError as fault:
        raise BadInput(f"is not JSON: {fault}", where=str(path)) from None


def _as_text(made: MappingSearch, document: dict[str, Any]) -> None:
    mappings = made.mappings()
    if made.objective == PARETO:
        print_table(
            ["mapping", "cycles", "energy", "energy x time"],
            [
                [
                    str(at),
                    f"{one.found.cycles:,}",
                    shown_energy(one.found.energy_pj),
                    f"{one.edp_pj_cycles:.4g} pJ cycle",
                ]
                for at, one in enumerate(mappings, 1)
            ],
        )
    else:
        print(mappings[0].loops)
    print()
    rows = [
        [name, f"{one['found']:,.6g}", f"{one['bound']:,.6g}", f"{one['gap']:.2%}", one["unit"]]
        for name, one in document["bounds"].items()
    ]
    print_table(["objective", "found", "no mapping below", "gap", "unit"], rows)
    best = document["best"]
    print()
    print(
        f"{best['cycles']:,} cycles, {shown_energy(best['energy_pj'])}"
        + ("; optimal: proved" if document["optimal"] else "")
    )
    counted, weighed = mappings[0].found.energy_pj, mappings[0].found.weighed_pj
    if not isclose(counted, weighed, rel_tol=1e-6):
        say(f"Timeloop rounds the instances at work down; found and bound have all of them: {shown_energy(weighed)}")
    candidates = document["candidates"]
    say(f"{candidates['evaluated']:,} mappings evaluated in {show(document['time_s'], 's')}")
    for rule, count in candidates["rejected"].items():
        if count:
            say(f"{count:,} turned away: {rule}")
    axes = ", ".join(f"{name.replace('_', ' ')} {size:,}" for name, size in document["space"]["axes"].items())
    say(f"the space: {axes}")
    for one in document["space"]["excluded"]:
        say(f"not in it: {one}")
