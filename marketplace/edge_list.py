"""Reading who knows whom from a file: one edge on a line."""

from __future__ import annotations

import re
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import NoReturn

import numpy as np
import numpy.typing as npt

Pairs = npt.NDArray[np.int64]

# An edge, a comment or nothing may stand on a line. Both patterns run over the whole text at once.
_NUMBER = r"-?[0-9]{1,18}"
_TWO = rf"[ \t]*{_NUMBER}(?:[ \t]*,[ \t]*|[ \t]+){_NUMBER}[ \t]*"
_BAD_LINE = re.compile(rf"^(?!(?:{_TWO}|[ \t]*)(?:#.*)?$).*$", re.MULTILINE)
_EDGE = re.compile(r"^[ \t]*[-0-9]", re.MULTILINE)


def read_edge_list(path: str | Path, count: int) -> Pairs:
    """Read an edge list: two customer numbers, counted from 0, on a line; ``#`` starts a comment.

    The numbers are apart by a comma or white space. A customer that the file does not name knows nobody, so
    one more customer changes nothing for the others.

    Parameters
    ----------
    path : str or Path
        A text file in UTF-8; a relative path starts at the working directory.
    count : int
        Number of customers.

    Returns
    -------
    ndarray of int64, shape (lines, 2)
        The edges as they stand in the file.

    Raises
    ------
    ScenarioError
        If the file cannot be read, holds no edge, has a bad line, or names a customer there is not.
    """
    text = _text_of(path)
    bad = _BAD_LINE.search(text)
    if bad:
        line = text.count("\n", 0, bad.start()) + 1
        _refuse(path, f'line {line} is "{bad.group()[:60]}"; it must be two customer numbers, as in "0, 17"')
    if not _EDGE.search(text):
        _refuse(path, 'it holds no edges; for a world without friends, set social.graph = "none"')
    pairs = np.loadtxt(StringIO(text.replace(",", " ")), dtype=np.int64, comments="#", ndmin=2)
    beyond = np.flatnonzero(((pairs < 0) | (pairs >= count)).any(axis=1))
    if beyond.size:
        edge = int(beyond[0])
        place = next(islice(_EDGE.finditer(text), edge, None)).start()
        line = text.count("\n", 0, place) + 1
        worst = next(int(number) for number in pairs[edge] if not 0 <= number < count)
        _refuse(path, f"line {line} names customer {worst}; with customers.count = {count} the numbers go "
                      f"from 0 to {count - 1}")
    return pairs


def _text_of(path: str | Path) -> str:
    try:
        return Path(path).expanduser().read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        _refuse(path, "it is not a text file in UTF-8")
    except OSError as error:
        _refuse(path, f"it cannot be read ({error.strerror or error})")


def _refuse(path: str | Path, what: str) -> NoReturn:
    # Late, because reading a scenario needs pydantic, and a graph from other sources does not.
    from marketplace.scenario_errors import ScenarioError

    raise ScenarioError(f'social.file = "{path}" is not an edge list of this world: {what}.') from None
