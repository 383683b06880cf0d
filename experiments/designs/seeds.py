"""Seeds of runs, and numbers in [0, 1) that are a function of what they are for."""

from __future__ import annotations

import hashlib

SEEDS = 2**63
"""Seeds of a run lie below this (``run.seed``)."""


def seed_of(base: int, point: int, replicate: int, common: bool) -> int:
    """The seed of a run.

    Parameters
    ----------
    base : int
        ``run.seed`` of the base scenario.
    point, replicate : int
        Counted from 0.
    common : bool
        Whether a replicate has the same seed at every point (common random numbers), so that differences between
        points are paired; else each run has its own.
    """
    return base + replicate if common else keyed(base, point, replicate) % SEEDS


def keyed(*key: int | str) -> int:
    """A number of 64 bits that depends on the key alone, the same on every machine."""
    text = "\x1f".join(str(part) for part in key)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def keyed_share(*key: int | str) -> float:
    """A number in [0, 1) that depends on the key alone."""
    return (keyed(*key) >> 11) / 2**53
