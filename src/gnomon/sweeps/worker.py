"""The far side of the pool: `python -m gnomon.sweeps.worker MODULE:FUNCTION` answers lines of JSON with lines of JSON.

The first line is what FUNCTION is called with; it returns a function of a list of points. Each further line is such a list,
and is answered with what that function returns. It ends when its input does: also when whoever started it was killed.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module


def main(evaluator: str) -> None:
    """Answer until the input ends. What parts print goes to standard error, not among the answers."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    module, _, function = evaluator.partition(":")
    lines = iter(sys.stdin)
    evaluate = getattr(import_module(module), function)(json.loads(next(lines)))
    for line in lines:
        answers.write(json.dumps(evaluate(json.loads(line))) + "\n")
        answers.flush()


if __name__ == "__main__":
    main(sys.argv[1])
