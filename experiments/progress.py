"""How far a run has got: a bar on a terminal, a line now and then elsewhere, nothing where quiet is wanted."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LINE_EVERY = 10.0  # seconds between two lines where there is no terminal


class Progress:
    """Tells of nothing; the others are its subclasses.

    All of it goes to stderr, so that what a command prints can be piped on.
    """

    def say(self, sentence: str) -> None:
        """Tell a sentence."""

    @contextmanager
    def follow(self, label: str, end: int, unit: str) -> Iterator[Callable[[int], None]]:
        """Follow ``end`` pieces of work; gives a function to be called with the number of pieces done."""
        yield lambda count: None


class Lines(Progress):
    """A plain line when something starts to take long, every ten seconds, and at the end."""

    def say(self, sentence: str) -> None:
        print(sentence, file=sys.stderr, flush=True)

    @contextmanager
    def follow(self, label: str, end: int, unit: str) -> Iterator[Callable[[int], None]]:
        began = told = time.monotonic()
        count = 0

        def done(number: int) -> None:
            nonlocal told, count
            count, now = number, time.monotonic()
            if now - told >= LINE_EVERY and count < end:
                told = now
                left = (now - began) / max(1, count) * (end - count)
                self.say(f"{label}: {count:,} of {end:,} {unit}, {_rate(count, now - began, unit)}, {_time(left)} left")

        yield done
        seconds = time.monotonic() - began
        self.say(f"{label}: {count:,} of {end:,} {unit} in {_time(seconds)}, {_rate(count, seconds, unit)}")


class Bar(Lines):
    """A moving bar with the pace and the time left."""

    @contextmanager
    def follow(self, label: str, end: int, unit: str) -> Iterator[Callable[[int], None]]:
        from rich.console import Console
        from rich.markup import escape
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        columns = (
            TextColumn(escape(label)), BarColumn(), MofNCompleteColumn(), TextColumn(unit),
            TextColumn("{task.fields[pace]}"), TimeRemainingColumn(), TextColumn("left"),
        )  # fmt: skip
        began = time.monotonic()
        with RichProgress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("", total=end, pace="")

            def done(count: int) -> None:
                pace = _rate(count, time.monotonic() - began, unit)
                bar.update(task, completed=count, pace=pace)

            yield done


def progress_for(quiet: bool) -> Progress:
    """The way of telling that suits where stderr goes."""
    if quiet:
        return Progress()
    return Bar() if sys.stderr.isatty() else Lines()


def _rate(count: int, seconds: float, unit: str) -> str:
    pace = count / max(seconds, 1e-9)
    return f"{pace:,.0f} {unit}/s" if pace >= 10 else f"{pace:.2g} {unit}/s"


def _time(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
