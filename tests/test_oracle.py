"""The brute-force master equation against closed forms, so that it can judge everything else."""

from dataclasses import replace
from itertools import product
from math import comb, factorial

import numpy as np
import pytest
from scipy.linalg import expm

from cojump.model import Block, CollectiveJump, LocalJump, Model, OneBody, TwoBody
from tests.oracle import (
    Oracle,
    deviation,
    dicke_block,
    dicke_state,
    join_blocks,
    observables,
    product_state,
    solve,
    symmetric_block,
    symmetric_state,
)
from tests.support.pauli import LOWER, RAISE, X, Y, Z

UP = np.diag([1.0, 0.0]).astype(complex)
KET_X = np.array([1, 1]) / np.sqrt(2)

TIGHT = {"rtol": 0, "atol": 2e-12}
TIMES = np.array([0.0, 0.3, 1.1, 2.5])


def spins(size, hamiltonian=(), jumps=()):
    return Model([Block("s", size)], list(hamiltonian), list(jumps))


def two_body(A, B, g):
    return TwoBody(A, B, g, blocks=("s", "s"))


def tilted(theta, phi):
    return np.array([np.cos(theta / 2), np.exp(1j * phi) * np.sin(theta / 2)])


def bloch(ket):
    return np.array([np.vdot(ket, o @ ket).real for o in (X, Y, Z)])


def count_up(rho):
    """Distribution of the number of spins that are up."""
    size = int(np.log2(len(rho)))
    up = size - np.array([i.bit_count() for i in range(2**size)])
    return np.bincount(up, weights=np.diag(rho).real, minlength=size + 1)


def binomial(size, p):
    return np.array([comb(size, k) * p**k * (1 - p) ** (size - k) for k in range(size + 1)])


def swap(rho, levels, k, j):
    """ρ with two particles exchanged."""
    axes = np.arange(len(levels))
    axes[k], axes[j] = j, k
    return rho.reshape(*levels, *levels).transpose(*axes, *(axes + len(levels))).reshape(rho.shape)


# ---- one particle --------------------------------------------------------------------------------


def test_optical_bloch_equations():
    omega, detuning, gamma = 0.9, 0.55, 0.7
    model = spins(1, [OneBody(omega * X + detuning / 2 * Z, "s")], [LocalJump(np.sqrt(gamma) * LOWER, "s")])
    ket = tilted(1.1, 0.4)
    flow = np.array(
        [
            [-gamma / 2, -detuning, 0, 0],
            [detuning, -gamma / 2, -2 * omega, 0],
            [0, 2 * omega, -gamma, -gamma],
            [0, 0, 0, 0],
        ]
    )
    expected = [(expm(flow * t) @ np.append(bloch(ket), 1))[:3] for t in TIMES]
    solution = solve(model, product_state(model, {"s": ket}), TIMES)
    np.testing.assert_allclose(solution.mean, expected, **TIGHT)
    # One spin: σ_a σ_b + σ_b σ_a = 2 δ_ab.
    np.testing.assert_allclose(solution.second, np.broadcast_to(np.eye(3), (len(TIMES), 3, 3)), **TIGHT)


def test_damped_rabi_oscillation_on_resonance():
    omega, gamma = 0.9, 0.7
    model = spins(1, [OneBody(omega * X, "s")], [LocalJump(np.sqrt(gamma) * LOWER, "s")])
    rabi = 2 * omega
    beat = np.sqrt(rabi**2 - gamma**2 / 16)
    ring = np.exp(-0.75 * gamma * TIMES) * (np.cos(beat * TIMES) + 0.75 * gamma / beat * np.sin(beat * TIMES))
    excited = rabi**2 / (gamma**2 + 2 * rabi**2) * (1 - ring)
    solution = solve(model, product_state(model, {"s": [0, 1]}), TIMES)
    np.testing.assert_allclose(solution.mean[:, 2], 2 * excited - 1, **TIGHT)


