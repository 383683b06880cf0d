"""What the fields of a scenario must be to one another for a world to live in it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from agents.policies import LEVERS, PLANNED, POLICIES
from agents.pricing import PRICING
from agents.registry import is_known
from marketplace.scenario_errors import Problem, UnknownNameError, name_place, nearest, show, show_path
from marketplace.sections import LINKS, Valve

Place = tuple[str | int, ...]

_NAME = re.compile("[a-z][a-z0-9_-]*")
LEAST_CAPACITY = 0.01  # orders per week; with less, utilisation has no finite value

if TYPE_CHECKING:
    from marketplace.scenario import Scenario


def check(scenario: Scenario) -> list[Problem]:
    """Everything that no single field can say. Empty where the scenario can be run."""
    return [problem for rule in RULES for problem in rule(scenario)]


def _offers(scenario: Scenario) -> Iterator[Problem]:
    third_parties = scenario.sellers.count > 0 or (scenario.entry.enabled and scenario.entry.candidates > 0)
    first_party = any(platform.first_party_places > 0 for platform in scenario.platforms)
    opens = min(platform.marketplace_opens for platform in scenario.platforms)
    if first_party:
        return
    if not third_parties:
        yield Problem(
            ("sellers", "count"),
            "nobody ever offers anything: platform.first_party_places = 0, "
            "sellers.count = 0 and no seller can enter; raise one of them",
        )
    elif opens > scenario.run.weeks:
        yield Problem(
            ("run", "weeks"),
            f"nobody offers anything within run.weeks = {scenario.run.weeks}: "
            f"platform.first_party_places = 0 and platform.marketplace_opens = {opens}",
        )


def _adopters(scenario: Scenario) -> Iterator[Problem]:
    if scenario.customers.initial_adopters == 0 and scenario.adoption.p == 0:
        yield Problem(
            ("adoption", "p"),
            "nobody ever joins: customers.initial_adopters = 0 and "
            "adoption.p = 0; one of them must be above 0",
        )


def _search(scenario: Scenario) -> Iterator[Problem]:
    candidates = scenario.search.candidates
    if scenario.search.shown > candidates:
        yield _not_allowed(
            scenario, ("search", "shown"), f"it must be at most search.candidates = {candidates} (offers)"
        )


def _platforms(scenario: Scenario) -> Iterator[Problem]:
    most, counts = scenario.market.popular_places, Counter(platform.name for platform in scenario.platforms)
    for index, platform in enumerate(scenario.platforms):
        place = ("platforms", index)
        if not _NAME.fullmatch(platform.name):
            yield _not_allowed(
                scenario,
                (*place, "name"),
                'it must be a lower-case letter followed by lower-case letters, digits, "_" or "-"',
            )
        elif counts[platform.name] > 1:
            counts[platform.name] = 0  # the first of the namesakes says it
            yield _not_allowed(scenario, (*place, "name"), "another platform has this name")
        if platform.first_party_places > most:
            yield _not_allowed(
                scenario,
                (*place, "first_party_places"),
                f"it must be at most market.popular_places = {most} (places per category)",
            )
        if 0.0 < platform.capacity < LEAST_CAPACITY:
            yield _not_allowed(
                scenario,
                (*place, "capacity"),
                f"it must be 0 (none is needed) or at least {LEAST_CAPACITY} (orders per week)",
            )


def _valves(scenario: Scenario) -> Iterator[Problem]:
    for link in scenario.flywheel.valves:
        if link not in LINKS:
            near = nearest(link, LINKS) or f"; the links are {', '.join(LINKS)}"
            yield Problem(
                ("flywheel", "valves", link),
                f"flywheel.valves: {show(link)} is not a link of the flywheel{near}",
            )


def _valves_in_time(scenario: Scenario) -> Iterator[Problem]:
    flywheel, weeks = scenario.flywheel, scenario.run.weeks
    for link, valve in flywheel.valves.items():
        assert isinstance(valve, Valve)  # a word was made a Valve when it was read
        if valve.state == "shut" and flywheel.reference_week >= weeks:
            place: Place = ("flywheel", "reference_week")
            yield _not_allowed(
                scenario, place, f"{link} is shut after that week, so it must be below run.weeks = {weeks:,}"
            )
        if valve.push and valve.push_from > weeks:
            place = ("flywheel", "valves", link, "push_from")
            yield _not_allowed(scenario, place, f"the push must begin within run.weeks = {weeks:,}")


def _policies(scenario: Scenario) -> Iterator[Problem]:
    named: list[tuple[Place, str]] = [(("policy", "name"), scenario.policy.name)]
    named += [
        (("platforms", index, "policy"), platform.policy)
        for index, platform in enumerate(scenario.platforms)
        if platform.policy
    ]
    for place, name in named:
        if not is_known(POLICIES, name, "policy"):
            yield _unknown_strategy(_unknown_word(scenario, place, name, POLICIES))


def _levers(scenario: Scenario) -> Iterator[Problem]:
    lever, place = scenario.policy.lever, ("policy", "lever")
    if lever in PLANNED:
        yield _not_allowed(scenario, place, f"it has no mechanism yet; it must be {_one_of(LEVERS)}")
    elif lever not in LEVERS:
        yield _unknown_word(scenario, place, lever, LEVERS)


def _pricing(scenario: Scenario) -> Iterator[Problem]:
    pricing, place = scenario.sellers.pricing, ("sellers", "pricing")
    if isinstance(pricing, str):
        if not is_known(PRICING, pricing, "pricing rule"):
            yield _unknown_strategy(_unknown_word(scenario, place, pricing, PRICING))
        return
    for name, share in pricing.items():
        if not is_known(PRICING, name, "pricing rule"):
            yield Problem(
                (*place, name),
                f"sellers.pricing: {show(name)} is not a pricing rule: it must be "
                f"{_one_of(PRICING)}{nearest(name, PRICING)}",
                UnknownNameError,
            )
        elif share < 0:
            yield Problem(
                (*place, name),
                f"{show_path((*place, name))} = {show(share)} is not allowed: it must be at least 0 (share)",
            )
    if all(share == 0 for share in pricing.values()):
        yield Problem(place, "sellers.pricing is not allowed: its shares must sum to more than 0")


def _social(scenario: Scenario) -> Iterator[Problem]:
    social = scenario.social
    if social.graph == "file" and not social.file:
        yield _not_allowed(
            scenario, ("social", "file"), 'social.graph = "file" needs the path of an edge list'
        )
    if social.graph in ("small-world", "scale-free") and social.mean_degree % 2:
        yield _not_allowed(
            scenario, ("social", "mean_degree"), f'it must be even in a "{social.graph}" graph'
        )


def _not_allowed(scenario: Scenario, place: Place, allowed: str) -> Problem:
    tables = scenario.tables()
    value = tables
    for part in place:
        value = value[part]  # type: ignore[index]
    return Problem(place, f"{name_place(place, tables)} = {show(value)} is not allowed: {allowed}")


def _unknown_word(scenario: Scenario, place: Place, word: str, known: Collection[str]) -> Problem:
    return _not_allowed(scenario, place, f"it must be {_one_of(known)}{nearest(word, known)}")


def _unknown_strategy(problem: Problem) -> Problem:
    return replace(problem, error=UnknownNameError)


def _one_of(known: Collection[str]) -> str:
    return " or ".join(f'"{word}"' for word in known)


RULES = (
    _offers,
    _adopters,
    _search,
    _platforms,
    _valves,
    _valves_in_time,
    _policies,
    _levers,
    _pricing,
    _social,
)
