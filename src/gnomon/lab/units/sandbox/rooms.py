"""Where units may write, what they must not touch, and what else of the machine they get."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gnomon.core.errors import BadInput


@dataclass(frozen=True, kw_only=True)
class Rooms:
    """The places of one run. Links are followed once, here; everything that is not named can be read, not written."""

    # Spec, lock, earlier results, research log, journal: attempts at them are recorded. And .git, because that is where
    # git commands that would revert the spec fail first: at .git/index.lock, which `git diff` and `git describe --dirty` try for as well.
    protected: tuple[Path, ...]
    work: Path  # folder of the rooms of attempts; made if it is not there; may lie inside of what is protected
    scratch: tuple[Path, ...] = ()  # written by every unit, kept between them
    visible: tuple[
        Path, ...
    ] = ()  # what units read, the repository first: matters where it lies in /tmp, which is private
    devices: tuple[Path, ...] = ()  # accelerators(), for units that need them
    network: bool = False

    def __post_init__(self) -> None:
        self.work.mkdir(parents=True, exist_ok=True)
        for name in ("protected", "scratch", "visible", "devices"):
            object.__setattr__(self, name, tuple(each.resolve() for each in getattr(self, name)))
        object.__setattr__(self, "work", self.work.resolve())
        for place in (self.work, *self.scratch):
            if not place.is_dir():
                raise BadInput(f"{place} is no folder: make it, or leave it out of the scratch folders")
            for each in self.protected:
                if each.is_relative_to(place):
                    raise BadInput(
                        f"{each} is protected and lies in {place}, where units may write: move one of the two"
                    )
        for place in self.scratch:
            for each in self.protected:
                if place.is_relative_to(each):
                    raise BadInput(f"{place} is a scratch folder and lies in {each}, which is protected: name another")
        for each in self.protected:
            if each.is_file() and each.stat().st_nlink > 1:
                raise BadInput(
                    f"{each} has a second name on this disk (a hard link), by which it could be written: "
                    f"put a copy in its place (cp {each.name} copy && mv copy {each.name})"
                )

    @property
    def canary(self) -> Path:
        """A file beside the rooms that the self-test attacks; it exists only while that runs."""
        return self.work.parent / f".{self.work.name}.canary"


def accelerators() -> tuple[Path, ...]:
    """The device files of the accelerators of this machine: NVIDIA, AMD, and what the kernel's own drivers offer."""
    dev = Path("/dev")
    found = (*dev.glob("nvidia*"), dev / "kfd", dev / "dri", *dev.glob("accel*"), *dev.glob("infiniband"))
    return tuple(sorted(each for each in found if each.exists()))
