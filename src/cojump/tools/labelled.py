"""Results by label: ``result["spins.z"]`` is one average with its error."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from . import checks
from .numbers import format_number, format_value
from .summaries import Summarised, counted, table
from .types import Array


@dataclass(frozen=True, eq=False, repr=False)
class Average(Summarised):
    """One average of a result; it unpacks as ``mean, stderr``.

    Attributes
    ----------
    label : str
    mean : (T,) array, or a number where there are no times
    stderr : of the same shape
        Standard error; zero where the result is exact or a mean field.
    uncertain : of the same shape, or None
        Where the sample cannot know that error; None where nothing is sampled or it was not stored.
    """

    label: str
    mean: NDArray[np.float64]
    stderr: NDArray[np.float64]
    uncertain: NDArray[np.bool_] | None = None

    def __iter__(self) -> Iterator[NDArray[np.float64]]:
        """``mean``, ``stderr``."""
        return iter((self.mean, self.stderr))

    def __getitem__(self, place: int) -> NDArray[np.float64]:
        """``mean`` at 0, ``stderr`` at 1."""
        return tuple(self)[place]

    def _title(self) -> str:
        mean, stderr = np.atleast_1d(self.mean), np.atleast_1d(self.stderr)
        if not mean.size:
            return f"{self.label}: no value"
        doubt = self.uncertain is not None and bool(np.atleast_1d(self.uncertain)[-1])
        last = format_value(mean[-1], stderr[-1], doubt) if stderr.any() else format_number(mean[-1])
        if not np.ndim(self.mean):
            return f"{self.label} = {last}"
        return f"{self.label}: {counted(mean.size, 'value')}, the last {last}"


class HasLabels(Protocol):
    """What has averages by label, in the last axis of ``mean``."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the averages."""

    @property
    def mean(self) -> NDArray[np.float64]:
        """(.., A) averages."""


class Labelled(Summarised):
    """Gives an object with ``labels`` and ``mean`` an index by label.

    Errors are ``stderr`` beside ``mean`` or, where there are several figures, ``x_stderr`` beside ``x``; in both cases
    ``mean_stderr`` is the error of the mean, and ``.stderr`` of what the index gives.
    """

    def __getitem__(self: HasLabels, label: str) -> Average:
        """One average by its label, such as "spins.z".

        Raises
        ------
        ArgumentError
            If there is no average of that label; the message lists those there are.
        """
        place = checks.place(label, self.labels)
        flags = getattr(self, "uncertain", None)
        return Average(
            label,
            np.asarray(self.mean)[..., place][()],
            errors_of(self)[..., place][()],
            None if flags is None else np.asarray(flags)[..., place][()],
        )

    def to_dataframe(self) -> Any:
        """The averages as a pandas DataFrame in long form: a line for each time and label.

        Columns: the parameters of the point of a sweep, time, label, mean, stderr where something is sampled,
        mean_field where it is known, uncertain (errors that the sample cannot know).

        Raises
        ------
        UnsupportedError
            If pandas is not installed (``pip install 'cojump[data]'``).
        """
        from .export import columns_of, dataframe

        return dataframe(columns_of(self, getattr(self, "parameters", None)))

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write the table of ``to_dataframe`` as a new CSV file; it needs no pandas.

        Raises
        ------
        StorageError
            If the file exists already or cannot be written.
        """
        from .export import columns_of, write_csv

        write_csv(columns_of(self, getattr(self, "parameters", None)), path)

    def to_xarray(self) -> Any:
        """The averages, covariances and E_N with their errors as an xarray Dataset; ``.to_netcdf`` writes a file of it.

        Axes: time, label, partner (the second label of a covariance), trajectory (kept series).

        Raises
        ------
        UnsupportedError
            If xarray is not installed (``pip install 'cojump[data]'``).
        """
        from .export import dataset

        facts = [name for name in ("n_particles", "n_traj", "seed", "tolerance") if hasattr(self, name)]
        return dataset(self, getattr(self, "parameters", None), facts)

    @property
    def is_sampled(self) -> bool:
        """Whether the averages have statistical errors."""
        return type(self).mean_stderr is not Labelled.mean_stderr or hasattr(self, "stderr")

    @property
    def mean_stderr(self: HasLabels) -> Array:
        """Standard errors of ``mean``, of its shape; zero where nothing is sampled."""
        errors = getattr(self, "stderr", None)
        return np.zeros_like(self.mean) if errors is None else np.asarray(errors)


def errors_of(figures: Any) -> Array:
    """Standard errors of the averages of anything labelled."""
    return np.asarray(figures.mean_stderr)


def last_averages(figures: Any, heading: str) -> list[str]:
    """Averages, those at the last time if there are times, in a table; their errors where there are any."""
    mean = np.asarray(figures.mean)
    if mean.ndim > 1 and not len(mean):
        return []
    flags = getattr(figures, "uncertain", None) if figures.is_sampled else None
    errors = errors_of(figures) if figures.is_sampled else None
    if mean.ndim > 1:
        mean, errors = mean[-1], None if errors is None else errors[-1]
        flags = None if flags is None else flags[-1]

    def row(a: int) -> tuple[str]:
        if errors is None:
            return (format_number(mean[a]),)
        return (format_value(mean[a], errors[a], flags is not None and bool(flags[a])),)

    title = "value" if errors is None else "value ± error"
    return table((heading, title), figures.labels, (row(a) for a in range(len(mean))))
