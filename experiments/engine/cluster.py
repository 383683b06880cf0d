"""Runs on workers of Dask, on this machine or on many.

A worker of Dask carries out nothing itself: it hands its runs to a process of its own, as the local engine does. So a
run that crashes, hangs or eats all memory ends the same way on both, and gives the same to the last bit.
"""

from __future__ import annotations

import atexit
import logging
import shutil
import tempfile
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from experiments.engine.jobs import Done, Failure, Job, sources_hash
from experiments.engine.pool import DEATHS, POLL, Pool, deaf_children
from experiments.errors import ResultsError

if TYPE_CHECKING:
    from distributed import Client, Future

AHEAD = 2  # runs in flight for each thread of a worker: one under way, one to go on with
PATIENCE = 20.0  # seconds to wait for a scheduler


class OtherSources(RuntimeError):
    """A worker's sources are not those of the sweep."""


def run_on_cluster(
    jobs: Iterable[Job], workers: int, imports: Sequence[Path], weekly: bool, time_limit: float | None,
    address: str | None, asked: Callable[[], bool],
) -> Iterator[Done]:  # fmt: skip
    """Carry out jobs on workers of Dask; see `experiments.engine.running.run_jobs`.

    Raises
    ------
    ResultsError
        If the scheduler cannot be reached or is lost, or the workers' sources differ from those here.
    """
    brought = [(Path(path).name, Path(path).expanduser().read_bytes()) for path in imports]
    settings = (brought, weekly, time_limit, sources_hash())
    with _client(workers, address) as client:
        flight = Flight(client, iter(jobs), settings)
        try:
            while flight.fill() and not asked():
                yield from flight.landed()
        finally:
            flight.cancel()


class Flight:
    """The jobs that Dask has been given, never more than its workers need to go on.

    Parameters
    ----------
    client : Client
        Connected.
    jobs : iterator of Job
        Read as workers need more to do.
    settings : tuple
        What `work` needs besides a job.
    """

    def __init__(self, client: Client, jobs: Iterator[Job], settings: tuple[Any, ...]) -> None:
        self.client, self.jobs, self.settings = client, jobs, settings
        self.under_way: dict[str, tuple[Job, Future]] = {}
        self.again: deque[Job] = deque()
        self.losses: Counter[str] = Counter()
        self.ended: SimpleQueue[str] = SimpleQueue()

    def fill(self) -> bool:
        """Hand over what there is room for; whether anything is under way or waiting."""
        room = AHEAD * max(1, sum(self.client.ncores().values())) - len(self.under_way)
        for _ in range(room):
            job = self.again.popleft() if self.again else next(self.jobs, None)
            if job is None:
                break
            # A key of its own for each attempt: Dask remembers what became of the last one.
            key = f"run-{job.run_id}-{self.losses[job.run_id]}"
            future = self.client.submit(work, job, self.settings, key=key, pure=False)
            self.under_way[job.run_id] = job, future
            future.add_done_callback(lambda _, run_id=job.run_id: self.ended.put(run_id))
        return bool(self.under_way)

    def landed(self) -> Iterator[Done]:
        """Wait a moment, and give the runs that have ended meanwhile."""
        if self.client.status != "running":
            raise ResultsError("the connection to Dask's scheduler is lost; --resume runs the rest")
        try:
            run_id = self.ended.get(timeout=POLL)
        except Empty:
            return
        job, future = self.under_way.pop(run_id)
        done = self._result(job, future)
        if done is not None:
            yield done

    def cancel(self) -> None:
        """Take back what has not ended."""
        if self.under_way and self.client.status == "running":
            self.client.cancel([future for _, future in self.under_way.values()])

    def _result(self, job: Job, future: Future) -> Done | None:
        """What became of a job; None where it is to be run again, because its worker was lost."""
        try:
            done = future.result(timeout=PATIENCE)
        except OtherSources as error:
            raise ResultsError(str(error)) from None
        except ResultsError:
            raise
        except Exception as error:  # KilledWorker, a lost connection, a cancelled future: the run is not to blame
            self.losses[job.run_id] += 1
            if self.losses[job.run_id] < DEATHS:
                self.again.append(job)
                return None
            failure = Failure("worker", 0, type(error).__name__, " ".join(str(error).split()))
            return Done.failed(job, failure, 0.0, self.losses.pop(job.run_id))
        done.attempts += self.losses.pop(job.run_id, 0)
        return done


@contextmanager
def _client(workers: int, address: str | None) -> Iterator[Client]:
    from distributed import Client, LocalCluster

    with tempfile.TemporaryDirectory(prefix="marketplace-dask-") as folder, ExitStack() as stack:
        stack.enter_context(_silence())
        if address is None:
            with deaf_children():
                cluster = LocalCluster(
                    workers, threads_per_worker=1, processes=True, dashboard_address=None, memory_limit=0,
                    local_directory=folder, host="127.0.0.1", silence_logs=logging.CRITICAL,
                )  # fmt: skip
            stack.enter_context(closing(cluster))
            yield stack.enter_context(Client(cluster))
            return
        where = {"scheduler_file": address} if Path(address).is_file() else {"address": address}
        try:
            client = Client(**where, timeout=PATIENCE)
        except (OSError, ValueError, TimeoutError) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise ResultsError(f"--address {address}: Dask's scheduler cannot be reached: {reason}") from None
        yield stack.enter_context(client)


@contextmanager
def _silence() -> Iterator[None]:
    """Keep Dask from telling at length of every worker that goes: runs are begun again, and that is that."""
    logger = logging.getLogger("distributed")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


# -- on a worker -------------------------------------------------------------------------------------------------

_MINE = threading.local()
"""The pool of each thread of a Dask worker, with the settings it was made with."""


def work(job: Job, settings: tuple[Any, ...]) -> Done:
    """Carry out a job in the process that belongs to this thread of a Dask worker."""
    brought, weekly, time_limit, sources = settings
    if sources_hash() != sources:
        raise OtherSources("the sources of agents/ and marketplace/ on Dask's workers are not those of this machine")
    if getattr(_MINE, "settings", None) != settings:
        if hasattr(_MINE, "pool"):
            _MINE.pool.close()
        _MINE.pool = Pool(iter(()), 1, _bring(brought), weekly, time_limit)
        _MINE.settings = settings
        atexit.register(_MINE.pool.close)
    pool: Pool = _MINE.pool
    pool.jobs = iter([job])
    found: list[Done] = []
    while not found and pool.has_work():
        found = pool.turn()
    return found[0]


def _bring(brought: Sequence[tuple[str, bytes]]) -> list[Path]:
    """Write imported files where this worker, and nobody else, can write."""
    paths = []
    for name, content in brought:
        folder = tempfile.mkdtemp(prefix="marketplace-import-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        path = Path(folder) / name
        path.write_bytes(content)
        paths.append(path)
    return paths
