"""Units as plain processes, for tests of the protocol that are not about enforcement."""

import os
import signal
import subprocess
import time
from contextlib import suppress

from gnomon.lab.units.executor import Ended, Host

ENFORCEMENT = {"level": "detect-only", "reasons": ("tests of the protocol alone",)}


class PlainWorker:
    """One process at a time, in a session of its own."""

    def start(self, job):
        self.job, self.since = job, time.monotonic()
        with (job.room / "stdout.log").open("wb") as out, (job.room / "stderr.log").open("wb") as err:
            self.process = subprocess.Popen(
                ["/bin/sh", "-c", 'exec 9>>"$0"; exec "$@"', job.room / "observations.jsonl", *job.command],
                env={**os.environ, **job.env, "GNOMON_FD": "9", "GNOMON_ROOM": str(job.room)},
                cwd=job.folder,
                stdout=out,
                stderr=err,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def poll(self, timeout_s):
        try:
            code = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            if time.monotonic() - self.since > self.job.timeout_s:
                self.stop(0)
            return None
        failure = "" if code == 0 else f"exit {code}"
        return Ended(unit=self.job.unit, code=code, failure=failure, wall_s=time.monotonic() - self.since)

    def stop(self, grace_s):
        with suppress(ProcessLookupError):  # it may have ended since
            os.killpg(self.process.pid, signal.SIGKILL)

    def close(self):
        pass


HOST = Host(
    executor="plain",
    enforcement=ENFORCEMENT,
    workers=lambda spec, root, folder, count: [PlainWorker() for _ in range(count)],
)
