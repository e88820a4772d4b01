"""What a machine reaches is said part by part, and rooms that would undo it are refused."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from gnomon.core.errors import BadInput, ToolError
from gnomon.lab.units.sandbox import Level, Reach, Rooms, Worker, bubblewrap, levels, reachable, self_test
from tests.lab.units.sandbox.conftest import Place, reach_or_skip

_FULL = Reach(level=Level.SANDBOX, bwrap="/bin/bwrap", bwrap_version="0.8.0", landlock_abi=7, watch=True, missing=())


def test_levels_are_ordered_and_named() -> None:
    assert [str(each) for each in sorted(Level)] == ["detect-only", "landlock", "sandbox"]
    assert Level.named("landlock") is Level.LANDLOCK
    with pytest.raises(BadInput, match="did you mean 'sandbox'"):
        Level.named("sandbx")


def test_every_part_that_is_missing_has_its_reason() -> None:
    reach = reachable()
    parts = (reach.bwrap, reach.landlock_abi, reach.watch or None)
    assert len(reach.missing) == sum(each is None for each in parts)


def test_a_weaker_level_says_what_it_leaves_open() -> None:
    assert _FULL.uncovered == ()
    assert "chmod, chown and touch go through" in _FULL.at(Level.LANDLOCK).uncovered[0]
    assert _FULL.at(Level.DETECT_ONLY).uncovered == (
        "nothing is denied: what was changed is found afterwards, by digests",
    )
    with pytest.raises(BadInput, match="reaches landlock, not sandbox: held at landlock, as asked"):
        _FULL.at(Level.LANDLOCK).at(Level.SANDBOX)


def test_without_bubblewrap_landlock_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(levels.shutil, "which", lambda _: None)
    reach = reachable.__wrapped__()
    assert reach.bwrap is None
    assert "bubblewrap is not installed" in reach.missing[0]
    assert reach.level == (Level.LANDLOCK if reach.landlock_abi else Level.DETECT_ONLY)


def test_a_bubblewrap_that_fails_is_missing_with_what_it_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2; exit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(levels.shutil, "which", lambda _: str(broken))
    reach = reachable.__wrapped__()
    assert reach.missing[0] == "bubblewrap cannot make a sandbox here: bwrap: setting up uid map: Permission denied"
    assert reach.level < Level.SANDBOX


def test_a_worker_that_cannot_start_says_why(tmp_path: Path) -> None:
    from gnomon.lab.units.sandbox import Command

    rooms = Rooms(protected=(), work=tmp_path / "work")
    with (
        Worker(rooms, replace(_FULL, bwrap="/bin/false")) as worker,
        pytest.raises(ToolError, match="the worker of level sandbox did not start"),
    ):
        worker.start(Command(unit="u", argv=("true",), room=rooms.work / "u"))


@pytest.mark.parametrize("held", ["landlock", "bubblewrap", "sandbox"])
def test_the_self_test_finds_the_canary_alive(held: str, tmp_path: Path) -> None:
    at = Place(tmp_path, reach_or_skip(held))
    with at.worker:
        found = self_test(at.worker)
    assert found.denied("write", "rename", "unlink", "create", "open")
    assert found.denied("chmod") is (held != "landlock")
    assert all(each.recorded for each in found.attempts)
    assert not at.rooms.canary.exists()
    assert list(at.work.iterdir()) == []


def test_the_self_test_refuses_a_level_that_does_not_hold(tmp_path: Path) -> None:
    """The parts are those of detect-only, the level claimed is not: as with real root in a bubblewrap that keeps its rights."""
    at = Place(tmp_path, replace(reachable().at(Level.DETECT_ONLY), level=Level.LANDLOCK))
    with at.worker, pytest.raises(ToolError, match=r"level landlock does not hold here: .*: create, rename, write"):
        self_test(at.worker)
    assert at.spec.read_text() == "registered\n"


def test_the_self_test_finds_scratch_that_units_cannot_write_to(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root makes folders of others")
    scratch = tmp_path / "scratch"
    scratch.mkdir(mode=0o755)
    os.chown(scratch, 12345, 12345)
    at = Place(tmp_path, reach_or_skip("sandbox"), scratch=(scratch,))
    with (
        at.worker,
        pytest.raises(ToolError, match=r"cannot write to the scratch folder .*: give it to user 0 \(chown\)"),
    ):
        self_test(at.worker)


def test_the_self_test_of_detect_only_promises_nothing(tmp_path: Path) -> None:
    at = Place(tmp_path, reachable().at(Level.DETECT_ONLY))
    with at.worker:
        assert not self_test(at.worker).denied("write")


def test_what_is_protected_may_not_lie_where_units_write(tmp_path: Path) -> None:
    work = tmp_path / "work"
    with pytest.raises(BadInput, match="is protected and lies in"):
        Rooms(protected=(work / "spec.md",), work=work)
    with pytest.raises(BadInput, match="is no folder"):
        Rooms(protected=(), work=work, scratch=(tmp_path / "none",))


def test_a_spec_with_a_second_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "spec.md").touch()
    os.link(tmp_path / "spec.md", tmp_path / "other.md")
    with pytest.raises(BadInput, match="has a second name"):
        Rooms(protected=(tmp_path / "spec.md",), work=tmp_path / "work")


def test_a_tmp_that_shows_a_repository_is_not_granted_whole(tmp_path: Path) -> None:
    rooms = Rooms(protected=(), work=tmp_path / "work")
    if not rooms.work.is_relative_to("/tmp"):
        pytest.skip("temporary files of tests are not in /tmp here")
    assert bubblewrap.private(rooms, ())[0] == "/tmp/gnomon"
    elsewhere = Rooms(protected=(), work=Path(__file__).parent)
    if not elsewhere.work.is_relative_to("/tmp"):
        assert bubblewrap.private(elsewhere, ())[0] == "/tmp"
