"""`gnomon VERB ...`: finds the verb's file, runs it, and turns errors into one line and an exit code.

Nothing heavy is imported before a verb runs: `gnomon --help` is quick.
"""

from __future__ import annotations

import io
import os
import sys
from importlib import import_module

# verb -> module of this package, one line of help
VERBS: dict[str, tuple[str, str]] = {
    "predict": ("predict", "how long a model takes on a device: time, rate, memory, interval"),
    "compare": ("compare", "every engine on a scenario, or an engine against measurements"),
    "sweep": ("sweep", "a grid or a search over the fields of a scenario, and its Pareto set"),
    "report": ("report", "one HTML page with figures: of predictions, comparisons, sweeps, experiments, measurements"),
    "map": ("map", "mappings of tensor operations on spatial accelerators, from Timeloop's files"),
    "train": ("train", "training steps on clusters, message by message, from ASTRA-sim's files"),
    "serve": ("serve", "services of language models under a stream of requests"),
    "exp": ("exp", "experiments: registered before they run, executed exactly as registered, sealed, read"),
    "claims": ("claims", "published numbers as hypotheses: whether experiments reproduced or refuted them"),
    "tools": ("tools", "outside tools for mappings: install, list and remove them, what their numbers include"),
    "init": ("init", "a research repository in which experiments, results and claims have their place"),
    "list": ("listing", "engines, adapters, formats, devices, systems, accelerators, models, scenarios, measurements"),
    "show": ("show", "a device, system, accelerator, model or scenario, each number with its source"),
    "check": (
        "check",
        "whether a file is sound: a scenario, sweep, device, system, accelerator, config.json or ONNX file",
    ),
    "schema": ("schema", "the JSON Schema of a scenario, sweep, device or system file, for editors"),
    "completion": ("completion", "a script for bash, zsh or fish that completes names and flags"),
    "doctor": ("doctor", "what is installed, what is broken"),
}
HIDDEN = {"complete": "complete"}  # verbs for programs alone: not in the help

EXAMPLE = """\
example:
  gnomon predict resnet-50 --on a100-sxm-80gb,t4 --batch 1,8,128
"""


def main(arguments: list[str]) -> int:
    """Run one command and return its exit code."""
    if sys.stdout is None:  # started with standard output closed: there is nobody to answer
        sys.stdout = io.StringIO()
    try:
        code = _answer(arguments)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        print("gnomon: interrupted", file=sys.stderr)
        return 130
    except OSError as fault:  # every file of the user's is read and written behind its own check: this is the output
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(fault, BrokenPipeError):  # the reader has gone: `gnomon ... | head`
            return 0
        print(f"gnomon: the output cannot be written: {fault.strerror or fault}", file=sys.stderr)
        return 3


def _answer(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(_help())
        return 0 if arguments else 2
    if arguments[0] == "--version":
        from importlib.metadata import version

        print(f"gnomon {version('gnomon')}")
        return 0
    return _run(arguments[0], arguments[1:])


def _run(verb: str, rest: list[str]) -> int:
    from gnomon.cli.flags import in_flags
    from gnomon.core.errors import BadInput, GnomonError, UsageError, near_match

    try:
        module = HIDDEN.get(verb) or VERBS.get(verb, ("",))[0]
        if not module:
            raise UsageError(f"unknown verb {verb!r}{near_match(verb, VERBS)} (see `gnomon --help`)")
        code: int = import_module(f"gnomon.cli.{module}").run(rest)
        return code
    except GnomonError as fault:
        for line in str(in_flags(fault) if isinstance(fault, BadInput) else fault).splitlines():
            print(f"gnomon: {line}", file=sys.stderr)
        return fault.exit_code
    except (KeyboardInterrupt, OSError):
        raise
    except Exception as bug:
        if os.environ.get("GNOMON_TRACEBACK"):
            raise
        what = f"{type(bug).__name__}: {bug}".splitlines()[0]
        print(
            f"gnomon: a bug of gnomon's own: {what}; set GNOMON_TRACEBACK=1 to see where, and please report it",
            file=sys.stderr,
        )
        return 1


def _help() -> str:
    width = max(map(len, VERBS))
    verbs = "\n".join(f"  {name:{width}}  {text}" for name, (_, text) in VERBS.items())
    return (
        f"{EXAMPLE}\nusage: gnomon VERB [arguments]   (gnomon VERB --help says more)\n\nverbs:\n{verbs}\n\n"
        "exit codes: 0 ok, 1 bug, 2 usage, 3 bad input, 4 unsupported, 5 outside tool, 6 check failed, 130 interrupted, 143 terminated"
    )


def run() -> None:
    """The console script."""
    sys.exit(main(sys.argv[1:]))


if __name__ == "__main__":
    run()