def test_three_level_cascade():
    a, b = 1.3, 0.4
    first, then = np.zeros((3, 3)), np.zeros((3, 3))
    first[1, 0], then[2, 1] = np.sqrt(a), np.sqrt(b)
    model = Model([Block("s", 3, levels=3)], jumps=[LocalJump(first, "s"), LocalJump(then, "s")])
    solution = solve(model, product_state(model, {"s": [1, 0, 0]}), TIMES)
    n0 = np.exp(-a * TIMES)
    n1 = a / (b - a) * (np.exp(-a * TIMES) - np.exp(-b * TIMES))
    expected = np.stack([n0, n1, 1 - n0 - n1], axis=1)
    np.testing.assert_allclose(solution.mean[:, :3], expected, **TIGHT)
    multinomial = np.einsum("ta,ab->tab", expected, np.eye(3)) - np.einsum("ta,tb->tab", expected, expected)
    np.testing.assert_allclose(solution.covariance[:, :3, :3], multinomial, **TIGHT)


def test_order_and_signs_of_the_observables():
    psi = np.array([0.5, 0.3 + 0.4j, -0.1 + 0.7j])
    psi /= np.linalg.norm(psi)
    model = Model([Block("q", 2, levels=3), Block("s", 1)])
    ket = tilted(0.8, 2.1)
    solution = solve(model, product_state(model, {"q": psi, "s": ket}), [0.0])
    pairs = [np.conj(psi[a]) * psi[b] for a, b in ((0, 1), (0, 2), (1, 2))]
    coherences = [part for c in pairs for part in (2 * c.real, 2 * c.imag)]
    angles = [np.sin(0.8) * np.cos(2.1), np.sin(0.8) * np.sin(2.1), np.cos(0.8)]
    np.testing.assert_allclose(solution.mean[0], [*np.abs(psi) ** 2, *coherences, *angles], **TIGHT)
    labels = [label for label, _, _ in observables(model)]
    three = ["n0", "n1", "n2", "x01", "y01", "x02", "y02", "x12", "y12"]
    assert labels == [*(f"q.{o}" for o in three), "s.x", "s.y", "s.z"]


# ---- independent particles -----------------------------------------------------------------------


@pytest.mark.parametrize("p0", [1.0, 0.35])
def test_independent_flips_count_binomially(p0):
    size, up, down = 5, 0.6, 1.1
    jumps = [LocalJump(np.sqrt(up) * RAISE, "s"), LocalJump(np.sqrt(down) * LOWER, "s")]
    model = spins(size, jumps=jumps)
    solution = solve(model, product_state(model, {"s": np.diag([p0, 1 - p0])}), TIMES)
    n = up / (up + down) + (p0 - up / (up + down)) * np.exp(-(up + down) * TIMES)
    np.testing.assert_allclose(solution.mean[:, 2], 2 * n - 1, **TIGHT)
    np.testing.assert_allclose(solution.covariance[:, 2, 2], 4 * n * (1 - n), **TIGHT)
    for rho, p in zip(solution.rho, n, strict=True):
        np.testing.assert_allclose(count_up(rho), binomial(size, p), **TIGHT)


def test_flips_from_a_definite_count_convolve_two_binomials():
    size, initially_up, up, down = 5, 3, 0.6, 1.1
    model = spins(size, jumps=[LocalJump(np.sqrt(up) * RAISE, "s"), LocalJump(np.sqrt(down) * LOWER, "s")])
    rho0 = dicke_state(model, {"s": (1.5, initially_up - size / 2)})
    fade, still = np.exp(-(up + down) * 0.8), up / (up + down)
    expected = np.convolve(
        binomial(initially_up, still + (1 - still) * fade), binomial(size - initially_up, still * (1 - fade))
    )
    solution = solve(model, rho0, [0.8])
    np.testing.assert_allclose(count_up(solution.rho[0]), expected, **TIGHT)


