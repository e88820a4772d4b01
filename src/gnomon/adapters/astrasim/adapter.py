"""The adapter: joins translate, run and read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gnomon.adapters.astrasim.binaries import need
from gnomon.adapters.astrasim.cluster import ClusterAnswer, ClusterQuestion
from gnomon.adapters.astrasim.read import read
from gnomon.adapters.astrasim.run import run
from gnomon.adapters.astrasim.translate import missing, translate, words
from gnomon.core.cluster_rules import ClusterRules, RunOptions
from gnomon.core.errors import Unsupported
from gnomon.core.fabric import Fabric, backend_of
from gnomon.core.remote_memory import NO_REMOTE_MEMORY, RemoteMemory
from gnomon.core.tool import Limits
from gnomon.core.trace import ClusterTrace
from gnomon.tools.pins import read_pin

NAME = "astra-sim"
PIN = read_pin(Path(__file__).parent)


def run_cluster(
    trace: ClusterTrace,
    fabric: Fabric,
    rules: ClusterRules,
    *,
    memory: RemoteMemory = NO_REMOTE_MEMORY,
    groups: Mapping[int, tuple[int, ...]] | None = None,
    options: RunOptions | None = None,
    backend: str = "unaware",
    limits: Limits | None = None,
) -> ClusterAnswer:
    """When each rank ends, as the tool itself says. Unsupported with reasons; ToolError from the tool."""
    question = ClusterQuestion(
        trace=trace,
        fabric=fabric,
        rules=rules,
        memory=memory,
        groups=groups or {},
        options=options or RunOptions(),
        backend=backend_of(backend),
    )
    return ask(question, limits or Limits())


def ask(question: ClusterQuestion, limits: Limits) -> ClusterAnswer:
    """The same of a question."""
    if reasons := tuple(missing(question)):
        raise Unsupported(f"{NAME}: {'; '.join(reasons)}")
    files = translate(question)
    binary = need(question.backend, PIN.by_hand)
    ended = run(binary, words(question, files), files, limits)
    return read(ended.out, ended.err, ended.code, question.fabric.npus, backend=question.backend, version=PIN.version)
