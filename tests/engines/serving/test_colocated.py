"""Two models on the same devices."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnomon.core.autoscale import Autoscale
from gnomon.core.errors import BadInput, Unsupported
from gnomon.core.service import Arrivals, Routing
from gnomon.engines.serving.colocated import simulate_together
from gnomon.engines.serving.simulate import simulate
from gnomon.engines.serving.simulator.records import DECODING, KV, MEMBERS, REPLICA, ROWS, SIZE, STAGE, TOTAL
from tests.engines.serving.cases import BY_TOKEN, arrivals, service, stage_times, step_times
from tests.engines.serving.plain_sharing import Server, run
from tests.long import LONG

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("compiled")]
MANY = 5_000 if LONG else 40
ROWS_OF = st.lists(st.tuples(st.floats(0, 5), st.integers(1, 16), st.integers(1, 16)), min_size=1, max_size=8)
QUICK_ROWS = st.lists(st.tuples(st.floats(0, 0.1), st.integers(1, 16), st.integers(1, 16)), min_size=1, max_size=8)
NOBODY = Arrivals(
    ids=np.zeros(0, np.int64),
    arrived_s=np.zeros(0),
    prefill_tokens=np.zeros(0, np.int64),
    decode_tokens=np.zeros(0, np.int64),
)
TIMES = [stage_times(), step_times()]
WIDE = stage_times(prefill_ms=np.ones((9, 128)))  # up to 512 tokens of the prompts of a step


def _sorted(rows):
    return arrivals(*sorted(rows, key=lambda row: row[0]))


def _other(made):
    return made.together.other


def _steps_of_each(made):
    """What the steps of each request take, one after another, where a step has one request."""
    count = int(made.log.counts[ROWS])
    found = [[] for _ in made.requests]
    for row, (_, took_s) in zip(made.log.rows[:count], made.log.times_s[:count], strict=True):
        assert row[SIZE] == 1
        found[int(made.log.members[row[MEMBERS], 0])].append(float(took_s))
    return found


@settings(max_examples=MANY, deadline=None)
@given(rows=QUICK_ROWS, others=QUICK_ROWS, host_s=st.sampled_from([0.0, 0.5e-3, 2e-3]))
def test_requests_one_by_one_end_when_a_plain_count_of_what_is_left_says(rows, others, host_s):
    servers, given_services = [], []
    for asked in (rows, others):
        one = service(
            "vllm-v1", most_requests=1, times=step_times(host_step_s=host_s, host_request_s=0.0), sequence_tokens=32
        )
        came = _sorted(asked)
        alone = simulate(one, came, records=True)
        steps = _steps_of_each(alone)
        servers.append(Server(waiting=list(zip(came.arrived_s.tolist(), steps, strict=True)), host_s=host_s))
        given_services += [one, came]
    made = simulate_together(*given_services)
    run(servers)
    np.testing.assert_allclose(made.requests.completed_s, servers[0].ends, rtol=1e-9)
    np.testing.assert_allclose(_other(made).requests.completed_s, servers[1].ends, rtol=1e-9)


def test_of_two_steps_the_shorter_takes_twice_its_time_and_the_longer_as_long_as_both():
    one = service("vllm-v1", times=step_times(host_step_s=0.0, host_request_s=0.0))
    short, long = arrivals((0.0, 4, 1)), arrivals((0.0, 8, 1))
    takes_s = [float(simulate(one, came).requests.completed_s[0]) for came in (short, long)]
    made = simulate_together(one, short, one, long)
    assert made.requests.completed_s[0] == pytest.approx(2 * takes_s[0])
    assert _other(made).requests.completed_s[0] == pytest.approx(sum(takes_s))
    assert made.together.waits_s.tolist() == [[pytest.approx(takes_s[0]), 0.0]]
    assert _other(made).together.waits_s.tolist() == [[pytest.approx(takes_s[0]), 0.0]]
    assert made.together.busy_s == pytest.approx(sum(takes_s))


def test_a_host_works_while_the_other_model_has_the_device():
    host_s = 0.5e-3
    one = service("vllm-v1", times=step_times(host_step_s=0.0, host_request_s=0.0))
    other = service("vllm-v1", times=step_times(host_step_s=host_s, host_request_s=0.0))
    came = arrivals((0.0, 8, 1))
    device_s = float(simulate(one, came).requests.completed_s[0])
    assert device_s > 2 * host_s
    made = simulate_together(one, came, other, came)
    shared_s = device_s - host_s  # what the first lacks when the second comes to the device
    assert made.requests.completed_s[0] == pytest.approx(host_s + 2 * shared_s)
    assert _other(made).requests.completed_s[0] == pytest.approx(2 * device_s)


def test_each_stage_of_a_pipeline_is_shared_by_itself():
    one = service("vllm-v1", stages=2, times=step_times(host_step_s=0.0, host_request_s=0.0))
    came = arrivals((0.0, 8, 1))
    alone_s = float(simulate(one, came).requests.completed_s[0])
    both = simulate_together(one, came, one, came)
    assert both.requests.completed_s[0] == pytest.approx(2 * alone_s)
    later = arrivals((alone_s, 8, 1))
    after = simulate_together(one, came, one, later)
    assert after.requests.completed_s[0] == pytest.approx(alone_s)
    assert _other(after).requests.completed_s[0] == pytest.approx(2 * alone_s)


@pytest.mark.parametrize("policy", ["vllm-v1", "sglang", "sarathi"])
@settings(max_examples=MANY // 4, deadline=None)
@given(rows=ROWS_OF, stages=st.sampled_from([1, 2]), times=st.sampled_from(TIMES), is_first=st.booleans())
def test_a_model_without_requests_beside_it_changes_nothing_to_the_last_bit(policy, rows, stages, times, is_first):
    stages = 1 if policy in BY_TOKEN else stages
    blocks = 80 if policy in BY_TOKEN else 12
    one = service(policy, blocks=blocks, stages=stages, replicas=2, times=times)
    came = _sorted(rows)
    alone = simulate(one, came, records=True)
    if is_first:
        beside = simulate_together(one, came, one, NOBODY, records=True)
    else:
        beside = _other(simulate_together(one, NOBODY, one, came, records=True))
    assert beside.requests.tobytes() == alone.requests.tobytes()
    assert (beside.end_s, beside.batches, beside.busy_s) == (alone.end_s, alone.batches, alone.busy_s)
    count = int(alone.log.counts[ROWS])
    assert beside.log.rows[:count].tobytes() == alone.log.rows[:count].tobytes()
    assert beside.log.times_s[:count].tobytes() == alone.log.times_s[:count].tobytes()
    assert not beside.together.waits_s.any()


def _exact_times(host_step_s):
    """Times whose sums, halves and interpolations are exact: rounding would set two services twice as far apart each step."""
    grid, fine_s = np.array([1, 2, 4, 8, 16, 32, 64, 128]), 2.0**-18
    tokens = np.arange(1, 258, 32)
    return step_times(
        tokens=tokens,
        by_tokens_s=(256 + 32 * tokens) * fine_s,
        first_s=(8 + tokens) * fine_s,
        send_s=(64 + tokens) * fine_s,
        sampled=grid,
        last_s=(16 + grid) * fine_s,
        decodes=grid,
        decode_kv=grid,
        decode_s=(32 + 2 * grid[:, None] + grid[None, :]) * fine_s,
        before=np.append(0, grid),
        chunks=grid,
        prefill_s=(4 * np.append(0, grid)[:, None] + 2 * grid[None, :]) * fine_s,
        host_step_s=host_step_s,
        host_request_s=fine_s,
    )


@settings(max_examples=MANY // 2, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 80), st.integers(1, 16), st.integers(1, 16)), min_size=1, max_size=8),
    stages=st.sampled_from([1, 2]),
    host_step_s=st.sampled_from([0.0, 2.0**-11, 2.0**-8]),
)
def test_two_alike_fare_alike_to_the_last_bit(rows, stages, host_step_s):
    one = service("vllm-v1", blocks=64, stages=stages, times=_exact_times(host_step_s))
    came = _sorted([(arrived / 16, *tokens) for arrived, *tokens in rows])
    made = simulate_together(one, came, one, came)
    assert not made.outside
    assert made.requests.tobytes() == _other(made).requests.tobytes()
    assert made.together.waits_s.tobytes() == _other(made).together.waits_s.tobytes()


@settings(max_examples=MANY, deadline=None)
@given(
    rows=ROWS_OF,
    others=ROWS_OF,
    stages=st.sampled_from([1, 2]),
    steps_ahead=st.sampled_from([0, 1]),
    times=st.tuples(st.sampled_from(TIMES), st.sampled_from(TIMES)),
    blocks=st.integers(4, 14),
    router=st.sampled_from(["round_robin", "lor"]),
)
def test_all_are_through_no_block_is_lost_and_no_work(rows, others, stages, steps_ahead, times, blocks, router):
    both = [
        service(
            "vllm-v1",
            blocks=blocks,
            stages=stages,
            steps_ahead=steps_ahead,
            replicas=2,
            times=own,
            routing=Routing(name=router),
        )
        for own in times
    ]
    made = simulate_together(both[0], _sorted(rows), both[1], _sorted(others), records=True)
    lengths_s = []
    for one in (made, _other(made)):
        assert one.requests.is_completed.all()
        assert one.held_blocks == one.lost_blocks == 0
        count = int(one.log.counts[ROWS])
        assert one.busy_s == pytest.approx(one.log.times_s[:count, 1].sum())
        waited_s = one.together.waits_s
        assert (waited_s >= 0).all()
        took_s = one.requests.completed_s - one.requests.scheduled_s
        assert (waited_s.sum(axis=1) <= took_s + 1e-9).all()
        first_s = one.requests.first_token_s - one.requests.scheduled_s
        assert (waited_s[:, 0] <= first_s + 1e-9).all()
        lengths_s.append(one.busy_s)
    assert max(lengths_s) <= made.together.busy_s + 1e-9
    assert made.together.busy_s <= sum(lengths_s) + 1e-9
    assert _overlapping_s(made) == pytest.approx(sum(lengths_s) - made.together.busy_s, abs=1e-9)


def _overlapping_s(made):
    """While a step of each is on the same stage."""
    spans = []
    for one in (made, _other(made)):
        count = int(one.log.counts[ROWS])
        rows, times_s = one.log.rows[:count], one.log.times_s[:count]
        spans.append(
            [
                (int(row[REPLICA]), int(row[STAGE]), begin, begin + took)
                for row, (begin, took) in zip(rows, times_s, strict=True)
            ]
        )
    return sum(
        max(0.0, min(mine[3], its[3]) - max(mine[2], its[2]))
        for mine in spans[0]
        for its in spans[1]
        if mine[:2] == its[:2]
    )


@settings(max_examples=MANY // 2, deadline=None)
@given(rows=ROWS_OF, others=ROWS_OF)
def test_without_hosts_the_devices_do_each_step_once(rows, others):
    one = service("vllm-v1", blocks=64, times=WIDE)
    made = simulate_together(one, _sorted(rows), one, _sorted(others), records=True)
    assert not made.outside  # beyond a table times are no longer those of its rows
    assert not _other(made).outside
    worked_s = sum(run.busy_s for run in (made, _other(made)))
    slowed_s = sum(_step_waits_s(run) for run in (made, _other(made)))
    assert made.together.busy_s == pytest.approx(worked_s - slowed_s)


def _step_waits_s(made):
    """That steps took longer for the other model: what each of its requests waited in it, once."""
    return made.busy_s - _alone_s(made)


def _alone_s(made):
    """What the same steps take by the tables."""
    total = 0.0
    count = int(made.log.counts[ROWS])
    for row in made.log.rows[:count]:
        total += _length_s(WIDE, row)
    return total


def _length_s(times, row):
    tokens, decodes, kv = int(row[TOTAL]), int(row[DECODING]), int(row[KV])
    rounded = -(-tokens // 8) * 8
    prompts = int(row[SIZE]) - decodes
    ms = times.projections_ms[rounded - 1] + times.kv_save_ms[tokens - 1]
    ms += times.decode_ms[decodes - 1, kv // times.kv_step] if decodes else 0.0
    ms += 1.0 if prompts else 0.0
    return ms * times.layers * 1e-3


def test_services_that_do_not_lie_alike_are_refused():
    came = arrivals((0.0, 4, 2))
    with pytest.raises(BadInput, match=r"as many replicas.*1 of tp 1 and pp 1, not 2 of tp 1 and pp 1"):
        simulate_together(service("vllm-v1"), came, service("vllm-v1", replicas=2), came)


def test_what_is_not_simulated_beside_another_model_is_refused():
    came, plain = arrivals((0.0, 4, 2)), service("vllm-v1")
    scaled = replace(plain, autoscale=Autoscale(max=1, target_outstanding=2.0, start_s=0.0))
    for other in (scaled, replace(plain, time_limit_s=1.0)):
        with pytest.raises(Unsupported, match="two models on the same devices"):
            simulate_together(plain, came, other, came)
