"""The scorecard and the progress on stderr."""

from __future__ import annotations

import io
import math
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from experiments import progress, scorecard
from experiments.progress import Bar, Lines, progress_for
from experiments.runs import Outcome
from experiments.scorecard import HEADLINES, number, print_scorecard, rows, sparkline
from marketplace.indicators import BY_NAME, column_names
from marketplace.scenario import load_scenario


def weekly(weeks: int) -> pd.DataFrame:
    """Every indicator rises by 1 a week from 1."""
    values = np.arange(1.0, weeks + 1.0)
    return pd.DataFrame({name: values for name in column_names(["platform"])}).astype({"week": int})


class TestRows:
    def test_years_are_condensed_by_the_indicators_rule(self) -> None:
        table = {row[0]: row[1:] for row in rows(weekly(104), weekly(104) * 2)}
        assert BY_NAME["gmv"].rule == "sum" and BY_NAME["active_customers"].rule == "last"
        first, last = sum(range(1, 53)), sum(range(53, 105))
        assert table["GMV, sum"][:4] == [f"{first:,}", f"{last:,}", f"{2 * last:,}", "currency"]
        assert table["customers"][:4] == ["52", "104", "208", "customers"]
        assert len(table) == len(HEADLINES)

    def test_without_a_twin_a_column_less(self) -> None:
        assert {len(row) for row in rows(weekly(104), None)} == {5}

    def test_undefined_figures_are_blank(self) -> None:
        table = weekly(60)
        table["gmv"] = math.nan
        assert rows(table, None)[0] == ["GMV, sum", "", "", "currency", ""]

    @pytest.mark.parametrize("weeks", [1, 3, 52, 53, 1040])
    def test_any_length_fits_eighty_columns(self, weeks: int, capsys: pytest.CaptureFixture[str]) -> None:
        outcome = Outcome(load_scenario("tiny"), weekly(weeks), {}, "interrupted", twin=weekly(weeks))
        print_scorecard(outcome)
        said = capsys.readouterr().out
        assert said.startswith("tiny, seed ") and "interrupted" in said.splitlines()[0]
        assert all(label in said for label in HEADLINES.values())
        assert max(len(line.rstrip()) for line in said.splitlines()) <= 80


class TestNumber:
    @pytest.mark.parametrize(
        ("value", "unit", "said"),
        [
            (None, "", ""),
            (math.nan, "", ""),
            (0.1234, "share", "12.3"),
            (-0.5, "share", "-50.0"),
            (0.0, "1", "0"),
            (3.14159, "days", "3.142"),
            (31.4159, "days", "31.4"),
            (12_345.6, "currency", "12,346"),
            (-2_345_678.0, "currency", "-2.35 m"),
            (2.5e9, "currency", "2.50 bn"),
            (-1e300, "currency", "-1.0e+300"),
            (1e300, "share", "1.0e+302"),
        ],
    )
    def test_number(self, value: float | None, unit: str, said: str) -> None:
        assert number(value, unit) == said


class TestSparkline:
    def test_it_climbs_with_the_curve(self) -> None:
        assert sparkline(range(8), width=8) == "▁▂▃▄▅▆▇█"
        assert sparkline(range(80, 0, -1), width=8) == "█▇▆▅▄▃▂▁"

    def test_a_level_curve_is_level(self) -> None:
        assert len(set(sparkline([0.1 + 0.2] * 50 + [0.3] * 50))) == 1

    def test_undefined_spans_are_blank(self) -> None:
        assert sparkline([1.0, math.nan, 2.0], width=3) == "▁ █"
        assert sparkline([math.nan] * 5) == sparkline([]) == ""

    def test_a_short_run_has_a_short_curve(self) -> None:
        assert len(sparkline([1.0, 2.0])) == 2 and len(sparkline(range(1000))) == scorecard.CURVE

    def test_terminals_without_blocks_get_plain_signs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
        monkeypatch.setattr(sys, "stdout", stream)
        print_scorecard(Outcome(load_scenario("tiny"), weekly(60), {}))
        stream.seek(0)
        assert "_" in stream.read()


def test_undefined_weeks_of_a_level_curve_are_blank() -> None:
    drawn = sparkline([1.0, math.nan, math.nan], width=3, signs="ab")
    assert drawn == "b  "


class TestProgress:
    def test_lines_are_few_and_say_the_time_left(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        now = [0.0]
        monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
        with Lines().follow("tiny", 100, "weeks") as done:
            for week in range(1, 101):
                now[0] += 40.0 if week == 1 else 0.25  # the first week waits for a compilation
                done(week)
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.splitlines() == [
            "tiny: 1 of 100 weeks",
            "tiny: 41 of 100 weeks, 4 weeks/s, 15 s left",
            "tiny: 81 of 100 weeks, 4 weeks/s, 4.8 s left",
            "tiny: 100 of 100 weeks in 1 min 05 s, 4 weeks/s from the first one on",
        ]

    def test_nothing_left_to_do_is_said(self, capsys: pytest.CaptureFixture[str]) -> None:
        with Lines().follow("tiny", 1200, "runs", 1200):
            pass
        assert capsys.readouterr().err == "tiny: all 1,200 runs are there already\n"

    def test_what_was_there_before_is_not_counted_into_the_pace(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        now = [0.0]
        monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
        with Lines().follow("tiny", 12, "runs", 8) as done:
            for count in (9, 10, 11, 12):
                now[0] += 6.0 if count == 9 else 0.5  # until workers have begun
                done(count)
        said = "tiny: 12 of 12 runs, 4 of them now, in 7.5 s, 2 runs/s from the first one on\n"
        assert capsys.readouterr().err == said

    def test_what_suits_where_stderr_goes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert type(progress_for(quiet=False)) is Lines
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
        assert type(progress_for(quiet=False)) is Bar
        assert type(progress_for(quiet=True)) is progress.Progress

    @pytest.mark.parametrize(
        ("seconds", "said"), [(3.21, "3.2 s"), (59.4, "59 s"), (61, "1 min 01 s"), (7260, "2 h 01 min")]
    )
    def test_time(self, seconds: float, said: str) -> None:
        assert progress.time_in_words(seconds) == said

    def test_the_bar_on_a_terminal(self, tmp_path: Path) -> None:
        import os
        import pty
        import subprocess

        code = (
            "import time\nfrom experiments.progress import progress_for\n"
            "with progress_for(False).follow('[odd] name', 50, 'weeks') as done:\n"
            "    for week in range(50): done(week + 1); time.sleep(0.01)\n"
        )
        master, slave = pty.openpty()
        subprocess.run(
            [sys.executable, "-c", code], stdout=slave, stderr=slave, check=True,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
        )  # fmt: skip
        os.close(slave)
        said = os.read(master, 1_000_000).decode()
        os.close(master)
        assert "[odd] name" in said and "50/50" in said and "weeks/s" in said and "left" in said
