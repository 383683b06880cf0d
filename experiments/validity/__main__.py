"""``python -m experiments.validity``, which ``make validity`` runs."""

from experiments.validity.page import main

main()
