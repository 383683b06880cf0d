"""The manifest: what a sweep is of, and which of the files in its folder count."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from experiments.errors import ResultsError
from experiments.files import write_whole
from experiments.store.shards import Shard, sync_folder

MANIFEST = "manifest.json"
SCHEMA = 1
"""Version of the layout of sweep folders."""


@dataclass
class Manifest:
    """What a sweep is of, and the shards that hold its runs.

    Attributes
    ----------
    planned : int
        Runs of the whole design, or of the part that this folder is to hold.
    weekly : bool
        Whether the weeks of every run are kept.
    design_sha256, scenario_sha256 : str
        Of the design's text, and of its base scenario.
    sources : str
        Hash of the sources that the runs were made with.
    files : dict of str to str
        Imported and input files, by name, with the SHA-256 of their content.
    part : list of int or None
        ``[k, n]`` where this folder is one of n parts of a sweep.
    streams : int
        Number of streams begun so far: no number is used twice.
    shards : list of Shard
        Only what is listed is read.
    """

    planned: int
    weekly: bool
    design_sha256: str
    scenario_sha256: str
    sources: str
    files: dict[str, str] = field(default_factory=dict)
    part: list[int] | None = None
    streams: int = 0
    shards: list[Shard] = field(default_factory=list)
    schema: int = SCHEMA

    def of(self, kind: str) -> list[Shard]:
        """The shards of one kind."""
        return [shard for shard in self.shards if shard.kind == kind]

    def rows(self, kind: str) -> int:
        """Number of rows of one kind."""
        return sum(shard.rows for shard in self.of(kind))

    def write(self, folder: Path) -> None:
        """Put it in place of the one that stands in the folder."""
        text = json.dumps(asdict(self), indent=1, ensure_ascii=False)
        write_whole(folder / MANIFEST, text + "\n", overwrite=True)
        sync_folder(folder)


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a sweep folder.

    Raises
    ------
    ResultsError
        If there is none, or it is damaged, or of a newer layout.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise ResultsError(f"{folder}: {_what_it_is(folder)}")
    try:
        value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        schema = value["schema"]
        if schema > SCHEMA:
            newer = f"layout {schema}; this version reads up to {SCHEMA}"
            raise ResultsError(f"{folder}: this was written by a newer version ({newer})")
        shards = [Shard(**row) for row in value.pop("shards")]
        return Manifest(**value, shards=shards)
    except ResultsError:
        raise
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        raise ResultsError(f"{path} is damaged or foreign: it is not the manifest of a sweep") from None


def _what_it_is(folder: Path) -> str:
    """Why a folder without a manifest cannot be read as a sweep."""
    if not folder.is_dir():
        return "this is a file, not a results folder" if folder.exists() else "there is no such folder"
    if (folder / "weekly.parquet").is_file():
        return "this is the folder of one run, not of a sweep: experiments.load_run reads it"
    return f"this is no sweep, because it holds no {MANIFEST}"
