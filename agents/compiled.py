"""One switch between compiled rules and their plain Python reference.

``MARKETPLACE_PLAIN=1`` in the environment leaves every rule and every loop as plain Python, in all modules at
once: the readable reference that the compiled code is compared with, bit for bit. Only functions that give the same
double in both worlds are used inside rules: ``+ - * /``, ``math.exp``, ``log``, ``log1p``, ``expm1``, ``sqrt``.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
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
            if b"\n@rule\n" in text or b"\n@loop(" in text or path.name == "compiled.py":
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


prange: Any
if PLAIN:
    prange = range

    def rule(function: F) -> F:
        """Leave a rule as it is written."""
        return function

    block_rule = rule

    def loop(*, parallel: bool = False) -> Callable[[F], F]:
        """Leave a loop as it is written."""
        return lambda function: function

    def set_threads(count: int) -> None:
        """Plain Python runs on one thread."""

else:
    # A waiting OpenMP thread that spins takes the core the NumPy part of the week needs.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    _folder = cache_folder()
    if _folder is not None:
        os.environ["NUMBA_CACHE_DIR"] = str(_folder)
    import numba

    if _folder is not None:
        numba.config.CACHE_DIR = str(_folder)
    prange = numba.prange

    def rule(function: F) -> F:
        """Compile a rule: a short function, written into whatever calls it.

        Left to the compiler, a call that hands on a tuple or an array costs more than the rule itself.
        """
        return numba.njit(
            cache=_folder is not None, error_model="numpy", inline="always"
        )(function)

    def block_rule(function: F) -> F:
        """Compile what a parallel loop does for one block of customers, as a function of its own.

        A parallel loop body is rewritten by numba, and state that lives across it came out wrong: so a parallel loop
        does nothing but call one of these.
        """
        return numba.njit(cache=_folder is not None, error_model="numpy")(function)

    def loop(*, parallel: bool = False) -> Callable[[F], F]:
        """Compile a loop over rows; with ``parallel`` each iteration of ``prange`` writes only its own rows."""

        def decorate(function: F) -> F:
            return numba.njit(
                cache=_folder is not None, parallel=parallel, error_model="numpy", nogil=True
            )(function)

        return decorate

    def set_threads(count: int) -> None:
        """Use ``count`` threads in parallel loops; 0 takes all there are."""
        most = int(numba.config.NUMBA_NUM_THREADS)
        numba.set_num_threads(min(count, most) if count > 0 else most)
