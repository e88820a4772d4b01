"""Files that the pages include, and outputs that they show."""

from __future__ import annotations

import re
from pathlib import Path

from gnomon.api.scenarios import read_scenario
from gnomon.api.sweeps import job_of, read_sweep
from gnomon.cli.main import main
from gnomon.formats.device_file import read_device

ROOT = Path(__file__).parents[2]


def test_the_device_and_the_scenario_of_the_pages_are_sound() -> None:
    assert read_device(ROOT / "docs/how-to/my-gpu.yaml").name
    assert read_scenario(str(ROOT / "docs/how-to/my-scenario.yaml")).question.scenarios()


def test_the_sweep_of_the_pages_is_sound() -> None:
    found = read_sweep(ROOT / "docs/how-to/my-sweep.yaml")
    assert job_of(found).size == 5 * 7 * 3


def test_the_readme_shows_what_its_command_prints(capsys) -> None:
    block = re.search(r"```console\n\$ gnomon (.*?)\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert block is not None
    assert main(block[1].split()) == 0
    printed = "".join(line.rstrip() + "\n" for line in capsys.readouterr().out.splitlines())
    assert printed == block[2]
