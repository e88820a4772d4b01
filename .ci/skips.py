"""Count skipped tests by reason, and fail where a reason names something that is there.

    python .ci/skips.py ENVIRONMENT=JUNIT_XML...

Each ENVIRONMENT is the virtual environment that pytest ran in, each JUNIT_XML what it wrote.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path


def outcomes(report: Path) -> tuple[Counter[str], Counter[str]]:
    """How many tests passed, failed and were skipped, and how many were skipped for each reason."""
    counts: Counter[str] = Counter(passed=0, failed=0, skipped=0)
    reasons: Counter[str] = Counter()
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        skip = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            counts["failed"] += 1
        elif skip is not None:
            counts["skipped"] += 1
            reasons[reason(skip)] += 1
        else:
            counts["passed"] += 1
    return counts, reasons


def reason(skip: ElementTree.Element) -> str:
    """Why a test was skipped; the reason of a whole file stands in the text, not in the message."""
    message = skip.get("message", "")
    if message == "collection skipped":
        found = re.search(r"Skipped: (.*?)['\"]\)", skip.text or "")
        message = found.group(1) if found else message
    return f"expected to fail: {message}" if skip.get("type") == "pytest.xfail" else message


def present(environment: str) -> dict[str, str]:
    """What a reason must not name because it is there: its name, and the words that name it."""
    found = {}
    if any(shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome")):
        found["Chromium"] = r"\bchrom(e|ium)\b|\bbrowser\b"
    for program in ("bash", "zsh", "fish", "awk"):
        if shutil.which(program):
            found[program] = rf"\bprogram {program} is missing\b"
    imports = [f"{environment}/bin/python", "-c", "import torch, transformers"]
    if subprocess.run(imports, capture_output=True, check=False).returncode == 0:
        found["torch"] = r"\btorch\b|\btransformers\b"
    shared = os.environ.get("GNOMON_SHARED", "../shared")
    if Path(shared).is_dir():
        found[shared] = r"\bshared\b"
    return found


def main(arguments: list[str]) -> int:
    """Print the counts; 1 when a report is missing or a test was skipped for want of what is there."""
    total: Counter[str] = Counter(passed=0, failed=0, skipped=0)
    wrong = []
    for argument in arguments:
        environment, _, report = argument.partition("=")
        if not Path(report).is_file():
            wrong.append(f"{report}: no such file: pytest did not run in {environment}")
            continue
        counts, reasons = outcomes(Path(report))
        total += counts
        sys.stdout.write(f"{environment}: {summary(counts)}\n")
        for text, count in reasons.most_common():
            sys.stdout.write(f"  {count:5d}  {text}\n")
        for name, words in present(environment).items():
            wrong += [
                f"{environment}: {name} is there, but: {text}" for text in reasons if re.search(words, text, re.I)
            ]
    sys.stdout.write("".join(f"{line}\n" for line in wrong))
    sys.stdout.write(f"{summary(total)}\n")
    return 1 if wrong else 0


def summary(counts: Counter[str]) -> str:
    """Like `12 passed, 0 failed, 3 skipped`."""
    return ", ".join(f"{counts[name]} {name}" for name in ("passed", "failed", "skipped"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
