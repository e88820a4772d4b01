"""Running timeloop-model on a mapping, or timeloop-mapper without one."""

from __future__ import annotations

from gnomon.adapters.timeloop.programs import need
from gnomon.adapters.timeloop.translate import MAPPING
from gnomon.core.errors import BadInput, ToolError
from gnomon.core.tool import Files, Limits, Pin
from gnomon.tools.environments import complaint
from gnomon.tools.process import Ended, scratch
from gnomon.tools.process import run as run_program

STATS, EXACT, SAID = "stats.txt", "map+stats.xml", "said.txt"
_EVERY_STATISTIC = {"TIMELOOP_HIDE_INCONSEQUENTIAL_STATS": "0"}
_NO_MAPPING = "couldn't map level"  # what it says of a mapping that does not fit


def run(pin: Pin, files: Files, limits: Limits) -> Files:
    """Its text with the statistics, and its XML with the exact ones."""
    tool = "timeloop-model" if MAPPING in files else "timeloop-mapper"
    programs = need(pin.by_hand)
    with scratch(files) as folder:
        words = [*programs.words(tool, folder, limits), *files, "-o", "."]
        ended = run_program(tool, words, folder, limits, _EVERY_STATISTIC)
        _check(tool, ended)
        found = {
            name: path.read_text(encoding="utf-8", errors="replace")
            if (path := folder / f"{tool}.{name}").is_file()
            else ""
            for name in (STATS, EXACT, "map.txt")
        }
    if not found[STATS].strip() or not found[EXACT].strip():
        raise ToolError(f"{tool} ended well but gave no result: {complaint(ended.err or ended.out)}")
    return found


def _check(tool: str, ended: Ended) -> None:
    """BadInput for a mapping that does not fit, ToolError for everything else that is not well."""
    said = f"{ended.err}\n{ended.out}"
    line = next((line.strip() for line in said.splitlines() if _NO_MAPPING in line), "")
    if line:
        raise BadInput(f"{tool}: {line}", field="mapping")
    if ended.code < 0 or ended.code > 128:  # a container tells a signal as 128 and its number
        raise ToolError(f"{tool} aborted ({_last(said)})")
    if ended.code:
        raise ToolError(f"{tool} failed with code {ended.code}: {_last(said)}")


def _last(said: str) -> str:
    """The line with its fault, or the last."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    told = [line for line in lines if any(word in line for word in ("ERROR", "Assertion", "what():", "error"))]
    return (told or lines or ["it said nothing"])[-1]
