"""Ctrl-C at a prompt of IPython on a terminal: the run ends, what is finished is kept, nothing is written after it."""

from __future__ import annotations

import re
import sys

import pytest

pexpect = pytest.importorskip("pexpect", reason="it comes with IPython")
pytest.importorskip("IPython")

_LIMIT = 120
"""Seconds that any answer may take on a loaded machine."""

_CONTROL = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07]*\x07|[=>])|\r")


@pytest.fixture
def prompt(tmp_path, monkeypatch):
    """An interactive IPython on a pseudo-terminal."""
    for name, value in (("IPYTHONDIR", str(tmp_path)), ("PROMPT_TOOLKIT_NO_CPR", "1"), ("TERM", "xterm")):
        monkeypatch.setenv(name, value)
    options = ["--no-banner", "--no-confirm-exit", "--colors=NoColor", "--HistoryManager.enabled=False"]
    command = ["-m", "IPython", *options, "--TerminalInteractiveShell.autosuggestions_provider=None"]
    child = pexpect.spawn(sys.executable, command, encoding="utf-8", timeout=_LIMIT, dimensions=(40, 110))
    child.expect(r"In \[1\]:")
    yield child
    child.close(force=True)


def test_ctrl_c_leaves_a_prompt_and_a_partial_result(prompt):
    model = "m = cj.systems.constrained(20, 0.7, 1.3, 0.8); s = cj.tilted(m, 1.1, 0.4)"
    prompt.sendline(f"import sys, cojump as cj; {model}")
    for number, workers in ((2, 1), (4, 2)):
        prompt.expect(rf"In \[{number}\]:")
        prompt.sendline(f"r = cj.simulate(m, s, [0, 1], n_traj=10**7, progress=True, chunk=4, workers={workers})")
        prompt.expect(r"\D([1-9]\d*)/10000000")  # the bar has moved
        prompt.sendintr()
        prompt.expect("SimulationInterrupted: ")
        prompt.expect(rf"In \[{number + 1}\]:")
        with pytest.raises(pexpect.TIMEOUT):  # a bar that goes on would write over the prompt
            prompt.expect("trajectories|10000000", timeout=0.7)
        prompt.sendline("print('kept', sys.last_value.partial.n_traj, 'of them')")
        prompt.expect(r"kept (\d+) of them")
        assert int(prompt.match.group(1)) > 0
    prompt.expect(r"In \[6\]:")
    assert not re.search("Traceback|Exception ignored", _CONTROL.sub("", prompt.before))
