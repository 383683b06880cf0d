"""``python -m experiments.odd``, which ``make docs`` runs."""

from experiments.odd import main

main()
