"""The journal: what is appended is there, what a crash tears is cut, what is changed is found."""

import json
import random

import pytest

from gnomon.lab.errors import Tampered
from gnomon.lab.store.journal import Journal, scan


def _filled(path, count=20):
    with Journal(path, lambda record: None) as journal:
        for index in range(count):
            journal.append(
                "number", time="2026-01-01T00:00:00Z", mono=float(index), unit=f"u{index}", value=0.1 * index
            )
        return journal.head


def _read(path):
    records = []
    return records, scan(path, records.append)


def test_what_is_appended_is_read_in_order_and_taken_once(tmp_path):
    path = tmp_path / "journal.jsonl"
    taken = []
    with Journal(path, taken.append) as journal:
        for index in range(5):
            journal.append("x", time="t", mono=0.0, index=index)
    records, found = _read(path)
    assert records == taken
    assert [record["index"] for record in records] == [0, 1, 2, 3, 4]
    assert (found.count, found.head, found.fault, found.torn_bytes) == (5, records[-1]["hash"], "", 0)


@pytest.mark.parametrize(
    ("kind", "fields", "at"),
    [
        ("unit_started", {"unit": "u", "attempt": 1, "label": 3, "phase": "full"}, "label"),
        (
            "unit_failed",
            {"unit": "u", "attempt": 1, "gpu_hours": 0.0, "steps": 0, "wall_s": 1.0, "failure": ""},
            "is_given_up",
        ),
        ("ended", {"end": "completed", "reason": None}, "reason"),
    ],
)
def test_a_record_that_fits_the_chain_and_is_not_one_of_a_run_is_tampering(tmp_path, kind, fields, at):
    path = tmp_path / "journal.jsonl"
    with Journal(path, lambda record: None) as journal:
        journal.append(kind, time="t", mono=0.0, **fields)
    with pytest.raises(Tampered, match=f"record 0: '{kind}' is not as Gnomon writes it, at {at}"):
        Journal(path, lambda record: None)


def test_a_journal_opened_again_goes_on_where_it_was(tmp_path):
    path = tmp_path / "journal.jsonl"
    head = _filled(path)
    taken = []
    with Journal(path, taken.append) as journal:
        assert (journal.count, journal.head, len(taken)) == (20, head, 20)
        journal.append("more", time="t", mono=0.0)
    assert _read(path)[1].count == 21


@pytest.mark.parametrize("kept", [1, 50, 150, -2, -1])
def test_a_torn_last_line_is_cut_and_written_over(tmp_path, kept):
    path = tmp_path / "journal.jsonl"
    _filled(path)
    whole = path.read_bytes()
    start = whole[:-1].rindex(b"\n") + 1
    path.write_bytes(whole[:start] + whole[start:][:kept])
    with Journal(path, lambda record: None) as journal:
        assert journal.count == 19
        assert journal.torn_bytes > 0
        journal.append("again", time="t", mono=0.0)
    records, found = _read(path)
    assert (found.count, found.fault, records[-1]["kind"]) == (20, "", "again")


def test_every_changed_byte_is_found(tmp_path):
    path = tmp_path / "journal.jsonl"
    _filled(path)
    whole = path.read_bytes()
    source = random.Random(7)
    for _ in range(300):
        place = source.randrange(len(whole))
        changed = bytearray(whole)
        changed[place] ^= 1 << source.randrange(8)
        path.write_bytes(bytes(changed))
        found = _read(path)[1]
        assert found.fault or found.torn_bytes  # a break in the last line is what a crash may leave
        assert found.fault or place >= whole[:-1].rindex(b"\n")


@pytest.mark.parametrize("change", ["drop", "swap", "repeat"])
def test_records_left_out_moved_or_doubled_are_tampering(tmp_path, change):
    path = tmp_path / "journal.jsonl"
    _filled(path)
    lines = path.read_bytes().splitlines(keepends=True)
    match change:
        case "drop":
            del lines[7]
        case "swap":
            lines[7], lines[8] = lines[8], lines[7]
        case "repeat":
            lines.insert(7, lines[7])
    path.write_bytes(b"".join(lines))
    with pytest.raises(Tampered, match=r"record [78]: number"):
        Journal(path, lambda record: None)


def test_a_record_written_anew_with_its_own_digest_breaks_the_chain_behind_it(tmp_path):
    path = tmp_path / "journal.jsonl"
    _filled(path)
    lines = path.read_bytes().splitlines(keepends=True)
    forged = tmp_path / "forged.jsonl"
    record = json.loads(lines[5])
    with Journal(forged, lambda record: None) as journal:
        for line in lines[:5]:
            old = json.loads(line)
            journal.append(old["kind"], time=old["time"], mono=old["mono"], unit=old["unit"], value=old["value"])
        journal.append(record["kind"], time=record["time"], mono=record["mono"], unit=record["unit"], value=99)
    path.write_bytes(forged.read_bytes() + b"".join(lines[6:]))
    assert _read(path)[1].fault == "record 6: it does not follow the record before"


def test_a_full_disk_leaves_the_journal_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "journal.jsonl"
    _filled(path)
    before = path.read_bytes()
    with Journal(path, lambda record: None) as journal:

        def full(handle):
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr("os.fsync", full)
            with pytest.raises(OSError, match="No space"):
                journal.append("x", time="t", mono=0.0)
        assert path.read_bytes() == before
        journal.append("y", time="t", mono=0.0)
    assert _read(path)[1].count == 21
