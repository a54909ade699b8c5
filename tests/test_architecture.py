"""docs/architecture.md names every file of the package, and none that there is not."""

import re
from pathlib import Path

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
