"""Agents whose state lives in columns, as Mesa sees them.

A `Population` is a Mesa `AgentSet` of all living rows of a `Table`; a `Selection` is some of them; a `Union`
is agents of several populations. An agent is a view, made when somebody asks for it: a million customers are
a few arrays and not a million objects.
"""

from __future__ import annotations

import math
import operator
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from random import Random
from typing import TYPE_CHECKING, Any, TypeAlias

import mesa
import numpy as np
from mesa.agent import Agent, AgentSet
from numpy.typing import ArrayLike, NDArray

from agents.columns import ALIVE, Array, Column, Columns, Rows, Table, column, declared_columns, nearest

if TYPE_CHECKING:
    import pandas as pd

try:
    from mesa.agentset import GroupBy  # where Mesa 3.5 has it
except ImportError:
    from mesa.agent import GroupBy

Ids: TypeAlias = NDArray[np.int64]
Method: TypeAlias = str | Callable[..., Any]

LATE_KEY = np.uint64(0xFF << 56)  # marks the keys of agents that were appended without one


class ColumnAgent(Agent):  # type: ignore[misc]
    """An agent that is a view of one row: its attributes are the declared columns, and it keeps nothing else.

    `Customer(model, alpha=2.0)` appends a row to the model's population of that class; `model.customers[i]`
    makes a view of an existing one. Views of the same row are equal.
    """

    unique_id = column(
        np.int64, unit="id", doc="Number of the agent, unique in its model and never reused.", readonly=True
    )
    alive = ALIVE
    pos = None  # Mesa's place on a grid; there is none
    population: Population
    row: int = -1

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name, value in vars(cls).items():
            if isinstance(value, Column) and hasattr(ColumnAgent, name) and name != "pos":
                raise TypeError(
                    f"{cls.__name__}.{name} would hide what every agent has; choose another name."
                )

    def __init__(self, model: ColumnModel, **values: ArrayLike) -> None:
        population = model.population_of(type(self))
        self.__dict__.update(population=population, row=int(population.append(1, **values)[0]))

    @classmethod
    def create_agents(cls, model: ColumnModel, n: int, **values: ArrayLike) -> Selection:
        """Append `n` rows at once and return them; values are scalars or arrays, see `Table.append`."""
        population = model.population_of(cls)
        return Selection(population, population.append(n, **values))

    @classmethod
    def from_dataframe(cls, model: ColumnModel, df: pd.DataFrame, **values: ArrayLike) -> Selection:
        """Append a row for each of the frame's, whose columns are named as the agent's are."""
        frame = {str(name): df[name].to_numpy() for name in df.columns}
        return cls.create_agents(model, len(df), **frame, **values)

    @property
    def model(self) -> Any:
        """The model whose population this is."""
        return self.population.model

    @property
    def table(self) -> Table:
        """The table in which the row is."""
        return self.population.table

    def remove(self) -> None:
        """Mark the row dead; its values can still be read."""
        self.population.remove(self.row)

    def __setattr__(self, name: str, value: Any) -> None:
        if not hasattr(getattr(type(self), name, None), "__set__"):
            hint = nearest(name, declared_columns(type(self)))
            raise AttributeError(
                f"{type(self).__name__} declares no column {name!r}, and what is set beside the columns "
                f"would be lost with the view: {hint}"
            )
        super().__setattr__(name, value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ColumnAgent):
            return NotImplemented
        return self.population is other.population and self.row == other.row

    def __hash__(self) -> int:
        return hash((id(self.population), self.row))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.unique_id}>"


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


