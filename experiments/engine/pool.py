"""Worker processes on this machine, each at the end of a pipe of its own.

`concurrent.futures.ProcessPoolExecutor` loses everything that is under way when one process is killed. Here the death
of a worker costs the run it was at, and that run is begun again.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import connection
from pathlib import Path

from experiments.engine.jobs import Done, Failure, Job, sources_hash
from experiments.engine.worker import ONE_THREAD
from experiments.errors import ResultsError
from experiments.provenance import sha256

POLL = 0.2  # seconds between two looks at whether to stop
DEATHS = 3  # of its worker, after which a run is given up
QUICK = 1.0  # seconds; a worker gets the next run ahead of time where runs take less
BEGIN = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from experiments.engine.worker import main; main(int(sys.argv[2]))"
)


class Worker:
    """One process, the jobs that it has been handed (the first is under way), and when that one began."""

    def __init__(self, imports: Sequence[tuple[Path, str]], weekly: bool) -> None:
        self.pipe, theirs = connection.Pipe()
        self.jobs: deque[Job] = deque()
        self.begun = 0.0
        self.ready = False
        # Not multiprocessing's own processes, which would first import the user's main script.
        with theirs, deaf_children():
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-c", BEGIN, json.dumps(sys.path), str(theirs.fileno())],
                pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, env={**os.environ, **ONE_THREAD},
            )  # fmt: skip
        self.tell((imports, weekly))

    def tell(self, message: object) -> None:
        """Send something; a worker that is dead is noticed when its pipe is read."""
        with contextlib.suppress(OSError):
            self.pipe.send(message)

    def give(self, job: Job) -> None:
        """Hand over a job."""
        if not self.jobs:
            self.begun = time.monotonic()
        self.jobs.append(job)
        self.tell(job)

    def finished(self, done: Done) -> float:
        """Take note that the first job is done, and return how long ago it began, in seconds."""
        job = self.jobs.popleft()
        if job.run_id != done.run_id:
            raise RuntimeError(f"a worker was handed run {job.run_id} and gave {done.run_id}")
        took, self.begun = time.monotonic() - self.begun, time.monotonic()
        return took

    def kill(self) -> None:
        """End the process at once and wait until it has ended."""
        self.process.kill()
        self.process.wait()
        self.pipe.close()


def run_in_processes(
    jobs: Iterable[Job], workers: int, imports: Sequence[Path], weekly: bool, time_limit: float | None,
    asked: Callable[[], bool],
) -> Iterator[Done]:  # fmt: skip
    """Carry out jobs in processes of this machine; see `experiments.engine.running.run_jobs`."""
    pool = Pool(iter(jobs), workers, imports, weekly, time_limit)
    try:
        while pool.has_work() and not asked():
            yield from pool.turn()
    finally:
        pool.close()


def seconds_to_begin(imports: Sequence[Path], first: Job) -> float:
    """How long a worker takes from its start until it has done a short first run, measured on one that is then ended.

    Parameters
    ----------
    imports : sequence of Path
        As of `experiments.engine.running.run_jobs`.
    first : Job
        A short run, because compiled rules are loaded as they are first used.

    Raises
    ------
    ResultsError
        If it cannot begin.
    """
    begun = time.monotonic()
    worker = Worker(_with_hashes(imports), weekly=False)
    try:
        message = worker.pipe.recv()
        if message[0] == "ready":
            worker.give(first)
            worker.pipe.recv()
    except (EOFError, OSError):
        worker.process.wait()
        raise ResultsError(f"worker processes cannot begin: {_cause(worker)}") from None
    finally:
        worker.kill()
    if message[0] != "ready":
        raise ResultsError(f"a worker process cannot begin: {message[1]}")
    return time.monotonic() - begun


def _with_hashes(imports: Sequence[Path]) -> list[tuple[Path, str]]:
    paths = [Path(path).expanduser().resolve() for path in imports]
    return [(path, sha256(path)) for path in paths]


class Pool:
    """Workers, the jobs waiting for one, and how often each has lost its worker.

    Parameters
    ----------
    jobs : iterator of Job
        Read as workers need more to do.
    size : int
        Number of workers; no more are started than there are jobs.
    imports, weekly, time_limit
        As of `experiments.engine.running.run_jobs`.
    """

    def __init__(
        self, jobs: Iterator[Job], size: int, imports: Sequence[Path], weekly: bool, time_limit: float | None
    ) -> None:
        self.jobs, self.size, self.weekly, self.time_limit = jobs, size, weekly, time_limit
        self.imports = _with_hashes(imports)
        self.workers: list[Worker] = []
        self.again: deque[Job] = deque()  # lost with their workers
        self.deaths: Counter[str] = Counter()
        self.useless = 0  # workers in a row that died before they were ready
        self.ahead = 1
        self.warm = _is_warm()

    def has_work(self) -> bool:
        """Whether a job is waiting or under way; fetches the next one if need be."""
        return any(worker.jobs for worker in self.workers) or self._peek()

    def turn(self) -> list[Done]:
        """Hand out jobs, wait a moment, and return what has been done."""
        self._hand_out()
        ready = connection.wait([worker.pipe for worker in self.workers], self._patience())
        done: list[Done] = []
        for worker in [worker for worker in self.workers if worker.pipe in ready]:
            done.extend(self._read(worker))
        done.extend(self._past_their_time())
        return done

    def close(self) -> None:
        """End all workers at once."""
        for worker in self.workers:
            worker.process.kill()
        for worker in self.workers:
            worker.kill()
        self.workers.clear()

    def _peek(self, count: int = 1) -> bool:
        """Whether ``count`` jobs wait for a worker; fetches them if need be."""
        while len(self.again) < count:
            job = next(self.jobs, None)
            if job is None:
                return False
            self.again.append(job)
        return True

    def _hand_out(self) -> None:
        for depth in range(self.ahead):
            for worker in self.workers:
                if worker.ready and len(worker.jobs) == depth and self._peek():
                    worker.give(self.again.popleft())
        # While the rules are being compiled one worker does it for all.
        most = self.size if self.warm else 1
        beginning = sum(not worker.jobs for worker in self.workers)
        while len(self.workers) < most and self._peek(beginning + 1):
            self.workers.append(Worker(self.imports, self.weekly))
            beginning += 1

    def _patience(self) -> float:
        if self.time_limit is None:
            return POLL
        ends = [worker.begun + self.time_limit for worker in self.workers if worker.jobs]
        return max(0.0, min(POLL, *(end - time.monotonic() for end in ends))) if ends else POLL

    def _read(self, worker: Worker) -> Iterator[Done]:
        try:
            message = worker.pipe.recv()
        except (EOFError, OSError):
            yield from self._buried(worker)
            return
        if isinstance(message, Done):
            took = worker.finished(message)
            self.warm, self.ahead = True, 2 if took < QUICK else 1
            message.attempts += self.deaths.pop(message.run_id, 0)
            yield message
        elif message[0] == "ready":
            worker.ready, self.useless = True, 0
            if message[1] != sources_hash():
                raise ResultsError("the sources of agents/ or marketplace/ changed while runs were under way")
        else:
            raise ResultsError(f"a worker process cannot begin: {message[1]}")

    def _buried(self, worker: Worker) -> Iterator[Done]:
        """Put what a dead worker was handed back in the queue; its first run is given up after the third death."""
        took = time.monotonic() - worker.begun
        self._dismiss(worker)
        if not worker.ready:
            self.useless += 1
            if self.useless >= DEATHS:
                raise ResultsError(f"worker processes cannot begin: {_cause(worker)}, {DEATHS} times in a row")
        if not worker.jobs:
            return
        job = worker.jobs[0]
        self.deaths[job.run_id] += 1
        if self.deaths[job.run_id] >= DEATHS:
            worker.jobs.popleft()
            message = f"its worker process ended {DEATHS} times: {_cause(worker)}"
            failure = Failure("worker", 0, "WorkerDied", message)
            yield Done.failed(job, failure, took, self.deaths.pop(job.run_id))
        self.again.extendleft(reversed(worker.jobs))

    def _past_their_time(self) -> Iterator[Done]:
        if self.time_limit is None:
            return
        for worker in list(self.workers):
            took = time.monotonic() - worker.begun
            if worker.jobs and took > self.time_limit:
                self._dismiss(worker)
                job = worker.jobs.popleft()
                failure = Failure("time-limit", 0, "TimeoutError", f"took more than {self.time_limit:g} s")
                yield Done.failed(job, failure, took, 1 + self.deaths.pop(job.run_id, 0))
                self.again.extendleft(reversed(worker.jobs))

    def _dismiss(self, worker: Worker) -> None:
        self.workers.remove(worker)
        worker.kill()


def _is_warm() -> bool:
    from agents import compiled

    return compiled.PLAIN or compiled.is_cached()


def _cause(worker: Worker) -> str:
    code = worker.process.returncode
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


@contextmanager
def deaf_children() -> Iterator[None]:
    """Processes begun inside never hear of Ctrl-C, which a terminal sends to all: their parent tells them."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
