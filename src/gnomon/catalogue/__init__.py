"""Data, not code: devices, systems, scenarios, measurements and the table of other spellings."""

from importlib.resources import files
from importlib.resources.abc import Traversable

ROOT: Traversable = files(__name__)