def test_covariance_counts_all_particles_and_averages_count_their_block():
    model = Model(
        [Block("a", 4), Block("b", 1)],
        [OneBody(0.3 * X, "a")],
        [LocalJump(0.8 * LOWER, "b"), LocalJump(0.5 * RAISE, "a")],
    )
    kets = {"a": tilted(0.9, 0.2), "b": tilted(2.0, -1.0)}
    solution = solve(model, product_state(model, kets), [0.0, 0.7])
    np.testing.assert_allclose(solution.mean[0], [*bloch(kets["a"]), *bloch(kets["b"])], **TIGHT)
    for mean, covariance in zip(solution.mean, solution.covariance, strict=True):
        expected = np.zeros((6, 6))
        for at, size in ((slice(0, 3), 4), (slice(3, 6), 1)):
            expected[at, at] = 5 / size * (np.eye(3) - np.outer(mean[at], mean[at]))
        np.testing.assert_allclose(covariance, expected, **TIGHT)


def test_deviation_in_the_orthonormal_basis():
    # For a product state Σ_α <(m_α - m̄_α)²> = (Σ_α <v_α²> - <v_α>²)/N_b, and Σ_α v_α² = d; the identity among
    # the v_α does not fluctuate. For pure particles that is (d - 1)/N_b, as tr ρ² = 1.
    model = Model([Block("q", 2, levels=3), Block("s", 3)])
    kets = {"q": np.array([0.6, 0.48 + 0.64j, 0]), "s": tilted(0.4, 0.3)}
    solution = solve(model, product_state(model, kets), [0.0, 1.0])
    expected = 2 / 2 + 1 / 3
    np.testing.assert_allclose(deviation(solution, solution.mean, model), expected, **TIGHT)
    shifted = solution.mean.copy()
    shifted[:, 3] += 0.2  # x01, of weight 1/2
    shifted[:, 0] += 0.1  # n0, of weight 1
    shifted[:, 11] -= 0.3  # σ_z, of weight 1/2
    np.testing.assert_allclose(deviation(solution, shifted, model), expected + 0.02 + 0.01 + 0.045, **TIGHT)


# ---- Hamiltonians --------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [2, 5])
def test_one_axis_twisting(size):
    chi = 0.8
    model = spins(size, [two_body(Z, Z, chi)])
    solution = solve(model, product_state(model, {"s": KET_X}), TIMES)
    angle = 4 * chi * TIMES / size
    np.testing.assert_allclose(solution.mean[:, 0], np.cos(angle) ** (size - 1), **TIGHT)
    squeezed = (size + 1 + (size - 1) * np.cos(2 * angle) ** (size - 2)) / (2 * size)
    np.testing.assert_allclose(solution.second[:, 0, 0], squeezed, **TIGHT)


def test_ising_coupling_between_unequal_blocks_divides_by_all_particles():
    g = 1.3
    model = Model([Block("a", 2), Block("b", 3)], [TwoBody(Z, Z, g, blocks=("a", "b"))])
    solution = solve(model, product_state(model, {"a": KET_X, "b": KET_X}), TIMES)
    np.testing.assert_allclose(solution.mean[:, 0], np.cos(2 * g * TIMES / 5) ** 3, **TIGHT)
    np.testing.assert_allclose(solution.mean[:, 3], np.cos(2 * g * TIMES / 5) ** 2, **TIGHT)


def test_two_body_sum_includes_the_particle_with_itself():
    # For one particle σ_+ σ_- = |up><up|: a rotation about z by g t.
    model = spins(1, [two_body(RAISE, LOWER, 0.9)])
    solution = solve(model, product_state(model, {"s": KET_X}), TIMES)
    np.testing.assert_allclose(solution.mean[:, 0], np.cos(0.9 * TIMES), **TIGHT)
    np.testing.assert_allclose(solution.mean[:, 1], np.sin(0.9 * TIMES), **TIGHT)


