"""The ODD description: its tables are made from the code, its rationales kept in ``docs/rationale.toml``."""

from experiments.odd.page import PAGE, filled, main
from experiments.odd.rationale import RationaleError
from experiments.odd.tables import TABLES

__all__ = ["PAGE", "TABLES", "RationaleError", "filled", "main"]
