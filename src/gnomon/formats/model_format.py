"""What reads a model from a file: the protocol of the entry points `gnomon.formats`."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, runtime_checkable

from gnomon.zoo.models import Model


@runtime_checkable
class ModelFormat(Protocol):
    """A kind of model file."""

    name: str

    def recognises(self, path: Path) -> bool:
        """Whether the file is of this kind, judged by its name and a look inside; never raises for a foreign file."""
        ...

    def read(self, path: Path) -> Model:
        """The model in the file. BadInput with file and field path."""
        ...
