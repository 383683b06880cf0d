"""Scenarios: read, build on a base, change, write back; and every mistake is one clear sentence."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import marketplace
from agents.pricing import PRICING
from marketplace.declarations import Declaration, alternatives, declarations
from marketplace.scenario import (
    Scenario,
    ScenarioError,
    default_scenario,
    diff,
    explain,
    fields,
    list_scenarios,
    load_scenario,
    loads,
    parse_assignment,
    template,
)
from marketplace.sections import LINKS, Valve

TWO = '[[platforms]]\nname = "east"\n[[platforms]]\nname = "west"\ncommission = 0.3\n'


def refusal(call: Any, *arguments: Any) -> str:
    """The sentence with which a call is refused; it is one line."""
    with pytest.raises(ScenarioError) as caught:
        call(*arguments)
    sentence = str(caught.value)
    assert sentence.strip() and len(sentence.splitlines()) == 1
    return sentence


def random_value(declaration: Declaration) -> st.SearchStrategy[Any]:
    """Values within the declared bounds of a field of numbers, switches or words."""
    (kind, *_), bounds = alternatives(declaration.info.annotation), declaration.bounds
    if kind is bool:
        return st.booleans()
    if declaration.choices and kind is not float:
        return st.sampled_from(declaration.choices)
    if kind is int:
        low, high = bounds.get("ge", bounds.get("gt", 0)), bounds.get("le", bounds.get("lt", 1000) - 1)
        return st.integers(low, high)
    return st.floats(
        bounds.get("ge", bounds.get("gt")),
        bounds.get("le", bounds.get("lt")),
        exclude_min="gt" in bounds,
        exclude_max="lt" in bounds,
        allow_nan=False,
        allow_infinity=False,
    )


# Fields whose values no pair of bounds describes: they depend on another field or a registry, or may be 0 or large.
TIED = {
    "name", "description", "run.weeks", "search.candidates", "search.shown", "market.popular_places",
    "platform.first_party_places", "platform.name", "platform.policy", "policy.name", "policy.lever",
    "sellers.pricing", "social.graph", "social.file", "social.mean_degree", "flywheel.valves",
    "customers.initial_adopters", "adoption.p", "platform.capacity",
}  # fmt: skip
FREE = {d.path: d for d in declarations(Scenario) if d.path not in TIED and "<" not in d.path}
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    """Scenarios with some random fields, texts, valves, shares and platforms."""
    paths = draw(st.lists(st.sampled_from(sorted(FREE)), unique=True, max_size=8))
    changes = {path: draw(random_value(FREE[path])) for path in paths}
    changes |= {"name": draw(TEXTS), "description": draw(TEXTS)}
    scales = st.floats(0, 100)
    for link in draw(st.lists(st.sampled_from(LINKS), unique=True, max_size=3)):
        changes[f"flywheel.valves.{link}"] = draw(st.fixed_dictionaries({"scale": scales}) | st.just("open"))
    if draw(st.booleans()):
        share = st.floats(0.1, 1e6)
        changes["sellers.pricing"] = draw(
            st.dictionaries(st.sampled_from(sorted(PRICING)), share, min_size=1)
        )
    scenario = default_scenario().with_changes(changes)
    if draw(st.booleans()):
        platform = scenario.tables()["platforms"][0]
        platforms = [{**platform, "name": name} for name in ("east", "west-2", "x_1")]
        scenario = scenario.with_changes({"platforms": platforms})
    return scenario


class TestShipped:
    @pytest.mark.parametrize("name", list_scenarios())
    def test_every_shipped_scenario_loads_under_its_name_and_says_what_it_is_for(self, name: str) -> None:
        scenario = load_scenario(name)
        assert scenario.name == name
        assert len(scenario.description) > 20

    def test_the_three_of_the_design_are_there(self) -> None:
        assert {"amazon", "tiny", "two-platforms"} <= set(list_scenarios())
        assert default_scenario() == load_scenario("amazon")

    def test_tiny_is_class_size(self) -> None:
        tiny = load_scenario("tiny")
        assert (tiny.customers.count, tiny.sellers.count, tiny.run.weeks) == (2000, 200, 156)

    def test_extra_changes_go_on_top_of_the_file(self) -> None:
        assert load_scenario("tiny", {"run.weeks": 20}).run.weeks == 20


class TestFiles:
    def test_a_file_states_what_differs_from_its_base(self, tmp_path: Path) -> None:
        (tmp_path / "under.toml").write_text('base = "tiny"\n[choice]\ntau = 7.0\nrho = 0.1\n')
        (tmp_path / "mine.toml").write_text('base = "under.toml"\n[choice]\ntau = 9.0\n')
        mine = load_scenario(tmp_path / "mine.toml")
        assert (mine.choice.tau, mine.choice.rho, mine.run.weeks) == (9.0, 0.1, 156)
        assert (mine.name, mine.description) == ("mine", "")

    def test_a_platform_goes_over_the_only_one_of_the_base(self, tmp_path: Path) -> None:
        (tmp_path / "under.toml").write_text("[platform]\ncommission = 0.2\nwear = 0.5\n")
        mine = loads(f'base = "{tmp_path}/under.toml"\n[platform]\nwear = 0.1\n')
        assert (mine.platform.commission, mine.platform.wear) == (0.2, 0.1)

    def test_a_list_of_platforms_replaces_and_starts_from_the_defaults(self) -> None:
        mine = loads('base = "two-platforms"\n[[platforms]]\nname = "north"\n')
        assert [platform.name for platform in mine.platforms] == ["north"]
        assert mine.platform.policy == ""

    def test_one_platform_over_several_is_not_clear(self) -> None:
        sentence = refusal(loads, 'base = "two-platforms"\n[platform]\nwear = 0.1\n')
        assert "2 platforms" in sentence and "[[platforms]]" in sentence

    def test_shares_are_one_value_and_are_not_mixed_with_the_base(self, tmp_path: Path) -> None:
        (tmp_path / "under.toml").write_text("[sellers.pricing]\ncost-plus = 0.5\nundercutting = 0.5\n")
        mine = loads(f'base = "{tmp_path}/under.toml"\n[sellers.pricing]\nhill-climbing = 1.0\n')
        assert mine.sellers.pricing == {"hill-climbing": 1.0}

    def test_a_valve_keeps_what_the_base_said_of_it(self, tmp_path: Path) -> None:
        (tmp_path / "under.toml").write_text('[flywheel.valves]\n"unit_cost->price" = "shut"\n')
        mine = loads(
            f'base = "{tmp_path}/under.toml"\n[flywheel.valves]\n"unit_cost->price" = {{ scale = 2 }}\n'
        )
        assert mine.flywheel.valves["unit_cost->price"] == Valve(state="shut", scale=2.0)

    @pytest.mark.parametrize("start", ["a.toml", "b.toml", "c.toml"])
    def test_bases_that_lead_back_are_refused(self, tmp_path: Path, start: str) -> None:
        for file, base in {"a": "b", "b": "a", "c": "./c"}.items():
            (tmp_path / f"{file}.toml").write_text(f'base = "{base}.toml"\n')
        assert "leads back" in refusal(load_scenario, tmp_path / start)

    def test_a_mistake_is_laid_to_the_file_that_holds_it(self, tmp_path: Path) -> None:
        (tmp_path / "under.toml").write_text("[run]\nweeks = 0\n")
        (tmp_path / "mine.toml").write_text('base = "under.toml"\n')
        assert refusal(load_scenario, tmp_path / "mine.toml").startswith(
            f"{tmp_path}/under.toml: run.weeks = 0 "
        )

    def test_paths_stand_as_the_user_gave_them(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        Path("w.toml").write_text("[run]\nweeks = 0\n")
        assert refusal(load_scenario, "./w.toml").startswith("w.toml: ")

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            (b"[run]\nweeks = \n", ["line 2, column 9"]),
            (b"[run]\n\nweeks = [1,\n", ["line 3"]),
            (b"[run]\nweeks = 3\nweeks = 4\n", ["line 3"]),
            (b"[run]\nx = '\xff'\n", ["line 2", "UTF-8"]),
            (b"x = " + b"[" * 100_000, ["nested too deeply"]),
            (b"x = " + b"9" * 5000, ["4300 digits"]),
            (b"x = 2024-02-31\n", ["line 1"]),
            (b"#" * 1_000_001, ["1,000,000 bytes"]),
        ],
    )
    def test_broken_toml_is_refused_with_its_line(
        self, tmp_path: Path, text: bytes, words: list[str]
    ) -> None:
        path = tmp_path / "broken.toml"
        path.write_bytes(text)
        sentence = refusal(load_scenario, path)
        assert sentence.startswith(f"{path}: ")
        assert all(word in sentence for word in words), sentence

    def test_files_that_are_not_there_are_refused(self, tmp_path: Path) -> None:
        assert 'did you mean "amazon"?' in refusal(load_scenario, "amazn")
        assert "no such file" in refusal(load_scenario, tmp_path / "none.toml")
        assert "irectory" in refusal(load_scenario, tmp_path)
        assert "neither a shipped scenario nor a file" in refusal(load_scenario, "a\0b")
        assert "not the name of a file" in refusal(load_scenario, "a" * 5000)
        assert refusal(loads, 'base = "tinny"').endswith(
            'neither a shipped scenario nor a file; did you mean "tiny"?'
        )


class TestChanges:
    @pytest.mark.parametrize(
        ("path", "value", "attribute"),
        [
            ("platforms.1.commission", 0.2, 0.2),
            ("platforms.west.commission", 0, 0.0),
            ("platforms.west.commission", np.float64(0.5), 0.5),
        ],
    )
    def test_one_of_several_platforms(self, path: str, value: Any, attribute: float) -> None:
        changed = loads(TWO).with_changes({path: value})
        assert changed.platforms[1].commission == attribute
        assert type(changed.platforms[1].commission) is float
        assert changed.platforms[0] == loads(TWO).platforms[0]

    @pytest.mark.parametrize(
        "path", ["flywheel.valves.unit_cost->price", 'flywheel.valves."unit_cost->price"']
    )
    @pytest.mark.parametrize("value", ["shut", {"state": "shut"}])
    def test_valves(self, path: str, value: Any) -> None:
        changed = default_scenario().with_changes({path: value})
        assert changed.flywheel.valves == {"unit_cost->price": Valve(state="shut")}
        pushed = changed.with_changes({f"{path}.push": 0.05})
        assert pushed.flywheel.valves == {"unit_cost->price": Valve(state="shut", push=0.05)}

    def test_changes_leave_the_original_alone_and_are_checked_together(self) -> None:
        before = default_scenario()
        after = before.with_changes({"search.shown": 20, "search.candidates": 20, "run.weeks": np.int64(30)})
        assert (after.search.shown, after.search.candidates, after.run.weeks) == (20, 20, 30)
        assert before == load_scenario("amazon")
        assert before.with_changes({}) == before

    @pytest.mark.parametrize(
        ("path", "words"),
        [
            ("platform.commission", "say which: platforms.east.commission or platforms.west.commission"),
            ("platforms.2.commission", "the platforms are east, west, or 0 to 1"),
            ("platforms.weast.commission", 'did you mean "west"?'),
            ("search.shwn", 'did you mean "search.shown"?'),
            ("shown", 'did you mean "search.shown"?'),
            ("search.shown.x", "search.shown = 5 is not a table"),
            ("sellers.pricing.cost-plus", 'sellers.pricing = "best-response" is not a table'),
            ("", "is not the path of a field"),
            ("a..b", "is not the path of a field"),
            ("a.", "is not the path of a field"),
            ('a."b', "is not the path of a field"),
            ("platforms", "platforms = 0.1 is not allowed"),
        ],
    )
    def test_paths_that_lead_nowhere(self, path: str, words: str) -> None:
        assert words in refusal(loads(TWO).with_changes, {path: 0.1})

    def test_the_only_platform(self) -> None:
        assert default_scenario().platform == default_scenario().platforms[0]
        assert "east, west" in refusal(lambda: loads(TWO).platform)

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("run.weeks=520", ("run.weeks", 520)),
            (" platform.commission = 0.12 ", ("platform.commission", 0.12)),
            ("policy.name=dividend", ("policy.name", "dividend")),
            ('policy.name="dividend"', ("policy.name", "dividend")),
            ("flywheel.valves.unit_cost->price=shut", ("flywheel.valves.unit_cost->price", "shut")),
            ('flywheel.valves."a=b"={ push = 0.1 }', ('flywheel.valves."a=b"', {"push": 0.1})),
            ("run.record_orders=true", ("run.record_orders", True)),
            ("description=a = b", ("description", "a = b")),
            ("name=1\nrun = 3", ("name", "1\nrun = 3")),
            ("name=", ("name", "")),
            ("name=[1,", ("name", "[1,")),
        ],
    )
    def test_assignments(self, text: str, expected: tuple[str, Any]) -> None:
        assert parse_assignment(text) == expected

    @pytest.mark.parametrize("text", ["run.weeks", "", "=3", "run.weeks 3"])
    def test_what_is_no_assignment(self, text: str) -> None:
        assert "write path=value" in refusal(parse_assignment, text)


class TestText:
    @given(scenarios())
    @settings(max_examples=80, deadline=None)
    def test_a_written_scenario_reads_back_equal(self, scenario: Scenario) -> None:
        again = loads(scenario.to_toml())
        assert again == scenario
        assert again.hash() == scenario.hash()
        assert again.to_toml() == scenario.to_toml()

    @given(scenarios(), scenarios())
    @settings(max_examples=30, deadline=None)
    def test_a_difference_says_all_that_differs(self, a: Scenario, b: Scenario) -> None:
        changes = {path: value for path, _, value in diff(a, b)}
        assert (not changes) == (a == b)
        if len(a.platforms) == len(b.platforms) and None not in changes.values():
            assert a.with_changes(changes) == b

    def test_a_written_scenario_states_every_field_beside_its_unit(self) -> None:
        text = default_scenario().to_toml()
        for declaration in declarations(Scenario):
            key = declaration.path.rpartition(".")[2]
            if "." in declaration.path and "<" not in declaration.path:
                assert any(
                    line.startswith(f"{key} = ") and line.endswith(f"  # {declaration.unit}")
                    for line in text.splitlines()
                ), declaration.path

    def test_the_template_is_its_base_until_a_line_is_set(self) -> None:
        blank = loads(template())
        assert {path for path, _, _ in diff(blank, default_scenario())} == {"name", "description"}
        assert loads(template().replace("\n#weeks = ", "\nweeks = 77 #")).run.weeks == 77

    def test_the_template_holds_every_field_as_its_base_has_it(self) -> None:
        lines = [
            line[1:] if line.startswith("#") and line[1:2] != " " else line
            for line in template().splitlines()
        ]
        everything = loads("\n".join(line for line in lines if not line.startswith("base")))
        assert {path for path, _, _ in diff(everything, default_scenario())} == {"name", "description"}
        assert sum(" = " in line and not line.startswith("#") for line in lines) == 2 + sum(
            "<" not in d.path and "." in d.path for d in declarations(Scenario)
        )

    def test_every_field_is_explained(self) -> None:
        assert len(fields()) > 150
        for row in fields():
            assert list(row) == ["field", "type", "unit", "range", "default", "meaning", "source"]
            assert all(row[key] for key in ("field", "type", "unit", "default", "meaning", "source")), row
            assert explain(row["field"]) == row
        assert explain("platforms.1.wear") == explain("platforms.east.wear") == explain("platform.wear")
        assert explain("flywheel.valves.unit_cost->price.push")["unit"] == "share"
        assert explain("platform.commission") | {"source": "", "default": ""} == {
            "field": "platform.commission", "type": "a number", "unit": "share of price", "default": "",
            "range": "at least 0 and below 1", "meaning": "commission on third-party sales", "source": "",
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("name", "near"),
        [("commision", '"platform.commission"'), ("tau", '"choice.tau"'), ("serch", '"search"'),
         ("platform.wera", '"platform.wear"'), ("cash", '"sellers.cash" or "platform.cash"')],
    )  # fmt: skip
    def test_what_is_no_field_gets_the_nearest(self, name: str, near: str) -> None:
        assert refusal(explain, name).endswith(f"did you mean {near}?")

    def test_a_table_is_no_field(self) -> None:
        assert "its fields are search.candidates" in refusal(explain, "search")


class TestIdentity:
    def test_the_hash_is_that_of_the_content(self) -> None:
        a, b = default_scenario(), default_scenario()
        assert a is not b and a.hash() == b.hash() and len(a.hash()) == 64
        assert a.hash() != a.with_changes({"choice.tau": 41.0}).hash()
        assert len({a, b}) == 1
        zero, minus = (a.with_changes({"choice.outside_option": value}) for value in (0.0, -0.0))
        assert zero == minus and zero.hash() == minus.hash()

    def test_the_hash_is_the_same_in_another_process(self) -> None:
        code = "from marketplace.scenario import load_scenario; print(load_scenario('two-platforms').hash())"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == load_scenario("two-platforms").hash()

    def test_a_scenario_can_be_copied_and_pickled(self) -> None:
        scenario = load_scenario("two-platforms")
        again = pickle.loads(pickle.dumps(scenario))
        assert again == copy.deepcopy(scenario) == scenario

    def test_a_scenario_is_made_from_its_tables(self) -> None:
        scenario = load_scenario("two-platforms")
        assert Scenario(**scenario.tables()) == scenario
        assert "choice.mu" in refusal(lambda: Scenario(choice={"mu": 0}))


def test_checking_a_scenario_imports_neither_mesa_nor_numba_nor_pandas() -> None:
    code = (
        "import sys, marketplace; marketplace.load_scenario('tiny').to_toml();"
        "marketplace.Scenario, marketplace.ScenarioError, marketplace.list_scenarios();"
        "print(sorted({'mesa', 'numba', 'pandas', 'scipy', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_package_names_what_it_exports() -> None:
    assert {"MarketplaceModel", "Scenario", "ScenarioError", "list_scenarios", "load_scenario"} <= set(
        dir(marketplace)
    )
    assert marketplace.load_scenario is load_scenario and marketplace.ScenarioError is ScenarioError
    with pytest.raises(AttributeError, match="'Scenaro'"):
        marketplace.Scenaro  # noqa: B018
