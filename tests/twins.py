"""Slow, obvious twins of the tables and kernels: dense matrices of one sector, written with loops.

Everything is in the user's frame and ordered by M = -J..J; a one-particle factor is ordered (up, down). Of a model
only the attributes are read. One block of two-level particles.
"""

from __future__ import annotations

from math import comb, sqrt

import numpy as np
from scipy.linalg import expm

from tests.support.pauli import PAULI

UP, DOWN = 0, 1


# ---- one sector ----------------------------------------------------------------------------------


def sectors(N):
    """All 2J of N spins one half."""
    return list(range(N % 2, N + 1, 2))


def spin(two_J):
    """J_x, J_y, J_z as (2J+1, 2J+1) matrices."""
    J, d = two_J / 2, two_J + 1
    plus = np.zeros((d, d), dtype=complex)
    z = np.zeros((d, d), dtype=complex)
    for k in range(d):
        M = k - J
        z[k, k] = M
        if k + 1 < d:
            plus[k + 1, k] = sqrt(J * (J + 1) - M * (M + 1))
    minus = plus.conj().T
    return (plus + minus) / 2, (plus - minus) / 2j, z


def collective(matrix, n, two_J):
    """Σ_k x^(k) of n particles in sector J: a·1 + b·σ gives n a + 2 b·J."""
    total = n * np.trace(matrix) / 2 * np.eye(two_J + 1, dtype=complex)
    for pauli, component in zip(PAULI, spin(two_J), strict=True):
        total += np.trace(pauli @ matrix) * component
    return total


def remaining(N, two_J):
    """2μ of the sectors that are left when one particle is taken out of sector J."""
    return [two_mu for two_mu in (two_J - 1, two_J + 1) if 0 <= two_mu <= N - 1]


def clebsch(two_J, two_mu):
    """C_λ^μ : V_J → V_μ ⊗ C², ((2μ+1)·2, 2J+1)."""
    J, mu = two_J / 2, two_mu / 2
    C = np.zeros(((two_mu + 1) * 2, two_J + 1))
    for k in range(two_J + 1):
        M = k - J
        for s, m, lower, higher in (
            (UP, M - 0.5, J + M, -(J + 1 - M)),
            (DOWN, M + 0.5, J - M, J + 1 + M),
        ):
            if abs(m) > mu:
                continue
            row = 2 * round(m + mu) + s
            if two_mu < two_J:
                C[row, k] = sqrt(lower / (2 * J))
            else:
                C[row, k] = np.sign(higher) * sqrt(abs(higher) / (2 * J + 2))
    return C


def copies(N, two_J):
    """f_λ: how often the sector J occurs among N spins one half."""
    k = (N - two_J) // 2
    return comb(N, k) - (comb(N, k - 1) if k else 0)


def removal_weight(N, two_J, two_mu):
    """N f_μ / f_λ from the counts of copies themselves."""
    return N * copies(N - 1, two_mu) / copies(N, two_J)


def sector_rotation(two_J, U):
    """U on every particle, in sector J, up to a phase: D^J = C†(D^{J-½} ⊗ U) C, starting from D^0 = 1."""
    if two_J == 0:
        return np.eye(1, dtype=complex)
    C = clebsch(two_J, two_J - 1)
    return C.T @ np.kron(sector_rotation(two_J - 1, U), U) @ C