def test_exchange_between_two_blocks_hops():
    g = 1.3
    model = Model(
        [Block("a", 1), Block("b", 1)],
        [TwoBody(RAISE, LOWER, g, blocks=("a", "b")), TwoBody(LOWER, RAISE, g, blocks=("a", "b"))],
    )
    solution = solve(model, product_state(model, {"a": [1, 0], "b": [0, 1]}), TIMES)
    np.testing.assert_allclose(solution.mean[:, 2], np.cos(g * TIMES), **TIGHT)
    np.testing.assert_allclose(solution.mean[:, 5], -np.cos(g * TIMES), **TIGHT)


# ---- dephasing -----------------------------------------------------------------------------------


def test_local_dephasing():
    size, gamma = 4, 0.45
    model = spins(size, jumps=[LocalJump(np.sqrt(gamma) * Z, "s")])
    solution = solve(model, product_state(model, {"s": KET_X}), TIMES)
    np.testing.assert_allclose(solution.mean[:, 0], np.exp(-2 * gamma * TIMES), **TIGHT)
    pair = np.exp(-4 * gamma * TIMES)
    np.testing.assert_allclose(solution.second[:, 0, 0], 1 / size + (1 - 1 / size) * pair, **TIGHT)


def test_collective_dephasing():
    size, kappa = 4, 0.9
    model = spins(size, jumps=[CollectiveJump({"s": Z}, rate=kappa)])
    solution = solve(model, product_state(model, {"s": KET_X}), TIMES)
    np.testing.assert_allclose(solution.mean[:, 0], np.exp(-2 * kappa * TIMES / size), **TIGHT)
    pair = (1 + np.exp(-8 * kappa * TIMES / size)) / 2
    np.testing.assert_allclose(solution.second[:, 0, 0], 1 / size + (1 - 1 / size) * pair, **TIGHT)


@pytest.mark.parametrize("exclude_self", [False, True])
def test_dephasing_at_an_operator_valued_rate(exclude_self):
    """j = σ_z and Δ diagonal: each coherence |s><s'| decays at ½ Σ_k (σ_k Γ_k(s) - σ'_k Γ_k(s'))²."""
    size = 5

    def gamma(x):
        return 0.5 + 0.4 * x + 0.3 * x**2

    jump = LocalJump(Z, "s", amplitude=gamma, argument={"s": Z}, exclude_self=exclude_self)
    model = spins(size, jumps=[jump])
    expected = np.zeros(len(TIMES))
    for others in range(size):  # how many of the other particles are up
        total = 2 * others - (size - 1)
        if exclude_self:
            rate = (2 * gamma(total / size)) ** 2
            for spin, many in ((1, others), (-1, size - 1 - others)):
                seen = total - spin
                rate += many * (gamma((seen + 1) / size) - gamma((seen - 1) / size)) ** 2
        else:
            high, low = gamma((total + 1) / size), gamma((total - 1) / size)
            rate = (high + low) ** 2 + (size - 1) * (high - low) ** 2
        expected += comb(size - 1, others) / 2 ** (size - 1) * np.exp(-rate / 2 * TIMES)
    solution = solve(model, product_state(model, {"s": KET_X}), TIMES)
    np.testing.assert_allclose(solution.mean[:, 0], expected, **TIGHT)


# ---- operator-valued rates -----------------------------------------------------------------------


