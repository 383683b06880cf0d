"""Small worlds that several tests live through."""

SMALL = """
base = "tiny"

[run]
seed = 3
weeks = 4

[customers]
count = 200

[sellers]
count = 10

[search]
panel = 16

[flywheel]
reference_week = 2
"""
