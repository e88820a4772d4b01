"""Slower memories behind the KV cache: against the plain twin, by hand, and what holds always."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.core.service import KvTier, KvTiers, Routing
from gnomon.engines.serving.simulate import simulate
from tests.engines.serving.plain_tiers import tiers
from tests.engines.serving.plain_v1 import Pool, run
from tests.engines.serving.test_vllm_v1 import BLOCK, REQUEST, a_service, decided, drawn, spelled_out, steps_of

pytestmark = pytest.mark.xdist_group("compiled")
CPU_S, REMOTE_S = 0.1307, 0.3011  # of a block: no sum of some is a time at which a step ends


def tiered(cpu=0, remote=0, cpu_s=CPU_S, remote_s=REMOTE_S, **others):
    return a_service(
        tiers=KvTiers(
            cpu=KvTier(blocks=cpu, block_s=cpu_s) if cpu else None,
            remote=KvTier(blocks=remote, block_s=remote_s) if remote else None,
        ),
        **others,
    )


@given(
    rows=st.lists(REQUEST, min_size=1, max_size=14),
    blocks=st.integers(15, 30),
    cpu=st.sampled_from([0, 3, 8, 40]),
    remote=st.sampled_from([0, 5, 60]),
    cpu_s=st.sampled_from([CPU_S, 10 * CPU_S]),
    most_tokens=st.sampled_from([5, 16, 40]),
    most_requests=st.integers(1, 5),
    chunk=st.sampled_from([0, 3, 8]),
)
def test_decisions_are_those_of_the_plain_twin(rows, blocks, cpu, remote, cpu_s, most_tokens, most_requests, chunk):
    limits = {"most_tokens": most_tokens, "most_requests": most_requests, "chunk": chunk}
    given_service = tiered(cpu, remote, cpu_s, blocks=blocks, **limits)
    plain, slower = spelled_out(rows), tiers(BLOCK, (cpu, cpu_s), (remote, REMOTE_S))
    expected = run(plain, Pool(blocks, BLOCK, caches=True), tiers=slower, **limits)
    stream = drawn(rows)
    assert decided(simulate(given_service, stream, records=True)) == expected
    made = simulate(given_service, stream)
    assert made.batches == len(expected)
    assert made.requests.first_token_s.tolist() == [one.first_s for one in plain]
    assert made.requests.completed_s.tolist() == [one.done_s for one in plain]
    assert made.requests.restarts.tolist() == [one.restarts for one in plain]
    loaded = [[store.loaded.get(number, 0) for number in range(len(rows))] for store in slower.stores]
    assert [made.tiered.cpu_tokens.tolist(), made.tiered.remote_tokens.tolist()] == loaded
    waits_s = [slower.waits_s.get(number, np.nan) for number in range(len(rows))]
    assert made.tiered.waits_s == pytest.approx(waits_s, nan_ok=True)
    assert (made.tiered.cpu_stored_blocks, made.tiered.remote_stored_blocks) == tuple(
        store.copied for store in slower.stores
    )
    assert made.held_blocks == 0
    assert not made.requests.in_flight.any()
