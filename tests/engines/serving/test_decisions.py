"""What a scheduler decided, as rows."""

import pytest

from gnomon.core.errors import BadInput
from gnomon.engines.serving.decisions import decisions_csv
from gnomon.engines.serving.policies import POLICIES
from gnomon.engines.serving.simulate import simulate
from tests.engines.serving.cases import BY_TOKEN, arrivals, service

pytestmark = pytest.mark.xdist_group("compiled")
ROWS = [(0.1 * i, 3 + i * 5 % 14, 2 + i * 7 % 13) for i in range(12)]


def test_a_row_tells_who_came_and_who_lost_his_blocks():
    made = simulate(service("vidur-vllm", blocks=3), arrivals((0, 8, 3), (0.1, 8, 2)), records=True)
    text = decisions_csv(made.decisions())
    assert text.splitlines()[0] == (
        "step,replica,start_s,end_s,tokens,requests,admitted,preempted,found_tokens,free_blocks"
    )
    seen = [(one.requests, one.admitted, one.preempted, one.free_blocks) for one in made.decisions()]
    assert seen[:3] == [(((0, 8),), (0,), (), 2), (((1, 8),), (1,), (), 1), (((0, 1),), (), (1,), 1)]
    assert text.splitlines()[3].split(",")[4:] == ["1", "0", "", "1", "0", "1"]


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("stages", [1, 2])
def test_rows_account_for_every_token_and_every_eviction(policy, stages):
    is_by_token = policy in BY_TOKEN
    stages, blocks = (1, 80) if is_by_token else (stages, 9)
    made = simulate(service(policy, blocks=blocks, stages=stages), arrivals(*ROWS), records=True)
    rows = list(made.decisions())
    assert [row.step for row in rows] == list(range(made.batches))
    assert all(row.end_s is not None and row.end_s > row.start_s for row in rows)
    assert sum(len(row.preempted) for row in rows) == made.requests.restarts.sum()
    assert sum(len(row.admitted) for row in rows) == len(ROWS) + made.requests.restarts.sum()
    assert all(0 <= row.free_blocks <= blocks for row in rows)
    if not made.requests.restarts.any():
        computed = made.requests.prefill + made.requests.decode - 1
        assert sum(tokens for row in rows for _, tokens in row.requests) == computed.sum()


def test_what_was_not_recorded_cannot_be_shown():
    with pytest.raises(BadInput, match="records=True"):
        simulate(service("orca"), arrivals((0, 8, 2))).decisions()
