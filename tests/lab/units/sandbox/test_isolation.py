"""What a sandbox has of the machine: files to read, a /tmp and processes of its own, and no network unless it is given."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.lab.units.sandbox.conftest import Place, reach_or_skip

pytestmark = pytest.mark.slow  # whole sandboxes are started, some many times

Make = Callable[..., Place]
_DEVICES = tuple(Path("/dev") / name for name in ("fuse", "net/tun", "kvm", "userfaultfd"))
_CONNECT = "import socket; socket.create_connection(('127.0.0.1', {port}), 5).sendall(b'out')"


@pytest.fixture
def server() -> Iterator[tuple[int, list[bytes]]]:
    """A port of this machine and what came in there."""
    came: list[bytes] = []
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                with listening.accept()[0] as connection:
                    came.append(connection.recv(10))
            except OSError:
                return

    thread = threading.Thread(target=serve)
    thread.start()
    yield listening.getsockname()[1], came
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join()


@pytest.mark.parametrize("held", ["landlock", "bubblewrap", "sandbox"])
def test_no_network_reaches_out_when_it_is_denied(place: Make, held: str, server: tuple[int, list[bytes]]) -> None:
    port, came = server
    if held == "landlock" and (reach_or_skip(held).landlock_abi or 0) < 4:
        pytest.skip("Landlock of this kernel knows no network")
    ended = place(held, network=False).python(_CONNECT.format(port=port))
    assert ended.exit_code == 1
    assert came == []


@pytest.mark.parametrize("held", ["landlock", "bubblewrap", "sandbox"])
def test_the_network_is_there_when_it_is_given(place: Make, held: str, server: tuple[int, list[bytes]]) -> None:
    port, came = server
    assert place(held, network=True).python(_CONNECT.format(port=port)).exit_code == 0
    assert came == [b"out"]


@pytest.mark.parametrize("held", ["bubblewrap", "sandbox"])
def test_processes_of_one_unit_reach_each_other_without_a_network(place: Make, held: str) -> None:
    code = """
import socket
listening = socket.create_server(("127.0.0.1", 0))
socket.create_connection(listening.getsockname()).sendall(b"here")
assert listening.accept()[0].recv(10) == b"here"
"""
    assert place(held, network=False).python(code).exit_code == 0


def test_an_abstract_socket_of_the_machine_is_out_of_reach(place: Make) -> None:
    reach = reach_or_skip("landlock")
    if (reach.landlock_abi or 0) < 6:
        pytest.skip("Landlock of this kernel knows no scopes")
    name = f"\0gnomon-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(name)
        listening.listen()
        at = place("landlock", network=True)
        ended = at.python(f"import socket; socket.socket(socket.AF_UNIX).connect({name!r})")
    assert "PermissionError" in at.read(ended, "stderr.log")


@pytest.mark.parametrize("held", ["bubblewrap", "sandbox"])
def test_daemons_of_the_machine_cannot_be_asked(place: Make, held: str) -> None:
    at = place(held)
    ended = at.shell("ls -A /run")
    assert at.read(ended) == ""


@pytest.mark.parametrize("held", ["bubblewrap", "sandbox"])
def test_tmp_is_not_that_of_the_machine(place: Make, held: str, tmp_path: Path) -> None:
    at = place(held)
    (tmp_path / "secret").write_text("")
    ended = at.shell(f"ls {tmp_path}; cat {at.spec}; echo x > $TMPDIR/y && echo private; id -u")
    assert at.read(ended) == f"repository\nregistered\nprivate\n{os.getuid()}\n"


@pytest.mark.parametrize("held", ["bubblewrap", "sandbox"])
def test_nothing_awaits_the_next_unit_outside_of_rooms_and_scratch(place: Make, held: str) -> None:
    at = place(held)
    for folder in ("/dev", "/run", "/var/tmp", "/dev/shm", "/tmp"):
        at.shell(f"rm {folder}/*; mkdir {folder}/left; echo left > {folder}/left/file; echo > {folder}/null")
    ended = at.shell("ls -d /dev/* /run/* /tmp/* /var/tmp/* /dev/shm/* | grep left; echo fine > /dev/null")
    assert at.read(ended) == ""
    assert ended.exit_code == 0


@pytest.mark.parametrize("held", ["bubblewrap", "sandbox"])
def test_only_processes_of_the_unit_are_seen(place: Make, held: str) -> None:
    at = place(held)
    ended = at.python("import os; print(len([each for each in os.listdir('/proc') if each.isdigit()]))")
    assert at.read(ended) == "2\n"


@pytest.mark.parametrize("held", ["landlock", "bubblewrap", "sandbox"])
def test_scratch_is_written_and_kept(place: Make, held: str, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    at = place(held, scratch=(scratch,))
    assert at.shell(f"echo kept > {scratch}/file").exit_code == 0
    assert at.shell(f"cat {scratch}/file").exit_code == 0
    assert (scratch / "file").read_text() == "kept\n"


@pytest.mark.parametrize("held", ["landlock", "bubblewrap", "sandbox"])
def test_devices_and_threads_and_shared_memory_work(place: Make, held: str) -> None:
    code = """
