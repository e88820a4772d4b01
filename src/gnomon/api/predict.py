"""predict(): a model, a system, an answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from typing import Any

from gnomon.api import plugins
from gnomon.api.answers import Answer, answer
from gnomon.api.questions import Overrides, question

DEFAULT_ENGINE = "roofline"


def predict(model: str, on: str, *, engine: str = DEFAULT_ENGINE, dtype: str | None = None, **options: Any) -> Answer:
    """How long `model` takes on the system `on`, as one engine sees it.

    model: a name of `gnomon list models` or a path to a config.json. on: a device, DEVICE:COUNT, a system or a device file.
    options: mode, batch, seq, context, image, weight_dtype, kv_dtype, attention, head, classes, overrides.
    Raises a GnomonError that says what to mend; an engine that cannot answer gives an Answer with reasons.
    """
    return answer(question(model, on, dtype_text=dtype, **options), engine, plugins.engine(engine))


def predict_many(
    models: Sequence[str],
    on: Sequence[str],
    *,
    batch: Iterable[int] = (1,),
    engine: Sequence[str] = (DEFAULT_ENGINE,),
    dtype: str | None = None,
    overrides: Overrides | None = None,
    **options: Any,
) -> list[Answer]:
    """The answers for every combination, in the order model, system, batch, engine."""
    engines = {name: plugins.engine(name) for name in engine}
    found: list[Answer] = []
    for one_model, one_system, one_batch in product(models, on, tuple(batch)):
        asked = question(one_model, one_system, dtype_text=dtype, overrides=overrides, batch=one_batch, **options)
        found.extend(answer(asked, name, chosen) for name, chosen in engines.items())
    return found
