"""The far side of the pool: `python -m gnomon.sweeps.worker MODULE:FUNCTION` answers lines of JSON with lines of JSON.

The first line is what FUNCTION is called with; it returns a function of a list of points. Each further line is such a list,
and is answered with what that function returns. It ends when its input does, whatever it is doing: also when whoever started
it was killed.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from queue import SimpleQueue
from threading import Thread


def main(evaluator: str) -> None:
    """Answer until the input ends. What parts print goes to standard error, not among the answers."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    lines: SimpleQueue[str] = SimpleQueue()
    Thread(target=_listen, args=(lines,), daemon=True).start()
    module, _, function = evaluator.partition(":")
    evaluate = getattr(import_module(module), function)(json.loads(lines.get()))
    while True:
        answer = json.dumps(evaluate(json.loads(lines.get())))
        try:
            answers.write(answer + "\n")
            answers.flush()
        except BrokenPipeError:  # nobody listens any more
            os._exit(0)


def _listen(lines: SimpleQueue[str]) -> None:
    """Pass the input on, and end the process with it."""
    for line in sys.stdin:
        lines.put(line)
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
