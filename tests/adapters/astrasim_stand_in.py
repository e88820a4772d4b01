"""A script of the shell in the place of ASTRA-sim's programs."""

import os
import shutil

from gnomon.adapters.astrasim import binaries
from gnomon.testing.adapter_contract import program

NAMES = ("AstraSim_Analytical_Congestion_Unaware", "AstraSim_Analytical_Congestion_Aware")


def alone(folder, monkeypatch):
    """What puts a script in the place of both programs, in the folder or another; from now on there is no other."""
    for name in ("sleep", "cat", "ls"):  # what scripts need
        (folder / name).symlink_to(shutil.which(name, path=os.defpath))
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("GNOMON_TOOLS", str(folder / "tools"))
    monkeypatch.delenv(binaries.IMAGE_VARIABLE, raising=False)

    def put(script, place=folder):
        for name in NAMES:
            program(place / name, script)

    return put


def says(*ranks):
    """A script that prints when each rank ended, and what was exposed."""
    lines = (
        f"echo '[workload] sys[{rank}] finished, {cycles} cycles, exposed communication {exposed} cycles.'"
        for rank, (cycles, exposed) in enumerate(ranks)
    )
    return "\n".join(lines)
