"""Scenarios by name and from files, as questions."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from gnomon import catalogue
from gnomon.api import names
from gnomon.api.overrides import Overrides
from gnomon.api.questions import Question, question
from gnomon.core.errors import BadInput, near_match
from gnomon.core.plan import Plan
from gnomon.core.serving_plan import OWN_FIELDS
from gnomon.core.training_plan import FIELDS as TRAINING_FIELDS
from gnomon.formats.files import write_whole
from gnomon.formats.named import is_path, split_count
from gnomon.formats.scenario_file import (
    SCHEMA,
    BesideShape,
    OverridesShape,
    ScenarioFile,
    parse_scenario,
    scenario_text,
)
from gnomon.formats.strict import load_yaml, place_of, read_text, shaped
from gnomon.formats.traffic_shape import TrafficShape
from gnomon.zoo.models import Model

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioQuestion:
    """A scenario as written and the question that it asks."""

    name: str
    written: ScenarioFile
    question: Question
    text: str  # of the file
    where: str  # the file's name in errors

    @contextmanager
    def placed(self) -> Iterator[None]:
        """In the block a BadInput of a field is one of the file's, with its line: what only an engine finds out."""
        try:
            yield
        except BadInput as fault:
            raise _in_file(fault, self.text, self.where) from None


def scenario_names() -> tuple[str, ...]:
    """Names of the catalogue's scenarios."""
    return catalogue.names("scenarios")


def read_scenario(asked: str | Path) -> ScenarioQuestion:
    """The scenario of that name, or in that file. Paths inside a file are relative to its folder."""
    text = names.written(asked, "scenario", "a scenario: give its name or a path")
    if is_path(text):
        path = Path(text)
        return _question(path.stem, read_text(path), text, path.parent)
    if text not in scenario_names():
        raise BadInput(
            f"unknown scenario {text!r}{near_match(text, scenario_names())} (see `gnomon list scenarios`, or give a file)"
        )
    where = f"scenarios/{text}.yaml"
    return _question(text, catalogue.text("scenarios", text), where, Path())


def _question(name: str, text: str, where: str, folder: Path) -> ScenarioQuestion:
    """The question of a file's text. BadInput with file, line and field."""
    written = parse_scenario(text, where)
    try:
        asked = asked_by(written, folder)
        asked.scenarios()
    except BadInput as fault:
        raise _in_file(fault, text, where) from None
    return ScenarioQuestion(name=name, written=written, question=asked, text=text, where=where)


def _in_file(fault: BadInput, text: str, where: str) -> BadInput:
    """The fault at its field's line of the file."""
    if not fault.field or fault.where:
        return fault.at(where=where)
    _, lines = load_yaml(text, where)
    return fault.at(where=place_of(where, lines, tuple(fault.field.split("."))))


def asked_by(written: ScenarioFile, folder: Path, model: Model | None = None) -> Question:
    """The question of a scenario file in `folder`; `model`: what it names, where that has been read already. BadInput."""
    text, on = beside(written.model, folder), beside(written.on, folder)
    if model is None:
        model = _named("model", text, names.model)
        _named("on", on, names.system)
    asked = question(
        model,
        on,
        mode=written.mode,
        batch=written.batch,
        seq=written.seq,
        context=written.context,
        image=written.image,
        dtype=written.dtype,
        weight_dtype=written.weight_dtype,
        kv_dtype=written.kv_dtype,
        attention=written.attention,
        head=written.head,
        classes=written.classes,
        sizes=written.sizes,
        overrides=_overrides(written),
        traffic=_traffic(written.traffic, folder),
        **{
            **{name: getattr(written, name) for name in (*TRAINING_FIELDS, *OWN_FIELDS)},
            "autoscale": None if written.autoscale is None else written.autoscale.model_dump(exclude_unset=True),
            "beside": None if written.beside is None else _beside(written.beside, folder),
            "prefill_on": None if written.prefill_on is None else beside(written.prefill_on, folder),
        },
    )
    return replace(asked, model_text=text)


def _traffic(written: TrafficShape | None, folder: Path) -> dict[str, Any] | None:
    """The file's traffic, its trace named from here."""
    if written is None:
        return None
    said = written.model_dump(exclude_unset=True)
    return said if written.trace is None else {**said, "trace": beside_folder(written.trace, folder)}


def _beside(written: Any, folder: Path) -> dict[str, Any]:
    """The file's second model, its files named from here."""
    said: dict[str, Any] = written.model_dump(exclude_unset=True)
    said["model"] = beside(written.model, folder)
    return said if written.traffic is None else {**said, "traffic": _traffic(written.traffic, folder)}


def read_beside(path: str | Path) -> dict[str, Any]:
    """A second model from a file of its own: the keys of a scenario file's `beside`. BadInput."""
    found = Path(path)
    data, lines = load_yaml(read_text(found), str(path))
    return _beside(shaped(BesideShape, data, str(path), lines), found.parent)


def beside_folder(path: str, folder: Path) -> str:
    """A file taken from a folder."""
    return path if Path(path).is_absolute() else str(folder / path)


