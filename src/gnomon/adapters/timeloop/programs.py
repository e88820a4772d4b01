"""Where Timeloop's programs are: on the PATH, or in the project's Docker image."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from gnomon.core.errors import ToolError
from gnomon.core.tool import Installed, Limits

IMAGE = "timeloopaccelergy/accelergy-timeloop-infrastructure:latest"
_ANSWER_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """One of the two ways to run them."""

    folder: str | None  # None: in the image

    def words(self, program: str, folder: Path, limits: Limits) -> list[str]:
        """What runs a program in a folder, before its arguments. A container is no child of ours: it has limits of its own."""
        if self.folder is not None:
            return [str(Path(self.folder) / program)]
        user = [f"--user={os.getuid()}:{os.getgid()}"] if hasattr(os, "getuid") else []
        room = [f"--memory={limits.memory_bytes}b", f"--volume={folder}:/work", "--workdir=/work"]
        return ["docker", "run", "--rm", *user, *room, "--entrypoint=timeout", IMAGE, f"{ceil(limits.time_s)}", program]


def programs() -> Programs | None:
    """How they can be run here; None: not at all."""
    model, mapper = shutil.which("timeloop-model"), shutil.which("timeloop-mapper")
    if model and mapper and Path(model).parent == Path(mapper).parent:
        return Programs(folder=str(Path(model).parent))
    return Programs(folder=None) if _has_image() else None


def need(by_hand: str) -> Programs:
    """The same. ToolError with what to do."""
    found = programs()
    if found is None:
        raise ToolError(f"timeloop is not installed: {by_hand}")
    return found


def installed() -> Installed | None:
    """What there is. The programs do not say their version."""
    found = programs()
    if found is None:
        return None
    return Installed(version="not told", place=found.folder or f"docker image {IMAGE}")


def _has_image() -> bool:
    docker = shutil.which("docker")
    if docker is None:
        return False
    try:
        done = subprocess.run([docker, "image", "inspect", IMAGE], capture_output=True, timeout=_ANSWER_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
