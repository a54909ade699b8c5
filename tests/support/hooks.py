"""What tests hear of a run, and where they break it: the audit events of Python and of cojump (``sys.audit``).

``cojump.trajectory`` (N, index, engine) and ``cojump.trajectory.done`` (N, index) stand around each trajectory of an
ensemble, ``cojump.stage`` (text) at the beginning of each part of a job; Python has its own for files and imports. What
a listener raises comes up at that place. No name of the package is replaced.
"""

from __future__ import annotations

import os
import sys
import traceback

listeners: list = []

GONE = 99
"""The status of a process that :func:`gone` has ended."""


def _tell(event, arguments):
    for listener in listeners:
        listener(event, arguments)


sys.addaudithook(_tell)  # for good: there is no way to take one away


def listen(monkeypatch, listener):
    """Call ``listener(event, arguments)`` at every event, until the patch is undone."""
    monkeypatch.setattr(sys.modules[__name__], "listeners", [*listeners, listener])


def at_stage(monkeypatch, text, action):
    """Do something whenever a part of a job begins that has ``text`` in its name."""
    listen(monkeypatch, lambda event, found: event == "cojump.stage" and text in found[0] and action())


def changes_file(event, arguments, directory):
    """Whether this is a change of a file below a directory."""
    if event == "open" and not arguments[2] & (os.O_WRONLY | os.O_RDWR):
        return False
    known = event in ("open", "os.rename", "os.link", "os.remove", "os.rmdir", "os.mkdir")
    return known and str(arguments[0]).startswith(str(directory))


def gone():
    """The process is gone: nothing after it is executed, as if it had been killed."""
    os._exit(GONE)


def in_a_child(action):
    """Do it in a copy of this process; whether that copy was :func:`gone`. Anything that it raises is shown."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            action()
            status = 0
        finally:  # not one step further than here
            if status:
                traceback.print_exc()
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, GONE), status
    return status == GONE
