"""What a calibration says of the parameters of a world: taken from its folder, kept small, and read from there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from experiments.errors import ResultsError
from experiments.files import read_json, write_json
from experiments.validity.places import WORLDS, calibration_of
from marketplace.scenario_errors import nearest

KEPT = ("path", "value", "low", "high", "scale", "near_low", "near_high", "near_share", "pinned", "words")


def take_in(folder: Path) -> Path:
    """Keep what the calibration in a folder found, without its curves; return the file.

    Raises
    ------
    ResultsError
        If there is no calibration of one of the worlds.
    """
    path = folder / "calibration.json"
    said = read_json(path)
    world = said.get("scenario")
    if world not in WORLDS:
        hint = nearest(str(world), WORLDS) or f"; the worlds are {', '.join(WORLDS)}"
        raise ResultsError(f'{path}: scenario = "{world}" is not allowed: it is no world of the page{hint}')
    small = {name: said[name] for name in ("scenario", "targets_file", "plan", "trials") if name in said}
    small["best"] = {name: said.get("best", {}).get(name) for name in ("trial", "loss")}
    small["parameters"] = [{name: one.get(name) for name in KEPT} for one in said.get("parameters", [])]
    check(path, small, world)
    out = calibration_of(world)
    write_json(out, small)
    return out


def load(world: str, path: Path | None = None) -> dict[str, Any] | None:
    """The saved calibration of a world; None if there is none.

    Raises
    ------
    ResultsError
        If it is damaged or of another world.
    """
    path = path or calibration_of(world)
    if not path.is_file():
        return None
    said = read_json(path)
    check(path, said, world)
    return said


def check(path: Path, said: dict[str, Any], world: str) -> None:
    """Refuse what is no calibration of a world.

    Raises
    ------
    ResultsError
        With what is wrong.
    """
    from marketplace.scenario import fields

    if said.get("scenario") != world:
        raise ResultsError(f'{path.name}: scenario = "{said.get("scenario")}" is not allowed: it must be "{world}"')
    parameters = said.get("parameters")
    if not isinstance(parameters, list) or not parameters or not isinstance(said.get("trials"), int):
        raise ResultsError(f"{path.name} is damaged: it does not hold the parameters and trials of a calibration")
    known = [row["field"] for row in fields()]
    for one in parameters:
        if one.get("path") not in known:
            hint = nearest(str(one.get("path")), known)
            raise ResultsError(f'{path.name}: path = "{one.get("path")}" is not a field of a scenario{hint}')
        numbers = all(isinstance(one.get(name), int | float) for name in ("value", "low", "high"))
        if not numbers or not isinstance(one.get("pinned"), bool):
            what = "its value, its range, or whether it is pinned down"
            raise ResultsError(f"{path.name} is damaged: {one['path']} lacks {what}")


def of_todays_targets(said: dict[str, Any]) -> bool:
    """Whether the search aimed at the targets that are shipped now."""
    from experiments.calibration.journal import hash_of_targets
    from experiments.validation.targets import load_targets

    return said.get("plan", {}).get("targets") == hash_of_targets(load_targets(said["scenario"]))
