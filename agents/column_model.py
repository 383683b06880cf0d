"""A Mesa model whose agents live in populations."""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import mesa
from mesa.agent import Agent, AgentSet

from agents.columns import nearest
from agents.population import ColumnAgent, Population, Union


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
