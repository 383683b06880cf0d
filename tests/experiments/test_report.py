"""The report page: complete, self-contained, escaped, and saying what the numbers say."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from experiments.reports import chart_style, charts, run_report, tables
from experiments.reports.chart_network import drawable, network
from experiments.reports.words import headline, number, real_gap, span_of
from experiments.results import Kept, write_run
from experiments.runs import Outcome
from marketplace import MarketplaceModel
from marketplace.flywheel import MEANING
from marketplace.indicators import INDICATORS, column_names
from marketplace.network import edge_table
from marketplace.scenario import Scenario, load_scenario

SMALL = {"customers.count": 400, "sellers.count": 12, "platform.marketplace_opens": 1, "run.weeks": 30, "run.seed": 7}
TITLES = (
    "What was run", "Headline", "The loop", "Growth against the cut loop", "Who sells", "Prices and unit cost",
    "Satisfaction and delivery", "Sellers", "The customer-seller network", "The platform's money", "All indicators",
    "Provenance",
)  # fmt: skip
VOID = {"meta", "br", "link", "img"}


class Page(HTMLParser):
    """A page as a browser takes it apart: tags, attributes, and the text outside of styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def lived(scenario: Scenario, weeks: int | None = None, twin: bool = False) -> Outcome:
    """Live through a scenario (or its first weeks) as `marketplace run` does."""
    model = MarketplaceModel(scenario).run(weeks)
    outcome = Outcome(scenario, model.weekly, {}, network=edge_table(model))
    if twin:
        cut = MarketplaceModel(scenario)
        cut.flywheel.shut_all()
        outcome.twin = cut.run(weeks).weekly
    return outcome


def written(folder: Path, outcome: Outcome, ablation: dict[str, Any] | None = None) -> str:
    """Write a results folder with its report; return the page."""
    folder.mkdir()
    write_run(folder, outcome, Kept().copy_to(folder))
    if ablation is not None:
        (folder / "ablation.json").write_text(json.dumps(ablation), encoding="utf-8")
    path = run_report.write_report(folder)
    assert path == folder / "report.html"
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def small() -> Outcome:
    return lived(load_scenario("tiny", SMALL), twin=True)


