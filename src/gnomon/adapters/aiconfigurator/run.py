"""Running AIConfigurator in its environment."""

from __future__ import annotations

from pathlib import Path

from gnomon.core.tool import Files, Limits, Pin
from gnomon.tools.inside import run_script

SCRIPT = Path(__file__).with_name("inside.py")


def run(name: str, pin: Pin, files: Files, limits: Limits) -> Files:
    """What the script in its environment writes."""
    return run_script(name, pin, SCRIPT, files, limits)
