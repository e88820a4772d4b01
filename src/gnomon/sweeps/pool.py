"""Processes of this machine that evaluate points, a list of them at a time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from itertools import islice
from queue import SimpleQueue
from typing import Any

from gnomon.core.errors import ToolError

Rows = list[dict[str, Any]]  # of a list of points, in order
# One thread each: a process per core leaves none for threads of a library's own.
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS"), "1")


def usual_workers() -> int:
    """As many processes as this one may use cores."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Worker:
    """One process, asked and answering in turn."""

    def __init__(self, evaluator: str, setup: Mapping[str, Any]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "gnomon.sweeps.worker", evaluator],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **_ONE_THREAD, "PYTHONPATH": os.pathsep.join(sys.path)},  # it imports what we would
            encoding="utf-8",
            start_new_session=True,  # Ctrl-C is for the one who asks
        )
        self._say(setup)

    def evaluate(self, points: Sequence[Mapping[str, Any]]) -> Rows:
        """Rows of those points, in order. ToolError when the process ended."""
        self._say(points)
        answer = self._process.stdout.readline() if self._process.stdout else ""
        if not answer.endswith("\n"):
            code = self._process.wait()
            raise ToolError(f"a worker ended {_how(code)}; finished rows are kept, and --resume goes on")
        rows: Rows = json.loads(answer)
        return rows

    def end(self) -> None:
        """End the process, whatever it is doing."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(BrokenPipeError):  # words still in it
                    stream.close()

    def _say(self, value: object) -> None:
        if self._process.stdin is None:
            return
        with suppress(BrokenPipeError):  # told by the answer that does not come
            self._process.stdin.write(json.dumps(value) + "\n")
            self._process.stdin.flush()


def _how(code: int) -> str:
    if code < 0:
        return f"by signal {-code}" + (" (killed: out of memory?)" if code == -9 else "")
    return f"with exit code {code}"


class Pool:
    """Several workers; lists of points are handed to whichever is free."""

    def __init__(self, workers: Sequence[Worker]) -> None:
        self._free: SimpleQueue[Worker] = SimpleQueue()
        for worker in workers:
            self._free.put(worker)
        self._threads = ThreadPoolExecutor(len(workers))
        self.size = len(workers)

    def map(self, tasks: Iterable[tuple[int, Sequence[Mapping[str, Any]]]]) -> Iterator[tuple[int, Rows]]:
        """(number, rows) of each (number, points), as they come; few tasks are drawn ahead of their turn."""
        left = iter(tasks)
        running: set[Future[tuple[int, Rows]]] = set()
        while True:
            for number, points in islice(left, 2 * self.size - len(running)):
                running.add(self._threads.submit(self._one, number, points))
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in done)

    def _one(self, number: int, points: Sequence[Mapping[str, Any]]) -> tuple[int, Rows]:
        worker = self._free.get()
        try:
            return number, worker.evaluate(points)
        finally:
            self._free.put(worker)

    def close(self) -> None:
        """Wait for no more answers."""
        self._threads.shutdown(wait=False, cancel_futures=True)


@contextmanager
def pool(evaluator: str, setup: Mapping[str, Any], workers: int) -> Iterator[Pool]:
    """Workers for the length of a block; evaluator: MODULE:FUNCTION, see `gnomon.sweeps.worker`."""
    started: list[Worker] = []
    try:
        for _ in range(workers):
            started.append(Worker(evaluator, setup))
        found = Pool(started)
        try:
            yield found
        finally:
            found.close()
    finally:
        for worker in started:
            worker.end()
