"""Steps of serving from a graph: shares, laws, bounds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gnomon.api import plugins
from gnomon.api.names import model, system
from gnomon.core.errors import BadInput, Unsupported
from gnomon.core.plan import Plan
from gnomon.core.service import StepTimes
from gnomon.core.workload import Workload
from gnomon.engines.nccl.timer import NcclTimer
from gnomon.engines.serving.step_times.layout import Layout, Limits
from gnomon.engines.serving.step_times.overheads import NO_OVERHEADS, Overheads, vllm_v1
from gnomon.engines.serving.step_times.times import step_times
from tests.engines.serving.cases import VLLM_LIMITS

MS = 1e3


def graph(name: str, **plan: str) -> Workload:
    return model(name).build(Plan(mode="decode", batch=1, context=1, **{"dtype": model(name).dtype, **plan}))  # type: ignore[arg-type]


def of(
    name: str, on: str, layout: Layout | None = None, timer: str = "kernel", overheads: Overheads = NO_OVERHEADS
) -> StepTimes:
    return step_times(
        graph(name), system(on), layout or Layout(), VLLM_LIMITS, plugins.op_timer(timer), NcclTimer(), overheads
    )


def decode_step_s(times: StepTimes, sequences: int, kv: int) -> float:
    """A step of so many sequences that decode, on the only stage."""
    attention = np.interp(kv, times.decode_kv, [np.interp(sequences, times.decodes, row) for row in times.decode_s.T])
    dense = np.interp(sequences, times.tokens, times.by_tokens_s + times.first_s)
    return float(dense + attention + np.interp(sequences, times.sampled, times.last_s))


@pytest.mark.parametrize("timer", ["kernel", "roofline"])
def test_a_step_of_one_token_takes_no_less_than_reading_the_weights(timer: str) -> None:
    asked = graph("llama-2-7b")
    words = asked.weight_bytes - 32000 * 4096 * 2  # of the embedding one row is read
    bandwidth = system("h100-sxm").device.memory_bytes_per_s.value
    assert decode_step_s(of("llama-2-7b", "h100-sxm", timer=timer), 1, 1) > words / bandwidth


def test_a_step_is_the_sum_of_the_graph_of_that_batch_beside_what_draws_the_tokens() -> None:
    batch, context = 16, 512
    whole = model("llama-2-7b").build(Plan(mode="decode", batch=batch, context=context, dtype="fp16"))
    table = whole.table
    expected = float((plugins.op_timer("kernel").times_s(table, system("h100-sxm").device) * table.repeat).sum())
    found = decode_step_s(of("llama-2-7b", "h100-sxm"), batch, context)
    assert expected < found < 1.02 * expected


@pytest.mark.parametrize("name", ["llama-2-7b", "mixtral-8x7b", "deepseek-v2", "qwen3-32b"])
def test_every_time_grows_with_its_sizes(name: str) -> None:
    times = of(name, "hgx-h200", Layout(tensor=8), timer="roofline")
    for row in (times.by_tokens_s, times.first_s, times.last_s):
        assert (np.diff(row) >= -1e-12).all()
    for table in (times.decode_s, times.prefill_s):
        assert (np.diff(table, axis=0) >= -1e-12).all()
        assert (np.diff(table, axis=1) >= -1e-12).all()


def test_two_devices_take_half_of_the_layers_time_and_the_exchanges() -> None:
    one, two = (
        of("llama-2-70b", "hgx-h100", timer="roofline"),
        of("llama-2-70b", "hgx-h100", Layout(tensor=2), "roofline"),
    )
    bandwidth = system("hgx-h100").device.memory_bytes_per_s.value
    saved = one.by_tokens_s[0] - two.by_tokens_s[0]
    halves = graph("llama-2-70b").weight_bytes / 2 / bandwidth
    assert 0.85 * halves < saved < halves
    assert two.decode_s[-1, -1] == pytest.approx(one.decode_s[-1, -1] / 2, rel=0.01)


def test_two_stages_share_the_layers_and_send_tokens_on() -> None:
    one, two = of("llama-2-7b", "hgx-h100"), of("llama-2-7b", "hgx-h100", Layout(stages=2))
    assert two.by_tokens_s == pytest.approx(one.by_tokens_s / 2)
    assert two.prefill_s == pytest.approx(one.prefill_s / 2)
    assert two.last_s == pytest.approx(one.last_s)
    assert (one.send_s == 0).all() and (two.send_s > 0).all()


def test_of_a_mixture_few_tokens_read_few_experts() -> None:
    times = of("mixtral-8x7b", "hgx-h100", Layout(tensor=2))
    one, many = (times.by_tokens_s[times.tokens.tolist().index(tokens)] for tokens in (1, 32))
    assert 2.0 < many / one < 4.0


def test_whole_experts_on_each_device_take_about_what_halves_of_all_take() -> None:
    halves, whole = (of("mixtral-8x7b", "hgx-h100", Layout(tensor=2, experts=some)) for some in (1, 2))
    assert whole.by_tokens_s == pytest.approx(halves.by_tokens_s, rel=0.1)


def test_replicas_that_share_experts_exchange_their_tokens() -> None:
    alone = of("mixtral-8x7b", "hgx-h100", Layout(), "roofline")
    shared = of("mixtral-8x7b", "hgx-h100", Layout(experts=2), "roofline")
    assert shared.by_tokens_s[0] < alone.by_tokens_s[0] * 1.2
    assert shared.by_tokens_s[-1] > alone.by_tokens_s[-1]


def test_latent_attention_is_divided_by_heads_and_expands_prompts() -> None:
    one, eight = (of("deepseek-v2", "hgx-h200", Layout(tensor=parts), "roofline") for parts in (1, 8))
    assert eight.prefill_s[-1, -1] == pytest.approx(one.prefill_s[-1, -1] / 8, rel=0.1)
    # The latent is one for all heads: every device reads all of it.
    assert eight.decode_s[-1, -1] > one.decode_s[-1, -1] / 8


def test_a_window_bounds_what_attention_reads() -> None:
    from gnomon.zoo.decoder import decoder
    from gnomon.zoo.decoder_shape import Decoder

    shape = Decoder(
        name="windowed", layers=4, hidden=4096, heads=32, kv_heads=8, head_dim=128, intermediate=14336, vocab=32000,
        positions=32768, window=1024,
    )  # fmt: skip
    asked = decoder(shape, Plan(mode="decode", batch=1, context=1, dtype="bf16"))
    limits = replace(VLLM_LIMITS, sequence_tokens=16384)
    times = step_times(asked, system("h100-sxm"), Layout(), limits, plugins.op_timer("roofline"), None, NO_OVERHEADS)
    kv = times.decode_kv.tolist()
    assert times.decode_s[-1, kv.index(4096)] == times.decode_s[-1, -1]
    assert times.decode_s[-1, kv.index(512)] < times.decode_s[-1, -1]


def test_quantised_weights_and_caches_are_read_faster() -> None:
    def times(**plan: str) -> StepTimes:
        asked = graph("llama-2-7b", **plan)
        return step_times(
            asked, system("h100-sxm"), Layout(), VLLM_LIMITS, plugins.op_timer("roofline"), None, NO_OVERHEADS
        )

    assert times(weight_dtype="int4").by_tokens_s[0] < 0.6 * times().by_tokens_s[0]
    assert times(kv_dtype="fp8").decode_s[-1, -1] < 0.6 * times().decode_s[-1, -1]


def test_overheads_are_added_where_they_belong() -> None:
    own = Overheads(step_s=1e-3, request_in_step_s=1e-5, arrival_s=1e-2, attention_share=2.0, kernel_share=0.5)
    bare, with_own = of("llama-2-7b", "h100-sxm"), of("llama-2-7b", "h100-sxm", overheads=own)
    assert with_own.last_s == pytest.approx(0.5 * bare.last_s)
    assert with_own.prefill_s == pytest.approx(2.0 * bare.prefill_s)
    assert (with_own.host_step_s, with_own.host_request_s, with_own.request_s) == (1e-3, 1e-5, 1e-2)


def test_one_attention_kernel_a_layer_is_taken_once_a_step() -> None:
    bare, doubled = (of("llama-2-7b", "h100-sxm", overheads=Overheads(attention_share=some)) for some in (1.0, 2.0))
    least = doubled.by_tokens_s - bare.by_tokens_s
    assert least == pytest.approx(np.full(len(least), least[0])) and 1e-6 < least[0] / 32 < 2e-5
    assert bare.decode_s[0, 0] == bare.prefill_s[0, 0] == 0.0


def test_the_shipped_overheads_are_small_beside_the_kernels() -> None:
    own = vllm_v1().overheads
    assert own.step_s < 1e-3 and own.request_in_step_s < 5e-5
    assert all(0.6 < share < 1.4 for share in (own.kernel_share, own.attention_share, own.exchange_share))


def test_what_cannot_be_divided_is_one_line() -> None:
    for name, on, layout, said in (
        ("llama-2-7b", "hgx-h100", Layout(tensor=3), "cannot be divided by 3"),
        ("llama-2-7b", "hgx-h100", Layout(experts=2), "no experts"),
        ("llama-2-7b", "h100-sxm", Layout(tensor=2), "2 devices are needed"),
        ("llama-2-7b", "hgx-h100:4x16", Layout(stages=33), "32 layers"),
        ("mixtral-8x7b", "hgx-h100", Layout(experts=3), "cannot be divided by 3"),
    ):
        with pytest.raises(BadInput, match=said) as fault:
            of(name, on, layout)
        assert "\n" not in str(fault.value)
    with pytest.raises(BadInput, match="not a multiple"):
        Layout(tensor=4, experts=2)


def test_only_a_decoders_step_of_one_token_is_taken() -> None:
    for name, plan in (("llama-2-7b", Plan(mode="prefill", seq=8)), ("bert-base", Plan())):
        with pytest.raises(Unsupported, match="mode decode and batch 1"):
            step_times(
                model(name).build(plan), system("h100-sxm"), Layout(), VLLM_LIMITS, plugins.op_timer("roofline"), None,
                NO_OVERHEADS,
            )  # fmt: skip


def test_grids_cover_what_is_asked() -> None:
    limits = Limits(step_tokens=8192, requests=300, sequence_tokens=100_000)
    times = step_times(
        graph("llama-2-7b"), system("h100-sxm"), Layout(), limits, plugins.op_timer("roofline"), None, NO_OVERHEADS
    )
    assert times.tokens[-1] == times.chunks[-1] == 8192
    assert times.decodes[-1] == times.sampled[-1] == 300
    assert times.decode_kv[-1] == times.before[-1] == 100_000 and times.before[0] == 0
