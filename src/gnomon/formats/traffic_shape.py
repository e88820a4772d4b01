"""Traffic as files write it: a stream of requests under the key `traffic` of a scenario."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, StrictBool, StrictInt, model_validator

from gnomon.core.errors import BadInput
from gnomon.core.traffic.arrival_processes import (
    AllAtOnce,
    ArrivalProcess,
    Bursts,
    Constant,
    Gamma,
    Poisson,
    RateSteps,
    ScaledPoisson,
    Weibull,
)
from gnomon.core.traffic.lengths import Fixed, Length, Lengths, Listed, Lognormal, Uniform, Zipf
from gnomon.core.traffic.sharing import Conversations, Repetition, SystemPrompts
from gnomon.core.traffic.traffic import Adapters, Traffic
from gnomon.formats.strict import Strict

Process = Literal["poisson", "scaled-poisson", "gamma", "weibull", "constant", "at-once", "bursts", "steps", "recorded"]
_MADE = TypeVar("_MADE")
_Number = Annotated[float, Field(allow_inf_nan=False)]


class ArrivalsShape(Strict):
    """When requests come; a word alone is the process."""

    process: Process = Field(
        default="poisson",
        description="recorded: the moments of the trace; scaled-poisson: what inference-perf calls constant",
    )
    cv: _Number | None = Field(default=None, description="gamma, weibull: standard deviation of intervals over mean")
    shape: _Number | None = Field(default=None, description="weibull: instead of cv")
    on_s: _Number | None = Field(default=None, description="bursts: how long one is")
    off_s: _Number | None = Field(default=None, description="bursts: until the next")
    off_rate_per_s: _Number | None = Field(default=None, description="bursts: requests per second between them; 0")
    is_random: StrictBool | None = Field(default=None, description="bursts: both lengths are means; false")
    steps: tuple[tuple[_Number, _Number], ...] | None = Field(
        default=None, description="steps: pairs of seconds and requests per second"
    )
    is_even: StrictBool | None = Field(default=None, description="steps: equal intervals within a step; false")
    repeats: StrictBool | None = Field(default=None, description="steps: begins again after the last; false")
    speed: _Number | None = Field(default=None, description="recorded: 2 plays the trace in half its time; 1")


class LengthShape(Strict):
    """How many tokens; a number alone is that many, a list one after the other."""

    distribution: Literal["fixed", "uniform", "zipf", "lognormal", "listed"]
    tokens: StrictInt | tuple[StrictInt, ...] | None = Field(default=None, description="fixed: how many; listed: each")
    least: StrictInt | None = Field(default=None, description="uniform, zipf, lognormal: none is shorter")
    most: StrictInt | None = Field(default=None, description="likewise longer")
    exponent: _Number | None = Field(default=None, description="zipf: the n-th from the least is n^exponent as rare")
    mean: _Number | None = Field(default=None, description="lognormal: before rounding and cutting")
    cv: _Number | None = Field(default=None, description="lognormal: standard deviation over mean")
    is_shuffled: StrictBool | None = Field(default=None, description="listed: any of them each time; false")


LengthWritten = StrictInt | tuple[StrictInt, ...] | LengthShape


class SystemPromptsShape(Strict):
    """A text before every prompt, shared by many."""

    tokens: LengthWritten = Field(description="of each")
    count: StrictInt = Field(default=1, description="how many there are")
    exponent: _Number = Field(default=0.0, description="of popularity: the n-th is n^exponent as rare as the first")


class ConversationsShape(Strict):
    """Prompts of one user after another."""

    turns: LengthWritten = Field(description="prompts of a conversation")
    think_s: _Number = Field(default=0.0, description="from an answer's end to the next prompt, on average")
    think_cv: _Number = Field(default=0.0, description="its standard deviation over mean; 1: exponential")
    keeps_history: StrictBool = Field(
        default=True, description="a prompt begins with former prompts and answers; else with what is new"
    )
    most_tokens: StrictInt | None = Field(default=None, description="it ends before a prompt and answer are longer")


class RepetitionShape(Strict):
    """Prompts that are sent again and again."""

    prompts: StrictInt = Field(description="how many there are")
    exponent: _Number = Field(default=0.0, description="of popularity")
    is_in_turn: StrictBool = Field(default=False, description="one after the other, from the first again")


class AdaptersShape(Strict):
    """LoRA adapters that requests ask for."""

    count: StrictInt
    exponent: _Number = Field(default=0.0, description="of popularity")
    bare_share: _Number = Field(default=0.0, description="of the requests: they ask for none")


class TrafficShape(Strict):
    """The requests of a service."""

    qps: _Number | None = Field(default=None, description="requests (or conversations) per second")
    trace: str | None = Field(
        default=None,
        description="file of requests, from the file's folder: their lengths, what they share, and when they come",
    )
    arrivals: ArrivalsShape | None = Field(
        default=None, description="poisson; with a trace and without qps, recorded; with qps recorded is scaled to it"
    )
    prompts: LengthWritten | None = Field(default=None, description="tokens sent anew: without system prompt and turns")
    answers: LengthWritten | None = Field(default=None, description="tokens of an answer")
    requests: StrictInt | None = Field(default=None, description="how many at most; 1000, or the whole trace")
    duration_s: _Number | None = Field(default=None, description="nothing arrives after it")
    system_prompts: SystemPromptsShape | None = Field(default=None, description="texts before every prompt")
    conversations: ConversationsShape | None = Field(default=None, description="several prompts of one user")
    repetition: RepetitionShape | None = Field(default=None, description="prompts that are sent again")
    priorities: tuple[tuple[StrictInt, _Number], ...] = Field(
        default=(), description="pairs of a priority, the lowest first, and its weight"
    )
    adapters: AdaptersShape | None = Field(default=None, description="LoRA adapters")
    most_open: StrictInt | None = Field(default=None, description="requests under way at once: a closed loop")
    seed: StrictInt = Field(default=0, description="of all draws")

    @model_validator(mode="before")
    @classmethod
    def _a_word_is_the_process(cls, written: Any) -> Any:
        if isinstance(written, Mapping) and isinstance(written.get("arrivals"), str):
            return {**written, "arrivals": {"process": written["arrivals"]}}
        return written


USUAL_REQUESTS = 1000  # where neither a number nor a duration nor a trace says how many


def traffic_of(written: TrafficShape) -> Traffic:
    """The traffic of a shape without a trace. BadInput with the field's path below `traffic`."""
    for name in ("prompts", "answers"):
        if getattr(written, name) is None:
            raise BadInput("how many tokens is not said", field=f"traffic.{name}")
    process = process_of(written)
    is_bounded = written.duration_s is not None or isinstance(process, RateSteps)
    return _under(
        "traffic",
        Traffic,
        arrivals=process,
        lengths=_under(
            "traffic",
            Lengths,
            prompts=length_of(written.prompts, "traffic.prompts"),
            answers=length_of(written.answers, "traffic.answers"),
        ),
        requests=USUAL_REQUESTS if written.requests is None and not is_bounded else written.requests,
        **beside_lengths(written),
    )


