"""What a reader calls a question and its passes: one wording for the terminal, Python, traces and pages.

A title names every field of a row of gnomon/predict/1 that is not at its default, so equal titles are equal questions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

LABELS = {"time": "", "ttft": "TTFT", "tpot": "TPOT", "e2e": "E2E"}
SPREAD_LABELS = LABELS | {
    "queueing": "waiting",
    "kv_transfer": "KV transfer",
    "decode_queueing": "to decode",
    "device_wait": "other model",  # that has the devices
    "kv_load": "KV load",
}
LONG_LABELS = {
    "time": "Time",
    "ttft": "Time to first token",
    "tpot": "Time of each further token",
    "e2e": "Time of a whole request",
}


def mode_words(mode: str, length: int | None) -> str:
    """What is computed: the mode and its tokens, those of a decode step being in the cache: "prefill 512", "decode @512"."""
    if mode == "serve":
        return "mean of requests"
    return mode if length is None else f"{mode} {'@' if mode == 'decode' else ''}{length}"


def pass_words(quantity: str, mode: str, length: int | None) -> str:
    """What a time is of: "TTFT prefill 512"."""
    return f"{LABELS.get(quantity, quantity)} {mode_words(mode, length)}".strip()


def formats(row: Mapping[str, Any]) -> str:
    """Format of the arithmetic, then of weights and KV cache where they differ: "fp16, int4 weights"."""
    weights, cache = row.get("weight_dtype"), row.get("kv_dtype")
    words = [row["dtype"]]
    words += [f"{weights} weights"] if weights not in (None, row["dtype"]) else []
    return ", ".join([*words, f"{cache} KV"] if cache else words)


def question_title(row: Mapping[str, Any]) -> str:
    """Model, system, batch, formats and whatever else was asked for; not the engine."""
    return ", ".join([_subject(row), formats(row), *options(row)])


def answer_title(row: Mapping[str, Any]) -> str:
    """A question and the engine that answered it."""
    return f"{question_title(row)}, {row['engine']}"


def pass_title(row: Mapping[str, Any], quantity: Mapping[str, Any]) -> str:
    """A pass of an answer; of the quantity its fields `quantity` and `mode` are read."""
    what = pass_words(quantity["quantity"], quantity["mode"], length_of(row, quantity["mode"]))
    return ", ".join([_subject(row), what, formats(row), *options(row), row["engine"]])


def length_of(row: Mapping[str, Any], mode: str) -> int | None:
    """The tokens that a pass of that mode is of; None where it has none."""
    length: int | None = row.get("context" if mode == "decode" else "seq")
    return length


def _subject(row: Mapping[str, Any]) -> str:
    if row.get("serving"):
        return f"{row['model']} on {row['system']}, service"
    return f"{row['model']} on {row['system']}, batch {row['batch']}"


def _spread_over_devices(row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What a plan of training or serving says."""
    yield from (row.get("training") or {}).items()
    for name, value in (row.get("serving") or {}).items():
        if name == "traffic":
            yield "", traffic_words(value)
        elif name == "beside":
            yield "", f"beside {beside_words(value)}"
        else:
            yield name, value


def beside_words(said: Mapping[str, Any]) -> str:
    """A second model and how it is run: "gpt2 (fp16, max num seqs 8, Poisson 2/s, prompts 512, answers 128)"."""
    plan = {name: value for name, value in said.items() if name not in ("model", "dtype", "weight_dtype", "kv_dtype")}
    row = {**said, "serving": plan, "training": None}
    return f"{said['model']} ({', '.join([formats(row), *options(row)])})"


def traffic_words(said: Mapping[str, Any]) -> str:
    """Requests in words: "Poisson 2/s, prompts 512, answers 128"; what has no short form by its names."""
    if "trace" in said:
        parts = [f"trace {said['trace']}"]
        if "rate_per_s" in said:
            parts.append(f"at {said['rate_per_s']:g}/s")
        if "arrivals" in said:
            parts.append(_arrivals_words(said["arrivals"]))
    else:
        parts = [_arrivals_words(said["arrivals"])]
        lengths = said["lengths"]
        parts += [f"{name} {_length_words(lengths[name])}" for name in ("prompts", "answers")]
    known = ("kind", "trace", "sha256", "rate_per_s", "arrivals", "lengths")
    rest = {name: value for name, value in said.items() if name not in known and value not in (None, ())}
    return ", ".join([*parts, *(f"{name.replace('_', ' ')} {_short(value)}" for name, value in rest.items())])


def _arrivals_words(said: Mapping[str, Any]) -> str:
    rate = f" {said['rate_per_s']:g}/s" if "rate_per_s" in said else ""
    rest = [f"{name} {_short(value)}" for name, value in said.items() if name not in ("kind", "rate_per_s")]
    return " ".join([f"{said['kind']}{rate}", *rest])


def _length_words(said: Any) -> str:
    if not isinstance(said, Mapping):
        return f"{len(said)} recorded"
    return str(said["tokens"]) if said["kind"] == "Fixed" else _short(said)


def _short(value: Any) -> str:
    if isinstance(value, Mapping):
        return " ".join([str(value.get("kind", "")), *(f"{k} {_short(v)}" for k, v in value.items() if k != "kind")])
    if isinstance(value, (list, tuple)):
        return f"({', '.join(map(_short, value[:4]))}{', ...' if len(value) > 4 else ''})"
    return f"{value:g}" if isinstance(value, float) else str(value)


def options(row: Mapping[str, Any]) -> Iterator[str]:
    """The options that are not at their default."""
    if row.get("attention", "fused") != "fused":
        yield f"{row['attention']} attention"
    # A document from before there was `asked_head` does not say whether its head is the usual one.
    head = row["asked_head"] if "asked_head" in row else row.get("head")
    if head is not None:
        yield "no head" if head == "none" else f"{head} head"
    if row.get("classes") is not None:
        yield f"{row['classes']} classes"
    if row.get("image") is not None:
        yield f"image {row['image']}"
    yield from (f"{name} {size}" for name, size in (row.get("sizes") or {}).items())
    for name, value in _spread_over_devices(row):
        if isinstance(value, bool):
            yield name if value else f"no {name}"
        else:
            said = _short(value) if isinstance(value, (list, Mapping)) else value
            yield f"{name.replace('_', ' ')} {said}".strip()
    for name, value in (row.get("overrides") or {}).items():
        yield from (f"{name.replace('_', ' ')} {one}" for one in ([value] if isinstance(value, str) else value))
