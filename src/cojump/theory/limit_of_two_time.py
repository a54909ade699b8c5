"""The limit of two-time functions: fluctuations at s, carried on by the mean-field flow around which they are small.

With K_α(τ) = lim N (<m_α(s+τ) B(s)> - <m_α(s+τ)> <B(s)>), G = ∂f/∂m and the covariance C of two averages,

    K_α(0) = C_αB(s) + ½ <[v_α, B]>,        dK/dτ = G(s+τ) K,

the commutator of one particle: that of two averages, normalised by N, is 1/N times its average. B need not be
Hermitian: all of it is linear in B.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import expm

from ..model.collective_average import CollectiveAverage
from ..model.driven import Drive, later
from ..tools import checks
from ..tools.matrices import commutator
from ..tools.ode import integrate
from ..tools.types import Array, Complex
from .driven_flow import integrate_driven
from .expansion import Expansion
from .two_time import Spectrum, TwoTime, check_omegas


def limit_of_two_time(
    m: Array, C: Array, taus: Array, a: CollectiveAverage, b: CollectiveAverage, start: float, options: dict[str, Any]
) -> TwoTime:
    """<A(s+τ) B(s)> for N → ∞.

    Parameters
    ----------
    m, C : arrays
        Mean field (n,) and covariance (n, n) at s, in the coordinates of the expansion.
    taus, a, b, start
        Of the model of the averages.
    options : dict
        Of the integrator.
    """
    model = a.model
    going_on = later(model, start)
    drive = Drive(going_on, float(taus[-1])) if going_on.is_driven and taus[-1] > 0 else None
    expansions = [Expansion(model)] if drive is None else [Expansion(part.model) for part in drive.parts]
    expansion, n = expansions[0], len(m)
    to_a, to_b = functional_of(expansion, a), functional_of(expansion, b)
    K = C @ to_b + commutators(expansion, m, b)

    def derivative(expansion: Expansion, y: Array) -> Array:
        here, both = y[:n], y[n:].reshape(n, 2)
        return np.concatenate([expansion.flow(here), (expansion.jacobian(here) @ both).ravel()])

    begin = np.concatenate([m, np.stack([K.real, K.imag], axis=1).ravel()])
    if drive is None:
        path = integrate(lambda _t, y: derivative(expansion, y), begin, taus, unit_rate=model.unit_rate, **options)
    else:
        flows = [partial(derivative, one) for one in expansions]
        path = integrate_driven(drive, flows, begin, taus, **options)
    pairs = path[:, n:].reshape(len(taus), n, 2)
    connected = (pairs[:, :, 0] + 1j * pairs[:, :, 1]) @ to_a
    return TwoTime(taus, start, model.size, connected, connected)


@dataclass(frozen=True, eq=False, repr=False)
class StationaryTwoTime(TwoTime):
    """A :class:`~cojump.theory.two_time.TwoTime` around a fixed point, at rest: Σ of decaying exponentials."""

    _generator: Array
    _first: Complex
    _seen: Complex

    def spectrum(self, omegas: ArrayLike, *, damping: float = 0.0) -> Spectrum:
        """∫ e^{iωτ - γτ} c(τ) dτ up to τ → ∞, (γ - iω - G)⁻¹; the taus do not matter."""
        checked = check_omegas(omegas)
        damping = checks.number("damping", damping, 0)
        one = np.eye(len(self._generator))
        values = [
            self._seen @ np.linalg.solve((damping - 1j * w) * one - self._generator, self._first) for w in checked
        ]
        return Spectrum(checked, np.array(values), damping, 0.0)


def stationary_two_time(
    expansion: Expansion, m: Array, C: Array, taus: Array, a: CollectiveAverage, b: CollectiveAverage
) -> StationaryTwoTime:
    """The same around a fixed point ``m`` with the covariance ``C``."""
    Q = expansion.traceless
    G = Q.T @ expansion.jacobian(m) @ Q
    to_a, to_b = functional_of(expansion, a), functional_of(expansion, b)
    first = Q.T @ (C @ to_b + commutators(expansion, m, b))
    seen = to_a @ Q
    connected = np.array([seen @ (expm(G * tau) @ first) for tau in taus])
    return StationaryTwoTime(taus, None, expansion.model.size, connected, connected, G, first, seen)


def functional_of(expansion: Expansion, average: CollectiveAverage) -> Complex:
    """(n,) coefficients of an average in the coordinates of an expansion."""
    model = expansion.model
    total = expansion.functional(_matrix(expansion, average))
    for mode, (c_x, c_y) in average.modes.items():
        place = expansion.modes[mode]
        total[place.x], total[place.y] = c_x, c_y
    assert len(total) == len(expansion.basis) + 2 * len(model.modes)
    return total


def commutators(expansion: Expansion, m: Array, average: CollectiveAverage) -> Complex:
    """(n,) lim N ½ <[m_α, B]>; of x and y of a mode [x, y] = i/(2N)."""
    whole = expansion.weighted_density(m)
    found = 0.5 * np.einsum("ij,aji->a", whole, commutator(expansion.basis, _matrix(expansion, average)))
    total = np.zeros(len(m), dtype=np.complex128)
    total[: len(found)] = found
    for mode, (c_x, c_y) in average.modes.items():
        place = expansion.modes[mode]
        total[place.x], total[place.y] = 0.25j * c_y, -0.25j * c_x
    return total


def _matrix(expansion: Expansion, average: CollectiveAverage) -> Complex:
    """The block-diagonal matrix of the particles, in units of the average over all of them."""
    model = expansion.model
    total = np.zeros(expansion.basis.shape[1:], dtype=np.complex128)
    for b, x in average.blocks.items():
        total += expansion.embedded(b, x) * (model.size / model.blocks[b].size)
    return total
