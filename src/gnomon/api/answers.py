"""An engine's answer to a question, with what people derive from a time: throughput, MFU, whether it fits."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gnomon.api import plugins
from gnomon.api.html import answers_html
from gnomon.api.operators import operator_fields
from gnomon.api.parts import Parts
from gnomon.api.questions import Question
from gnomon.api.rows import flat_rows, frame
from gnomon.api.scenarios import write_scenario
from gnomon.api.traffic import serving_fields
from gnomon.core.digest import plain, used
from gnomon.core.engine import Engine
from gnomon.core.errors import ToolError, Unsupported
from gnomon.core.in_words import interval, share
from gnomon.core.prediction import Prediction
from gnomon.core.scenario import Scenario
from gnomon.core.schema import PREDICT
from gnomon.core.service_facts import ServiceFacts
from gnomon.core.tool import OutsideTool
from gnomon.core.units import show
from gnomon.core.workload import SERVE
from gnomon.report.facts.titles import LABELS, answer_title, mode_words, pass_title, pass_words

if TYPE_CHECKING:
    import polars as pl

    from gnomon.api.overrides import Overrides


@dataclass(frozen=True, slots=True, kw_only=True, repr=False, eq=False)
class Outcome:
    """One pass of an answer: the scenario, and a prediction or the reasons why there is none."""

    quantity: str  # time, ttft (a prefill), tpot (a decode step)
    scenario: Scenario
    prediction: Prediction | None
    reasons: tuple[str, ...] = ()  # why not; empty with a prediction
    is_tool_fault: bool = False  # whether the reason is an outside tool that is not there, or failed

    def __eq__(self, other: object) -> bool:
        """Whether both answer the same question alike: graphs are compared by their digests."""
        if not isinstance(other, Outcome):
            return NotImplemented
        return (self._key, self.prediction, self.reasons) == (other._key, other.prediction, other.reasons)

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def _key(self) -> tuple[str, str]:
        return self.quantity, self.scenario.digest

    def __repr__(self) -> str:
        return f"{self.quantity}: {_one_line(self)}"

    @property
    def title(self) -> str:
        """What the time is of: "TTFT prefill 512"."""
        return pass_words(self.quantity, self.scenario.plan.mode, self.length)

    @property
    def length(self) -> int | None:
        """Tokens that the pass is of, those of a decode step being in the cache; None of images."""
        workload = self.scenario.workload
        if self.scenario.plan.serving is not None:
            return None
        return workload.context if workload.mode == "decode" else workload.seq

    @property
    def items_per_s(self) -> float | None:
        """Images or tokens per second; of a service tokens of answers, None of a tool that does not count them."""
        if self.scenario.plan.serving is not None:
            return self.service.answer_tokens_per_s if self.service else None
        return self._runs * self.scenario.workload.items / self.prediction.value if self.prediction else None

    @property
    def _runs(self) -> float:
        """How often the graph is run: by every micro-batch of a training step that an engine puts together."""
        step = self.prediction.step if self.prediction else None
        return 1.0 if step is None else step.sequences / self.scenario.plan.batch

    @property
    def mfu(self) -> float | None:
        """The model's own work over what the devices' peak in this format could do in the time, a share.

        [Chowdhery et al. 2022, appendix B]
        """
        if self.scenario.plan.serving is not None:
            return self.service.mfu if self.service else None
        return self._of_peak(self._runs * self.scenario.workload.model_flop)

    @property
    def service(self) -> ServiceFacts | None:
        """What is known of a service; None where none is answered for."""
        return self.prediction.service if self.prediction else None

    @property
    def hfu(self) -> float | None:
        """The same of the work that is done, with what is computed again; None of a single pass, which computes nothing again.

        [Korthikanti et al. 2022, section 6.3]
        """
        step = self.prediction.step if self.prediction else None
        return None if step is None else self._of_peak(step.hardware_flop)

    def _of_peak(self, flop: float) -> float | None:
        system = self.scenario.system
        peak = system.device.peak(self.scenario.plan.dtype, is_matrix=True)
        if peak is None or self.prediction is None:
            return None
        return flop / (self.prediction.value * peak.value * system.count)

    def to_dict(self) -> dict[str, Any]:
        """SI numbers with units, as documented in docs/reference/json.md."""
        base: dict[str, Any] = {
            "quantity": self.quantity,
            "mode": self.scenario.plan.mode,
            "reasons": list(self.reasons),
        }
        found = self.prediction
        if found is None:
            return base | {"value": None, "unit": "s"}
        memory = plain(found.memory)
        return (
            base
            | {
                "value": found.value,
                "unit": found.unit,
                "interval": plain(found.interval),
                "bound": found.bound,
                "parts": [plain(part) for part in found.parts],
                "throughput": {"value": self.items_per_s, "unit": f"{self.scenario.workload.item}/s"},
                "mfu": self.mfu,
                "model_flop": self.scenario.workload.model_flop,
                "flop": found.flop,
                "moved_bytes": found.moved_bytes,
                "intensity_flop_per_byte": found.flop / found.moved_bytes if found.moved_bytes else None,
                "memory": memory
                | {
                    "total_bytes": found.memory.total_bytes,
                    "capacity_bytes": self.scenario.system.device.capacity_bytes,
                },
                "fits": found.fits,
                "assumptions": list(found.assumptions),
                "outside": list(found.outside),
                "provenance": plain(found.provenance),
            }
            | ({} if found.mapped is None else {"mapped": plain(found.mapped)})
            | ({} if found.service is None else {"service": plain(found.service)})
            | ({} if found.step is None else {"hfu": self.hfu, "step": plain(found.step)})
        )


@dataclass(frozen=True, slots=True, kw_only=True, repr=False, eq=False)
class Answer:
    """What one engine says to one question. Equal where engine, questions by their digests, and times are."""

    question: Question
    engine: str
    settings: Mapping[str, str]  # the engine's own that were given
    outcomes: tuple[Outcome, ...]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Answer):
            return NotImplemented
        return (self.engine, self.outcomes) == (other.engine, other.outcomes)

    def __hash__(self) -> int:
        return hash((self.engine, self.outcomes))

    @property
    def asked_engine(self) -> Engine:
        """The engine as it was asked."""
        return plugins.tuned(self.engine, self.settings)

    @property
    def is_answered(self) -> bool:
        """Whether every pass has a prediction."""
        return all(outcome.prediction is not None for outcome in self.outcomes)

    @property
    def has_predictions(self) -> bool:
        """Whether some pass has one."""
        return any(outcome.prediction is not None for outcome in self.outcomes)

    @property
    def title(self) -> str:
        """Model, system, batch, format, whatever else is not at its default, and the engine."""
        return answer_title(self.fields)

    def pass_title(self, outcome: Outcome) -> str:
        """The same of one pass, with what its time is of."""
        return pass_title(self.fields, {"quantity": outcome.quantity, "mode": outcome.scenario.plan.mode})

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why some pass has none, each reason once."""
        return tuple(dict.fromkeys(reason for outcome in self.outcomes for reason in outcome.reasons))

    def __getitem__(self, quantity: str) -> Prediction:
        """The prediction of "time", "ttft" or "tpot". KeyError for one that was not asked, Unsupported for one without an answer."""
        for outcome in self.outcomes:
            if outcome.quantity == quantity:
                if outcome.prediction is None:
                    raise unanswered(
                        [self], f"{outcome.title}: {self.engine} did not answer: {'; '.join(outcome.reasons)}"
                    )
                return outcome.prediction
        has = ", ".join(repr(o.quantity) for o in self.outcomes)
        raise KeyError(f"no prediction of {quantity!r} here; this answer has {has}")

    @property
    def value(self) -> float:
        """Seconds, of an answer with one quantity. ValueError for a decoder's two: ask for answer["ttft"] or ["tpot"].

        Unsupported, with the reasons, where there is no answer.
        """
        if self.has_predictions and len(self.outcomes) != 1:
            raise ValueError(f"this answer has {[o.quantity for o in self.outcomes]}; take one by its name")
        return self[self.outcomes[0].quantity].value

    @property
    def fields(self) -> dict[str, Any]:
        """The question, its defaults filled in, and who answered: a row of the JSON document without `quantities`."""
        plan = self.outcomes[0].scenario.plan
        workloads = [outcome.scenario.workload for outcome in self.outcomes]
        return {
            "model": self.question.model.name,
            "system": self.question.system.name,
            "device": self.question.system.device.name,
            "devices": self.question.devices,
            "engine": self.engine,
            "batch": plan.batch,
            "seq": next((w.seq for w in workloads if w.mode not in ("decode", SERVE)), None),
            "context": next((w.context for w in workloads if w.mode == "decode"), None),
            "dtype": plan.dtype,
            "weight_dtype": plan.weight_dtype or plan.dtype,
            "kv_dtype": plan.kv_dtype,
            "attention": plan.attention,
            "head": workloads[0].head,
            "asked_head": None if plan.head == "default" else plan.head,
            "classes": plan.classes,
            "image": plan.image,
            "sizes": dict(plan.sizes),
            "overrides": _written(self.question.options.get("overrides")),
            "training": {} if plan.training is None else used(plan.training),
            "serving": {} if plan.serving is None else serving_fields(plan.serving),
            "parameters": workloads[0].parameters,
        }

    def to_dict(self, *, operators: bool = False) -> dict[str, Any]:
        """One row of the JSON document; with `operators`, each pass holds its operators and the roofs above them."""
        return self.fields | {
            "quantities": [
                outcome.to_dict() | (operator_fields(outcome, self.asked_engine) if operators else {})
                for outcome in self.outcomes
            ],
        }

    def to_json(self) -> str:
        """The row as a JSON document of its own."""
        return json.dumps({"schema": PREDICT, "rows": [self.to_dict()]}, indent=2)

    def __repr__(self) -> str:
        return f"{self.title}: " + ", ".join(_one_line(outcome) for outcome in self.outcomes)

    @property
    def parts(self) -> Parts:
        """What the times are made of: `.table()`, `.plot()`, `.explain()`, `.trace(path)`."""
        return Parts(answer=self)

    def write_scenario(self, path: str | Path, *, title: str = "") -> Path:
        """Write the question as a scenario file; see `gnomon.write_scenario`."""
        return write_scenario(self.question, path, title=title)

    def rows(self) -> list[dict[str, Any]]:
        """A flat row for each pass, SI with the units in the names: what `gnomon predict --csv` writes."""
        return flat_rows([self])

    def table(self) -> pl.DataFrame:
        """Those rows as a polars data frame."""
        return frame([self])

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Those rows as an Arrow stream: `polars.DataFrame(answer)`, `pandas.DataFrame.from_arrow(answer)`."""
        return frame([self]).__arrow_c_stream__(requested_schema)

    def _repr_html_(self) -> str:
        return answers_html([self])


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Answers:
    """Several answers in order, which data frames read like one table.

    Not a list: polars would make a column of objects of a list.
    """

    answers: tuple[Answer, ...]

    def __len__(self) -> int:
        return len(self.answers)

    def __iter__(self) -> Iterator[Answer]:
        return iter(self.answers)

    def __getitem__(self, index: int) -> Answer:
        return self.answers[index]

    def __repr__(self) -> str:
        return "\n".join(map(repr, self.answers)) or "no answers"

    def rows(self) -> list[dict[str, Any]]:
        """A flat row for each pass of each answer."""
        return flat_rows(self)

    def table(self) -> pl.DataFrame:
        """Those rows as a polars data frame."""
        return frame(self)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Those rows as an Arrow stream."""
        return frame(self).__arrow_c_stream__(requested_schema)

    def _repr_html_(self) -> str:
        return answers_html(self)


