"""A GitHub Actions workflow that runs a registered spec elsewhere, with the same commands and the same folder of results.

For what cannot run here: the checkout holds spec, lock and inputs; the job preflights, runs, verifies and reads, and
keeps the results as an artifact whatever became of the run. No secret goes in, and the token may only read.
"""

from __future__ import annotations

import math
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import yaml

from gnomon.core.errors import BadInput
from gnomon.formats.files import check_writable, write_whole
from gnomon.lab.exports.place import Exported, refuse_kept
from gnomon.lab.repository import root_of
from gnomon.lab.specs.plan import PHASES, of_phase, units
from gnomon.lab.specs.registration import Registered, lock_path
from gnomon.lab.specs.spec import Spec

CHECKOUT, PYTHON, UPLOAD = "actions/checkout@v5", "actions/setup-python@v6", "actions/upload-artifact@v5"
HOSTED = ("ubuntu-24.04",)
GPU = ("self-hosted", "linux", "gpu")  # GitHub gives every self-hosted runner the first two; the third is the owner's
LEAST_PYTHON = "3.11"  # that Gnomon runs on
INSTALL_MIN = 15  # of the job, besides the experiment
MOST_MIN = 360  # that a job may take on GitHub's own machines
_PATH = re.compile(r"[A-Za-z0-9._/-]+")

_BUBBLEWRAP = """\
sudo apt-get update
sudo apt-get install --yes bubblewrap
# Ubuntu 24.04 lets no program have namespaces of its own, which bubblewrap is made of
if [ -e /proc/sys/kernel/apparmor_restrict_unprivileged_userns ]; then
  sudo sysctl --write kernel.apparmor_restrict_unprivileged_userns=0
fi
"""
_RUN = """\
if [ -e "$RESULTS/MANIFEST.sha256" ]; then  # the repository holds a sealed run: this is a replicate
  last=$(ls "$RESULTS/runs" 2>/dev/null | sed -nE 's/^run-([0-9]+)$/\\1/p' | sort -n | tail -n 1)
  echo "WHICH=--run run-$(( ${last:-1} + 1 ))" >> "$GITHUB_ENV"
  gnomon exp replicate "$SPEC"
else
  gnomon exp run "$SPEC"
fi
"""
_AFTER = """\
gnomon exp export "$SPEC" $WHICH --to junit -o junit.xml
gnomon exp verify "$SPEC" $WHICH
gnomon exp read "$SPEC" $WHICH
"""


def write_workflow(found: Registered, place: str, *, gnomon: str | None, runs_on: tuple[str, ...]) -> Exported:
    """Write the workflow of a registered spec; gnomon: what pip installs Gnomon from (None: the repository, where it is Gnomon's)."""
    target, root = Path(place), root_of(found.path)
    refuse_kept(found.path, target, (item.path for item in found.spec.inputs))
    check_writable(target)
    labels = runs_on or (GPU if found.spec.compute_profile.device == "gpu" else HOSTED)
    _refuse_expressions(gnomon or "", *labels, found.spec.environment.requirements or "")
    minutes, below = _minutes(found.spec, found.lock.spec_sha256), _below(root)
    document = _document(found, _source(root, gnomon), labels, minutes, below)
    head = f"# Runs {found.spec.id} as registered: sha256 {found.lock.spec_sha256}. Made by `gnomon exp export`.\n"
    write_whole(target, head + yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=1000, allow_unicode=True))
    notes = tuple(_notes(found, root, below, target, labels, minutes))
    what = f"a workflow of at most {minutes} min on {', '.join(labels)}"
    return Exported(
        format="github-workflow",
        place=place,
        what=what,
        counts={"minutes": minutes, "runs_on": list(labels)},
        notes=notes,
    )


def _refuse_expressions(*texts: str) -> None:
    """BadInput for a text that GitHub would replace: that is how a secret would come in."""
    for text in texts:
        if "${{" in text or not text.isprintable():
            raise BadInput(f"github-workflow: {text!r} would not stand in the workflow as it is written")


def _below(root: Path) -> str:
    """Where the experiments' folder stands in the checkout, like `lab/`; empty: at its top, or there is no git."""
    return (_git(root, "rev-parse", "--show-prefix") or b"").decode("utf-8", "replace").strip()


def _git(root: Path, *words: str) -> bytes | None:
    """What git says; None: it refuses, or is not installed."""
    try:
        done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, check=False)
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None


def _source(root: Path, given: str | None) -> str:
    """What pip is told to install. BadInput for what must not stand in a file that everyone reads, or is nothing at all."""
    if given is None:
        if (root / "src" / "gnomon" / "__init__.py").is_file():
            return "."
        raise BadInput(
            "say what pip installs Gnomon from, like git+https://HOST/OWNER/gnomon@TAG or a folder of the checkout",
            field="gnomon",
        )
    if not given.strip() or given.startswith("-"):
        raise BadInput(f"{given!r} is nothing that pip could install", field="gnomon")
    try:
        address = urlsplit(given)
    except ValueError as fault:
        raise BadInput(f"{given!r}: {fault}", field="gnomon") from None
    if address.password or (address.username and address.username != "git"):
        raise BadInput("the address holds a name or password; a workflow holds no secret", field="gnomon")
    return given


