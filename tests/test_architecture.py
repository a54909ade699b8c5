"""docs/architecture.md names every file of the package, and none that there is not."""

import re
from functools import reduce
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
FILES = {p.stem for p in (ROOT / "src" / "cojump").rglob("*.py") if p.parent.name != "kernels"} - {
    "__init__",
    "__main__",
}
FOLDERS = {p.name for p in (ROOT / "src" / "cojump").rglob("*") if p.is_dir()}
OTHERS = {"repr", "print", "load", "cj", "cojump", "src", "tests"}
"""Words in code style that are no files of the package."""


def test_every_file_is_named():
    assert sorted(FILES - set(re.findall(r"\w+", TEXT))) == []


def test_what_is_named_is_there():
    named = set(re.findall(r"`([a-z_]+)[`/.]", TEXT))
    assert sorted(named - FILES - FOLDERS - OTHERS) == []


ROWS = re.findall(r"`([a-z_/]+)\.py`(?:: ([\w.]+))?", TEXT.split("## I look for")[1].split("## From a run file")[0])


@pytest.mark.parametrize(("path", "name"), ROWS)
def test_what_is_looked_for_is_where_the_table_says(path, name):
    module = import_module("cojump." + path.replace("/", "."))
    reduce(getattr, name.split(".") if name else [], module)


def test_the_table_is_read():
    assert len(ROWS) > 20
