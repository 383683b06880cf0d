"""Designs: which points of a scenario's parameters are run, how often, and under which seeds."""

from experiments.designs.design import Design
from experiments.designs.errors import DesignError
from experiments.designs.files import load_design

__all__ = ["Design", "DesignError", "load_design"]
