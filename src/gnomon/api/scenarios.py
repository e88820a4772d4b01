"""Scenarios by name and from files, as questions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gnomon import catalogue
from gnomon.api.questions import Question, question
from gnomon.core.errors import BadInput, near_match
from gnomon.formats.device_file import is_path
from gnomon.formats.scenario_file import ScenarioFile, parse_scenario
from gnomon.formats.strict import read_text


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioQuestion:
    """A scenario as written and the question that it asks."""

    name: str
    written: ScenarioFile
    question: Question


def scenario_names() -> tuple[str, ...]:
    """Names of the catalogue's scenarios."""
    return catalogue.names("scenarios")


def read_scenario(text: str) -> ScenarioQuestion:
    """The scenario of that name, or in that file. Paths inside a file are relative to its folder."""
    if is_path(text):
        path = Path(text)
        return _question(path.stem, parse_scenario(read_text(path), text), text, path.parent)
    if text not in scenario_names():
        raise BadInput(
            f"unknown scenario {text!r}{near_match(text, scenario_names())}; see `gnomon list scenarios`, or give a file"
        )
    where = f"scenarios/{text}.yaml"
    return _question(text, parse_scenario(catalogue.text("scenarios", text), where), where, Path())


def _question(name: str, written: ScenarioFile, where: str, folder: Path) -> ScenarioQuestion:
    try:
        asked = question(
            _beside(written.model, folder),
            _beside(written.on, folder),
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
        )
        asked.scenarios()
    except BadInput as fault:
        raise BadInput(f"{where}: {fault}") from None
    return ScenarioQuestion(name=name, written=written, question=asked)


def _beside(text: str, folder: Path) -> str:
    return str(folder / text) if is_path(text) and not Path(text).is_absolute() else text
