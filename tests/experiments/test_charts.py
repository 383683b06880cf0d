"""Figures and words of the report, by themselves."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.patches import FancyArrowPatch

from experiments.reports import chart_style
from experiments.reports.chart_loop import NODES, loop
from experiments.reports.chart_network import CUSTOMERS, SELLERS, drawable, layout, sample
from experiments.reports.words import Change, moved, number
from marketplace.flywheel import MEANING


def test_arrows_are_as_wide_as_the_links_are_strong() -> None:
    links = list(MEANING)
    strength: dict[str, float | None] = dict.fromkeys(links)
    strength |= {links[0]: -1.0, links[1]: -0.5, links[2]: 0.25}
    arrows = [a for a in loop({}, strength).axes[0].patches if isinstance(a, FancyArrowPatch)][-len(links) :]
    width = [arrow.get_linewidth() for arrow in arrows]
    assert width[0] > width[1] > width[2] > max(width[3:])
    assert arrows[0].get_edgecolor() == arrows[1].get_edgecolor() != arrows[2].get_edgecolor()
    plain = [a for a in loop({}).axes[0].patches if isinstance(a, FancyArrowPatch)][-len(links) :]
    assert len({arrow.get_linewidth() for arrow in plain}) == 1


def test_every_link_joins_two_nodes_of_the_drawing() -> None:
    assert {end for link in MEANING for end in link.split("->")} == set(NODES)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1234.4, "", "1,234"), (0.03123, "", "0.0312"), (58.04, "", "58.0"), (7.0, "", "7"), (-20.74, "", "−20.7"),
        (1.2345e6, "", "1.23 million"), (0.0, "", "0"), (1e-12, "", "≈ 0"), (np.nan, "", "–"), (None, "", "–"),
        (0.584, "share", "58 %"), (0.0321, "share", "3.2 %"), (0.9987, "share", "99.87 %"), (1.0, "share", "100 %"),
        (-0.001, "share", "−0.10 %"), (0.0, "share", "0 %"), (np.inf, "share", "–"), (999.9, "", "1,000"),
    ],
)  # fmt: skip
def test_numbers(value: float | None, unit: str, text: str) -> None:
    assert number(value, unit) == text


def test_moved_takes_care_with_signs_and_missing_values() -> None:
    assert moved("It", Change(2.0, 1.5), "") == "It fell from 2 to 1.50 (−25 %)."
    assert moved("It", Change(1.5, 1.8), "") == "It rose from 1.50 to 1.80 (+20 %)."
    assert moved("It", Change(-5.0, 2.0), "") == "It rose from −5 to 2."
    assert moved("They", Change(0.0, 0.0), "", plural=True) == "They stayed at 0."
    assert moved("It", Change(np.nan, 1.0), "") == ""


def test_labels_are_spread_without_changing_their_order() -> None:
    at = np.array([50.0, 52.0, 51.0, 90.0, 99.0])
    out = chart_style.spread(at, 10.0, 0.0, 100.0)
    assert list(np.argsort(out)) == list(np.argsort(at))
    assert np.diff(np.sort(out)).min() >= 10.0 - 1e-9
    assert out.min() >= 0.0 and out.max() <= 100.0


def test_network_sample_is_readable_and_without_chance() -> None:
    rng = np.random.default_rng(3)
    edges = pd.DataFrame({"customer": rng.integers(0, 5000, 20_000), "seller": rng.integers(-1, 300, 20_000)})
    edges = edges.drop_duplicates().assign(weight=1.0)
    ties = sample(drawable(edges))
    assert ties["seller"].nunique() == SELLERS and ties["customer"].nunique() == CUSTOMERS
    degree = drawable(edges).groupby("seller").size()
    assert degree[ties["seller"].unique()].min() >= degree.drop(ties["seller"].unique()).max()
    ends = np.column_stack(
        (ties["seller"].rank(method="dense") - 1, ties["customer"].rank(method="dense") + SELLERS - 1)
    )
    at = layout(SELLERS, ends.astype(np.int64), np.ones(len(ties)))
    assert at.shape == (SELLERS + CUSTOMERS, 2) and np.isfinite(at).all()
    assert len(np.unique(at.round(6), axis=0)) > 0.99 * len(at)
    assert np.array_equal(at, layout(SELLERS, ends.astype(np.int64), np.ones(len(ties))))


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (-1e300, "currency", "−1.0e+300"),
        (2e200, "share", "2.0e+202 %"),
        (2e-5, "share", "≈ 0 %"),
        (0.0, "share", "0 %"),
    ],
)
def test_what_is_huge_or_tiny_is_short(value: float, unit: str, said: str) -> None:
    assert number(value, unit) == said