import os, threading, mmap, pty
for name in ("null", "zero", "full", "random", "urandom"):
    os.close(os.open("/dev/" + name, os.O_RDWR if name != "random" else os.O_RDONLY))
pty.openpty()
path = "/dev/shm/gnomon-test-%d" % os.getpid()
handle = os.open(path, os.O_RDWR | os.O_CREAT)
os.ftruncate(handle, 4096)
mmap.mmap(handle, 4096)[:1] = b"x"
os.unlink(path)
threads = [threading.Thread(target=print) for _ in range(8)]
[each.start() for each in threads]; [each.join() for each in threads]
"""
    at = place(held)
    ended = at.python(code)
    assert at.read(ended, "stderr.log") == ""
    assert ended.exit_code == 0


@pytest.mark.parametrize("held", ["landlock", "bubblewrap", "sandbox"])
def test_a_device_is_there_when_it_is_given(place: Make, held: str) -> None:
    device = next((each for each in _DEVICES if each.exists() and os.access(each, os.R_OK | os.W_OK)), None)
    if device is None:
        pytest.skip("no device here that this user may open")
    script = f"exec 9<>{device}"
    assert place(held).shell(script).exit_code != 0
    assert place(held, devices=(device,)).shell(script).exit_code == 0


@pytest.mark.parametrize("held", ["landlock", "bubblewrap", "sandbox"])
def test_kernel_settings_and_disks_are_not_opened_for_writing(place: Make, held: str) -> None:
    """As root these are files of its own, which need no capability to be written."""
    code = """
import os
from pathlib import Path
found = [Path("/proc/sys/kernel/core_pattern"), Path("/proc/sysrq-trigger"), Path("/proc/sys/vm/drop_caches")]
found += [*Path("/sys/kernel").glob("uevent_helper"), *Path("/sys/module").glob("*/parameters/*")][:50]
found += [*Path("/dev").glob("vd*"), *Path("/dev").glob("sd*"), *Path("/dev").glob("nvme*"), *Path("/dev").glob("loop*")]
for path in found:
    try: os.close(os.open(path, os.O_WRONLY)); print(path)
    except OSError: pass
"""
    at = place(held)
    ended = at.python(code)
    assert (ended.exit_code, at.read(ended)) == (0, "")


def test_rooms_are_units_own_in_a_folder_of_another(place: Make) -> None:
    """Root in a sandbox has no rights in what belongs to others; it makes the rooms itself."""
    if os.geteuid() != 0:
        pytest.skip("only root makes folders of others")
    at = place("sandbox")
    os.chown(at.work, 12345, 12345)
    assert at.shell("echo mine > file && mkdir folder").exit_code == 0


def test_two_workers_share_the_rooms_at_the_same_time(place: Make) -> None:
    from gnomon.lab.units.sandbox import Command, Ended, Worker

    at = place("sandbox")
    with Worker(at.rooms, at.worker.reach) as second:
        at.start("sleep", "0.3")
        second.start(
            Command(
                unit="second", argv=("sh", "-c", "echo 2 > here"), room=at.work / "second", env={"PATH": os.defpath}
            )
        )
        ended = second.poll(30.0)
        assert isinstance(ended, Ended)
        assert ended.exit_code == 0
        assert at.end().exit_code == 0
    assert (at.work / "second" / "here").read_text() == "2\n"
