"""A run as a signed statement: OpenSSH accepts it as it was made, and no other; it says what the run's own files say."""

import base64
import json
import re
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from gnomon.core.errors import BadInput, ToolError
from gnomon.lab import errors, export
from gnomon.lab.exports.attestation import SUBJECTS
from gnomon.lab.store.journal import scan
from tests.lab.exports.runs import bytes_below, sealed

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "export-an-experiment.md"
UNPACK = re.search(r"```python\n(# Save this as unpack\.py.*?)```", PAGE.read_text(), re.DOTALL).group(1)
VERIFY = re.search(r"^ssh-keygen -Y verify .*$", PAGE.read_text(), re.MULTILINE).group(0)

pytestmark = pytest.mark.skipif(
    not (shutil.which("ssh-keygen") and shutil.which("git")), reason="ssh-keygen or git is not installed"
)


def _git(root, *words):
    subprocess.run(["git", "-C", root, *words], check=True, capture_output=True)


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A repository with a commit, where no configuration of the machine's says how to sign."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    folder = tmp_path / "lab"
    folder.mkdir()
    _git(folder, "init", "-q")
    _git(folder, "config", "user.name", "A Name")
    _git(folder, "config", "user.email", "me@example.org")
    _git(folder, "commit", "-q", "--allow-empty", "-m", "first")
    return folder


def _keyed(root):
    """Give the repository a key, and write the list that trusts it."""
    key = root.with_name("key")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    _git(root, "config", "user.signingkey", str(key))
    public = key.with_name("key.pub").read_text()
    root.with_name("allowed_signers").write_text(f'me@example.org namespaces="exp-attestation" {public}')


def _is_accepted(envelope, folder):
    """Whether the commands of the page accept an envelope."""
    folder.mkdir(exist_ok=True)
    (folder / "exp-001.dsse.json").write_text(json.dumps(envelope))
    (folder / "unpack.py").write_text(UNPACK)
    shutil.copy(folder.with_name("allowed_signers"), folder)
    subprocess.run([sys.executable, "unpack.py", "exp-001.dsse.json"], cwd=folder, check=True)
    return subprocess.run(["sh", "-c", VERIFY], cwd=folder, capture_output=True, check=False).returncode == 0


def _changed(text, place):
    raw = bytearray(base64.b64decode(text))
    raw[place] ^= 1
    return base64.b64encode(raw).decode()


def test_openssh_accepts_the_statement_and_no_other(root, tmp_path):
    path = sealed(root)
    _keyed(root)
    before = bytes_below(root)
    written = export(path, "attestation", tmp_path / "a.json")
    assert bytes_below(root) == before
    envelope = json.loads((tmp_path / "a.json").read_text())
    assert set(envelope) == {"payloadType", "payload", "signatures"}
    assert _is_accepted(envelope, tmp_path / "good")
    payload = envelope["payload"]
    for place in (0, len(base64.b64decode(payload)) // 2, -1):
        assert not _is_accepted({**envelope, "payload": _changed(payload, place)}, tmp_path / "bad")
    assert not _is_accepted({**envelope, "payloadType": "application/json"}, tmp_path / "bad")
    shown = subprocess.run(["ssh-keygen", "-lf", tmp_path / "key.pub"], capture_output=True, text=True, check=True)
    assert envelope["signatures"][0]["keyid"] == written.counts["keyid"] == shown.stdout.split()[1]


def test_the_statement_says_what_the_files_of_the_run_say(root, tmp_path):
    data = root / "data.csv"
    data.write_text("a\n1\n")
    item = {"path": "data.csv", "sha256": sha256(data.read_bytes()).hexdigest()}
    path = sealed(root, inputs=[item], abort__0={"id": "half_way", "expr": "share < 0.9"})
    _keyed(root)
    written = export(path, "attestation", tmp_path / "a.json")
    said = json.loads(base64.b64decode(json.loads((tmp_path / "a.json").read_text())["payload"]))
    folder = root / "results" / path.stem
    digests = {name: sha256((folder / name).read_bytes()).hexdigest() for name in (*SUBJECTS, "journal.jsonl")}
    assert said["_type"] == "https://in-toto.io/Statement/v1"
    assert {one["name"]: one["digest"]["sha256"] for one in said["subject"]} == {n: digests[n] for n in SUBJECTS}
    metrics = json.loads((folder / "metrics.json").read_text())
    build, run, protocol, found = said["predicate"].values()
    assert build["externalParameters"]["spec"] == {"sha256": digests["spec.md"]}
    commit, data = build["resolvedDependencies"]
    head = subprocess.run(["git", "-C", root, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    assert commit["digest"] == {"gitCommit": head.stdout.strip()}
    assert commit["annotations"]["is_dirty"] is True
    assert data == {"name": "data.csv", "digest": {"sha256": item["sha256"]}}
    assert run["metadata"]["invocationId"] == metrics["_protocol"]["run_id"]
    assert run["byproducts"] == [{"name": "journal.jsonl", "digest": {"sha256": digests["journal.jsonl"]}}]
    records = []
    scan(folder / "journal.jsonl", records.append)
    assert (run["metadata"]["startedOn"], run["metadata"]["finishedOn"]) == (records[0]["time"], records[-1]["time"])
    assert protocol == {
        "status": "aborted",
        "reason": metrics["abort_reason"],
        "enforcement": "detect-only",
        "violations": 0,
        "journal_head": records[-1]["hash"],
    }
    assert found["anchors"] == ["tag prereg/exp-001-halves names the digest of version 0"]
    assert found["limits"] == list(written.notes)


def test_without_a_key_nothing_is_written(root, tmp_path):
    path = sealed(root)
    with pytest.raises(ToolError, match=r"a statement is signed: set git's user\.signingkey"):
        export(path, "attestation", tmp_path / "a.json")
    _git(root, "config", "user.signingkey", str(tmp_path / "gone"))
    with pytest.raises(ToolError, match="ssh-keygen: "):
        export(path, "attestation", tmp_path / "a.json")
    assert not (tmp_path / "a.json").exists()


def test_what_was_changed_since_or_is_kept_is_not_attested(root, tmp_path):
    path = sealed(root)
    _keyed(root)
    with pytest.raises(BadInput, match="the protocol keeps results"):
        export(path, "attestation", root / "results" / "a.json")
    metrics = root / "results" / path.stem / "metrics.json"
    metrics.chmod(0o644)
    metrics.write_text(metrics.read_text().replace("0.5", "0.4"))
    with pytest.raises(errors.Tampered):
        export(path, "attestation", tmp_path / "a.json")