def unanswered(answers: Iterable[Answer], text: str) -> Unsupported | ToolError:
    """What to raise where there is no prediction: a fault of outside tools, where nothing but they is in the way."""
    silent = [one for found in answers for one in found.outcomes if one.prediction is None]
    return (ToolError if silent and all(one.is_tool_fault for one in silent) else Unsupported)(text)


def _written(overrides: Overrides | None) -> dict[str, Any]:
    """The numbers that the user put in place of the device's, by name, as they were written."""
    return {} if overrides is None else {name: plain(one) for name, one in asdict(overrides).items() if one}


def _one_line(outcome: Outcome) -> str:
    found = outcome.prediction
    if found is None:
        return f"{outcome.title} not answered ({'; '.join(outcome.reasons)})"
    within = [mode_words(outcome.scenario.plan.mode, outcome.length)]
    if found.interval is not None:
        ends = interval(found.interval.low, found.interval.high)
        within.append(f"{share(found.interval.level)} interval {ends}")
    text = f"{LABELS[outcome.quantity]} {show(found.value, 's')} ({', '.join(within)})".strip()
    return text if found.fits else text + ", does not fit"


def answer(asked: Question, engine_name: str, engine: Engine, settings: Mapping[str, str] | None = None) -> Answer:
    """Put a question to an engine, tuned with these settings: its predictions, or its reasons."""
    outcomes = []
    for quantity, scenario in asked.scenarios().items():
        outcomes.append(_outcome(quantity, scenario, engine))
    return Answer(question=asked, engine=engine_name, settings=settings or {}, outcomes=tuple(outcomes))


def _outcome(quantity: str, scenario: Scenario, engine: Engine) -> Outcome:
    reasons = tuple(engine.missing(scenario))
    if reasons and not isinstance(engine, OutsideTool):
        return Outcome(quantity=quantity, scenario=scenario, prediction=None, reasons=reasons)
    try:
        return Outcome(quantity=quantity, scenario=scenario, prediction=engine.predict(scenario))
    except ToolError as fault:  # other engines' answers stand beside it
        told = reasons or (str(fault),)
        return Outcome(quantity=quantity, scenario=scenario, prediction=None, reasons=told, is_tool_fault=True)
    except Unsupported as fault:
        return Outcome(quantity=quantity, scenario=scenario, prediction=None, reasons=reasons or (str(fault),))
