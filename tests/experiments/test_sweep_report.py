"""Pages of sweeps and comparisons: they say what the tables say, stand by themselves, and escape what is not theirs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support.command_line import done, marketplace

from experiments import load_results
from experiments.comparison.printing import change, span
from experiments.engine import running, sweep
from experiments.reports import sweep_charts, tables
from experiments.reports.chart_style import INK, SERIES
from experiments.reports.comparison_report import _differing
from experiments.reports.even import Even, even_runs
from experiments.reports.shell import Section, document
from experiments.reports.sweep_headline import apart, headline, more
from experiments.reports.sweep_report import _box, _effects_caption, _main_effects, _order, _two_factors, half_width
from experiments.reports.words import number
from experiments.sensitivity.effects import BINS, cell_means, cuts_for, level_means, levels_of, variance_shares

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
        assert apart(two, 1, 0, 2).startswith("The two can be told apart: +101 % over 3 pairs")
        assert apart(two, 1, 0, 99).startswith("The two cannot be told apart")
        assert "no seed has a run at both" in apart(two.assign(seed=range(6)), 1, 0, 2)
        assert (more(100.0, 103.0), more(1.0, 2.5), more(0.0, 1.0)) == ("3.0 % more", "2.5 times as much", "")
        one = apart(two[two["replicate"] == 0], 1, 0, 2)
        assert "a single seed has a run at both" in one

    def test_provenance_says_what_sessions_share_once(self, page: str) -> None:
        words = text_of(page)
        assert "sessions.0" not in words and words.count("numpy ") == 1 and "session 1" in words

    def test_every_point_stands_in_the_table_with_its_mean(self, place: Path, page: str) -> None:
        runs = load_results(place / "swept").summary
        words = text_of(page)
        for mean in runs[runs["status"] == "complete"].groupby("point")["gmv"].mean():
            assert number(float(mean)) in words

    def test_where_only_one_point_has_runs_nothing_is_said_of_the_others(self, place: Path) -> None:
        results = load_results(place / "swept")
        runs = results.summary[results.summary["status"] == "complete"]
        one = runs[runs["point"] == runs["point"].iloc[0]]
        said = headline(results, one, Even(one)).body
        assert "at the only point that can be compared" in said and "every point" not in said

    def test_failures_are_counted_and_named(self, place: Path, page: str) -> None:
        failures = load_results(place / "swept").failures
        assert len(failures) == 6
        assert "6 runs failed and are in no figure" in text_of(page) and "ValueError" in page
        assert re.search(r"week \w+\.py, line \d+ ValueError", text_of(page))
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


def swept(kind: str, factors: dict[str, list[Any]], gmv: np.ndarray, seeds: str = "common") -> SimpleNamespace:
    """A sweep with a point for every value of its factors and a run for every column of ``gmv``; NaN: not there."""
    points = pd.DataFrame(factors).rename_axis("point")
    there = [(point, k) for point, k in np.ndindex(*gmv.shape) if np.isfinite(gmv[point, k])]
    runs = pd.DataFrame(
        {"point": point, "replicate": k, "seed": 3 + k, "status": "complete", "gmv": gmv[point, k],
         "third_party_share": 0.5, "satisfaction": 0.5, **points.loc[point].to_dict()}
        for point, k in there
    )  # fmt: skip
    said = {"design_kind": kind, "seeds": seeds, "weeks": 30}
    return SimpleNamespace(points=points, factors=list(points), provenance=said, runs=runs)


def first_words(results: SimpleNamespace) -> str:
    """The headline of a made-up sweep."""
    even = even_runs(results.runs, common=results.provenance["seeds"] == "common")
    return text_of(headline(results, results.runs, even).body)


class TestSeedsThatDiffer:
    """A seed doubles GMV at all points alike; nothing else makes a difference."""

    FACTORS = {"a": [0, 0, 1, 1], "b": [0, 1, 0, 1]}

    def grid(self, *gaps: tuple[int, int]) -> SimpleNamespace:
        gmv = np.outer(np.ones(4), 100.0 * 2.0 ** np.arange(3))
        for gap in gaps:
            gmv[gap] = np.nan
        return swept("grid", self.FACTORS, gmv)

    def test_seeds_that_some_points_lack_make_no_difference(self) -> None:
        words = first_words(self.grid((0, 2), (1, 2), (2, 2)))
        assert "is 150 at every point" in words and "Only the 2 of 3 seeds that all points have" in words

    def test_points_that_lack_seeds_are_left_out_where_that_leaves_more(self) -> None:
        results = self.grid((0, 2), (0, 1))
        words = first_words(results)
        assert "is 233 at all 3 points that can be compared" in words
        assert "Only the 3 of 4 points that have runs under all 3 seeds" in words
        results.runs.loc[results.runs["point"] == 1, "gmv"] *= 3.0
        assert "What each factor accounts for is left out, because only 3 of 4 points" in first_words(results)
        section = _main_effects(results, even_runs(results.runs, common=True))
        assert "n = 9 runs in all" in section.body and "Not all points of the grid are here" in section.lead
        assert "interact most" not in _two_factors(results, even_runs(results.runs, common=True))[0].lead

    def test_nothing_is_ranked_where_no_seed_is_everywhere(self) -> None:
        results = self.grid((0, 0), (1, 1), (2, 2), (3, 0))
        words = first_words(results)
        assert words.strip().startswith("Points are not compared") and "ranges" not in words and "%" not in words
        even = even_runs(results.runs, common=True)
        assert _main_effects(results, even).body == "" and not _two_factors(results, even)

    def test_independent_seeds_are_all_taken(self) -> None:
        results = self.grid((0, 2))
        assert even_runs(results.runs, common=False).runs is results.runs
        assert even_runs(self.grid().runs, common=True).said == ""


class TestPoints:
    def test_equal_ones_stand_by_number(self) -> None:
        means = pd.DataFrame({"mean": [2.0, 7.0, *[5.0] * 40, np.nan]})
        assert _order(means, ranked=True) == [1, *range(2, 42), 0, 42]
        assert _order(means.iloc[::-1], ranked=True) == [1, *range(2, 42), 0, 42]
        assert _order(means, ranked=False) == list(range(43))

    def test_a_point_is_named_by_what_differs_and_no_factor_is_dropped_in_silence(self) -> None:
        factors = {"same": [1, 1]} | {f"f{k}": [k, k + 1] for k in range(9)}
        words = first_words(swept("list", factors, np.array([[1.0, 1.1], [2.0, 2.3]])))
        assert "f5 = 6 and 3 other factors; it is lowest at f0 = 0," in words and "same =" not in words

    def test_half_widths_of_shares_are_points(self) -> None:
        assert half_width(0.19, "share") == "19 pp" and half_width(0.019, "share") == "1.9 pp"
        assert half_width(12.3, "currency") == "12.3"

    def test_a_single_seed_has_no_interval(self) -> None:
        said = _effects_caption(pd.DataFrame({"replicate": [0, 0]}), True, False)
        assert "a single seed" in said and "grey" not in said
        assert "over 2 seeds" in _effects_caption(pd.DataFrame({"replicate": [0, 1]}), True, False)

    def test_boxes_say_what_the_terminal_says(self) -> None:
        limits = [
            {"factor": "search.shown", "low": 3.0, "high": 8.5, "values": []},
            {"factor": "policy.name", "low": None, "high": None, "values": ["reinvest", "dividend"]},
        ]
        box = {"limits": limits, "coverage": 0.4, "density": 1.0, "runs": 4}
        words = text_of(_box({"condition": "gmv > 80", "cases": 10, "runs": 24, "boxes": [box]}))
        assert "10 of 24 runs are cases" in words and "search.shown: 3 to 8.5; policy.name: reinvest, dividend" in words
        assert "40% 100% 4" in words
        none = text_of(_box({"condition": "gmv > 80", "cases": 10, "runs": 24, "boxes": []}))
        assert "no box holds them densely enough" in none

    @pytest.mark.skipif(shutil.which("chromium") is None, reason="no Chromium here to look at the page with")
    def test_a_wide_table_stays_inside_the_page(self, tmp_path: Path) -> None:
        head = [f"platform.<wbr>commission{k}" for k in range(16)]
        made = tables.table(head, [[f"{k}.123456" for k in range(16)]], "points", range(8, 16))
        script = "const main = document.querySelector('main'); document.title = main.scrollWidth - main.clientWidth"
        page = document("x", "page", "", [Section("Points", "", made)])
        (tmp_path / "page.html").write_text(page.replace("</main>", f"</main><script>{script}</script>"))
        how = ("--headless", "--no-sandbox", "--disable-gpu", "--window-size=1200,800", "--dump-dom")
        where = (f"--user-data-dir={tmp_path / 'profile'}", (tmp_path / "page.html").as_uri())
        seen = subprocess.run(["chromium", *how, *where], check=True, capture_output=True, text=True, timeout=60).stdout
        over = re.search(r"<title>(.*?)</title>", seen)
        assert over and int(over[1]) == 0 and 'class="points wide"' in seen


def course(weeks: int, values: np.ndarray | None = None) -> pd.DataFrame:
    mean = np.linspace(1.0, 2.0, weeks) if values is None else values
    return pd.DataFrame({"week": np.arange(1, weeks + 1), "mean": mean, "low": mean - 0.1, "high": mean + 0.1})


class TestFigures:
    def test_a_group_has_one_colour_whatever_stands_beside_it(self) -> None:
        both = sweep_charts.courses({"gmv": {"a": course(8), "b": course(8)}}, ["a", "b"]).axes[0].lines
        alone = sweep_charts.courses({"gmv": {"b": course(8)}}, ["a", "b"]).axes[0].lines
        assert both[1].get_color() == alone[0].get_color() == SERIES[1][0]
        row = {"label": "gmv", "effect": 1.0, "low": 0.5, "high": 2.0}
        for sure, filled in ((True, SERIES[1][0]), (False, "white")):
            mark = sweep_charts.forest([row | {"sure": sure}], "b over a", SERIES[1][0]).axes[0].lines[1]
            assert (mark.get_color(), mark.get_markerfacecolor()) == (SERIES[1][0], filled)

    def test_short_courses_are_not_levelled_out(self) -> None:
        zigzag = np.tile([1.0, 3.0], 26)
        drawn = {}
        for weeks in (8, 52):
            line = sweep_charts.courses({"gmv": {"a": course(weeks, zigzag[:weeks])}}).axes[0].lines[0]
            drawn[weeks] = np.asarray(line.get_ydata(), dtype=float)
        assert drawn[8].tolist() == zigzag[:8].tolist() and np.ptp(drawn[52][10:-10]) < 0.2
        assert sweep_charts.shortest({"gmv": {"a": course(52), "b": course(8)}}) == 8


class TestComparisonPage:
    def test_an_arm_has_one_colour_on_the_whole_page(self, place: Path) -> None:
        done("report", str(place / "compared"))
        html = (place / "compared" / "report.html").read_text(encoding="utf-8")
        inks = re.findall(r'<text[^>]*style="[^"]*fill: (#\w+)[^"]*"[^>]*>dividend</text>', html)
        assert len(inks) == 5 and set(inks) == {SERIES[1][0]} != {INK}  # four courses and the differences
        assert f'<span style="color: {SERIES[1][0]}">■</span> dividend' in html
        forest = html.split('id="s3"')[1].split("</svg>")[0]
        assert SERIES[1][0] in forest and SERIES[0][0] not in forest
        assert "week by week" in text_of(html) and "13-week" not in html
        assert "dividend dividend policy.name = dividend 4" in text_of(html)  # name, label, what differs, pairs

    def test_what_an_arm_changes_is_told_in_full(self) -> None:
        base = {"name": "a", "platforms": [{"commission": 0.1}], "flywheel": {"valves": {"x->y": {"state": "shut"}}}}
        arm = {"name": "b", "platforms": [{"commission": 0.2}], "flywheel": {"valves": {}}}
        flat = dict(tables.flat(arm)), dict(tables.flat(base))
        assert _differing(*flat) == "platform.commission = 0.2; no flywheel.valves.x->y.state"
        many = {f"f{k}": str(k) for k in range(20)}
        assert _differing(many, {}).endswith("f11 = 11 and 8 more")

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

    def test_drawn_values_make_few_bins_of_few_points_and_listed_ones_stay(self) -> None:
        drawn = pd.DataFrame({"a": np.linspace(0.1, 0.3, 12), "b": np.linspace(9.0, 2.0, 12), "y": np.arange(12.0)})
        cuts = cuts_for(12, sampled=True)
        assert levels_of(drawn["a"], cuts.bins, cuts.keep).value_counts().tolist() == [4, 4, 4]
        assert cell_means(drawn, "a", "b", "y", cuts).shape == (2, 2)
        assert variance_shares(drawn.assign(point=range(12)), ["a", "b"], "y", cuts)["a",] < 0.95  # not all of it
        listed = cuts_for(12, sampled=False)
        assert levels_of(drawn["a"], listed.bins, listed.keep).nunique() == 12
        many = cuts_for(120, sampled=True)
        assert (many.bins, many.side) == (BINS, 5) and cuts_for(1, sampled=True).bins == 2
        words = pd.Series(list("abcd") * 3)
        assert levels_of(words, cuts.bins, cuts.keep).equals(words)

    def test_bins_hold_equally_many_values_whatever_their_number(self) -> None:
        for count in range(3, 60):
            for bins in range(2, min(8, count)):
                sizes = levels_of(pd.Series(np.arange(float(count))), bins, 0).value_counts()
                assert len(sizes) == bins and sizes.max() - sizes.min() <= 1, (count, bins)

    def test_a_page_of_drawn_factors_has_bins(self) -> None:
        rng = np.random.default_rng(1)
        results = swept("latin-hypercube", {"a": list(rng.random(12)), "b": list(rng.random(12))}, rng.random((12, 2)))
        even = even_runs(results.runs, common=True)
        (section,) = _two_factors(results, even)
        assert "each named by its mean" in section.body and "cut into bins" in _main_effects(results, even).body
        results.provenance["design_kind"] = "zip"
        assert "cut into bins" not in _main_effects(results, even).body

    def test_a_cell_without_runs_is_missing(self) -> None:
        runs = pd.DataFrame({"a": [0, 0, 1], "b": ["x", "y", "x"], "y": [1.0, 2.0, 3.0]})
        cells = cell_means(runs, "a", "b", "y")
        assert cells.loc[0, "y"] == 2.0 and np.isnan(cells.loc[1, "y"])
