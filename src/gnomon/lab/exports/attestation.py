"""A run as a signed statement: an in-toto Statement v1 about its files, in a DSSE envelope with a signature by ssh.

    payload    subject     the list of all sealed files, metrics.json and the spec, by digest
               predicate   what ran, on what, from when to when, how it ended, and what its verification found to hold it
    signature  by the ssh key that git signs with, of DSSE's pre-authentication encoding

The predicate has the shape of SLSA's provenance, with a part of our own for the protocol. An envelope without a signature
states nothing, so none is written.
[https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md, https://slsa.dev/spec/v1.0/provenance,
https://github.com/secure-systems-lab/dsse/blob/master/protocol.md]
"""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

from gnomon.formats.files import check_writable, write_whole
from gnomon.lab.digests import of_file
from gnomon.lab.exports.place import Exported, refuse_kept
from gnomon.lab.exports.sealed import SealedRun
from gnomon.lab.repository import root_of
from gnomon.lab.specs.signature import signed
from gnomon.lab.store.run_folder import json_text
from gnomon.lab.store.seal import MANIFEST

NAMESPACE = "exp-attestation"  # of the ssh signature
PAYLOAD = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE, BUILD = "urn:gnomon:experiment-run:1", "urn:gnomon:experiment:1"
SUBJECTS = (MANIFEST, "metrics.json", "spec.md")


def write_attestation(run: SealedRun, place: str) -> Exported:
    """Write the signed statement of a sealed run as one file. ToolError where there is no key to sign with."""
    target = Path(place)
    refuse_kept(run.path, target, (item.path for item in run.spec.inputs))
    check_writable(target)
    payload = json.dumps(statement(run), allow_nan=False, separators=(",", ":")).encode()
    signature = signed(
        root_of(run.path), encoded(PAYLOAD, payload), NAMESPACE, asked_by="attestation: a statement is signed"
    )
    key = fingerprint(signature)
    envelope = {
        "payloadType": PAYLOAD,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [{"keyid": key, "sig": base64.b64encode(signature.encode()).decode()}],
    }
    write_whole(target, json_text(envelope).encode())
    return Exported(
        format="attestation",
        place=place,
        what=f"{len(SUBJECTS)} subjects, signed by {key}",
        counts={"subjects": len(SUBJECTS), "keyid": key},
        notes=run.verified.limits,
    )


def encoded(kind: str, payload: bytes) -> bytes:
    """The bytes that are signed: DSSE's pre-authentication encoding, in which no two kinds and payloads are alike."""
    return b"DSSEv1 %d %s %d %s" % (len(kind.encode()), kind.encode(), len(payload), payload)


def fingerprint(signature: str) -> str:
    """The key that made an ssh signature, as ssh-keygen shows it: SHA256:... [OpenSSH, PROTOCOL.sshsig]

    The signature is armoured; inside are "SSHSIG", four bytes of version, then the length and the bytes of the public key.
    """
    raw = base64.b64decode("".join(signature.strip().splitlines()[1:-1]))
    length = int.from_bytes(raw[10:14], "big")
    digest = hashlib.sha256(raw[14 : 14 + length]).digest()
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


def statement(run: SealedRun) -> dict[str, Any]:
    """What is said of the run."""
    return {
        "_type": STATEMENT,
        "subject": [_resource(name, of_file(run.folder.path / name)) for name in SUBJECTS],
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD,
                "externalParameters": {
                    "experiment": run.spec.id,
                    "spec": {"sha256": run.state.spec_sha256},
                    "version": run.lock.version,
                    "registered": run.lock.registered,
                },
                "resolvedDependencies": [*_commit(run), *(_resource(one.path, one.sha256) for one in run.spec.inputs)],
            },
            "runDetails": {
                "builder": {"id": "urn:gnomon:runner", "version": {"gnomon": run.config["environment"]["gnomon"]}},
                "metadata": {
                    "invocationId": run.state.run,
                    "startedOn": run.state.started,
                    "finishedOn": run.state.last,
                },
                "byproducts": [_resource("journal.jsonl", of_file(run.folder.journal))],
            },
            "protocol": {
                "status": run.state.end,
                "reason": run.state.reason or None,
                "enforcement": run.state.enforcement,
                "violations": len(run.state.violations),
                "journal_head": run.state.head,
            },
            "verification": {
                "records": run.verified.records,
                "files": run.verified.files,
                "anchors": run.verified.anchors,
                "limits": run.verified.limits,
            },
        },
    }


def _resource(name: str, sha256: str) -> dict[str, Any]:
    return {"name": name, "digest": {"sha256": sha256}}


def _commit(run: SealedRun) -> list[dict[str, Any]]:
    """The repository when the run ended; none where there was no commit."""
    git = run.config["environment"]["git"]
    if not git["commit"]:
        return []
    about = {"branch": git["branch"], "is_dirty": git["is_dirty"]}
    return [{"name": "repository", "digest": {"gitCommit": git["commit"]}, "annotations": about}]
