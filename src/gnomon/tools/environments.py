"""Making, finding and removing the environment of a tool: whole or not at all."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gnomon.core.errors import ToolError
from gnomon.core.tool import Pin

_RECORD = "gnomon-tool.json"  # written last: an environment without it is none
_MAKING = re.compile(r"\.(?P<name>.+)\.(?:making|leaving)-(?P<process>\d+)$")
_VENV_HINT = "; on Debian and Ubuntu, install python3-venv"
_CONTENTS = (
    "import json, platform; from importlib.metadata import distributions; "
    "print(json.dumps({'python': platform.python_version(), "
    "'packages': dict(sorted((one.name, one.version) for one in distributions()))}))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """A tool that is installed."""

    name: str
    version: str
    folder: Path
    python_version: str
    packages: Mapping[str, str]  # everything in it, with its version

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return python_in(self.folder)


def python_in(folder: Path) -> Path:
    """The interpreter of a virtual environment."""
    return folder / "Scripts" / "python.exe" if os.name == "nt" else folder / "bin" / "python"


def found(name: str, home: Path) -> Environment | None:
    """The environment of a tool; None where there is none."""
    folder = home / name
    try:
        said = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
        return Environment(
            name=name,
            version=said["version"],
            folder=folder,
            python_version=said["python"],
            packages=said["packages"],
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def need(name: str, pin: Pin, home: Path) -> Environment:
    """The environment of a tool. ToolError where there is none, or one of another version."""
    environment = found(name, home)
    if environment is None:
        raise ToolError(f"{name} is not installed: run `gnomon tools install {name}`")
    if environment.version != pin.version:
        raise ToolError(
            f"{name}: {environment.version} is installed, and {pin.version} is what it is asked by: "
            f"run `gnomon tools install {name}`"
        )
    return environment


def make(name: str, pin: Pin, home: Path, python: str) -> Environment:
    """Install a tool in an environment of its own. It stands in its place only when it is whole, whatever happens before."""
    making = home / f".{name}.making-{os.getpid()}"
    try:
        home.mkdir(parents=True, exist_ok=True)
        _clear_left(home)
        _run([python, "-m", "venv", "--clear", str(making)], f"{name}: no environment could be made", _VENV_HINT)
        inside = str(python_in(making))
        wanted = [f"{pin.package}=={pin.version}", *pin.needs]
        _run(
            [inside, "-m", "pip", "install", "--no-input", "--disable-pip-version-check", *wanted],
            f"{name}: pip failed",
        )
        _run([inside, "-I", "-c", pin.proof], f"{name} {pin.version} was installed and does not run")
        said = json.loads(_run([inside, "-I", "-c", _CONTENTS], f"{name}: its packages cannot be listed"))
        record = {"tool": name, "version": pin.version, **said}
        (making / _RECORD).write_text(json.dumps(record, indent=2), encoding="utf-8")
        _put(making, home / name)
    except OSError as fault:
        raise ToolError(f"{name}: {fault.filename or home}: {fault.strerror or fault}") from None
    finally:
        shutil.rmtree(making, ignore_errors=True)
    environment = found(name, home)
    assert environment is not None
    return environment


def remove(name: str, home: Path) -> bool:
    """Remove a tool's environment; False where there is none."""
    folder = home / name
    if not folder.is_dir():
        return False
    leaving = home / f".{name}.leaving-{os.getpid()}"
    try:
        folder.rename(leaving)
        shutil.rmtree(leaving)
    except OSError as fault:
        raise ToolError(f"{name}: {fault.filename or folder}: {fault.strerror or fault}") from None
    return True


def _put(made: Path, place: Path) -> None:
    """Into its place, over an older one."""
    old = place.with_name(f".{place.name}.leaving-{os.getpid()}")
    if place.exists():
        place.rename(old)
    made.rename(place)
    shutil.rmtree(old, ignore_errors=True)


def _clear_left(home: Path) -> None:
    """Remove what processes left that were killed."""
    for folder in home.iterdir():
        written = _MAKING.match(folder.name)
        if written and not _is_running(int(written["process"])):
            shutil.rmtree(folder, ignore_errors=True)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _run(words: list[str], what: str, hint: str = "") -> str:
    """What a program prints. ToolError with what it says is wrong."""
    own = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}
    variables = {key: value for key, value in os.environ.items() if key not in own}
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=variables)
    if done.returncode:
        raise ToolError(f"{what}: {complaint(done.stderr or done.stdout)}{hint}")
    return done.stdout


def complaint(text: str) -> str:
    """The line of a program's last words that says most: the first that begins with ERROR, else the last."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR")]
    return (errors or lines[-1:] or ["it said nothing"])[0]
