"""Service level objectives as a user writes them."""

import re

import pytest

from gnomon.core.errors import BadInput
from gnomon.core.slo import METRICS, STATISTICS, Limit, limits_text, parse_limits


def test_limits_are_read_with_their_statistics_and_units():
    assert parse_limits("ttft_p90=500ms,tpot_mean=50ms") == (
        Limit(metric="ttft", statistic="p90", most_s=0.5),
        Limit(metric="tpot", statistic="mean", most_s=0.05),
    )


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("statistic", STATISTICS)
def test_every_statistic_of_every_time_can_be_limited(metric, statistic):
    (found,) = parse_limits(f"{metric}_{statistic}=2 s")
    assert (found.metric, found.statistic, found.most_s) == (metric, statistic, 2.0)
    assert found.name == f"{metric}_{statistic}"


def test_without_a_statistic_the_99th_percentile_is_meant():
    assert parse_limits("e2e=3s") == parse_limits("e2e_p99=3s")


def test_spaces_and_commas_too_many_do_not_matter():
    assert parse_limits(" ttft_p99 = 500 ms , tpot=50ms, ") == parse_limits("ttft=500ms,tpot=50ms")


def test_in_words_a_limit_reads_as_what_must_hold():
    assert limits_text(parse_limits("ttft=0.5s,tpot_mean=50ms")) == "ttft_p99 <= 500 ms, tpot_mean <= 50.0 ms"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "slo: no limit: write them like ttft_p99=500ms,tpot_p99=50ms"),
        (" , ", "slo: no limit"),
        ("ttft", "slo: 'ttft' is not NAME=TIME, like ttft_p99=500ms"),
        ("tttf_p99=1s", "slo: unknown 'tttf'; did you mean 'ttft'? (known: ttft, tpot, e2e, queueing)"),
        ("=1s", "slo: unknown '' (known: ttft, tpot, e2e, queueing)"),
        ("ttft_p999=1s", "slo: ttft_p999: unknown 'p999'; did you mean 'p99'? (known: mean, p50, p90, p95, p99)"),
        ("ttft_max=1s", "slo: ttft_max: unknown 'max'; did you mean 'mean'? (known: mean, p50, p90, p95, p99)"),
        ("ttft=0.5", "slo: ttft: '0.5' has no unit; write it like '5 us'"),
        ("ttft=fast", "slo: ttft: "),
        ("ttft=5 GB", "slo: ttft: "),
        ("ttft=0s", "slo: ttft: 0s is not a positive time"),
        ("ttft=-1s", "slo: ttft: "),
        ("ttft=nan", "slo: ttft: "),
        ("ttft=1s,ttft_p99=2s", "slo: ttft_p99 is given twice"),
    ],
)
def test_what_is_no_limit_is_one_line(text, said):
    with pytest.raises(BadInput, match=f"^{re.escape(said)}") as fault:
        parse_limits(text)
    assert "\n" not in str(fault.value)
