"""Which calls are looked at, and what a path of a unit's comes to."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from gnomon.lab.units.sandbox.aims import Guard, _protects, resolve
from gnomon.lab.units.sandbox.calls import CALLS, MACHINES, number_of
from gnomon.lab.units.sandbox.watch import build_filter

_ALLOW, _LOOK = 0x7FFF0000, 0x7FC00000
_SUPERVISOR, _ZYGOTE = 4321, 1
_machines = pytest.mark.parametrize("machine", MACHINES)


def verdict(program: bytes, machine: int, number: int, *arguments: int) -> int:
    """What the kernel would do: an interpreter of the four kinds of steps. [seccomp(2), Filters]"""
    padded = (*arguments, 0, 0, 0, 0, 0, 0)[:6]
    data = struct.pack("=iIQ6Q", number, machine, 0, *(each & (1 << 64) - 1 for each in padded))
    held, at = 0, 0
    while True:
        code, yes, no, operand = struct.unpack_from("=HBBI", program, 8 * at)
        at += 1
        match code:
            case 0x20:
                (held,) = struct.unpack_from("=I", data, operand)
            case 0x15:
                at += yes if held == operand else no
            case 0x45:
                at += yes if held & operand else no
            case 0x06:
                return operand


def looks(machine: str, name: str, *arguments: int) -> bool:
    program = build_filter(machine, (_SUPERVISOR, _ZYGOTE))
    number = number_of(CALLS[name], machine)
    assert number is not None
    return verdict(program, MACHINES[machine], number, *arguments) == _LOOK


@_machines
def test_opening_to_read_is_not_looked_at(machine: str) -> None:
    assert not looks(machine, "openat", -100, 0, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)


@_machines
@pytest.mark.parametrize("flags", [os.O_WRONLY, os.O_RDWR, os.O_CREAT, os.O_TRUNC, os.O_WRONLY | os.O_APPEND])
def test_opening_to_write_is_looked_at(machine: str, flags: int) -> None:
    assert looks(machine, "openat", -100, 0, flags)


@_machines
def test_a_signal_is_looked_at_when_it_goes_to_who_is_guarded(machine: str) -> None:
    assert [pid for pid in (-_SUPERVISOR, -1, 0, _ZYGOTE, 17, _SUPERVISOR) if looks(machine, "kill", pid, 9)] == [
        -_SUPERVISOR,
        -1,
        _ZYGOTE,
        _SUPERVISOR,
    ]


@_machines
def test_a_thread_is_not_looked_at_and_a_namespace_is(machine: str) -> None:
    assert not looks(machine, "clone", 0x003D0F00)  # what glibc asks for a thread
    assert looks(machine, "clone", 0x10000011)
    assert looks(machine, "unshare", 0x00020000)
    assert not looks(machine, "unshare", 0x00000400)  # own descriptors


@_machines
def test_every_call_that_is_not_listed_goes_through(machine: str) -> None:
    program = build_filter(machine, (_SUPERVISOR, _ZYGOTE))
    listed = {number_of(call, machine) for call in CALLS.values()}
    assert {verdict(program, MACHINES[machine], number) for number in range(600) if number not in listed} == {_ALLOW}


@_machines
def test_a_filter_fits_into_what_the_kernel_takes(machine: str) -> None:
    assert len(build_filter(machine, range(2, 12))) // 8 < 4096  # BPF_MAXINSNS


def test_programs_of_another_machine_go_through() -> None:
    assert verdict(build_filter("x86_64", ()), 0x40000003, 5, 0, os.O_WRONLY) == _ALLOW  # i386


def test_numbers_are_those_of_the_headers_of_this_machine() -> None:
    header = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
    if not header.exists():
        pytest.skip("no kernel headers of x86_64 here")
    words = (line.split() for line in header.read_text().splitlines() if line.startswith("#define __NR_"))
    numbers = {name.removeprefix("__NR_"): int(number) for _, name, number in words}
    shared = CALLS.keys() & numbers.keys()
    assert len(shared) > 50
    assert {name: CALLS[name].x86_64 for name in shared} == {name: numbers[name] for name in shared}


def test_a_path_is_followed_link_by_link(tmp_path: Path) -> None:
    real = tmp_path.resolve()
    (real / "folder").mkdir()
    (real / "folder" / "file").touch()
    (real / "to-folder").symlink_to("folder")
    (real / "to-file").symlink_to(real / "to-folder" / "file")
    (real / "loop").symlink_to("loop")
    me = os.getpid()
    assert resolve(f"{real}/to-folder/../to-folder/./file", me, follow_last=True) == f"{real}/folder/file"
    assert resolve(f"{real}/to-file", me, follow_last=True) == f"{real}/folder/file"
    assert resolve(f"{real}/to-file", me, follow_last=False) == f"{real}/to-file"
    assert resolve(f"{real}/new/file", me, follow_last=True) == f"{real}/new/file"
    assert resolve(f"{real}/loop", me, follow_last=True) == f"{real}/loop"
    assert resolve("/..", me, follow_last=True) == "/"


def test_links_of_proc_are_those_of_the_unit(tmp_path: Path) -> None:
    me = os.getpid()
    path = tmp_path.resolve() / "file"
    with path.open("w") as file:
        assert resolve(f"/dev/fd/{file.fileno()}", me, follow_last=True) == str(path)
        assert resolve(f"/proc/self/fd/{file.fileno()}", me, follow_last=True) == str(path)
        assert resolve(f"/proc/thread-self/root{path}", me, follow_last=True) == str(path)
    reader, writer = os.pipe()
    assert resolve(f"/proc/self/fd/{reader}", me, follow_last=True) == f"/proc/{me}/fd/{reader}"
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize(
    ("path", "is_protected"),
    [
        ("/repo/experiments/spec.md", True),
        ("/repo/experiments", True),
        ("/repo/experiments-2/spec.md", False),
        ("/repo/results/work/other/file", True),
        ("/repo/results/work/mine/file", False),
        ("/repo/results/work/mine", False),
        ("/repo/results/work/mine-too", True),
        ("/repo", False),
    ],
)
def test_the_deepest_folder_decides(path: str, is_protected: bool) -> None:
    guard = Guard("x86_64", ("/repo/experiments", "/repo/results/work"), ("/", "/repo/results/work/mine"), (), True)
    assert _protects(guard, path, False) is is_protected
    assert _protects(guard, "/repo", True)
