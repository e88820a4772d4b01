"""Running a script in the environment of a tool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from gnomon.core.errors import ToolError
from gnomon.core.tool import Files, Installed, Limits, Pin
from gnomon.tools.environments import complaint, found, need
from gnomon.tools.home import tools_home
from gnomon.tools.process import run, scratch

RESULT = "result.json"  # what such a script writes


def installed(name: str) -> Installed | None:
    """What there is of a tool that is a Python package."""
    environment = found(name, tools_home())
    return Installed(version=environment.version, place=str(environment.folder)) if environment else None


def run_script(
    name: str,
    pin: Pin,
    script: Path,
    files: Files,
    limits: Limits,
    *,
    words: Sequence[str] = (),
    variables: Mapping[str, str] | None = None,
) -> Files:
    """The file that the script writes, in a folder with these files. ToolError of the tool's name."""
    environment = need(name, pin, tools_home())
    with scratch(files) as folder:
        ended = run(name, [str(environment.python), "-I", str(script), *words], folder, limits, variables)
        if ended.code:
            raise ToolError(f"{name} failed with code {ended.code}: {complaint(ended.err or ended.out)}")
        written = folder / RESULT
        text = written.read_text(encoding="utf-8") if written.is_file() else ""
    if not text.strip():
        raise ToolError(f"{name} ended well but gave no result")
    return {RESULT: text}