def _named(field: str, text: str, read: Callable[[str], T]) -> T:
    """What the text names. BadInput as of that field."""
    try:
        return read(text)
    except BadInput as fault:
        raise fault.at(field=field) from None


def _overrides(written: ScenarioFile) -> Overrides | None:
    """The file's numbers as a user's; a bare number as its text."""
    if written.overrides is None:
        return None
    numbers = written.overrides

    def text(number: str | float | None) -> str | None:
        return None if number is None else str(number)

    return Overrides(
        device_peak=numbers.device_peak,
        memory_bandwidth=text(numbers.memory_bandwidth),
        memory_capacity=text(numbers.memory_capacity),
        launch_overhead=text(numbers.launch_overhead),
        efficiency=text(numbers.efficiency),
    )


def beside(text: str, folder: Path) -> str:
    """A path taken from the file's folder; a name as it is. A count after a device file stays."""
    path, count = split_count(text)
    if not is_path(path) or Path(path).is_absolute():
        return text
    found = str(folder / path)  # pathlib drops a leading "./", which may be all that tells a path from a name
    return (found if is_path(found) else f"./{found}") + count


def write_scenario(asked: Question, path: str | Path, *, title: str = "") -> Path:
    """Write `asked` as a scenario file and return its path: read again, it is the same question with the same digests.

    Files that the question names are named from the new file's folder. BadInput where it cannot be written, and for a
    model that was made in Python: a file can only name it.
    """
    target = Path(path)
    if target.suffix not in (".yaml", ".yml"):
        raise BadInput(f"{target}: a scenario file ends in .yaml")
    write_whole(target, scenario_text(scenario_file(asked, target.parent, title=title)))
    return target


def scenario_file(asked: Question, folder: Path, *, title: str = "") -> ScenarioFile:
    """`asked` in the form of a file in `folder`, its number format written out."""
    if asked.model_text is None:
        raise BadInput(
            f"{asked.model.name}: made in Python, and a scenario file holds a model's name or path; save the model to a file"
        )
    given: dict[str, Any] = {
        name: value for name, value in asked.options.items() if value is not None and name != "overrides"
    }
    plan = next(iter(asked.passes.values()))
    used = asdict(asked.options.get("overrides") or Overrides())
    if isinstance(used["device_peak"], str):
        used["device_peak"] = (used["device_peak"],)
    overrides = OverridesShape(**used)
    return ScenarioFile(
        schema=SCHEMA,
        title=title,
        model=_from(asked.model_text, folder, asked.model.name),
        on=_from(asked.on_text, folder, asked.system.name),
        overrides=None if overrides == OverridesShape() else overrides,
        **{
            **given,
            **_written_prefill(asked, folder),
            **_written_traffic(asked, folder),
            **_written_beside(asked, folder),
            "dtype": plan.dtype,
            **_written_batch(plan),
        },
    )


def _written_batch(plan: Plan) -> dict[str, Any]:
    """What a file says of batches: nothing of a service, which makes its own."""
    return {} if plan.serving is not None else {"batch": plan.batch}


def _written_prefill(asked: Question, folder: Path) -> dict[str, Any]:
    """What a file says of the system of replicas for prompts alone."""
    machine = next(iter(asked.passes.values())).serving
    if machine is None or machine.prefill_on is None:
        return {}
    return {"prefill_on": _from(str(asked.options["prefill_on"]), folder, machine.prefill_on.name)}


def _written_traffic(asked: Question, folder: Path) -> dict[str, Any]:
    """What a file says of requests, its trace named from its folder. BadInput for what was made in Python."""
    said = asked.options.get("traffic")
    return {} if said is None else {"traffic": _traffic_from(said, folder, "traffic")}


def _traffic_from(said: Any, folder: Path, field: str) -> Mapping[str, Any]:
    """What was said of requests, as a file of the folder says it. BadInput for what was made in Python."""
    if not isinstance(said, Mapping):
        raise BadInput(f"made in Python, and a scenario file holds the keys of `{field}`", field=field)
    if said.get("trace") is None:
        return said
    return {**said, "trace": Path(os.path.relpath(Path(said["trace"]).resolve(), folder.resolve())).as_posix()}


def _written_beside(asked: Question, folder: Path) -> dict[str, Any]:
    """What a file says of a second model. BadInput for what was made in Python."""
    said, machine = asked.options.get("beside"), next(iter(asked.passes.values())).serving
    if said is None or machine is None or machine.beside is None:
        return {}
    if not isinstance(said, Mapping):
        raise BadInput("made in Python, and a scenario file holds the keys of `beside`", field="beside")
    its = {**said, "model": _from(str(said["model"]), folder, machine.beside.name)}
    if "traffic" in said:
        its["traffic"] = _traffic_from(said["traffic"], folder, "beside.traffic")
    return {"beside": its}


def _from(text: str, folder: Path, name: str) -> str:
    """A path as it is from `folder`; what is no path by the name that Gnomon calls it."""
    path, count = split_count(text)
    if not is_path(path):
        return name
    relative = Path(os.path.relpath(Path(path).resolve(), folder.resolve())).as_posix()
    return (relative if relative.startswith("..") else f"./{relative}") + count
