"""gnomon exp STEP: an experiment from its spec to its verdict, a step at a time."""

from __future__ import annotations

from collections.abc import Sequence

from gnomon.cli.steps import Steps, StepsParser

STEPS: Steps = {
    "new": ("exp_spec", "a spec that runs as it stands, to be changed into yours"),
    "import-md": ("exp_spec", "a draft of a spec from a plan in Markdown, with TODO for what it does not say"),
    "lint": ("exp_spec", "every fault of a spec in one pass"),
    "plan": ("exp_spec", "units, order, estimate, budget and enforcement; nothing is run"),
    "register": ("exp_spec", "bind a spec to its bytes before anything is measured"),
    "amend": ("exp_spec", "bind an edited spec as the next version, with the reason"),
    "preflight": ("exp_run", "whether inputs, environment and enforcement are as the spec asks"),
    "run": ("exp_run", "run a registered spec to its sealed end"),
    "resume": ("exp_run", "go on with a run that was interrupted or killed"),
    "status": ("exp_run", "how far a run is: units, phase, budget, time left"),
    "watch": ("exp_run", "the status again and again, until the run ends"),
    "stop": ("exp_run", "let the units at work end, then stop; `resume` goes on"),
    "justify": ("exp_run", "allow a run to go beyond its budget, for a reason that is kept"),
    "note": ("exp_run", "add a fact to the notes of a run"),
    "replay": ("exp_replay", "run one unit alone with its command and log; nothing is recorded"),
    "verify": ("exp_after", "whether every byte is as it was sealed, and what anchors it"),
    "read": ("exp_after", "the verdict on each criterion"),
    "replicate": ("exp_run", "run a sealed experiment again, beside the first"),
    "export": ("exp_after", "results for other programs, or a workflow file that runs the spec elsewhere"),
    "doctor": ("exp_after", "what this machine can enforce, and what is missing for more"),
}
EXAMPLE = "gnomon exp new my-question   # then: lint, plan, register, run, verify, read"


def parser() -> StepsParser:
    """The arguments."""
    return StepsParser(
        "exp",
        "An experiment that is registered before it runs, and runs exactly as registered.",
        EXAMPLE,
        STEPS,
        "0 sealed and valid, 10 aborted by a criterion, 11 budget, 12 protocol violation, 13 missing metrics, "
        "14 tampering, 15 not registered or edited, 16 preflight, 17 sanity, 18 baseline, 19 minimum viable experiment, "
        "75 another runner is at work, 124 out of time, 130 interrupted",
        takes="SPEC ",
    )


def run(arguments: Sequence[str]) -> int:
    """Run one step."""
    return parser().run(arguments)
