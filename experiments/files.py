"""Files that appear whole or not at all, and the JSON in them."""

from __future__ import annotations

import errno
import json
import math
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.errors import ResultsError


def write_whole(path: Path, text: str, overwrite: bool = False) -> None:
    """Write a text file aside and put it in place when it is complete.

    Parameters
    ----------
    path : Path
        Where the file shall stand; its folder must exist.
    text : str
        Content, written as UTF-8.
    overwrite : bool
        Whether a file that stands there may be replaced.

    Raises
    ------
    FileExistsError
        If something stands there and may not be replaced.
    OSError
        If the folder is missing or cannot be written, or the disk is full; nothing is left behind.
    """
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no such folder", str(path.parent))
    _refuse_existing(path, overwrite)
    aside = None
    try:
        handle, aside = tempfile.mkstemp(dir=path.parent, prefix=".aside-")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(aside, 0o666 & ~_umask())  # mkstemp lets nobody else read
        _refuse_existing(path, overwrite)  # it may have appeared meanwhile
        os.replace(aside, path)
        aside = None
    except FileExistsError:
        raise
    except OSError as error:  # name the file that was asked for, not the one aside
        raise OSError(error.errno, error.strerror, str(path)) from None
    finally:
        if aside is not None:
            os.unlink(aside)


def _refuse_existing(path: Path, overwrite: bool) -> None:
    if not overwrite and os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, "this exists already; --force overwrites it", str(path))


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_json(path: Path, value: Any) -> None:
    """Write values as strict JSON, whole or not at all, in place of what stands there; see `plain`.

    Raises
    ------
    OSError
        As `write_whole`.
    """
    text = json.dumps(plain(value), indent=2, ensure_ascii=False, allow_nan=False)
    write_whole(path, text + "\n", overwrite=True)


def plain(value: Any) -> Any:
    """Values as JSON knows them: keys are text, and numbers that are missing or infinite become null."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises
    ------
    ResultsError
        If the file cannot be read, or holds something else.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ResultsError(f"{path} cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError):
        raise ResultsError(f"{path} is damaged: it is not JSON") from None
    if not isinstance(value, dict):
        raise ResultsError(f"{path} is damaged: it is not a JSON object")
    return value
