"""Strategies of the user's own: brought by file, found by name, refused in one sentence."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from types import SimpleNamespace

import pytest

from agents.plugins import PluginError, load_policy_file
from agents.policies import POLICIES, Decision, PlatformPolicy, Reinvest
from agents.pricing import PRICING, SellerPricing
from agents.registry import StrategyError

POLICY = """
from agents.policies import Decision, PlatformPolicy

class Thrift(PlatformPolicy):
    name = "thrift"
    source = "a lesson"
    def decide(self, books):
        return Decision({"price": 0.5 * books.budget})
"""

RULE = """
from agents.pricing import SellerPricing

class Twice(SellerPricing):
    name = "twice"
    def prices(self, view):
        return self.bounded(view, 2.0 * view.unit_cost)
"""


@pytest.fixture(autouse=True)
def registries_restored() -> Iterator[None]:
    policies, pricing, modules = dict(POLICIES), dict(PRICING), set(sys.modules)
    yield
    for registry, before in ((POLICIES, policies), (PRICING, pricing)):
        registry.clear()
        registry.update(before)  # type: ignore[arg-type]
    for name in set(sys.modules) - modules:
        if name.startswith("_import_"):
            del sys.modules[name]


@pytest.fixture
def write(tmp_path: Path):  # type: ignore[no-untyped-def]
    def write(text: str, name: str = "mine.py") -> Path:
        path = tmp_path / name
        path.write_text(dedent(text))
        return path

    return write


def test_brings_policies_and_rules(write) -> None:  # type: ignore[no-untyped-def]
    found = load_policy_file(write(POLICY + RULE))
    assert [cls.name for cls in found] == ["thrift", "twice"]
    assert POLICIES["thrift"] is found[0]
    assert PRICING["twice"] is found[1]
    policy = POLICIES["thrift"](SimpleNamespace())
    assert policy.decide(SimpleNamespace(budget=4.0)) == Decision({"price": 2.0})
    assert type(pickle.loads(pickle.dumps(policy))) is found[0]


def test_same_contents_are_loaded_once_wherever_they_lie(write) -> None:  # type: ignore[no-untyped-def]
    first = load_policy_file(write(POLICY))
    assert load_policy_file(write(POLICY)) == first
    assert load_policy_file(write(POLICY, "copy.py")) == first


def test_an_edited_file_takes_the_place_of_its_former_self_and_back(write) -> None:  # type: ignore[no-untyped-def]
    first = load_policy_file(write(POLICY))
    edited = load_policy_file(write(POLICY.replace("Thrift", "Thriftier")))
    assert POLICIES["thrift"] is edited[0] is not first[0]
    load_policy_file(write(POLICY))
    assert POLICIES["thrift"] is first[0]


def test_a_pickled_policy_is_found_in_a_fresh_process(write, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = write(POLICY)
    (cls,) = load_policy_file(path)
    (tmp_path / "policy.pickle").write_bytes(pickle.dumps(cls({"plain": "settings"})))
    there = "import pickle; from agents.plugins import load_policy_file; "
    there += f"load_policy_file({str(path)!r}); "
    there += f"print(pickle.load(open({str(tmp_path / 'policy.pickle')!r}, 'rb')).name)"
    done = subprocess.run(
        [sys.executable, "-c", there], capture_output=True, text=True, check=True, cwd=_root()
    )
    assert done.stdout == "thrift\n"


def _root() -> Path:
    return Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "x = 1",
            "mine.py registers nothing: it needs a class derived from PlatformPolicy or SellerPricing.",
        ),
        ("def f(:\n  pass", "mine.py, line 1, is not valid Python: invalid syntax."),
        ("a = 1\nraise KeyError('no luck')", "mine.py, line 2, failed with KeyError: 'no luck'."),
        ("import sys\nsys.exit(3)", "mine.py, line 2, failed with SystemExit: 3."),
        (
            "import no_such_module_at_all",
            "failed with ModuleNotFoundError: No module named 'no_such_module_at_all'.",
        ),
        (POLICY.replace('"thrift"', '"reinvest"'), "takes the name 'reinvest', which Reinvest in "),
        (POLICY.replace('name = "thrift"', ""), "policy class Thrift in "),
        (POLICY + POLICY.replace("Thrift", "Second"), "policy class Second in "),
        (POLICY.replace('"thrift"', "5"), "has no name of its own"),
        (
            POLICY.replace("decide(self, books)", "decide(self)"),
            "mine.py has def decide(self), which should be def decide(self, books).",
        ),
        (
            POLICY + "    def __init__(self): pass\n",
            "mine.py has def __init__(self), which should be def __init__(self, settings).",
        ),
        (POLICY + "    decide = 5\n", "mine.py has decide = 5, which should be def decide(self, books)."),
        (
            RULE.replace("prices(self, view)", "prices(self, view, week)"),
            "mine.py has def prices(self, view, week), which should be def prices(self, view).",
        ),
        (
            "from dataclasses import dataclass\n"
            + POLICY.replace("class", "@dataclass\nclass").replace("    def", "    a: int\n    b: int\n    def"),
            "has def __init__(self, a, b), which should be def __init__(self, settings).",
        ),
        (
            POLICY.replace("decide", "decde"),
            "registers nothing: policy class Thrift lacks decide(self, books); is decde meant for it?",
        ),
        (
            RULE.replace("prices", "ask"),
            "registers nothing: pricing rule class Twice lacks prices(self, view).",
        ),
    ],
)
def test_refuses_in_one_sentence_and_leaves_no_trace(write, text: str, sentence: str) -> None:  # type: ignore[no-untyped-def]
    before = dict(POLICIES), dict(PRICING), set(sys.modules)
    with pytest.raises(PluginError) as refusal:
        load_policy_file(write(text))
    message = str(refusal.value)
    assert sentence in message
    assert "\n" not in message
    assert message.endswith((".", "?"))
    assert before[:2] == (POLICIES, PRICING)
    assert not [name for name in set(sys.modules) - before[2] if name.startswith("_import_")]


@pytest.mark.parametrize(
    "method",
    [
        "def decide(self, books, *more, **named): pass",
        "def decide(self, what): pass",
        "def decide(*all): pass",
        "@staticmethod\n    def decide(books): pass",
        "@classmethod\n    def decide(cls, books): pass",
        "decide = lambda self, books, spare=3: None",
    ],
)
def test_any_method_that_can_be_called_will_do(write, method: str) -> None:  # type: ignore[no-untyped-def]
    head = "from agents.policies import PlatformPolicy\nclass Free(PlatformPolicy):\n    name = 'free'\n    "
    (cls,) = load_policy_file(write(head + method + "\n"))
    assert POLICIES["free"] is cls


def test_a_class_of_a_notebook_is_refused_as_it_is_defined() -> None:
    with pytest.raises(StrategyError, match=r"has def decide\(self\), which should be def decide\(self, books\)\.$"):

        class Mine(PlatformPolicy):
            name = "mine-alone"

            def decide(self) -> Decision:  # type: ignore[override]
                return Decision()

    assert "mine-alone" not in POLICIES


def test_refuses_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=r"absent\.py does not exist"):
        load_policy_file(tmp_path / "absent.py")
    with pytest.raises(PluginError, match=r"cannot be read: Is a directory\.$"):
        load_policy_file(tmp_path)
    with pytest.raises(PluginError, match=r"cannot be read"):
        load_policy_file("nul\0byte.py")


def test_refuses_what_is_not_text(tmp_path: Path) -> None:
    for content in (b"\x00\x01\x02", b"x = '\xff'\n"):
        path = tmp_path / "binary.py"
        path.write_bytes(content)
        with pytest.raises(PluginError, match="is not valid Python"):
            load_policy_file(path)


def test_an_interrupt_passes_through_and_leaves_no_trace(write) -> None:  # type: ignore[no-untyped-def]
    before = dict(POLICIES)
    with pytest.raises(KeyboardInterrupt):
        load_policy_file(write(POLICY + "\nraise KeyboardInterrupt"))
    assert before == POLICIES


def test_a_dataclass_with_slots_is_one_class(write) -> None:  # type: ignore[no-untyped-def]
    text = POLICY.replace(
        "class Thrift", "from dataclasses import dataclass\n@dataclass(slots=True)\nclass Thrift"
    )
    (cls,) = load_policy_file(write(text.replace("    def decide", "    settings: object\n    def decide")))
    assert POLICIES["thrift"] is cls
    assert hasattr(cls, "__slots__")


def test_abstract_classes_are_not_registered() -> None:
    class Cautious(PlatformPolicy):
        name = "cautious"

    class Careful(SellerPricing):
        pass

    assert "cautious" not in POLICIES
    assert Careful not in PRICING.values()


def test_a_subclass_of_a_policy_needs_a_name_of_its_own() -> None:
    with pytest.raises(
        ValueError, match=r'has no name of its own: give it a line such as name = "my-own"\.$'
    ):

        class Mine(Reinvest):
            pass
