"""A set of agents as Mesa's tools call it, whatever holds the agents.

`Members` says what a set can do once it is known how many members it has, who they are and where their attributes
lie; `agents.population` says that for rows of tables.
"""

from __future__ import annotations

import math
import operator
from collections import defaultdict
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from random import Random
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from mesa.agent import Agent, AgentSet
from numpy.typing import NDArray

from agents.columns import Array

if TYPE_CHECKING:
    pass

try:
    from mesa.agentset import GroupBy  # where Mesa 3.5 has it
except ImportError:
    from mesa.agent import GroupBy

Ids: TypeAlias = NDArray[np.int64]
Method: TypeAlias = str | Callable[..., Any]


class Groups(GroupBy):  # type: ignore[misc]
    """Groups of agents by a key, as Mesa's, that aggregate whole columns."""

    def agg(self, attr_name: str, func: Callable[..., Any]) -> dict[Any, Any]:
        """Return `func` of an attribute's values, by group."""
        return {key: members.agg(attr_name, func) for key, members in self.groups.items()}


class Members(AgentSet):  # type: ignore[misc]
    """What every set of columnar agents can do: Mesa's `AgentSet`, on arrays instead of agent objects.

    Sets made from it (`select`, `sort`, `&`, ...) are again arrays; Mesa's own would be empty, since it holds
    its agents weakly and views die at once. Agents removed from the model drop out by themselves.
    """

    model: Any

    @property
    def ids(self) -> Ids:
        """Unique ids of the members in order, shape (len,), int64."""
        raise NotImplementedError

    def _take(self, positions: Any) -> Members:
        """Return the members at these positions (an index array, mask or slice) as a new set."""
        raise NotImplementedError

    def _from_ids(self, ids: Ids) -> Members:
        raise NotImplementedError

    def _become(self, members: Members) -> Members:
        """Change in place to hold these members."""
        raise NotImplementedError

    def _get(self, name: str, *default: Any) -> Array:
        """Return the values of one attribute; `default`, if given, stands in for a missing one."""
        raise NotImplementedError

    def _is_a(self, agent_type: type) -> NDArray[np.bool_]:
        raise NotImplementedError

    @property
    def random(self) -> Random:
        """The model's generator, which Mesa's `shuffle` draws from."""
        generator: Random = self.model.random
        return generator

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, agent: object) -> bool:
        if not isinstance(agent, Agent) or agent.model is not self.model:
            return False
        return bool(np.any(self.ids == agent.unique_id))

    def __getitem__(self, item: Any) -> Any:
        """Return the agent at a position, or for a slice the set of those in it."""
        if isinstance(item, slice):
            return self._take(item)
        position = operator.index(item)
        if not -len(self) <= position < len(self):
            raise IndexError(f"Position {position} is outside a set of {len(self)} agents.")
        return next(iter(self._take([position])))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self)}>"

    def copy(self) -> Members:
        """Return an independent set of the same agents."""
        return self._take(slice(None))

    __copy__ = copy

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__.copy()

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    # --- choosing and ordering

    def select(
        self,
        filter_func: NDArray[np.bool_] | Callable[[Any], bool] | None = None,
        at_most: float = float("inf"),
        inplace: bool = False,
        agent_type: type | None = None,
    ) -> Members:
        """Return the members that pass.

        Parameters
        ----------
        filter_func
            Either a boolean mask over the set, shape (len,), which is fast, or Mesa's predicate of one agent.
        at_most
            An int: the first so many that pass. A float up to 1.0: that fraction of the set, rounded down.
        inplace
            Whether to shrink this set instead of returning a new one.
        agent_type
            Keep only agents of this class or its subclasses.

        Raises
        ------
        ValueError
            If the mask is not boolean or not of shape (len,).
        TypeError
            If it is neither a mask nor a function.
        """
        count = len(self)
        fraction = isinstance(at_most, float) and at_most <= 1.0
        limit = max(0, int(count * at_most) if fraction else math.ceil(min(at_most, count)))
        keep = np.ones(count, dtype=bool) if agent_type is None else self._is_a(agent_type)
        if isinstance(filter_func, np.ndarray):
            if filter_func.dtype != bool or filter_func.shape != (count,):
                given = f"{filter_func.dtype} of shape {filter_func.shape}"
                raise ValueError(f"A mask over this set is bool of shape ({count},); {given} was given.")
            keep = keep & filter_func
        elif filter_func is not None and not callable(filter_func):
            wanted = "a boolean NumPy array over this set, or a function of one agent"
            raise TypeError(f"select takes {wanted}; {filter_func!r:.60} was given.")
        positions = np.flatnonzero(keep)
        if filter_func is not None and not isinstance(filter_func, np.ndarray):
            positions = self._passing(filter_func, positions, limit)
        chosen = self._take(positions[:limit])
        return self._become(chosen) if inplace else chosen

    def _passing(self, predicate: Callable[[Any], bool], positions: Array, limit: int) -> Array:
        passing: list[int] = []
        for position, agent in zip(positions.tolist(), self._take(positions), strict=False):
            if len(passing) >= limit:
                break
            if predicate(agent):
                passing.append(position)
        return np.array(passing, dtype=np.int64)

    def sort(self, key: Method, ascending: bool = False, inplace: bool = False) -> Members:
        """Order by an attribute or a function of an agent; descending unless told, ties as they stand."""
        values = self._get(key) if isinstance(key, str) else self.map(key)
        if isinstance(values, np.ndarray) and values.ndim == 1 and ascending:
            order: Any = np.argsort(values, kind="stable")
        elif isinstance(values, np.ndarray) and values.ndim == 1:
            order = len(values) - 1 - np.argsort(values[::-1], kind="stable")[::-1]
        else:
            order = sorted(range(len(values)), key=values.__getitem__, reverse=not ascending)
        ordered = self._take(order)
        return self._become(ordered) if inplace else ordered

    def shuffle(self, inplace: bool = False) -> Members:
        """Return the members in random order, the one that Mesa would draw from the same `model.random`."""
        order = list(range(len(self)))
        self.random.shuffle(order)
        shuffled = self._take(order)
        return self._become(shuffled) if inplace else shuffled

    def groupby(self, by: Method, result_type: str = "agentset") -> GroupBy:
        """Group by an attribute or a function of an agent, into sets ("agentset") or lists ("list")."""
        if result_type not in ("agentset", "list"):
            raise ValueError(f"result_type is 'agentset' or 'list'; {result_type!r} was given.")
        positions: dict[Any, list[int]] = defaultdict(list)
        for position, key in enumerate(self._get(by).tolist() if isinstance(by, str) else self.map(by)):
            positions[key].append(position)
        groups = {key: self._take(places) for key, places in positions.items()}
        if result_type == "list":
            return GroupBy({key: list(members) for key, members in groups.items()})
        return Groups(groups)

    # --- acting and reading

    def map(self, method: Method, *args: Any, **kwargs: Any) -> list[Any]:
        """Call a method, by name, or a function on each agent living at its turn; return the results."""
        if isinstance(method, str):
            return [getattr(agent, method)(*args, **kwargs) for agent in self]
        return [method(agent, *args, **kwargs) for agent in self]

    def do(self, method: Method, *args: Any, **kwargs: Any) -> Members:
        """Call a method or a function on each agent living at its turn; return this set."""
        self.map(method, *args, **kwargs)
        return self

    def shuffle_do(self, method: Method, *args: Any, **kwargs: Any) -> Members:
        """Like `do`, in random order."""
        self.shuffle().do(method, *args, **kwargs)
        return self

    def get(self, attr_names: Any, handle_missing: str = "error", default_value: Any = None) -> Any:
        """Return a copy of the values of one attribute, or of several.

        Returns
        -------
        numpy.ndarray or list of list
            For one name an array, shape (len,) or (len, length). For a list of names what Mesa returns: for
            each agent the list of its values.

        Raises
        ------
        AttributeError
            If there is no such attribute, unless `handle_missing` is "default".
        """
        if handle_missing not in ("error", "default"):
            raise ValueError(f"handle_missing is 'error' or 'default'; {handle_missing!r} was given.")
        if not isinstance(attr_names, str):
            columns = [self.get(name, handle_missing, default_value).tolist() for name in attr_names]
            return list(map(list, zip(*columns, strict=True)))
        return self._get(attr_names, *[default_value][: handle_missing == "default"])

    def agg(self, attribute: str, func: Callable[..., Any] | Iterable[Callable[..., Any]]) -> Any:
        """Return `func` of the array of an attribute's values, or a list for several functions."""
        values = self.get(attribute)
        return func(values) if callable(func) else [one(values) for one in func]

    def to_list(self) -> list[Any]:
        """Return a view of every member."""
        return list(self)

    # --- combining, in the order of the set mixins of collections.abc, on which Mesa's AgentSet stands

    def _ids_of(self, others: Iterable[Any]) -> Ids:
        """Return the unique ids of agents; -1, which nobody has, for those of another model."""
        if isinstance(others, Members):
            return others.ids if others.model is self.model else np.full(len(others), -1)
        found = [agent.unique_id if agent.model is self.model else -1 for agent in others]
        return np.array(found, dtype=np.int64)

    def _own(self, others: Iterable[Any]) -> Members:
        """Return agents as a set like this one; ValueError if they belong to another model."""
        ids = self._ids_of(others)
        if np.any(ids < 0):
            raise ValueError("A set holds agents of one model; those given belong to another.")
        return self._from_ids(ids)

    def __and__(self, other: Iterable[Any]) -> Members:
        ids = self._ids_of(other)
        return self._from_ids(ids[np.isin(ids, self.ids)])

    def __or__(self, other: Iterable[Any]) -> Members:
        ids = np.concatenate([self.ids, self._own(other).ids])
        return self._from_ids(ids[np.sort(np.unique(ids, return_index=True)[1])])

    def __sub__(self, other: Iterable[Any]) -> Members:
        return self._take(~np.isin(self.ids, self._ids_of(other)))

    def __xor__(self, other: Iterable[Any]) -> Members:
        return (self - other) | (self._own(other) - self)

    # Python asks these first where Mesa's own set is on the left.

    def __rand__(self, other: Iterable[Any]) -> Members:
        return self._own(other) & self

    def __ror__(self, other: Iterable[Any]) -> Members:
        return self._own(other) | self

    def __rsub__(self, other: Iterable[Any]) -> Members:
        return self._own(other) - self

    def __rxor__(self, other: Iterable[Any]) -> Members:
        return self._own(other) ^ self

    # The mixins' `==`, `<` and `>` come to these two, which by the mixins would look at agent after agent.

    def __le__(self, other: object) -> bool:
        if not isinstance(other, AbstractSet):
            return NotImplemented
        return bool(np.isin(self.ids, self._ids_of(other)).all())

    def __ge__(self, other: object) -> bool:
        if not isinstance(other, AbstractSet):
            return NotImplemented
        return bool(np.isin(self._ids_of(other), self.ids).all())

    def add(self, agent: Agent) -> None:
        """Add an agent to this set."""
        self._become(self | [agent])

    def discard(self, agent: Agent) -> None:
        """Drop an agent from this set, if it is in it."""
        self._become(self - [agent])

    def remove(self, agent: Any) -> None:
        """Drop an agent from this set (not from the model); KeyError if it is not in it."""
        if agent not in self:
            raise KeyError(agent)
        self.discard(agent)


def as_array(values: Any) -> Array:
    """Return Python values as an array that keeps them: numbers as numbers, all else as objects."""
    if isinstance(values, np.ndarray):
        return values
    if all(isinstance(value, (bool, int, float, np.number, np.bool_)) for value in values):
        return np.asarray(values)
    return np.fromiter(values, dtype=object, count=len(values))
