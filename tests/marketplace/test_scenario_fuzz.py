"""Thousands of broken scenario files: each a valid scenario or one sentence, never another exception.

The mutations are drawn by a fixed generator, so that a failure comes back.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from marketplace.declarations import Declaration, declarations
from marketplace.scenario import Scenario, ScenarioError, load_scenario, template
from marketplace.toml import toml_key

FIELDS = list(declarations(Scenario))
BAD_VALUES = [
    "nan", "-inf", "inf", "true", '"x"', "1e400", "-1e308", "1e3", "9" * 40, "-" + "9" * 400,
    "0x" + "f" * 5000, "9" * 5000, "-1", "0", "-0.0", "0.5", "5e-324", "[]", "[1, [2, [3]]]", "{}",
    "{ a = { b = { c = 1 } } }", "[{}]", '""', '"\\u0000"', '"\\u001b[31m\\n\\r\\u2028"',
    '"' + "a" * 3_000 + '"', "'''\n\n'''", "1979-05-27", "07:32:00", "1979-05-27T07:32:00Z", "2024-02-31",
    "[" * 3000 + "]" * 3000, "{a=" * 3000 + "1" + "}" * 3000, "", "tru", "1_", "1__0", "+1", "0b2", "0o7",
    '"\\ud800"', '"\\x"', "{ state = 3 }", '{ "a b" = nan }',
]  # fmt: skip
JUNK = [
    "a." * 3000 + "a = 1\n",
    "[" + "a." * 3000 + "a]\n",
    "[platforms]\n",
    "[[platform]]\n",
    "[[platforms.x]]\n",
    "[[platforms]]\n" * 50,
    "[[run]]\n",
    "platforms = [3, {}]\n",
    "platforms = [[], {}]\n",
    "platforms = [{ name = 3 }, { name = {} }]\n",
    'platforms = [{ name = "a", x = 1 }, { name = "b", wear = 9 }]\n',
    "platform = [{}]\n",
    "sellers.pricing." + "a." * 2000 + "a = 1\n",
    "flywheel.valves." + "a." * 2000 + "a = 1\n",
    'flywheel.valves."".state = 1\n',
    "flywheel.valves.a = [{}]\n",
    '"" = 1\n',
    "self = 1\ncls = 2\nmodel_config = 3\n__init__ = 4\n",
    'base = ""\n',
    'base = "."\n',
    'base = "/dev/null"\n',
    'base = "\\u0000"\n',
    'base = "' + "x" * 5000 + '"\n',
    "base = []\n",
    'base = "fuzz.toml"\n',
    'base = "two-platforms"\nplatform = 3\n',
    'base = "two-platforms"\n[platform]\nwear = 0.1\n',
    'base = "amazon"\nsearch = 3\n',
    'base = "amazon"\nplatforms = 3\n',
    'base = "amazon"\nplatform = []\n',
    'base = "amazon"\nflywheel.valves = "shut"\n',
    "\ufeffname = 3\n",
    "\0",
    "\r",
    "",
]


def verdict(path: Path, content: bytes | str) -> str:
    """What ``scenarios check`` makes of a file: ``fine``, or the sentence; nothing else may come."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    try:
        scenario = load_scenario(path)
    except ScenarioError as error:
        sentence = str(error)
        assert sentence.isprintable() and 10 < len(sentence) < 1500, sentence[:2000]
        return sentence
    assert isinstance(scenario, Scenario)
    return "fine"


def assignment(declaration: Declaration, value: str, key: str | None = None) -> str:
    """A file that states one field."""
    *stem, last = declaration.path.replace("<link>", '"unit_cost->price"').split(".")
    header = f"[{'.'.join(stem)}]\n" if stem else ""
    return f"{header}{toml_key(key or last)} = {value}\n"


def outside(declaration: Declaration) -> Iterator[str]:
    """Values just beyond each bound of a field."""
    for bound, value in declaration.bounds.items():
        step = 0 if bound in ("gt", "lt") else 1 if bound == "le" else -1
        yield repr(type(declaration.default)(value) + step)