class Selection(Members):
    """Some rows of one population, in an order of their own. Rows that die drop out.

    Parameters
    ----------
    population
        Whose rows they are.
    rows
        Their numbers, integers of shape (n,), none twice.

    Raises
    ------
    TypeError
        If the rows are no integers.
    """

    population: Population

    def __init__(self, population: Population, rows: ArrayLike) -> None:
        given = np.asarray(rows)
        if given.size and given.dtype.kind not in "iu":
            raise TypeError(f"Rows are integers, not {given.dtype}; select() takes a mask.")
        self.population = population
        self._rows: Rows = given.astype(np.int64, copy=False)
        self._deaths = -1

    @property
    def model(self) -> Any:
        """The model to which the population belongs."""
        return self.population.model

    @property
    def rows(self) -> Rows:
        """Living rows in this selection's order, int64."""
        table = self.population.table
        deaths = table.size - len(table)
        if deaths != self._deaths:
            self._rows = self._rows[table.columns.alive[self._rows]]
            self._deaths = deaths
        return self._rows

    @property
    def ids(self) -> Ids:
        """Unique ids of the members in order, shape (len,), int64."""
        ids: Ids = self.population.columns.unique_id[self.rows]
        return ids

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Any]:
        population = self.population
        for row in self.rows.tolist():
            if population.columns.alive[row]:  # another agent may have removed it since the loop began
                yield population.at(row)

    def set(self, attr_name: str, value: ArrayLike) -> Selection:
        """Write one attribute of every member; `value` is a scalar or shape (len,), see `Column.shaped`."""
        table = self.population.table
        declared = table.declared.get(attr_name)
        if declared is None or declared.readonly or declared.engine:
            return self.do(setattr, attr_name, value)  # a property's setter, or the refusal
        shaped = declared.within(declared.shaped(value, len(self), table.dims.get(declared.dim or "")))
        table.column(attr_name)[self.rows] = shaped
        return self

    def _take(self, positions: Any) -> Members:
        return Selection(self.population, self.rows[positions])

    def _from_ids(self, ids: Ids) -> Members:
        rows, found = self.population.locate(ids)
        return Selection(self.population, rows) if found.all() else Union(self.model, ids)

    def _become(self, members: Members) -> Members:
        if not isinstance(members, Selection) or members.population is not self.population:
            kind = self.population.agent_class.__name__
            raise TypeError(f"A selection of {kind} holds no other agents; make a new set instead, with |.")
        self._rows = members.rows
        return self

    def _get(self, name: str, *default: Any) -> Array:
        population = self.population
        if name in population.table.declared or not (default or hasattr(population.agent_class, name)):
            values: Array = population.column(name)[self.rows]  # or the refusal, with the nearest spelling
            return values
        return _array([getattr(agent, name, *default) for agent in self])

    def _is_a(self, agent_type: type) -> NDArray[np.bool_]:
        return np.full(len(self), issubclass(self.population.agent_class, agent_type))


class Population(Selection):
    """All living agents of one class in a model, and the table that keeps them.

    Parameters
    ----------
    agent_class
        A `ColumnAgent` with its columns.
    model
        The model; use `model.add_population`, which also makes the population known to it.
    dims, capacity
        As for `Table`.

    Attributes
    ----------
    on_remove : callable or None
        Called with the rows (int64) that have just died.
    """

    model: Any = None  # a plain attribute here, where Selection has a property

    def __init__(
        self,
        agent_class: type[ColumnAgent],
        model: ColumnModel,
        dims: Mapping[str, int] | None = None,
        capacity: int = 0,
    ) -> None:
        self.agent_class = agent_class
        self.model = model
        self.population = self
        self.table = Table(agent_class, dims, capacity)
        self.on_remove: Callable[[Rows], None] | None = None

    @property
    def columns(self) -> Columns:
        """Live arrays by name; stale after an append. See `Table.columns`."""
        return self.table.columns

    @property
    def rows(self) -> Rows:
        """Living rows, ascending; a shared, read-only int64 array."""
        return self.table.rows

    @property
    def size(self) -> int:
        """Rows ever appended, dead ones included."""
        return self.table.size

    def column(self, name: str) -> Array:
        """Return the live array of one column; stale after an append."""
        return self.table.column(name)

    def append(self, count: int, **values: ArrayLike) -> Rows:
        """Append `count` agents, give them their unique ids and return their rows; see `Table.append`."""
        first = self.model.next_unique_id
        ids = np.arange(first, first + count)
        if "key" in self.table.declared and "key" not in values:
            values["key"] = ids.astype(np.uint64) | LATE_KEY  # two agents never share their draws
        rows = self.table.append(count, unique_id=ids, **values)
        self.model.next_unique_id = first + count
        return rows

    def remove(self, rows: ArrayLike) -> None:
        """Mark rows dead, and tell `on_remove` of those that were living. See `Table.remove`."""
        died = self.table.remove(rows)
        if died.size and self.on_remove is not None:
            self.on_remove(died)

    def at(self, row: int) -> Any:
        """Return a view of a row, living or dead; IndexError if it was never appended."""
        if not 0 <= row < self.table.size:
            raise IndexError(f"Row {row} was never appended; there are {self.table.size} rows.")
        view = object.__new__(self.agent_class)
        view.__dict__.update(population=self, row=int(row))
        return view

    def locate(self, ids: ArrayLike) -> tuple[Rows, NDArray[np.bool_]]:
        """Return the rows of unique ids, and whether each id is of this population (else ignore it)."""
        wanted = np.asarray(ids, dtype=np.int64)
        own = self.columns.unique_id
        if len(own) == 0:
            return np.zeros(wanted.shape, dtype=np.int64), np.zeros(wanted.shape, dtype=bool)
        rows = np.searchsorted(own, wanted)  # ids are given in ascending order
        rows = np.minimum(rows, len(own) - 1)
        return rows, own[rows] == wanted

    def __len__(self) -> int:
        return len(self.table)

    def __contains__(self, agent: object) -> bool:
        return isinstance(agent, ColumnAgent) and agent.population is self and bool(agent.alive)

    def _become(self, members: Members) -> Members:
        raise TypeError("A population is all living agents of a class: change a copy(), or append, remove.")


