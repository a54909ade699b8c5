"""The mean-field flow, (21): one density matrix per block, products of averages factorised.

dr_b/dt = -i[H_b(r), r_b] + Σ_l Γ_l²(Δ̄_l) D[j_l](r_b), Δ̄_l = Σ_b <x_{l,b}>_b, for any number of blocks and levels. A
mode is a number, dα/dt = -(iω + κ/2) α - iη - i Σ_b (N_b/N) <y_b>_b, and adds α* y_b + α y_b† to H_b. Jumps a† j (a j)
of particles with a quantum have the rate |α|² and add (subtract) ½ Σ_b (N_b/N) <j†j>_b α.
Sees the model only, so that it stays independent of the trajectories it judges.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import ArgumentError
from ..model import LocalJump, ModeJump, Model, TwoBody
from ..model.collective_average import average_of
from ..model.driven import Drive, refuse_driven
from ..model.final_states import Final
from ..model.jumps import RatedJump
from ..model.mixtures import Mixture, starts_of
from ..model.spin_squeezing import Squeezing, squeezing_from
from ..model.states import ProductBlock, State, check_start
from ..tools.checks import check_times
from ..tools.labelled import Labelled, last_averages
from ..tools.ode import MANY_PERIODS, exponential, integrate
from ..tools.summaries import counted, facts, few, more, span
from ..tools.types import Array
from .driven_flow import integrate_driven
from .exact_moments import Photons, photons_of
from .packed_flow import PackedFlow, is_packed
from .rate_derivatives import PotentialSlopes
from .two_time import TwoTime, check_span, check_taus

if TYPE_CHECKING:
    from .fluctuations import Fluctuations

Densities = list[NDArray[np.complex128]]
Amplitudes = NDArray[np.complex128]

NO_MODES: Amplitudes = np.zeros(0, dtype=complex)


@dataclass(frozen=True, eq=False, repr=False)
class MeanField(Labelled):
    """The mean-field evolution.

    Attributes
    ----------
    times : (T,) array
    labels : tuple of A strings "block.x"
    mean : (T, A) array
        Averages per block, as in the results of trajectories.
    densities : list of (T, d_b, d_b) arrays
        Density matrix of one particle of each block.
    model, state
        What was integrated.
    amplitudes : (T, M) complex array
        α = <a>/√N of each mode.
    """

    times: Array
    labels: tuple[str, ...]
    mean: Array
    densities: list[NDArray[np.complex128]]
    model: Model
    state: State
    amplitudes: NDArray[np.complex128]

    def _title(self) -> str:
        return f"Mean field: {span(self.times)}, {counted(len(self.labels), 'average')}"

    def _lines(self) -> list[str]:
        lines = facts(("averages", few(self.labels)))
        lines += last_averages(self, f"at t = {self.times[-1]:g}")
        return lines + more(f'["{self.labels[0]}"].mean, .mean, .densities; at order 1/N .covariance, .correction')

    @cached_property
    def _fluctuations(self) -> Fluctuations:
        from .fluctuations import fluctuations

        return fluctuations(self.model, self.state, self.times)

    @property
    def covariance(self) -> Array:
        """(T, A, A) C(t) = lim N (<½{m_a, m_b}> - <m_a><m_b>), see :mod:`cojump.fluctuations`.

        Computed when first asked for; raises ArgumentError unless the start is a product state, UnsupportedError if a
        rate function is not smooth where mean field passes.
        """
        return self._fluctuations.covariance

    @property
    def correction(self) -> Array:
        """(T, A) δ(t) = lim N (<m_a> - m_a), so that ``mean + correction / N`` is exact to O(1/N²).

        Computed and refused as ``covariance``.
        """
        return self._fluctuations.correction

    @property
    def photons(self) -> Photons:
        """|α|² of each mode by its name, the limit of <a†a>/N; ArgumentError if there is none."""
        return photons_of(self.model, self.times, np.abs(self.amplitudes) ** 2)

    @property
    def deviation(self) -> Array:
        """(T,) lim N·E_N(t), the trace of C in the paper's orthonormal basis. Refused as ``covariance``."""
        return self._fluctuations.deviation

    def squeezing(self, sums: Mapping[str, Mapping[str, float]] | None = None, *, kind: str = "wineland") -> Squeezing:
        """Spin squeezing ξ² of each block of two levels, or of weighted sums of blocks; below 1 is squeezed.

        Parameters
        ----------
        sums : mapping of str to {block: weight}, optional
            Sums S = Σ_b w_b S_b of the spins of blocks, by label; each block by itself if it is not given.
        kind : str
            "wineland", or "kitagawa_ueda": see :mod:`cojump.model.spin_squeezing`.

        Returns
        -------
        Squeezing
            ``mean`` (T, n): the limit for N → ∞, from the covariance C(t).

        Raises
        ------
        ArgumentError
            If a block has not two levels, or an argument breaks a rule.
            Refused as ``covariance`` besides.
        """
        return squeezing_from(self.model, self.mean, self.covariance, sums, kind)

    def two_time(
        self, taus: ArrayLike, a: str | Mapping[str, ArrayLike], b: str | Mapping[str, ArrayLike], *, start: float = 0.0
    ) -> TwoTime:
        """The limit of N (<A(s+τ) B(s)> - <A(s+τ)> <B(s)>) of two averages for N → ∞.

        It is ``mean``, and ``connected`` as well; see :mod:`cojump.theory.limit_of_two_time`. <A(s+τ) B(s)> itself
        tends to the product of the two mean fields. Refused as ``covariance``.

        Parameters
        ----------
        taus : (T,) array
            Times τ, increasing, taus[0] ≥ 0.
        a, b : str, or mapping of str to (d_b, d_b) array
            A = Σ_b (1/N_b) Σ_{k in b} a_b^(k), and B; the matrices need not be Hermitian. A mode adds c_x x + c_y y,
            written "cavity": (c_x, c_y). A text is the label of an average, "spins.z".
        start : float
            s; the state of this mean field goes there from t = 0.

        Returns
        -------
        TwoTime

        Examples
        --------
        >>> model = cj.systems.boundary_time_crystal(size=20, omega=0.4, kappa=1.0)
        >>> mf = cj.mean_field(model, cj.tilted(model, theta=1.1, phi=0.4), [0, 2])
        >>> z = {"spins": cj.operators.sigma_z}
        >>> print(mf.two_time([0, 0.5, 1], z, z, start=2.0).connected.round(4))
        [ 0.2905+0.j     -0.0197-0.1078j -0.1538-0.1412j]
        """
        from .fluctuation_path import OPTIONS, coordinates_at
        from .limit_of_two_time import limit_of_two_time

        checked = check_taus(taus)
        first, second = average_of(self.model, "a", a), average_of(self.model, "b", b)
        begun = check_span(start, checked)
        m, C = coordinates_at(first.model, self.state, begun)
        return limit_of_two_time(m, C, checked, first, second, begun, OPTIONS)


