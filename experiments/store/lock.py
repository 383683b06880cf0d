"""One writer for each sweep folder: two sweeps in one folder would lose each other's runs."""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path
from typing import Any

from experiments.errors import ResultsError

LOCK = "sweep.lock"
BEAT = 20.0  # seconds between two signs of life
SILENCE = 300.0  # seconds without one, after which a writer on another machine counts as dead


class Lock:
    """Holds a folder inside its context.

    The file says who holds it. Where the kernel knows locks, it releases one when its holder dies; a holder on
    another machine, of which it may know nothing, is believed to live as long as its file is touched now and then.

    Parameters
    ----------
    folder : Path
        A sweep folder.

    Raises
    ------
    ResultsError
        On entering, if another sweep is at work in the folder.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / LOCK
        self._file: Any = None
        self._beaten = 0.0

    def __enter__(self) -> Lock:
        while self._file is None:
            file = self.path.open("a+", encoding="utf-8")
            try:
                self._refuse_holder(locked=_lock(file))
                if _is_still(file, self.path):
                    self._file = file
            finally:
                if self._file is None:
                    file.close()
        self._file.truncate(0)
        self._file.write(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}))
        self._file.flush()
        self._beaten = time.monotonic()
        return self

    def __exit__(self, *exception: object) -> None:
        self.path.unlink(missing_ok=True)
        self._file.close()

    def beat(self) -> None:
        """Give a sign of life now and then."""
        now = time.monotonic()
        if now - self._beaten > BEAT:
            self._beaten = now
            os.utime(self.path)

    def _refuse_holder(self, locked: bool | None) -> None:
        if locked is False:
            raise ResultsError(self._sentence())
        holder = self._holder()
        unknown = bool(holder) and (locked is None or holder.get("host") != socket.gethostname())
        if unknown and time.time() - self.path.stat().st_mtime < SILENCE:
            else_ = f"if it is not, wait {SILENCE / 60:.0f} minutes or remove {self.path}"
            raise ResultsError(f"{self._sentence()}; {else_}")

    def _holder(self) -> dict[str, Any]:
        try:
            value = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return value if isinstance(value, dict) else {}

    def _sentence(self) -> str:
        holder = self._holder()
        who = f"process {holder['pid']} on {holder['host']}" if {"pid", "host"} <= holder.keys() else "another sweep"
        return f"{self.path.parent}: {who} is at work in this folder"


def _lock(file: Any) -> bool | None:
    """Whether the kernel gave us its lock; None where it knows none."""
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (ImportError, OSError):  # Windows; a file system of a network without locks
        return None
    return True


def _is_still(file: Any, path: Path) -> bool:
    """Whether the file is the one of that name: its last holder may have removed it meanwhile."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
