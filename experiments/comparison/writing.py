"""What a comparison leaves behind: ``comparison.json``, beside the runs or in a folder of its own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.folders import MARK

if TYPE_CHECKING:
    from experiments.comparison.comparison import Comparison
    from experiments.comparison.reading import Arms

COMPARISON = "comparison.json"


def write_comparison(found: Comparison, folder: Path) -> None:
    """Put ``comparison.json`` into a folder, whole or not at all, in place of the one that stands there.

    Raises
    ------
    OSError
        If the disk is full or the folder cannot be written.
    """
    from experiments.files import write_json

    write_json(folder / COMPARISON, found.to_json())


def write_read_comparison(found: Comparison, arms: Arms, sources: Sequence[Path], out: Path, force: bool) -> Path:
    """Write the comparison of result folders as a folder of its own: the runs, as of a sweep, and what they say.

    Parameters
    ----------
    found : Comparison
        What the runs say.
    arms : Arms
        The runs.
    sources : sequence of Path
        The folders they were read from.
    out : Path
        Where to write.
    force : bool
        Whether a results folder that stands there is replaced.

    Raises
    ------
    OSError
        If something stands there, or the folder cannot be written.
    """
    from experiments.comparison.gathering import gather
    from experiments.files import write_json
    from experiments.folders import whole_folder
    from experiments.provenance import SCHEMA, git_state, machine, versions

    with whole_folder(out, force=force) as place:
        gathered = gather(arms, place.aside)
        write_comparison(found, place.aside)
        read = [_read_from(path) for path in sources]
        said = {
            "schema": SCHEMA, "kind": "comparison", "status": "complete", "read": read, "arms": list(found.arms),
            "weeks": arms.weeks, "written": datetime.now(UTC).isoformat(timespec="seconds"), "versions": versions(),
            "git": git_state(), "machine": machine(), "imports": [], "inputs": [],
        }  # fmt: skip
        write_json(place.aside / MARK, said | gathered)
    return place.path


def _read_from(folder: Path) -> dict[str, Any]:
    """What is told of a folder that runs were read from: the rest is in its own provenance."""
    from experiments.files import read_json
    from experiments.provenance import sha256

    said = read_json(folder / MARK)
    told = {key: said.get(key) for key in ("kind", "scenario", "seed", "versions", "git", "imports")}
    return {"folder": str(folder.resolve()), "provenance_sha256": sha256(folder / MARK), **told}
