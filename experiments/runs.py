"""Living through a scenario and its twin, with progress, and stopping between two weeks when asked to."""

from __future__ import annotations

import gc
import signal
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pandas as pd

    from experiments.progress import Progress
    from marketplace.model import MarketplaceModel
    from marketplace.scenario import Scenario

Status = Literal["complete", "interrupted", "failed"]


class Stop:
    """Ctrl-C and SIGTERM inside the context: the first one asks to stop, the second one interrupts at once.

    While nothing is worth keeping (`worth_keeping` is false), the first one interrupts at once too.
    """

    def __init__(self) -> None:
        self.asked = False
        self.worth_keeping = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Stop:
        if threading.current_thread() is threading.main_thread():  # elsewhere Python refuses handlers
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.asked or not self.worth_keeping:
            raise KeyboardInterrupt
        self.asked = True


@dataclass
class Outcome:
    """What a run came to.

    Attributes
    ----------
    scenario : Scenario
        With the seed and the number of weeks that were asked for.
    status : str
        ``complete``, ``interrupted`` or ``failed``.
    weekly, twin, network, orders : DataFrame or None
        Tables; the weeks of ``weekly`` and ``twin`` are whole weeks. None where there is none.
    reference : dict of str to float
        Utility that satisfaction scores refer to, by platform.
    error : str
        What went wrong in a failed run, in a sentence.
    cause : Exception or None
        The exception itself.
    started, ended : datetime
        In UTC.
    """

    scenario: Scenario
    weekly: pd.DataFrame
    reference: dict[str, float]
    status: Status = "complete"
    twin: pd.DataFrame | None = None
    network: pd.DataFrame | None = None
    orders: pd.DataFrame | None = None
    error: str = ""
    cause: Exception | None = None
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    ended: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def weeks_done(self) -> int:
        """Number of whole weeks of the run."""
        return len(self.weekly)


def carry_out(
    scenario: Scenario, *, twin: bool = False, weeks: int | None = None, stop: Stop, progress: Progress
) -> Outcome:
    """Run a scenario and, where it is wanted, its twin: the same world and luck with all valves shut.

    Parameters
    ----------
    scenario : Scenario
        Its ``run.seed`` and ``run.weeks`` hold.
    twin : bool
        Whether to run the twin after it.
    weeks : int or None
        Stop after so many weeks (a replay of an interrupted run); None lives to the end.
    stop : Stop
        Asked between two weeks.
    progress : Progress
        Told of every week.

    Raises
    ------
    ScenarioError
        If the world cannot be made.
    """
    from marketplace.model import MarketplaceModel

    started, end = datetime.now(UTC), scenario.run.weeks if weeks is None else weeks
    model = MarketplaceModel(scenario)
    failure = live_through(model, end, stop, progress, scenario.name)
    outcome = _outcome_of(model, end, failure)
    outcome.started = started
    del model
    gc.collect()  # a model is a cycle; the twin needs its room
    if twin and outcome.status == "complete":
        _add_twin(outcome, end, stop, progress)
    outcome.ended = datetime.now(UTC)
    return outcome


def live_through(
    model: MarketplaceModel, end: int, stop: Stop, progress: Progress, label: str
) -> Exception | None:
    """Live to the end of week ``end`` or until `stop` is asked; return the exception that ended it early, if any."""
    with progress.weeks(label, end) as done:
        while model.week < end and not stop.asked:
            try:
                model.step()
            except Exception as error:
                if model.week <= 1:
                    raise  # there is nothing to keep
                return error
            stop.worth_keeping = True
            done(model.week)
    return None


def _outcome_of(model: MarketplaceModel, end: int, failure: Exception | None) -> Outcome:
    from marketplace.network import edge_table

    weekly = model.weekly
    reference = dict(zip(model.platform_names, map(float, model.reference), strict=True))
    outcome = Outcome(model.scenario, weekly, reference)
    if failure is not None:
        # The world stopped in the middle of a week: only whole weeks are kept, and no network.
        outcome.status, outcome.error, outcome.cause = "failed", sentence_of(failure, model.week), failure
    else:
        outcome.status = "complete" if len(weekly) == end else "interrupted"
        outcome.network = edge_table(model)
    if model.scenario.run.record_orders:
        orders = model.orders()
        outcome.orders = orders[orders["week"] <= len(weekly)]
    return outcome


def _add_twin(outcome: Outcome, end: int, stop: Stop, progress: Progress) -> None:
    from marketplace.model import MarketplaceModel

    model = MarketplaceModel(outcome.scenario)
    model.flywheel.shut_all()
    failure = live_through(model, end, stop, progress, f"{outcome.scenario.name}, loop cut")
    outcome.twin = model.weekly
    if failure is not None:
        outcome.status, outcome.error = "failed", f"in the twin, {sentence_of(failure, model.week)}"
        outcome.cause = failure
    elif len(outcome.twin) < end:
        outcome.status = "interrupted"


def sentence_of(error: Exception, week: int) -> str:
    """What ended a run, in a sentence: where in a file of the user's own, if it was there."""
    reason = " ".join(str(error).split()).rstrip(".")
    what = f"{type(error).__name__}: {reason}" if reason else type(error).__name__
    where = own_line_of(error)
    return f"{where} failed in week {week} with {what}" if where else f"week {week} failed with {what}"


def own_line_of(error: BaseException) -> str:
    """``file, line n,`` of the last line in a file brought by ``--import`` that an error passed through, or nothing."""
    from agents.plugins import REGISTRIES

    brought = {vars(cls).get("__module__", "") for registry in REGISTRIES for cls in registry.values()}
    found = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        module = frame.f_globals.get("__name__", "")
        if module.startswith("_import_") and module in brought:
            found = f"{frame.f_code.co_filename}, line {line},"
    return found


def announce_compilation(say: Callable[[str], None]) -> None:
    """Say that the first run of these sources takes longer, and why."""
    from agents import compiled

    if compiled.PLAIN:
        say("running uncompiled (MARKETPLACE_PLAIN=1): slow, and the same to the last bit")
    elif not compiled.is_cached():
        say("compiling rules, once for these sources: about half a minute")
