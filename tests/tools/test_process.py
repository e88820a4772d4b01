"""A tool's process: watched, and ended with all that it started."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gnomon.core.errors import ToolError
from gnomon.core.tool import Limits
from gnomon.tools.process import run, scratch


def _python(folder, code, limits=None):
    return run("tool", [sys.executable, "-I", "-c", code], folder, limits or Limits(time_s=30.0))


def test_what_it_prints_and_its_code_are_kept(tmp_path):
    ended = _python(tmp_path, "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)")
    assert (ended.code, ended.out, ended.err) == (3, "out\n", "err\n")


def test_it_runs_in_its_folder_and_knows_nothing_of_our_python(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/ours")
    ended = _python(tmp_path, "import os; print(os.getcwd(), os.environ.get('PYTHONPATH'), os.environ['HOME'])")
    assert ended.out.split() == [str(tmp_path), "None", str(tmp_path)]


linux = pytest.mark.skipif(
    not Path("/proc/self").is_dir(), reason="processes are watched through /proc, which is Linux's"
)


@linux
def test_one_that_takes_too_much_memory_is_stopped(tmp_path):
    code = "import time; held = bytearray(300 * 2**20); time.sleep(60)"
    with pytest.raises(ToolError, match=r"tool was stopped: it took 0\.\d GiB of memory, 0\.125 GiB are allowed"):
        _python(tmp_path, code, Limits(time_s=30.0, memory_bytes=2**27))


def test_nothing_that_it_started_goes_on(tmp_path):
    (tmp_path / "child.py").write_text("import time\nwhile True:\n    open('beat', 'w').close(); time.sleep(0.05)\n")
    code = (
        "import subprocess, sys, time; subprocess.Popen([sys.executable, 'child.py']);"
        "\nimport os\nwhile not os.path.exists('beat'): time.sleep(0.05)"
    )
    _python(tmp_path, code)
    time.sleep(0.3)
    (tmp_path / "beat").unlink(missing_ok=True)
    time.sleep(0.3)
    assert not (tmp_path / "beat").exists()


@linux
def test_what_it_runs_ends_when_we_are_terminated(tmp_path):
    (tmp_path / "child.py").write_text("import os, time\nopen('beat', 'w').close()\ntime.sleep(60)\n")
    code = (
        "from pathlib import Path; import sys; from gnomon.core.tool import Limits; from gnomon.tools.process import run;"
        "run('tool', [sys.executable, 'child.py'], Path(sys.argv[1]), Limits())"
    )
    us = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)])
    while not (tmp_path / "beat").exists():
        time.sleep(0.05)
    children = Path(f"/proc/{us.pid}/task/{us.pid}/children").read_text().split()
    us.terminate()
    assert us.wait(20) == 128 + signal.SIGTERM
    assert children
    assert not any(Path(f"/proc/{child}").exists() for child in children)


def test_a_program_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ToolError, match="tool cannot be started: /no/such/program: No such file"):
        run("tool", ["/no/such/program"], tmp_path, Limits())


def test_the_folder_of_a_run_holds_its_files_and_is_gone_afterwards():
    with scratch({"a.txt": "ä"}) as folder:
        assert (folder / "a.txt").read_text(encoding="utf-8") == "ä"
    assert not folder.exists()
