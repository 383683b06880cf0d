"""Two clocks for one call: the wall's, and the processor time of the thread that was busiest."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

TASKS = Path("/proc/self/task")


class Taken(NamedTuple):
    """Seconds that a call took.

    On a machine that does nothing else the two agree. On a busy one the wall also counts the time in which other
    programs ran; the busiest thread's processor time does not, and is how long the wall would have shown without them.
    """

    wall: float
    busiest: float


def others() -> dict[str, int]:
    """Processor time of this process's other threads, in nanoseconds; empty where the system does not tell."""
    me, times = str(threading.get_native_id()), {}
    for task in os.listdir(TASKS) if TASKS.exists() else ():
        with contextlib.suppress(OSError):  # a thread may end while we look
            times[task] = int((TASKS / task / "schedstat").read_text().split()[0])
    times.pop(me, None)
    return times


def timed(action: Callable[[], Any]) -> Taken:
    """Call and say what it took; threads that only start in the meantime are not looked at."""
    before = others()
    mine, wall = time.thread_time(), time.perf_counter()
    action()
    wall, mine = time.perf_counter() - wall, time.thread_time() - mine
    theirs = [(after - before[task]) / 1e9 for task, after in others().items() if task in before]
    return Taken(wall, max([mine, *theirs]))
