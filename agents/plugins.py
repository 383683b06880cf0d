"""Policies and pricing rules of the user's own, brought by ``--import FILE``.

This is the one place where a file given by the user is executed, and only because the user named it.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, TypeAlias

from agents.policies.base import POLICIES, PlatformPolicy
from agents.pricing.base import PRICING, SellerPricing
from agents.registry import StrategyError, check_calls, register, unfinished

Plugin: TypeAlias = type[PlatformPolicy] | type[SellerPricing]
Registry: TypeAlias = dict[str, Any]

REGISTRIES: tuple[Registry, ...] = (POLICIES, PRICING)


class PluginError(StrategyError):
    """A file that cannot be brought in; ``str()`` is one sentence."""


def load_policy_file(path: str | Path) -> list[Plugin]:
    """Execute a file and return the policies and pricing rules it registered, policies first.

    The module's name is made from the file's contents, so that it is the same in every process, pickled
    strategies find their class there, and a copy of the file kept with the results is known to be the same.
    A file whose contents are loaded already is not executed again. One that fails leaves the registries as
    they were.

    Parameters
    ----------
    path
        A Python file.

    Raises
    ------
    PluginError
        If the file cannot be read, does not parse, raises, or registers nothing.
    """
    path = Path(path).expanduser()
    content = _read(path)
    name = f"_import_{hashlib.sha256(content).hexdigest()[:16]}"
    loaded = sys.modules.get(name)
    if loaded is not None:
        return _register_again(path, loaded.__plugins__)
    return _load(path, name, _compile(path, content))


def _load(path: Path, name: str, code: CodeType) -> list[Plugin]:
    """Execute a file's code as the module `name`; on any failure leave no trace of it."""
    module = ModuleType(name)
    module.__file__ = str(path.resolve())
    before = _registries()
    sys.modules[name] = module
    try:
        _execute(path, code, module)
        plugins = _new(before)
        _check(path, module, plugins)
    except BaseException:
        del sys.modules[name]
        _restore(before)
        raise
    vars(module)["__plugins__"] = plugins
    return list(plugins)


def _check(path: Path, module: ModuleType, plugins: list[Plugin]) -> None:
    """Refuse a file that brings nothing, and classes that a decorator has spoilt after they were registered."""
    for cls in plugins:
        try:
            check_calls(cls, _kind(cls))
        except StrategyError as error:
            raise PluginError(f"{path}: {error}") from None
    if plugins:
        return
    for cls in _unfinished(module):
        raise PluginError(f"{path} registers nothing: {_kind(cls)} class {cls.__qualname__} lacks {unfinished(cls)}")
    wanted = "a class derived from PlatformPolicy or SellerPricing"
    raise PluginError(f"{path} registers nothing: it needs {wanted}.")


def _unfinished(module: ModuleType) -> list[type]:
    """Return the classes of a file that are derived from a base of ours, but still abstract."""
    own = [one for one in vars(module).values() if isinstance(one, type) and one.__module__ == module.__name__]
    return [one for one in own if issubclass(one, PlatformPolicy | SellerPricing)]


def _kind(cls: type) -> str:
    return "policy" if issubclass(cls, PlatformPolicy) else "pricing rule"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise PluginError(f"{path} does not exist: --import takes the path of a Python file.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise PluginError(f"{path} cannot be read: {reason}.") from None


def _compile(path: Path, content: bytes) -> CodeType:
    try:
        return compile(content, str(path), "exec", dont_inherit=True)
    except SyntaxError as error:
        where = f"{path}, line {error.lineno}," if error.lineno else str(path)
        raise PluginError(f"{where} is not valid Python: {error.msg}.") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise PluginError(f"{path} is not valid Python: {error}.") from None


def _execute(path: Path, code: CodeType, module: ModuleType) -> None:
    try:
        exec(code, vars(module))
    except (Exception, SystemExit) as error:
        line = _line_of(error, str(path))
        if type(error) is StrategyError:  # it says what is wrong with a class
            raise PluginError(f"{path}, line {line}: {error}") from None
        where = f"{path}, line {line}," if line else str(path)
        reason = " ".join(str(error).split()).rstrip(".")
        raise PluginError(f"{where} failed with {type(error).__name__}: {reason}.") from error


def _line_of(error: BaseException, filename: str) -> int | None:
    """Return the last line of the user's own file that an error passed through."""
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == filename:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _registries() -> list[Registry]:
    return [dict(registry) for registry in REGISTRIES]


def _new(before: list[Registry]) -> list[Plugin]:
    """Return what the registries hold now and did not hold before."""
    return [
        cls
        for registry, old in zip(REGISTRIES, before, strict=True)
        for name, cls in registry.items()
        if old.get(name) is not cls
    ]


def _restore(before: list[Registry]) -> None:
    for registry, old in zip(REGISTRIES, before, strict=True):
        registry.clear()
        registry.update(old)


def _register_again(path: Path, plugins: list[Plugin]) -> list[Plugin]:
    """Put classes loaded earlier back where another version of their file has taken their place."""
    before = _registries()
    try:
        for cls in plugins:
            registry: Registry = POLICIES if issubclass(cls, PlatformPolicy) else PRICING
            register(registry, cls, _kind(cls))
    except StrategyError as error:
        _restore(before)
        raise PluginError(f"{path}: {error}") from None
    return list(plugins)
