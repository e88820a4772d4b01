"""Units start, end, are stopped and leave nothing, at every level alike."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gnomon.core.errors import BadInput
from gnomon.lab.units.sandbox import Command, Ended, Event, Rooms, Worker
from tests.lab.units.sandbox.conftest import Place, reach_or_skip

pytestmark = pytest.mark.slow  # whole sandboxes are started, some many times

Make = Callable[..., Place]
everywhere = pytest.mark.parametrize("held", ["detect-only", "landlock", "sandbox"])


@everywhere
def test_a_unit_ends_with_its_exit_code_and_its_output(place: Make, held: str) -> None:
    at = place(held)
    ended = at.shell("echo out; echo err >&2; echo '{\"loss\": 1}' >&$GNOMON_FD; exit 3")
    assert (ended.how, ended.exit_code, ended.signal) == ("exited", 3, None)
    assert at.read(ended) == "out\n"
    assert at.read(ended, "stderr.log") == "err\n"
    assert json.loads(at.read(ended, "observations.jsonl")) == {"loss": 1}


@everywhere
def test_a_unit_that_dies_of_a_signal_ends_with_it(place: Make, held: str) -> None:
    ended = place(held).shell("kill -SEGV $$")
    assert (ended.how, ended.exit_code, ended.signal) == ("signalled", None, signal.SIGSEGV)


@everywhere
def test_a_command_that_is_not_found_is_told_and_the_next_one_runs(place: Make, held: str) -> None:
    at = place(held)
    ended = at.run("no-such-program")
    assert (ended.how, ended.reason) == ("not started", "no-such-program: No such file or directory")
    assert at.run("true").exit_code == 0


def test_a_command_of_no_words_is_told(place: Make) -> None:
    at = place("detect-only")
    ended = at.run()
    assert ended.how == "not started"
    assert at.run("true").exit_code == 0


def test_limits_are_kept_while_nobody_listens(place: Make) -> None:
    """More attempts than a socket holds are made before the supervisor asks for the first."""
    at = place("detect-only")
    folder = at.spec.parent / "/".join(["long" * 50] * 15)
    code = f"""
import os, time
for i in range(300):
    try: os.open({str(folder)!r} + str(i), os.O_WRONLY)
    except OSError: pass
