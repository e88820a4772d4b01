"""Signatures by the ssh key that git signs with: OpenSSH makes them, and anyone who has OpenSSH checks them.

ssh-keygen -Y verify -f allowed_signers -I who@example.org -n NAMESPACE -s SIGNATURE < BYTES
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from gnomon.core.errors import ToolError


def signed(root: Path, raw: bytes, namespace: str, *, asked_by: str) -> str:
    """The armoured signature of bytes. ToolError where git has no key, or ssh-keygen refuses it.

    root: of the repository whose key it is. namespace: what the signature is for; one made for another purpose is none
    here. asked_by: who wants it, for the error.
    """
    key = _run(["git", "-C", str(root), "config", "user.signingkey"]).stdout.decode().strip()
    if not key:
        raise ToolError(f"{asked_by}: set git's user.signingkey to the key's file")
    done = _run(["ssh-keygen", "-Y", "sign", "-q", "-n", namespace, "-f", str(Path(key).expanduser())], raw)
    if done.returncode:
        raise ToolError(f"ssh-keygen: {(done.stderr.decode(errors='replace').strip().splitlines() or ['failed'])[-1]}")
    return done.stdout.decode()


def _run(words: list[str], raw: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(words, input=raw, capture_output=True, check=False)
    except FileNotFoundError:
        raise ToolError(f"{words[0]} is not installed") from None
