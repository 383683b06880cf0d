"""Columns and tables: what is declared, what is stored, what is refused."""

import ast
import copy
import pickle
import sys
import timeit
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import agents.columns as columns_module
from agents.columns import column, declared_columns, describe
from agents.table import Table


class Thing:
    weight = column(np.float64, 1.5, unit="kg", doc="How heavy it is.", source="a scale")
    grade = column(np.uint8, 3, unit="code", doc="Its grade.")


class Tool(Thing):
    reach = column(np.float32, 0.0, unit="m", doc="How far each arm reaches.", dim="arm")
    label = column("U8", "new", unit="text", doc="What is written on it.", readonly=True)


class View:
    """The least that a column reads through."""

    weight, reach, label = Tool.weight, Tool.reach, Tool.label

    def __init__(self, table: Table, row: int) -> None:
        self.table, self.row = table, row


@pytest.fixture
def tools() -> Table:
    table = Table(Tool, {"arm": 2})
    table.append(3, weight=[1.0, 2.0, 3.0], reach=[[0, 1], [2, 3], [4, 5]])
    return table


# --- declaring


def test_columns_come_in_order_of_declaration_base_classes_first():
    assert list(declared_columns(Tool)) == ["weight", "grade", "reach", "label"]


def test_subclass_may_redeclare_or_withdraw_a_column():
    class Feather(Tool):
        weight = column(np.float64, 0.01, unit="kg", doc="Next to nothing.")
        label = None

    assert list(declared_columns(Feather)) == ["weight", "grade", "reach"]
    assert Feather.weight.default == 0.01


def test_class_gives_the_column_itself():
    assert Tool.weight.doc == "How heavy it is."
    assert Tool.weight.source == "a scale"
    assert Tool.grade.source == "assumption"


def test_describe_has_a_row_for_each_column():
    assert describe(Tool)[2] == {
        "name": "reach",
        "dtype": "float32",
        "dim": "arm",
        "unit": "m",
        "default": 0.0,
        "doc": "How far each arm reaches.",
        "source": "assumption",
    }
    assert [row["name"] for row in describe(Tool)] == list(declared_columns(Tool))


@pytest.mark.parametrize(("dtype", "default"), [(np.int64, 0.5), (np.uint8, -1), (float, "a"), (float, None)])
def test_default_that_does_not_fit_is_refused(dtype, default):
    with pytest.raises(ValueError, match="does not fit"):
        column(dtype, default, unit="1", doc="Impossible.")


def test_a_column_cannot_be_declared_under_two_names():
    with pytest.raises((TypeError, RuntimeError)):  # RuntimeError on Python 3.11, which wraps it

        class Twice:
            one = column(float, unit="1", doc="One.")
            two = one


def test_a_column_named_alive_is_refused():
    class Zombie:
        alive = column(float, unit="1", doc="To what degree.")

    with pytest.raises(TypeError, match="rename it"):
        Table(Zombie)


# --- appending


def test_append_returns_rows_and_fills_defaults(tools):
    rows = tools.append(2, weight=9)
    assert rows.dtype == np.int64 and rows.tolist() == [3, 4]
    assert tools.columns.weight.tolist() == [1, 2, 3, 9, 9]
    assert tools.columns.grade.tolist() == [3] * 5
    assert tools.columns.alive.all() and len(tools) == tools.size == 5


def test_append_takes_a_row_or_an_array_of_rows_along_a_dim(tools):
    tools.append(3, reach=[7, 8])
    tools.append(1, reach=6)
    assert tools.columns.reach[2:].tolist() == [[4, 5], [7, 8], [7, 8], [7, 8], [6, 6]]


@pytest.mark.parametrize(
    ("values", "error", "words"),
    [
        ({"wieght": 1}, TypeError, "did you mean 'weight'"),
        ({"alive": False}, TypeError, "cannot be given 'alive'"),
        ({"weight": [1, 2, 3]}, ValueError, r"shape \(\) or \(2,\), not \(3,\)"),
        ({"reach": [[1, 2, 3]] * 2}, ValueError, r"\(2, 2\)"),
        ({"grade": 256}, ValueError, "holds uint8; 256 does not fit"),
        ({"grade": np.array([0, 300])}, ValueError, "does not fit"),
        ({"grade": [1, 2.5]}, ValueError, "does not fit"),
        ({"grade": float("nan")}, ValueError, "does not fit"),
        ({"reach": 1e300}, ValueError, "does not fit"),
        ({"weight": "heavy"}, ValueError, "does not fit"),
        ({"label": "far too long"}, ValueError, "does not fit"),
    ],
)
def test_append_refuses_what_does_not_fit_and_appends_nothing(tools, values, error, words):
    before = tools.frame()
    with pytest.raises(error, match=words):
        tools.append(2, **values)
    assert tools.size == 3 and tools.frame().equals(before)


