"""Results folders: what a run leaves behind, and how it is read again.

==================  ==============================================================================================
file                content
==================  ==============================================================================================
scenario.toml       the complete scenario, with the seed that was used
provenance.json     what it was made with: see `provenance_of`
weekly.parquet      one row a week, a column per indicator
summary.json        the last 52 weeks by each indicator's rule; null where it is undefined
twin.parquet        as weekly.parquet, of the same world and luck with the loop cut
network.parquet     ties between customers and sellers: customer, seller, weight
orders.parquet      every order, where the scenario records them
imports/            files brought by --import
inputs/             files that the scenario reads
ablation.parquet    of an ablation: seed, link, indicator, value
ablation.json       of an ablation: what each link carried
report.html         all of it, to be read
==================  ==============================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.closures import failed_platforms
from experiments.errors import ResultsError
from experiments.files import plain, read_json, write_json
from experiments.folders import MARK
from experiments.provenance import SCHEMA, git_state, machine, sha256, versions

if TYPE_CHECKING:
    import pandas as pd

    from experiments.runs import Outcome
    from marketplace.scenario import Scenario

REPORT = "report.html"


@dataclass(frozen=True)
class RunFolder:
    """A results folder as `load_run` reads it; tables that it does not hold are None.

    Attributes
    ----------
    path : Path
        The folder.
    scenario : Scenario
        The scenario that was run; files that it reads are those kept in the folder.
    provenance : dict
        See `provenance_of`.
    weekly : DataFrame
        One row a week.
    summary : dict of str to float or None
        The last 52 weeks.
    twin, network, orders, ablation_runs : DataFrame or None
        See the table of files.
    ablation : dict or None
        What each link carried.
    """

    path: Path
    scenario: Scenario
    provenance: dict[str, Any]
    weekly: pd.DataFrame
    summary: dict[str, float | None]
    twin: pd.DataFrame | None = None
    network: pd.DataFrame | None = None
    orders: pd.DataFrame | None = None
    ablation: dict[str, Any] | None = None
    ablation_runs: pd.DataFrame | None = None

    @property
    def imports(self) -> list[Path]:
        """The files brought by ``--import``, as kept in the folder."""
        return [self.path / row["file"] for row in self.provenance["imports"]]


@dataclass
class Kept:
    """Files of the user's own that go into a results folder.

    Attributes
    ----------
    imports : list of Path
        Files brought by ``--import``, in the order in which they were brought.
    inputs : dict of str to Path
        Dotted path of a scenario field -> the file that it names.
    """

    imports: list[Path] = field(default_factory=list)
    inputs: dict[str, Path] = field(default_factory=dict)

    @classmethod
    def of(cls, scenario: Scenario, imports: Sequence[Path]) -> Kept:
        """The files that a scenario and the command line name."""
        graph = scenario.social.file if scenario.social.graph == "file" else ""
        inputs = {"social.file": Path(graph).expanduser()} if graph else {}
        return cls([Path(path).expanduser() for path in imports], inputs)

    def copy_to(self, folder: Path) -> dict[str, list[dict[str, str]]]:
        """Copy the files; return ``imports`` and ``inputs`` as the provenance states them.

        To be called before the run, so that what is kept is what was used, whatever is edited meanwhile.

        Raises
        ------
        ResultsError
            If a file cannot be read.
        OSError
            If the copy cannot be written.
        """
        rows: dict[str, list[dict[str, str]]] = {"imports": [], "inputs": []}
        for path in self.imports:
            rows["imports"].append(_copy(path, folder, "imports"))
        for name, path in self.inputs.items():
            rows["inputs"].append({"field": name, **_copy(path, folder, "inputs")})
        return rows


def _copy(path: Path, folder: Path, below: str) -> dict[str, str]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ResultsError(f"{path} cannot be read: {error.strerror or error}") from None
    (folder / below).mkdir(exist_ok=True)
    target, number = folder / below / path.name, 2
    while target.exists():  # two files of the same name from different folders
        target, number = target.with_name(f"{path.stem}-{number}{path.suffix}"), number + 1
    target.write_bytes(content)
    return {"file": f"{below}/{target.name}", "sha256": sha256(target)}


def provenance_of(outcome: Outcome, kept: Mapping[str, Any], kind: str = "run") -> dict[str, Any]:
    """What a result was made with and how far it got, as plain JSON values.

    Parameters
    ----------
    outcome : Outcome
        What was run.
    kept : mapping
        The rows of `Kept.copy_to`.
    kind : str
        ``run`` or ``ablation``.
    """
    from agents import compiled

    return {
        "schema": SCHEMA,
        "kind": kind,
        "status": outcome.status,
        "failure": None if outcome.failure is None else str(outcome.failure) or type(outcome.failure).__name__,
        "scenario": outcome.scenario.name,
        "scenario_sha256": outcome.scenario.hash(),
        "seed": outcome.scenario.run.seed,
        "weeks": outcome.scenario.run.weeks,
        "weeks_done": outcome.weeks_done,
        "twin_weeks_done": None if outcome.twin is None else len(outcome.twin),
        "platforms_failed": failed_platforms(outcome.weekly, outcome.scenario),
        "started": outcome.started.isoformat(timespec="seconds"),
        "ended": outcome.ended.isoformat(timespec="seconds"),
        "duration_seconds": round((outcome.ended - outcome.started).total_seconds(), 3),
        "score_reference": {name: plain(value) for name, value in outcome.reference.items()},
        "compiled": not compiled.PLAIN,
        "versions": versions(),
        "git": git_state(),
        "machine": machine(),
        "imports": kept["imports"],
        "inputs": kept["inputs"],
    }


def write_run(
    folder: Path, outcome: Outcome, kept: Mapping[str, Any], *, kind: str = "run", csv: bool = False
) -> None:
    """Write everything but the report into a folder that holds what `Kept.copy_to` put there.

    Parameters
    ----------
    folder : Path
        Where to write.
    outcome : Outcome
        What was run.
    kept : mapping
        The rows of `Kept.copy_to`.
    kind : str
        ``run`` or ``ablation``.
    csv : bool
        Whether to write the weekly tables as CSV, too.

    Raises
    ------
    OSError
        If the disk is full or the folder cannot be written.
    """
    from marketplace.indicators import summary

    (folder / "scenario.toml").write_text(outcome.scenario.to_toml(), encoding="utf-8")
    outcome.weekly.to_parquet(folder / "weekly.parquet", index=False)
    write_json(folder / "summary.json", summary(outcome.weekly))
    for name in ("twin", "network", "orders"):
        table = getattr(outcome, name)
        if table is not None:
            table.to_parquet(folder / f"{name}.parquet", index=False)
    if csv:
        outcome.weekly.to_csv(folder / "weekly.csv", index=False)
        if outcome.twin is not None:
            outcome.twin.to_csv(folder / "twin.csv", index=False)
    write_json(folder / MARK, provenance_of(outcome, kept, kind))


def write_ablation(folder: Path, runs: pd.DataFrame, statement: Mapping[str, Any]) -> None:
    """Add the tables of an ablation to a folder.

    Raises
    ------
    OSError
        If the disk is full or the folder cannot be written.
    """
    runs.to_parquet(folder / "ablation.parquet", index=False)
    write_json(folder / "ablation.json", statement)


def add_report(folder: Path) -> Exception | None:
    """Write the report; a mistake of ours in it is returned, because it must not cost the run.

    Raises
    ------
    OSError
        If the disk is full or the folder cannot be written.
    """
    from experiments.reports.run_report import write_report

    try:
        write_report(folder)
    except OSError:
        raise
    except Exception as error:
        (folder / REPORT).unlink(missing_ok=True)
        return error
    return None


# -- reading -----------------------------------------------------------------------------------------------------


def load_run(folder: str | Path, *, imports: bool = False) -> RunFolder:
    """Read a results folder.

    Parameters
    ----------
    folder : str or Path
        As a command of this project wrote it.
    imports : bool
        Whether to execute the files that the run brought by ``--import``, so that its scenario can be lived through
        again. They are somebody's code: the answer must be asked for. Reading needs none of it.

    Raises
    ------
    ResultsError
        If there is no such folder, or it is foreign, damaged, or of a newer layout.
    ScenarioError
        If its scenario cannot be run by this version.
    """
    folder = Path(folder)
    if (folder / "manifest.json").is_file() and not (folder / "weekly.parquet").is_file():
        raise ResultsError(f"{folder} holds many runs, not one: experiments.load_results reads it")
    provenance = _read_provenance(folder)
    weekly = _read_table(folder, "weekly")
    if weekly is None or list(weekly.columns[:1]) != ["week"] or len(weekly) != provenance["weeks_done"]:
        raise ResultsError(f"{folder / 'weekly.parquet'} is not the table that {MARK} speaks of")
    if imports:
        _load_imports(folder, provenance)
    scenario = _read_scenario(folder, provenance, trusting=not imports)
    optional = {name: _read_table(folder, name) for name in ("twin", "network", "orders")}
    return RunFolder(
        folder, scenario, provenance, weekly, read_json(folder / "summary.json"), **optional,
        ablation=read_json(folder / "ablation.json") if (folder / "ablation.json").exists() else None,
        ablation_runs=_read_table(folder, "ablation"),
    )  # fmt: skip


def refuse_other_folders(folder: Path) -> None:
    """Refuse what no command of this project left behind.

    Raises
    ------
    ResultsError
        If there is no such folder, or it holds no provenance.
    """
    if not folder.is_dir():
        what = "this is a file, not a results folder" if folder.exists() else "there is no such folder"
        raise ResultsError(f"{folder}: {what}")
    if not (folder / MARK).is_file():
        raise ResultsError(f"{folder}: this is no results folder, because it holds no {MARK}")


def _read_provenance(folder: Path) -> dict[str, Any]:
    refuse_other_folders(folder)
    provenance = read_json(folder / MARK)
    schema = provenance.get("schema")
    if type(schema) is int and schema > SCHEMA:
        raise ResultsError(
            f"{folder}: this was written by a newer version (layout {schema}; this version reads up to {SCHEMA})"
        )
    needed = {
        "schema": int, "kind": str, "status": str, "scenario_sha256": str, "seed": int, "weeks": int,
        "weeks_done": int, "versions": dict, "imports": list, "inputs": list,
    }  # fmt: skip
    for key, kind in needed.items():
        if not isinstance(provenance.get(key), kind):
            raise ResultsError(f"{folder / MARK} is damaged or foreign: {key} is missing or wrong")
    for row in [*provenance["imports"], *provenance["inputs"]]:
        if not isinstance(row, dict):
            raise ResultsError(f"{folder / MARK} is damaged or foreign: {str(row)!r} is no file of this folder")
    return provenance


def _read_table(folder: Path, name: str) -> pd.DataFrame | None:
    import pandas as pd
    import pyarrow as pa

    path = folder / f"{name}.parquet"
    if not path.exists():
        return None
    try:
        return pd.read_parquet(path)
    except (OSError, pa.ArrowException):
        raise ResultsError(f"{path} is damaged: it is not a Parquet table") from None


def _read_scenario(folder: Path, provenance: Mapping[str, Any], trusting: bool) -> Scenario:
    """Read the scenario; if trusting, it may name what the imported files are said to define."""
    from experiments.own_code import know_names
    from marketplace.scenario import ScenarioError, loads

    path = folder / "scenario.toml"
    try:
        text = path.read_text(encoding="utf-8")
        if trusting:
            know_names(text, [folder / str(row.get("file")) for row in provenance["imports"]])
        scenario = loads(text)
        return scenario.with_changes({row["field"]: str(kept_file(folder, row)) for row in provenance["inputs"]})
    except (OSError, UnicodeDecodeError) as error:
        raise ResultsError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    except ScenarioError as error:
        raise ScenarioError(f"{path}: {error}") from None


def _load_imports(folder: Path, provenance: Mapping[str, Any]) -> None:
    from agents.plugins import load_policy_file

    for row in provenance["imports"]:
        load_policy_file(kept_file(folder, row))


def kept_file(folder: Path, row: Mapping[str, Any]) -> Path:
    """A file kept in the folder, by its row of the provenance.

    Raises
    ------
    ResultsError
        If it is not there, lies outside the folder, or is not the file that the run used.
    """
    name = row.get("file", "") if isinstance(row, Mapping) else ""
    path = folder / str(name)
    if not name or not path.resolve().is_relative_to(folder.resolve()):
        raise ResultsError(f"{folder / MARK} is damaged or foreign: {str(name)!r} is no file of this folder")
    if not path.is_file():
        raise ResultsError(f"{path} is missing: the run needs it")
    if sha256(path) != row.get("sha256"):
        raise ResultsError(f"{path} is not the file that the run used: its SHA-256 differs")
    return path