class Union(Members):
    """Agents of several populations of a model, and agents that have no columns.

    Parameters
    ----------
    model
        Whose agents they are.
    ids
        Their unique ids in order; None means all living agents at any time, population by population.
    """

    def __init__(self, model: ColumnModel, ids: Ids | None = None) -> None:
        self.model = model
        self._ids = ids

    @property
    def ids(self) -> Ids:
        """Unique ids of the members in order, shape (len,), int64."""
        living = [population.ids for population in self.model.populations.values()]
        everyone = np.concatenate([*living, np.array(list(self.model.others), dtype=np.int64)])
        return everyone if self._ids is None else self._ids[np.isin(self._ids, everyone)]

    def __len__(self) -> int:
        if self._ids is None:
            return sum(map(len, self.model.populations.values())) + len(self.model.others)
        return len(self.ids)

    def __iter__(self) -> Iterator[Any]:
        if self._ids is None:  # the same agents in the same order, without a search for each
            for members in [*self.model.populations.values(), list(self.model.others.values())]:
                yield from members
            return
        for unique_id in self.ids.tolist():
            if (agent := self.model.living(unique_id)) is not None:
                yield agent

    def set(self, attr_name: str, value: Any) -> Union:
        """Give one value to an attribute of every member, as Mesa does."""
        for _, part in self._parts():
            part.set(attr_name, value)
        return self

    def _parts(self) -> Iterator[tuple[Array, AgentSet]]:
        """Yield each kind's positions in this set, and the members there."""
        ids, others = self.ids, self.model.others
        for population in self.model.populations.values():
            rows, found = population.locate(ids)
            if found.any():
                yield np.flatnonzero(found), Selection(population, rows[found])
        positions = np.flatnonzero(np.isin(ids, list(others)))
        if positions.size:
            yield positions, AgentSet([others[one] for one in ids[positions].tolist()], random=self.random)

    def _gather(self, read: Callable[[Any], Array]) -> Array:
        parts = [(positions, read(part)) for positions, part in self._parts()]
        if not parts:
            return _array([])
        values = np.concatenate([values for _, values in parts])
        gathered = np.empty_like(values)
        gathered[np.concatenate([positions for positions, _ in parts])] = values
        return gathered

    def _take(self, positions: Any) -> Members:
        return Union(self.model, self.ids[positions])

    def _from_ids(self, ids: Ids) -> Members:
        return Union(self.model, ids)

    def _become(self, members: Members) -> Members:
        if self._ids is None:
            raise TypeError("model.agents is all living agents: change a copy(), or append, remove.")
        self._ids = members.ids
        return self

    def _get(self, name: str, *default: Any) -> Array:
        how = ("default", *default) if default else ("error",)
        return self._gather(lambda part: _array(part.get(name, *how)))

    def _is_a(self, agent_type: type) -> NDArray[np.bool_]:
        return self._gather(lambda part: np.array([isinstance(part[0], agent_type)] * len(part)))