def function_of(gamma, matrix):
    """Γ of a Hermitian matrix by the spectral theorem."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * gamma(np.round(values, 13) + 0.0)) @ vectors.conj().T


def banded_matrix(h_eff, two_J):
    """H_eff of a sector in the rotated frame, read off its tables entry by entry."""
    first, J = (h_eff.N - two_J) // 2, two_J / 2
    H = np.zeros((two_J + 1,) * 2, dtype=complex)
    c = [sqrt(max((J - M) * (J + M + 1), 0)) for M in np.arange(two_J + 1) - J]
    for k in range(two_J + 1):
        i = first + k
        H[k, k] = h_eff.diagonal[i] - 1j * (h_eff.half_rate[i] + 0.5 * h_eff.casimir * J * (J + 1))
        if k + 1 <= two_J:
            H[k + 1, k] = c[k] * (h_eff.up_re[i] + 1j * h_eff.up_im[i])
            H[k, k + 1] = c[k] * (h_eff.down_re[i] + 1j * h_eff.down_im[i])
        if k + 2 <= two_J:
            H[k + 2, k] = c[k] * c[k + 1] * (h_eff.two_re + 1j * h_eff.two_im)
            H[k, k + 2] = np.conj(H[k + 2, k])
    return H


# ---- a model in one sector -----------------------------------------------------------------------


def amplitude_of(jump):
    """Γ of a local jump."""
    if jump.rate is not None:
        return lambda x: np.sqrt(np.maximum(np.asarray(jump.rate(x), dtype=float), 0))
    if jump.amplitude is not None:
        return lambda x: np.asarray(jump.amplitude(x), dtype=float)
    return np.ones_like


def gamma_before(model, jump, two_J):
    """Γ on V_J, before the particle is taken out; 1 where the particle itself does not count."""
    if not jump.argument or jump.exclude_self:
        return np.eye(two_J + 1, dtype=complex)
    (X,) = jump.argument.values()
    return function_of(amplitude_of(jump), collective(X, model.size, two_J) / model.size)


def gamma_rest(model, jump, two_mu):
    """Γ on V_μ, of the particles that stay; 1 where the particle itself counts."""
    if not jump.argument or not jump.exclude_self:
        return np.eye(two_mu + 1, dtype=complex)
    (X,) = jump.argument.values()
    return function_of(amplitude_of(jump), collective(X, model.size - 1, two_mu) / model.size)


def kraus(model, jump, two_J, two_mu, new_two_J):
    """K = sqrt(N f_μ/f_λ) C_{λ'}^{μ†} (Γ_μ ⊗ j) C_λ^μ Γ_λ, (2J'+1, 2J+1)."""
    put_back, take_out = clebsch(new_two_J, two_mu).T, clebsch(two_J, two_mu)
    act = np.kron(gamma_rest(model, jump, two_mu), jump.matrix)
    weight = sqrt(removal_weight(model.size, two_J, two_mu))
    return weight * put_back @ act @ take_out @ gamma_before(model, jump, two_J)


def outcomes(N, two_J):
    """All (2μ, 2J') that one local jump can lead to from sector J."""
    return [(two_mu, new) for two_mu in remaining(N, two_J) for new in (two_mu - 1, two_mu + 1) if 0 <= new <= N]


def rate_operator(model, jump, two_J):
    """Γ_λ [Σ_μ (N f_μ/f_λ) C†(Γ_μ² ⊗ j†j) C] Γ_λ in sector J."""
    total = np.zeros((two_J + 1, two_J + 1), dtype=complex)
    for two_mu in remaining(model.size, two_J):
        C, rest = clebsch(two_J, two_mu), gamma_rest(model, jump, two_mu)
        act = np.kron(rest @ rest, jump.matrix.conj().T @ jump.matrix)
        total += removal_weight(model.size, two_J, two_mu) * C.T @ act @ C
    before = gamma_before(model, jump, two_J)
    return before @ total @ before


def hamiltonian(model, two_J):
    """H in sector J, with products of collective operators written as products of matrices."""
    N = model.size
    H = np.zeros((two_J + 1, two_J + 1), dtype=complex)
    for term in model.hamiltonian:
        if hasattr(term, "strength"):
            H += term.strength / N * collective(term.first, N, two_J) @ collective(term.second, N, two_J)
        elif hasattr(term, "phi"):
            (X,) = term.argument.values()
            H += N * term.factor * function_of(term.phi, collective(X, N, two_J) / N)
        else:
            H += collective(term.matrix, N, two_J)
    return H


def h_eff(model, two_J):
    """H - (i/2) Σ rate operators, in sector J."""
    damping = sum((rate_operator(model, jump, two_J) for jump in model.jumps), np.zeros((two_J + 1,) * 2))
    return hamiltonian(model, two_J) - 0.5j * damping


def evolve(H, ket, t):
    """exp(-i H t) ket, not normalised."""
    return expm(-1j * H * t) @ ket


def averages(N, two_J, ket):
    """Pauli averages (3,) and their symmetrised products (3, 3) in a state of sector J, normalised here."""
    ket = ket / np.linalg.norm(ket)
    m = [2 * component / N for component in spin(two_J)]
    mean = np.array([np.vdot(ket, o @ ket).real for o in m])
    second = np.array([[np.vdot(ket, (a @ b + b @ a) @ ket).real / 2 for b in m] for a in m])
    return mean, second


def product_ket(N, one):
    """one^{⊗N} in the symmetric sector, over M = -N/2..N/2."""
    return np.array([sqrt(comb(N, up)) * one[UP] ** up * one[DOWN] ** (N - up) for up in range(N + 1)])


def same_ray(a, b):
    """Smallest distance of two kets over all phases."""
    overlap = np.vdot(a, b)
    phase = overlap / abs(overlap) if abs(overlap) > 0 else 1
    return float(np.linalg.norm(b - phase * a))
