"""The entry point of the command ``marketplace``, which takes Ctrl-C well from its first line to its last.

Everything else is imported inside, so that there is somebody to catch an interruption of the imports.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from experiments.command_line import app

__all__ = ["app", "main"]

INTERRUPTED = 130  # as `experiments.errors` has it, which is not imported here


def main() -> None:
    """Run the command line; the entry point of the installed command.

    Raises
    ------
    SystemExit
        With the exit code.
    """
    try:
        from experiments.command_line import app

        app(prog_name="marketplace")
    except KeyboardInterrupt:  # before the command or after it; within, it is said already
        sys.stderr.write("marketplace: interrupted\n")
        _leave()
    except SystemExit as leaving:
        if leaving.code == INTERRUPTED:
            _leave()
        raise
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is said: a further Ctrl-C would only cost the exit code


def _leave() -> None:
    """End the process as interrupted: after a Ctrl-C inside exec(), Python itself would end it by the signal."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    os._exit(INTERRUPTED)


def __getattr__(name: str) -> Any:
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from experiments.command_line import app

    return app


if __name__ == "__main__":
    main()
