"""The shape of a claim: somebody's number as a hypothesis, with what it was said of, where it stands, and what became of it."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StrictInt, model_validator

from gnomon.formats.strict import Strict
from gnomon.lab.specs.spec import Finite, Text

SCHEMA = "gnomon/claims/1"
RELATIONS = ("equal", "below", "above", "within")
KINDS = ("accuracy", "speed", "other")
STATUSES = ("unverified", "reproduced", "refuted", "not_comparable")
ID = r"^[a-z0-9]+(?:[-.][a-z0-9]+)*$"
EXPERIMENT = r"^exp-[0-9]+-[a-z0-9]+(?:-[a-z0-9]+)*$"

Relation = Literal["equal", "below", "above", "within"]
Kind = Literal["accuracy", "speed", "other"]
Status = Literal["unverified", "reproduced", "refuted", "not_comparable"]
Id = Annotated[str, Field(pattern=ID)]
Experiment = Annotated[str, Field(pattern=EXPERIMENT)]
Tolerance = Annotated[Finite, Field(ge=0)]


def _number_or_span(value: Any) -> Any:
    """One number, or two: told as one fault, not as one for each form."""
    numbers = list(value) if isinstance(value, (list, tuple)) else [value]
    is_plain = all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in numbers)
    if not is_plain or len(numbers) not in (1, 2) or not all(math.isfinite(one) for one in numbers):
        raise ValueError("a finite number is expected, its unit in `unit`; or two in brackets, the lower first")
    return tuple(map(float, numbers)) if isinstance(value, (list, tuple)) and len(numbers) == 2 else float(numbers[0])


Value = Annotated[float | tuple[float, float], BeforeValidator(_number_or_span)]


class Conditions(Strict):
    """What the number holds for, in words; a claim without them is said of everything."""

    metric: Text  # what was computed: of which times, over what, mean or median
    workload: str = ""
    system: str = ""


class Source(Strict):
    """Where it is said: enough to find the place again without a link."""

    title: Text
    where: Text  # in it: abstract, table 3, figure 7, section 5.2, a page of the documentation
    year: Annotated[StrictInt, Field(ge=1950, le=2100)] | None = None  # None: it bears none
    cite: str = ""  # authors and venue, or a number like arXiv 2405.05465
    relayed_by: str = ""  # who says that it is said there, where the source itself was not read


class Trial(Strict):
    """The number of an experiment that decides the claim."""

    experiment: Experiment
    metric: Text  # a metric that its spec declares
    arm: str = ""  # empty: its first treatment
    run: str = ""  # a replicate; empty: the first run
    differs: str = ""  # which of the conditions is another one there; then the two are not compared


class Resolved(Strict):
    """What the experiment's sealed results say."""

    experiment: Experiment
    metric: Text
    arm: Text
    run: str = ""
    measured: Finite | None  # None: the run has no value of the metric
    unit: str
    date: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]  # of the results, not of the check


class Discrepancy(Strict):
    """Measured minus claimed: of a span, how far outside it."""

    absolute: Finite  # in the claim's unit
    relative: Finite | None  # to the claimed value; None where that is zero


class Claim(Strict):
    """One number that somebody published."""

    id: Id
    statement: Text  # in our words
    value: Value  # two, the lower first, where the relation is within
    unit: str  # as experiments spell it: %, s, token/s; empty for a plain ratio
    relation: Relation  # of the true number to the value; below and above hold the value itself too
    tol_rel: Tolerance | None = None  # how far off it may be and still be reproduced
    tol_abs: Tolerance | None = None
    kind: Kind
    conditions: Conditions
    source: Source
    status: Status = "unverified"
    test: Trial | None = None
    resolved_by: Resolved | None = None
    discrepancy: Discrepancy | None = None
    note: str = ""

    @model_validator(mode="after")
    def _value_fits_relation(self) -> Claim:
        if isinstance(self.value, tuple) != (self.relation == "within"):
            raise ValueError("within takes two values, the lower first; every other relation takes one")
        if isinstance(self.value, tuple) and self.value[0] > self.value[1]:
            raise ValueError(f"value: {self.value[0]:g} is above {self.value[1]:g}")
        return self

    @model_validator(mode="after")
    def _can_be_decided(self) -> Claim:
        tolerances = (self.tol_rel is not None) + (self.tol_abs is not None)
        if tolerances > 1:
            raise ValueError("one of tol_rel and tol_abs, not both")
        if self.tol_rel is not None and self.relation == "within":
            raise ValueError("a span takes tol_abs: a share of it is of which end?")
        if self.test is not None and self.relation == "equal" and not tolerances:
            raise ValueError("equal to how much? a claim with a test takes tol_rel or tol_abs")
        if self.test is None and self.status in ("reproduced", "refuted"):
            raise ValueError(f"{self.status} by what? a status other than unverified rests on a `test`")
        return self

    @property
    def span(self) -> tuple[float | None, float | None]:
        """The lowest and the highest number that reproduce the claim; None: there is no such end."""
        low, high = self.value if isinstance(self.value, tuple) else (self.value, self.value)
        off = self.tol_abs if self.tol_abs is not None else abs(low) * (self.tol_rel or 0.0)
        return (
            None if self.relation == "below" else low - off,
            None if self.relation == "above" else high + off,
        )

    def holds(self, measured: float) -> bool:
        """Whether a number reproduces it."""
        low, high = self.span
        return (low is None or measured >= low) and (high is None or measured <= high)

    def discrepancy_of(self, measured: float) -> Discrepancy:
        """How far a number is from what is claimed, whether or not that reproduces it."""
        low, high = self.value if isinstance(self.value, tuple) else (self.value, self.value)
        nearest = min(max(measured, low), high)
        off = measured - nearest
        return Discrepancy(absolute=off, relative=off / abs(nearest) if nearest else None)

    @property
    def said(self) -> str:
        """The claim as people write it: at most 9 %."""
        words = {"equal": "", "below": "at most ", "above": "at least ", "within": ""}[self.relation]
        numbers = self.value if isinstance(self.value, tuple) else (self.value,)
        claimed = f"{words}{' to '.join(f'{number:.12g}' for number in numbers)} {self.unit}".strip()
        if self.tol_rel:
            return f"{claimed} ± {100 * self.tol_rel:g} % of it"
        return f"{claimed} ± {self.tol_abs:g} {self.unit}".strip() if self.tol_abs else claimed


class ClaimsFile(Strict):
    """A file of the ledger: the claims of one tool, system or paper."""

    schema_: Literal["gnomon/claims/1"] = Field(alias="schema")
    tool: Text
    claims: Annotated[tuple[Claim, ...], Field(min_length=1)]
