"""The contract that every adapter of a tool for mappings keeps, as tests that a plug-in's author inherits."""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import pytest

from gnomon.core.errors import GnomonError, ToolError
from gnomon.core.tool import TERMS, Answer, Files, Limits, MappingTool, Question
from gnomon.testing.questions import tiny_questions
from gnomon.tools.answers import ask, checked
from gnomon.tools.environments import python_in
from gnomon.tools.home import VARIABLE

_SOON = Limits(time_s=0.5)


class AdapterContract:
    """Subclass it in a test module and give `tool`, and by `recorded` and `zeroed` what it writes.

    A failure's message says which promise of `gnomon.core.tool.MappingTool` does not hold.
    """

    tool: ClassVar[MappingTool]

    def questions(self) -> Mapping[str, Question]:
        """What the adapter is asked, by name."""
        return tiny_questions()

    def recorded(self) -> tuple[Question, Files]:
        """A question, and what a real run of the tool gave for it."""
        raise NotImplementedError("give a question, and what the tool really answered")

    def zeroed(self) -> Files:
        """The same output with a total of zero."""
        raise NotImplementedError("give an output whose total is zero")

    def stand_in(self, folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Put a program that runs this script of the shell in the tool's place; empty: see that there is none."""
        monkeypatch.setenv(VARIABLE, str(folder))
        if script:
            place = folder / self.tool.name
            program(python_in(place), script)
            record = {"version": self.tool.pin.version, "python": "3", "packages": {}}
            (place / "gnomon-tool.json").write_text(json.dumps(record), encoding="utf-8")

    def pytest_generate_tests(self, metafunc: Any) -> None:
        """Run a test once for each `question`."""
        if "question" in metafunc.fixturenames:
            asked = self.questions()
            metafunc.parametrize("question", list(asked.values()), ids=list(asked))

    def answered(self) -> Question:
        """The first question that the adapter has nothing against."""
        return next(one for one in self.questions().values() if not self.tool.missing(one))

    def test_adapter_fills_the_protocol(self) -> None:
        tool = self.tool
        assert isinstance(tool, MappingTool), f"{tool!r} lacks a part of gnomon.core.tool.MappingTool"
        assert tool.name, "name is empty"
        assert tool.pin.package or tool.pin.by_hand, (
            "the pin names no package, and does not say how else to get the tool"
        )
        assert not tool.pin.package or tool.pin.proof, "the pin has no line of Python that proves an installation"
        assert tool.pin.licence, "the pin names no licence"

    def test_card_is_of_the_tool_in_the_version_that_it_is_pinned_to(self) -> None:
        assert (self.tool.card.tool, self.tool.card.version) == (self.tool.name, self.tool.pin.version)
        assert all(self.tool.card.told().values()), "a term of the card is empty"

    def test_something_can_be_asked(self) -> None:
        assert any(not self.tool.missing(one) for one in self.questions().values()), (
            "it can be asked none of the questions"
        )

    def test_question_is_translated_or_declined_with_reasons(self, question: Question) -> None:
        reasons = self.tool.missing(question)
        assert isinstance(reasons, tuple), f"missing() must return a tuple of texts, not {reasons!r}"
        assert all(isinstance(reason, str) and reason.strip() for reason in reasons), f"not a reason: {reasons!r}"
        if not reasons:
            files = self.tool.translate(question)
            assert files, "translate() gives no file"
            assert all(isinstance(text, str) and text for text in files.values()), "a file is no text, or empty"

    def test_translation_is_pure(self, question: Question, monkeypatch: pytest.MonkeyPatch) -> None:
        if self.tool.missing(question):
            pytest.skip("the adapter declines this question")
        first = self.tool.translate(question)
        with monkeypatch.context() as patch:
            _forbid_files_and_processes(patch)
            assert self.tool.translate(question) == first, "translate() gives something else the second time"

    def test_recorded_output_is_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        question, output = self.recorded()
        first = self.tool.read(output, question)
        with monkeypatch.context() as patch:
            _forbid_files_and_processes(patch)
            assert self.tool.read(output, question) == first, "read() gives something else the second time"
        found = checked(first)
        assert isinstance(found, Answer)
        assert found.tool == found.card.tool == self.tool.name, "the answer does not name the tool and its conventions"
        assert found.version, "the version of the tool is not in the answer"
        assert set(found.cycle_terms) <= set(TERMS), f"unknown terms: {sorted(set(found.cycle_terms) - set(TERMS))}"
        assert all(math.isfinite(value) and value >= 0 for value in found.cycle_terms.values()), found.cycle_terms
        names = {question.accelerator.units.name, *(memory.name for memory in question.accelerator.memories)}
        parts = {part.part.removeprefix("wires of ").removeprefix("leaks of ") for part in found.energy_parts}
        assert parts <= names, f"energies of parts that the accelerator does not have: {sorted(parts - names)}"

    def test_empty_output_is_refused(self) -> None:
        question, output = self.recorded()
        with pytest.raises(ToolError):
            self.tool.read({}, question)
        with pytest.raises(ToolError):
            self.tool.read(dict.fromkeys(output, ""), question)

    def test_total_of_zero_is_refused(self) -> None:
        question, _ = self.recorded()
        with pytest.raises(ToolError, match="something was not counted"):
            checked(self.tool.read(self.zeroed(), question))

    def test_faults_of_the_tool_are_told_apart(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        scripts = {
            "not installed": "",
            "failed with code 3: out of cheese": "echo 'out of cheese' >&2; exit 3",
            "no answer within 0.5 s": "exec sleep 60",
            "gave no result": "exit 0",
        }
        for index, (told, script) in enumerate(scripts.items()):
            folder = tmp_path / f"place{index}"
            folder.mkdir()
            with monkeypatch.context() as patch:
                self.stand_in(folder, script, patch)
                with pytest.raises(ToolError) as fault:
                    ask(self.tool, self.answered(), _SOON)
            assert told in str(fault.value), f"{script or 'no tool'}: {fault.value}"
            assert self.tool.name in str(fault.value), f"the error does not name the tool: {fault.value}"
            assert isinstance(fault.value, GnomonError)
        left = [path.name for path in tmp_path.iterdir() if not path.name.startswith("place")]
        assert not left, f"left behind: {left}"


def program(path: Path, script: str) -> None:
    """Write a program that runs this script of the shell."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)


def _forbid_files_and_processes(patch: pytest.MonkeyPatch) -> None:
    """Whoever opens a file or starts a process from now on fails."""

    def forbidden(*_: object, **__: object) -> NoReturn:
        raise AssertionError("translating and reading touch no file and no process")

    patch.setattr("builtins.open", forbidden)
    patch.setattr("io.open", forbidden)
    patch.setattr(subprocess, "Popen", forbidden)
