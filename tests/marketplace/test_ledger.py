"""Books with two sides."""

import math

import numpy as np
import pytest

from marketplace.ledger import OUTSIDE, SELLERS, Ledger, mean, total


@pytest.mark.parametrize("count", [1, 2, 3, 9, 1000])
def test_total_and_mean_are_numpys_to_the_last_bit(count):
    values = 1.0 / np.arange(3.0, 3.0 + count)
    assert total(values) == np.sum(values)
    assert mean(values) == np.mean(values)


def test_the_total_of_nothing_is_zero():
    assert total(np.empty(0)) == 0.0


@pytest.mark.parametrize("amount", [2.5, np.float64(2.5), np.array([2.5]), np.array([1.0, 0.5, 1.0])])
def test_what_one_pays_another_receives(amount):
    ledger = Ledger()
    ledger.pay(SELLERS, OUTSIDE, "rent", amount)
    assert (ledger.balance[SELLERS], ledger.balance[OUTSIDE]) == (-2.5, 2.5)
    assert ledger.paid(SELLERS, OUTSIDE, "rent") == 2.5


@pytest.mark.parametrize("amount", [-1.0, math.nan, math.inf, np.array([1.0, math.nan]), np.array([-1.0])])
def test_an_amount_that_is_none_is_refused(amount):
    with pytest.raises(ValueError, match="rent: sellers cannot pay outside"):
        Ledger().pay(SELLERS, OUTSIDE, "rent", amount)
