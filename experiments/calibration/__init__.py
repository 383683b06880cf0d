"""Searching parameters with which a scenario reproduces facts, and saying which of them the facts pin down."""