def beside_lengths(written: TrafficShape) -> dict[str, Any]:
    """What of a shape is said with a trace and without: durations, what is shared, who goes first."""
    found: dict[str, Any] = {
        "duration_s": written.duration_s,
        "priorities": written.priorities,
        "most_open": written.most_open,
        "seed": written.seed,
    }
    if (shape := written.system_prompts) is not None:
        tokens = length_of(shape.tokens, "traffic.system_prompts.tokens")
        found["system_prompts"] = _under(
            "traffic.system_prompts", SystemPrompts, tokens=tokens, count=shape.count, exponent=shape.exponent
        )
    if (talk := written.conversations) is not None:
        given = talk.model_dump(exclude={"turns"})
        turns = length_of(talk.turns, "traffic.conversations.turns")
        found["conversations"] = _under("traffic.conversations", Conversations, turns=turns, **given)
    for name, made in (("repetition", Repetition), ("adapters", Adapters)):
        if (part := getattr(written, name)) is not None:
            found[name] = _under(f"traffic.{name}", made, **part.model_dump())
    return found


def length_of(written: LengthWritten | None, field: str) -> Length:
    """A length as it is drawn. BadInput."""
    if isinstance(written, int):
        return _under(field, Fixed, tokens=written)
    if isinstance(written, tuple):
        return _under(field, Listed, tokens=written)
    if written is None:
        raise BadInput("how many tokens is not said", field=field)
    return _named(_LENGTHS[written.distribution], written, "distribution", field)


def process_of(written: TrafficShape) -> ArrivalProcess:
    """When requests come, where no trace says so. BadInput."""
    shape = written.arrivals or ArrivalsShape()
    if shape.process == "recorded":
        raise BadInput("only a trace has recorded moments", field="traffic.arrivals.process")
    is_rated = shape.process not in ("at-once", "steps")
    if is_rated and written.qps is None:
        raise BadInput("requests per second are not said", field="traffic.qps")
    if not is_rated and written.qps is not None:
        raise BadInput(f"{shape.process} has no one rate: leave it out", field="traffic.qps")
    rate = {"rate_per_s": written.qps} if is_rated else {}
    return _named(_PROCESSES[shape.process], shape, "process", "traffic.arrivals", **rate)


_LENGTHS: Mapping[str, Callable[..., Length]] = {
    "fixed": Fixed,
    "uniform": Uniform,
    "zipf": Zipf,
    "lognormal": Lognormal,
    "listed": Listed,
}
_PROCESSES: Mapping[str, Callable[..., ArrivalProcess]] = {
    "poisson": Poisson,
    "scaled-poisson": ScaledPoisson,
    "gamma": Gamma,
    "weibull": Weibull,
    "constant": Constant,
    "at-once": AllAtOnce,
    "bursts": Bursts,
    "steps": RateSteps,
}


def _named(made: Callable[..., _MADE], shape: Strict, word: str, field: str, **more: Any) -> _MADE:
    """The dataclass that a shape's word names, of the fields that are given. BadInput for one that it does not have."""
    given = {name: value for name, value in shape.model_dump(exclude={word}).items() if value is not None}
    known = {name for name in made.__dataclass_fields__ if name not in more}  # type: ignore[attr-defined]
    chosen = getattr(shape, word)
    for name in given:
        if name not in known:
            takes = f"takes {', '.join(sorted(known))}" if known else "takes nothing"
            raise BadInput(f"{chosen} {takes}", field=f"{field}.{name}")
    try:
        return made(**given, **more)
    except TypeError:
        needed = {one.name for one in fields(made) if one.default is MISSING} & known  # type: ignore[arg-type]
        lacking = ", ".join(sorted(needed - set(given)))
        raise BadInput(f"{chosen} needs more of {lacking}", field=field) from None
    except BadInput as fault:
        raise fault.at(field="traffic.qps" if fault.field == "rate_per_s" else f"{field}.{fault.field}") from None


def _under(field: str, made: Callable[..., _MADE], **given: Any) -> _MADE:
    """The dataclass of these fields. BadInput as of a field below another."""
    try:
        return made(**given)
    except BadInput as fault:
        raise fault.at(field=f"{field}.{fault.field}" if fault.field else field) from None
