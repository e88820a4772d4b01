"""What tools that know no single requests cannot be told of the front door of a service."""

import pytest

import gnomon
from gnomon.core.autoscale import Autoscale
from gnomon.core.serving_plan import ServingPlan
from gnomon.tools.serving.stream import of_the_door


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({}, []),
        ({"router": "least_outstanding"}, []),
        ({"max_waiting": 3}, ["genz serves whoever comes: it turns nobody away"]),
        ({"max_wait_s": 3}, ["genz serves whoever comes: it turns nobody away"]),
        (
            {"autoscale": Autoscale(max=2, target_outstanding=3, start_s=1)},
            ["genz knows no replicas that come and go"],
        ),
        (
            {"router": "weighted", "router_weights": (2, 1)},
            ["genz is asked for replicas that get equally much, not by weights"],
        ),
    ],
)
def test_what_is_decided_at_the_door_is_refused(said, told):
    assert list(of_the_door(ServingPlan(**said), "genz")) == told


def test_a_tool_that_tells_means_of_all_requests_is_not_asked_to_leave_some_out():
    for name in ("genz", "aiconfigurator", "vidur"):
        found = gnomon.predict(
            "llama-2-7b",
            "h100-sxm",
            mode="serve",
            engine=name,
            warmup_s=1.0,
            traffic={"qps": 2, "prompts": 50, "answers": 5, "requests": 20},
        )
        assert found.reasons == (f"{name} is asked for means over all requests: leave warmup_s out",)
