"""gnomon tools list, install, remove, card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from gnomon.api.mapping_tools import cards
from gnomon.api.tools import install_tool, remove_tool, tool_states
from gnomon.cli.arguments import Parser, add_output_options
from gnomon.cli.output import print_json, print_table, say
from gnomon.cli.progress import working
from gnomon.core.card import differing


def list(arguments: Sequence[str]) -> int:
    """Print every tool with its state."""
    parser = Parser(
        "tools list", "The tools that there are adapters for, and whether they are installed.", "gnomon tools list"
    )
    add_output_options(parser, csv=False)
    found = parser.read(arguments)
    states = tool_states()
    if found.json:
        print_json({"schema": "gnomon/tools/1", "rows": [asdict(one) for one in states]})
        return 0
    rows = [
        [one.name, one.version, one.installed or "-", one.place if one.installed else "", one.licence] for one in states
    ]
    print_table(["tool", "adapter for", "installed", "where", "licence"], rows)
    return 0


def install(arguments: Sequence[str]) -> int:
    """Install one tool."""
    parser = Parser(
        "tools install",
        "Install a tool in a Python environment of its own, beside Gnomon's and never in it.",
        "gnomon tools install zigzag",
    )
    parser.add_argument("name", metavar="TOOL", help="one of `gnomon tools list`")
    parser.add_argument(
        "--python", metavar="PATH", help="the Python that its environment is made with (default: one that fits)"
    )
    found = parser.read(arguments)
    with working(f"installing {found.name}"):
        state = install_tool(found.name, found.python)
    print(f"{state.name} {state.installed} is installed in {state.place}")
    return 0


def remove(arguments: Sequence[str]) -> int:
    """Remove one tool."""
    parser = Parser("tools remove", "Remove a tool that `gnomon tools install` brought.", "gnomon tools remove zigzag")
    parser.add_argument("name", metavar="TOOL", help="one of `gnomon tools list`")
    found = parser.read(arguments)
    if remove_tool(found.name):
        print(f"{found.name} is removed")
    else:
        say(f"{found.name} is not installed: nothing was removed")
    return 0


def card(arguments: Sequence[str]) -> int:
    """Print semantics cards side by side."""
    parser = Parser(
        "tools card",
        "What the numbers of tools, and of Gnomon's own mapper, include and leave out.",
        "gnomon tools card mapper zigzag",
    )
    parser.add_argument("names", metavar="TOOL", nargs="*", help="mapper, or of `gnomon tools list` (default: all)")
    parser.add_argument("--differing", action="store_true", help="only the terms in which they are not alike")
    add_output_options(parser, csv=False)
    found = parser.read(arguments)
    chosen = cards(found.names)
    if found.json:
        print_json({"schema": "gnomon/semantics-cards/1", "cards": [one.told() for one in chosen]})
        return 0
    terms = differing(chosen) if found.differing else [term for term in chosen[0].told() if term != "tool"]
    print_table(
        ["term", *(one.tool for one in chosen)], [[term, *(one.told()[term] for one in chosen)] for term in terms]
    )
    return 0
