"""Whatever a design file says: a design, or one sentence."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from experiments.designs import Design, DesignError, load_design

PLAIN = """\
scenario = "tiny"
replications = 3
seeds = "independent"
weekly = true
[changes]
"run.weeks" = 20
[design]
kind = "grid"
max_runs = 500
[design.factors]
"platform.commission" = [0.05, 0.10, 0.15]
"policy.name" = ["reinvest", "dividend"]
flywheel.valves."unit_cost->price" = ["open", "shut"]
"""
DRAWN = """\
scenario = "tiny"
replications = 2
[design]
kind = "latin-hypercube"
samples = 8
seed = 3
max_runs = 500
[design.factors]
"platform.commission" = { low = 0.05, high = 0.3 }
"customers.need_rate" = { distribution = "log-uniform", low = 0.1, high = 2.0 }
"search.shown" = { distribution = "integer", low = 2, high = 9 }
"sellers.cost" = { distribution = "truncated-normal", mean = 0.6, sd = 0.1, low = 0.4, high = 0.9 }
"sellers.quality" = { distribution = "normal", mean = 5.0, sd = 0.4 }
"platform.capacity" = { distribution = "triangular", low = 10.0, mode = 50.0, high = 90.0 }
"policy.name" = { values = ["reinvest", "dividend"], probabilities = [0.25, 0.75] }
"entry.enabled" = [true, false]
"""
SOBOL = DRAWN.replace("latin-hypercube", "sobol").replace("seed = 3", "second_order = true")
MORRIS = (
    DRAWN.replace("latin-hypercube", "morris")
    .replace("samples = 8", "trajectories = 3\nlevels = 6")
    .replace('"normal", mean = 5.0, sd = 0.4', '"uniform", low = 4.0, high = 5.0')
)
LISTED = """\
scenario = "tiny"
[design]
kind = "list"
[[design.points]]
"platform.commission" = 0.1
[[design.points]]
platform.commission = 0.2
"policy.name" = "dividend"
"""
ARMS = """\
scenario = "tiny"
[changes]
"run.weeks" = 20
[design]
kind = "arms"
[design.arms]
low = { "platform.commission" = 0.1 }
high = { platform.commission = 0.3, "policy.name" = "dividend" }
other = "two-platforms"
"""
ZIPPED = PLAIN.replace('"grid"', '"zip"').replace("0.10, 0.15]", "0.10]")
GOOD = {
    "grid": PLAIN, "zip": ZIPPED, "latin-hypercube": DRAWN, "random": DRAWN.replace("latin-hypercube", "random"),
    "sobol": SOBOL, "morris": MORRIS, "list": LISTED, "arms": ARMS,
}  # fmt: skip

NASTY = (
    "0", "-1", "1", "2", "7", "0.5", "1.0", "-0.0", "1e308", "-1e308", "1e-320", "inf", "-inf", "nan", "true", "[]",
    "{}", '""', '"a"', '"\\u0000"', '"\\u0007\\n"', "'''\n'''", "[[]]", "[{}]", "[1, 'a']", "[0.1, 0.1]", "[nan]",
    "9223372036854775807", "9223372036854775808", "1" + "0" * 400, "1" + "0" * 5000, "1979-05-27", "07:32:00",
    "{ low = 1, high = 2 }", "{ low = 2, high = 1 }", '{ distribution = "normal", mean = 0, sd = 1e300 }',
    "{ values = [] }", "{ values = [1, 1] }", "{ a = { b = 1 } }", "[" * 90 + "]" * 90, '"' + "x" * 3000 + '"',
    '{ values = [0.1, 0.2], probabilities = [nan, 1] }', "../tiny", '"amazon"', '"/etc"', '"."', '"/dev/null"',
    "{ " + ".".join("a" * 60) + " = 1 }", "a.a", "{ complete = true }", '{ complete = true, run = 3 }',
)  # fmt: skip
KEYS = (
    "scenario", "replications", "seeds", "weekly", "imports", "changes", "design", "kind", "samples", "trajectories",
    "levels", "second_order", "seed", "max_runs", "factors", "points", "arms", "platform", "platforms", "policy.name",
    "platforms.0.commission", "platforms.7.commission", "run.seed", "run.weeks", "sellers.pricing", "name", '"a b"',
    '""', '"."', '"platform."', '"platform.commission"', "choice.outside_option", "flywheel.valves.x", "x", "low",
    '"' + ".".join("a" * 2000) + '"', ".".join("a" * 2000), "social.file", "run", "flywheel.valves", "probabilities",
)  # fmt: skip


def mutated(text: str, chance: random.Random) -> str:
    """The text after one to three small accidents."""
    for _ in range(chance.randint(1, 3)):
        lines = text.split("\n")
        place = chance.randrange(len(lines))
        key, equals, value = lines[place].partition(" = ")
        kind = chance.randrange(8)
        if kind == 0:
            lines[place] = f"{key} = {chance.choice(NASTY)}"
        elif kind == 1:
            lines[place] = f"{chance.choice(KEYS)} = {value or chance.choice(NASTY)}"
        elif kind == 2:
            lines.insert(place, f"{chance.choice(KEYS)} = {chance.choice(NASTY)}")
        elif kind == 3:
            del lines[place]
        elif kind == 4:
            lines.insert(chance.randrange(len(lines)), lines[place])
        elif kind == 5 and equals:
            parts = value.split(", ")
            parts[chance.randrange(len(parts))] = chance.choice(NASTY)
            lines[place] = f"{key} = {', '.join(parts)}"
        elif kind == 6:
            lines[place] = lines[place].replace(chance.choice(list(GOOD)), chance.choice(list(GOOD)))
        else:
            where = chance.randrange(len(lines[place]) + 1)
            lines[place] = lines[place][:where] + chr(chance.randrange(1, 0x3000)) + lines[place][where + 1 :]
        text = "\n".join(lines) or "\n"
    return text


@pytest.mark.parametrize(("seed", "files"), [(3, 2000), pytest.param(4, 20_000, marks=pytest.mark.slow)])
def test_a_broken_design_file_is_a_sentence_and_nothing_else(
    seed: int, files: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    chance, path = random.Random(seed), tmp_path / "design.toml"
    good = refused = 0
    slowest = (0.0, "")
    for number in range(files):
        text = mutated(chance.choice(list(GOOD.values())), chance)
        path.write_text(text, encoding="utf-8")
        begun = time.process_time()
        try:
            assert len(load_design(path)) >= 1
            good += 1
        except DesignError as error:
            sentence = str(error)
            assert sentence.startswith(f"{path}: "), (number, text)
            assert sentence.isprintable() and len(sentence) < 1000, (number, text)
            refused += 1
        except Exception as error:
            raise AssertionError(f"{type(error).__name__} from\n{text}") from error
        slowest = max(slowest, (time.process_time() - begun, text))
    assert good > files / 40 and refused > files / 2  # else the accidents are too mild, or too wild, to show anything
    assert slowest[0] < 2.0, slowest


@pytest.mark.parametrize("kind", GOOD)
def test_what_the_accidents_begin_from_is_good(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "design.toml"
    path.write_text(GOOD[kind], encoding="utf-8")
    assert load_design(path).kind == kind


GRID = 'scenario = "tiny"\n{top}[design]\nkind = "{kind}"\n{design}[design.factors]\n{factors}\n'
WEEKS = {"factors": '"run.weeks" = [2]'}
SENTENCES = [
    ({"factors": '"platform.comission" = [0.1]'}, 'did you mean "platform.commission"?'),
    ({"factors": '"platform.commission" = []'}, "has an empty list of values"),
    ({"factors": '"platform.commission" = [0.1, 7]'}, "platform.commission = 7 is not allowed: it must be a number"),
    ({"factors": '"platform.commission" = [0.1, 0.1]'}, "0.1 is listed twice"),
    ({"factors": '"platform.commission" = { low = 0.1, high = 0.2 }'}, "a range is for designs that sample"),
    ({"factors": '"policy.name" = ["dividnd"]'}, 'did you mean "dividend"?'),
    ({"factors": '"search.shown" = [1.5]'}, "it must be an integer from 1 to 64"),
    ({"factors": '"entry.enabled" = [1]'}, "entry.enabled = 1 is not allowed: it must be true or false"),
    ({"factors": '"run.seed" = [1, 2]'}, "run.seed cannot be a factor"),
    ({"factors": '"run.weeks" = [5, 6]'}, "run.weeks cannot differ between points"),
    ({"factors": '"flywheel.unit_cost->pric" = ["open"]'}, 'did you mean "flywheel.valves.unit_cost->price"?'),
    ({"factors": "platform = [1]"}, "platform is a table, not a field"),
    ({"factors": '"platform.commission" = [0.1]\n"platforms.0.commission" = [0.1]'}, "is stated twice"),
    ({"factors": "", "kind": "grid"}, "nothing varies"),
    (WEEKS | {"kind": "gird"}, 'did you mean "grid"?'),
    (WEEKS | {"design": "samples = 3\n"}, "is not a key of [design] of kind grid"),
    (WEEKS | {"top": "replicatons = 2\n"}, 'did you mean "replications"?'),
    (WEEKS | {"top": "replications = 0\n"}, "it must be an integer from 1 to"),
    (WEEKS | {"top": "replications = 2\nchanges.run.seed = 9223372036854775807\n"}, "to seeds above"),
    (WEEKS | {"top": "changes.run.seed = 9223372036854775808\n"}, "run.seed = 9223372036854775808"),
    (WEEKS | {"top": 'seeds = "commn"\n'}, 'did you mean "common"?'),
    (WEEKS | {"design": 'seeds = "common"\n'}, "seeds stands at the top of the file"),
]
DRAWN_SENTENCES = [
    ("platform.commission = { low = 0.3, high = 0.2 }", "low = 0.3 must lie below high = 0.2"),
    ("platform.commission = { low = 0.3, high = 0.3 }", "low = 0.3 must lie below high = 0.3"),
    ("platform.commission = { low = 0.3, high = 1.0 }", "high = 1.0 is not allowed: it must be a number"),
    ("platform.commission = { low = 0.3 }", 'the distribution "uniform" needs high'),
    ("platform.commission = { low = 0.3, hgh = 0.5 }", 'did you mean "high"?'),
    ('platform.commission = { distribution = "unform", low = 0, high = 0.5 }', 'did you mean "uniform"?'),
    ('platform.commission = { distribution = "log-uniform", low = 0, high = 0.5 }', "a log-uniform range lies above 0"),
    ('platform.commission = { distribution = "normal", mean = 0.1, sd = 0.1 }', "use truncated-normal"),
    ('platform.commission = { distribution = "integer", low = 0.1, high = 0.5 }', "low = 0.1 is not a whole number"),
    ("policy.name = { low = 1, high = 2 }", "it has no range: list its values"),
    ('policy.name = { values = ["hold", "dividend"], probabilities = [0.5, 0.6] }', "sum to 1.1; they must sum to 1"),
    ('policy.name = { values = ["hold", "dividend"], probabilities = [-0.5, 1.5] }', "probability -0.5 is not allowed"),
    ('policy.name = { values = ["hold", "dividend"], probabilities = [1] }', "must be a list of 2 numbers"),
    ('policy.name = { values = ["hold", "hold"] }', '"hold" is listed twice'),
    ("search.shown = { low = 1.0, high = 9 }", "low = 1.0 is not allowed: it must be an integer"),
    ("search.shown = { low = 17, high = 20 }", "it must be at most search.candidates = 16"),
    ('policy.name = ["hold"]', "nothing varies"),
]


@pytest.mark.parametrize(("stated", "sentence"), SENTENCES)
def test_a_mistake_is_named_with_what_is_allowed(stated: dict, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "design.toml"
    path.write_text(GRID.format(**({"top": "", "kind": "grid", "design": ""} | stated)))
    with pytest.raises(DesignError) as error:
        load_design(path)
    assert sentence in str(error.value)


@pytest.mark.parametrize(("factor", "sentence"), DRAWN_SENTENCES)
def test_a_mistaken_distribution_is_named_with_what_is_allowed(factor: str, sentence: str, tmp_path: Path) -> None:
    test_a_mistake_is_named_with_what_is_allowed(
        {"kind": "latin-hypercube", "design": "samples = 4\n", "factors": factor}, sentence, tmp_path
    )


@pytest.mark.parametrize(
    ("kind", "design", "sentence"),
    [
        ("sobol", "samples = 100\n", "the nearest are 64 and 128"),
        ("sobol", "samples = 1\n", "it must be an integer from 2 to"),
        ("sobol", "", "design.samples is missing"),
        ("sobol", 'samples = 4\nsecond_order = "yes"\n', "it must be true or false"),
        ("morris", "samples = 4\n", "is not a key of [design] of kind morris"),
        ("morris", "trajectories = 4\nlevels = 5\n", "it must be even"),
        ("random", "samples = 4\nseed = -1\n", "design.seed = -1 is not allowed"),
        ("random", "samples = 4\nmax_runs = 3\n", "max_runs = 4"),
    ],
)
def test_a_mistaken_sample_is_named(kind: str, design: str, sentence: str, tmp_path: Path) -> None:
    factor = "platform.commission = { low = 0.1, high = 0.2 }"
    test_a_mistake_is_named_with_what_is_allowed(
        {"kind": kind, "design": design, "factors": factor}, sentence, tmp_path
    )


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"a = '\xe9'", b"\x00", b"\xef\xbb\xbfscenario = 3"])
def test_bytes_that_are_no_text(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "design.toml"
    path.write_bytes(content)
    with pytest.raises(DesignError, match="design.toml"):
        load_design(path)


@pytest.mark.parametrize("name", ["missing.toml", ".", "a\0b", "x" * 5000])
def test_a_path_that_cannot_be_read(name: str, tmp_path: Path) -> None:
    with pytest.raises(DesignError, match="cannot be read"):
        load_design(tmp_path / name)


@pytest.mark.parametrize(
    "stated",
    [
        {}, {"factors": None}, {"factors": 3}, {"factors": {"run.weeks": object()}}, {"factors": {3: [1]}},
        {"factors": {"run.weeks": [None]}}, {"factors": {"run.weeks": {1, 2}}}, {"points": [1], "kind": "list"},
        {"points": 3, "kind": "list"}, {"arms": {}, "kind": "arms"}, {"arms": {"a": None}, "kind": "arms"},
        {"nothing": 1, "factors": {"run.weeks": [2]}}, {"factors": {"run.weeks": [2]}, "replications": "3"},
        {"factors": {"run.weeks": [2]}, "kind": None}, {"factors": {"run.weeks": [2]}, "imports": ["nowhere.py"]},
        {"factors": {"run.weeks": [2]}, "changes": 3}, {"kind": "arms", "arms": {"": "tiny"}},
        {"kind": "arms", "arms": {"a": {"complete": True, "run": 3}}},
    ],
)  # fmt: skip
def test_mistakes_made_in_python_are_sentences_too(stated: dict) -> None:
    with pytest.raises(DesignError):
        Design.of("tiny", **stated)
    if stated.get("kind") != "arms":
        with pytest.raises(DesignError, match="scenario"):
            Design.of(**stated)
