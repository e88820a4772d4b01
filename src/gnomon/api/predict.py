"""predict(): a model, a system, an answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any, Unpack

from gnomon.api import plugins
from gnomon.api.answers import Answer, Answers, answer
from gnomon.api.questions import Options, Question, question
from gnomon.api.scenarios import read_scenario
from gnomon.core.errors import BadInput, near_match
from gnomon.core.tell import Tell, silent
from gnomon.zoo.models import Model

DEFAULT_ENGINE = "roofline"


def predict(
    model: str | Path | Model,
    on: str | Path,
    *,
    engine: str = DEFAULT_ENGINE,
    settings: Mapping[str, str] | None = None,
    **options: Unpack[Options],
) -> Answer:
    """How long `model` takes on the system `on`, as one engine sees it.

    model: a name of `gnomon list models`, a path to a config.json or an ONNX file, or what `from_torch` gives. on: a device, DEVICE:COUNT, a system or SYSTEM:PER_NODExNODES, an accelerator or a file.
    settings: the engine's own, by name, as texts: {"objective": "energy"} of the mapper.
    options: mode, batch, seq, context, image, dtype, weight_dtype, kv_dtype, attention, head, classes, sizes, overrides; see
    gnomon.api.questions.Options for what each means. Raises a GnomonError that says what to mend; an engine that cannot
    answer gives an Answer with reasons.
    """
    return _answered(question(model, on, **options), engine, settings or {}, silent)


def predict_scenario(
    scenario: str | Path,
    *,
    engine: str = DEFAULT_ENGINE,
    settings: Mapping[str, str] | None = None,
    tell: Tell = silent,
) -> Answer:
    """How long a scenario takes: a name of `gnomon list scenarios`, or a file. settings: as in `predict`.

    tell: takes what is under way, of an engine that takes long.
    """
    asked = read_scenario(scenario)
    tuned = plugins.tuned(engine, settings or {}, tell)
    with asked.placed():
        return answer(asked.question, engine, tuned, settings or {})


def _answered(asked: Question, name: str, settings: Mapping[str, str], tell: Tell) -> Answer:
    return answer(asked, name, plugins.tuned(name, settings, tell), settings)


def predict_many(
    models: Sequence[str | Path | Model] | str | Path | Model,
    on: Sequence[str | Path] | str | Path,
    *,
    batches: Iterable[int] | None = None,
    engines: Sequence[str] | str = (DEFAULT_ENGINE,),
    settings: Mapping[str, Mapping[str, str]] | None = None,
    tell: Tell = silent,
    **options: Unpack[Options],
) -> Answers:
    """The answers for every combination, in the order model, system, batch, engine; batches None: each model's usual one.

    settings: of each engine that has its own, by its name. tell: takes what is under way, of an engine that takes long.
    """
    if "batch" in options:
        raise BadInput("predict_many takes batches=[...], not batch")
    asked_models = _several(models, "models", (str, Path, Model))
    asked_systems = _several(on, "on", (str, Path))
    own = settings or {}
    asked_engines = dict.fromkeys(_several(engines, "engines", (str,)))
    for name in own:
        if name not in asked_engines:
            raise BadInput(
                f"settings of {name!r}, which is not asked{near_match(name, asked_engines)}", field="settings"
            )
    chosen = {name: plugins.tuned(name, own.get(name, {}), tell) for name in asked_engines}
    asked_batches = (None,) if batches is None else _several(batches, "batches", ())
    found: list[Answer] = []
    for model, system, batch in product(asked_models, asked_systems, asked_batches):
        of_this_batch: Options = options if batch is None else {**options, "batch": batch}
        asked = question(model, system, **of_this_batch)
        found.extend(answer(asked, name, engine, own.get(name, {})) for name, engine in chosen.items())
    return Answers(answers=tuple(found))


def _several(given: Any, field: str, one: tuple[type, ...]) -> tuple[Any, ...]:
    """What was given as a sequence; `one`: types of which a single thing may stand alone. BadInput for what is neither."""
    if isinstance(given, one):
        return (given,)
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise BadInput(f"{given!r:.60} is not a list", field=field)
    return tuple(given)
