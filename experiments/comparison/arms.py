"""Arms that are yet to be run: what the arguments of ``marketplace compare`` name, as complete scenarios."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.comparison.labels import MARK, cut
from experiments.errors import ResultsError
from marketplace.scenario_errors import naming, show

if TYPE_CHECKING:
    from marketplace.scenario import Scenario

LONGEST = 60  # characters of a label


def arms_of(
    names: Sequence[str], *, policies: Sequence[str] = (), changes: Sequence[str] = (),
    common: Mapping[str, Any] | None = None,
) -> dict[str, Scenario]:  # fmt: skip
    """The arms that a comparison is to run, by label, the baseline first.

    Parameters
    ----------
    names : sequence of str
        Scenarios, by name or path; ``amazon:dividend`` is the scenario under that policy.
    policies : sequence of str
        Each makes an arm of every scenario.
    changes : sequence of str
        ``path=value``, or several separated by ``;``. Each makes an arm of every scenario. A scenario that would
        have one arm only stands beside it as it is, first.
    common : mapping of str to value
        Changes by dotted path that all arms share.

    Raises
    ------
    ResultsError
        If there are fewer than two arms, two are the same world, or they run for different numbers of weeks.
    ScenarioError
        If one cannot be run.
    """
    own = [{"policy.name": name} for name in policies] + [_changes(text) for text in changes]
    said = [*policies, *changes]
    arms: dict[str, Scenario] = {}
    for name in names:
        label, world = _world(name, common or {})
        if not own or len(own) == len(names) == 1:
            _add(arms, label, world)
        for text, change in zip(said, own, strict=True):
            with naming(text):
                _add(arms, text if len(names) == 1 else f"{label}: {text}", world.with_changes(change))
    if len(arms) < 2:
        raise ResultsError(
            f"a comparison needs two arms, and {show(next(iter(arms), ''))} is one: name another scenario, or add "
            "--policy NAME or --arm PATH=VALUE"
        )
    _refuse_lengths(arms)
    return arms


def _world(name: str, common: Mapping[str, Any]) -> tuple[str, Scenario]:
    from marketplace.scenario import load_scenario

    stem, colon, policy = name.rpartition(":")
    if not colon or Path(name).exists() or not policy:
        world = load_scenario(name, common)
        return (Path(name).stem if Path(name).suffix else name), world
    with naming(name):
        world = load_scenario(stem, {**common, "policy.name": policy})
    return f"{Path(stem).stem if Path(stem).suffix else stem}:{policy}", world


def _changes(text: str) -> dict[str, Any]:
    from marketplace.scenario import parse_assignment

    return dict(parse_assignment(part) for part in text.split(";") if part.strip())


def _add(arms: dict[str, Scenario], label: str, world: Scenario) -> None:
    label = _short(label)
    same = next((other for other, known in arms.items() if _alike(known, world)), None)
    if same is not None:
        raise ResultsError(f"{same} and {label} are the same world, so there is nothing to compare")
    if label in arms:
        how = "give their files different names" if MARK not in label else "put the arms into files of their own"
        raise ResultsError(f"two arms are called {show(label)}: {how}")
    arms[label] = world


def _alike(a: Scenario, b: Scenario) -> bool:
    """Whether two scenarios differ in nothing but their name, description and seed."""
    return identity(a) == identity(b)


def identity(world: Scenario) -> str:
    """Hash of all of a scenario that makes a difference to its runs under a given seed."""
    return world.with_changes(
        {"name": "", "description": "", "run.seed": 0, "run.threads": 1, "run.record_orders": False}
    ).hash()


def _refuse_lengths(arms: Mapping[str, Scenario]) -> None:
    weeks = {label: world.run.weeks for label, world in arms.items()}
    if len(set(weeks.values())) > 1:
        said = ", ".join(f"{label} {number}" for label, number in weeks.items())
        raise ResultsError(f"the arms run for different numbers of weeks ({said}): give all the same with --weeks")


def against(labels: Sequence[str]) -> str:
    """``B against A``: the arms and the baseline, which is the first label, in words."""
    others = list(labels[1:])
    named = " and ".join(others[:2]) + (f" and {len(others) - 2} more" if len(others) > 2 else "")
    return f"{named} against {labels[0]}"


def labels_of(worlds: Sequence[Scenario]) -> list[str]:
    """Labels that tell scenarios apart: the name where it does, else the name and the fields that differ."""
    labels: list[str] = []
    for world in worlds:
        own = _differing(world, [other for other in worlds if other.name == world.name])
        label = _short(f"{world.name}: {'; '.join(own)}" if own else world.name)
        while label in labels:
            label += "'"
        labels.append(label)
    return labels


def _differing(world: Scenario, others: Sequence[Scenario]) -> list[str]:
    """``path=value`` of each field in which a scenario differs from one of the others."""
    from marketplace.scenario import diff

    return list(
        dict.fromkeys(
            f"{path}={show(value)}"
            for other in others
            for path, value, _ in diff(world, other)
            if path not in _PLAIN
        )
    )


def _short(label: str) -> str:
    return cut(label, LONGEST)


_PLAIN = frozenset(("name", "description", "run.seed", "run.threads", "run.record_orders"))
