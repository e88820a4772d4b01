"""What tests of several folders share."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell's background job ignores Ctrl-C, and all that it starts
    signal.signal(signal.SIGINT, signal.default_int_handler)


# The same examples in every run: a failure on one machine is a failure on all.
settings.register_profile("gnomon", deadline=None, derandomize=True, max_examples=30)
settings.load_profile("gnomon")

_ROOT = Path(__file__).parent.parent


def pytest_itemcollected(item: pytest.Item) -> None:
    """A mark to choose by for what compiles: xdist's group cannot be chosen by."""
    if any("compiled" in mark.args for mark in item.iter_markers("xdist_group")):
        item.add_marker("compiled")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Groups of xdist for pytest 9.2 too: xdist 3.8 writes them after an id that this pytest reads no more (its issue 1386)."""
    if not getattr(config.option, "loadgroup", False):
        return
    for item in items:
        names = sorted({str(mark.args[0]) for mark in item.iter_markers("xdist_group")})
        ending = f"@{'_'.join(names)}"
        if names and not item.nodeid.endswith(ending):
            structured: Any = item
            structured._id = type(structured._id).parse(item.nodeid + ending)


@pytest.fixture(scope="session", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reads what a user's cache holds, or leaves anything there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of measured data that are not part of the repository; tests that need it are skipped without it."""
    folder = _ROOT / os.environ.get("GNOMON_SHARED", "../shared")
    if not (folder / "truth").is_dir():
        pytest.skip(f"no shared measurements in {folder}/truth: GNOMON_SHARED names their folder")
    return folder
