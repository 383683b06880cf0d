"""What the sections declare about their fields, read back for messages, tables and templates."""

from __future__ import annotations

import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from marketplace.toml import toml_value

_BOUNDS = ("ge", "gt", "le", "lt")


@dataclass(frozen=True)
class Declaration:
    """One field of a scenario, as it was declared.

    Attributes
    ----------
    path : str
        Dotted path as a scenario file spells it (``platform.commission``).
    info : FieldInfo
        What pydantic knows of it: annotation, default and bounds.
    """

    path: str
    info: FieldInfo

    @property
    def unit(self) -> str:
        return str(self._extra("unit"))

    @property
    def source(self) -> str:
        return str(self._extra("source"))

    @property
    def meaning(self) -> str:
        return self.info.description or ""

    @property
    def default(self) -> Any:
        return self.info.get_default(call_default_factory=True)

    @property
    def bounds(self) -> dict[str, Any]:
        """Bounds by pydantic's names ``ge``, ``gt``, ``le``, ``lt``; absent where there is none."""
        return {k: getattr(m, k) for m in self.info.metadata for k in _BOUNDS if hasattr(m, k)}

    @property
    def choices(self) -> tuple[str, ...]:
        """The words the field may be; empty where it is not a choice."""
        return tuple(word for kind in alternatives(self.info.annotation) for word in words(kind))

    @property
    def range(self) -> str:
        """The bounds in words, ``from 0 to 1``; empty where there is none."""
        return _range(self.bounds)

    @property
    def kind(self) -> str:
        """The type in words: ``a number``, ``an integer``, ``"a" or "b"``."""
        return " or ".join(_kind(kind) for kind in alternatives(self.info.annotation))

    @property
    def allowed(self) -> str:
        """Type, range and unit in one phrase: ``a number from 0 to 1 (share)``."""
        numeric = {int, float} & set(alternatives(self.info.annotation))
        parts = [
            _kind(kind) + (f" {self.range}" if kind in (int, float) and self.range else "")
            for kind in alternatives(self.info.annotation)
        ]
        unit = f" ({self.unit})" if numeric and self.unit not in ("", "1") else ""
        return " or ".join(parts) + unit

    def row(self) -> dict[str, Any]:
        """The field as a row of a table for people."""
        default = "{}" if isinstance(self.default, dict) and not self.default else toml_value(self.default)
        return {
            "field": self.path,
            "type": self.kind,
            "unit": self.unit,
            "range": self.range,
            "default": default,
            "meaning": self.meaning,
            "source": self.source,
        }

    def _extra(self, key: str) -> Any:
        extra = self.info.json_schema_extra
        return extra.get(key, "") if isinstance(extra, dict) else ""


def declarations(model: type[BaseModel], prefix: str = "") -> Iterator[Declaration]:
    """Every field below ``model``, in order of declaration.

    A table with free keys stands under ``<key>``; the list of platforms under ``platform``.
    """
    for name, info in model.model_fields.items():
        inner = inner_table(info.annotation)
        if inner is None:
            yield Declaration(prefix + name, info)
        elif get_origin(info.annotation) is tuple:
            yield from declarations(inner, f"{prefix}{name.removesuffix('s')}.")
        elif get_origin(info.annotation) is dict:
            yield Declaration(prefix + name, info)
            yield from declarations(inner, f"{prefix}{name}.<link>.")
        else:
            yield from declarations(inner, f"{prefix}{name}.")


def field_at(model: type[BaseModel], place: Sequence[Any]) -> Declaration:
    """The declaration of what stands at a place in the data of ``model``.

    For a value under a free key (a valve, a share) it is made from the annotation of such values.

    Raises
    ------
    KeyError
        If nothing is declared there.
    """
    info = FieldInfo.from_annotation(model)
    for part in place:
        container = next((k for k in alternatives(info.annotation) if get_origin(k) in (tuple, dict)), None)
        if container is not None:
            kinds = [kind for kind in get_args(container) if kind is not Ellipsis]
            info = FieldInfo.from_annotation(kinds[-1])
            continue
        table = inner_table(info.annotation)
        if table is None:
            raise KeyError(part)
        info = table.model_fields[part]
    return Declaration(".".join(str(part) for part in place), info)


def inner_table(annotation: Any) -> type[BaseModel] | None:
    """The section class that an annotation holds, directly or in a container; None for plain values."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (inner_table(part) for part in get_args(annotation))
    return next((table for table in found if table is not None), None)


def alternatives(annotation: Any) -> tuple[Any, ...]:
    """The members of a union, or the annotation alone."""
    if get_origin(annotation) is Annotated:
        return alternatives(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return get_args(annotation)
    return (annotation,)


def words(kind: Any) -> tuple[str, ...]:
    """The words of a ``Literal``."""
    return get_args(kind) if get_origin(kind) is Literal else ()


def _kind(kind: Any) -> str:
    plain = {bool: "true or false", int: "an integer", float: "a number", str: "a text"}
    if kind in plain:
        return plain[kind]
    if words(kind):
        return " or ".join(f'"{word}"' for word in words(kind))
    if get_origin(kind) is tuple:
        return "a list of at least one table"
    return "a table of numbers" if get_origin(kind) is dict and inner_table(kind) is None else "a table"


def _range(bounds: dict[str, Any]) -> str:
    if "ge" in bounds and "le" in bounds:
        return f"from {_number(bounds['ge'])} to {_number(bounds['le'])}"
    phrase = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
    return " and ".join(f"{phrase[k]} {_number(bounds[k])}" for k in _BOUNDS if k in bounds)


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.15g}"
