"""Compile `customer_week.c` and run it on a copy of the columns."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.world import Arguments, copy_of
from marketplace.search import BLOCK

HERE = Path(__file__).resolve().parent
FLAGS = ("-O3", "-march=native")
MOST_CONSIDERED = 1024  # room in customer_week.c

SCALARS = {"uint64_t": ctypes.c_uint64, "int64_t": ctypes.c_int64, "double": ctypes.c_double}


def fields_of(header: str) -> dict[str, type]:
    """Read name and type of every field of ``struct world``: all arrays are pointers to us."""
    body = re.sub(r"/\*.*?\*/", "", header.split("struct world {", 1)[1].split("\n};", 1)[0], flags=re.DOTALL)
    fields: dict[str, type] = {}
    for declaration in filter(str.strip, body.split(";")):
        kind, names = re.fullmatch(r"\s*(?:const )?(\w+) (.*)", declaration, flags=re.DOTALL).groups()  # type: ignore[union-attr]
        for name in map(str.strip, names.split(",")):
            fields[name.lstrip("*")] = ctypes.c_void_p if name.startswith("*") else SCALARS[kind]
    return fields


FIELDS = fields_of((HERE / "world.h").read_text())
POINTERS = [name for name, kind in FIELDS.items() if kind is ctypes.c_void_p]


class World(ctypes.Structure):
    """``struct world`` of world.h."""

    _fields_ = list(FIELDS.items())


def has_compiler() -> bool:
    """Whether gcc is there."""
    return shutil.which("gcc") is not None


def compile_library(*more: str) -> ctypes.CDLL:
    """Compile with ``gcc -O3 -march=native`` and load. ``more`` flags come after these.

    Raises
    ------
    RuntimeError
        If ``struct world`` and `World` differ in size.
    subprocess.CalledProcessError
        If gcc refuses the source.
    """
    folder = tempfile.mkdtemp(prefix="customer-week-")
    target = Path(folder) / "customer_week.so"
    source = HERE / "customer_week.c"
    subprocess.run(["gcc", *FLAGS, *more, "-shared", "-fPIC", "-o", target, source, "-lm"], check=True)
    library = ctypes.CDLL(str(target))
    shutil.rmtree(folder)
    library.world_size.restype = ctypes.c_int64
    library.customer_week.argtypes = [ctypes.POINTER(World), ctypes.c_int64]
    library.customer_week.restype = None
    if library.world_size() != ctypes.sizeof(World):
        raise RuntimeError("struct world in world.h and World in customer_week.py differ in size.")
    return library


class CWeek:
    """The customer's week in C, on one thread, on a copy of the world.

    Parameters
    ----------
    caught
        What `benchmarks.world.catch_week` returns.
    flags
        Flags for gcc beyond ``-O3 -march=native``.
    """

    def __init__(self, caught: dict[str, Arguments], *flags: str) -> None:
        self.arguments = copy_of(caught)
        self.library = compile_library(*flags)
        self.arrays, scalars = gather(self.arguments)
        self.world = World()
        for name, kind in FIELDS.items():
            setattr(self.world, name, self.arrays[name].ctypes.data if kind is ctypes.c_void_p else scalars[name])
        if scalars["shown"] + scalars["ties"] + 1 > MOST_CONSIDERED:
            raise ValueError(f"C has room for {MOST_CONSIDERED} offers considered.")

    def live(self, week: int) -> None:
        """Let all customers live through one week."""
        self.library.customer_week(ctypes.byref(self.world), week)

    @property
    def searches(self) -> int:
        """Searches of the latest week."""
        return int(self.arrays["visit_filled"].sum())


def gather(arguments: dict[str, Arguments]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Name what C reads: arrays, which must be contiguous, and scalars."""
    adopt, choose = arguments["adopt"], arguments["visit_and_choose"]
    felt, lapse = arguments["experience"], arguments["lapse_and_recommend"]
    people, shelf, seen, visits, rules = (choose[k] for k in ("people", "shelf", "seen", "visits_", "rules"))
    arrays: dict[str, Any] = people._asdict() | {
        name: adopt[name] for name in ("channel", "joined", "joined_now")
    }
    arrays |= {name: getattr(shelf, name) for name in
               ("segment", "bucket", "place", "base", "price", "rank", "seller", "row", "position")}  # fmt: skip
    arrays |= {"visit_" + name: getattr(visits, name) for name in visits._fields}
    arrays |= {name: felt[name] for name in
               ("quarters", "last_order", "orders", "outcome", "late", "returned", "reference", "kept_share",
                "repeats")}  # fmt: skip
    arrays |= {
        "leniency": lapse["leniency"],
        "category_cdf": choose["taste"].category_cdf,
        "offer_seller": choose["offer_seller"],
        "level": choose["level"],
        "felt_mismatch": seen.mismatch,
        "felt_visits": seen.satisfaction,
        "felt_adoption": lapse["seen_adoption"],
        "noise": seen.noise,
        "closed": seen.closed,
        "lapse_counts": lapse["counts"],
        "satisfaction_sums": lapse["sums"],
    }
    scalars = lapse["rules"]._asdict() | choose["taste"]._asdict() | {
        name: adopt[name] for name in ("p", "q", "referral", "well_mixed", "advocates", "win_back", "launch")
    }  # fmt: skip
    scalars |= {
        "seed": int(choose["seed"]),
        "customers": people.status.size,
        "platforms": people.satisfaction.shape[1],
        "ties": people.tie_offer.shape[1],
        "categories": choose["taste"].category_cdf.size,
        "buckets": shelf.buckets,
        "block": BLOCK,
        "blocks": visits.filled.size,
        "searches_each": choose["each"],
    }
    assert rules == lapse["rules"]
    for name in POINTERS:
        if not arrays[name].flags.c_contiguous:
            raise ValueError(f"{name} is not contiguous.")
    return arrays, scalars
