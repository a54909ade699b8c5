"""The master equation on the full space of all particles: slow, obvious, and blind to permutation symmetry.

Every particle has its own factor of the tensor product, every jump operator is written out as a matrix of the
whole system, and ρ is a full density matrix. Nothing of the program under test is used: of a model only the
attributes are read, and the two rules Γ = amplitude(Δ) or √rate(Δ) are applied here.

Order of the factors: block by block as in ``model.blocks``, the first particle is the most significant digit
of a basis state. Two-level basis: (up, down). Behind the particles stand the modes, each in its plain Fock space
|0>, |1>, .. of a size that the caller gives and :meth:`Oracle.edge` judges.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, comb

import numpy as np
from scipy.integrate import solve_ivp

STEP = 5.0
"""Length of a Taylor step in units of 1/||L||: larger steps lose digits to cancellation, as e^STEP."""

CONVERGED = 1e-17
"""A Taylor series ends at the first term of this norm; what follows it is below e^STEP times that."""


@dataclass(frozen=True)
class OracleSolution:
    """Density matrices at the output times, and the first two moments of the block averages.

    times (T,); mean (T,A); second (T,A,A) = <½{m_a,m_b}>; covariance (T,A,A) = N (second - mean·mean) with N
    all particles; rho (T,D,D).
    """

    times: np.ndarray
    mean: np.ndarray
    second: np.ndarray
    covariance: np.ndarray
    rho: np.ndarray


class Oracle:
    """H, all jump operators and the block averages of a model as (D, D) matrices.

    ``gamma_after=True`` is a wrong model on purpose: the order of Γ(Δ) and matrices is exchanged, J^k = Γ(Δ) j^(k) in
    place of j^(k) Γ(Δ), and of a collective jump Σ_k y^(k) Γ(Δ) in place of Γ(Δ) Σ_k y^(k).
    """

    def __init__(self, model, *, gamma_after: bool = False, fock: Mapping[str, int] | None = None) -> None:
        self.model = model
        self.gamma_after = gamma_after
        self.levels = [block.levels for block in model.blocks for _ in range(block.size)]
        self.total = len(self.levels)
        self.places = {}
        for mode in model.modes:
            self.places[mode.name] = len(self.levels)
            self.levels.append(fock[mode.name])
        self.dimension = int(np.prod(self.levels))
        self.members: dict[str, list[int]] = {}
        first = 0
        for block in model.blocks:
            self.members[block.name] = list(range(first, first + block.size))
            first += block.size

        self.hamiltonian = self._hamiltonian()
        self.jumps = [J for jump in model.jumps for J in self._jump_operators(jump)]
        self.averages = [
            self.collective(o, model.blocks[b].name) / model.blocks[b].size for _, b, o in observables(model)
        ]
        self.photons = []
        for mode in model.modes:
            a = self.lowering(mode.name)
            self.averages += [
                (a + a.conj().T) / (2 * np.sqrt(self.total)),
                (a - a.conj().T) / (2j * np.sqrt(self.total)),
            ]
            self.photons.append(a.conj().T @ a / self.total)

        # The trace norm of L is at most the spread of the energies plus twice the largest total jump rate.
        energies = np.linalg.eigvalsh(self.hamiltonian)
        decay = sum((J.conj().T @ J for J in self.jumps), np.zeros_like(self.hamiltonian))
        self._norm = energies[-1] - energies[0] + 2 * np.linalg.eigvalsh(decay)[-1]
        # A shift of the energy drops out of the commutator and takes a common phase out of the series.
        shift = (energies[-1] + energies[0]) / 2 * np.eye(self.dimension)
        self._drift = -1j * (self.hamiltonian - shift) - decay / 2
        if self.jumps:
            self._left = np.concatenate(self.jumps, axis=0)
            self._right = np.concatenate(self.jumps, axis=1).conj()

    def local(self, matrix: np.ndarray, particle: int) -> np.ndarray:
        """x^(k): the identity on all particles but one."""
        before = int(np.prod(self.levels[:particle]))
        after = int(np.prod(self.levels[particle + 1 :]))
        return np.kron(np.kron(np.eye(before), matrix), np.eye(after)).astype(complex)

    def collective(self, matrix: np.ndarray, block: str, *, without: int | None = None) -> np.ndarray:
        """Σ_k x^(k) over a block, if wanted without one particle."""
        total = np.zeros((self.dimension, self.dimension), dtype=complex)
        for k in self.members[block]:
            if k != without:
                total += self.local(matrix, k)
        return total

    def lowering(self, mode: str) -> np.ndarray:
        """a of a mode, <n-1|a|n> = √n."""
        place = self.places[mode]
        return self.local(np.diag(np.sqrt(np.arange(1.0, self.levels[place])), 1), place)

    def edge(self, rho: np.ndarray) -> float:
        """The weight of the last two Fock states of any mode."""
        weights = np.diag(rho).real.reshape(self.levels)
        return max(
            (float(np.moveaxis(weights, place, 0)[-2:].sum()) for place in self.places.values()),
            default=0.0,
        )

    def _hamiltonian(self) -> np.ndarray:
        H = np.zeros((self.dimension, self.dimension), dtype=complex)
        for term in self.model.hamiltonian:
            H += self._term(term)
        if not np.allclose(H, H.conj().T, rtol=0, atol=1e-9):
            raise ValueError("the Hamiltonian is not Hermitian")
        return (H + H.conj().T) / 2

    def _term(self, term) -> np.ndarray:
        """A term of the Hamiltonian."""
        if hasattr(term, "phi"):
            return self.total * term.factor * self._function([self._average(term.argument)], term.phi)
        if hasattr(term, "omega"):
            a = self.lowering(term.mode)
            return term.omega * a.conj().T @ a
        if hasattr(term, "eta"):
            a = self.lowering(term.mode)
            return np.sqrt(self.total) * (term.eta * a.conj().T + np.conj(term.eta) * a)
        if hasattr(term, "mode"):
            a = self.lowering(term.mode)
            emission = sum(a.conj().T @ self.collective(y, block) for block, y in term.matrices.items())
            return (emission + emission.conj().T) / np.sqrt(self.total)
        if hasattr(term, "strength"):
            b, c = term.blocks
            return term.strength / self.total * self.collective(term.first, b) @ self.collective(term.second, c)
        return self.collective(term.matrix, term.block)

    def _jump_operators(self, jump) -> list[np.ndarray]:
        if hasattr(jump, "thermal"):
            a = self.lowering(jump.mode)
            emission = np.sqrt(jump.kappa * (1 + jump.thermal)) * a
            return [emission, np.sqrt(jump.kappa * jump.thermal) * a.conj().T] if jump.thermal else [emission]
        if hasattr(jump, "emits"):
            a = self.lowering(jump.mode) / np.sqrt(self.total)
            quantum = a.conj().T if jump.emits else a
            return [quantum @ local for local in self._local_operators(jump)]
        if hasattr(jump, "matrices"):
            L = np.sqrt(jump.rate / self.total) * sum(self.collective(Y, block) for block, Y in jump.matrices.items())
            if jump.amplitude is None:
                return [L]
            gamma = self._function(self._averages(jump.argument), jump.amplitude)
            return [L @ gamma if self.gamma_after else gamma @ L]
        return self._local_operators(jump)

    def _local_operators(self, jump) -> list[np.ndarray]:
        operators = []
        gamma = self._gamma(jump, None)
        for k in self.members[jump.block]:
            j = self.local(jump.matrix, k)
            if jump.exclude_self:
                gamma = self._gamma(jump, k)
            operators.append(gamma @ j if self.gamma_after else j @ gamma)
        return operators

    def _gamma(self, jump, without: int | None) -> np.ndarray:
        """Γ(Δ) by the spectral theorem; ``without`` is the particle that its own block's sum leaves out."""
        if jump.amplitude is None and jump.rate is None:
            return np.eye(self.dimension, dtype=complex)
        deltas = self._averages(jump.argument, without=without)
        if jump.rate is None:
            return self._function(deltas, jump.amplitude)

        def amplitude(*x):
            rates = np.asarray(jump.rate(*x), dtype=float)
            if rates.min() < -1e-12:
                raise ValueError("a rate is negative")
            return np.sqrt(np.maximum(rates, 0.0))

        return self._function(deltas, amplitude)

    def _averages(self, argument, *, without: int | None = None) -> list[np.ndarray]:
        """Δ, or all of several."""
        several = argument if isinstance(argument, tuple) else (argument,)
        return [self._average(x, without=without) for x in several]

    def _average(self, argument, *, without: int | None = None) -> np.ndarray:
        """Δ = Σ_b (1/N_b) Σ_{k in b} X_b^(k)."""
        delta = np.zeros((self.dimension, self.dimension), dtype=complex)
        for block, X in argument.items():
            delta += self.collective(X, block, without=without) / len(self.members[block])
        return delta

    def _function(self, deltas: Sequence[np.ndarray], function) -> np.ndarray:
        """A function of Hermitian matrices that commute, by the spectral theorem."""
        if any(np.abs(a @ b - b @ a).max() > 1e-12 for a in deltas for b in deltas):
            raise ValueError("averages of one function do not commute")
        # the weights are incommensurate: states of one eigenvalue of the sum have one of each matrix
        _, V = np.linalg.eigh(sum(np.sqrt(p) * delta for p, delta in zip((1, 2, 3, 5), deltas, strict=False)))
        x = [np.einsum("ij,ik,kj->j", V.conj(), delta, V, optimize=True).real for delta in deltas]
        # Γ may be a square root that ends at an edge of the spectrum: rounding must not put x beyond it, nor
        # turn a rate that is exactly zero into an amplitude of the square root of the rounding error.
        values = np.asarray(function(*(np.round(one, 13) + 0.0 for one in x)), dtype=float)
        return (V * values) @ V.conj().T

    def apply(self, rho: np.ndarray) -> np.ndarray:
        """dρ/dt of a Hermitian ρ, as X + X†, so that rounding never feeds an anti-Hermitian part."""
        D = self.dimension
        X = self._drift @ rho
        if self.jumps:
            once = (self._left @ rho).reshape(-1, D, D)  # J_k ρ
            once = once.transpose(0, 2, 1).reshape(-1, D)
            X += 0.5 * (self._right @ once).T  # ½ Σ_k (J_k ρ) J_k†
        return X + X.conj().T

    def liouvillian(self) -> np.ndarray:
        """L as an explicit (D², D²) matrix on the rows of ρ written one after the other."""
        one = np.eye(self.dimension)
        L = -1j * (np.kron(self.hamiltonian, one) - np.kron(one, self.hamiltonian.T))
        for J in self.jumps:
            JJ = J.conj().T @ J
            L += np.kron(J, J.conj()) - 0.5 * (np.kron(JJ, one) + np.kron(one, JJ.T))
        return L

    def advance(self, rho: np.ndarray, duration: float) -> np.ndarray:
        """e^{L t} ρ by Taylor steps short enough that the series loses no digits."""
        if duration == 0:
            return rho
        steps = max(1, ceil(duration * self._norm / STEP))
        h = duration / steps
        for _ in range(steps):
            term = total = rho
            for n in range(1, 200):
                term = self.apply(term) * (h / n)
                total = total + term
                if np.linalg.norm(term) < CONVERGED:
                    break
            else:
                raise RuntimeError("the Taylor series has not converged")
            rho = total
        return rho

    def solve(self, rho0: np.ndarray, times: Sequence[float]) -> OracleSolution:
        """Evolve ρ(0) = rho0 and report at ``times``, increasing and at least 0."""
        times = np.asarray(times, dtype=float)
        if times[0] < 0 or np.any(np.diff(times) < 0):
            raise ValueError("times must increase from at least 0")
        rho = np.array(rho0, dtype=complex)
        if rho.shape != (self.dimension, self.dimension) or not np.allclose(rho, rho.conj().T, rtol=0, atol=1e-12):
            raise ValueError("rho0 must be a Hermitian matrix of the whole system")
        rho = (rho + rho.conj().T) / 2
        states, now = [], 0.0
        for t in times:
            rho = self.advance(rho, t - now)
            now = t
            states.append(rho)
        mean, second = (np.array(m) for m in zip(*(self.moments(r) for r in states), strict=True))
        covariance = self.total * (second - np.einsum("ta,tb->tab", mean, mean))
        return OracleSolution(times, mean, second, covariance, np.array(states))

    def moments(self, rho: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """<m_a> (A,) and <½{m_a,m_b}> = Re tr(ρ m_a m_b) (A,A) in a state."""
        applied = [rho @ m for m in self.averages]
        mean = np.array([np.trace(r).real for r in applied])
        second = np.array([[np.sum(r * m.T).real for m in self.averages] for r in applied])
        return mean, second


def solve(model, rho0: np.ndarray, times: Sequence[float], *, gamma_after: bool = False) -> OracleSolution:
    """The master equation of a model from ρ(0) = rho0 (D, D); see :class:`Oracle`."""
    return Oracle(model, gamma_after=gamma_after).solve(rho0, times)


class DrivenOracle(Oracle):
    """The same for terms that change in time: H(t) = Σ f(t) H_term, J(t) = f(t) J, by a general integrator.

    Between breaks alone, and there with the user's f itself.
    """

    def __init__(self, model, *, fock: Mapping[str, int] | None = None) -> None:
        super().__init__(model, fock=fock)
        self._terms = [(self._term(term), term.envelope) for term in model.hamiltonian]
        self._channels = [(np.array(self._jump_operators(jump)), jump.envelope) for jump in model.jumps]

    def _change(self, t: float, rho: np.ndarray) -> np.ndarray:
        """dρ/dt of a Hermitian ρ at the time t."""
        H = sum((term if f is None else float(f(t)) * term for term, f in self._terms), np.zeros_like(rho))
        X = -1j * H @ rho
        for J, f in self._channels:
            rate = 1.0 if f is None else float(f(t)) ** 2
            for j in J:
                X = X + rate * (0.5 * j @ rho @ j.conj().T - 0.5 * j.conj().T @ (j @ rho))
        return X + X.conj().T

    def solve(self, rho0: np.ndarray, times: Sequence[float]) -> OracleSolution:
        """Evolve ρ(0) = rho0 and report at ``times``, increasing and at least 0."""
        times = np.asarray(times, dtype=float)
        breaks = {b for term in (*self.model.hamiltonian, *self.model.jumps) for b in term.breaks if b < times[-1]}
        edges = sorted({0.0, *breaks, float(times[-1])})
        rho, states = np.array(rho0, dtype=complex), {t: np.array(rho0, dtype=complex) for t in times if t == 0}
        for lo, hi in pairwise(edges):
            wanted = [t for t in times if lo < t <= hi]
            inside = (np.nextafter(lo, hi), np.nextafter(hi, lo))

            def flat(t, y, inside=inside):
                return self._change(float(np.clip(t, *inside)), y.view(complex).reshape(rho0.shape)).ravel().view(float)

            found = solve_ivp(
                flat,
                (lo, hi),
                rho.ravel().view(float),
                method="DOP853",
                t_eval=sorted({*wanted, hi}),
                rtol=1e-12,
                atol=1e-14,
                max_step=(hi - lo) / 20,
            )
            matrices = [np.ascontiguousarray(y).view(complex).reshape(rho0.shape) for y in found.y.T]
            states.update(zip(found.t, matrices, strict=True))
            rho = matrices[-1]
        path = [states[t] for t in times]
        mean, second = (np.array(m) for m in zip(*(self.moments(r) for r in path), strict=True))
        covariance = self.total * (second - np.einsum("ta,tb->tab", mean, mean))
        return OracleSolution(times, mean, second, covariance, np.array(path))


def with_coherent_modes(
    rho0: np.ndarray, model, fock: Mapping[str, int], amplitudes: Mapping[str, complex]
) -> np.ndarray:
    """A state of the particles (D, D) beside each mode in the coherent state |√N α>, by a|β> = β|β>."""
    total = sum(block.size for block in model.blocks)
    for mode in model.modes:
        beta = np.sqrt(total) * amplitudes[mode.name]
        ket = np.ones(fock[mode.name], dtype=complex)
        for n in range(1, len(ket)):
            ket[n] = ket[n - 1] * beta / np.sqrt(n)
        ket *= np.exp(-(abs(beta) ** 2) / 2)
        rho0 = np.kron(rho0, np.outer(ket, ket.conj()))
    return rho0


# ---- what is observed ----------------------------------------------------------------------------


def single_particle_observables(levels: int) -> list[tuple[str, np.ndarray]]:
    """Two levels: the Pauli matrices x, y, z. More: n0.., then x01, y01, x02, y02, ... for each a < b."""
    if levels == 2:
        return [
            ("x", np.array([[0, 1], [1, 0]], dtype=complex)),
            ("y", np.array([[0, -1j], [1j, 0]], dtype=complex)),
            ("z", np.array([[1, 0], [0, -1]], dtype=complex)),
        ]
    found = []
    for a in range(levels):
        n = np.zeros((levels, levels), dtype=complex)
        n[a, a] = 1
        found.append((f"n{a}", n))
    for a in range(levels):
        for b in range(a + 1, levels):
            x = np.zeros((levels, levels), dtype=complex)
            x[a, b] = x[b, a] = 1
            y = np.zeros((levels, levels), dtype=complex)
            y[a, b], y[b, a] = -1j, 1j
            found += [(f"x{a}{b}", x), (f"y{a}{b}", y)]
    return found


def observables(model) -> list[tuple[str, int, np.ndarray]]:
    """(label, number of the block, single-particle matrix) of the A averages, block by block."""
    return [
        (f"{block.name}.{label}", b, matrix)
        for b, block in enumerate(model.blocks)
        for label, matrix in single_particle_observables(block.levels)
    ]


def deviation(solution: OracleSolution, reference_mean: np.ndarray, model) -> np.ndarray:
    """E_N(t) = Σ_a w_a <(m_a - ref_a)²> (T,), w_a = 1/tr(o_a²), all blocks added; reference_mean (T,A)."""
    weight = np.array([1 / np.trace(o @ o).real for _, _, o in observables(model)])
    variance = np.einsum("taa->ta", solution.second) - solution.mean**2
    return (variance + (solution.mean - np.asarray(reference_mean)) ** 2) @ weight


# ---- initial states ------------------------------------------------------------------------------


def join_blocks(model, parts: Mapping[str, np.ndarray]) -> np.ndarray:
    """⊗_b of one density matrix (d_b^N_b, d_b^N_b) for each block."""
    if set(parts) != {block.name for block in model.blocks}:
        raise ValueError("every block needs a state, and no other name may have one")
    rho = np.ones((1, 1), dtype=complex)
    for block in model.blocks:
        part = np.asarray(parts[block.name], dtype=complex)
        if part.shape != (block.levels**block.size,) * 2:
            raise ValueError(f"the state of block {block.name!r} has the shape {part.shape}")
        if abs(np.trace(part) - 1) > 1e-10:
            raise ValueError(f"the state of block {block.name!r} is not normalised")
        rho = np.kron(rho, part)
    return rho


def product_state(model, states: Mapping[str, np.ndarray]) -> np.ndarray:
    """All particles of a block in the same state, a ket (d,) or a density matrix (d,d)."""
    parts = {}
    for block in model.blocks:
        one = np.asarray(states[block.name], dtype=complex)
        if one.ndim == 1:
            one = np.outer(one, one.conj())
        part = np.ones((1, 1), dtype=complex)
        for _ in range(block.size):
            part = np.kron(part, one)
        parts[block.name] = part
    return join_blocks(model, parts)


def dicke_block(size: int, J: float, M: float) -> np.ndarray:
    """The equal mixture of all copies of |J,M> of two-level particles: the normalised eigenprojector."""
    S = []
    for _, pauli in single_particle_observables(2):
        total = np.zeros((2**size, 2**size), dtype=complex)
        for k in range(size):
            total += np.kron(np.kron(np.eye(2**k), pauli / 2), np.eye(2 ** (size - k - 1)))
        S.append(total)
    square, V = np.linalg.eigh(S[0] @ S[0] + S[1] @ S[1] + S[2] @ S[2])
    # Neighbouring J differ by at least 2 in J(J+1), neighbouring M by 1.
    V = V[:, np.abs(square - J * (J + 1)) < 0.1]
    projector = V @ V.conj().T @ np.diag(np.abs(np.diag(S[2]).real - M) < 0.1)
    rank = np.trace(projector).real
    if rank < 0.5:
        raise ValueError(f"{size} spins have no state J = {J}, M = {M}")
    projector = (projector + projector.conj().T) / 2
    return projector / rank


def dicke_state(model, states: Mapping[str, tuple[float, float]]) -> np.ndarray:
    """The exchangeable state with (J, M) in each block, all of two levels."""
    _need_two_levels(model)
    return join_blocks(model, {b.name: dicke_block(b.size, *states[b.name]) for b in model.blocks})


def symmetric_block(size: int, amplitudes: np.ndarray) -> np.ndarray:
    """Σ_k a_k |k down>, with |k down> the normalised symmetric state; k = 0 is all up."""
    amplitudes = np.asarray(amplitudes, dtype=complex)
    if amplitudes.shape != (size + 1,):
        raise ValueError(f"{size} particles need {size + 1} amplitudes")
    ket = np.zeros(2**size, dtype=complex)
    for i in range(2**size):
        down = i.bit_count()
        ket[i] = amplitudes[down] / np.sqrt(comb(size, down))
    return np.outer(ket, ket.conj())


def symmetric_state(model, states: Mapping[str, np.ndarray]) -> np.ndarray:
    """A pure permutation-symmetric state in each block, all of two levels; amplitudes (N_b+1,)."""
    _need_two_levels(model)
    return join_blocks(model, {b.name: symmetric_block(b.size, states[b.name]) for b in model.blocks})


def _need_two_levels(model) -> None:
    if any(block.levels != 2 for block in model.blocks):
        raise ValueError("|J, M> needs two levels in every block")
