"""Two-time functions and g²(τ) that are estimated from trajectories: each trajectory is one sample of all of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..measure.certainty import NOISE
from ..theory.two_time import Coincidences, Spectrum, TwoTime, ratio
from ..tools.numbers import format_value
from ..tools.summaries import counted, facts, more
from ..tools.types import Array, Complex

_FEWEST = 8.0
"""Effective trajectories below which the sample does not know its own spread."""


@dataclass(frozen=True, eq=False, repr=False)
class SampledSpectrum(Spectrum):
    """A :class:`~cojump.theory.two_time.Spectrum` with its error: each trajectory has been transformed by itself.

    Attributes
    ----------
    omegas, mean, damping, tail
        As there.
    stderr : (n,) complex array
        Standard errors of the real part of ``mean`` and, as imaginary part, of its imaginary part.
    uncertain : (n,) bool array
        Where the sample does not know them, see :attr:`SampledTwoTime.uncertain`.
    """

    stderr: Complex
    uncertain: NDArray[np.bool_]


@dataclass(frozen=True, eq=False, repr=False)
class SampledTwoTime(TwoTime):
    """A :class:`~cojump.theory.two_time.TwoTime` from trajectories.

    Attributes
    ----------
    taus, start, n_particles, mean, connected
        As there.
    n_traj, seed, tolerance
        As given.
    samples : (n_traj, 2T + 1) complex array
        Of each trajectory <A(s+τ) B(s)>, <A(s+τ)> and <B(s)>, of averages from which the mean field is subtracted.
    reference : (T + 1,) complex array
        The mean field of A(s+τ), and of B(s).
    """

    n_traj: int
    seed: int
    tolerance: float
    samples: Complex
    reference: Complex

    @property
    def stderr(self) -> Array:
        """(T,) standard error of ``mean``, of real and imaginary part together: the root of their sum of squares."""
        return np.abs(self.stderr_parts)

    @property
    def stderr_parts(self) -> Complex:
        """(T,) standard errors of the real part of ``mean`` and, as imaginary part, of its imaginary part."""
        x, a, b = self._parts
        far, near = self.reference[:-1], self.reference[-1]
        return error_of(x + near * a + b[:, None] * far)

    @property
    def connected_stderr(self) -> Array:
        """(T,) standard error of ``connected``, of real and imaginary part together."""
        return np.abs(self.connected_stderr_parts)

    @property
    def connected_stderr_parts(self) -> Complex:
        """(T,) those of its real part and, as imaginary part, of its imaginary part."""
        return self.n_particles * error_of(self._influences)

    @property
    def uncertain(self) -> NDArray[np.bool_]:
        """(T,) where fewer than 8 effective trajectories carry the spread of ``connected``: its error is not known.

        That is so, too, where no trajectory differs from another, except at t = 0: none may have jumped yet.
        """
        return _unknown(self._influences, self._size, (self.start or 0.0) + self.taus)

    def spectrum(self, omegas: ArrayLike, *, damping: float = 0.0) -> SampledSpectrum:
        """The half-sided Fourier transform of the connected function, with its error; see ``TwoTime.spectrum``."""
        checked, weights = self._transform(omegas, damping)
        influences = self._influences @ weights.T
        errors = self.n_particles * error_of(influences)
        doubts = _unknown(influences, np.abs(weights) @ self._size, np.inf)
        return SampledSpectrum(checked, weights @ self.connected, float(damping), self._tail(damping), errors, doubts)

    @property
    def _size(self) -> Array:
        """(T,) the largest of the values that are averaged, which says what of a spread may be rounding."""
        return np.abs(self._parts[0] + self.reference[-1] * self.reference[:-1]).max(axis=0)

    @property
    def _parts(self) -> tuple[Complex, Complex, Complex]:
        T = len(self.taus)
        return self.samples[:, :T], self.samples[:, T:-1], self.samples[:, -1]

    @property
    def _influences(self) -> Complex:
        """(n_traj, T) what each trajectory adds to the connected function, to first order, without their mean."""
        x, a, b = self._parts
        a, b = a - a.mean(axis=0), b - b.mean()
        # d(E[xy] - E[x]E[y]) with the means taken out
        shift = self._parts[1].mean(axis=0), self._parts[2].mean()
        made: Complex = x - x.mean(axis=0) - shift[1] * a - b[:, None] * shift[0]
        return made

    def _lines(self) -> list[str]:
        lines = facts(
            ("trajectories", f"{self.n_traj:,}, seed {self.seed}"),
            ("connected", self._shown(0) + " first, " + self._shown(-1) + " last, times N"),
        )
        return lines + more(".taus, .mean, .stderr, .connected, .connected_stderr, .uncertain, .spectrum(omegas)")

    def _shown(self, place: int) -> str:
        value, error = self.connected[place], self.connected_stderr_parts[place]
        return f"{format_value(value.real, error.real)} + i {format_value(value.imag, error.imag)}"


def two_time_of(
    taus: Array, start: float, n_particles: int, seed: int, tolerance: float, samples: Complex, reference: Complex
) -> SampledTwoTime:
    """The estimates of samples of averages from which ``reference`` is subtracted."""
    n, T = len(samples), len(taus)
    x, a, b = samples[:, :T].mean(axis=0), samples[:, T:-1].mean(axis=0), samples[:, -1].mean()
    far, near = reference[:-1], reference[-1]
    product = a * b
    if n > 1:  # the product of two means of one sample is off by their covariance
        product = (n * product - (samples[:, T:-1] * samples[:, -1:]).mean(axis=0)) / (n - 1)
    return SampledTwoTime(
        taus,
        start,
        n_particles,
        x + near * a + far * b + far * near,
        n_particles * (x - product),
        n,
        seed,
        tolerance,
        samples,
        reference,
    )


def joined(every: Sequence[SampledTwoTime]) -> SampledTwoTime:
    """One estimate of the samples of several, of the same function and of seeds of their own; it has the first seed."""
    first = every[0]
    parts = [_about(first.reference, one) for one in every]
    about = (first.taus, first.start or 0.0, first.n_particles, first.seed, first.tolerance)
    return two_time_of(*about, np.concatenate(parts), first.reference)


def _about(reference: Complex, found: SampledTwoTime) -> Complex:
    """Its samples with another mean field subtracted."""
    if np.array_equal(found.reference, reference):
        return found.samples
    x, a, b = found._parts
    far, near = np.split(found.reference - reference, [-1])
    return np.column_stack([x + near * a + far * b[:, None] + far * near, a + far, b + near])


@dataclass(frozen=True, eq=False, repr=False)
class SampledCoincidences(Coincidences):
    """:class:`~cojump.theory.two_time.Coincidences` from trajectories.

    Attributes
    ----------
    taus, start, mean, intensity, later
        As there.
    n_traj, seed, tolerance
        As given.
    samples : (n_traj, 2T + 1) array
        Of each trajectory <c†(s) c†(s+τ) c(s+τ) c(s)>, <c†c>(s+τ) and <c†c>(s).
    """

    n_traj: int
    seed: int
    tolerance: float
    samples: Array

    @property
    def stderr(self) -> Array:
        """(T,) standard error of ``mean``: of a quotient of means, by the delta method."""
        return error_of(self._influences)

    @property
    def uncertain(self) -> NDArray[np.bool_]:
        """(T,) where fewer than 8 effective trajectories carry the spread of ``mean``; see ``SampledTwoTime``."""
        influences = self._influences
        return _unknown(influences - influences.mean(axis=0), np.abs(self.mean), (self.start or 0.0) + self.taus)

    @property
    def _influences(self) -> Array:
        """(n_traj, T) what each trajectory adds to the quotient, to first order."""
        T = len(self.taus)
        x, a, b = self.samples[:, :T], self.samples[:, T:-1], self.samples[:, -1:]
        with np.errstate(divide="ignore", invalid="ignore"):
            made: Array = x / (self.intensity * self.later) - self.mean * (a / self.later + b / self.intensity)
        return made

    def _lines(self) -> list[str]:
        lines = facts(
            ("trajectories", f"{self.n_traj:,}, seed {self.seed}"),
            ("g²", f"{format_value(self.mean[0], self.stderr[0])} first"),
        )
        return lines + more(".taus, .mean, .stderr, .uncertain, .intensity, .later")

    def _title(self) -> str:
        return f"{super()._title()} ({counted(self.n_traj, 'trajectory')})"


def coincidences_of(taus: Array, start: float, seed: int, tolerance: float, samples: Array) -> SampledCoincidences:
    """The estimates of samples."""
    T = len(taus)
    means = samples.mean(axis=0)
    later, intensity = means[T:-1], float(means[-1])
    g2 = ratio(means[:T], intensity, later)
    return SampledCoincidences(taus, start, g2, intensity, later, len(samples), seed, tolerance, samples)


def joined_coincidences(every: Sequence[SampledCoincidences]) -> SampledCoincidences:
    """As :func:`joined`."""
    first = every[0]
    samples = np.concatenate([one.samples for one in every])
    return coincidences_of(first.taus, first.start or 0.0, first.seed, first.tolerance, samples)


def _unknown(influences: NDArray[Any], size: Array, times: Array | float) -> NDArray[np.bool_]:
    """(T,) where a sample does not know the error of what it has added up, from deviations (n, T) from the mean.

    ``size`` (T,) is that of the values; at the time 0 a spread of zero is one.
    """
    if len(influences) < 2:
        return np.ones(influences.shape[1], dtype=bool)
    squares = np.abs(influences) ** 2
    few = ~(squares.sum(axis=0) ** 2 >= _FEWEST * (squares**2).sum(axis=0))
    none = np.sqrt(squares.mean(axis=0)) <= NOISE * size
    return np.where(none, np.greater(times, 0), few)


def error_of(samples: NDArray[Any]) -> NDArray[Any]:
    """Standard errors of the mean over the first axis, of complex numbers those of both parts; NaN of a single one."""
    n = len(samples)
    if n < 2:
        return np.full(samples.shape[1:], complex(np.nan, np.nan) if np.iscomplexobj(samples) else np.nan)
    if np.iscomplexobj(samples):
        made: NDArray[Any] = error_of(samples.real) + 1j * error_of(samples.imag)
        return made
    return np.asarray(samples.std(axis=0, ddof=1) / np.sqrt(n))