def test_append_of_a_negative_or_broken_count_is_refused(tools):
    with pytest.raises(TypeError):
        tools.append(1.5)
    with pytest.raises(ValueError, match="-1"):
        tools.append(-1)


def test_whole_floats_fit_into_an_integer_column_and_rounding_into_a_float(tools):
    tools.append(1, grade=np.float64(4.0), reach=0.1)
    assert tools.columns.grade[-1] == 4
    assert tools.columns.reach[-1, 0] == np.float32(0.1)


def test_a_dim_without_a_length_is_refused():
    with pytest.raises(ValueError, match="did you mean 'arms'"):
        Table(Tool, {"arms": 2})


def test_room_is_exact_until_it_is_full_and_doubles_after():
    table = Table(Thing, capacity=1000)
    bytes_a_row = 8 + 1 + 1
    table.append(1000)
    assert table.nbytes == 1000 * bytes_a_row
    table.append(1)
    assert table.nbytes == 2000 * bytes_a_row
    at_once = Table(Thing)
    at_once.append(777)
    assert at_once.nbytes == 777 * bytes_a_row


# --- reading and writing


def test_live_array_writes_through_and_is_stale_after_an_append(tools):
    weight = tools.columns.weight
    weight[0] = 10.0
    assert tools.column("weight")[0] == 10.0
    tools.append(1)
    assert len(weight) == 3 and len(tools.columns.weight) == 4


def test_columns_can_be_changed_in_place_but_not_replaced(tools):
    tools.columns.weight *= 2
    assert tools.column("weight").tolist() == [2, 4, 6]
    with pytest.raises(AttributeError, match=r"columns.weight\[:\] ="):
        tools.columns.weight = np.zeros(3)
    with pytest.raises(AttributeError, match="did you mean 'weight'"):
        tools.columns.wieght = 1


def test_unknown_column_is_named_with_the_nearest_spelling(tools):
    with pytest.raises(AttributeError, match="no column 'grad': did you mean 'grade'"):
        tools.column("grad")
    with pytest.raises(AttributeError, match="there are alive, grade"):
        _ = tools.columns.zzz


def test_read_only_arrays_cannot_be_written(tools):
    for array in (tools.columns.alive, tools.columns.label, tools.rows):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = array[0]


def test_view_reads_python_scalars_and_writes_its_row(tools):
    view = View(tools, 1)
    assert type(view.weight) is float and view.weight == 2.0
    assert type(view.label) is str
    view.weight = 7
    assert tools.columns.weight.tolist() == [1, 7, 3]
    with pytest.raises(ValueError, match="does not fit"):
        view.weight = "heavy"
    with pytest.raises(AttributeError, match="read-only"):
        view.label = "old"


def test_view_reads_a_copy_along_a_dim(tools):
    view = View(tools, 2)
    view.reach[0] = 99
    assert view.reach.tolist() == [4, 5]
    view.reach = [8, 9]
    assert tools.columns.reach[2].tolist() == [8, 9]


def test_reading_a_column_costs_less_than_300_ns():
    table = Table(Thing)
    table.append(1000)
    runs = timeit.repeat("columns.weight", globals={"columns": table.columns}, number=20_000, repeat=5)
    assert min(runs) / 20_000 < 300e-9


# --- removing


def test_remove_marks_dead_once_and_keeps_rows(tools):
    assert tools.remove([1, 1]).tolist() == [1]
    assert tools.remove(1).tolist() == []
    assert tools.remove([]).tolist() == []
    assert len(tools) == 2 and tools.size == 3
    assert tools.rows.tolist() == [0, 2]
    assert tools.append(1).tolist() == [3]
    assert tools.columns.weight[1] == 2.0


@pytest.mark.parametrize("rows", [[3], [-1], [0.0], "0"])
def test_remove_refuses_rows_never_appended(tools, rows):
    with pytest.raises(IndexError, match="integers from 0 to 2"):
        tools.remove(rows)
    assert len(tools) == 3


def test_living_rows_are_cached_until_something_changes(tools):
    rows = tools.rows
    assert tools.rows is rows and rows.dtype == np.int64
    tools.remove(0)
    assert tools.rows is not rows


