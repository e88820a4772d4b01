"""A program that tries Landlock and the watch on itself, and says as JSON what came of it."""

from __future__ import annotations

import json
import os
import sys


def main(_: list[str]) -> None:
    """Print {"abi", "landlock", "watch"}; the last two are reasons, empty where the part works."""
    found: dict[str, str | int | None] = {
        "abi": None,
        "landlock": "Landlock is a part of Linux",
        "watch": "seccomp is a part of Linux",
    }
    if sys.platform == "linux":
        from gnomon.lab.units.sandbox import landlock, watch

        found = {"abi": landlock.abi(), "landlock": landlock.try_out()}
        found["watch"] = watch.try_out()
    os.write(1, json.dumps(found).encode())


if __name__ == "__main__":
    main([])
