"""gnomon doctor: what is installed, what is broken."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, requires, version

from gnomon.api import plugins
from gnomon.api.scenarios import read_scenario, scenario_names
from gnomon.cli.arguments import Parser, add_output_options
from gnomon.cli.output import print_json, print_table
from gnomon.core.errors import CheckFailed, GnomonError
from gnomon.core.schema import DOCTOR
from gnomon.formats.device_file import catalogue_device, catalogue_names
from gnomon.formats.system_file import catalogue_systems
from gnomon.zoo.models import models


def parser() -> Parser:
    """The arguments."""
    parser = Parser("doctor", "What is installed, and what is broken.", "gnomon doctor")
    add_output_options(parser, csv=False)
    return parser


def run(arguments: Sequence[str]) -> int:
    """Print the state of this installation. Exit 6 when the catalogue itself is damaged; a broken plug-in is reported."""
    found = parser().read(arguments)
    facts = {
        "gnomon": version("gnomon"),
        "python": f"{platform.python_version()} ({sys.executable})",
        "machine": f"{platform.system()} {platform.machine()}",
        **_dependencies(),
    }
    catalogue, damage = _catalogue()
    parts = [part for group in plugins.GROUPS for part in plugins.inspect(group)]
    if found.json:
        rows = [{"group": p.group, "name": p.name, "package": p.package, "fault": p.fault or None} for p in parts]
        print_json({"schema": DOCTOR, "versions": facts, "catalogue": catalogue, "damage": damage, "plug_ins": rows})
    else:
        print_table(["what", "version"], [[key, value] for key, value in facts.items()])
        print()
        print_table(["catalogue", "entries"], [[key, str(value)] for key, value in catalogue.items()])
        print()
        print_table(
            ["kind", "plug-in", "package", "state"], [[p.group, p.name, p.package, p.fault or "ok"] for p in parts]
        )
        for line in damage:
            print(f"damaged: {line}")
    if damage:
        raise CheckFailed(f"the catalogue is damaged in {len(damage)} places; install gnomon again")
    return 0


def _dependencies() -> dict[str, str]:
    """Versions of what the package needs, as its own metadata lists it."""
    found = {}
    for requirement in requires("gnomon") or []:
        if "extra ==" in requirement:
            continue
        name = requirement.split(";")[0].split(">")[0].split("=")[0].split("<")[0].strip()
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "missing"
    return found


def _catalogue() -> tuple[dict[str, int], list[str]]:
    """Entries by kind, and what cannot be read."""
    from gnomon.api.measurements import built_in_tables  # polars, which completion does not wait for

    damage: list[str] = []
    for read, names in ((catalogue_device, catalogue_names()), (read_scenario, scenario_names())):
        for name in names:
            try:
                read(name)
            except GnomonError as fault:
                damage.append(str(fault))
    try:
        systems = len(catalogue_systems())
    except GnomonError as fault:
        systems = 0
        damage.append(str(fault))
    counts = {
        "devices": len(catalogue_names()),
        "systems": systems,
        "models": len(models()),
        "scenarios": len(scenario_names()),
        "measurement tables": len(built_in_tables()),
    }
    return counts, damage
