"""The generator against its published answers, and the draws against what chance must be."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats
from scipy.special import ndtri

from agents import chance

SEED = 20_260_101
# Random123 1.09, tests/kat_vectors, philox4x32 with 10 rounds: counter, key -> words.
PUBLISHED = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]
STREAMS = {name: number for name, number in vars(chance).items() if name.isupper() and not name.startswith("_")}
# With this many independent tests a true generator fails one of them in a thousand suites; the seed is fixed besides.
RARE = 1e-3


def words(text: str) -> list[np.uint64]:
    return [np.uint64(int(word, 16)) for word in text.split()]


def some_keys(count: int, kind: int = 1) -> np.ndarray:
    return chance.child_keys(kind, np.arange(count))


# -- the generator


@pytest.mark.parametrize(("counter", "key", "expected"), PUBLISHED)
def test_philox_gives_the_published_words(counter: str, key: str, expected: str) -> None:
    assert [int(word) for word in chance.philox(*words(counter), *words(key))] == [int(w) for w in words(expected)]


@pytest.mark.parametrize(("counter", "key", "expected"), PUBLISHED)
def test_a_draw_is_the_generator_on_seed_key_week_and_decision(counter: str, key: str, expected: str) -> None:
    c, k = [int(word) for word in words(counter)], [int(word) for word in words(key)]
    seed, agent = k[0] | k[1] << 32, c[0] | c[1] << 32
    drawn = chance.draw(np.uint64(seed), c[3], np.uint64(agent), c[2])
    assert drawn == tuple((int(word) + 0.5) / 2**32 for word in words(expected))


def test_no_uniform_is_zero_or_one() -> None:
    u = chance.draws(SEED, chance.VISIT, some_keys(10_000))
    assert u.min() > 0.0 and u.max() < 1.0


def test_draws_are_single_draws_in_whatever_order_they_are_made() -> None:
    keys = some_keys(50)
    weeks = np.arange(50) % 7
    together = chance.draws(SEED, chance.NEED, keys, weeks)
    order = np.argsort(chance.draws(SEED, chance.LISTING, keys)[:, 0])
    assert np.array_equal(chance.draws(SEED, chance.NEED, keys[order], weeks[order]), together[order])
    for row in (0, 31, 49):
        assert tuple(together[row]) == chance.draw(np.uint64(SEED), chance.NEED, keys[row], int(weeks[row]))
    assert np.array_equal(chance.draws(SEED, chance.NEED, keys[7:9], weeks[7:9]), together[7:9])


@pytest.mark.parametrize("seed", [0, 1, 2**32, 2**63 - 1])
def test_every_bit_of_the_seed_counts(seed: int) -> None:
    keys = some_keys(100)
    for other in (seed ^ 1, seed ^ (1 << 40)):
        assert not np.any(chance.draws(seed, chance.VISIT, keys) == chance.draws(other, chance.VISIT, keys))


# -- keys and streams


def test_every_decision_is_a_stream_of_its_own() -> None:
    numbers = list(STREAMS.values())
    assert len(numbers) >= 20 and all(isinstance(number, int) and 0 < number < 2**31 for number in numbers)
    assert len(set(numbers)) == len(numbers)


def test_no_two_streams_weeks_keys_or_words_give_the_same_numbers() -> None:
    keys, weeks = some_keys(40), range(5)
    drawn = np.concatenate(
        [chance.draws(SEED, stream, keys, week) for stream in STREAMS.values() for week in weeks]
    ).ravel()
    pairs = drawn.size * (drawn.size - 1) / 2
    expected = pairs / 2**32  # collisions of 32-bit words by pure chance
    same = drawn.size - np.unique(drawn).size
    assert stats.poisson.sf(same - 1, expected) > RARE


def test_keys_of_different_agents_differ() -> None:
    kinds, weeks, numbers = (1, 2, 3, 255), (0, 1, 2**24 - 1), (0, 1, 4095, 2**32 - 1)
    keys = [int(chance.child_keys(kind, week, number)[0])
            for kind, week, number in itertools.product(kinds, weeks, numbers)]  # fmt: skip
    assert len(set(keys)) == len(keys)


def test_a_key_is_made_from_what_an_agent_is() -> None:
    many = chance.child_keys(2, np.full(6, 3), np.arange(6))
    assert many.dtype == np.uint64
    assert [int(key) for key in many] == [int(chance.child_keys(2, 3, number)[0]) for number in range(6)]
    assert int(chance.child_keys(2, 5)[0]) == int(chance.child_keys(2, 0, 5)[0])


# -- what chance must be


@pytest.mark.parametrize("along", ["keys", "weeks", "streams", "seeds"])
def test_draws_are_uniform_whichever_way_one_goes(along: str) -> None:
    u = sample(along, 20_000)
    for word in range(4):
        assert stats.kstest(u[:, word], "uniform").pvalue > RARE / 16
        counts, _ = np.histogram(u[:, word], bins=64, range=(0.0, 1.0))
        assert stats.chisquare(counts).pvalue > RARE / 16


def sample(along: str, count: int) -> np.ndarray:
    """Draws, (count, 4), in which only one thing differs from row to row."""
    number = np.arange(count)
    if along == "keys":
        return chance.draws(SEED, chance.VISIT, some_keys(count))
    if along == "weeks":
        return chance.draws(SEED, chance.VISIT, np.repeat(some_keys(1), count), number)
    one = np.uint64(some_keys(1)[0])
    if along == "streams":
        return np.array([chance.draw(np.uint64(SEED), int(stream), one, 1) for stream in number])
    return np.array([chance.draw(np.uint64(seed), chance.VISIT, one, 1) for seed in number])


@pytest.mark.parametrize(
    ("what", "other"),
    [
        ("the next word", None),
        ("the next key", (SEED, chance.VISIT, 1, 0)),
        ("the next week", (SEED, chance.VISIT, 0, 1)),
        ("the next stream", (SEED, chance.NEED, 0, 0)),
        ("the next seed", (SEED + 1, chance.VISIT, 0, 0)),
    ],
)
def test_a_draw_says_nothing_about(what: str, other: tuple[int, int, int, int] | None) -> None:
    """Neither linearly nor in the joint distribution on an 8 x 8 grid."""
    count = 40_000
    keys = some_keys(count + 1)
    u = chance.draws(SEED, chance.VISIT, keys[:-1])
    if other is None:
        v = np.roll(u, 1, axis=1)
    else:
        seed, stream, shift, week = other
        v = chance.draws(seed, stream, keys[shift : shift + count], week)
    for word in range(4):
        correlation = float(np.corrcoef(u[:, word], v[:, word])[0, 1])
        assert 2.0 * stats.norm.sf(abs(correlation) * math.sqrt(count)) > RARE / 40, what
        table, _, _ = np.histogram2d(u[:, word], v[:, word], bins=8, range=((0, 1), (0, 1)))
        assert stats.chisquare(table.ravel()).pvalue > RARE / 40, what


def test_half_of_all_bits_change_with_one_bit_of_the_counter() -> None:
    """Avalanche: neighbouring keys, weeks and streams give unrelated words."""
    flips = []
    for bit in range(32):
        for place in range(4):
            counter = [np.uint64(x) for x in (5, 0, 3, 2)]
            before = chance.philox(*counter, np.uint64(SEED), np.uint64(0))
            counter[place] = counter[place] ^ np.uint64(1 << bit)
            after = chance.philox(*counter, np.uint64(SEED), np.uint64(0))
            flips.append(sum(int(a ^ b).bit_count() for a, b in zip(before, after, strict=True)))
    changed, bits = sum(flips), 128 * len(flips)
    assert stats.binomtest(changed, bits, 0.5).pvalue > RARE


# -- normal variates


def test_the_normal_quantile_is_scipys() -> None:
    """AS 241 claims about 1 part in 10**16; sixteen units in the last place leave room for the rounding of both."""
    tails = np.concatenate([10.0 ** -np.arange(1.0, 17.0), [2.0**-33, 0.075, 0.0750001, 0.4, 0.5]])
    points = np.concatenate([tails, 1.0 - tails[tails > 1e-15], np.linspace(0.001, 0.999, 999)])
    ours = np.array([chance.normal(u) for u in points])
    theirs = ndtri(points)
    assert np.all(np.abs(ours - theirs) <= 16.0 * np.spacing(np.maximum(np.abs(theirs), 2.0**-4)))
    assert chance.normal(0.5) == 0.0


def test_the_normal_quantile_rises_and_is_odd() -> None:
    u = np.linspace(2.0**-33, 0.5, 5001)
    low = np.array([chance.normal(x) for x in u])
    assert np.all(np.diff(low) > 0.0)
    exact = u[(1.0 - (1.0 - u)) == u]  # where 1 - u is represented without loss
    assert all(chance.normal(1.0 - x) == -chance.normal(x) for x in exact)


def test_normals_are_standard_normal() -> None:
    z = chance.normals(chance.draws(SEED, chance.CUSTOMER, some_keys(20_000))[:, 1])
    assert stats.kstest(z, "norm").pvalue > RARE


@pytest.mark.parametrize("mean", [1e-9, 0.3, 4.0, 75.0, 12_345.6])
def test_a_poisson_number_is_the_quantile_of_its_uniform(mean: float) -> None:
    drawn = chance.draws(SEED, 1, np.arange(500, dtype=np.uint64))[:, 0]
    uniforms = np.concatenate((drawn, [2.0**-33, 1.0 - 2.0**-33]))
    found = [chance.poisson(u, mean) for u in uniforms]
    assert found == stats.poisson.ppf(uniforms, mean).tolist()
