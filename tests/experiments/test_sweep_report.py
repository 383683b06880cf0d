"""Pages of sweeps and comparisons: they say what the tables say, stand by themselves, and escape what is not theirs."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.command_line import done, marketplace

from experiments import load_results
from experiments.comparison.printing import change, span
from experiments.engine import running, sweep
from experiments.reports.sweep_report import _apart, _more
from experiments.reports.words import number
from experiments.sensitivity.effects import BINS, cell_means, level_means, levels_of, variance_shares

WORLD = """
base = "tiny"
description = "<i>small</i>"
run = { seed = 3, weeks = 6 }
customers = { count = 200 }
sellers = { count = 10 }
search = { panel = 16 }
flywheel = { reference_week = 2 }
"""
DESIGN = """# <script>alert(1)</script>
scenario = "small.toml"
replications = 3
weekly = true
imports = ["moody.py"]
[design]
kind = "grid"
[design.factors]
"platform.commission" = [0.05, 0.20]
"platform.credit_line" = [1000.0, 5000.0]
"policy.name" = ["reinvest", "moody"]
"""
MOODY = """
from agents.policies import Decision, PlatformPolicy


class Moody(PlatformPolicy):
    name = "moody"

    def decide(self, books):
        if books.credit_line < 2000.0:
            raise ValueError("no <b>mood</b> for this")
        return Decision()
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A sweep whose runs of one policy fail at one credit line, and a comparison, made in this process."""
    folder = tmp_path_factory.mktemp("pages")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sweep, "run_jobs", lambda jobs, **how: running.run_jobs(jobs, **how | {"engine": "here"}))
        (folder / "small.toml").write_text(WORLD)
        (folder / "design.toml").write_text(DESIGN)
        (folder / "moody.py").write_text(MOODY)
        assert marketplace("sweep", "design.toml", "--out", "swept", "--quiet").exit_code == 1  # some runs fail
        arms = ("--policy", "reinvest", "--policy", "dividend")
        done("compare", "small.toml", *arms, "--seeds", "4", "--out", "compared", "--quiet")
        yield folder


@pytest.fixture(scope="module")
def page(place: Path) -> str:
    assert marketplace("report", str(place / "swept")).exit_code == 0
    return (place / "swept" / "report.html").read_text(encoding="utf-8")


def text_of(html: str) -> str:
    """The words of a page."""
    bare = re.sub(r"<(style|svg).*?</\1>", " ", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", bare).replace("&nbsp;", " "))


class TestSweepPage:
    def test_it_stands_by_itself(self, page: str) -> None:
        assert page.startswith("<!doctype html>") and page.rstrip().endswith("</html>")
        assert not re.search(r"<(script|link|img|iframe)\b", page)
        assert not re.search(r'(src|href)="(?!#)', page) and "@import" not in page and page.count("<svg") >= 3

    def test_what_is_not_ours_is_escaped(self, page: str) -> None:
        assert "<script>" not in page and "<b>mood" not in page and "&lt;script&gt;" in page and "&lt;b&gt;mood" in page

    def test_the_headline_is_that_of_the_table(self, place: Path, page: str) -> None:
        runs = load_results(place / "swept").summary
        means = runs[runs["status"] == "complete"].groupby("point")["gmv"].mean()
        low, high = number(float(means.min())), number(float(means.max()))
        assert f"ranges from {low} to {high}" in text_of(page)

    def test_the_headline_says_whether_best_and_worst_differ(self, place: Path, page: str) -> None:
        words = text_of(page)
        assert "GMV of the last 6 weeks" in words and "52 weeks" not in words
        told = re.search(r"The two (can|cannot) be told apart: .*? over 3 pairs of runs .*?; p = (\S+), Bonf", words)
        assert told and (told[1] == "can") == (float(told[2]) <= 0.05)
        runs = load_results(place / "swept").summary
        two = runs[runs["point"] < 2].assign(status="complete", gmv=[1.0, 2.0, 3.0, 2.0, 4.1, 5.9])
        assert _apart(two, 1, 0, 2).startswith("The two can be told apart: +101 % over 3 pairs")
        assert _apart(two, 1, 0, 99).startswith("The two cannot be told apart")
        assert "no seed has a run at both" in _apart(two.assign(seed=range(6)), 1, 0, 2)
        assert (_more(100.0, 103.0), _more(1.0, 2.5), _more(0.0, 1.0)) == ("3.0 % more", "2.5 times as much", "")
        one = _apart(two[two["replicate"] == 0], 1, 0, 2)
        assert "a single seed has a run at both" in one

    def test_provenance_says_what_sessions_share_once(self, page: str) -> None:
        words = text_of(page)
        assert "sessions.0" not in words and words.count("numpy ") == 1 and "session 1" in words

    def test_every_point_stands_in_the_table_with_its_mean(self, place: Path, page: str) -> None:
        runs = load_results(place / "swept").summary
        words = text_of(page)
        for mean in runs[runs["status"] == "complete"].groupby("point")["gmv"].mean():
            assert number(float(mean)) in words

    def test_failures_are_counted_and_named(self, place: Path, page: str) -> None:
        failures = load_results(place / "swept").failures
        assert len(failures) == 6
        assert "6 runs failed and are in no figure" in text_of(page) and "ValueError" in page
        for row in failures.itertuples():
            assert f"point {row.point}, replicate {row.replicate}, seed {row.seed}" in page

    def test_a_part_says_what_is_missing(self, place: Path) -> None:
        part = ("--shard", "1/2", "--out", str(place / "part"), "--quiet")
        assert marketplace("sweep", str(place / "design.toml"), *part).exit_code == 1
        folder = place / "half"
        shutil.copytree(place / "part", folder)
        manifest = json.loads((folder / "manifest.json").read_text())
        (folder / "manifest.json").write_text(json.dumps(manifest | {"planned": 24}))
        assert marketplace("report", str(folder)).exit_code == 0
        there = len(load_results(folder).summary)
        assert f"{24 - there} of 24 runs are not there yet" in text_of((folder / "report.html").read_text())


class TestComparisonPage:
    def test_it_says_what_the_comparison_says(self, place: Path) -> None:
        assert marketplace("report", str(place / "compared")).exit_code == 0
        html = (place / "compared" / "report.html").read_text(encoding="utf-8")
        found = json.loads((place / "compared" / "comparison.json").read_text())
        words = text_of(html)
        assert "<script" not in html and html.count("<svg") >= 1
        assert "dividend against reinvest" in words and "reinvest against dividend" not in words
        assert "sessions.0" not in words and ">active sellers<" in html
        gmv = next(row for row in found["rows"] if row["indicator"] == "gmv")
        assert span(gmv).replace("-", "−") in words.split("Headline")[1].split("Indicator")[0]  # that of the table
        nps = next(row for row in found["rows"] if row["indicator"] == "nps")
        assert change(nps).replace("-", "−") in words and change(nps).endswith(" points")
        assert " pp" in words and "compared as differences, not as ratios: nps, satisfaction" in words
        assert "active_sellers" not in html.split("Over time")[0].split('id="s3"')[1]  # as the table says it
        for row in found["rows"]:
            shown = re.search(rf"{row['indicator'].replace('_', ' ')} .*?{re.escape(row['verdict'])}", words)
            assert shown, row["indicator"]

    def test_a_damaged_comparison_is_refused(self, place: Path) -> None:
        folder = place / "damaged"
        shutil.copytree(place / "compared", folder)
        (folder / "comparison.json").write_text('{"rows": 3}')
        told = marketplace("report", str(folder))
        assert told.exit_code == 2 and "comparison.json is missing or damaged" in told.output


class TestCommand:
    @pytest.mark.parametrize(
        ("make", "sentence"),
        [
            (lambda path: None, "there is no such folder"),
            (lambda path: path.write_text("x"), "this is a file"),
            (lambda path: path.mkdir(), "holds no provenance.json"),
        ],
    )
    def test_what_is_no_results_folder_is_refused(self, tmp_path: Path, make, sentence: str) -> None:
        make(tmp_path / "there")
        told = marketplace("report", str(tmp_path / "there"))
        assert told.exit_code == 2 and sentence in told.output and "Traceback" not in told.output

    def test_a_file_that_stands_there_is_kept(self, place: Path, tmp_path: Path) -> None:
        (tmp_path / "page.html").write_text("mine")
        told = marketplace("report", str(place / "swept"), "--to", str(tmp_path / "page.html"))
        assert told.exit_code == 2 and (tmp_path / "page.html").read_text() == "mine"
        done("report", str(place / "swept"), "--to", str(tmp_path / "page.html"), "--force")
        assert (tmp_path / "page.html").read_text().startswith("<!doctype html>")


class TestEffects:
    @pytest.fixture
    def runs(self) -> pd.DataFrame:
        """A full grid of two factors under six common seeds, each of which shifts all points alike."""
        rows = [
            {"point": 4 * a + b, "replicate": r, "a": float(a), "b": "abcd"[b], "y": 10.0 * a + 3.0 * b + 100.0 * r}
            for a in range(3)
            for b in range(4)
            for r in range(6)
        ]
        return pd.DataFrame(rows)

    def test_what_a_seed_does_to_all_points_is_no_uncertainty(self, runs: pd.DataFrame) -> None:
        common = level_means(runs, levels_of(runs["a"]), "y", common=True)
        assert np.allclose(common["mean"].diff().dropna(), 10.0) and np.allclose(common["high"] - common["low"], 0.0)
        alone = level_means(runs, levels_of(runs["a"]), "y", common=False)
        assert (alone["high"] - alone["low"] > 100.0).all() and alone["mean"].equals(common["mean"])
        assert list(common["n"]) == [24, 24, 24]

    def test_shares_add_up_where_nothing_interacts(self, runs: pd.DataFrame) -> None:
        shares = variance_shares(runs, ["a", "b"], "y")
        a, b = 100.0 * np.var([0, 1, 2]), 9.0 * np.var([0, 1, 2, 3])
        assert shares["a",] == pytest.approx(a / (a + b)) and shares["b",] == pytest.approx(b / (a + b))
        assert shares["a", "b"] == pytest.approx(0.0, abs=1e-12)

    def test_a_pure_interaction_is_the_pairs_alone(self) -> None:
        runs = pd.DataFrame(
            [{"point": 2 * a + b, "replicate": 0, "a": a, "b": b, "y": float((a - 0.5) * (b - 0.5))}
             for a in range(2) for b in range(2)]
        )  # fmt: skip
        shares = variance_shares(runs, ["a", "b"], "y")
        assert shares["a",] == shares["b",] == pytest.approx(0.0) and shares["a", "b"] == pytest.approx(1.0)

    def test_many_values_are_cut_into_bins_of_equally_many_runs(self) -> None:
        values = pd.Series(np.linspace(0.0, 1.0, 160))
        levels = levels_of(values)
        assert levels.nunique() == BINS and set(levels.value_counts()) == {160 // BINS}
        assert levels.is_monotonic_increasing and levels.mean() == pytest.approx(values.mean())

    def test_a_cell_without_runs_is_missing(self) -> None:
        runs = pd.DataFrame({"a": [0, 0, 1], "b": ["x", "y", "x"], "y": [1.0, 2.0, 3.0]})
        cells = cell_means(runs, "a", "b", "y")
        assert cells.loc[0, "y"] == 2.0 and np.isnan(cells.loc[1, "y"])
