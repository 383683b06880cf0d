"""Two clocks for one call: the wall's, and the processor time of the thread that was busiest."""

from __future__ import annotations

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
    try:
        for task in os.listdir(TASKS):
            if task != me:
                times[task] = int((TASKS / task / "schedstat").read_text().split()[0])
    except OSError:
        return {}
    return times


def timed(action: Callable[[], Any]) -> Taken:
    """Call and say what it took."""
    before = others()
    mine, wall = time.thread_time(), time.perf_counter()
    action()
    wall, mine = time.perf_counter() - wall, time.thread_time() - mine
    theirs = [(after - before.get(task, 0)) / 1e9 for task, after in others().items()]
    return Taken(wall, max([mine, *theirs]))
