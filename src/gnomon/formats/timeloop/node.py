"""A part of a file that knows its place: what is wrong with it is told with file, line and field."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from math import isnan
from typing import Any

from gnomon.core.errors import BadInput, Unsupported, near_match, nearest
from gnomon.formats.strict import FieldPath, place_of
from gnomon.formats.timeloop.expressions import evaluated

_LONGEST = 200  # letters of a word; more is no name
_MOST = 2**53  # words and iterations that are told apart in a float
_LARGEST = 1e30  # of any number; its square is still finite
# Share of letters in common that makes a slip of a key: read_bandwith and Pstide, but not n_words for words.
_ALIKE = 0.85


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A value of a document: a mapping, a list, a text or a number."""

    data: Any
    where: str  # the file
    lines: Mapping[FieldPath, int] = field(repr=False)  # of every field path of the file
    path: FieldPath = ()
    variables: Mapping[str, Any] = field(default_factory=dict)  # what a name in place of a number stands for

    @property
    def place(self) -> str:
        """File and line."""
        return place_of(self.where, self.lines, self.path)

    def fault(self, text: str) -> BadInput:
        """What is wrong with it."""
        return BadInput(text, field=".".join(map(str, self.path)), where=self.place)

    def unsupported(self, text: str) -> Unsupported:
        """What of it no model here covers."""
        return Unsupported(f"{self.place}: {'.'.join(map(str, self.path))}: {text}")

    def child(self, key: str | int) -> Node:
        """The value at a key or position."""
        return replace(self, data=self.data[key], path=(*self.path, key))

    def get(self, *names: str) -> Node | None:
        """The value at the first of these keys that is there; null counts as absent."""
        return next((self.child(name) for name in names if self.mapping().get(name) is not None), None)

    def need(self, name: str) -> Node:
        """The value at a key. BadInput where there is none, with the key that may have been meant."""
        found = self.get(name)
        if found is None:
            told = "has no value" if name in self.mapping() else f"missing{self.misspelt(name)}"
            raise replace(self, path=(*self.path, name)).fault(told)
        return found

    def misspelt(self, *names: str) -> str:
        """A clause naming the key that may have been meant as one of these; empty when there is none."""
        found = next((near for name in names if (near := nearest(name, map(str, self.mapping())))), "")
        return f"; {found!r} is there" if found else ""

    def mapping(self) -> Mapping[str, Any]:
        """Its keys and values. BadInput for anything else."""
        if not isinstance(self.data, dict):
            raise self.fault(f"expected a mapping of keys, not {self.data!r:.60}")
        return self.data

    def items(self) -> Iterator[Node]:
        """What a list holds. BadInput for anything else."""
        if not isinstance(self.data, list):
            raise self.fault(f"expected a list, not {self.data!r:.60}")
        return (self.child(index) for index in range(len(self.data)))

    def text(self) -> str:
        """A word or name."""
        if not isinstance(self.data, str) or not self.data.strip() or len(self.data) > _LONGEST:
            raise self.fault(f"expected a word, not {self.data!r:.60}")
        return self.data.strip()

    def truth(self) -> bool:
        """True or false."""
        found = {"true": True, "false": False}.get(str(self.data).lower(), self._value())
        if not isinstance(found, bool):
            raise self.fault(f"expected true or false, not {self.data!r:.60}")
        return found

    def number(self, *, least: float = 0.0) -> float:
        """A finite number, not below `least`."""
        found = self._value()
        if isinstance(found, bool) or not isinstance(found, int | float):
            raise self.fault(f"expected a number, not {self.data!r:.60}{self._meant()}")
        if abs(found) > _LARGEST:
            raise self.fault(f"above {_LARGEST:g}")
        if isnan(found):
            raise self.fault("expected a number, not NaN")
        if found < least:
            raise self.fault(f"{found:g} is below {least:g}")
        return float(found)

    def whole(self, *, least: int = 1) -> int:
        """A whole number, not below `least`."""
        found = self._value()
        if isinstance(found, float) and found.is_integer():
            found = int(found)
        if isinstance(found, bool) or not isinstance(found, int):
            raise self.fault(f"expected a whole number, not {self.data!r:.60}{self._meant()}")
        if found > _MOST:
            raise self.fault(f"above {_MOST:,}, up to which is counted exactly")
        if found < least:
            raise self.fault(f"{found} is below {least}")
        return found

    def names(self, known: Mapping[str, Any] | tuple[str, ...], kind: str) -> frozenset[str]:
        """A list of known names, of what `kind` says."""
        found = set()
        for item in self.items():
            name = item.text()
            if name not in known:
                raise item.fault(f"{name!r} is no {kind}{near_match(name, known)} (known: {', '.join(known)})")
            found.add(name)
        return frozenset(found)

    def known_keys(self, known: tuple[str, ...], kind: str) -> None:
        """BadInput where a key is none of these."""
        for key in self.mapping():
            if key not in known:
                raise self.child(key).fault(f"no {kind}{near_match(str(key), known)} (known: {', '.join(known)})")

    def refuse_slips(self, known: Iterable[str]) -> None:
        """BadInput for a key that is a letter or so away from a known one that is not there; all others pass."""
        for key in self.mapping():
            if key in known or str(key).startswith("metadata_"):  # of sparse data
                continue
            for name in known:
                is_alike = SequenceMatcher(None, str(key).lower(), name.lower()).ratio() >= _ALIKE
                if is_alike and str(key)[:1].lower() == name[:1].lower() and self.get(name) is None:
                    raise self.child(key).fault(f"unknown key; did you mean {name!r}?")

    def _value(self) -> Any:
        """Itself, or what the variable or the expression that it writes stands for."""
        found = evaluated(self.data, self.variables) if isinstance(self.data, str) else None
        return self.data if found is None else found

    def _meant(self) -> str:
        """A clause on the variable that a text names, or may have been meant to name."""
        if not isinstance(self.data, str):
            return ""
        if self.data in self.variables:
            return f", which stands for {self.variables[self.data]!r:.60}"
        return near_match(self.data, self.variables)
