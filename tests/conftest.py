"""What tests of several folders share."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

# The same examples in every run: a failure on one machine is a failure on all.
settings.register_profile("gnomon", deadline=None, derandomize=True, max_examples=30)
settings.load_profile("gnomon")

_ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of measured data beside the repository; tests that need it are skipped without it."""
    folder = _ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("shared data folder is missing")
    return folder