open('done', 'w').close()
time.sleep(60)
"""
    unit = at.start(sys.executable, "-I", "-S", "-c", code, wall_s=3.0)
    until = time.monotonic() + 30
    while not (at.work / unit / "done").exists() and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(3.0)
    told = [at.worker.poll(30.0)]
    while isinstance(told[-1], Event):
        told.append(at.worker.poll(30.0))
    ended = told.pop()
    assert isinstance(ended, Ended)
    assert ended.how == "timeout"
    assert ended.wall_s < 5
    assert len(told) == (256 if at.worker.reach.watch else 0)


@everywhere
def test_what_a_unit_used_is_told(place: Make, held: str) -> None:
    ended = place(held).python(
        "b = bytearray(200 << 20)\nimport time\nend = time.monotonic() + 0.3\nwhile time.monotonic() < end: pass"
    )
    assert 0.2 < (ended.cpu_s or 0) < 5
    assert ended.wall_s >= 0.3
    assert 200 << 20 < (ended.max_rss_bytes or 0) < 600 << 20


@everywhere
def test_a_unit_past_its_time_is_asked_to_end(place: Make, held: str) -> None:
    at = place(held)
    ended = at.shell("trap 'echo asked; exit 7' TERM; while :; do sleep 0.05; done", wall_s=0.5)
    assert (ended.how, ended.exit_code) == ("timeout", 7)
    assert at.read(ended) == "asked\n"


@everywhere
def test_a_unit_that_does_not_listen_is_killed_after_the_grace(place: Make, held: str) -> None:
    started = time.monotonic()
    ended = place(held).python(
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(60)", wall_s=0.5, grace_s=0.5
    )
    assert (ended.how, ended.signal) == ("timeout", signal.SIGKILL)
    assert time.monotonic() - started < 20


@everywhere
def test_a_unit_is_stopped_on_request(place: Make, held: str) -> None:
    at = place(held)
    at.start("sleep", "60")
    assert at.worker.poll(0.1) is None
    at.worker.stop(5.0)
    ended = at.end()
    assert (ended.how, ended.signal) == ("stopped", signal.SIGTERM)
    assert at.run("true").exit_code == 0


@everywhere
def test_processes_that_are_left_are_killed_and_named(place: Make, held: str) -> None:
    at = place(held)
    ended = at.shell("(setsid sh -c 'sleep 1; touch late' &) ; sleep 200 & sleep 0.2")
    time.sleep(1.2)
    assert "sleep" in ended.leftovers
    assert not (at.work / ended.unit / "late").exists()
    assert ended.undead == ()


@everywhere
def test_temporary_files_of_a_unit_are_gone_for_the_next(place: Make, held: str) -> None:
    at = place(held)
    at.shell("mkdir -p $TMPDIR/a/b; echo x > $TMPDIR/a/b/c; ln -s / $TMPDIR/root; chmod 0 $TMPDIR/a")
    ended = at.shell("ls -A $TMPDIR")
    assert at.read(ended) == ""
    assert at.spec.read_text() == "registered\n"


@everywhere
def test_a_unit_has_its_own_environment_and_four_descriptors(place: Make, held: str) -> None:
    at = place(held)
    leaked = os.open(at.spec, os.O_RDWR)
    os.set_inheritable(leaked, True)
    ended = at.shell("env | cut -d= -f1 | sort | grep -vE '^(PWD|OLDPWD|SHLVL|_)$'; exec ls /proc/self/fd")
    os.close(leaked)
    assert at.read(ended).split() == [
        "GIT_OPTIONAL_LOCKS",
        "GNOMON_FD",
        "PATH",
        "PYTHONDONTWRITEBYTECODE",
        "TMPDIR",
        "0",
        "1",
        "2",
        "3",
        "4",
    ]  # 4: what ls reads


@everywhere
def test_the_worker_outlives_whatever_its_unit_does_to_itself(place: Make, held: str) -> None:
    at = place(held)
    for script in ("rm -rf ./* .[!.]*", "kill -9 $$", "kill -STOP $$", "ulimit -v 1; ls", "exec 0<&- 1>&- 2>&- 3>&-"):
        at.shell(script, wall_s=1.0, grace_s=0.2)
        assert at.run("true").exit_code == 0, script


@everywhere
def test_a_worker_that_is_killed_is_told_and_replaced(place: Make, held: str) -> None:
    at = place(held)
    at.start("sleep", "60")
    assert at.worker._process is not None
    at.worker._process.kill()
    assert at.end().how == "lost"
    assert at.run("true").exit_code == 0


@everywhere
def test_a_worker_that_hangs_is_given_up(place: Make, held: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gnomon.lab.units.sandbox.worker._CLOSE_S", 0.3)
    at = place(held)
    at.start("sleep", "60", wall_s=0.2, grace_s=0.2)
    (zygote,) = _zygotes()
    os.kill(zygote, signal.SIGSTOP)
    ended = at.end()
    assert (ended.how, ended.reason) == ("lost", "the worker did not end the unit in time")
    assert at.run("true").exit_code == 0


def _zygotes() -> list[int]:
    """Processes of this test that run a zygote, whichever program started them."""
    found = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = each.read_bytes().split(b"\0")
            state = each.with_name("stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if b"-S" in words[:4] and any(b"sandbox.zygote" in word for word in words) and _descends(int(state[1])):
            found.append(int(each.parent.name))
    return found


def _descends(pid: int) -> bool:
    while pid > 1:
        if pid == os.getpid():
            return True
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return False


@everywhere
def test_a_worker_outlives_the_thread_that_started_it(place: Make, held: str) -> None:
    at = place(held)
    starter = threading.Thread(target=at.start, args=("sleep", "0.5"))
    starter.start()
    starter.join()
    assert at.end().exit_code == 0


@everywhere
def test_everything_dies_with_the_supervisor(place: Make, held: str) -> None:
    at = place(held)
    mark = f"{time.time_ns() % 10**9}.25"  # an argument that names these processes alone
    code = f"""
