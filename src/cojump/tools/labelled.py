"""Results by label: ``result["spins.z"]`` is one average with its error."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from . import checks


@dataclass(frozen=True, eq=False)
class Average:
    """One average of a result; it unpacks as ``mean, stderr``.

    Attributes
    ----------
    label : str
    mean : (T,) array, or () where there are no times
    stderr : array of the same shape
        Standard error; zero where the result is exact or a mean field.
    uncertain : boolean array of the same shape, or None
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
        return (self.mean, self.stderr)[place]


class HasLabels(Protocol):
    """What has averages by label, in the last axis of ``mean``."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the averages."""

    @property
    def mean(self) -> NDArray[np.float64]:
        """(.., A) averages."""


class Labelled:
    """Gives an object with ``labels`` and ``mean`` an index by label."""

    def __getitem__(self: HasLabels, label: str) -> Average:
        """One average by its label, such as "spins.z".

        Raises
        ------
        ArgumentError
            If there is no average of that label; the message lists those there are.
        """
        place = checks.place(label, self.labels)
        mean = np.asarray(self.mean)[..., place]
        errors = getattr(self, "mean_stderr", getattr(self, "stderr", None))
        stderr = np.zeros_like(mean) if errors is None else np.asarray(errors)[..., place]
        flags = getattr(self, "uncertain", None)
        return Average(label, mean, stderr, None if flags is None else np.asarray(flags)[..., place])