def _minutes(spec: Spec, spec_sha256: str) -> int:
    """The budget of wall-clock time, which ends with the phase in course, the longest phase, and time to install."""
    planned = units(spec, spec_sha256)
    longest = max(sum(1 for _ in of_phase(planned, phase)) for phase in PHASES)
    phase_s = longest * spec.protocol.unit_estimate / spec.protocol.workers
    return math.ceil((spec.budget.wall_clock + phase_s) / 60) + INSTALL_MIN


def _document(found: Registered, source: str, labels: tuple[str, ...], minutes: int, below: str) -> dict[str, Any]:
    spec = found.spec
    path = PurePosixPath("experiments", found.path.name).as_posix()
    results = f"results/{found.path.stem}"
    assert _PATH.fullmatch(path)  # by the pattern of a spec's id
    wanted = [shlex.quote(source)]
    if spec.environment.requirements:
        wanted += ["--requirement", shlex.quote(spec.environment.requirements)]
    job: dict[str, Any] = {
        "name": spec.id,
        "runs-on": labels[0] if len(labels) == 1 else list(labels),
        "timeout-minutes": minutes,
        "env": {"SPEC": path, "RESULTS": results},
        **({"defaults": {"run": {"working-directory": below.rstrip("/")}}} if below else {}),
        "steps": [
            {
                "name": "Spec, lock and inputs, with the history and tags that anchor them",
                "uses": CHECKOUT,
                "with": {"fetch-depth": 0, "persist-credentials": False},
            },
            {"uses": PYTHON, "with": {"python-version": spec.environment.python or LEAST_PYTHON}},
            {"name": "What holds units to their rooms", "run": _BUBBLEWRAP},
            {"name": "Gnomon", "run": f"python -m pip install {' '.join(wanted)}"},
            {"name": "What can be enforced here", "run": "gnomon exp doctor"},
            {"name": "Whether it can run here", "run": 'gnomon exp preflight "$SPEC"'},
            {"name": "Run", "id": "run", "run": _RUN},
            {
                "name": "Verify and read",
                "if": "${{ !cancelled() && steps.run.outcome != 'skipped' }}",
                "run": _AFTER,
            },
            {
                "name": "Keep the results, whatever became of them",
                "if": "${{ always() && steps.run.outcome != 'skipped' }}",
                "uses": UPLOAD,
                "with": {
                    "name": spec.id,
                    "path": f"{below}{results}/\n{below}junit.xml\n",
                    "if-no-files-found": "error",
                    "include-hidden-files": True,  # a unit may have left some, and they are sealed
                },
            },
        ],
    }
    return {
        "name": spec.id,
        "on": {"workflow_dispatch": None},
        "permissions": {"contents": "read"},
        "concurrency": {"group": spec.id, "cancel-in-progress": False},
        "jobs": {"experiment": job},
    }


def _notes(
    found: Registered, root: Path, below: str, target: Path, labels: tuple[str, ...], minutes: int
) -> Iterator[str]:
    """What would keep the workflow from running as it stands."""
    spec = found.spec
    top = root.parents[below.count("/") - 1] if below else root
    if target.resolve().parent != top / ".github" / "workflows":
        yield "GitHub finds workflows in .github/workflows of the repository only"
    registered = [found.path, *(lock_path(found.path, lock.version) for lock in found.locks)]
    needed = [f"experiments/{path.name}" for path in registered] + [item.path for item in spec.inputs]
    needed += [spec.environment.requirements] if spec.environment.requirements else []
    if lacking := [name for name in needed if not _is_committed(root, name)]:
        yield f"not in the commit with these bytes, so not in the checkout: {', '.join(lacking)}"
    if spec.environment.variables:
        yield f"environment.variables: the workflow sets none of {', '.join(spec.environment.variables)}"
    if labels == GPU:
        yield f"compute_profile.device is gpu: a machine of yours with the labels {', '.join(GPU)} must be registered"
    if minutes > MOST_MIN and "self-hosted" not in labels:
        yield f"{minutes} min: GitHub's own machines stop a job after {MOST_MIN} min; name yours with --runs-on"
    if spec.environment.image:
        yield f"environment.image: {spec.environment.image} is not used; the job runs on the machine itself"


def _is_committed(root: Path, name: str) -> bool:
    """Whether the commit holds the file with the bytes that it has now."""
    path = root / name
    return path.is_file() and _git(root, "show", f"HEAD:./{name}") == path.read_bytes()


class _Dumper(yaml.SafeDumper):
    """Scripts as blocks, `on:` with nothing after it."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(type(None), lambda dumper, value: dumper.represent_scalar("tag:yaml.org,2002:null", ""))
