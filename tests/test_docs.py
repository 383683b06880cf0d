"""Every snippet of the how-to pages does what the page says: each page in a folder of its own, its blocks in order."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

PAGES = sorted((Path(__file__).resolve().parent.parent / "docs" / "how-to").glob("*.md"))
BLOCK = re.compile(r"(?:^<!--\s*(?P<note>.*?)\s*-->\n)?^```(?P<kind>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
SKIPPED = re.compile(r"not run: (\S.*\S)", re.DOTALL)
LONGEST = 300.0  # seconds of a block; a page is far quicker on a machine that is not busy

# One interpreter for all Python blocks of a page, so that a name lives on from block to block as it does in a notebook.
NOTEBOOK = """
import json, sys, traceback
names = {"__name__": "__main__"}
for line in sys.stdin:
    try:
        exec(compile(json.loads(line), "snippet", "exec"), names)
        print("\\0good", flush=True)
    except BaseException:
        traceback.print_exc(file=sys.stdout)
        print("\\0bad", flush=True)
"""


class Block(NamedTuple):
    kind: str
    text: str
    line: int
    note: str


def blocks_of(text: str) -> list[Block]:
    return [
        Block(m["kind"], m["text"], text[: m.start("kind")].count("\n") + 1, m["note"] or "")
        for m in BLOCK.finditer(text)
    ]


def to_run(blocks: list[Block]) -> list[Block]:
    return [block for block in blocks if block.kind in ("sh", "python") and not block.note.startswith("not run")]


@pytest.fixture
def environment() -> dict[str, str]:
    """``marketplace`` on the path, and pictures drawn without a screen."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "MPLBACKEND": "Agg", "PYTHONWARNINGS": "default"}


class Notebook:
    """An interpreter that runs one block after another."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", NOTEBOOK], cwd=folder, env=environment, text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def run(self, text: str) -> tuple[bool, str]:
        self.process.stdin.write(json.dumps(text) + "\n")
        self.process.stdin.flush()
        said = ""
        for line in self.process.stdout:
            before, mark, how = line.partition("\0")
            said += before
            if mark:
                return how.strip() == "good", said
        return False, said + "\nthe interpreter ended"

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(timeout=60)
        self.process.stdout.close()


@pytest.fixture
def notebook(tmp_path: Path, environment: dict[str, str]) -> Iterator[Notebook]:
    opened = Notebook(tmp_path, environment)
    yield opened
    opened.close()


def run_page(page: Path, folder: Path, environment: dict[str, str], notebook: Notebook) -> None:
    for block in blocks_of(page.read_text(encoding="utf-8")):
        where = f"{page.name}, line {block.line}"
        named = re.match(r"# file: (\S+)\n", block.text)
        if named:
            path = folder / named[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
        elif block.note.startswith("not run"):
            continue
        elif block.kind == "sh":
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", block.text], cwd=folder, env=environment, text=True,
                capture_output=True, timeout=LONGEST,
            )  # fmt: skip
            assert done.returncode == 0, f"{where}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        elif block.kind == "python":
            good, said = notebook.run(block.text)
            assert good, f"{where}:\n{said}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_snippet_runs(page: Path, tmp_path: Path, environment: dict[str, str], notebook: Notebook) -> None:
    run_page(page, tmp_path, environment, notebook)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_snippet_that_is_not_run_says_why(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    blocks = blocks_of(text)
    assert to_run(blocks), "a page without a snippet that is run shows nothing"
    assert len(blocks) * 2 == len(re.findall("^```", text, re.MULTILINE)), "a block is not closed"
    assert text.count("not run:") == sum(bool(SKIPPED.fullmatch(block.note)) for block in blocks)
    for block in blocks:
        given = not block.note.startswith("not run") or SKIPPED.fullmatch(block.note)
        assert given, f"line {block.line} gives no reason"


def test_a_snippet_that_fails_is_noticed(tmp_path: Path, environment: dict[str, str], notebook: Notebook) -> None:
    page = tmp_path / "page.md"
    for text, where in [
        ("```sh\nfalse\n```\n", "line 1"),
        ("text\n\n```python\nx = 1\n```\n\n```python\nassert x == 2\n```\n", "line 7"),
        ("```sh\nfalse | true\n```\n", "line 1"),
    ]:
        page.write_text(text)
        with pytest.raises(AssertionError, match=f"page.md, {where}"):
            run_page(page, tmp_path, environment, notebook)
    page.write_text("<!-- not run: it fails -->\n```sh\nfalse\n```\n```toml\n# file: a/b.toml\nx = 1\n```\n")
    run_page(page, tmp_path, environment, notebook)
    assert (tmp_path / "a/b.toml").read_text() == "# file: a/b.toml\nx = 1\n"
