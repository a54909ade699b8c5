"""How far a run is: a bar on a terminal, a line now and then anywhere else."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Protocol, TextIO, cast

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from .terminal import Heedless

_SHARE = 0.1
"""A plain line comes after this share of the work ..."""

_SECONDS = 30.0
"""... or after this time, whichever is first, but not twice a second."""

_LEAST_SECONDS = 0.5


class ProgressReport(Protocol):
    """What long work tells about its progress, in trajectories or other units."""

    def note(self, text: str) -> None:
        """Tell what goes on before the work begins."""

    def start(self, total: int) -> None:
        """Begin work of ``total`` units."""

    def advance(self, n: int) -> None:
        """Count ``n`` more finished units."""

    def stop(self) -> None:
        """End the run, whether it is complete or not."""


def make_progress(stream: TextIO | None = None, unit: str = "trajectories") -> ProgressReport:
    """Make a progress bar if ``stream`` (standard error by default) is a terminal, else a writer of lines.

    Where the stream cannot be written, or is none, nothing is shown.
    """
    stream = cast(TextIO, Heedless(sys.stderr if stream is None else stream))
    on_terminal = stream.isatty() and Console(file=stream).is_interactive
    return ProgressBar(stream, unit) if on_terminal else ProgressLines(stream, unit=unit)


class ProgressBar:
    """A bar with the rate and the time left."""

    def __init__(self, stream: TextIO, unit: str = "trajectories") -> None:
        self._stream = stream
        self._bar = Progress(
            TextColumn(unit),
            BarColumn(bar_width=None),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            _Rate(),
            TimeRemainingColumn(),
            TextColumn("left"),
            console=Console(file=stream),
        )

    def note(self, text: str) -> None:
        """Write a line; the bar comes below."""
        _line(self._stream, text)

    def start(self, total: int) -> None:
        """Show the bar."""
        self._task = self._bar.add_task("", total=total)
        self._bar.start()

    def advance(self, n: int) -> None:
        """Move the bar on."""
        self._bar.advance(self._task, n)

    def stop(self) -> None:
        """Leave the bar as it is and show the cursor again; a second time it does nothing."""
        if self._bar.live.is_started:
            self._bar.stop()


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else per_second(speed))


class ProgressLines:
    """One line for every tenth of the work, or every half minute: fit for a log file.

    Parameters
    ----------
    stream : text stream
    clock : callable
        Seconds; another one than the real one in tests.
    unit : str
        What is counted.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic, unit: str = "trajectories") -> None:
        self._stream, self._clock, self._unit = stream, clock, unit

    def note(self, text: str) -> None:
        """Write a line."""
        _line(self._stream, text)

    def start(self, total: int) -> None:
        """Begin to count."""
        self._total, self._done = total, 0
        self._began = self._told = self._clock()
        self._told_done = 0

    def advance(self, n: int) -> None:
        """Count, and write a line if it is time for one."""
        self._done += n
        now = self._clock()
        step = self._done - self._told_done >= _SHARE * self._total and now - self._told >= _LEAST_SECONDS
        if step or now - self._told >= _SECONDS or self._done == self._total:
            self._write(now)

    def stop(self) -> None:
        """Write nothing more: the last line is there already, or an error message follows."""

    def _write(self, now: float) -> None:
        self._told, self._told_done = now, self._done
        elapsed = now - self._began
        line = f"{self._done}/{self._total} {self._unit}"
        if elapsed > 0:
            rate = self._done / elapsed
            line += f", {per_second(rate)}"
            if self._done < self._total:
                line += f", {duration((self._total - self._done) / rate)} left"
        _line(self._stream, line)


def _line(stream: TextIO, text: str) -> None:
    print(f"cojump: {text}", file=stream, flush=True)


class Percentage:
    """How far one piece of work is, in per cent; silent unless ``shown``. A context that is called with the share done.

    Parameters
    ----------
    shown : bool
    of : str
        What there is a hundred per cent of.
    """

    def __init__(self, shown: bool, of: str) -> None:
        self._report = make_progress(unit=f"% of {of}") if shown else None
        self._done = 0

    def __enter__(self) -> Percentage:
        if self._report is not None:
            self._report.start(100)
        return self

    def __call__(self, share: float) -> None:
        """Tell the share that is done; less than was told before changes nothing."""
        further = int(100 * min(share, 1.0)) - self._done
        if self._report is not None and further > 0:
            self._done += further
            self._report.advance(further)

    def __exit__(self, *_: object) -> None:
        if self._report is not None:
            self._report.stop()


def per_second(rate: float) -> str:
    """Write a rate."""
    return f"{rate:.0f}/s" if rate >= 10 else f"{rate:.2g}/s"


def duration(seconds: float) -> str:
    """Write a time as a person would say it."""
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    if whole < 7200:
        return f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
