"""From what a user writes to what it names: models, devices and systems, by name or by file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from gnomon import catalogue
from gnomon.api import plugins
from gnomon.core.design import Design
from gnomon.core.device import Device
from gnomon.core.errors import BadInput, near_match
from gnomon.core.system import System, cluster
from gnomon.formats import accelerator_file
from gnomon.formats.aliases import canonical_device, canonical_model
from gnomon.formats.device_file import catalogue_device, catalogue_names, read_device
from gnomon.formats.named import COUNT, NODES, TABLES, is_path, split_count
from gnomon.formats.strict import load_yaml, read_text
from gnomon.formats.system_file import catalogue_systems, parse_system
from gnomon.zoo.models import Model, models
from gnomon.zoo.models import model as zoo_model

Kind = Literal["device", "system", "model", "scenario", "sweep", "accelerator"]


def written(given: object, field: str, expected: str) -> str:
    """What a user gave for a name or a path as text; a Path stays one. BadInput for anything else."""
    if isinstance(given, os.PathLike):
        text = os.fspath(given)
        if isinstance(text, str):
            return text if is_path(text) else f"./{text}"
    if not isinstance(given, str):
        raise BadInput(f"{given!r:.60} is not {expected}", field=field)
    return given


def model(asked: str | Path | Model) -> Model:
    """A model by name, by another known spelling, or from a file that an installed format reads. BadInput.

    A model that is one already, like those of `gnomon.from_torch`, is given back.
    """
    if isinstance(asked, Model):
        return asked
    text = written(asked, "model", "a model: give its name, a path, or what from_torch gives")
    if not is_path(text) and (canonical_model(text) or not Path(text).is_file()):
        return zoo_model(canonical_model(text) or text)
    path = Path(text)
    if (path / "config.json").is_file():
        path = path / "config.json"
    if not path.exists():
        known = canonical_model(path.name)
        raise BadInput(f"{path}: no such file" + (f"; did you mean {known!r}?" if known else ""))
    formats = plugins.working("formats")
    for part in formats.values():
        if part.recognises(path):
            found: Model = part.read(path)
            return found
    hint = "; a scenario names its own model and system" if path.suffix in (".yaml", ".yml") else ""
    raise BadInput(f"{path}: no installed format reads this file as a model (formats: {', '.join(formats)}){hint}")


def device(text: str) -> Device:
    """A device or an accelerator by name, by another known spelling, or from a file. BadInput with the near match."""
    if is_path(text):
        if Path(text).exists() and kind_of(text) == "accelerator":
            return accelerator(text).as_device()
        return read_device(Path(text))
    name = canonical_device(text)
    if name is not None:
        return catalogue_device(name)
    machines = accelerator_file.catalogue_names()
    if text in machines:
        return accelerator(text).as_device()
    near = near_match(text, (*catalogue_names(), *catalogue_systems(), *machines))
    raise BadInput(
        f"unknown device {text!r}{near} (see `gnomon list devices` and `accelerators`, or give a file like ./my-gpu.yaml)"
    )


def accelerator(asked: str | Path) -> Design:
    """A spatial accelerator by catalogue name or from a file. BadInput with the near match."""
    text = written(asked, "accelerator", "an accelerator: give a name or a path")
    if is_path(text):
        return accelerator_file.read_accelerator(Path(text))
    known = accelerator_file.catalogue_names()
    if text not in known:
        raise BadInput(f"unknown accelerator {text!r}{near_match(text, known)} (see `gnomon list accelerators`)")
    return accelerator_file.catalogue_accelerator(text)


def system(asked: str | Path) -> System:
    """What `--on` names: DEVICE, DEVICE:COUNT, a system or a part or cluster of it, an accelerator, or a file of one.

    SYSTEM:PER_NODE is so many devices of one node, SYSTEM:PER_NODExNODES of each of several nodes. However it was spelled,
    what it names is called by its own name and the counts.
    """
    text = written(asked, "on", "a system: give one name or path, like 't4', 't4:2' or 'hgx-h100:8x4'")
    if (machine := _machine(text)) is not None:
        return machine
    name, colon, count_text = text.rpartition(":")
    if not colon or (is_path(text) and not NODES.fullmatch(count_text)):
        alone = device(text)
        return System(name=alone.name, device=alone)
    if (machine := _machine(name)) is not None:
        return _cluster(text, machine, count_text)
    if not COUNT.fullmatch(count_text):
        is_node_count = NODES.fullmatch(count_text) is not None
        hint = (
            f"; {device(name).name} is a device, and only systems have nodes (`gnomon list systems`)"
            if is_node_count
            else ""
        )
        raise BadInput(f"{text!r}: {count_text!r} is not a number of devices{hint}")
    count = int(count_text)
    if count < 1:
        raise BadInput(f"{text!r}: a system has one device or more, not {count}")
    one = device(name)
    return System(name=one.name if count == 1 else f"{one.name}:{count}", device=one, count=count)


def _machine(text: str) -> System | None:
    """The system of the catalogue or of a file; None where it names none."""
    if text in catalogue_systems():
        return catalogue_systems()[text]
    if is_path(text) and Path(text).exists() and kind_of(text) == "system":
        return parse_system(read_text(Path(text)), text)
    return None


def _cluster(text: str, machine: System, counts: str) -> System:
    """The part or the cluster of a machine that the text after its colon names. BadInput."""
    found = NODES.fullmatch(counts)
    if found is None:
        raise BadInput(
            f"{text!r}: {counts!r} is neither devices of a node, like {machine.name}:{machine.count}, "
            f"nor devices of a node x nodes, like {machine.name}:{machine.count}x4"
        )
    try:
        return cluster(machine, int(found[1]), int(found[2] or 1))
    except BadInput as fault:
        raise BadInput(f"{text!r}: {fault}") from None


def kind_of(text: str) -> Kind:
    """What a name or a file is; a part or a cluster of a system is one. BadInput when it is none of the kinds here."""
    machine, counts = split_count(text)
    if machine in catalogue_systems():
        return "system"
    if counts and is_path(machine) and _kind_of_file(machine) == "system":
        return "system"
    if is_path(text):
        return _kind_of_file(text)
    if canonical_device(text):
        return "device"
    if canonical_model(text):
        return "model"
    if text in catalogue.names("scenarios"):
        return "scenario"
    if text in accelerator_file.catalogue_names():
        return "accelerator"
    if Path(text).is_file():
        return _kind_of_file(text)
    known = (
        *catalogue_names(),
        *models(),
        *catalogue.names("scenarios"),
        *catalogue_systems(),
        *accelerator_file.catalogue_names(),
    )
    raise BadInput(
        f"nothing here is called {text!r}{near_match(text, known)} "
        "(see `gnomon list devices`, `systems`, `models`, `scenarios`, `accelerators`)"
    )


_KINDS: tuple[Kind, ...] = ("device", "system", "scenario", "sweep", "accelerator")


def _kind_of_file(text: str) -> Kind:
    """What a YAML file's `schema` says it is; a file that an installed format reads is a model."""
    path = Path(text)
    if any(part.recognises(path) for part in plugins.working("formats").values()):
        return "model"
    if path.suffix in TABLES:
        raise BadInput(f"{text}: a table of measurements; `gnomon compare --measurements {text}` reads it")
    data, _ = load_yaml(read_text(path), text)
    schema = str(data.get("schema", "")) if isinstance(data, dict) else ""
    for kind in _KINDS:
        if schema.startswith(f"gnomon/{kind}/"):
            return kind
    wanted = " or ".join(f"`schema: gnomon/{kind}/1`" for kind in _KINDS)
    raise BadInput(f"{text}: schema: {schema or 'missing'}; a file here begins with {wanted}")
