"""How far a run has got: a bar on a terminal, a line now and then elsewhere, nothing where quiet is wanted."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

SHORTEST = 0.05  # seconds from which on there is a pace to speak of
LINE_EVERY = 10.0  # seconds between two lines where there is no terminal


class Told(Protocol):
    """Called with the number of pieces done, and with what else there is to say (how many failed, say)."""

    def __call__(self, count: int, note: str = "") -> None: ...


class Progress:
    """Tells of nothing; the others are its subclasses.

    All of it goes to stderr, so that what a command prints can be piped on.
    """

    def say(self, sentence: str) -> None:
        """Tell a sentence."""

    @contextmanager
    def follow(self, label: str, end: int, unit: str, there: int = 0) -> Iterator[Told]:
        """Follow ``end`` pieces of work, some of them ``there`` before; gives a function to be told how many are done.
        """
        yield lambda count, note="": None


class Pace:
    """Pieces of work done per second, from the end of the first piece on: that one may include a compilation."""

    def __init__(self, unit: str, there: int) -> None:
        self.unit = unit
        self.there = self.count = there
        self.begun = time.monotonic()
        self.first = there
        self._since = self.begun

    def at(self, count: int) -> None:
        """Take note that ``count`` pieces are done."""
        if self.count == self.there:
            self.first, self._since = count, time.monotonic()
        self.count = count

    @property
    def rate(self) -> float:
        """Pieces per second; 0 until a second piece is done."""
        seconds = time.monotonic() - self._since
        return (self.count - self.first) / seconds if seconds > SHORTEST else 0.0

    def __str__(self) -> str:
        rate = self.rate
        if rate == 0.0:
            return ""
        return f"{rate:,.0f} {self.unit}/s" if rate >= 10.0 else f"{rate:.2g} {self.unit}/s"


class Lines(Progress):
    """A plain line when something starts to take long, every ten seconds, and at the end."""

    def say(self, sentence: str) -> None:
        print(sentence, file=sys.stderr, flush=True)

    @contextmanager
    def follow(self, label: str, end: int, unit: str, there: int = 0) -> Iterator[Told]:
        pace = Pace(unit, there)
        told, noted = pace.begun, ""

        def done(count: int, note: str = "") -> None:
            nonlocal told, noted
            pace.at(count)
            noted = f", {note}" if note else ""
            now = time.monotonic()
            if now - told >= LINE_EVERY and count < end:
                told = now
                left = f", {pace}, {time_in_words((end - count) / pace.rate)} left" if pace.rate else ""
                self.say(f"{label}: {count:,} of {end:,} {unit}{noted}{left}")

        yield done
        if there == end:
            self.say(f"{label}: all {end:,} {unit} are there already")
            return
        took = time_in_words(time.monotonic() - pace.begun)
        now = f", {pace.count - there:,} of them now," if there else ""
        since = f", {pace} from the first one on" if pace.rate else ""
        self.say(f"{label}: {pace.count:,} of {end:,} {unit}{noted}{now} in {took}{since}")


class Bar(Lines):
    """A moving bar with the pace and the time left."""

    @contextmanager
    def follow(self, label: str, end: int, unit: str, there: int = 0) -> Iterator[Told]:
        from rich.console import Console
        from rich.markup import escape
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        columns = (
            TextColumn(escape(label)), BarColumn(), MofNCompleteColumn(), TextColumn(unit),
            TextColumn("{task.fields[note]}"), TextColumn("{task.fields[pace]}"), TimeRemainingColumn(),
            TextColumn("left"),
        )  # fmt: skip
        pace = Pace(unit, there)
        with RichProgress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("", total=end, completed=there, pace="", note="")

            def done(count: int, note: str = "") -> None:
                pace.at(count)
                bar.update(task, completed=count, pace=str(pace), note=note)

            yield done


def progress_for(quiet: bool) -> Progress:
    """The way of telling that suits where stderr goes."""
    if quiet:
        return Progress()
    return Bar() if sys.stderr.isatty() else Lines()


def time_in_words(seconds: float) -> str:
    """A duration as a person says it: ``3.2 s``, ``2 min 05 s``, ``1 h 10 min``."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
