"""Programs in the place of Timeloop's."""

import os
import shutil

from gnomon.testing.adapter_contract import program


def stand_in(folder, script, monkeypatch):
    """Both of them run this script; empty: there are none. Nothing else is on the PATH but what scripts need."""
    for name in ("sleep", "cp", "mkdir"):
        (folder / name).symlink_to(shutil.which(name, path=os.defpath))
    monkeypatch.setenv("PATH", str(folder))
    if script:
        for name in ("timeloop-model", "timeloop-mapper"):
            program(folder / name, script)
