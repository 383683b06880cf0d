"""Folders appear whole or not at all, and nothing is overwritten unless it is asked for."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from experiments import folders
from experiments.folders import MARK, whole_folder


def make(path: Path | None, text: str = "new", **options: bool) -> Path:
    with whole_folder(path, **options) as place:
        (place.aside / MARK).write_text(text)
    return place.path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_stands_only_when_it_is_whole(tmp_path: Path) -> None:
    with whole_folder(tmp_path / "there") as place:
        (place.aside / "file").write_text("")
        assert not (tmp_path / "there").exists()
        assert place.aside.parent == tmp_path  # the same disk, or it could not be renamed
    assert names(tmp_path) == ["there"] and names(tmp_path / "there") == ["file"]


def test_it_can_be_read_by_those_who_may_read_any_new_folder(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    assert make(tmp_path / "there").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, OSError])
def test_nothing_is_left_after_an_error(tmp_path: Path, error: type[BaseException]) -> None:
    with pytest.raises(error), whole_folder(tmp_path / "a" / "b" / "c") as place:
        (place.aside / "half").write_text("")
        raise error
    assert names(tmp_path) == []


def test_parents_that_others_use_stay(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), whole_folder(tmp_path / "a" / "b"):
        (tmp_path / "a" / "theirs").write_text("")
        raise RuntimeError
    assert names(tmp_path / "a") == ["theirs"]


@pytest.mark.parametrize("force", [False, True])
def test_a_file_or_a_foreign_folder_is_never_replaced(tmp_path: Path, force: bool) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "thesis.tex").write_text("mine")
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    for name in ("file", "folder"):
        with pytest.raises(FileExistsError) as caught:
            make(tmp_path / name, force=force)
        assert caught.value.filename == str(tmp_path / name)
    with pytest.raises(OSError):
        make(tmp_path / "file" / "below", force=force)
    assert names(tmp_path) == ["file", "folder", "gone"]
    assert (tmp_path / "file").read_text() == (tmp_path / "folder" / "thesis.tex").read_text() == "mine"


def test_a_results_folder_is_replaced_only_by_force(tmp_path: Path) -> None:
    make(tmp_path / "there", "old")
    (tmp_path / "there" / "old only").write_text("")
    with pytest.raises(FileExistsError, match="--force"):
        make(tmp_path / "there")
    assert (tmp_path / "there" / MARK).read_text() == "old"
    make(tmp_path / "there", force=True)
    assert names(tmp_path) == ["there"] and names(tmp_path / "there") == [MARK]
    assert (tmp_path / "there" / MARK).read_text() == "new"


def test_an_empty_folder_may_be_replaced_by_force(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    assert names(make(tmp_path / "there", force=True)) == [MARK]


def test_a_link_keeps_leading_to_the_folder(tmp_path: Path) -> None:
    make(tmp_path / "there", "old")
    (tmp_path / "link").symlink_to(tmp_path / "there")
    assert make(tmp_path / "link", force=True) == tmp_path / "link"
    assert (tmp_path / "link").is_symlink() and (tmp_path / "there" / MARK).read_text() == "new"


def test_the_old_folder_comes_back_if_the_new_one_cannot_be_put_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path / "there", "old")

    def full(aside: Path, path: Path) -> bool:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(folders, "_rename", full)
    with pytest.raises(OSError, match="Input/output"):
        make(tmp_path / "there", force=True)
    assert names(tmp_path) == ["there"] and (tmp_path / "there" / MARK).read_text() == "old"


def test_a_folder_that_appears_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    with pytest.raises(FileExistsError), whole_folder(tmp_path / "there"):
        make(tmp_path / "there", "theirs")
    assert names(tmp_path) == ["there"] and (tmp_path / "there" / MARK).read_text() == "theirs"


def test_runs_of_the_same_second_get_names_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    class Noon:
        @staticmethod
        def now() -> Noon:
            return Noon()

        def __format__(self, form: str) -> str:
            return "20300101-120000"

    monkeypatch.setattr(folders, "datetime", Noon)
    with whole_folder(None, "theory/bass") as outer:  # both are under way at once
        inner = make(None, stem="theory/bass")
    assert [inner, outer.path] == [
        Path("results/theory-bass-20300101-120000"), Path("results/theory-bass-20300101-120000-2")
    ]  # fmt: skip
    assert names(tmp_path / "results") == [inner.name, outer.path.name]
    assert make(None, stem="theory/bass").name.endswith("-3")


@pytest.mark.parametrize("stem", ["..", "/", "a\nb", "ü" * 400, "", ". ."])
def test_a_scenario_may_be_called_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stem: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = make(None, stem=stem)
    assert path.parent == Path("results") and path.is_dir() and not path.name.startswith(".")


def test_the_sentence_names_what_was_asked_for(tmp_path: Path) -> None:
    with pytest.raises(OSError) as caught, whole_folder(tmp_path / "there"):
        raise OSError(errno.ENOSPC, "a whole paragraph by some library", "/some/other/file")
    assert caught.value.filename == str(tmp_path / "there")
    assert caught.value.strerror == os.strerror(errno.ENOSPC)