@pytest.fixture(scope="module")
def small_folder(small: Outcome, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report") / "run"
    written(folder, small)
    return folder


@pytest.fixture(scope="module")
def small_page(small_folder: Path) -> str:
    return (small_folder / "report.html").read_text(encoding="utf-8")


def made_up(weeks: int = 1040, platforms: int = 1, **columns: Any) -> SimpleNamespace:
    """A run whose indicators are all missing but those given as an array or as (first week, last week)."""
    scenario = load_scenario("tiny")
    names = ["shop"] if platforms == 1 else [f"shop{m}" for m in range(platforms)]
    scenario = scenario.with_changes({"run.weeks": weeks, "platforms": [{"name": name} for name in names]})
    frame = pd.DataFrame(np.nan, index=range(weeks), columns=column_names(names))
    frame["week"] = np.arange(1, weeks + 1)
    for name, values in columns.items():
        frame[name] = np.geomspace(*values, weeks) if isinstance(values, tuple) else values
    provenance = {"status": "complete", "versions": {}}
    return SimpleNamespace(
        scenario=scenario, weekly=frame, twin=None, network=None, ablation=None, provenance=provenance
    )


def effect(link: str, mean: float | None, half: float = 0.1, n: int = 3) -> dict[str, Any]:
    low, high = (None, None) if mean is None or n < 2 else (mean - half, mean + half)
    return {
        "link": link, "mean": mean, "low": low, "high": high, "n": n,
        "distinguishable": low is not None and not low <= 0.0 <= high,
    }  # fmt: skip


def test_page_has_every_section_and_figure(small_page: str) -> None:
    page = Page(small_page)
    assert re.findall(r"<h2><span>\d+</span>(.*?)</h2>", small_page) == [t.replace("'", "&#x27;") for t in TITLES]
    assert page.tags.count("svg") == 8
    assert "mathdefault" not in small_page  # no tick is left to matplotlib's own notation
    drawn = " ".join(re.findall(r"<text[^>]*>([^<]*)</text>", small_page))
    for words in ("Active customers", "loop cut", "customer experience", "Unit cost by part", "own retail"):
        assert words in drawn  # text as text: it can be searched, and read aloud


def test_every_indicator_and_every_link_is_in_a_table(small_page: str) -> None:
    for indicator in INDICATORS:
        if not indicator.name.startswith("link."):
            assert f"<code>{indicator.name}</code>" in small_page
    for link in MEANING:
        assert f"<b>{link.replace('->', ' → ').replace('_', ' ')}</b>" in small_page


def test_table_shows_the_numbers_of_the_run(small: Outcome, small_page: str) -> None:
    weeks = span_of(len(small.weekly)).weeks
    assert weeks == 7 and small.twin is not None
    wanted = [small.weekly["gmv"][:weeks].sum(), small.weekly["gmv"][-weeks:].sum(), small.twin["gmv"][-weeks:].sum()]
    row = re.search(r"<code>gmv</code></td>(.*?)</tr>", small_page)
    assert row and re.findall(r"<td class=\"n\">(.*?)</td>", row[1]) == [number(value) for value in wanted]


def test_without_a_twin_nothing_is_said_of_one(small: Outcome, tmp_path: Path) -> None:
    page = written(tmp_path / "run", Outcome(small.scenario, small.weekly, {}, network=small.network))
    assert "was not run beside it" in page
    assert ">loop cut<" not in page


def test_two_platforms_have_a_line_and_a_row_each(tmp_path: Path) -> None:
    both = [{"name": name, "marketplace_opens": 1} for name in ("east", "west")]
    changes = {"customers.count": 300, "sellers.count": 8, "run.weeks": 16, "platforms": both}
    scenario = load_scenario("tiny", changes)
    page = written(tmp_path / "run", lived(scenario, twin=True))
    for platform in scenario.platforms:
        assert (
            len(re.findall(rf"<text[^>]*>{platform.name}</text>", page)) == 6
        )  # GMV, share, price, satisfaction, margin, cash
        assert f'<span class="sub">{platform.name}</span>' in page
    assert "Of the last GMV the platforms hold" in page
    assert "Amazon 19" not in page


def test_interrupted_run_says_so(small: Outcome, tmp_path: Path) -> None:
    cut = Outcome(small.scenario, small.weekly.head(3), {}, "interrupted", network=small.network)
    page = written(tmp_path / "run", cut)
    assert "marked interrupted: it lived 3 of 30 weeks" in page
    assert "in the first week" in page


def test_run_without_a_week_is_a_page_all_the_same(small: Outcome, tmp_path: Path) -> None:
    page = Page(written(tmp_path / "run", Outcome(small.scenario, small.weekly.head(0), {}, "interrupted")))
    assert "No week was finished" in page.text
    assert "svg" not in page.tags


def test_twin_that_was_interrupted_is_not_compared(small: Outcome, tmp_path: Path) -> None:
    assert small.twin is not None
    short = Outcome(small.scenario, small.weekly, {}, "interrupted", twin=small.twin.head(11), network=small.network)
    page = written(tmp_path / "run", short)
    assert "lived 11 weeks and the run 30, so their ends are not compared" in page


@pytest.mark.parametrize("platforms", [1, 2])
def test_all_values_missing(platforms: int) -> None:
    run = made_up(weeks=120, platforms=platforms)
    run.twin = run.weekly.copy()
    run.network = pd.DataFrame({"customer": [], "seller": [], "weight": []})
    page = Page(run_report.page(run))
    assert "No GMV was recorded" in page.text
    assert page.text.count("not recorded in this run") >= 15
    assert "nan" not in page.text.lower().split()


def test_loop_says_which_of_the_two_it_shows(small: Outcome, small_page: str, tmp_path: Path) -> None:
    strong, weak, unknown = list(MEANING)[:3]
    links = [effect(strong, -1.43), effect(weak, -0.02), effect(unknown, None, n=0)]
    page = written(tmp_path / "run", small, {"links": links, "all": effect("all", -2.0), "seeds": [1, 2, 3]})
    assert "The numbers in bold are measured strengths" in page and "measured strengths" not in small_page
    assert "The numbers are recorded values" in small_page and "The numbers are recorded values" not in page
    assert f"−1.43 (−{100 * (1 - np.exp(-1.43)):.0f} %)" in page
    assert "not distinguishable from zero" in page and "not measured: no GMV" in page
    assert "All links shut together: −2.00 (−86 %)" in page
    assert "1 of 3 links carry growth that can be told from zero" in page
    assert "−0.02?" in page and ">≈ 0<" not in page  # what cannot be told from zero is not said to be zero
    assert "last 30 weeks" in page and "final-year" not in page and "final year" not in page


def test_how_a_strength_is_written() -> None:
    words = {
        "−0.50 (−39 %)": effect("x", -0.5),
        "−0.08?": effect("x", -0.08),
        "≈ 0": effect("x", 0.001, half=0.005),
        "0": effect("x", 0.0, half=0.0),
        "+0.01 (+1 %)": effect("x", 0.01, n=1),
        "–": effect("x", None, n=0),
    }
    assert {tables.strength_words(item): item for item in words.values()} == words


def test_a_drawing_of_strengths_says_how_they_were_judged(small: Outcome, tmp_path: Path) -> None:
    said = {"links": [effect(next(iter(MEANING)), -0.08)], "all": effect("all", -0.3, half=0.5), "seeds": [1, 2, 3]}
    said |= {"interval": "95 % guarded-t interval over seeds", "correction": "Holm over 2 tests"}
    page = written(tmp_path / "run", small, said)
    assert "n = 3 seeds; 95 % guarded-t interval over seeds; verdicts at 5 % after Holm over 2 tests" in page
    assert "26&nbsp;% lower (mean over 3 seeds), which cannot be told from no change" in page


@pytest.mark.parametrize(
    ("gmv", "words"),
    [
        ((10.0, 1000.0), "times)."),
        ((100.0, 130.0), "GMV grew"),
        ((100.0, 101.0), "GMV hardly changed"),
        ((100.0, 20.0), "GMV shrank"),
        (np.r_[np.zeros(520), np.ones(520)], "at the start there was none to compare with"),
        (np.r_[np.full(400, 10.0), np.full(240, 90.0), np.full(400, 30.0)], "It had peaked at 90 a week in year 8"),
    ],
)
def test_headline_on_growth(gmv: Any, words: str) -> None:
    run = made_up(gmv=gmv)
    first = headline(run)[0]
    assert words in first
    for end in (run.weekly["gmv"][:52].mean(), run.weekly["gmv"][-52:].mean()):
        assert end == 0.0 or number(end) in first


@pytest.mark.parametrize(
    ("cut", "words"),
    [(10.0, "10 times as much"), (80.0, "is 25 % more"), (99.0, "no difference"), (200.0, "held growth back")],
)
def test_headline_on_the_cut_loop(cut: float, words: str) -> None:
    run = made_up(gmv=np.full(1040, 100.0))
    run.twin = made_up(gmv=np.full(1040, cut)).weekly
    said = [sentence for sentence in headline(run) if "loop cut" in sentence]
    assert len(said) == 1 and words in said[0] and number(cut) in said[0]


def test_real_series_is_drawn_only_where_it_means_something() -> None:
    real = charts.real_share()
    assert list(real.index) == list(range(1999, 2019))
    assert (real[1999], real[2018]) == (0.03, 0.58)
    share = np.repeat(real.to_numpy(), 52) + 0.05
    twenty = made_up(third_party_share=share)
    assert "5 percentage points (root mean square, 20 years)" in real_gap(twenty)
    assert ">Amazon 1999–2018<" in chart_style.svg_text(charts.third_party_share(twenty), "x")
    for run in (made_up(weeks=519, third_party_share=share[:519]), made_up(platforms=2, third_party_share=share)):
        assert real_gap(run) == ""
        assert "Amazon" not in chart_style.svg_text(charts.third_party_share(run), "x")


def test_text_from_files_is_escaped(small: Outcome, tmp_path: Path) -> None:
    bad = "\"><script>alert(1)</script>$x_1$ & 'π' 市場"
    scenario = small.scenario.with_changes({"name": bad, "description": bad})
    outcome = Outcome(scenario, small.weekly, {"<i>": 1.0}, "failed", failure=RuntimeError(bad))
    page = Page(written(tmp_path / "run", outcome))
    assert not {"script", "i"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    # title, heading, description, banner, the fact of section 1, and the provenance's scenario and failure
    assert page.text.count(bad) == 7


def test_text_in_a_figure_is_escaped_and_no_mathematics() -> None:
    bad = "</text><b>$x_1$ 市"
    run = made_up(weeks=60, gmv=(1.0, 2.0))
    run.scenario = SimpleNamespace(platforms=[SimpleNamespace(name=bad), SimpleNamespace(name="b")])
    run.weekly[f"gmv.{bad}"] = np.linspace(1.0, 2.0, 60)
    text = chart_style.svg_text(charts.growth(run), "x")
    assert "&lt;/text&gt;&lt;b&gt;$x" in text and "<b>" not in text


def test_nothing_is_loaded_from_elsewhere(small_page: str) -> None:
    page = Page(small_page)
    assert not {"script", "img", "link", "iframe", "object", "image"} & set(page.tags)
    links = [value for name, value in page.attributes if name in ("src", "href", "xlink:href")]
    links += re.findall(r"url\(([^)]*)\)", small_page)
    assert links and all(link.startswith("#") for link in links)
    assert "@import" not in small_page
    ids = [value for name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in links} <= set(ids)


def test_report_is_the_same_every_time_and_leaves_no_trace(small_folder: Path, small_page: str) -> None:
    before = {key: matplotlib.rcParams[key] for key in chart_style.STYLE}
    files = sorted(path.name for path in small_folder.iterdir())
    assert run_report.write_report(small_folder).read_text(encoding="utf-8") == small_page
    assert {key: matplotlib.rcParams[key] for key in before} == before
    assert sorted(path.name for path in small_folder.iterdir()) == files


def test_pyplot_is_never_imported() -> None:
    code = "import sys, experiments.reports.run_report; print('matplotlib.pyplot' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_twenty_years_make_a_small_page() -> None:
    z = np.random.default_rng(1).normal(size=(1040, 200))
    run = made_up()
    run.weekly.iloc[:, 1:] = np.exp(0.2 * z[:, : run.weekly.shape[1] - 1])
    run.twin = run.weekly.copy()
    edges = np.random.default_rng(2).integers(0, (12_000, 600), (40_000, 2))
    run.network = pd.DataFrame(edges, columns=["customer", "seller"]).drop_duplicates().assign(weight=1.0)
    assert len(run_report.page(run).encode()) < 3e6


def test_a_gap_in_the_record_is_a_gap_in_the_line() -> None:
    price = np.full(520, 2.0)
    price[200:300] = np.nan
    strong = charts.price_and_cost(made_up(weeks=520, price_index=price)).axes[0].lines[-1]
    assert np.isnan(np.asarray(strong.get_ydata(), dtype=float)).sum() == 100 - 2 * (chart_style.SMOOTH // 2)


def test_weekly_lines_are_not_cut_off() -> None:
    gmv = 100.0 + 30.0 * np.sin(np.arange(120.0))
    for ax in (charts.growth(made_up(weeks=120, gmv=gmv, orders=gmv)).axes[k] for k in (0, 3)):
        assert ax.get_ylim()[1] > gmv.max() and len(ax.lines) == 2
    dwarfed = np.where(np.arange(120) == 60, 1e6, gmv)
    ax = charts.growth(made_up(weeks=120, gmv=dwarfed)).axes[0]
    assert ax.get_ylim()[1] < 2e5 and "off the scale" in "".join(text.get_text() for text in ax.texts)


@pytest.mark.parametrize(("weeks", "mean"), [(1, 1), (8, 1), (12, 3), (30, 7), (51, 11), (52, 13), (1040, 13)])
def test_short_runs_have_a_short_mean(weeks: int, mean: int) -> None:
    assert chart_style.window(weeks) == mean
    page = run_report.page(made_up(weeks=weeks, gmv=np.full(weeks, 7.0)))
    said = f"strong lines their {mean}-week mean" if mean > 1 else "lines are weeks;"
    assert said in page and (f"{mean}-week means." in page if mean > 1 else "week by week." in page)


def test_own_retail_alone_is_drawn() -> None:
    edges = pd.DataFrame({"customer": [1, 2, 3], "seller": [-1, -1, -1], "weight": [1.0, 1.0, 1.0]})
    assert len(drawable(edges)) == 3
    assert ">own retail<" in chart_style.svg_text(network(edges), "x")


CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here to look at the page with")
def test_browser_shows_and_prints_the_page(small_page: str, tmp_path: Path) -> None:
    page, shot, pdf = (tmp_path / name for name in ("report.html", "shot.png", "report.pdf"))
    page.write_text(small_page, encoding="utf-8")
    for wanted in (
        (f"--screenshot={shot}", "--window-size=1000,1600"),
        (f"--print-to-pdf={pdf}", "--no-pdf-header-footer"),
    ):
        profile = f"--user-data-dir={tmp_path / 'profile'}"
        subprocess.run([CHROMIUM, *QUIET, profile, *wanted, page.as_uri()], check=True, capture_output=True, timeout=60)
    image = np.asarray(Image.open(shot).convert("L"))
    assert image.shape == (1600, 1000)
    lower = image[800:]  # the headline and the loop
    assert (lower < 100).sum() > 2000 and (lower > 240).mean() > 0.5
    data = pdf.read_bytes()
    assert data.startswith(b"%PDF-")
    assert 5 <= len(re.findall(rb"/Type\s*/Page\b", data)) <= 12
