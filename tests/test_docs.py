"""The documentation: every block of code on its pages runs, the site is built without a warning, no link is broken."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import pytest

from tests.support.command_line import invoke

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```', re.MULTILINE | re.DOTALL)

PAGES = [page for page in sorted(DOCS.glob("*.md")) if BLOCK.search(page.read_text(encoding="utf-8"))]


def run_blocks(text, name):
    """Python runs in one name space, what has a title is written into that file, lines of a shell are our commands."""
    mpl.use("Agg")
    names, ran = {}, 0
    for kind, title, code in BLOCK.findall(text):
        ran += 1
        if title:
            Path(title).write_text(code, encoding="utf-8")
        elif kind == "python":
            exec(compile(code, name, "exec"), names)
        elif kind == "shell":
            for line in code.strip().splitlines():
                command, _, target = line.partition(" > ")
                program, *arguments = shlex.split(command)
                assert program == "cojump", line
                said, _ = invoke(*arguments)
                if target:
                    Path(target).write_text(said, encoding="utf-8")
        else:
            raise AssertionError(f"{name} has a block of {kind}, which is not run")
    return ran


@pytest.mark.parametrize("page", [page.name for page in PAGES])
def test_the_blocks_of_a_page_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run_blocks((DOCS / page).read_text(encoding="utf-8"), page) >= 1


def test_a_wrong_block_is_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AssertionError):
        run_blocks("```python\nassert 1 == 2\n```\n", "page")
    with pytest.raises(AssertionError):
        run_blocks("```shell\ncojump show none.toml\n```\n", "page")


def test_the_site_is_built_without_a_warning(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(tmp_path / "site")]
    made = subprocess.run(
        [*command, "-f", str(DOCS / "site" / "mkdocs.yml")], capture_output=True, text=True, check=False
    )
    said = [line for line in made.stderr.splitlines() if line.startswith(("WARNING", "ERROR"))]
    assert made.returncode == 0, made.stderr
    assert not said
    reference = (tmp_path / "site" / "reference" / "trajectories.html").read_text(encoding="utf-8")
    assert "cj.simulate(model, state, times, *, n_traj" in re.sub(r"<[^>]+>", "", reference)
