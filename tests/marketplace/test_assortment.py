"""What the table of offers knows without looking again, and must forget when an offer comes or goes."""

import numpy as np
import pytest

from marketplace.assortment import Assortment


@pytest.fixture
def offers():
    table = Assortment(categories=2, pipeline=1)
    table.append(6, seller=[0, 1, -1, 1, -2, 0], category=[0, 1, 0, 1, 1, 1], place=np.linspace(0.0, 0.5, 6))
    return table


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
    np.testing.assert_array_equal(group_of, [0, 1, -1, 1, -1, 2])
    assert groups == 3


def test_newcomers_find_their_places_among_the_others():
    rng = np.random.default_rng(1)
    table = Assortment(categories=3, pipeline=1)
    for count in (0, 5, 1, 40, 3):
        platform, category = rng.integers(0, 2, count), rng.integers(0, 3, count)
        place = rng.integers(0, 8, count) / 8.0  # many ties, which go by age
        table.append(count, seller=rng.integers(0, 4, count), platform=platform, category=category, place=place)
        table.remove(rng.choice(table.rows, table.rows.size // 4, replace=False))
        c, rows = table.columns, table.rows
        wanted = rows[np.lexsort((rows, c.place[rows], c.category[rows], c.platform[rows]))]
        np.testing.assert_array_equal(table.order, wanted)
        names = list(zip(c.seller[rows], c.platform[rows], c.category[rows], strict=True))
        group_of, groups = table.groups
        assert len(set(names)) == groups == len(set(zip(names, group_of[rows], strict=True)))
