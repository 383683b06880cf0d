"""Agents whose state lives in columns, as Mesa sees them.

A `Population` is a Mesa `AgentSet` of all living rows of a `Table`; a `Selection` is some of them; a `Union`
is agents of several populations. An agent is a view, made when somebody asks for it: a million customers are
a few arrays and not a million objects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from mesa.agent import Agent, AgentSet
from numpy.typing import ArrayLike, NDArray

from agents.columns import ALIVE, Array, Column, Rows, column, declared_columns, nearest
from agents.members import Ids, Members, as_array
from agents.table import Columns, Table

if TYPE_CHECKING:
    import pandas as pd

    from agents.column_model import ColumnModel

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
        if declared is None or declared.readonly or declared.internal:
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
        return as_array([getattr(agent, name, *default) for agent in self])

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
            return as_array([])
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
        return self._gather(lambda part: as_array(part.get(name, *how)))

    def _is_a(self, agent_type: type) -> NDArray[np.bool_]:
        return self._gather(lambda part: np.array([isinstance(part[0], agent_type)] * len(part)))
