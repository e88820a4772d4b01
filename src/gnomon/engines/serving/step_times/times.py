"""What steps of a replica take: operators and exchanges timed on grids, with what software adds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import ceil

import numpy as np

from gnomon.core.dtype import DTYPES
from gnomon.core.engine import OpTimer
from gnomon.core.errors import BadInput, Unsupported
from gnomon.core.exchange import Exchange, ExchangeTimer
from gnomon.core.op import Elementwise, MatMul, Op, Softmax
from gnomon.core.service import Floats, StepTimes
from gnomon.core.system import System
from gnomon.core.workload import Node, Workload, op_table
from gnomon.engines.serving.step_times.attention import decode_ops, prefill_ops
from gnomon.engines.serving.step_times.device_share import DeviceShare, device_share, of_step
from gnomon.engines.serving.step_times.grids import counts, lengths, token_counts
from gnomon.engines.serving.step_times.layout import Layout, Limits
from gnomon.engines.serving.step_times.overheads import Overheads
from gnomon.engines.serving.step_times.peer_sums import serving_exchange_times_s
from gnomon.parallel.layout import spread, strips
from gnomon.parallel.piece import AxisExchange, Boundary, Piece

_BETWEEN_STAGES = 2  # arrays sent on: the stream and what the last block is yet to add to it [vLLM's models]
# Passes over logits in FP32, twice as wide as they came: converted, then weighed and drawn from. [vLLM v1, sampler]
_SAMPLING_WIDTH = 2


class _Timed:
    """Operators and exchanges that are asked for one by one and timed all at once."""

    def __init__(self, system: System, layout: Layout) -> None:
        self.system, self.layout = system, layout
        self.ops: dict[Op, int] = {}
        self.exchanges: dict[Exchange, int] = {}
        self.grid = {
            axis: tuple(
                (strip.size, strip.dimension)
                for strip in strips(layout.sizes, system, ep=layout.together)
                if axis in strip.axes
            )
            for axis in ("tp", "ep", "pp")
        }
        self.op_s: Floats = np.zeros(0)
        self.exchange_s: Floats = np.zeros(0)

    def ask(self, ops: Sequence[Op]) -> list[int]:
        return [self.ops.setdefault(op, len(self.ops)) for op in ops]

    def ask_exchange(self, one: AxisExchange, tokens: float) -> int:
        exchange = Exchange(
            kind=one.kind,
            size_bytes=one.size_bytes * tokens,
            spread=spread(one.axis, self.layout.sizes, self.system, ep=self.layout.together),
            grid=self.grid[one.axis],
            dtype=one.dtype,
        )
        return self.exchanges.setdefault(exchange, len(self.exchanges))

    def ask_send(self, size_bytes: float, dtype: str) -> int:
        outermost = self.grid["pp"][-1][1]
        exchange = Exchange(
            kind="send",
            size_bytes=size_bytes,
            spread=tuple(2 if at == outermost else 1 for at in range(max(1, len(self.system.dimensions)))),
            grid=((2, outermost),),
            dtype=dtype,
        )
        return self.exchanges.setdefault(exchange, len(self.exchanges))

    def measure(self, timer: OpTimer, exchanges: ExchangeTimer | None) -> None:
        """Times of all that was asked for. Unsupported where one has none."""
        table = op_table(tuple(Node(name=str(at), op=op) for op, at in self.ops.items()))
        self.op_s = timer.times_s(table, self.system.device)
        for op, time_s in zip(self.ops, self.op_s, strict=True):
            if not np.isfinite(time_s):
                raise Unsupported(
                    f"this timer has no times of {type(op).__name__} in {op.dtype} on {self.system.device.name}; "
                    "the timer roofline knows every device"
                )
        if not self.exchanges:
            return
        if exchanges is None:
            raise Unsupported("no source of communication times")
        self.exchange_s = serving_exchange_times_s(list(self.exchanges), self.system, exchanges)


class _Sum:
    """A time that is a weighted sum of operators and exchanges."""

    def __init__(self, timed: _Timed) -> None:
        self.timed = timed
        self.ops: list[int] = []
        self.op_copies: list[float] = []
        self.exchanges: list[int] = []
        self.exchange_copies: list[float] = []

    def add_ops(self, ops: Sequence[Op], copies: float) -> None:
        self.ops += self.timed.ask(ops)
        self.op_copies += [copies] * len(ops)

    def add_pieces(self, pieces: Sequence[Piece], tokens: int, expert_tokens: float, copies: float) -> None:
        for piece in pieces:
            if isinstance(piece, Boundary):
                places = [self.timed.ask_exchange(one, tokens) for one in piece.forward]
                self.exchanges += places
                self.exchange_copies += [copies] * len(places)
            else:
                self.add_ops([of_step(piece.op, tokens, expert_tokens)], copies)

    def seconds(self, op_share: float, exchange_share: float) -> float:
        found = op_share * float(self.timed.op_s[self.ops] @ np.array(self.op_copies)) if self.ops else 0.0
        if self.exchanges:
            found += exchange_share * float(self.timed.exchange_s[self.exchanges] @ np.array(self.exchange_copies))
        return found


def step_times(
    workload: Workload,
    system: System,
    layout: Layout,
    limits: Limits,
    timer: OpTimer,
    exchanges: ExchangeTimer | None,
    overheads: Overheads,
) -> StepTimes:
    """What steps of a replica take on the fullest of its stages.

    workload: the decoder's graph of mode decode and batch 1. BadInput where it or the system cannot be divided so;
    Unsupported where it is no decoder, or something has no time.
    """
    needed = layout.tensor * layout.stages * layout.together
    if needed > system.count:
        raise BadInput(f"{needed} devices are needed, and {system.name} has {system.count}", field="tensor")
    return TimedSteps(workload, system, layout, limits, timer, exchanges).with_overheads(overheads)


class TimedSteps:
    """Steps whose parts are timed; what software adds comes after."""

    def __init__(
        self,
        workload: Workload,
        system: System,
        layout: Layout,
        limits: Limits,
        timer: OpTimer,
        exchanges: ExchangeTimer | None,
    ) -> None:
        share = device_share(workload, layout)
        if layout.stages > share.layer_count:
            raise BadInput(f"{share.layer_count} layers are fewer than {layout.stages} stages", field="stages")
        part = (
            ceil(share.layer_count / layout.stages) / share.layer_count
        )  # of every kind of layer, on the fullest stage
        self.tokens = token_counts(limits.step_tokens)
        self.decodes = counts(limits.requests)
        self.sampled = counts(limits.requests * limits.decode_tokens)
        self.decode_kv = counts(limits.sequence_tokens, 2.0)
        self.before = lengths(limits.sequence_tokens)
        self.chunks = counts(limits.step_tokens)
        timed = _Timed(system, layout)

        def summed() -> _Sum:
            return _Sum(timed)

        self._by_tokens = [summed() for _ in self.tokens]
        self._first = [summed() for _ in self.tokens]
        self._send = [summed() for _ in self.tokens]
        for at, tokens in enumerate(self.tokens.tolist()):
            for layers in share.layers:
                self._by_tokens[at].add_pieces(layers.pieces, tokens, share.expert_tokens, part * layers.copies)
            self._first[at].add_pieces(share.before, tokens, 1.0, 1.0)
            if layout.stages > 1:
                size = _BETWEEN_STAGES * tokens * share.hidden_bytes / layout.tensor
                self._send[at].exchanges.append(timed.ask_send(size, share.dtype))
                self._send[at].exchange_copies.append(1.0)
        self._last = [summed() for _ in self.sampled]
        for at, sequences in enumerate(self.sampled.tolist()):
            self._last[at].add_pieces(share.after, sequences, 1.0, 1.0)
            self._last[at].add_ops(_sampling(share, layout, sequences), 1.0)
        self._least = summed()
        self._decode = [[summed() for _ in self.decode_kv] for _ in self.decodes]
        self._prefill = [[summed() for _ in self.chunks] for _ in self.before]
        for layers in share.layers:
            copies = part * layers.copies
            self._least.add_ops(decode_ops(replace(layers, absorbed=()), 1, 1), copies)
            for row, decodes in zip(self._decode, self.decodes.tolist(), strict=True):
                for one, kv_len in zip(row, self.decode_kv.tolist(), strict=True):
                    one.add_ops(decode_ops(layers, decodes, kv_len, limits.decode_tokens), copies)
            for row, before in zip(self._prefill, self.before.tolist(), strict=True):
                for one, chunk in zip(row, self.chunks.tolist(), strict=True):
                    one.add_ops(prefill_ops(layers, before, chunk), copies)
        timed.measure(timer, exchanges)

    def with_overheads(self, own: Overheads) -> StepTimes:
        """The times with what software adds.

        One kernel of a layer attends for all sequences of a step, so what the least of them takes is taken once a step.
        """
        least = self._least.seconds(own.attention_share, 0.0)

        def row(sums: Sequence[_Sum]) -> Floats:
            return np.array([one.seconds(own.kernel_share, own.exchange_share) for one in sums])

        def beyond_least(sums: Sequence[Sequence[_Sum]]) -> Floats:
            found = [[one.seconds(own.attention_share, 0.0) for one in line] for line in sums]
            return np.maximum(0.0, np.array(found) - least)

        return StepTimes(
            tokens=self.tokens,
            by_tokens_s=row(self._by_tokens) + least,
            first_s=row(self._first),
            send_s=row(self._send),
            sampled=self.sampled,
            last_s=row(self._last),
            decodes=self.decodes,
            decode_kv=self.decode_kv,
            decode_s=beyond_least(self._decode),
            before=self.before,
            chunks=self.chunks,
            prefill_s=beyond_least(self._prefill),
            host_step_s=own.step_s,
            host_request_s=own.request_in_step_s,
            request_s=own.arrival_s,
        )


def _sampling(share: DeviceShare, layout: Layout, sequences: int) -> tuple[Op, ...]:
    """What picks a token of each sequence from the logits of all words."""
    head = next((p for p in share.after if not isinstance(p, Boundary) and isinstance(p.op, MatMul)), None)
    if head is None or not isinstance(head.op, MatMul):
        return ()
    dtype = head.op.out_dtype or head.op.dtype
    wide = _SAMPLING_WIDTH if DTYPES[dtype].bytes < DTYPES["fp32"].bytes else 1
    words = head.op.n * layout.tensor
    return (
        Elementwise(elements=sequences * words * wide, function="copy", dtype=dtype),
        Softmax(rows=sequences, columns=words * wide, dtype=dtype),
    )
