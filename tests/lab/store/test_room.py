"""Rooms of units: whatever is in them, they can be read, digested and sealed afterwards."""

import os
from pathlib import Path

import pytest

from gnomon.lab.store.room import DEEPEST, settle
from gnomon.lab.store.run_folder import digest_of_tree


@pytest.mark.parametrize(("name", "count"), [("d", 3000), ("x" * 200, 60)])
def test_folders_nested_beyond_use_are_taken_out_and_the_rest_stays(tmp_path, name, count, monkeypatch):
    room = tmp_path / "room"
    room.mkdir()
    (room / "kept").write_text("1")
    monkeypatch.chdir(room)
    for _ in range(count):
        Path(name).mkdir()
        os.chdir(name)
    Path("file").write_text("2")
    os.chdir(tmp_path)
    assert "were taken out (1 places)" in settle(room)
    assert settle(room) == ""
    left = list(room.rglob("*"))
    assert len(left) <= DEEPEST + 1
    assert (room / "kept").read_text() == "1"
    assert len(digest_of_tree(room)) == 64


def test_links_are_not_followed(tmp_path):
    outside, room = tmp_path / "outside", tmp_path / "room"
    outside.mkdir()
    (outside / "file").write_text("1")
    (outside / "file").chmod(0)
    room.mkdir()
    (room / "folder").symlink_to(outside)
    (room / "link").symlink_to(outside / "file")
    (room / "nowhere").symlink_to("nowhere")
    assert settle(room) == ""
    assert (outside / "file").stat().st_mode & 0o777 == 0