class Flow:
    """The right-hand side dr/dt of the mean-field equations of a model.

    Calling it with the list of (d_b, d_b) density matrices, and α of each mode, gives the list of their time
    derivatives; ``modes`` gives those of the amplitudes.
    """

    def __init__(self, model: Model) -> None:
        refuse_driven(model, "A mean-field flow without a time is that")
        self.model = model
        self._shares = [b.size / model.size for b in model.blocks]
        self._one: Densities = [np.zeros((b.levels, b.levels), dtype=complex) for b in model.blocks]
        self._two: list[tuple[int, int, TwoBody]] = []
        for one in model.one_body:
            self._one[model.block_index(one.block)] += one.eps
        for two in model.two_body:
            b, c = (model.block_index(name) for name in two.blocks)
            self._two.append((b, c, two))
        self._potentials = [
            (
                PotentialSlopes(term, f"hamiltonian[{i}]"),
                [(model.block_index(name), x) for name, x in term.argument.items()],
            )
            for i, term in model.potentials.items()
        ]
        self._local = [_LocalTerm(model, jump) for jump in model.local_jumps.values()]
        self._collective = [
            (jump.rate, {model.block_index(name): y for name, y in jump.matrices.items()}, _Rate(model, jump))
            for jump in model.collective_jumps.values()
        ]
        self._couplings = [
            (model.mode_index(term.mode), {model.block_index(name): y for name, y in term.matrices.items()})
            for term in model.mode_couplings
        ]
        self._mode_jumps = [
            (_LocalTerm(model, jump), model.mode_index(jump.mode), 0.5 if jump.emits else -0.5)
            for jump in model.mode_jumps.values()
        ]
        jumps = [*((term, None) for term in self._local), *((jump, mode) for jump, mode, _ in self._mode_jumps)]
        self._jumps = [
            _Jumps([one for one in jumps if one[0].block == b], block.levels) for b, block in enumerate(model.blocks)
        ]
        self._one = [(h + h.conj().T) / 2 for h in self._one]
        self._alone = not (self._two or self._potentials or self._collective or self._couplings)
        M = len(model.modes)
        self._poles, self._drives = np.zeros(M, dtype=complex), np.zeros(M, dtype=complex)
        for energy in model.mode_energies:
            self._poles[model.mode_index(energy.mode)] += 1j * energy.omega
        for loss in model.mode_losses.values():
            self._poles[model.mode_index(loss.mode)] += loss.kappa / 2
        for drive in model.mode_drives:
            self._drives[model.mode_index(drive.mode)] += drive.eta

    def hamiltonians(self, r: Densities, amplitudes: Amplitudes = NO_MODES) -> Densities:
        """H_b(r, α): the one-particle Hamiltonian of each block in the field of all others and of the modes."""
        if self._alone:
            return self._one
        fields: Densities = [h.copy() for h in self._one]
        for b, c, term in self._two:
            g, A, B = term.strength, term.first, term.second
            fields[b] += g * self._shares[c] * (_to_trace(B) @ r[c].ravel()) * A
            fields[c] += g * self._shares[b] * (_to_trace(A) @ r[b].ravel()) * B
        for potential, arguments in self._potentials:
            # one particle changes N φ(Δ) by (N/N_b) φ' times its own x
            slope = potential.slope(sum(float(np.trace(x @ r[b]).real) for b, x in arguments))
            for b, x in arguments:
                fields[b] += slope / self._shares[b] * x
        for strength, matrices, gamma in self._collective:
            # A collective jump acts on one particle like the field (iκ/2)(ȳ* y - ȳ y†), ȳ the average over all.
            # What its Γ does to one particle through Δ cancels between J†[., J] and [J†, .]J.
            rate = strength * gamma(r)
            average = sum(self._shares[b] * np.trace(y @ r[b]) for b, y in matrices.items())
            for b, y in matrices.items():
                fields[b] += 0.5j * rate * (np.conj(average) * y - average * y.conj().T)
        for mode, matrices in self._couplings:
            for b, y in matrices.items():
                fields[b] += np.conj(amplitudes[mode]) * y + amplitudes[mode] * y.conj().T
        return [(h + h.conj().T) / 2 for h in fields]

    def modes(self, r: Densities, amplitudes: Amplitudes) -> Amplitudes:
        """(M,) dα/dt = -(iω + κ/2) α - iη - i Σ_b (N_b/N) <y_b>_b."""
        if not len(self._poles):
            return NO_MODES
        change = -self._poles * amplitudes - 1j * self._drives
        for mode, matrices in self._couplings:
            change[mode] -= 1j * sum(self._shares[b] * np.trace(y @ r[b]) for b, y in matrices.items())
        for jump, mode, gain in self._mode_jumps:
            rate = jump.rate(r) * self._shares[jump.block] * np.trace(jump.square @ r[jump.block])
            change[mode] += gain * rate * amplitudes[mode]
        return change

    def __call__(self, r: Densities, amplitudes: Amplitudes = NO_MODES) -> Densities:
        """Time derivatives of the density matrices ``r``."""
        change = []
        for h, rho, jumps in zip(self.hamiltonians(r, amplitudes), r, self._jumps, strict=True):
            # -iH - ½ Σ_l Γ_l² j†j acts from the left, and its adjoint from the right
            rates = jumps.rates(r, amplitudes)
            effective = -1j * h - jumps.decay(rates)
            change.append(effective @ rho + rho @ effective.conj().T + jumps.gain(rates, rho))
        return change


