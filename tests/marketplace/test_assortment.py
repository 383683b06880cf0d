"""What the table of offers knows without looking again, and must forget when an offer comes or goes."""

import numpy as np
import pytest

from marketplace.assortment import Assortment, numbered


@pytest.fixture
def offers():
    table = Assortment(categories=2, pipeline=1)
    table.append(6, seller=[0, 1, -1, 1, -2, 0], category=[0, 1, 0, 1, 1, 1], place=np.linspace(0.0, 0.5, 6))
    return table


@pytest.mark.parametrize("names", [[], [0], [4, 1, 4, 0, 1], [6, 6, 6]])
def test_numbered_is_unique_without_sorting(names):
    names = np.array(names, dtype=np.int32)
    expected = np.unique(names, return_inverse=True)
    for found, wanted in zip(numbered(names, 7), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)


def known(table):
    group_of, groups = table.groups
    return [table.order, table.third_party, table.retail(0), table.retail(1), group_of, groups]


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table.append(3, seller=[-1, 2, -2], category=[1, 0, 0], place=[0.9, 0.1, 0.2]),
        lambda table: table.remove([0, 2, 4]),
    ],
)
def test_nothing_known_outlives_a_birth_or_a_death(offers, change):
    before = known(offers)
    change(offers)
    after = known(offers)
    offers._forget()
    for kept, fresh in zip(after, known(offers), strict=True):
        np.testing.assert_array_equal(kept, fresh)
    assert not any(np.array_equal(old, new) for old, new in zip(before[:5], after[:5], strict=True))


def test_a_group_is_a_seller_on_a_circle(offers):
    group_of, groups = offers.groups
    np.testing.assert_array_equal(group_of, [0, 2, -1, 2, -1, 1])
    assert groups == 3
