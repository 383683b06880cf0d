"""What each function of the model reads and writes, found by following its source.

From a function that is given the model, the reader walks every statement and goes into every function of the house
that is called, with each name standing for what it was given. So a column that a compiled loop receives as its ninth
argument is known inside the loop for what it is. Branches are all taken; nothing is run.

It knows columns, scenario fields, links and the state of the environment (`experiments.odd.environment`). It sees
neither into the classes that a user brings nor through values that a function computes and stores under another name.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from typing import Any

from experiments.odd.environment import TABLES
from experiments.odd.sources import Module, Record, Routine, marks, sources, tree
from experiments.odd.values import (
    NOTHING,
    STRATEGIES,
    Bound,
    Method,
    Parts,
    Path,
    Use,
    Value,
    classes,
    house,
    is_environment,
    items_of,
    named_items,
    record_of,
    replaced,
    what,
)

MACHINERY = (
    "agents.chance", "agents.columns", "agents.compiled", "agents.maths", "agents.plugins", "agents.population",
    "agents.registry",
    "marketplace.collector", "marketplace.edge_list", "marketplace.ledger", "marketplace.network",
    "marketplace.scenario",
)  # fmt: skip
"""Modules that are not gone into: they know nothing of customers, sellers and platforms."""

CHANGING = ("append", "pop", "clear", "perceive", "hold_below", "reset", "pay", "open_week")
"""Methods by which something that stands for itself is changed."""


class Reader:
    """Follows functions and keeps, for each, what it reads and writes and whom it calls.

    Attributes
    ----------
    own : dict of Routine to set of Use
        What a function uses itself.
    uses : dict of Routine to set of Use
        What it uses, all that it calls included.
    calls : dict of Routine to dict of Routine to None
        Functions that a function calls itself, in the order of the first call.
    """

    def __init__(self) -> None:
        self.own: dict[Routine, set[Use]] = {}
        self.uses: dict[Routine, set[Use]] = {}
        self.calls: dict[Routine, dict[Routine, None]] = {}
        self._known: dict[tuple[Routine, tuple[Value, ...]], tuple[Value, set[Use]]] = {}
        self._open: set[Routine] = set()

    def follow(self, routine: Routine, given: dict[str, Value]) -> tuple[Value, set[Use]]:
        """Walk a function whose parameters stand for ``given``; return its value and its uses."""
        names = _parameters(tree(routine))
        key = routine, tuple(given.get(name, NOTHING) for name in names)
        if key not in self._known and routine not in self._open:  # a function that calls itself adds nothing
            self._open.add(routine)
            walk = _Walk(self, routine, {**dict.fromkeys(names, NOTHING), **given})
            walk.statements(tree(routine).body)
            self._known[key] = walk.value, walk.own | walk.below
            self.own.setdefault(routine, set()).update(walk.own)
            self.uses.setdefault(routine, set()).update(walk.own | walk.below)
            self._open.remove(routine)
        return self._known.get(key, (NOTHING, set()))


def _parameters(node: ast.FunctionDef) -> list[str]:
    a = node.args
    extra = [arg.arg for arg in (a.vararg, a.kwarg) if arg]
    return [arg.arg for arg in (*a.posonlyargs, *a.args, *a.kwonlyargs)] + extra


class _Walk:
    """One function's statements, top to bottom."""

    def __init__(self, reader: Reader, routine: Routine, names: dict[str, Value]) -> None:
        self.reader, self.routine, self.names = reader, routine, names
        self.own: set[Use] = set()
        self.below: set[Use] = set()  # of the functions it calls
        self.value: Value = NOTHING

    # -- statements ----------------------------------------------------------------------------------------------

    def statements(self, nodes: Iterable[ast.stmt]) -> None:
        for node in nodes:
            if isinstance(node, ast.Assign):
                value = self.see(node.value)
                for target in node.targets:
                    self.store(target, value, node.value)
            elif isinstance(node, ast.AnnAssign) and node.value:
                self.store(node.target, self.see(node.value), node.value)
            elif isinstance(node, ast.AugAssign):
                self.use(self.see(node.value))
                self.use(self.see(node.target))
                self.store(node.target, NOTHING)
            elif isinstance(node, ast.Return) and node.value:
                self.value |= self.see(node.value)
            elif isinstance(node, ast.For):
                self.bind(node.target, self.each(node.iter))
                self.statements((*node.body, *node.orelse))
            elif isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    self.names[alias.asname or alias.name] = house(node.module, alias.name)
            elif not isinstance(node, ast.Assert | ast.Raise | ast.FunctionDef):
                self._other(node)

    def _other(self, node: ast.stmt) -> None:
        for _, part in ast.iter_fields(node):
            for item in part if isinstance(part, list) else [part]:
                if isinstance(item, ast.stmt):
                    self.statements([item])
                elif isinstance(item, ast.expr):
                    value = self.see(item)
                    if not isinstance(node, ast.Expr):
                        self.use(value)
                elif isinstance(item, ast.withitem):
                    self.see(item.context_expr)

    def store(self, target: ast.expr, value: Value, source: ast.expr | None = None) -> None:
        """Give a name its value; whatever stands elsewhere is written, and its value used."""
        if isinstance(target, ast.Name | ast.Tuple | ast.List):
            self.bind(target, value)
            if isinstance(target, ast.Tuple) and any(not isinstance(t, ast.Name) for t in target.elts):
                self.use(value)
            return
        if source is not None:
            self.use(value)
        base = target.value if isinstance(target, ast.Subscript) else target
        if isinstance(target, ast.Subscript):
            self.use(self.see(target.slice))
        self.write(self.see(base))

    def bind(self, target: ast.expr, value: Value) -> None:
        """Let a name, or the names of a tuple, stand for a value."""
        if isinstance(target, ast.Name):
            self.names[target.id] = self.names.get(target.id, NOTHING) | value
        elif isinstance(target, ast.Tuple | ast.List):
            parts = [atom for atom in value if isinstance(atom, Parts) and len(atom.items) == len(target.elts)]
            whole = frozenset(atom for atom in value if is_environment(atom))  # its parts are known by its name
            for k, inner in enumerate(target.elts):
                self.bind(inner, whole.union(*(atom.items[k] for atom in parts)))
        elif not isinstance(target, ast.Starred):
            self.store(target, value)

    def each(self, node: ast.expr) -> Value:
        """What the items of an iterable stand for."""
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("enumerate", "zip"):
            each = tuple(self.each(arg) for arg in node.args)
            return frozenset([Parts((), (NOTHING, *each) if node.func.id == "enumerate" else each)])
        value = self.see(node)
        self.use(value)
        return frozenset().union(*(items_of(atom) for atom in value))

    # -- uses ----------------------------------------------------------------------------------------------------

    def use(self, value: Value) -> None:
        """Record that what a value stands for is read."""
        self._record("reads", value)

    def write(self, value: Value) -> None:
        """Record that what a value stands for is written."""
        self._record("writes", value)

    def _record(self, verb: str, value: Value) -> None:
        for atom in value:
            if isinstance(atom, Parts):
                for item in atom.items:
                    self._record(verb, item)
            elif isinstance(atom, Path) and (found := what(atom.name)):
                self.own.add(Use(verb, *found))

    # -- expressions ---------------------------------------------------------------------------------------------

    def see(self, node: ast.expr) -> Value:
        """What an expression stands for; what is computed with is used."""
        seen: Callable[[Any], Value] | None = getattr(self, f"_see_{type(node).__name__.lower()}", None)
        if seen is not None:
            return seen(node)
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.use(self.see(child))
        return NOTHING

    def _see_name(self, node: ast.Name) -> Value:
        if node.id in self.names:
            return self.names[node.id]
        return house(self.routine.module, node.id)

    def _see_constant(self, node: ast.Constant) -> Value:
        return frozenset([node.value]) if isinstance(node.value, str) else NOTHING

    def _see_tuple(self, node: ast.Tuple | ast.List) -> Value:
        return frozenset([Parts((), tuple(self.see(item) for item in node.elts))])

    _see_list = _see_tuple

    def _see_starred(self, node: ast.Starred) -> Value:
        return self.see(node.value)

    def _see_ifexp(self, node: ast.IfExp) -> Value:
        self.use(self.see(node.test))
        return self.see(node.body) | self.see(node.orelse)

    def _see_attribute(self, node: ast.Attribute) -> Value:
        found = [self._attribute(atom, node.attr) for atom in self.see(node.value)]
        return frozenset().union(*found)

    def _attribute(self, atom: object, name: str) -> Value:
        if isinstance(atom, Parts) and name in atom.names:
            return atom.items[atom.names.index(name)]
        if isinstance(atom, Module):
            return house(atom.name, name)
        if not isinstance(atom, Path) or name in ("size", "shape"):
            return frozenset([Bound(Routine("", name), frozenset([atom]))]) if name == "_replace" else NOTHING
        if atom.name.removeprefix("model.") in TABLES and name in ("append", "remove", "column"):
            return frozenset([Method(atom.name, name)])
        routines = [Routine(module, f"{owner}.{name}") for module, owner in classes(atom.name)]
        routines = [routine for routine in routines if routine.name in sources()[routine.module].functions]
        if routines and "property" in marks(routines[0]):
            return self._call(routines[0], [frozenset([atom])], {})
        if routines:
            return frozenset(Bound(routine, frozenset([atom])) for routine in routines)
        if atom.name in STRATEGIES:  # a strategy keeps its settings, or fields of them under their own names
            section = f"model.scenario.{STRATEGIES[atom.name][1]}"
            return frozenset([Path(section if name == "settings" else f"{section}.{name}")])
        return frozenset([Path(f"{atom.name}.{name}"), Method(atom.name, name)])

    def _see_subscript(self, node: ast.Subscript) -> Value:
        base, index = self.see(node.value), self.see(node.slice)
        out: Value = NOTHING
        for atom in base:
            if atom == Path("model.flywheel"):
                out |= frozenset(Path(f"model.flywheel[{word}]") for word in index if isinstance(word, str))
            elif isinstance(atom, Parts) and isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, int):
                out |= atom.items[node.slice.value]
            elif items_of(atom) or is_environment(atom):
                out |= items_of(atom) or frozenset([atom])
            else:
                self.use(frozenset([atom]))
        self.use(index)
        return out

    def _comprehension(self, node: Any) -> Value:
        before = dict(self.names)
        for part in node.generators:
            self.bind(part.target, self.each(part.iter))
            for test in part.ifs:
                self.use(self.see(test))
        values = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        item = frozenset().union(*(self.see(value) for value in values))
        self.names = before
        self.use(item)
        return frozenset([Parts((), (item,))])

    _see_listcomp = _see_generatorexp = _see_setcomp = _see_dictcomp = _comprehension

    def _see_call(self, node: ast.Call) -> Value:
        callee = self.see(node.func)
        args = [self.see(arg) for arg in node.args]
        named_args = {word.arg: self.see(word.value) for word in node.keywords if word.arg}
        spread = [self.see(word.value) for word in node.keywords if word.arg is None]
        for value in spread:
            named_args.update(named_items(value))
        out: Value = NOTHING
        known = False
        for atom in callee:
            if isinstance(atom, Routine) and not atom.module.startswith(MACHINERY):
                out, known = out | self._call(atom, args, named_args), True
            elif isinstance(atom, Bound) and atom.routine.module:
                out, known = out | self._call(atom.routine, [atom.owner, *args], named_args), True
            elif isinstance(atom, Record):
                out, known = out | record_of(atom, args, named_args), True
            elif isinstance(atom, Bound):
                out, known = out | replaced(atom.owner, named_args), True
            elif isinstance(atom, Method):
                out |= self._method(atom, args, named_args)
        if not known:
            for value in (*args, *named_args.values()):
                self.use(value)
            self.write(named_args.get("out", NOTHING))
        return out

    def _method(self, method: Method, args: list[Value], named_args: dict[str, Value]) -> Value:
        parts = method.path.split(".")
        for value in (*args, *named_args.values()):
            self.use(value)
        if len(parts) == 2 and parts[1] in TABLES:
            columns = {"append": tuple(named_args), "remove": ("alive",)}.get(method.name, ())
            for name in columns:
                self.own.add(Use("writes", TABLES[parts[1]], name))
            words = [atom for arg in args for atom in arg if isinstance(atom, str)]
            paths = [Path(f"{method.path}.columns.{word}") for word in words]
            return frozenset(paths) if method.name == "column" else NOTHING
        if method.path.startswith("model.scenario") and method.name == "items":
            self.use(frozenset([Path(method.path)]))
            return frozenset([Parts((), (frozenset([Parts((), (NOTHING, frozenset([Path(method.path)])))]),))])
        if method.name in CHANGING:
            self.write(frozenset([Path(method.path)]))
            return frozenset([Path(method.path)]) if method.name == "perceive" else NOTHING
        self.use(frozenset([Path(method.path)]))
        return NOTHING

    def _call(self, routine: Routine, args: list[Value], named_args: dict[str, Value]) -> Value:
        self.reader.calls.setdefault(self.routine, {}).setdefault(routine)
        names = _parameters(tree(routine))
        if "block_loop" in marks(routine):  # called with the number of blocks; it is given a range of them
            args = [NOTHING, *args]
        if routine.bare == "__init__":
            args = [NOTHING, *args]
        given = dict(zip(names, args, strict=False))
        given |= {name: value for name, value in named_args.items() if name in names}
        rest = {name: value for name, value in named_args.items() if name not in names}
        keep = tree(routine).args.kwarg
        if keep:
            for passed in rest.values():
                self.use(passed)
            given[keep.arg] = frozenset([Parts(tuple(rest), (NOTHING,) * len(rest))])
        value, uses = self.reader.follow(routine, given)
        self.below |= uses
        return value
