"""Registration: what binds a spec, what an edit costs, and how versions are linked."""

import json
import subprocess
from datetime import UTC, datetime

import pytest

from gnomon.core.errors import BadInput, ToolError
from gnomon.lab.errors import NotRegistered, SpecInvalid, Tampered
from gnomon.lab.specs.registration import amend, lock_path, locks_of, register, registered
from tests.lab.samples import SOUND, bytes_of, changed

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def _spec(tmp_path, spec=SOUND):
    path = tmp_path / "experiments" / "exp-001-halves.md"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(bytes_of(spec))
    return path


def _git(root, *words):
    subprocess.run(["git", "-C", str(root), *words], check=True, capture_output=True)


def _repository(root):
    _git(root, "init", "-q")
    _git(root, "config", "user.name", "A Name")
    _git(root, "config", "user.email", "a@example.org")


def test_a_registered_spec_may_run(tmp_path):
    path = _spec(tmp_path)
    made = register(path, now=NOW)
    assert made.lock.registered == "2026-01-02T03:04:05Z"
    assert registered(path) == made
    assert register(path, now=NOW) == made


def test_an_unregistered_spec_is_refused_with_what_to_do(tmp_path):
    path = _spec(tmp_path)
    with pytest.raises(NotRegistered, match="gnomon exp register") as fault:
        registered(path)
    assert fault.value.exit_code == 15


def test_a_spec_with_faults_is_not_registered_and_all_are_told(tmp_path):
    path = _spec(tmp_path, changed(title=..., confounds=[]))
    with pytest.raises(SpecInvalid) as fault:
        register(path, now=NOW)
    assert len(str(fault.value).splitlines()) == 2
    assert not lock_path(path, 0).exists()


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"hypothesis__magnitude": 0.7}, "hypothesis.magnitude: 0.6 -> 0.7"),
        ({"protocol__seeds": [0, 1, 5]}, "protocol.seeds.2: 2 -> 5"),
        ({"mve": ...}, 'mve.pass_if: "max(half.share) < 1" is gone'),
        ({"metrics__primary__0__bounds": [0.0, 2]}, "metrics.primary.0.bounds.0: 0 -> 0.0"),
    ],
)
def test_an_edit_is_told_field_by_field(tmp_path, fields, told):
    path = _spec(tmp_path)
    register(path, now=NOW)
    path.write_bytes(bytes_of(changed(**fields)))
    for door in (registered, lambda path: register(path, now=NOW)):
        with pytest.raises(NotRegistered, match="gnomon exp amend") as fault:
            door(path)
        assert told in str(fault.value)


@pytest.mark.parametrize("change", [lambda raw: raw + b"\nmore words\n", lambda raw: raw.replace(b"\n", b"\r\n")])
def test_any_other_byte_is_an_edit_too(tmp_path, change):
    path = _spec(tmp_path)
    register(path, now=NOW)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(NotRegistered, match=r"prose differs|only its form differs"):
        registered(path)


def test_amendments_are_linked_versions(tmp_path):
    path = _spec(tmp_path)
    register(path, now=NOW)
    for seeds in ([0, 1, 2, 3], [0, 1, 2, 3, 4]):
        path.write_bytes(bytes_of(changed(protocol__seeds=seeds, budget__max_seeds_per_config=9, budget__max_runs=90)))
        amend(path, "more seeds", now=NOW)
    locks = locks_of(path)
    assert [lock.version for lock in locks] == [0, 1, 2]
    assert locks[2].changes == ("  protocol.seeds.4: 4 is new",)
    assert registered(path).lock.why == "more seeds"
    with pytest.raises(BadInput, match="nothing differs"):
        amend(path, "again", now=NOW)


def test_an_amendment_says_why_and_needs_a_registration(tmp_path):
    path = _spec(tmp_path)
    with pytest.raises(NotRegistered):
        amend(path, "why", now=NOW)
    register(path, now=NOW)
    path.write_bytes(bytes_of(changed(title="another")))
    with pytest.raises(BadInput, match="says why"):
        amend(path, " ", now=NOW)


@pytest.mark.parametrize("field", ["spec_sha256", "text", "before_sha256"])
def test_an_edited_lock_is_tampering(tmp_path, field):
    path = _spec(tmp_path)
    register(path, now=NOW)
    lock = json.loads(lock_path(path, 0).read_text())
    lock[field] = "0" * 64
    lock_path(path, 0).write_text(json.dumps(lock))
    with pytest.raises(Tampered, match="was edited"):
        registered(path)


def test_git_s_commit_is_held_and_a_tag_names_the_digest(tmp_path):
    _repository(tmp_path)
    path = _spec(tmp_path)
    _git(tmp_path, "add", "-A")
    _git(tmp_path, "commit", "-qm", "spec")
    lock = register(path, now=NOW).lock
    assert len(lock.commit) == 40
    assert (lock.is_committed, lock.by) == (True, "A Name <a@example.org>")
    shown = subprocess.run(["git", "-C", str(tmp_path), "show", lock.tag], capture_output=True, text=True, check=True)
    assert lock.spec_sha256 in shown.stdout


def test_a_signature_is_ssh_s_own_and_holds_for_these_bytes_alone(tmp_path):
    _repository(tmp_path)
    path = _spec(tmp_path, changed(integrity={"signing": "ssh"}))
    _git(tmp_path, "add", "-A")
    _git(tmp_path, "commit", "-qm", "spec")
    with pytest.raises(ToolError, match=r"user\.signingkey"):
        register(path, now=NOW)
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    _git(tmp_path, "config", "gpg.format", "ssh")
    _git(tmp_path, "config", "user.signingkey", str(key))
    lock = register(path, now=NOW).lock
    (tmp_path / "sig").write_text(lock.signature)
    (tmp_path / "allowed").write_text("me " + (tmp_path / "key.pub").read_text())
    words = ["ssh-keygen", "-Y", "verify", "-f", "allowed", "-I", "me", "-n", "exp-spec", "-s", "sig"]
    good = subprocess.run(words, cwd=tmp_path, input=path.read_bytes(), capture_output=True, check=False)
    bad = subprocess.run(words, cwd=tmp_path, input=path.read_bytes() + b" ", capture_output=True, check=False)
    assert (good.returncode, bad.returncode != 0) == (0, True)


def test_a_spec_outside_of_experiments_is_refused(tmp_path):
    path = tmp_path / "exp-001-halves.md"
    path.write_bytes(bytes_of(SOUND))
    with pytest.raises(BadInput, match="a folder called experiments"):
        register(path, now=NOW)
