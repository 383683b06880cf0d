"""A worker: a process that carries out one run after another, told what to do through a pipe.

It ends itself as soon as its parent is gone, because then nobody waits for what it does.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from experiments.errors import ResultsError
from experiments.provenance import sha256

ONE_THREAD = {
    name: "1"
    for name in (
        "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
    )
} | {"OMP_WAIT_POLICY": "passive"}  # fmt: skip
"""Environment of a worker: the runs share the cores, and the number of threads changes no result."""

ORPHANED = 3
"""Exit code of a worker whose parent is gone."""


def main(handle: int) -> None:
    """Serve the parent at the other end of a pipe, until it closes the pipe.

    Parameters
    ----------
    handle : int
        Descriptor of this end. First comes ``(imports, weekly)``, where imports are paths with the SHA-256 of their
        content, then jobs. What is sent back is ``("ready", hash of the sources)`` or ``("useless", sentence)``, then
        one `Done` for each job.
    """
    if hasattr(signal, "SIGINT"):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which decides
    pipe = Connection(handle)
    inbox: SimpleQueue[Any] = SimpleQueue()
    threading.Thread(target=_listen, args=(pipe, inbox), daemon=True).start()
    imports, weekly = inbox.get()
    try:
        hash_of_mine = get_ready(imports)
    except Exception as error:
        name = "" if isinstance(error, ResultsError) else f"{type(error).__name__}: "
        pipe.send(("useless", f"{name}{error}"))
        return
    pipe.send(("ready", hash_of_mine))
    _serve(pipe, inbox, weekly)


def get_ready(imports: Sequence[tuple[Path, str]]) -> str:
    """Import all that a run needs, so that only runs are timed; return the hash of the sources that were imported.

    Raises
    ------
    ResultsError
        If an imported file is not what it was when the runs were begun.
    """
    from agents.plugins import load_policy_file
    from experiments.engine.jobs import sources_hash

    before = sources_hash()
    import pandas  # noqa: F401
    import pyarrow  # noqa: F401

    import marketplace.indicators
    import marketplace.model  # noqa: F401

    for path, expected in imports:
        if sha256(path) != expected:
            raise ResultsError(f"{path} changed while runs were under way")
        load_policy_file(path)
    return before


def settle() -> None:
    """Take what stands now out of garbage collection: collecting after every run then costs next to nothing."""
    gc.collect()
    gc.freeze()


def _listen(pipe: Connection, inbox: SimpleQueue[Any]) -> None:
    try:
        while True:
            inbox.put(pipe.recv())
    except (EOFError, OSError):
        os._exit(ORPHANED)


def _serve(pipe: Connection, inbox: SimpleQueue[Any], weekly: bool) -> None:
    from experiments.engine.one_run import carry_out_job

    settle()
    first = True
    while True:
        pipe.send(carry_out_job(inbox.get(), weekly))
        if first:  # by now everything that is loaded late has been
            settle()
            first = False


if __name__ == "__main__":
    main(int(sys.argv[1]))
