"""What to do about YAML that cannot be read: the parser's complaint in the writer's words, with a way to mend it."""

from __future__ import annotations

import re
from collections.abc import Callable

import yaml

_OFF = (
    "indented unlike the lines around it, or a second value after a whole one: line it up, or put the value into quotes"
)


def hint(fault: yaml.MarkedYAMLError, text: str, first_line: int) -> str:
    """What is wrong and what to do; text: all that was read, first_line: the number of its first line in the file."""
    problem = str(fault.problem)
    opened = fault.context_mark.line + first_line if fault.context_mark else first_line
    if (quoted := _open_quote(fault, text)) is not None:
        return f"the quote that opens on line {quoted + first_line} is closed here at the earliest: close it where its value ends"
    for pattern, told in _HINTS:
        if found := re.search(pattern, problem):
            return told(found, opened)
    if "mapping values are not allowed" in problem:
        return _stray_colon(fault, text, first_line)
    return problem


def _open_quote(fault: yaml.MarkedYAMLError, text: str) -> int | None:
    """The line, from 0, of a quote that ends on a later line, where the fault comes right after that end; else None."""
    mark = fault.problem_mark
    if mark is None or "<block end>" not in str(fault.problem):
        return None
    last = None
    try:
        for token in yaml.scan(text, Loader=yaml.SafeLoader):
            if token.start_mark.index >= mark.index:
                break
            last = token
    except yaml.YAMLError:
        pass
    is_long = (
        isinstance(last, yaml.ScalarToken) and last.style in ("'", '"') and last.start_mark.line < last.end_mark.line
    )
    return last.start_mark.line if last is not None and is_long else None


def _stray_colon(fault: yaml.MarkedYAMLError, text: str, first_line: int) -> str:
    """A second `: ` on a line, or the first one of a line that the value above runs on into."""
    mark = fault.problem_mark
    lines = text.splitlines()
    if mark is not None and mark.line < len(lines) and not re.search(r":\s", lines[mark.line][: mark.column]):
        return (
            f"read as more of line {mark.line - 1 + first_line}: write `key: value` there, or line this one up with it"
        )
    return "a `: ` inside a value; put the value into quotes"


_Told = Callable[[re.Match[str], int], str]
# What the parser says -> what to do; the match, and the line on which what it was reading began.
_HINTS: tuple[tuple[str, _Told], ...] = (
    (r"character '\\t'", lambda found, line: "a tab: YAML is indented with spaces"),
    (
        r"character ('.+') that cannot start",
        lambda found, line: f"a value cannot begin with {found[1]}; put it into quotes",
    ),
    (r"but found '<stream end>'", lambda found, line: "a `[` or `{` is not closed"),
    (
        r"expected the node content, but found ('.+')",
        lambda found, line: f"a value is missing before {found[1]}, or begins with it: put it into quotes",
    ),
    (
        r"expected ',' or '([]}])'",
        lambda found, line: f"what opens on line {line} is not closed: end it with {found[1]}",
    ),
    (r"unexpected end of stream", lambda found, line: f"the quote that opens on line {line} is never closed"),
    (
        r"unknown escape character '(.+)'",
        lambda found, line: (
            f"`\\{found[1]}` means nothing in double quotes, which open on line {line}: take single ones"
        ),
    ),
    (r"sequence entries are not allowed", lambda found, line: "a list begins on the line below its key"),
    (r"could not find expected ':'", lambda found, line: f"line {line} has no `: `; write `key: value`"),
    (
        r"chomping or indentation|a comment or a line break",
        lambda found, line: "a text after `|` or `>` begins on the next line",
    ),
    (r"expected <block end>", lambda found, line: _OFF),
)
