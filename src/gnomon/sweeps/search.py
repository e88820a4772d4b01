"""A search: Optuna picks points from what the answers so far were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from gnomon.core.extras import not_installed
from gnomon.formats.sweep_file import Axis, SearchShape

if TYPE_CHECKING:
    import optuna


class Search:
    """Asks for points and is told their rows, in rounds. The same rounds give the same points."""

    def __init__(
        self, axes: Sequence[Axis], written: SearchShape, objectives: Mapping[str, str], feasible: str
    ) -> None:
        try:
            import optuna
        except ImportError:
            raise not_installed("optuna", "search") from None
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._axes, self._objectives, self._feasible = axes, objectives, feasible
        self.study = optuna.create_study(
            directions=["minimize" if goal == "min" else "maximize" for goal in objectives.values()],
            sampler=_sampler(written),
        )
        self._asked: list[optuna.Trial] = []

    def ask(self, count: int) -> list[dict[str, JsonValue]]:
        """The next points, before the answer to any of them is known."""
        self._asked = [self.study.ask() for _ in range(count)]
        return [{axis.field: _picked(trial, axis) for axis in self._axes} for trial in self._asked]

    def tell(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """What those points gave, in order; a row without an answer is a trial that failed."""
        from optuna.trial import TrialState

        for trial, row in zip(self._asked, rows, strict=True):
            values: list[Any] = [row.get(name) for name in self._objectives]
            if any(value is None for value in values):
                self.study.tell(trial, state=TrialState.FAIL)
            else:
                trial.set_constraint(self._feasible, 0.0 if row[self._feasible] else 1.0)  # above 0: it cannot run
                self.study.tell(trial, values)


def _sampler(written: SearchShape) -> optuna.samplers.BaseSampler:
    from optuna import samplers

    match written.sampler:
        case "random":
            return samplers.RandomSampler(seed=written.seed)
        case "nsga2":
            return samplers.NSGAIISampler(seed=written.seed, population_size=max(2, written.together))
        case "tpe":
            return samplers.TPESampler(seed=written.seed)


def _picked(trial: optuna.Trial, axis: Axis) -> JsonValue:
    """The value that a trial takes: numbers in order by their place, anything else as kinds apart."""
    if axis.span is not None:
        low, high = axis.span
        if axis.is_whole:
            return trial.suggest_int(axis.field, int(low), int(high), log=axis.is_log)
        return trial.suggest_float(axis.field, low, high, log=axis.is_log)
    last = len(axis.values) - 1
    if all(isinstance(value, (int, float)) for value in axis.values) and list(axis.values) == sorted(axis.values):  # type: ignore[type-var]
        return axis.values[trial.suggest_int(axis.field, 0, last)]
    return axis.values[trial.suggest_categorical(axis.field, list(range(last + 1)))]
