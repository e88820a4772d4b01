"""What holds of every small service."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnomon.core.service import Routing
from gnomon.engines.serving.policies import POLICIES
from gnomon.engines.serving.simulate import simulate
from tests.engines.serving.cases import BY_TOKEN, arrivals, service, stage_times, step_times
from tests.long import LONG

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("compiled")]
ROWS = st.lists(st.tuples(st.floats(0, 5), st.integers(1, 16), st.integers(1, 16)), min_size=1, max_size=12)
MANY = 20_000 if LONG else 60  # for each policy

TIMES = [stage_times(), step_times(), step_times(decodes=np.array([4]), decode_s=np.array([[0.1, 0.2, 0.3]]))]


def _sorted(rows):
    return arrivals(*sorted(rows, key=lambda row: row[0]))


def _blocks(policy):
    return 80 if policy in BY_TOKEN else 12


@pytest.mark.parametrize("policy", POLICIES)
@settings(max_examples=MANY)
@given(
    rows=ROWS,
    most_requests=st.integers(2, 5),
    spare_blocks=st.integers(0, 12),
    stages=st.sampled_from([1, 2]),
    router=st.sampled_from(["round_robin", "lor", "random"]),
    times=st.sampled_from(TIMES),
)
def test_every_request_is_through_and_every_block_given_back(
    policy, rows, most_requests, spare_blocks, stages, router, times
):
    stages = 1 if policy in BY_TOKEN else stages
    given_service = service(
        policy,
        blocks=_blocks(policy) - 8 + spare_blocks,
        most_requests=most_requests,
        stages=stages,
        replicas=2,
        routing=Routing(name=router),
        times=times,
    )
    made = simulate(given_service, _sorted(rows))
    requests = made.requests
    assert requests.is_completed.all()
    assert not requests.blocks.any()
    assert made.held_blocks == 0
    assert (requests.processed == requests.prefill + requests.decode).all()
    assert (requests.scheduled_s >= requests.arrived_s).all()
    assert (requests.first_token_s > requests.scheduled_s).all()
    assert (requests.completed_s >= requests.first_token_s).all()
    inside_s = requests.completed_s - requests.scheduled_s
    known_s = requests.execution_s + requests.idle_s
    if policy != "vllm-v1" or stages == 1:  # there chunks of a prompt are on several stages at a time
        assert (known_s <= inside_s + 1e-9).all()  # the wait of a batch for its first stage is in neither
    assert stages > 1 or np.allclose(known_s, inside_s)


@pytest.mark.parametrize("policy", POLICIES)
@settings(max_examples=MANY)
@given(rows=ROWS, stages=st.sampled_from([1, 3]), times=st.sampled_from(TIMES))
def test_blocks_are_there_in_every_step_and_requests_in_batches_are_their_time_in_them(policy, rows, stages, times):
    blocks = _blocks(policy)
    stages = 1 if policy in BY_TOKEN else stages
    made = simulate(service(policy, blocks=blocks, stages=stages, times=times), _sorted(rows), records=True)
    steps = list(made.decisions())
    assert all(0 <= step.free_blocks <= blocks for step in steps)
    assert all(len({name for name, _ in step.requests}) == len(step.requests) for step in steps)
    count = made.log.counts[0]  # Little: the integral of how many are served is the sum of their times of service
    assert np.isclose((made.log.rows[:count, 3] * made.log.times_s[:count, 1]).sum(), made.requests.execution_s.sum())


@pytest.mark.parametrize("policy", POLICIES)
@given(rows=ROWS, times=st.sampled_from(TIMES))
def test_iterations_done_at_once_are_those_done_one_by_one(policy, rows, times):
    def outcome(records):
        made = simulate(service(policy, blocks=_blocks(policy), times=times), _sorted(rows), records=records)
        return made.requests.tobytes(), made.batches, made.end_s

    assert outcome(records=False) == outcome(records=True)


def test_as_python_the_functions_say_the_same():
    root = Path(__file__).parents[3]
    program = (
        "from tests.engines.serving.cases import *\n"
        "from gnomon.engines.serving.policies import POLICIES\n"
        "from gnomon.engines.serving.simulate import simulate\n"
        "for policy in POLICIES:\n"
        "    rows = [(0.1 * i, 3 + i * 5 % 14, 2 + i * 7 % 13) for i in range(12)]\n"
        "    blocks = 80 if policy in ('lightllm', 'sglang') else 9\n"
        "    made = simulate(service(policy, blocks=blocks), arrivals(*rows), has_defects=True)\n"
        "    print(policy, made.batches, made.end_s, made.requests.completed_s.tolist(), made.requests.restarts.tolist())\n"
    )
    compiled, plain = (
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=root,
            env=os.environ | {"NUMBA_DISABLE_JIT": disabled, "PYTHONPATH": f"{root / 'src'}{os.pathsep}{root}"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for disabled in ("0", "1")
    )
    assert plain == compiled
    assert len(plain.splitlines()) == len(POLICIES)
