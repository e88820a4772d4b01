"""A new spec: a whole experiment on a question of two numbers, to be changed line by line into one's own.

It lints clean and runs as it stands, so that every later fault is a fault of the change.
"""

from __future__ import annotations

import re
from pathlib import Path

from gnomon.core.errors import BadInput
from gnomon.formats.files import write_whole
from gnomon.lab.specs.spec import SECTIONS

_FRONT = """\
schema: gnomon/experiment/1
id: {id}
title: Is a sum of squares as quick without a list?

hypothesis:
  statement: Summing squares one by one takes at most 1.2 times as long as summing a list of them
  metric: time_s
  direction: below
  magnitude: 1.2
  reference: the arm with_list

variables:
  independent:
    - {{name: count, levels: [10000, 100000]}}
  controls:
    - {{name: interpreter, value: the one that runs Gnomon, why: both arms run on it}}

metrics:
  primary:
    - name: time_s
      unit: s
      direction: lower
      from: {{pointer: /time_s}}        # of the JSON that a unit prints; or file:, regex:, observations:, mlperf:, expr:
      bounds: [0, 60]
  secondary:
    - {{name: result, unit: '', direction: none, from: {{pointer: /result}}}}

baselines:
  - name: known_time
    arm: with_list
    source: reproduction                # or prior-experiment, paper: then cite:
    expected:
      time_s: {{ci: [0, 5]}}            # or value: with tol_rel: or tol_abs:

criteria:
  - {{id: as_quick, expr: mean(one_by_one.time_s) < 1.2 * mean(with_list.time_s)}}

mve:
  cells: [few]
  seeds: [0]
  pass_if: max(one_by_one.time_s) < 5 s

protocol:
  arms:
    - name: with_list
      role: baseline
      command: ['{{python}}', -c, "{script}", list, '{{count}}', '{{seed}}']
    - name: one_by_one
      command: ['{{python}}', -c, "{script}", each, '{{count}}', '{{seed}}']
  cells:
    - {{name: few, count: 10000}}
    - {{name: many, count: 100000}}
  seeds: [0, 1, 2]
  order: interleaved
  unit_estimate: 2 s
  unit_timeout: 60 s

sanity:
  - {{name: interpreter_runs, command: ['{{python}}', -c, 'import json, time']}}

budget:
  tier: small
  wall_clock: 30 min
  max_runs: 40
  max_seeds_per_config: 5

abort:
  - {{id: too_slow, kind: time, expr: elapsed > 30 s}}

confounds:
  - other work on the machine changes both arms, one after the other

integrity:
  min_enforcement: detect-only          # landlock or sandbox, where the host must enforce what units may not touch
"""
_SCRIPT = (
    "import json, sys, time; how, count, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]); start = time.perf_counter(); "
    "values = range(seed, seed + count); "
    "result = sum([v * v for v in values]) if how == 'list' else sum(v * v for v in values); "
    "print(json.dumps({{'time_s': time.perf_counter() - start, 'result': result}}))"
)
_PROSE = {
    "Question": "Which question is answered, and who needs the answer?",
    "Hypothesis": "What is expected, why, and which number would show that it is wrong?",
    "Background": "What is known already, from which source?",
    "Variables": "What is varied, what is held, and why these levels?",
    "Metrics": "What is measured, how, and what a difference of it would mean.",
    "Baselines": "Which known result is had again first, and within which tolerance?",
    "Success criteria": "In words, what the expressions above say.",
    "Minimum viable experiment": "The least that tells whether the whole is worth running.",
    "Protocol": "What a unit does, in which order units run, and why so many seeds.",
    "Budget": "What it may cost in time, machines and money.",
    "Abort criteria": "When it is stopped early, and why then.",
    "Confounds": "What else could make the difference.",
}


def new_spec(root: Path, slug: str) -> Path:
    """Write a spec under the next free number into `experiments/` of a repository. BadInput for a slug that cannot be."""
    path = next_path(root, slug)
    write_whole(path, new_text(path.stem))
    return path


def next_path(root: Path, slug: str) -> Path:
    """Where the next spec of a repository stands. BadInput for a slug that cannot be."""
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug):
        raise BadInput(f"{slug!r}: a slug is of small letters, digits and single hyphens, like roofline-error")
    folder = root / "experiments"
    numbers = [int(match.group(1)) for path in folder.glob("exp-*.md") if (match := re.match(r"exp-(\d+)-", path.name))]
    return folder / f"exp-{max(numbers, default=0) + 1:03d}-{slug}.md"


def new_text(name: str) -> str:
    """The spec of that name."""
    front = _FRONT.format(id=name, script=_SCRIPT)
    prose = "\n".join(f"## {section}\n\n{_PROSE[section]}\n" for section in SECTIONS)
    return f"---\n{front}---\n\n# {name}\n\n{prose}"