class _Jumps:
    """All jumps of one particle of a block side by side, for the products of small matrices cost their calls."""

    def __init__(self, terms: list[tuple[_LocalTerm, int | None]], levels: int) -> None:
        self._terms = terms
        self._j = np.array([term.j for term, _ in terms], dtype=complex).reshape(-1, levels)
        self._daggers = np.array([term.j_dagger for term, _ in terms], dtype=complex).reshape(-1, levels, levels)
        self._halves = 0.5 * np.array([term.square for term, _ in terms], dtype=complex).reshape(-1, levels**2)
        self._shape = levels, levels

    def rates(self, r: Densities, amplitudes: Amplitudes) -> Array:
        """(n,) Γ², of a jump that takes a quantum along or leaves one |α|² Γ²."""
        found = [t.rate(r) if mode is None else abs(amplitudes[mode]) ** 2 * t.rate(r) for t, mode in self._terms]
        return np.array(found)

    def decay(self, rates: Array) -> NDArray[np.complex128]:
        """(d, d) ½ Σ_l Γ_l² j†j."""
        made: NDArray[np.complex128] = np.dot(rates, self._halves).reshape(self._shape)
        return made

    def gain(self, rates: Array, rho: NDArray[np.complex128]) -> NDArray[np.complex128]:
        """(d, d) Σ_l Γ_l² j ρ j†."""
        moved = (self._j @ rho).reshape(self._daggers.shape) @ self._daggers
        made: NDArray[np.complex128] = np.dot(rates, moved.reshape(self._halves.shape)).reshape(self._shape)
        return made


