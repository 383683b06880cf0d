"""TOML text: read with the line of a mistake, written a value at a time."""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")


class TomlError(ValueError):
    """A text is not TOML; ``str()`` is one line that says where and why."""


def parse_toml(text: str) -> dict[str, Any]:
    """Read a TOML text.

    Raises
    ------
    TomlError
        With the line, where tomllib knows it.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        last = text.count("\n", 0, len(text.rstrip())) + 1
        message = " ".join(str(error).split())
        message = message.replace("(at end of document)", f"(at line {last}, at the end)")
        match = re.fullmatch(r"(.*) \(at (line \d+, .*)\)", message)
        if match:
            message = f"{match[2]}: {match[1]}"
        raise TomlError(f"not valid TOML, {message}") from None
    except RecursionError:
        raise TomlError("not valid here: tables or lists are nested too deeply") from None
    except ValueError as error:  # an integer longer than Python reads, a date that does not exist
        raise TomlError(f"not valid TOML: {' '.join(str(error).split(';')[0].split())}") from None


def toml_key(key: str) -> str:
    """A key, quoted where TOML asks for it."""
    return key if _BARE.fullmatch(key) else toml_value(key)


def toml_value(value: Any) -> str:
    """A value as TOML writes it, tables inline.

    Raises
    ------
    TypeError
        For a value that no scenario holds.
    """
    if isinstance(value, str):
        # JSON escapes what TOML escapes, except DEL.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, dict):
        inside = ", ".join(f"{toml_key(key)} = {toml_value(item)}" for key, item in value.items())
        return "{ " + inside + " }" if inside else "{}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    raise TypeError(f"no TOML for {type(value).__name__}")
