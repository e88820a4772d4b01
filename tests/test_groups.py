"""What is compiled is compiled by one worker: the groups of xdist hold with every version of pytest."""

import os
import subprocess
import sys
from pathlib import Path

_FILE = """
import os
from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group("compiled")


@pytest.mark.parametrize("number", range(8))
def test_says_where_it_runs(number):
    with Path("workers").open("a") as file:
        file.write(os.environ["PYTEST_XDIST_WORKER"] + "\\n")
"""


def test_tests_of_a_group_run_in_one_worker(tmp_path):
    (tmp_path / "conftest.py").write_text((Path(__file__).parent / "conftest.py").read_text())
    for name in ("test_one.py", "test_other.py"):
        (tmp_path / name).write_text(_FILE)
    at_once = ("-n", "2", "--dist", "loadgroup", "-p", "no:cacheprovider")
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    said = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *at_once],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stdout
    workers = (tmp_path / "workers").read_text().split()
    assert len(workers) == 16
    assert len(set(workers)) == 1