class _LocalTerm:
    """What D[j] of one particle of a block is made of, and its rate Γ²."""

    def __init__(self, model: Model, jump: LocalJump | ModeJump) -> None:
        self.block = model.block_index(jump.block)
        self.rate = _Rate(model, jump)
        self.j = jump.matrix
        self.j_dagger = jump.matrix.conj().T
        self.square = self.j_dagger @ self.j


def _to_trace(x: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """The vector whose product with the elements of r, row by row, is tr(x r)."""
    return np.ascontiguousarray(x.T).ravel()


class _Rate:
    """Γ²(Δ̄) of a jump."""

    def __init__(self, model: Model, jump: RatedJump) -> None:
        self._jump = jump
        self._averages = [
            ([(model.block_index(name), _to_trace(x)) for name, x in argument.items()], *reach)
            for argument, reach in zip(jump.arguments, jump.reaches, strict=True)
        ]

    def __call__(self, r: Densities) -> float:
        """The integrator's rounding must not carry an average out of its spectrum."""
        if not self._averages:
            return 1.0
        point = [
            min(max(sum(float((x @ r[b].ravel()).real) for b, x in matrices), lowest), highest)
            for matrices, lowest, highest in self._averages
        ]
        at = np.array(point)
        return float(self._jump.gamma(at if len(at) == 1 else at[:, None])[0] ** 2)


def mean_field(model: Model, state: State, times: ArrayLike) -> MeanField:
    """Integrate the mean-field equations (21) from the one-particle density matrices of ``state``.

    Parameters
    ----------
    model : Model
    state : State
        The state at t = 0; only its one-particle density matrices enter.
    times : (T,) array
        Increasing, times[0] ≥ 0.

    Returns
    -------
    MeanField

    Raises
    ------
    ArgumentError
        If the times or the state do not fit.
    ConvergenceError
        If the integrator fails.

    Examples
    --------
    >>> model = cj.systems.free_flips(size=100, omega=0.0, rate_up=0.0, rate_down=1.0)
    >>> mf = cj.mean_field(model, cj.tilted(model, np.pi / 2, 0), [0, 1, 2])
    >>> print(mf["spins.z"].mean.round(6), (np.exp(-mf.times) - 1).round(6))
    [ 0.       -0.632121 -0.864665] [ 0.       -0.632121 -0.864665]
    >>> print(mf.covariance[:, 2, 2].round(6))  # independent spins: 1 - m_z²
    [1.       0.600424 0.252355]
    """
    checked = check_times(times)
    check_start(model, state)
    return _beside(model, state, checked, _solve(model, state, checked))


class Solution(NamedTuple):
    """The numbers of a mean field, as :class:`MeanField` has them: what one process sends to another."""

    mean: Array
    densities: list[NDArray[np.complex128]]
    amplitudes: Amplitudes


def _beside(model: Model, state: State, times: Array, solution: Solution) -> MeanField:
    mean, densities, amplitudes = solution
    return MeanField(times, model.labels, mean, densities, model, state, amplitudes)


def _solve(model: Model, state: State, checked: Array) -> Solution:
    shapes = [(b.levels, b.levels) for b in model.blocks]
    ends = np.cumsum([0] + [d * d for d, _ in shapes]).tolist()
    places = [(slice(first, end), shape) for first, end, shape in zip(ends, ends[1:], shapes, strict=False)]

    def unpack(y: Array) -> tuple[Densities, Amplitudes]:
        z = y.view(complex)
        return [z[place].reshape(shape) for place, shape in places], z[ends[-1] :]

    def derivative_of(model: Model) -> Callable[[Array], Array]:
        if is_packed(model):
            return PackedFlow(model)
        flow = Flow(model)

        def derivative(y: Array) -> Array:
            r, amplitudes = unpack(y)
            return np.concatenate([*(c.ravel() for c in flow(r, amplitudes)), flow.modes(r, amplitudes)]).view(float)

        return derivative

    start = np.concatenate([*(r.astype(complex).ravel() for r in state.densities), state.amplitudes]).view(float)
    if model.is_driven:
        drive = Drive(model, checked[-1])
        flows = [derivative_of(part.model) for part in drive.parts]
        path = integrate_driven(drive, flows, start, checked)
    elif model.is_free and model.fastest * checked[-1] > MANY_PERIODS:
        path = exponential(derivative_of(model), start, checked)
    else:
        derivative = derivative_of(model)
        path = integrate(lambda _t, y: derivative(y), start, checked, unit_rate=model.unit_rate)
    states = [unpack(np.ascontiguousarray(y)) for y in path]
    densities = [np.array([r[b] for r, _ in states]) for b in range(len(shapes))]
    amplitudes = np.array([a for _, a in states])
    of_particles = (np.einsum("tij,ji->t", densities[o.block], o.matrix).real for o in model.observables)
    of_modes = ((amplitudes[:, q.mode].real, amplitudes[:, q.mode].imag)[q.part] for q in model.quadratures)
    return Solution(np.stack([*of_particles, *of_modes], axis=1), densities, amplitudes)


Paths = list[tuple[float, MeanField]]
"""The mean fields from the states that a start may be, with their weights."""


def paths(
    model: Model, state: State | Mixture | Final, times: ArrayLike, solved: Sequence[Solution] | None = None
) -> Paths:
    """What averages over an ensemble tend to for N → ∞; after another run mean field goes on from where it was there.

    Parameters
    ----------
    model, state, times
    solved : sequence of Solution, optional
        What another process has found for the same arguments, see :func:`solutions`.

    Raises
    ------
    ArgumentError
        If no mean field has led to the state.
    ConvergenceError
        As :func:`mean_field`.
    """
    if isinstance(state, Final):
        if state.reference is None:
            found = "no mean field leads to a state that was found without a start"
            raise ArgumentError("state", "have a mean field, which this is measured against", found)
        state = state.reference
    if solved is None:
        return [(weight, mean_field(model, one, times)) for weight, one in starts_of(state)]
    checked = check_times(times)
    starts = zip(starts_of(state), solved, strict=True)
    return [(weight, _beside(model, one, checked, solution)) for (weight, one), solution in starts]


def solutions(found: Paths) -> list[Solution]:
    """The numbers of mean fields, without their model and states."""
    return [Solution(path.mean, path.densities, path.amplitudes) for _, path in found]


def mean_of(found: Paths) -> Array:
    """(T, A) the mean of mean fields by their weights."""
    return np.asarray(sum(weight * path.mean for weight, path in found))


def ends_of(found: Paths) -> Mixture:
    """Where mean fields have come to, as product states."""
    states = []
    for _, path in found:
        last = [densities[-1] for densities in path.densities]
        blocks = tuple(ProductBlock(r / np.trace(r).real) for r in ((r + r.conj().T) / 2 for r in last))
        states.append(State(blocks, tuple(complex(alpha) for alpha in path.amplitudes[-1])))
    return Mixture(np.array([weight for weight, _ in found]), tuple(states))


def reference(model: Model, state: State | Mixture | Final, times: ArrayLike) -> Array:
    """(T, A) what averages over the ensemble tend to for N → ∞: the mean field; of a mixture, the mean of those."""
    return mean_of(paths(model, state, times))