def misspelt(word: str, rng: random.Random) -> str:
    place = rng.randrange(len(word))
    return (
        rng.choice([word[:place] + word[place + 1 :], word[:place] + "q" + word[place:], word + word[-1]])
        or "q"
    )


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "fuzz.toml"


@pytest.fixture(params=["two-platforms", "template"])
def text(request: pytest.FixtureRequest) -> str:
    if request.param == "template":
        return template()
    return load_scenario("two-platforms", {"flywheel.valves.unit_cost->price": "shut"}).to_toml()


@pytest.mark.parametrize("value", BAD_VALUES, ids=range(len(BAD_VALUES)))
def test_every_field_with_every_kind_of_junk(value: str, path: Path) -> None:
    said = {declaration.path: verdict(path, assignment(declaration, value)) for declaration in FIELDS}
    if value in ("nan", "-inf", "[]", "1979-05-27", "[{}]", "1__0", ""):
        assert "fine" not in said.values()


def test_every_field_out_of_range_is_named_with_its_range(path: Path) -> None:
    bounded = [(declaration, value) for declaration in FIELDS for value in outside(declaration)]
    assert len(bounded) > 200
    for declaration, value in bounded:
        said = verdict(path, assignment(declaration, value))
        assert said.startswith(f"{path}: {declaration.path.replace('<link>', 'unit_cost->price')} = ")
        assert declaration.range in said
        assert declaration.unit in said or declaration.unit == "1"


@pytest.mark.parametrize("seed", range(5))
def test_every_field_misspelt_is_named(seed: int, path: Path) -> None:
    rng = random.Random(seed)
    for declaration in FIELDS:
        stem, _, last = declaration.path.replace("<link>", "unit_cost->price").rpartition(".")
        key = misspelt(last, rng) if len(last) > 1 else 3 * last  # p misspelt is q, a neighbour
        said = verdict(path, assignment(declaration, "1", key))
        assert said.startswith(f"{path}: {stem}{'.' if stem else ''}{key} is not a field of a scenario")
        assert "did you mean" in said or len(last) < 4


@pytest.mark.parametrize("junk", range(len(JUNK)))
def test_junk(junk: int, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    said = verdict(Path(path.name), JUNK[junk])
    assert said == "fine" if JUNK[junk] in ("", 'base = "/dev/null"\n') else said != "fine"


def test_truncated_files(path: Path, text: str) -> None:
    content = text.encode()
    said = [verdict(path, content[:end]) for end in range(0, len(content), max(1, len(content) // 1000))]
    assert any(one == "fine" for one in said) and any("line" in one for one in said)


def test_flipped_bytes(path: Path, text: str) -> None:
    rng, content = random.Random(1), text.encode()
    said = []
    for _ in range(500):
        broken = bytearray(content)
        for _ in range(rng.choice([1, 1, 3, 20])):
            broken[rng.randrange(len(broken))] = rng.randrange(256)
        said.append(verdict(path, bytes(broken)))
    assert sum(one != "fine" for one in said) > 200


def test_shuffled_repeated_and_lost_lines(path: Path, text: str) -> None:
    rng = random.Random(2)
    lines = [line for line in text.splitlines() if line and not line.startswith("# ")]
    lines = [line.removeprefix("#") for line in lines]
    said = []
    for _ in range(300):
        broken = list(lines)
        for _ in range(rng.choice([1, 2, 5])):
            here, there = rng.randrange(len(broken)), rng.randrange(len(broken))
            change: Any = rng.choice(["swap", "repeat", "lose", "value"])
            if change == "swap":
                broken[here], broken[there] = broken[there], broken[here]
            elif change == "repeat":
                broken.insert(there, broken[here])
            elif change == "lose" and len(broken) > 1:
                del broken[here]
            else:
                broken[here] = f"{broken[here].partition('=')[0]}= {rng.choice(BAD_VALUES[:16])}"
        said.append(verdict(path, "\n".join(broken)))
    assert 0 < sum(one == "fine" for one in said) < 300


def test_random_noise(path: Path) -> None:
    rng = random.Random(3)
    for _ in range(300):
        assert verdict(path, b"x" + rng.randbytes(rng.randrange(1, 200))) != "fine"