@pytest.mark.parametrize("given", ["amplitude", "rate"])
@pytest.mark.parametrize("order", ["before", "after", "self excluded"])
def test_birth_and_death_of_the_number_up(order, given):
    """Flips at rates that depend on the number up: a classical chain; Γ sees n before or after the flip."""
    size = 5

    def down(x):
        return 0.3 + 0.9 * x**2

    def up(x):
        return 0.2 + 0.7 * x

    def function(rate):
        return {"amplitude": lambda x: np.sqrt(rate(x))} if given == "amplitude" else {"rate": rate}

    jumps = [
        LocalJump(j, "s", **function(rate), argument={"s": UP}, exclude_self=order == "self excluded")
        for j, rate in ((LOWER, down), (RAISE, up))
    ]
    model = spins(size, jumps=jumps)
    seen_down, seen_up = {"before": (0, 0), "after": (-1, 1), "self excluded": (-1, 0)}[order]
    flow = np.zeros((size + 1, size + 1))
    for n in range(size + 1):
        if n > 0:
            flow[n - 1, n] += n * down((n + seen_down) / size)
        if n < size:
            flow[n + 1, n] += (size - n) * up((n + seen_up) / size)
        flow[n, n] = -flow[:, n].sum()
    rho0 = product_state(model, {"s": tilted(1.1, 0.4)})
    solution = solve(model, rho0, TIMES, gamma_after=order == "after")
    for rho, t in zip(solution.rho, TIMES, strict=True):
        np.testing.assert_allclose(count_up(rho), expm(flow * t) @ count_up(rho0), **TIGHT)