class ColumnModel(mesa.Model):  # type: ignore[misc]
    """A Mesa model whose agents live in populations; agents without columns may live beside them.

    Parameters
    ----------
    rng, seed
        The run's seed, a non-negative integer, under either name; 0 if neither is given.

    Attributes
    ----------
    run_seed : int
        The seed. Mesa's `random` and `rng` are seeded with it, so that nothing depends on a global state.
    populations : dict of type to Population
        By agent class, in the order in which they were added.
    others : dict of int to Agent
        Agents without columns, by unique id.
    """

    _scenario: Any = None

    def __init__(self, *, rng: int | None = None, seed: int | None = None, **kwargs: Any) -> None:
        if kwargs:
            raise TypeError(f"{type(self).__name__} has no parameter {next(iter(kwargs))!r}.")
        if rng is not None and seed is not None:
            raise ValueError(f"rng and seed both name the seed; rng={rng!r} and seed={seed!r} were given.")
        self.run_seed = seed_of(rng if seed is None else seed)
        scenario = self._scenario
        self.populations: dict[type, Population] = {}
        self.others: dict[int, Agent] = {}
        self.next_unique_id = 1
        super().__init__(rng=self.run_seed)
        self._scenario = scenario  # Mesa 3.5 has put its own in place

    @property
    def scenario(self) -> Any:
        """What the model was built from. Mesa 3.5 would write into it; a frozen one must only be kept."""
        return self._scenario

    @scenario.setter
    def scenario(self, scenario: Any) -> None:
        self._scenario = scenario

    def add_population(
        self, agent_class: type[ColumnAgent], dims: Mapping[str, int] | None = None, capacity: int = 0
    ) -> Population:
        """Make the model's population of a class; ValueError if it has one."""
        if agent_class in self.populations:
            raise ValueError(f"The model has a population of {agent_class.__name__} already.")
        return self.populations.setdefault(agent_class, Population(agent_class, self, dims, capacity))

    def population_of(self, agent_class: type) -> Population:
        """Return the population of a class; KeyError if there is none."""
        if agent_class not in self.populations:
            hint = nearest(agent_class.__name__, [known.__name__ for known in self.populations])
            raise KeyError(f"The model has no population of {agent_class.__name__}: {hint}")
        return self.populations[agent_class]

    def living(self, unique_id: int) -> Any:
        """Return the living agent with this unique id, or None."""
        for population in self.populations.values():
            row, found = population.locate(unique_id)
            if found:
                agent = population.at(int(row))
                return agent if agent.alive else None
        return self.others.get(unique_id)

    @property
    def agents(self) -> Union:
        """All living agents of all kinds."""
        return Union(self)

    @agents.setter
    def agents(self, agents: Any) -> None:
        raise AttributeError("model.agents is the set of all agents; choose another name for your own.")

    @property
    def agents_by_type(self) -> dict[type, AgentSet]:
        """The living agents by class: a population, or Mesa's set of agents without columns."""
        kinds: dict[type, list[Agent]] = defaultdict(list)
        for agent in self.others.values():
            kinds[type(agent)].append(agent)
        plain = {kind: AgentSet(agents, random=self.random) for kind, agents in kinds.items()}
        return {**self.populations, **plain}

    @property
    def agent_types(self) -> list[type]:
        """The classes of agents in the model."""
        return list(self.agents_by_type)

    def register_agent(self, agent: Agent) -> None:
        """Take in an agent without columns; its own `__init__` calls this."""
        getattr(Agent, "_ids", {}).pop(self, None)  # Mesa 3.3 would keep every model alive in it
        agent.unique_id = self.next_unique_id
        self.others[agent.unique_id] = agent
        self.next_unique_id += 1

    def deregister_agent(self, agent: Agent) -> None:
        """Let an agent without columns go; its `remove` calls this."""
        del self.others[agent.unique_id]

    def remove_all_agents(self) -> None:
        """Mark every row dead and let the other agents go."""
        for population in self.populations.values():
            population.remove(population.rows)
        for agent in list(self.others.values()):
            agent.remove()
        super().remove_all_agents()  # Mesa 3.5 closes its data sets there


def seed_of(given: Any) -> int:
    """Return the seed as an int; 0 for None."""
    try:
        seed = -1 if isinstance(given, bool) else operator.index(0 if given is None else given)
    except TypeError:
        seed = -1
    if seed < 0:
        raise ValueError(f"The seed (rng=) is an integer from 0; {given!r} was given.")
    return seed


def _array(values: Any) -> Array:
    """Return Python values as an array that keeps them: numbers as numbers, all else as objects."""
    if isinstance(values, np.ndarray):
        return values
    if all(isinstance(value, (bool, int, float, np.number, np.bool_)) for value in values):
        return np.asarray(values)
    return np.fromiter(values, dtype=object, count=len(values))