@settings(max_examples=40, deadline=None)
@given(st.lists(st.one_of(st.integers(0, 6), st.sets(st.integers(0, 40), max_size=5))))
def test_rows_keep_their_identity_through_appends_and_removals(acts):
    """An integer appends so many rows, a set removes those rows; against a plain dictionary."""
    table, weights, dead = Table(Thing), {}, set()
    for number, act in enumerate(acts):
        if isinstance(act, int):
            values = [number + place / 10 for place in range(act)]
            weights.update(zip(table.append(act, weight=values).tolist(), values, strict=True))
        else:
            known = act & weights.keys()
            assert set(table.remove(sorted(known)).tolist()) == known - dead
            dead |= known
    assert list(weights) == list(range(table.size))
    assert table.columns.weight.tolist() == list(weights.values())
    assert table.rows.tolist() == sorted(weights.keys() - dead)
    assert len(table) == len(weights) - len(dead)


# --- carrying off


def test_frame_has_living_rows_and_splits_dims(tools):
    tools.remove(0)
    frame = tools.frame()
    assert list(frame.columns) == ["weight", "grade", "reach.0", "reach.1", "label", "alive"]
    assert frame.index.name == "row" and frame.index.tolist() == [1, 2]
    assert frame.loc[2, "reach.1"] == 5
    assert tools.frame([0]).loc[0, "weight"] == 1.0


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda table: pickle.loads(pickle.dumps(table))])
def test_a_copy_goes_on_by_itself(tools, copied):
    tools.remove(1)
    tools.append(1)
    tools.append(1)
    twin = copied(tools)
    assert twin.nbytes == 5 * (8 + 1 + 2 * 4 + 8 * 4 + 1) < tools.nbytes  # spare room stays behind
    assert twin.frame([0, 1, 2]).equals(tools.frame([0, 1, 2])) and len(twin) == 4
    twin.columns.weight[0] = -1
    twin.append(5)
    twin.remove(0)
    assert tools.columns.weight[0] == 1.0 and tools.size == 5 and tools.rows.tolist() == [0, 2, 3, 4]
    with pytest.raises(ValueError, match="read-only"):
        twin.columns.alive[0] = True


def test_arrays_that_come_back_read_only_can_be_written(tools):
    buffers = []
    sent = pickle.dumps(tools, protocol=5, buffer_callback=buffers.append)
    twin = pickle.loads(sent, buffers=[bytes(buffer) for buffer in buffers])
    twin.columns.weight[0] = 5
    assert buffers and twin.columns.weight[0] == 5


def test_columns_import_numpy_and_nothing_else_of_weight():
    tree = ast.parse(Path(columns_module.__file__).read_text())
    top = {node.module for node in tree.body if isinstance(node, ast.ImportFrom)}
    top |= {name.name for node in tree.body if isinstance(node, ast.Import) for name in node.names}
    assert {name.split(".")[0] for name in top} - sys.stdlib_module_names == {"numpy"}


# --- what is written by hand


class Range:
    share = column(np.float64, 0.5, unit="share", doc="A share.", low=0, high=1)
    size = column(np.float64, 1.0, unit="m", doc="A size.", low=0)
    gain = column(np.float64, unit="1", doc="Any number.")
    place = column(np.int32, -1, unit="row", doc="A row of another table.", internal=True)


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("share", 1.01, "numbers from 0 to 1 (share); 1.01 was given"),
        ("share", [0.2, np.nan], "numbers from 0 to 1 (share); nan was given"),
        ("size", -1.0, "numbers from 0 (m); -1.0 was given"),
        ("gain", np.inf, "finite numbers (1); inf was given"),
    ],
)
def test_what_lies_outside_a_columns_range_is_refused_with_the_range(name, value, allowed):
    declared = declared_columns(Range)[name]
    with pytest.raises(ValueError) as error:
        declared.within(declared.checked(value))
    assert str(error.value) == f"Column {name!r} holds {allowed}."


def test_the_ends_of_a_range_belong_to_it():
    declared = declared_columns(Range)["share"]
    assert declared.within(declared.checked([0.0, 1.0])).tolist() == [0.0, 1.0]


def test_what_only_the_model_writes_cannot_be_written_by_hand():
    table = Table(Range)
    table.append(1)
    view = type("RangeView", (), {"place": Range.place, "table": table, "row": 0})()
    with pytest.raises(AttributeError, match="read-only"):
        view.place = 3
    table.columns.place[0] = 3  # the model itself
    assert view.place == 3


def test_a_column_with_a_dim_of_one_takes_one_value_a_row():
    table = Table(Tool, {"arm": 1})
    table.append(3, reach=[1.0, 2.0, 3.0])
    assert table.columns.reach.tolist() == [[1.0], [2.0], [3.0]]
