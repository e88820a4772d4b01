"""The result that a script in a tool's environment writes: JSON whose every field is asked for by name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from gnomon.core.errors import ToolError
from gnomon.core.tool import Files
from gnomon.tools.inside import RESULT


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """An object of it. ToolError for what is not there or of another kind."""

    tool: str
    fields: Mapping[str, Any]

    @classmethod
    def of(cls, tool: str, output: Files) -> Result:
        """The whole of it."""
        try:
            fields = json.loads(output.get(RESULT, ""))
        except ValueError:
            fields = None
        if not isinstance(fields, dict):
            raise ToolError(f"{tool} gave no result that can be read")
        return cls(tool=tool, fields=fields)

    def number(self, name: str) -> float:
        """A finite number, not below zero."""
        found = self.signed(name)
        if found < 0:
            raise ToolError(f"{self.tool} gave {found:g} for {name}")
        return found

    def signed(self, name: str) -> float:
        """A finite number."""
        found = self.fields.get(name)
        if isinstance(found, bool) or not isinstance(found, int | float) or not isfinite(found):
            raise ToolError(f"{self.tool} gave {found!r:.40} for {name}")
        return float(found)

    def part(self, name: str) -> Result:
        """An object within it."""
        found = self.fields.get(name)
        if not isinstance(found, dict):
            raise ToolError(f"{self.tool} gave {found!r:.40} for {name}")
        return Result(tool=self.tool, fields=found)

    def text(self, name: str) -> str:
        """A text."""
        found = self.fields.get(name)
        if not isinstance(found, str):
            raise ToolError(f"{self.tool} gave {found!r:.40} for {name}")
        return found

    def rows(self, name: str) -> tuple[Result, ...]:
        """The objects of a list."""
        found = self.fields.get(name)
        if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
            raise ToolError(f"{self.tool} gave {found!r:.40} for {name}")
        return tuple(Result(tool=self.tool, fields=row) for row in found)
