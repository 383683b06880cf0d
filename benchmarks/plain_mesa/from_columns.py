"""Build the plain Mesa model from the columns of a world, so that all implementations start from the same state."""

from __future__ import annotations

from typing import Any

import numpy as np

from agents.customer import ACTIVE as ACTIVE_CODE
from agents.customer import LAPSED as LAPSED_CODE
from benchmarks.plain_mesa.model import ACTIVE, LAPSED, POTENTIAL, Customer, Marketplace, Offer, Rules, Tie
from benchmarks.world import Arguments

STATUS = {ACTIVE_CODE: ACTIVE, LAPSED_CODE: LAPSED}


def rules_of(caught: dict[str, Arguments]) -> Rules:
    """Gather the scalars of the plain model.

    Raises
    ------
    ValueError
        If the world has what the plain model leaves out; see DECLARATION.md.
    """
    adopt, choose = caught["adopt"], caught["visit_and_choose"]
    people, seen, rules = choose["people"], choose["seen"], choose["rules"]
    factors = (seen.mismatch, seen.satisfaction, caught["lapse_and_recommend"]["seen_adoption"])
    plain = (
        people.satisfaction.shape[1] == 1
        and not adopt["well_mixed"]
        and not rules.everyone_recommends
        and np.isfinite(rules.outside)
        and all(np.all(factor == 1.0) for factor in factors)
    )
    if not plain:
        raise ValueError("The plain Mesa model knows one platform, open valves, a social graph and an outside option.")
    known: dict[str, Any] = rules._asdict() | choose["taste"]._asdict() | adopt
    known |= {
        "noise": float(seen.noise[0]),
        "reference": float(caught["experience"]["reference"][0]),
        "ties": people.tie_offer.shape[1],
    }
    return Rules(**{name: known[name] for name in Rules.__dataclass_fields__})


def plain_model(caught: dict[str, Arguments], customers: int, seed: int = 1) -> Marketplace:
    """Return a plain Mesa model of the first ``customers`` customers; links to others are left out."""
    choose, lapse = caught["visit_and_choose"], caught["lapse_and_recommend"]
    people, shelf = choose["people"], choose["shelf"]
    circle = np.repeat(np.arange(shelf.segment.size - 1), np.diff(shelf.segment))
    columns = (circle, shelf.seller, shelf.place, shelf.price, shelf.base, shelf.rank)
    offers = [Offer(*values) for values in zip(*(column.tolist() for column in columns), strict=True)]
    by_row = dict(zip(shelf.row.tolist(), offers, strict=True))
    weights = np.diff(choose["taste"].category_cdf, prepend=0.0).tolist()
    model = Marketplace(rules_of(caught), offers, weights, seed)
    traits = (column[:customers].tolist() for column in (people.need_rate, people.alpha, lapse["leniency"]))
    made = [Customer(model, *values) for values in zip(*traits, strict=True)]
    for row, customer in enumerate(made):
        customer.status = STATUS.get(int(people.status[row]), POTENTIAL)
        customer.satisfaction = float(people.satisfaction[row, 0])
        customer.recommends = bool(people.recommends[row])
        friends = people.indices[people.indptr[row] : people.indptr[row + 1]].tolist()
        customer.friends = [made[friend] for friend in friends if friend < customers]
        ties = zip(people.tie_offer[row].tolist(), people.tie_weight[row].tolist(), strict=True)
        # A tie to an offer that is not on this week's shelf cannot be used: it is left out.
        customer.ties = [Tie(by_row[offer], weight) for offer, weight in ties if offer in by_row]
    return model
