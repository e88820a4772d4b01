"""gnomon schema: the JSON Schema of a kind of file, for editors and other programs."""

from __future__ import annotations

from collections.abc import Sequence

from gnomon.cli.arguments import Parser
from gnomon.core.errors import UsageError, near_match
from gnomon.formats.json_schema import SHAPES, json_schema_text


def parser() -> Parser:
    """The arguments."""
    parser = Parser(
        "schema",
        "The JSON Schema of the files that you write: editors complete and check them by it.",
        "gnomon schema scenario > gnomon-scenario.schema.json",
    )
    parser.add_argument("kind", metavar="FILE_KIND", help=", ".join(SHAPES))
    parser.add_argument("--json", action="store_true", help="changes nothing: a schema is JSON")
    return parser


def run(arguments: Sequence[str]) -> int:
    """Print one schema; it is JSON with and without --json."""
    found = parser().read(arguments)
    if found.kind not in SHAPES:
        known = ", ".join(SHAPES)
        raise UsageError(f"schema: unknown kind {found.kind!r}{near_match(found.kind, SHAPES)} (known: {known})")
    print(json_schema_text(found.kind), end="")
    return 0
