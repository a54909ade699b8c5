"""The errors that users see: one form, one clear line."""

from __future__ import annotations

import os
from typing import Any


class ArgumentError(ValueError):
    """An argument, a file or a callable of the user's breaks a rule.

    The message names the argument, the rule and the value, in this form:
    ``Argument `times` must be increasing, but times[3] = 0.5 <= times[2] = 0.6``.
    """

    def __init__(self, name: str, rule: str, found: str) -> None:
        parts = (_shortened(part) for part in (name, rule, found))
        super().__init__("Argument `{}` must {}, but {}".format(*parts))
        self.name, self.rule, self.found = name, rule, found

    def __reduce__(self) -> tuple[Any, ...]:
        """An exception is made again from the arguments of its class: a process pool sends it to another process."""
        return type(self), (self.name, self.rule, self.found), self.__dict__

    def inside(self, owner: str) -> ArgumentError:
        """The same error about the argument as part of ``owner``, for instance of ``jumps[1]``."""
        return ArgumentError(f"{owner}.{self.name}", self.rule, self.found)


class _OneLine(Exception):  # noqa: N818
    """An error whose message is one line that a terminal can show, whatever names and paths are in it."""

    def __init__(self, message: str) -> None:
        super().__init__(_shortened(message))


class UnsupportedError(_OneLine, ValueError):
    """The model is a valid one of the class, but this part of cojump does not run it yet."""


class ConvergenceError(_OneLine, RuntimeError):
    """A numerical method could not reach the stated tolerance; nothing was silently accepted."""


class StorageError(_OneLine, ValueError):
    """A result file is damaged, belongs to another run, or cannot be read or written."""


class WorkerError(_OneLine, RuntimeError):
    """A process among several that share the work has ended in the middle of it: killed, or out of memory."""


class Interrupted(Exception):  # noqa: N818
    """Work in hand is dropped because the job was told to stop; not an error."""


class Stopped(BaseException):
    """The process was told to stop while nothing was at work that could be saved.

    Like KeyboardInterrupt no Exception: it comes up anywhere, and must not be taken for an error of what it breaks off.
    Its arguments are the signal, or the key of the run file that set the limit, and what was done at that moment.
    """

    @property
    def line(self) -> str:
        """What to tell the user; a limit says what outlasts it, for the same limit would stop the same again."""
        name, *what = self.args
        if name != WALLTIME or not any(what):
            return f"cojump: stopped ({name}) before the work began; the same command goes on"
        return f"cojump: stopped ({name}) before the work began, {what[0]}; where this comes again {name} is too short"


WALLTIME = "walltime_seconds"
"""Name of the limit that stops a run as a signal does."""


class BrokenOff(Exception):  # noqa: N818
    """What the work needs has failed in the middle of it, a disk or the memory; what was finished is kept."""


class SimulationInterrupted(KeyboardInterrupt):
    """Ctrl-C in :func:`cojump.simulate`; at a prompt that has caught nothing it is ``sys.last_value``.

    Attributes
    ----------
    partial : Result or None
        The trajectories 0..n-1 that were finished: the same bits as ``simulate`` with ``n_traj=n``, and n is
        ``partial.n_traj``. None if none was finished.
    asked : int
        Trajectories that were asked for.
    """

    def __init__(self, partial: Any, asked: int) -> None:
        found = partial if isinstance(partial, list) else [partial]
        done = sum(result.n_traj for result in found if result is not None)
        where = "; they are in `.partial` of this exception (sys.last_value.partial at a prompt)" if done else ""
        super().__init__(f"interrupted after {done} of {asked} trajectories{where}")
        self.partial, self.asked = partial, asked

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.partial, self.asked), self.__dict__


EXPECTED = (ArgumentError, UnsupportedError, ConvergenceError, StorageError)
"""Errors with a message for the user; any other one is a bug and shows its traceback."""


_LONGEST = 300
"""Characters of the message of a foreign error that are shown."""

_LONGEST_PART = 2000
"""Characters of each part of the message of an ArgumentError: lists of names can be long."""


def printable(text: str) -> str:
    """Return a text with an escape for each character that a terminal would obey or cannot show.

    Control characters, marks that turn the direction of writing, bytes of a file name that are no text.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


def one_line(error: BaseException | str) -> str:
    """Return the message of an error as one line that a terminal can show."""
    return printable(" ".join(str(error).split()))


def _shortened(part: str) -> str:
    line = one_line(part)
    return line if len(line) <= _LONGEST_PART else line[:_LONGEST_PART] + "…"


def broken_line(error: BaseException) -> str:
    """What to tell of an error, also of one that comes from the system: one line without the number of the error."""
    if isinstance(error, MemoryError):
        return f"not enough memory: {one_line(error) or 'the model is too large'}"
    if isinstance(error, OSError) and error.strerror:
        return one_line(f"{error.filename}: {error.strerror}" if error.filename is not None else error.strerror)
    return one_line(error)


def foreign(error: BaseException, file: str) -> str:
    """Describe an error that a user's code has raised: its kind, its message in one line, its place in ``file``."""
    import traceback  # here, and not above: every start of cojump loads this file

    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if os.path.basename(f.filename) == file]
    try:
        message = one_line(error)
        if isinstance(error, SyntaxError):
            message = one_line(error.msg)
            if error.lineno and os.path.basename(error.filename or "") == file:  # not of another file, or of a text
                lines = [error.lineno]
    except Exception:  # noqa: BLE001 - its __str__ is the user's code, too
        message = "(its message cannot be made)"
    if len(message) > _LONGEST:
        message = message[:_LONGEST] + "…"
    place = f" ({file}, line {lines[-1]})" if lines else ""
    return f"{type(error).__name__}{': ' if message else ''}{message}{place}"
