"""Packages with the digest of what was installed: it changes where a file's hash does, and is that of the file on disk."""

import sys
from hashlib import sha256
from importlib.metadata import distribution

from gnomon.lab.runs.packages import installed, versions


def _install(folder, name, version, record):
    place = folder / f"{name}-{version}.dist-info"
    place.mkdir(parents=True)
    (place / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    if record is not None:
        (place / "RECORD").write_bytes(record)


def _record(digest, name="My_Thing", version="1.0"):
    """As pip writes it, with ends of line of two characters."""
    return f"thing.py,sha256={digest},10\r\n{name}-{version}.dist-info/RECORD,,\r\n".encode()


def test_a_package_has_the_digest_of_its_record_as_it_lies_on_disk(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    _install(tmp_path, "My_Thing", "1.0", _record("abc"))
    before = installed()["my-thing"]
    assert before == {"version": "1.0", "record_sha256": sha256(_record("abc")).hexdigest()}
    (tmp_path / "My_Thing-1.0.dist-info" / "RECORD").write_bytes(_record("abd"))
    assert installed()["my-thing"]["record_sha256"] != before["record_sha256"]


def test_a_package_without_a_record_has_none(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    _install(tmp_path, "bare", "2", None)
    assert installed()["bare"] == {"version": "2", "record_sha256": None}


def test_of_two_of_a_name_it_is_the_one_that_an_import_takes(tmp_path, monkeypatch):
    for folder, version in (("behind", "1"), ("before", "2")):
        monkeypatch.syspath_prepend(str(tmp_path / folder))
        _install(tmp_path / folder, "twice", version, None)
    assert sys.path[0].endswith("before")
    assert installed()["twice"]["version"] == "2" == distribution("twice").version


def test_every_package_of_this_interpreter_is_there():
    found = installed()
    assert {name: one["version"] for name, one in found.items()} == versions()
    assert list(found) == sorted(found)
    assert len(found["numpy"]["record_sha256"]) == 64
