"""What one policy does and another does not, and what goes wrong."""

import pytest

from gnomon.core.errors import BadInput, Unsupported
from gnomon.core.service import DecoderShape, DeviceRoom, Routing
from gnomon.engines.serving.memory import planned
from gnomon.engines.serving.routers import static_routes
from gnomon.engines.serving.simulate import simulate
from tests.engines.serving.cases import arrivals, service, stage_times

pytestmark = pytest.mark.xdist_group("compiled")


def test_faster_transformer_loses_blocks_only_with_the_defects_of_vidur():
    rows = arrivals((0, 8, 1), (0, 8, 2), (0, 8, 2), (0, 8, 1))
    sound, as_vidur = (
        simulate(service("faster-transformer", blocks=8), rows, has_defects=defects) for defects in (False, True)
    )
    assert (sound.lost_blocks, as_vidur.lost_blocks) == (0, 4)
    assert sound.requests.scheduled_s[3] == sound.requests.scheduled_s[2]  # together, in all eight blocks
    assert (
        as_vidur.requests.scheduled_s[3] >= as_vidur.requests.completed_s[2]
    )  # one at a time, in the four that are left


def test_a_request_that_needs_more_blocks_than_there_are_is_named():
    made = simulate(service("vidur-vllm", blocks=2), arrivals((0, 8, 1), (0.5, 24, 1), (0.6, 8, 1)))
    assert made.requests.is_completed.tolist() == [True, False, False]
    assert made.waiting.tolist() == [1, 2]
    assert list(made.notes) == [
        "2 requests can never be scheduled, from request 1, of 24 tokens in its prompt on: it needs 3 blocks of the KV cache, of 2 "
        "with those that stay free"
    ]


@pytest.mark.parametrize(
    ("policy", "blocks", "why"),
    [
        ("orca", 3, "orca keeps room for a whole sequence of 32 tokens, and the 3 blocks of the KV cache hold none"),
        (
            "faster-transformer",
            3,
            "faster-transformer keeps room for a whole sequence of 32 tokens, and the 3 blocks of the KV cache hold none",
        ),
        (
            "lightllm",
            15,
            "with its answer it takes 15 tokens of the KV cache, and lightllm lets in fewer than the 15 that it holds",
        ),
    ],
)
def test_what_a_policy_would_keep_room_for_is_told_where_there_is_none(policy, blocks, why):
    made = simulate(service(policy, blocks=blocks), arrivals((0, 8, 8)))
    assert made.why_waiting(0) == why
    assert simulate(service(policy, blocks=blocks + 1), arrivals((0, 8, 8))).requests.is_completed.all()


def test_who_was_evicted_last_is_looked_at_again_but_for_the_defects_of_vidur():
    rows = arrivals((0, 8, 4))
    sound, as_vidur = (
        simulate(service("vidur-vllm", blocks=2), rows, has_defects=defects) for defects in (False, True)
    )
    assert sound.requests.is_completed.all()
    assert sound.requests.restarts.tolist() == [2]
    assert as_vidur.waiting.tolist() == [0]
    assert "evicted when no batch was in flight" in next(iter(as_vidur.notes))


def test_what_ends_at_the_time_limit_is_not_called_impossible():
    made = simulate(service("vidur-vllm", time_limit_s=0.2), arrivals((0, 16, 8), (0.1, 8, 4)))
    assert not len(made.waiting)
    assert list(made.notes) == ["2 requests are not through when the time limit ends the run"]


def test_a_size_beyond_the_table_is_taken_on_and_said():
    made = simulate(
        service("orca", times=stage_times(decode_ms=stage_times().decode_ms[:1])), arrivals((0, 8, 9), (0, 8, 9))
    )
    assert made.requests.is_completed.all()
    assert made.outside == (
        "up to 2 requests that decode, where the table ends at 1: taken in proportion to the work; Vidur fails there",
    )


def test_a_model_that_does_not_fit_is_refused():
    shape = DecoderShape(layers=2, query_heads=2, kv_heads=2, embedding=8, hidden=8, is_gated=False)
    room = DeviceRoom(
        shape=shape,
        tensor_parallel=1,
        stages=1,
        device_bytes=1000.0,
        margin=0.1,
        sequence_tokens=32,
        block_tokens=8,
        blocks=None,
    )
    with pytest.raises(BadInput, match=r"the model does not fit: .* of parameters on each device"):
        planned(room)


def test_an_unknown_policy_is_told_with_the_near_one():
    with pytest.raises(Unsupported, match="no policy 'sarathy'; did you mean 'sarathi'"):
        simulate(service("sarathy"), arrivals((0, 8, 3)))


def test_the_random_router_goes_on_where_the_generator_of_requests_ended():
    later = static_routes(Routing(name="random", seed=42, draws_before=5), 10, 3)
    at_once = static_routes(Routing(name="random", seed=42), 10, 3)
    assert later is not None and at_once is not None
    assert later.tolist() != at_once.tolist()
    assert set(later.tolist()) <= {0, 1, 2}


def test_the_shortest_queue_gets_the_next_request_and_the_first_of_equals():
    rows = arrivals((0, 8, 2), (0, 8, 2), (0, 8, 2), (0.01, 8, 2))
    made = simulate(service("orca", replicas=3, routing=Routing(name="lor")), rows)
    assert made.requests.replica.tolist() == [
        0,
        1,
        2,
        0,
    ]  # at 0.01 all queues are empty: those that run are not counted
