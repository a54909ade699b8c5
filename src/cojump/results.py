"""The result of an ensemble of trajectories."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .averages import Averages, Estimates, Extra, Layout, OrderParameters
from .counting import Activity, Counts, activity_of, counts_of
from .errors import ArgumentError
from .observables import Distribution, distribution_of, squeezing_of
from .windows import PREFIX, Stationary, row_of, stationary_of

Array = NDArray[np.float64]

__all__ = ["Estimates", "Extra", "Layout", "Result", "Theory"]


@dataclass(frozen=True, eq=False)
class Theory:
    """Fluctuation theory beside the trajectories, for N → ∞; see :mod:`cojump.fluctuations`.

    Attributes
    ----------
    covariance : (T, A, A) array
        lim of ``Result.covariance``.
    correction : (T, A) array
        δ = lim N (<m_a> - m̄_a).
    deviation : (T,) array
        lim N·E_N.
    order_correction : (T, P) array
        δ of the P order parameters, which are linear in the averages.
    """

    covariance: Array
    correction: Array
    deviation: Array
    order_correction: Array


_NEEDS = {
    "stationary": ("be averaged over a measurement window: give `burn_in` or `window`", "this run had neither"),
    "order": ("belong to a model with order parameters", "this one has none"),
    "observables": ("be asked for: give `observables`", "this run had none"),
    "distribution": ("be asked for: give `distributions`, output times", "this run had none"),
    "activity": ("be counted between two output times", "this run has one"),
    "spin": ("belong to a block of two levels", "this model has none"),
    "squeezing": ("belong to a block of two levels", "this model has none"),
}
"""What figures beside the averages come from, and what the lack of them says about a run."""


def _not_there(name: str, what: str, result: Result) -> ArgumentError:
    """Why a result has no figures of this name."""
    part, _, inner = name.partition("/")
    if part + "/" == PREFIX and any(n.startswith(PREFIX) for n in result.extras):  # the window is there
        part = inner
    rule, found = _NEEDS.get(part, ("be among what the run has measured", "it is not"))
    return ArgumentError(what, rule, found)


@dataclass(frozen=True, eq=False)
class Result(Averages):
    """An ensemble of trajectories, reduced. Averages are per block, (1/N_b) Σ_k; T times, A observables.

    Attributes
    ----------
    times, labels, n_particles, weights, reference, moments
        As for :class:`~cojump.averages.Averages`, with labels "block.x" and the weights of the orthonormal basis.
    trajectories : (keep, T, A) array
        <m_a> along the first ``keep`` trajectories.
    seed, tolerance
        As given to ``simulate``.
    n_jumps : int
        Jumps in all trajectories together.
    parameters : mapping
        What distinguishes this point of a sweep, from the run file.
    extras : mapping of str to Extra
        Further statistics by the name of their meter; the properties below read them.
    theory : Theory, optional
        What is expected at order 1/N; runs from a run file have it where the theory holds.
    theory_refusal : str
        Why there is none in a run from a run file.
    """

    trajectories: Array
    seed: int
    tolerance: float
    n_jumps: int
    parameters: Mapping[str, Any] = field(default_factory=dict)
    extras: Mapping[str, Extra] = field(default_factory=dict)
    theory: Theory | None = None
    theory_refusal: str = ""

    def _extra(self, name: str, what: str) -> Extra:
        if name not in self.extras:
            raise _not_there(name, what, self)
        return self.extras[name]

    def _averages(self, name: str, what: str) -> OrderParameters:
        e = self._extra(name, what)
        return OrderParameters(e.times, e.labels, self.n_particles, np.ones(len(e.labels)), e.reference, e.moments)

    @cached_property
    def order(self) -> OrderParameters:
        """Order parameters of the model (the overlaps of a Hopfield network) with their full covariance."""
        return self._averages("order", "order")

    def _stationary(self, name: str, what: str) -> Stationary:
        interval = self._extra(PREFIX + name, what).interval
        assert interval is not None
        return stationary_of(self._averages(PREFIX + name, what), interval)

    @cached_property
    def stationary(self) -> Stationary:
        """Averages of the blocks over the measurement window (``burn_in`` or ``window`` of the run)."""
        return self._stationary("averages", "stationary")

    @cached_property
    def stationary_order(self) -> Stationary:
        """Order parameters over the measurement window."""
        return self._stationary("order", "stationary_order")

    @cached_property
    def stationary_observables(self) -> Estimates:
        """Observables given to ``simulate`` over the measurement window; arrays of the shape (n,)."""
        return row_of(self._extra(f"{PREFIX}observables", "stationary_observables").estimates())

    @cached_property
    def counts(self) -> Counts:
        """Number of jumps of each channel, and of all, from t = 0 to the output times."""
        return counts_of(self._extra("counts", "counts"))

    @cached_property
    def activity(self) -> Activity:
        """Jumps per unit time and particle, and the Fano factor, in the measurement window (all times without one)."""
        return activity_of(self._extra("activity", "activity"), self.n_particles)

    @cached_property
    def observables(self) -> Estimates:
        """The observables given to ``simulate``."""
        return self._extra("observables", "observables").estimates()

    @cached_property
    def spin(self) -> Estimates:
        """Total spin J_b of each block of two levels, the sector of the trajectory."""
        return self._extra("spin", "spin").estimates()

    @cached_property
    def squeezing(self) -> Estimates:
        """Wineland's ξ² = N_b min_⊥ Var(m_⊥)/|<m>|² of each block of two levels; below 1 is squeezed."""
        blocks = {n.split("/", 1)[1]: e for n, e in self.extras.items() if n.startswith("squeezing/")}
        if not blocks:
            raise _not_there("squeezing", "squeezing", self)
        return squeezing_of(blocks)

    def distribution(self, block: str) -> Distribution:
        """Probability of each M = J_z of a block at the times asked for with ``distributions``."""
        return distribution_of(self._extra("distribution", "distribution"), block)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the result to an HDF5 file at ``path``; :func:`cojump.load` reads it back.

        Raises
        ------
        StorageError
            If the file exists already or cannot be written.
        """
        from .storage import save_results

        save_results(path, [self])
