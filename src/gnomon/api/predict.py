"""predict(): a model, a system, an answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from typing import Unpack

from gnomon.api import plugins
from gnomon.api.answers import Answer, Answers, answer
from gnomon.api.questions import Options, question
from gnomon.api.scenarios import read_scenario
from gnomon.core.errors import BadInput
from gnomon.zoo.models import Model

DEFAULT_ENGINE = "roofline"


def predict(model: str | Model, on: str, *, engine: str = DEFAULT_ENGINE, **options: Unpack[Options]) -> Answer:
    """How long `model` takes on the system `on`, as one engine sees it.

    model: a name of `gnomon list models`, a path to a config.json or an ONNX file, or what `from_torch` gives. on: a device, DEVICE:COUNT, a system or a file.
    options: mode, batch, seq, context, image, dtype, weight_dtype, kv_dtype, attention, head, classes, sizes, overrides; see
    gnomon.api.questions.Options for what each means. Raises a GnomonError that says what to mend; an engine that cannot
    answer gives an Answer with reasons.
    """
    return answer(question(model, on, **options), engine, plugins.engine(engine))


def predict_scenario(scenario: str, *, engine: str = DEFAULT_ENGINE) -> Answer:
    """How long a scenario takes: a name of `gnomon list scenarios`, or a file."""
    return answer(read_scenario(scenario).question, engine, plugins.engine(engine))


def predict_many(
    models: Sequence[str | Model] | str | Model,
    on: Sequence[str],
    *,
    batches: Iterable[int] | None = None,
    engines: Sequence[str] = (DEFAULT_ENGINE,),
    **options: Unpack[Options],
) -> Answers:
    """The answers for every combination, in the order model, system, batch, engine; batches None: each model's usual one."""
    if "batch" in options:
        raise BadInput("predict_many takes batches=[...], not batch")
    models = [models] if isinstance(models, (str, Model)) else models
    on, engines = ([one] if isinstance(one, str) else one for one in (on, engines))
    chosen = {name: plugins.engine(name) for name in engines}
    found: list[Answer] = []
    for model, system, batch in product(models, on, (None,) if batches is None else tuple(batches)):
        of_this_batch: Options = options if batch is None else {**options, "batch": batch}
        asked = question(model, system, **of_this_batch)
        found.extend(answer(asked, name, engine) for name, engine in chosen.items())
    return Answers(answers=tuple(found))
