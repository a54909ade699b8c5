"""The Python blocks of README run as they are printed, one after the other, in sensible time."""

import re
import time
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def test_the_blocks_run_as_printed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 3
    names, began = {}, time.process_time()
    for block in blocks:
        exec(compile(block, str(README), "exec"), names)
    assert time.process_time() - began < 60  # with the compilation of all kernels
