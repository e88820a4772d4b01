"""Where ASTRA-sim's programs are: on the PATH, in the folder of tools, or in a Docker image."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from gnomon.core.errors import ToolError
from gnomon.core.fabric import Backend
from gnomon.core.tool import Installed, Limits
from gnomon.tools.home import tools_home

IMAGE_VARIABLE = "GNOMON_ASTRA_SIM_IMAGE"
_BINARIES: dict[Backend, str] = {
    "unaware": "AstraSim_Analytical_Congestion_Unaware",
    "aware": "AstraSim_Analytical_Congestion_Aware",
}
_ANSWER_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Binary:
    """A backend and how it is run."""

    backend: Backend
    path: str  # of the program; in an image, its name
    image: str | None  # None: it runs here

    def words(self, folder: Path, limits: Limits) -> list[str]:
        """What runs it in a folder, before its arguments. A container is no child of ours: it has limits of its own."""
        if self.image is None:
            return [self.path]
        user = [f"--user={os.getuid()}:{os.getgid()}"] if hasattr(os, "getuid") else []
        room = [f"--memory={limits.memory_bytes}b", f"--volume={folder}:/gnomon", "--workdir=/gnomon"]
        timed = ["--entrypoint=timeout", self.image, f"{ceil(limits.time_s)}"]
        return ["docker", "run", "--rm", *user, *room, *timed, self.path]


def binary(backend: Backend) -> Binary | None:
    """The program of a backend; None: there is none."""
    name = _BINARIES[backend]
    found = shutil.which(name) or shutil.which(name, path=str(tools_home() / "astra-sim" / "bin"))
    if found:
        return Binary(backend=backend, path=found, image=None)
    image = os.environ.get(IMAGE_VARIABLE, "")
    return Binary(backend=backend, path=name, image=image) if image and _has_image(image) else None


def need(backend: Backend, by_hand: str) -> Binary:
    """The same. ToolError with what to do."""
    found = binary(backend)
    if found is None:
        raise ToolError(words_without(backend, by_hand))
    return found


def words_without(backend: Backend, by_hand: str) -> str:
    """That the program of a backend is not there, and what to do."""
    return f"astra-sim is not installed ({_BINARIES[backend]}): {by_hand}"


def installed() -> Installed | None:
    """What there is of both backends. They do not say their version."""
    found = [one for one in map(binary, _BINARIES) if one is not None]
    if len(found) < len(_BINARIES):
        return None
    return Installed(version="not told", place=found[0].image or str(Path(found[0].path).parent))


def _has_image(image: str) -> bool:
    docker = shutil.which("docker")
    if docker is None:
        return False
    try:
        done = subprocess.run([docker, "image", "inspect", image], capture_output=True, timeout=_ANSWER_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
