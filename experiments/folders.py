"""Folders that appear whole or not at all."""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

RESULTS = Path("results")
MARK = "provenance.json"
"""The file by which a results folder is known."""


@dataclass
class Place:
    """Where a results folder will stand, and the folder aside in which it is made.

    Attributes
    ----------
    aside : Path
        The folder to write into.
    path : Path
        Where it stands once the context of `whole_folder` has been left without an error, as the user says it.
    """

    aside: Path
    path: Path


@contextmanager
def whole_folder(wanted: Path | None, stem: str = "run", *, force: bool = False) -> Iterator[Place]:
    """Make a folder aside and put it in place when the context ends well; after an error nothing is left of it.

    The folder aside is made at once, so that a place that cannot be written is refused before the work and not
    after it.

    Parameters
    ----------
    wanted : Path or None
        Where the folder shall stand; missing parents are made. None takes the first free name
        ``results/<stem>-<date>-<time>[-n]`` below the working folder.
    stem : str
        First part of that name.
    force : bool
        Whether a results folder (or an empty folder) that stands there may be replaced. Anything else never is.

    Raises
    ------
    OSError
        If something stands there, the place cannot be written, or the disk is full. It names the folder asked for.
    """
    shown = _free_name(stem) if wanted is None else wanted
    path = _real(shown)
    made: list[Path] = []
    aside = None
    try:
        _refuse_what_stands(path, force)
        made = _make_parents(path.parent)
        aside = Path(tempfile.mkdtemp(prefix=f".{path.name[:40]}-", dir=path.parent))
        os.chmod(aside, 0o777 & ~_umask())  # mkdtemp lets nobody else in
        place = Place(aside, shown)
        yield place
        if wanted is None:
            place.path = _put_in_first_free(aside, shown)
        else:
            _put_in_place(aside, path, force)
        aside, made = None, []
    except OSError as error:
        raise OSError(error.errno, _reason(error), str(shown)) from error
    finally:
        if aside is not None:
            shutil.rmtree(aside, ignore_errors=True)
        for parent in made:
            _remove_if_empty(parent)


def fresh_folder(wanted: Path | None, stem: str, *, force: bool = False) -> Path:
    """Make an empty folder that is then worked in, so that what is done stays whatever happens.

    Parameters
    ----------
    wanted, stem, force
        As of `whole_folder`; with ``force`` the results folder that stands there is gone.

    Raises
    ------
    OSError
        If something stands there or the place cannot be written. It names the folder asked for.
    """
    shown = _free_name(stem) if wanted is None else wanted
    path = _real(shown)
    try:
        if not force and (path / "manifest.json").is_file():
            what = "this folder exists already; --resume goes on with it, --force replaces it"
            raise FileExistsError(errno.EEXIST, what)
        _refuse_what_stands(path, force)
        _make_parents(path.parent)
        if wanted is None:
            shown = next(name for name in _numbered(shown) if _make(name))
        else:
            if os.path.lexists(path):
                shutil.rmtree(path)
            path.mkdir()
    except OSError as error:
        raise OSError(error.errno, _reason(error), str(shown)) from error
    return shown


def _make(path: Path) -> bool:
    try:
        path.mkdir()
    except FileExistsError:
        return False
    return True


def _free_name(stem: str) -> Path:
    plain = re.sub(r"[^\w-]+", "-", stem)[:60].strip("-") or "run"  # a scenario may be called anything
    name = f"{plain}-{datetime.now():%Y%m%d-%H%M%S}"
    return next(path for path in _numbered(RESULTS / name) if not os.path.lexists(path))


def _numbered(path: Path) -> Iterator[Path]:
    yield path
    number = 2
    while True:
        yield path.with_name(f"{path.name}-{number}")
        number += 1


def _real(path: Path) -> Path:
    """The place itself, where the path is "..", a link or the like, so that it can be renamed."""
    return Path(os.path.realpath(os.path.expanduser(path)))


def _refuse_what_stands(path: Path, force: bool) -> None:
    if not os.path.lexists(path):
        return
    if not path.is_dir():
        raise FileExistsError(errno.EEXIST, "this is a file; --out takes a folder")
    if not force:
        raise FileExistsError(errno.EEXIST, "this folder exists already; --force replaces it")
    if not (path / MARK).is_file() and any(path.iterdir()):
        raise FileExistsError(errno.EEXIST, "this is no results folder, and --force replaces nothing else")


def _make_parents(folder: Path) -> list[Path]:
    """Make a folder and its parents; return those that were missing, innermost first."""
    missing = [p for p in (folder, *folder.parents) if not os.path.lexists(p)]
    standing = missing[-1].parent if missing else folder
    if not standing.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    folder.mkdir(parents=True, exist_ok=True)
    return missing


def _remove_if_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:  # another run may have put its folder there meanwhile
        return


def _put_in_first_free(aside: Path, wanted: Path) -> Path:
    """Rename the folder; a run that began in the same second may have taken the name meanwhile."""
    return next(path for path in _numbered(wanted) if _rename(aside, path))


def _put_in_place(aside: Path, path: Path, force: bool) -> None:
    """Rename the folder to where it belongs; an older one goes only when the new one stands."""
    _refuse_what_stands(path, force)
    old = None
    if os.path.lexists(path):
        old = Path(tempfile.mkdtemp(prefix=f".{path.name[:40]}-old-", dir=path.parent))
        os.rename(path, old)  # onto the empty folder, which makes room for it
    try:
        if not _rename(aside, path):
            raise FileExistsError(errno.EEXIST, "this folder has appeared meanwhile")
    except BaseException:
        if old is not None:
            os.rename(old, path)
        raise
    if old is not None:
        shutil.rmtree(old, ignore_errors=True)


def _rename(aside: Path, path: Path) -> bool:
    """Rename a folder; False where something stands at the new name already."""
    if os.path.lexists(path):
        return False
    try:
        os.rename(aside, path)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            raise
        return False
    return True


def _reason(error: OSError) -> str:
    # PyArrow puts a whole paragraph where the system's reason should be.
    own = isinstance(error, FileExistsError) or error.errno is None
    return (error.strerror or str(error)) if own else os.strerror(error.errno or 0)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