import sys, time
from pathlib import Path
from gnomon.lab.units.sandbox import *
work = Path({str(at.work)!r})
worker = Worker(Rooms(protected=(), work=work), reachable().at(Level.named({held!r})))
script = "echo $TMPDIR; setsid sleep {mark} & sleep {mark} & sleep {mark}"
worker.start(Command(unit="u", argv=("sh", "-c", script), room=work / "u", env={{"PATH": {os.environ["PATH"]!r}}}))
time.sleep(0.3)
print("running", flush=True)
time.sleep(60)
"""
    supervisor = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert supervisor.stdout is not None
    assert supervisor.stdout.readline() == "running\n"
    assert len(_processes(mark)) >= 3
    supervisor.kill()
    supervisor.wait()
    supervisor.stdout.close()
    until = time.monotonic() + 10
    while _processes(mark) and time.monotonic() < until:
        time.sleep(0.05)
    assert _processes(mark) == []
    if held != "sandbox":  # a /tmp of its own went with it
        temporary = Path((at.work / "u" / "stdout.log").read_text().strip())
        while temporary.exists() and time.monotonic() < until:
            time.sleep(0.05)
        assert not temporary.exists()


def _processes(argument: str) -> list[str]:
    found = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = each.read_bytes().split(b"\0")
        except OSError:
            continue
        if words[:1] == [b"sleep"] and argument.encode() in words:
            found.append(each.parent.name)
    return found


@everywhere
def test_an_attempt_is_told_while_the_unit_still_runs(place: Make, held: str) -> None:
    if not reach_or_skip(held).watch:
        pytest.skip("no watch here")
    at = place(held)
    at.start("sh", "-c", f"for i in 1 2 3; do chmod 640 {at.spec}; done; touch done; sleep 60")
    event = at.worker.poll(30.0)
    assert isinstance(event, Event)
    assert (event.aim, event.target, event.process) == ("protected", str(at.spec), "chmod")
    until = time.monotonic() + 30
    while not list(at.work.glob("*/done")) and time.monotonic() < until:
        time.sleep(0.01)
    at.worker.stop(1.0)
    assert [each.times for each in at.end().events] == [3]


@everywhere
def test_innocent_work_leaves_no_event(place: Make, held: str) -> None:
    at = place(held)
    ended = at.shell(
        f"mkdir -p a/b; echo x > a/b/c; mv a/b/c a/d; ln a/d e; ln -s a/d f; chmod 600 e; touch e; rm -r a; cat {at.spec}; "
        "echo y > $TMPDIR/z; echo > /dev/null; truncate -s 10 g; true"
    )
    assert ended.exit_code == 0
    assert at.read(ended, "stderr.log") == ""
    assert ended.events == ()


@everywhere
def test_a_unit_that_asks_git_how_things_stand_leaves_no_event(held: str, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    (repository / "a").mkdir(parents=True)
    (repository / "a" / "file").write_text("1")
    identity = ("-c", "user.name=a", "-c", "user.email=a@b")
    for words in (("init", "-q"), ("add", "-A"), (*identity, "commit", "-qm", "one")):
        subprocess.run(["git", *words], cwd=repository, check=True, env={"PATH": os.environ["PATH"], "HOME": "/"})
    os.utime(repository / "a" / "file", (1, 1))  # so that the index is out of date
    rooms = Rooms(protected=(repository / ".git",), work=tmp_path / "work", visible=(repository,))
    script = "git rev-parse HEAD && git status --porcelain && git log -p"
    with Worker(rooms, reach_or_skip(held)) as worker:
        env = {"PATH": os.environ["PATH"], "HOME": "/"}
        worker.start(Command(unit="u", argv=("sh", "-c", script), room=rooms.work / "u", cwd=repository, env=env))
        ended = worker.poll(60.0)
    assert isinstance(ended, Ended), ended
    assert (rooms.work / "u" / "stderr.log").read_text() == ""
    assert ended.exit_code == 0


@everywhere
def test_a_program_that_imports_a_file_beside_it_leaves_no_event(held: str, tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "one.py").write_text("import two\nprint(two.__name__)\n")
    (tmp_path / "code" / "two.py").write_text("")
    rooms = Rooms(protected=(), work=tmp_path / "work", visible=(tmp_path / "code",))
    with Worker(rooms, reach_or_skip(held)) as worker:
        worker.start(Command(unit="u", argv=(sys.executable, str(tmp_path / "code" / "one.py")), room=rooms.work / "u"))
        ended = worker.poll(60.0)
    assert isinstance(ended, Ended), ended
    assert (rooms.work / "u" / "stdout.log").read_text() == "two\n"
    assert ended.events == ()
    assert not (tmp_path / "code" / "__pycache__").exists()


def test_a_room_is_a_folder_of_its_own_in_work(place: Make, tmp_path: Path) -> None:
    at = place("detect-only")
    (at.work / "linked").symlink_to(tmp_path)
    for room in (tmp_path, at.work, at.work / "a" / "b", at.work / "linked", at.work / ".."):
        with pytest.raises(BadInput, match="is no room"):
            at.worker.start(Command(unit="u", argv=("true",), room=room))
