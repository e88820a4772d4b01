"""Programs in the place of Timeloop's."""

import shutil

from gnomon.testing.adapter_contract import program


def stand_in(folder, script, monkeypatch):
    """Both of them run this script; empty: there are none. Nothing else is on the PATH but what the script needs."""
    for name in ("sleep", "cp"):
        (folder / name).symlink_to(shutil.which(name))
    monkeypatch.setenv("PATH", str(folder))
    if script:
        for name in ("timeloop-model", "timeloop-mapper"):
            program(folder / name, script)
