"""Where the environments of outside tools stand."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

VARIABLE = "GNOMON_TOOLS"


def tools_home(variables: Mapping[str, str] | None = None) -> Path:
    """The folder that GNOMON_TOOLS names, else `gnomon/tools` among the user's data (XDG_DATA_HOME)."""
    given = os.environ if variables is None else variables
    if given.get(VARIABLE):
        return Path(given[VARIABLE]).expanduser().absolute()
    data = given.get("XDG_DATA_HOME", "")
    base = Path(data) if Path(data).is_absolute() else Path.home() / ".local" / "share"
    return base / "gnomon" / "tools"
