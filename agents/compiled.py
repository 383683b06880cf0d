"""One switch between compiled rules and their plain Python reference.

``MARKETPLACE_PLAIN=1`` in the environment leaves every rule and every loop as plain Python, in all modules at
once: the readable reference that the compiled code is compared with, bit for bit. Only functions that give the same
double in both worlds are used inside rules: ``+ - * /``, ``math.exp``, ``log``, ``log1p``, ``expm1``, ``sqrt``, and
what `agents.maths` makes of the first four.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

PLAIN = os.environ.get("MARKETPLACE_PLAIN", "") == "1"
HOUSE = Path(__file__).resolve().parent.parent


def source_hash() -> str:
    """Hash of the sources that hold rules and loops: numba does not notice an edited callee in another file."""
    digest = hashlib.sha256()
    for folder in ("agents", "marketplace"):
        for path in sorted((HOUSE / folder).rglob("*.py")):
            text = path.read_bytes()
            if b"\n@rule\n" in text or b"\n@loop\n" in text or b"\n@block_loop\n" in text or path.name == "compiled.py":
                digest.update(path.name.encode() + b"\0" + text)
    return digest.hexdigest()[:16]


def cache_folder() -> Path | None:
    """Folder of the compilation cache for these very sources, or None where nothing can be written."""
    root = Path(os.environ.get("MARKETPLACE_CACHE") or Path.home() / ".cache" / "marketplace-simulator")
    folder = root / source_hash()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError:
        return None
    return folder


def is_cached() -> bool:
    """Whether loops compiled from these sources are on disk already."""
    folder = cache_folder()
    return folder is not None and any(folder.rglob("*.nbc"))


CHUNKS = 3  # pieces of work per thread, so that an uneven share of active customers evens out

_threads = 1
_pool: ThreadPoolExecutor | None = None


def processors() -> int:
    """Number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # fewer than the machine has, where a scheduler grants fewer
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def set_threads(count: int) -> None:
    """Use ``count`` threads in loops over blocks; 0 takes all that this process may use. No result depends on it."""
    global _threads, _pool
    wanted = count if count > 0 else processors()
    if wanted != _threads:
        _threads, _pool = wanted, None


def share_out(function: Callable[..., None], blocks: int, *arguments: Any) -> None:
    """Call ``function(first_block, last_block, *arguments)`` for all blocks, on as many threads as are set."""
    global _pool
    pieces = min(blocks, CHUNKS * _threads)
    if _threads == 1 or pieces < 2 or PLAIN:
        function(0, blocks, *arguments)
        return
    if _pool is None:
        _pool = ThreadPoolExecutor(_threads - 1)
    waiting = deque(pairwise(blocks * k // pieces for k in range(pieces + 1)))

    def work() -> None:
        while True:
            try:
                first, last = waiting.popleft()
            except IndexError:  # none is left
                return
            function(first, last, *arguments)

    # This thread works too, and hands out no more than it must: starting a task costs as much as a block of customers.
    helpers = [_pool.submit(work) for _ in range(_threads - 1)]
    try:
        work()
    finally:
        wait(helpers)
    for helper in helpers:
        helper.result()


if PLAIN:

    def rule(function: F) -> F:
        """Leave a rule as it is written."""
        return function

    loop = block_rule = rule

else:
    _folder = cache_folder()
    if _folder is not None:
        os.environ["NUMBA_CACHE_DIR"] = str(_folder)
    import numba

    if _folder is not None:
        numba.config.CACHE_DIR = str(_folder)

    def rule(function: F) -> F:
        """Compile a rule: a short function, written into whatever calls it.

        Left to the compiler, a call that hands on a tuple or an array costs more than the rule itself.
        """
        return numba.njit(cache=_folder is not None, error_model="numpy", inline="always")(function)

    def block_rule(function: F) -> F:
        """Compile what a loop does for one block of rows, as a function that counts no references.

        Every array handed to an inlined rule would be counted up and down, for every row: more than half of the time
        of a search. Without the counting nothing can be allocated inside: scratch arrays are handed in.
        """
        return numba.njit(cache=_folder is not None, error_model="numpy", _nrt=False)(function)

    def loop(function: F) -> F:
        """Compile a loop over rows."""
        return numba.njit(cache=_folder is not None, error_model="numpy", nogil=True)(function)


def block_loop(function: Callable[..., None]) -> Callable[..., None]:
    """Compile a loop over blocks of rows and share the blocks out among threads.

    The function takes its first and last block; what it is called with in their stead is the number of blocks. Each
    block writes its own rows only, so no result depends on who does which.
    """
    return partial(share_out, loop(function))
