"""The results of a file, and where they come from."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

from ..errors import ArgumentError
from ..results.result import Result
from ..tools import checks
from ..tools.export import columns_of, dataframe, joined, stacked, write_csv
from ..tools.summaries import Summarised, counted, facts, few, more, span, table
from ..version import __version__
from .envelope import SCHEMA
from .resume_note import Note


@dataclass(frozen=True)
class Origin:
    """Where results come from, as their file tells.

    Attributes
    ----------
    run_file : str
        Text of the run file; empty for results saved from a script.
    sources : mapping of str to str
        Name and text of the user's model file, if the run file names one.
    version : str
        The cojump that wrote the file.
    schema : int
        Version of the file's layout.
    created : str
        Date and time of writing, ISO 8601, UTC.
    key : str
        Of the run, see ensemble/chunk_log.py; empty in a result file.
    """

    run_file: str = ""
    sources: Mapping[str, str] = field(default_factory=dict)
    version: str = __version__
    schema: int = SCHEMA
    created: str = ""
    key: str = ""


class ResultSequence(Summarised, Sequence[Result]):
    """The results of a file, one per point of the sweep, in the order of the run file.

    Attributes
    ----------
    origin : Origin
        The run file, versions and date stored with them.
    notes : tuple of Note or None
        For each result of a run, what a later session of it needs; empty after a selection.
    """

    def __init__(
        self, results: Sequence[Result], origin: Origin | None = None, notes: Sequence[Note | None] = ()
    ) -> None:
        self._results = tuple(results)
        self.origin = origin or Origin()
        self.notes = tuple(notes)

    def __len__(self) -> int:
        return len(self._results)

    @overload
    def __getitem__(self, index: int) -> Result: ...
    @overload
    def __getitem__(self, index: slice) -> ResultSequence: ...
    def __getitem__(self, index: int | slice) -> Result | ResultSequence:
        if isinstance(index, slice):
            return ResultSequence(self._results[index], self.origin)
        return self._results[index]

    def _title(self) -> str:
        points = [", ".join(f"{k} = {v!r}" for k, v in r.parameters.items()) or f"N = {r.n_particles:,}" for r in self]
        return f"{counted(len(self), 'result')}{': ' if points else ''}{few(points, 3)}"

    def _lines(self) -> list[str]:
        o = self.origin
        made = f"{o.created} by cojump {o.version}" if o.created else ""
        names = [f"[{i}] N = {r.n_particles:,}" for i, r in enumerate(self)]
        keys = list(dict.fromkeys(key for r in self for key in r.parameters if key != "size"))[:3]
        rows = ([*(str(r.parameters.get(k, "")) for k in keys), f"{r.n_traj:,}", span(r.times)] for r in self)
        lines = facts(
            ("written", made), ("run file", counted(len(o.run_file.splitlines()), "line") if o.run_file else "")
        )
        lines += table(("result", *keys, "trajectories", "output times"), names, rows)
        return lines + more("[0], .select(size=...), .origin.run_file")

    def to_dataframe(self) -> Any:
        """All results as one pandas DataFrame, see :meth:`cojump.results.result.Result.to_dataframe`."""
        return dataframe(joined(columns_of(r, r.parameters) for r in self))

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write the table of ``to_dataframe`` as a new CSV file; StorageError if it exists or cannot be written."""
        write_csv(joined(columns_of(r, r.parameters) for r in self), path)

    def to_xarray(self) -> Any:
        """All results as one xarray Dataset along the axis ``point``, with the parameters as its coordinates."""
        return stacked([r.to_xarray() for r in self], [r.parameters for r in self])

    def select(self, **parameters: Any) -> ResultSequence:
        """Narrow to the results with these parameters, for instance ``select(size=200)``.

        Raises
        ------
        ArgumentError
            If no result has a parameter of that name, or none has that value.
        """
        chosen: Sequence[Result] = self._results
        for name, value in parameters.items():
            found = [r.parameters[name] for r in chosen if name in r.parameters]
            if not found:
                known = ", ".join(sorted({key for r in self for key in r.parameters})) or "(there are none)"
                raise ArgumentError(name, f"be a parameter of the results: {known}", "it is not")
            chosen = [r for r in chosen if name in r.parameters and r.parameters[name] == value]
            if not chosen:
                values = ", ".join(repr(v) for v in dict.fromkeys(map(_hashable, found)))
                raise ArgumentError(name, f"be one of {values}", f"it is {checks.shown(value)}")
        return ResultSequence(chosen, self.origin)


def _hashable(value: Any) -> Any:
    return value if isinstance(value, int | float | str) else repr(value)
