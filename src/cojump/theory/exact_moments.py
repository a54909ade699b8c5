"""Exact first and second moments of averages, as the master equation and the steady state give them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..errors import ArgumentError
from ..model import Model
from ..tools.labelled import Labelled, last_averages
from ..tools.matrices import from_pairs
from ..tools.numbers import format_number
from ..tools.summaries import few, more, span, table
from ..tools.types import Array


@dataclass(frozen=True, eq=False, repr=False)
class ExactMoments(Labelled):
    """Exact first and second moments of n averages at T times.

    Attributes
    ----------
    times : (T,) array
    labels : tuple of n strings
    n_particles : int
        N, all particles.
    mean : (T, n) array
    second : (T, n, n) array
        <½{m_a, m_b}>.
    """

    times: Array
    labels: tuple[str, ...]
    n_particles: int
    mean: Array
    second: Array

    def _title(self) -> str:
        return f"Exact moments of {few(self.labels)}: N = {self.n_particles:,}, {span(self.times)}"

    def _lines(self) -> list[str]:
        return moments_at_end(
            self.labels, self.n_particles, f"at t = {self.times[-1]:g}", self.mean[-1], self.second[-1]
        ) + more(f'["{self.labels[0]}"].mean, .mean, .second, .covariance')

    @cached_property
    def covariance(self) -> Array:
        """(T, n, n) N (<½{m_a, m_b}> - <m_a><m_b>)."""
        return self.n_particles * (self.second - self.mean[:, :, None] * self.mean[:, None, :])


@dataclass(frozen=True, eq=False, repr=False)
class Photons(Labelled):
    """<a†a>/N of each mode, N all particles.

    Attributes
    ----------
    times : (T,) array
    labels : tuple of M strings
        Names of the modes.
    mean : (T, M) array, or (M,) where there are no times
    """

    times: Array
    labels: tuple[str, ...]
    mean: Array

    def _title(self) -> str:
        return f"Photons per particle of {few(self.labels)}"

    def _lines(self) -> list[str]:
        return last_averages(self, "<a†a>/N") + more(f'["{self.labels[0]}"].mean, .mean')


def photons_of(model: Model, times: Array, mean: Array) -> Photons:
    """The photons of the modes of a model; ArgumentError if it has none."""
    if not model.modes:
        raise ArgumentError("model", "have modes", "it has none")
    return Photons(times, model.mode_names, mean)


def moments_at_end(labels: tuple[str, ...], n_particles: int, heading: str, mean: Array, second: Array) -> list[str]:
    """A table of averages (n,) and of what their second moments (n, n) say of their variances."""
    variance = n_particles * (np.diagonal(second) - mean**2)
    rows = ((format_number(m), format_number(v)) for m, v in zip(mean, variance, strict=True))
    return table((heading, "value", "N·variance"), labels, rows)


def order_parameters_of(moments: ExactMoments, model: Model) -> ExactMoments:
    """Exact moments of the order parameters of a model from those of its averages."""
    if not model.order_parameters:
        raise ArgumentError("model", "have order parameters", "it has none")
    maps = [model.linear(name, x) for name, x in model.order_parameters.items()]
    c, W = np.array([constant for constant, _ in maps]), np.array([weights for _, weights in maps])
    linear = moments.mean @ W.T
    cross = linear[:, :, None] * c
    second = W @ moments.second @ W.T + cross + cross.transpose(0, 2, 1) + np.outer(c, c)
    return ExactMoments(moments.times, tuple(model.order_parameters), moments.n_particles, linear + c, second)


def moments_of(found: Array, A: int, M: int) -> tuple[Array, Array, Array, Array]:
    """Split what the generator's reader gives, (T, A + Q + S + M), into <m_a>, <½{m_a, m_b}>, weights of sectors and
    <a†a>/N of M modes.
    """
    mean, pairs, weights, photons = np.split(found, [A, A + A * (A + 1) // 2, found.shape[1] - M], axis=1)
    return mean, from_pairs(pairs, A), weights, photons
