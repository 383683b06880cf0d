"""Living through a scenario and its twin, with progress, and stopping between two weeks when asked to."""

from __future__ import annotations

import gc
import signal
import threading
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Literal

from experiments.errors import ResultsError

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
    failure : Exception or None
        What ended a failed run.
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
    failure: Exception | None = None
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    ended: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def weeks_done(self) -> int:
        """Number of whole weeks of the run."""
        return len(self.weekly)


def carry_out(
    scenario: Scenario, *, weeks: int | None = None, twin_weeks: int = 0, stop: Stop, progress: Progress
) -> Outcome:
    """Run a scenario and, where it is wanted, its twin: the same world and luck with all valves shut.

    Parameters
    ----------
    scenario : Scenario
        Its ``run.seed`` holds.
    weeks : int or None
        Length of the run, in weeks; None takes ``run.weeks``. A shorter run is marked interrupted.
    twin_weeks : int
        Length of the twin, in weeks; 0 for none.
    stop : Stop
        Asked between two weeks.
    progress : Progress
        Told of every week.

    Raises
    ------
    ScenarioError
        If the world cannot be made.
    ResultsError
        If a file of the user's own fails before a week is done.
    """
    started, end = datetime.now(UTC), scenario.run.weeks if weeks is None else weeks
    model = make_world(scenario)
    failure = _follow(model, end, stop, progress, scenario.name)
    outcome = outcome_of(model, failure)
    outcome.started = started
    del model
    gc.collect()  # a model is a cycle; the twin needs its room
    if twin_weeks and outcome.weeks_done == end:
        _add_twin(outcome, twin_weeks, stop, progress)
    outcome.ended = datetime.now(UTC)
    return outcome


def make_world(scenario: Scenario, shut: Sequence[str] = ()) -> MarketplaceModel:
    """Make a world at launch, with the valves on some links shut from the reference week on.

    Raises
    ------
    ScenarioError
        If the world cannot be made.
    ResultsError
        If a file of the user's own fails.
    """
    from marketplace.model import MarketplaceModel

    try:
        model = MarketplaceModel(scenario)
    except (Exception, SystemExit) as error:
        raise in_a_sentence(error, 0) from None
    for link in shut:
        model.flywheel[link].shut()
    return model


def live_through(
    model: MarketplaceModel, end: int, asked: Callable[[], bool], done: Callable[[int], None]
) -> Exception | None:
    """Live to the end of week ``end``, or until asked to stop; return the exception that ended it early, if any.

    Parameters
    ----------
    model : MarketplaceModel
        The world.
    end : int
        Last week.
    asked : callable
        Asked between two weeks whether to stop.
    done : callable
        Called with the number of weeks after each.

    Raises
    ------
    Exception
        What fails before one week is whole, because then there is nothing to keep.
    """
    while model.week < end and not asked():
        try:
            model.step()
        except (Exception, SystemExit) as error:  # sys.exit() in a policy, too, must not cost the weeks before it
            failure = in_a_sentence(error, model.week)
            if model.week > 1:
                return failure
            raise failure from None
        done(model.week)
    return None


def _follow(model: MarketplaceModel, end: int, stop: Stop, progress: Progress, label: str) -> Exception | None:
    with progress.follow(label, end, "weeks") as done:

        def told(week: int) -> None:
            stop.worth_keeping = True
            done(week)

        return live_through(model, end, lambda: stop.asked, told)


def outcome_of(model: MarketplaceModel, failure: Exception | None = None) -> Outcome:
    """What a world has come to: at the end of a week, or, after a failure, in the whole weeks before it."""
    from marketplace.network import edge_table

    weekly, scenario = model.weekly, model.scenario
    reference = dict(zip(model.platform_names, map(float, model.reference), strict=True))
    outcome = Outcome(scenario, weekly, reference)
    if failure is not None:
        # The world stopped in the middle of a week: only whole weeks are kept, and no network.
        outcome.status, outcome.failure = "failed", failure
    else:
        outcome.status = "complete" if len(weekly) == scenario.run.weeks else "interrupted"
        outcome.network = edge_table(model)
    if scenario.run.record_orders:
        orders = model.orders()
        outcome.orders = orders[orders["week"] <= len(weekly)]
    return outcome


def _add_twin(outcome: Outcome, end: int, stop: Stop, progress: Progress) -> None:
    from marketplace.sections import LINKS

    model = make_world(outcome.scenario, LINKS)
    failure = _follow(model, end, stop, progress, f"{outcome.scenario.name}, loop cut")
    outcome.twin = model.weekly
    if failure is not None:
        outcome.status, outcome.failure = "failed", failure
    elif len(outcome.twin) < outcome.scenario.run.weeks:
        outcome.status = "interrupted"


def in_a_sentence(error: BaseException, week: int) -> Exception:
    """What the user can mend as a `ResultsError`; any other error as it is, because it is a mistake of ours.

    Parameters
    ----------
    error : BaseException
        What ended the week, or the making of the world.
    week : int
        Week that failed; 0 where the world could not be made.
    """
    where = _own_line_of(error)
    when = f"week {week}" if week else "the making of the world"
    if isinstance(error, MemoryError):
        return ResultsError(f"there is not enough memory for this world: {when} failed")
    if isinstance(error, ResultsError) or not (where or isinstance(error, SystemExit)):
        return error  # type: ignore[return-value]  # only SystemExit is no Exception
    reason = " ".join(str(error).split()).rstrip(".")
    what = f"{type(error).__name__}: {reason}" if reason else type(error).__name__
    if not week:
        return ResultsError(f"the world could not be made: {where or 'something'} failed with {what}")
    return ResultsError(f"{where or 'something'} failed in week {week} with {what}")


def _own_line_of(error: BaseException) -> str:
    """``file, line n,`` of the last line in a file brought by ``--import`` that an error passed through, or nothing."""
    found = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        if frame.f_globals.get("__name__", "").startswith("_import_"):
            found = f"{frame.f_code.co_filename}, line {line},"
    return found


def compiled_already(say: Callable[[str], None]) -> bool:
    """Whether the rules are compiled; if not, say that the first week takes longer, and let a second process help."""
    from agents import compiled
    from marketplace import compiling

    if compiled.PLAIN:
        say("running uncompiled (MARKETPLACE_PLAIN=1): slow, and the same to the last bit")
        return True
    if not compiled.is_cached():
        say("compiling rules, once for these sources: a quarter of a minute to one and a half")
        compiling.begin()
        return False
    return True
