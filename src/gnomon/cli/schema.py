"""gnomon schema: the JSON Schema of a kind of file, for editors and other programs: of those that users write, and of those
that an experiment leaves.
"""

from __future__ import annotations

from collections.abc import Sequence

from gnomon.cli.arguments import Parser
from gnomon.core.errors import UsageError, near_match
from gnomon.formats.json_schema import SHAPES, json_schema, schema_of, schema_text

KINDS = (*SHAPES, "experiment", "metrics", "config")


def parser() -> Parser:
    """The arguments."""
    parser = Parser(
        "schema",
        "The JSON Schema of the files that you write, by which editors complete and check them, and of metrics.json and\n"
        "config.json, which an experiment leaves.",
        "gnomon schema scenario > gnomon-scenario.schema.json",
    )
    parser.add_argument("kind", metavar="FILE_KIND", help=", ".join(KINDS))
    parser.add_argument("--json", action="store_true", help="changes nothing: a schema is JSON")
    return parser


def run(arguments: Sequence[str]) -> int:
    """Print one schema; it is JSON with and without --json."""
    found = parser().read(arguments)
    if found.kind not in KINDS:
        known = ", ".join(KINDS)
        raise UsageError(f"schema: unknown kind {found.kind!r}{near_match(found.kind, KINDS)} (known: {known})")
    print(text_of(found.kind), end="")
    return 0


def text_of(kind: str) -> str:
    """The schema of a kind of file, those of experiments among them."""
    if kind in SHAPES:
        return schema_text(json_schema(kind))
    if kind == "experiment":
        from gnomon.lab.specs.spec import SCHEMA, Spec

        return schema_text(schema_of(Spec, SCHEMA))
    from gnomon.lab.runs.documents import DOCUMENTS

    return schema_text(schema_of(*DOCUMENTS[kind]))
