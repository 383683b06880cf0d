"""Every mistake is one sentence: the field, the value, what is allowed, the nearest spelling."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from agents.policies import LEVERS, PLANNED, POLICIES
from agents.pricing import PRICING
from marketplace.scenario import ScenarioError, default_scenario, loads

TWO = '[[platforms]]\nname = "east"\n[[platforms]]\nname = "west"\ncommission = 0.3\n'


def refusal(call: Any, *arguments: Any) -> str:
    """The sentence with which a call is refused; it is one line."""
    with pytest.raises(ScenarioError) as caught:
        call(*arguments)
    sentence = str(caught.value)
    assert sentence.strip() and len(sentence.splitlines()) == 1
    return sentence


class TestMistakes:
    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            (
                "[platform]\ncommission = 3\n",
                "platform.commission = 3 is not allowed: it must be a number at least 0 "
                "and below 1 (share of price)",
            ),
            (
                "[platform]\ncommission = true\n",
                "platform.commission = true is not allowed: it must be a number",
            ),
            (
                "[run]\nweeks = 1e3\n",
                "run.weeks = 1000.0 is not allowed: it must be an integer from 1 to 10,400 (weeks)",
            ),
            ('[run]\nweeks = "9"\n', 'run.weeks = "9" is not allowed: it must be an integer from 1'),
            ("[run]\nweeks = 2020-01-01\n", "run.weeks = 2020-01-01 is not allowed: it must be an integer"),
            ("[run]\nrecord_orders = 1\n", "run.record_orders = 1 is not allowed: it must be true or false"),
            (
                '[adoption]\nmixing = "netwrk"\n',
                'adoption.mixing = "netwrk" is not allowed: it must be "network" or '
                '"well-mixed"; did you mean "network"?',
            ),
            (
                '[choice]\noutside_option = "of"\n',
                'choice.outside_option = "of" is not allowed: it must be a number or '
                '"off" (utility); did you mean "off"?',
            ),
            (
                "[choice]\ntau = nan\n",
                "choice.tau = nan is not allowed: it must be a number from 0 to 10,000",
            ),
            ("[choice]\noutside_option = inf\n", "choice.outside_option = inf is not allowed"),
            ("serch = 3\n", 'serch is not a field of a scenario; did you mean "search"?'),
            (
                "[search]\nshwn = 3\n",
                'search.shwn is not a field of a scenario; did you mean "search.shown"?',
            ),
            ("[search]\ntau = 3\n", 'search.tau is not a field of a scenario; did you mean "choice.tau"?'),
            ("plattform = 3\n", 'plattform is not a field of a scenario; did you mean "platform"?'),
            ("search = 3\n", "search = 3 is not allowed: it must be a table"),
            ("platforms = 3\n", "platforms = 3 is not allowed: it must be a list of at least one table"),
            (
                "platforms = []\n",
                "platforms = a list is not allowed: it must be a list of at least one table",
            ),
            (TWO + "[platform]\nwear = 0.1\n", "platform and platforms are both stated"),
            (TWO + "wear = 2\n", "platforms.west.wear = 2 is not allowed"),
            (
                TWO.replace("west", "east"),
                'platforms.east.name = "east" is not allowed: another platform has this name',
            ),
            (
                '[flywheel.valves]\nx = "shutt"\n',
                'flywheel.valves.x = "shutt" is not allowed: it must be a table or '
                '"open" or "shut"; did you mean "shut"?',
            ),
            (
                '[flywheel.valves."unit_cost->price"]\npsh = 1\n',
                "flywheel.valves.unit_cost->price.psh is not a field of "
                'a scenario; did you mean "flywheel.valves.unit_cost->price.push"?',
            ),
            (
                '[sellers.pricing]\ncost-plus = "a"\n',
                'sellers.pricing.cost-plus = "a" is not allowed: it must be a number',
            ),
            ("[run]\nweeks = 0x" + "f" * 5000, "run.weeks = an integer of 20000 bits is not allowed"),
            ('"a\\nb" = 1\n', '"a\\nb" is not a field of a scenario'),
            ('name = "a"\nbase = 3\n', "base = 3 is not allowed: it must be a name or a path, in quotes"),
            ("self = 1\n", "self is not a field of a scenario"),
        ],
    )
    def test_one_field(self, text: str, sentence: str) -> None:
        assert refusal(loads, text).startswith(sentence)

    @pytest.mark.parametrize(
        ("changes", "sentence"),
        [
            (
                {"search.shown": 13, "search.candidates": 12},
                "search.shown = 13 is not allowed: it must be at most search.candidates = 12",
            ),
            (
                {"platform.first_party_places": 5},
                "platform.first_party_places = 5 is not allowed: it must be at most "
                "market.popular_places = 4",
            ),
            (
                {"platform.capacity": 1e-308},
                "platform.capacity = 1e-308 is not allowed: it must be 0 (none is needed) or at least 0.01",
            ),
            ({"platform.first_party_places": 0, "entry.enabled": False}, "nobody ever offers anything"),
            ({"platform.first_party_places": 0, "entry.candidates": 0}, "nobody ever offers anything"),
            (
                {"platform.first_party_places": 0, "platform.marketplace_opens": 9, "run.weeks": 8},
                "nobody offers anything within run.weeks = 8",
            ),
            ({"customers.initial_adopters": 0, "adoption.p": 0}, "nobody ever joins"),
            (
                {"platform.name": "East"},
                'platform.name = "East" is not allowed: it must be a lower-case letter',
            ),
            ({"platforms": [{"name": "a"}, {"name": "a"}]}, 'platforms.a.name = "a" is not allowed: another'),
            (
                {"flywheel.valves.unit_cost-price": "shut"},
                'flywheel.valves: "unit_cost-price" is not a link of the '
                'flywheel; did you mean "unit_cost->price"?',
            ),
            (
                {"flywheel.valves.zzz": "shut"},
                'flywheel.valves: "zzz" is not a link of the flywheel; the links are ',
            ),
            (
                {"flywheel.valves.unit_cost->price": "shut", "run.weeks": 26},
                "flywheel.reference_week = 26 is not "
                "allowed: unit_cost->price is shut after that week, so it must be below run.weeks = 26",
            ),
            (
                {"flywheel.valves.unit_cost->price": {"push": 0.1, "push_from": 9}, "run.weeks": 8},
                "flywheel.valves.unit_cost->price.push_from = 9 is not allowed",
            ),
            ({"policy.name": "reinvst"}, 'policy.name = "reinvst" is not allowed: it must be "'),
            ({"platform.policy": "holt"}, 'platform.policy = "holt" is not allowed: it must be "'),
            (
                {"policy.lever": "innovation"},
                'policy.lever = "innovation" is not allowed: it has no mechanism yet',
            ),
            ({"policy.lever": "pric"}, 'policy.lever = "pric" is not allowed: it must be "price" or '),
            ({"sellers.pricing": "cost-pls"}, 'sellers.pricing = "cost-pls" is not allowed: it must be "'),
            ({"sellers.pricing": {"cost-pls": 1.0}}, 'sellers.pricing: "cost-pls" is not a pricing rule'),
            (
                {"sellers.pricing": {"cost-plus": -1.0}},
                "sellers.pricing.cost-plus = -1.0 is not allowed: it must be at",
            ),
            (
                {"sellers.pricing": {"cost-plus": 0.0}},
                "sellers.pricing is not allowed: its shares must sum to more",
            ),
            ({"sellers.pricing": {}}, "sellers.pricing is not allowed: its shares must sum to more"),
            (
                {"social.graph": "file"},
                'social.file = "" is not allowed: social.graph = "file" needs the path',
            ),
            ({"social.mean_degree": 7}, "social.mean_degree = 7 is not allowed: it must be even"),
        ],
    )
    def test_fields_that_no_world_can_live_with_together(
        self, changes: dict[str, Any], sentence: str
    ) -> None:
        assert refusal(default_scenario().with_changes, changes).startswith(sentence)

    def test_namesakes_are_said_once(self) -> None:
        assert "more" not in refusal(loads, TWO.replace("west", "east"))

    def test_every_word_of_the_registries_is_taken(self) -> None:
        for name in POLICIES:
            assert default_scenario().with_changes({"policy.name": name}).policy.name == name
        for name in PRICING:
            assert default_scenario().with_changes({"sellers.pricing": name}).sellers.pricing == name
        for lever in LEVERS:
            assert default_scenario().with_changes({"policy.lever": lever}).policy.lever == lever
        assert "innovation" in PLANNED

    def test_a_registered_policy_of_the_user_s_own_is_taken(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(POLICIES, "my-own", POLICIES["hold"])
        assert loads('[policy]\nname = "my-own"\n').policy.name == "my-own"

    def test_the_first_in_the_file_is_said_and_the_others_are_counted(self) -> None:
        text = '[search]\nshwn = 1\n[run]\nweeks = 0\n[choice]\nmu = "x"\n'
        assert refusal(loads, text).startswith("search.shwn") and refusal(loads, text).endswith(
            "(and 2 more)"
        )
        turned = '[choice]\nmu = "x"\n[run]\nweeks = 0\nseed = 1\n'
        assert refusal(loads, turned).startswith("choice.mu") and refusal(loads, turned).endswith(
            "(and 1 more)"
        )

    def test_a_scenario_is_frozen(self) -> None:
        with pytest.raises(ValidationError):
            default_scenario().name = "other"  # type: ignore[misc]
        with pytest.raises(ValidationError):
            default_scenario().run.weeks = 3  # type: ignore[misc]