@pytest.mark.parametrize("angle", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("given", [{"amplitude": np.sqrt}, {"rate": lambda x: x}])
def test_square_root_amplitude_keeps_its_absorbing_state(given, angle):
    # Γ = √n along a tilted axis: where n = 0, rounding of 1e-16 would give NaN or an amplitude of 1e-8.
    size = 4
    c, s = np.cos(angle), np.sin(angle)
    rotation = np.array([[c, s], [-s, c]])
    j, x = rotation @ RAISE @ rotation.T, rotation @ UP @ rotation.T
    model = spins(size, jumps=[LocalJump(j, "s", **given, argument={"s": x})])
    oracle = Oracle(model)
    one, empty = rotation @ [0, 1], np.ones(1)
    for _ in range(size):
        empty = np.kron(empty, one)
    for J in oracle.jumps:
        np.testing.assert_allclose(J @ empty, 0, rtol=0, atol=1e-13)
    rho0 = product_state(model, {"s": one})
    np.testing.assert_allclose(oracle.solve(rho0, [5.0]).rho[0], rho0, rtol=0, atol=1e-13)


# ---- collective jumps ----------------------------------------------------------------------------


def test_superradiant_pair_decays_in_two_steps():
    kappa = 0.8
    model = spins(2, jumps=[CollectiveJump({"s": LOWER}, rate=kappa)])
    # |1,1> → |1,0> → |1,-1>, each at (κ/2)·2.
    both, one = np.exp(-kappa * TIMES), kappa * TIMES * np.exp(-kappa * TIMES)
    solution = solve(model, product_state(model, {"s": [1, 0]}), TIMES)
    np.testing.assert_allclose(solution.mean[:, 2], both - (1 - both - one), **TIGHT)
    singlet = dicke_state(model, {"s": (0, 0)})
    np.testing.assert_allclose(solve(model, singlet, [3.0]).rho[0], singlet, rtol=0, atol=1e-14)


def test_collective_jump_is_one_operator_for_all_blocks():
    # y = -1 on the other block: the triplet |up down> + |down up> is dark, the singlet decays at (κ/2)·2.
    kappa = 0.8
    model = Model([Block("a", 1), Block("b", 1)], jumps=[CollectiveJump({"a": LOWER, "b": -LOWER}, rate=kappa)])
    for sign, rate in ((1, 0.0), (-1, kappa)):
        ket = np.array([0, 1, sign, 0]) / np.sqrt(2)
        solution = solve(model, np.outer(ket, ket), TIMES)
        up = (solution.mean[:, 2] + solution.mean[:, 5] + 2) / 2
        np.testing.assert_allclose(up, np.exp(-rate * TIMES), **TIGHT)


# ---- initial states ------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [4, 5])
def test_dicke_states_are_joint_eigenstates_spread_over_all_copies(size):
    total = np.zeros((2**size, 2**size), dtype=complex)
    for J in np.arange(size / 2, -0.1, -1):
        half = int(size / 2 - J)
        copies = factorial(size) * (2 * J + 1) / (factorial(half) * factorial(int(size / 2 + J) + 1))
        for M in np.arange(-J, J + 1):
            rho = dicke_block(size, J, M)
            np.testing.assert_allclose(np.trace(rho @ rho), 1 / copies, **TIGHT)
            np.testing.assert_allclose(swap(rho, [2] * size, 0, size - 1), rho, **TIGHT)
            second = solve(spins(size), rho, [0.0]).second[0]
            across = 2 * (J * (J + 1) - M**2) / size**2
            np.testing.assert_allclose(second, np.diag([across, across, 4 * M**2 / size**2]), **TIGHT)
            total += copies * rho
    np.testing.assert_allclose(total, np.eye(2**size), **TIGHT)
    with pytest.raises(ValueError, match="no state"):
        dicke_block(size, size / 2 + 1, size / 2)


def test_symmetric_states_count_the_particles_down():
    size, ket = 4, tilted(1.1, 0.4)
    model = spins(size)
    amplitudes = [np.sqrt(comb(size, k)) * ket[0] ** (size - k) * ket[1] ** k for k in range(size + 1)]
    expected = product_state(model, {"s": ket})
    np.testing.assert_allclose(symmetric_state(model, {"s": amplitudes}), expected, **TIGHT)
    for k in range(size + 1):
        np.testing.assert_allclose(
            symmetric_block(size, np.eye(size + 1)[k]), dicke_block(size, size / 2, size / 2 - k), **TIGHT
        )


def test_states_of_several_blocks_keep_the_order_of_the_blocks():
    model = Model([Block("a", 1), Block("b", 2)])
    rho = dicke_state(model, {"b": (1, 0), "a": (0.5, -0.5)})
    triplet = np.outer([0, 1, 1, 0], [0, 1, 1, 0]) / 2
    np.testing.assert_allclose(rho, np.kron(np.diag([0, 1]), triplet), **TIGHT)
    with pytest.raises(ValueError, match="two levels"):
        dicke_state(Model([Block("q", 1, levels=3)]), {"q": (0.5, 0.5)})
    with pytest.raises(ValueError, match="normalised"):
        product_state(model, {"a": [1, 1], "b": [1, 0]})


# ---- everything at once --------------------------------------------------------------------------


def random_matrix(rng, d, hermitian=False):
    m = rng.normal(size=(d, d)) + 1j * rng.normal(size=(d, d))
    return (m + m.conj().T) / 2 if hermitian else m / 2


def everything(sizes, seed=0):
    """Two and three levels, arguments that commute neither with each other nor with H, a trace in every j."""
    rng = np.random.default_rng(seed)
    levels = {"a": 2, "b": 3}
    h = {b: random_matrix(rng, d, hermitian=True) for b, d in levels.items()}
    A, B = random_matrix(rng, 2), random_matrix(rng, 3)
    C = random_matrix(rng, 2)
    g = 0.7 - 0.4j
    x = {(i, b): random_matrix(rng, d, hermitian=True) for i in range(3) for b, d in levels.items()}
    j = {(i, b): random_matrix(rng, d) for i in range(3) for b, d in levels.items()}
    y = {b: random_matrix(rng, d) for b, d in levels.items()}
    return Model(
        [Block(b, size, levels=levels[b]) for b, size in sizes.items()],
        [
            OneBody(h["a"], "a"),
            OneBody(h["b"], "b"),
            TwoBody(A, B, g, blocks=("a", "b")),
            TwoBody(A.conj().T, B.conj().T, np.conj(g), blocks=("a", "b")),
            TwoBody(C, C.conj().T, 0.6, blocks=("a", "a")),
        ],
        [
            LocalJump(j[0, "a"], "a", amplitude=quadratic, argument={"a": x[0, "a"], "b": x[0, "b"]}),
            LocalJump(j[1, "a"], "a", rate=exponential, argument={"a": x[1, "a"]}, exclude_self=True),
            LocalJump(j[1, "b"], "b", rate=exponential, argument={"a": x[2, "a"], "b": x[1, "b"]}, exclude_self=True),
            LocalJump(j[2, "b"], "b", amplitude=quadratic, argument={"a": x[2, "a"]}, exclude_self=True),
            LocalJump(j[2, "a"], "a"),
            CollectiveJump({"a": y["a"], "b": y["b"]}, rate=0.8),
        ],
    )


def quadratic(x):
    return 0.4 - 0.3 * x + 0.2 * x**2


def exponential(x):
    return 0.3 * np.exp(0.8 * x)


def written_out(model):
    """H and all J from the definitions, matrix element by matrix element, Γ without any diagonalisation."""
    levels = [b.levels for b in model.blocks for _ in range(b.size)]
    owner = [b.name for b in model.blocks for _ in range(b.size)]
    size = {b.name: b.size for b in model.blocks}
    N, basis = len(levels), list(product(*(range(d) for d in levels)))

    def one(matrix, k):
        return np.array(
            [[matrix[s[k], r[k]] * (s[:k] == r[:k] and s[k + 1 :] == r[k + 1 :]) for r in basis] for s in basis]
        )

    H = np.zeros((len(basis),) * 2, dtype=complex)
    for term in model.hamiltonian:
        for k in range(N):
            if isinstance(term, OneBody):
                if owner[k] == term.block:
                    H += one(term.matrix, k)
            else:
                for j in range(N):
                    if (owner[k], owner[j]) == tuple(term.blocks):
                        H += term.strength / N * one(term.first, k) @ one(term.second, j)
    jumps = []
    for jump in model.jumps:
        if isinstance(jump, CollectiveJump):
            L = sum(one(jump.matrices[owner[k]], k) for k in range(N))
            jumps.append(np.sqrt(jump.rate / N) * L)
            continue
        for k in range(N):
            if owner[k] != jump.block:
                continue
            delta = np.zeros_like(H)
            for j in range(N):
                if owner[j] in jump.argument and not (jump.exclude_self and j == k):
                    delta += one(jump.argument[owner[j]], j) / size[owner[j]]
            if jump.amplitude is not None:
                gamma = 0.4 * np.eye(len(basis)) - 0.3 * delta + 0.2 * delta @ delta
            elif jump.rate is not None:
                gamma = np.sqrt(0.3) * expm(0.4 * delta)
            else:
                gamma = np.eye(len(basis))
            jumps.append(one(jump.matrix, k) @ gamma)
    return H, jumps


def superoperator(H, jumps):
    one = np.eye(len(H))
    L = -1j * (np.kron(H, one) - np.kron(one, H.T))
    for J in jumps:
        JJ = J.conj().T @ J
        L += np.kron(J, J.conj()) - (np.kron(JJ, one) + np.kron(one, JJ.T)) / 2
    return L


def random_state(rng, dimension):
    root = rng.normal(size=(dimension, 3)) + 1j * rng.normal(size=(dimension, 3))
    rho = root @ root.conj().T
    return rho / np.trace(rho).real


@pytest.mark.parametrize("sizes", [{"a": 2, "b": 1}, {"b": 2, "a": 1}, {"a": 1, "b": 2}])
def test_everything_at_once_against_the_exponential_of_the_superoperator(sizes):
    model = everything(sizes)
    oracle = Oracle(model)
    H, jumps = written_out(model)
    np.testing.assert_allclose(oracle.hamiltonian, H, **TIGHT)
    assert len(oracle.jumps) == len(jumps)
    for found, expected in zip(oracle.jumps, jumps, strict=True):
        np.testing.assert_allclose(found, expected, **TIGHT)
    L = superoperator(H, jumps)
    np.testing.assert_allclose(oracle.liouvillian(), L, rtol=0, atol=1e-11)

    rho0 = random_state(np.random.default_rng(1), oracle.dimension)
    np.testing.assert_allclose(oracle.apply(rho0).ravel(), L @ rho0.ravel(), rtol=0, atol=1e-11)
    solution = oracle.solve(rho0, [0.4, 1.2])
    step = expm(0.4 * L)
    first = step @ rho0.ravel()
    third = step @ (step @ first)
    np.testing.assert_allclose(solution.rho[0].ravel(), first, **TIGHT)
    np.testing.assert_allclose(solution.rho[1].ravel(), third, **TIGHT)


def test_wrong_models_are_seen():
    model = everything({"a": 2, "b": 1})
    rho0 = random_state(np.random.default_rng(1), 12)
    right = solve(model, rho0, [0.5]).rho[0]
    assert np.abs(solve(model, rho0, [0.5], gamma_after=True).rho[0] - right).max() > 1e-3
    for i, jump in enumerate(model.jumps):
        if isinstance(jump, LocalJump) and jump.block in jump.argument:
            other = replace(jump, exclude_self=not jump.exclude_self)
            jumps = [*model.jumps[:i], other, *model.jumps[i + 1 :]]
            wrong = Model(model.blocks, model.hamiltonian, jumps)
            assert np.abs(solve(wrong, rho0, [0.5]).rho[0] - right).max() > 1e-3


@pytest.mark.validation
def test_states_stay_states_and_exchangeable_ones_exchangeable():
    model = everything({"a": 3, "b": 2}, seed=3)
    levels = [2, 2, 2, 3, 3]
    rng = np.random.default_rng(2)
    ket = rng.normal(size=3) + 1j * rng.normal(size=3)
    ket /= np.linalg.norm(ket)
    ket = np.kron(ket, ket)
    pair = 0.7 * np.outer(ket, ket.conj()) + 0.3 * np.eye(9) / 9
    exchangeable = join_blocks(model, {"a": dicke_block(3, 0.5, 0.5), "b": pair})
    one_marked = random_state(rng, 72)
    for rho0, invariant in ((exchangeable, True), (one_marked, False)):
        for rho in solve(model, rho0, [0.1, 0.5]).rho:
            assert abs(np.trace(rho) - 1) < 1e-12
            assert np.array_equal(rho, rho.conj().T)
            assert np.linalg.eigvalsh(rho)[0] > -1e-13
            for k, j in ((0, 1), (0, 2), (1, 2), (3, 4)):
                assert (np.abs(swap(rho, levels, k, j) - rho).max() < 1e-13) == invariant


def test_long_evolution_stays_a_state():
    # The stationary state of a driven, damped, interacting model: no drift of the trace, no growing error.
    model = spins(
        4,
        [OneBody(0.7 * X, "s"), two_body(Z, Z, 0.5)],
        [LocalJump(LOWER, "s", amplitude=quadratic, argument={"s": Z}), LocalJump(0.5 * RAISE, "s")],
    )
    oracle = Oracle(model)
    solution = oracle.solve(product_state(model, {"s": [1, 0]}), [0.0, 400.0, 500.0])
    assert abs(np.trace(solution.rho[2]) - 1) < 1e-11
    np.testing.assert_allclose(solution.rho[2], solution.rho[1], rtol=0, atol=1e-11)
    np.testing.assert_allclose(oracle.apply(solution.rho[2]), 0, atol=1e-11)


def test_impossible_requests_are_refused():
    model = spins(2)
    rho0 = product_state(model, {"s": [1, 0]})
    with pytest.raises(ValueError, match="times"):
        solve(model, rho0, [1.0, 0.5])
    with pytest.raises(ValueError, match="rho0"):
        solve(model, rho0 + np.diag([1, 1, 1], k=1), [1.0])
