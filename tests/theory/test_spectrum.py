"""The spectrum of the generator against brute force on the full space, closed forms, and the master equation."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
from scipy.sparse import csc_array
from scipy.sparse.linalg import eigs

import cojump as cj
from cojump.theory import invariant_parts
from cojump.theory.spectrum import eigenpairs
from tests.oracle import Oracle
from tests.statistical.block_cases import across, together
from tests.statistical.cases import MODELS
from tests.support.pauli import LOWER, X, Y, Z

S = "spins"


def permuted(dimension, levels, order):
    """The matrix that puts particle order[k] in the place of particle k."""
    places = np.arange(dimension).reshape(levels).transpose(order).ravel()
    return np.eye(dimension)[places]


def symmetric_spectrum(model):
    """All eigenvalues of the Liouvillian of the full space on what permutations within the blocks leave as it is."""
    full = Oracle(model)
    groups = [list(permutations(members)) for members in full.members.values()]
    average = np.zeros((full.dimension**2,) * 2)
    count = 0
    for orders in product(*groups):
        P = permuted(full.dimension, full.levels, [k for order in orders for k in order])
        average += np.kron(P, P)
        count += 1
    values, vectors = np.linalg.eigh(average / count)
    basis = vectors[:, values > 0.5]
    return np.linalg.eigvals(basis.T @ full.liouvillian() @ basis)


def upper(values, floor=1e-9):
    """Those that decay, one of each pair, sorted."""
    kept = values[(values.real < -floor) & (values.imag > -floor)]
    return kept[np.lexsort((np.round(kept.imag, 6), -np.round(kept.real, 6)))]


def three_levels(size):
    rng = np.random.default_rng(5)
    j = rng.normal(size=(3, 3)) + 1j * rng.normal(size=(3, 3))
    h = np.array([[0.3, 0.4, 0.1j], [0.4, -0.2, 0.5], [-0.1j, 0.5, 0.0]])
    return cj.Model(
        [cj.Block("a", size, levels=3)],
        [cj.OneBody(h, "a")],
        [cj.LocalJump(j / 3, "a", rate=lambda x: 1 + x**2, argument={"a": np.diag([1.0, 0.0, -1.0])})],
    )


@pytest.mark.parametrize(
    "model",
    [
        MODELS["constrained"](3),
        MODELS["constrained"](4),
        MODELS["traced"](3),
        cj.systems.free_flips(4, 0.0, 1.3, 0.8, 0.4),
        cj.systems.boundary_time_crystal(3, 0.9, 1.2),
        three_levels(2),
        across((2, 1), exclude_self=True),
        together((2, 2)),
    ],
    ids=["constrained 3", "constrained 4", "traced", "free", "time crystal", "three levels", "across", "together"],
)
def test_all_eigenvalues_are_those_of_the_full_space(model):
    expected = upper(symmetric_spectrum(model))
    found = cj.spectrum.slowest(model, len(expected))
    own = upper(found.eigenvalues)
    assert len(own) == len(expected)
    np.testing.assert_allclose(own, expected, rtol=0, atol=1e-7)  # some are nearly degenerate
    np.testing.assert_allclose(own[:3], expected[:3], rtol=0, atol=1e-10)
    assert cj.spectrum.gap(model) == pytest.approx(-expected[0].real, abs=1e-10)
    with pytest.raises(cj.ArgumentError, match=f"at most {len(expected)}, the number of modes that decay"):
        cj.spectrum.slowest(model, len(expected) + 1)


def test_modes_are_what_the_master_equation_decays_with():
    """<m_a>(t) of a start is the sum over all modes."""
    model = MODELS["constrained"](3)
    state = cj.tilted(model, 1.1, 0.4)
    modes = cj.spectrum.slowest(model, 5)
    rest = cj.steady_state(model)
    late = cj.master_equation(model, state, np.array([9.0, 9.4]), tolerance=1e-12)
    # late enough for the slowest pair or mode alone: its averages move together
    slow = modes.eigenvalues[0]
    assert modes.eigenvalues[1].real < slow.real
    moved = late.mean - rest.mean
    c = np.linalg.lstsq(np.column_stack([modes.mean[:3].real.T, modes.mean[:3].imag.T]), moved[0], rcond=None)
    assert np.abs(c[1]).max(initial=0.0) < 1e-12
    assert np.abs(moved).max() < 10 * np.exp(slow.real * 9.0)


def test_one_spin_in_closed_form():
    """Decay γ and dephasing: γ, and the coherence with γ/2 + 2 κ_z at the frequency of the spin."""
    gamma, kappa, omega = 0.8, 0.15, 0.6
    model = cj.Model(
        [cj.Block(S, 1)],
        [cj.OneBody(omega / 2 * Z, S)],
        [cj.LocalJump(np.sqrt(gamma) * LOWER, S), cj.LocalJump(np.sqrt(kappa) * Z, S)],
    )
    found = cj.spectrum.slowest(model, 2)
    expected = sorted([-gamma, complex(-gamma / 2 - 2 * kappa, omega)], key=lambda v: -np.real(v))
    np.testing.assert_allclose(found.eigenvalues, expected, rtol=0, atol=1e-14)
    assert [orders[S] for orders in found.orders] == [1, 0]
    assert cj.spectrum.gap(model) == pytest.approx(0.7, abs=1e-14)
    # x - iy of the coherence, and z of the population
    np.testing.assert_allclose(abs(found.mean[0, :2] / found.mean[0, 0]), [1, 1], rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.mean[1] / found.mean[1, 2], [0, 0, 1], rtol=0, atol=1e-12)


@pytest.mark.parametrize("size", [4, 7])
def test_collective_dephasing_in_closed_form(size):
    """L = √(κ/N) Σσ_z: a coherence of order q decays with 2 κ q²/N; along all three axes tensors of rank l with
    2 κ l(l+1)/N, which is 8 κ/N and 24 κ/N for l = 1, 2 at twice the rate."""
    kappa = 0.7
    along = cj.Model([cj.Block(S, size)], [], [cj.CollectiveJump({S: Z}, rate=kappa)])
    top = cj.symmetric(along, {S: np.ones(size + 1) / np.sqrt(size + 1)})
    found = cj.spectrum.slowest(along, size * (size + 1), state=top)
    order = np.array([orders[S] for orders in found.orders])
    np.testing.assert_allclose(found.eigenvalues, -2 * kappa * order**2 / size, rtol=0, atol=1e-12)
    assert cj.spectrum.gap(along) == pytest.approx(2 * kappa / size, abs=1e-13)
    isotropic = cj.Model([cj.Block(S, size)], [], [cj.CollectiveJump({S: x}, rate=2 * kappa) for x in (X, Y, Z)])
    found = cj.spectrum.slowest(isotropic, 8, state=top)
    np.testing.assert_allclose(
        found.eigenvalues, [-8 * kappa / size] * 3 + [-24 * kappa / size] * 5, rtol=0, atol=1e-12
    )
    # wrong on purpose: rank 3 is not rank 2
    assert abs(cj.spectrum.slowest(isotropic, 9, state=top).eigenvalues[8] + 24 * kappa / size) > 1.0 / size


def test_the_time_crystal_on_both_sides_of_its_transition():
    """Above Ω_c the gap closes with N and the slowest oscillation has the period of mean field; below it stays open."""

    def modes(size, omega):
        model = cj.systems.boundary_time_crystal(
            size, omega, 2.0
        )  # κ of the literature 1, ω_0 = 2 omega: critical at ½
        return cj.spectrum.slowest(model, 6, state=cj.tilted(model, 0, 0))

    crystal = [modes(size, 1.0) for size in (8, 16, 32)]
    turning = [m.eigenvalues[np.argmax(np.abs(m.eigenvalues.imag) > 0.5)] for m in crystal]
    decay = -np.real(turning)
    assert decay[1] < 0.7 * decay[0]
    assert decay[2] < 0.7 * decay[1]
    # mean field turns with the frequency √(ω_0² - κ²)
    frequency = np.imag(turning)
    limit = np.sqrt(2.0**2 - 1.0)
    off = np.abs(frequency - limit)
    assert off[2] < off[1] < off[0]
    assert off[2] < 0.02
    stationary = [modes(size, 0.2).gap for size in (8, 16, 32)]
    assert min(stationary) > 0.8 * np.sqrt(1 - 0.4**2)
    assert max(stationary) < 1.2 * np.sqrt(1 - 0.4**2)


def test_a_damped_mode_beside_spins():
    """Without coupling: λ = -κ(n + m)/2 - iω(n - m) of the mode, whatever Fock states are kept."""
    model = cj.Model(
        [cj.Block(S, 1), cj.Mode("light")],
        [cj.ModeEnergy(1.3, mode="light"), cj.ModeDrive(0.4, mode="light")],
        [cj.ModeLoss(0.5, mode="light"), cj.LocalJump(3 * LOWER, S)],
    )
    found = cj.spectrum.slowest(model, 4)
    own = found.eigenvalues[np.lexsort((found.eigenvalues.imag, -np.round(found.eigenvalues.real, 9)))]
    np.testing.assert_allclose(own[:3], [-0.25 + 1.3j, -0.5, -0.5 + 2.6j], rtol=0, atol=1e-9)
    assert min(abs(own[3] + 0.75 - 1.3j), abs(own[3] + 0.75 - 3.9j)) < 1e-9


def test_the_dicke_model_against_the_full_space():
    model = cj.systems.dicke(2, 1.0, 0.9, 0.3, 0.7, gamma=0.2)
    parity = {model.blocks[0].name: Z, model.mode_names[0]: -1}
    found = cj.spectrum.slowest(model, 2, symmetry=parity)
    full = Oracle(model, fock={"cavity": 10})
    L = csc_array(full.liouvillian())
    for value, phase in zip(found.eigenvalues, found.phases, strict=True):
        brute = eigs(L, k=1, sigma=value + 1e-4, return_eigenvectors=False)
        assert abs(brute[0] - value) < 1e-6
        assert phase in (1, -1)
    assert set(found.phases.real) == {1.0, -1.0}
    # wrong on purpose: another coupling
    wrong = eigs(
        csc_array(Oracle(cj.systems.dicke(2, 1.0, 0.9, 0.35, 0.7, gamma=0.2), fock={"cavity": 10}).liouvillian()),
        k=1,
        sigma=found.eigenvalues[0],
        return_eigenvectors=False,
    )
    assert abs(wrong[0] - found.eigenvalues[0]) > 1e-3


# ---- how it is found -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["constrained", "traced"])
def test_iteration_and_diagonalisation_agree(name, monkeypatch):
    model = MODELS[name](8)
    dense = cj.spectrum.slowest(model, 5)
    monkeypatch.setattr(eigenpairs, "DENSE", 10)
    iterated = cj.spectrum.slowest(model, 5)
    np.testing.assert_allclose(iterated.eigenvalues, dense.eigenvalues, rtol=0, atol=1e-11)
    np.testing.assert_allclose(np.abs(iterated.mean), np.abs(dense.mean), rtol=0, atol=1e-9)
    np.testing.assert_allclose(iterated.sector_shares, dense.sector_shares, rtol=0, atol=1e-9)


def test_without_its_matrix(monkeypatch):
    """A generator that is applied sector by sector has the same spectrum; what needs the matrix refuses (the rest is in
    test_without_matrix.py).
    """
    model = MODELS["constrained"](8)
    stored = cj.spectrum.slowest(model, 4)
    monkeypatch.setattr(eigenpairs, "DENSE", 10)
    monkeypatch.setattr(invariant_parts, "entries_in_one_frame", lambda *_: 1e12)
    np.testing.assert_allclose(cj.spectrum.slowest(model, 4).eigenvalues, stored.eigenvalues, rtol=0, atol=1e-11)
    with pytest.raises(cj.ArgumentError, match="symmetry"):
        cj.spectrum.gap(model, symmetry={S: np.eye(2)})


def test_two_frames():
    """Rates of two arguments that do not commute: one matrix in one frame, against the full space."""
    jumps = [
        cj.LocalJump(LOWER, S, rate=lambda x: 1 + x**2, argument={S: Z}),
        cj.LocalJump(X + 0.3 * Z, S, amplitude=lambda x: 0.5 + 0.2 * x, argument={S: X}),
    ]
    model = cj.Model([cj.Block(S, 3)], [cj.OneBody(0.4 * Y, S)], jumps)
    expected = upper(symmetric_spectrum(model))
    np.testing.assert_allclose(cj.spectrum.slowest(model, 4).eigenvalues, expected[:4], rtol=0, atol=1e-10)


def test_orders_that_the_generator_keeps():
    found = cj.spectrum.slowest(cj.systems.free_flips(6, 0.0, 1.3, 0.8), 8)
    for n, orders in enumerate(found.orders):
        moved = np.abs(found.mean[n]) > 1e-9
        assert moved[2] <= (orders[S] == 0)
        assert moved[:2].any() <= (orders[S] == 1)
    flips = cj.systems.hopfield(np.ones((1, 5)), 0.3, 1.5)
    parity = cj.spectrum.slowest(flips, 6, symmetry={"+": X})
    for n, phase in enumerate(parity.phases.real):
        moved = np.abs(parity.mean[n]) > 1e-9
        assert moved[0] <= (phase > 0)  # x is even, y and z are odd
        assert moved[1:].any() <= (phase < 0)
    plain = cj.spectrum.slowest(flips, 6)
    np.testing.assert_allclose(plain.eigenvalues, parity.eigenvalues, rtol=0, atol=1e-10)
    np.testing.assert_allclose(np.abs(plain.mean), np.abs(parity.mean), rtol=0, atol=1e-9)
    assert np.isnan(plain.phases).all()
    with pytest.raises(cj.ArgumentError, match="does not commute"):
        cj.spectrum.gap(flips, symmetry={"+": Z})


# ---- stationary states ---------------------------------------------------------------------------


def test_each_sector_of_the_time_crystal_has_its_stationary_state():
    model = cj.systems.boundary_time_crystal(5, 0.8, 1.2)
    found = cj.spectrum.stationary(model)
    assert len(found.states) == 3
    assert found.coherences == 0
    own = cj.steady_state(model, cj.dicke(model, {S: (1.5, 0.5)}))
    match = next(s for s in found.states if s.sector_weights[found.sectors.index((3,))] > 0.5)
    np.testing.assert_allclose(match.mean, own.mean, rtol=0, atol=1e-12)
    state = cj.product(model, {S: np.diag([0.3, 0.7])})
    weighted = cj.spectrum.stationary(model, state)
    exact = cj.master_equation(model, state, [150.0])
    np.testing.assert_allclose(weighted.weights.sum(), 1.0, rtol=0, atol=1e-12)
    mixed = sum(w * s.mean for w, s in zip(weighted.weights, weighted.states, strict=True))
    np.testing.assert_allclose(mixed, exact.mean[0], rtol=0, atol=1e-9)
    limit = cj.steady_state(model, state)
    np.testing.assert_allclose(limit.mean, exact.mean[0], rtol=0, atol=1e-9)
    np.testing.assert_allclose(limit.sector_weights, exact.sector_weights[0], rtol=0, atol=1e-9)


def frozen(size):
    """All up and all down are both dark, and the jumps of a start decide between them."""
    flips = [
        cj.LocalJump(X, "a", amplitude=lambda x: 1 - np.abs(x), argument={"a": Z}),
        cj.LocalJump(Z, "a"),
    ]
    return cj.Model([cj.Block("a", size)], [], flips)


def test_two_dark_states_and_what_decides_between_them():
    model = frozen(4)
    found = cj.spectrum.stationary(model)
    assert sorted(float(s.mean[2].round(9)) for s in found.states) == [-1.0, 1.0]
    state = cj.product(model, {"a": np.diag([0.7, 0.3])})
    exact = cj.master_equation(model, state, [400.0])
    limit = cj.steady_state(model, state)
    np.testing.assert_allclose(limit.mean, exact.mean[0], rtol=0, atol=1e-9)
    np.testing.assert_allclose(limit.second, exact.second[0], rtol=0, atol=1e-9)
    weights = cj.spectrum.stationary(model, state).weights
    z = [s.mean[2] for s in found.states]
    np.testing.assert_allclose(weights @ z, exact.mean[0, 2], rtol=0, atol=1e-9)
    assert 0.1 < weights.min() < 0.4
    # Σ J = 1, J ≥ 0
    for labels in found.sectors:
        total = sum(J[labels] for J in found.conserved)
        np.testing.assert_allclose(total, np.eye(len(total)), rtol=0, atol=1e-10)
        assert min(np.linalg.eigvalsh(J[labels])[0] for J in found.conserved) > -1e-10


def test_a_space_without_decoherence():
    """Without jumps on one block its populations and coherences all stay."""
    model = cj.Model([cj.Block("a", 1), cj.Block("b", 1)], [], [cj.LocalJump(LOWER, "b")])
    found = cj.spectrum.stationary(model)
    assert len(found.states) == 2
    assert found.coherences == 2
    state = cj.product(model, {"a": [0.8, 0.6j], "b": [1, 0]})
    limit = cj.steady_state(model, state)
    np.testing.assert_allclose(limit.mean, [0, 0.96, 0.28, 0, 0, -1], rtol=0, atol=1e-12)


def test_a_unique_one_is_the_steady_state():
    model = MODELS["traced"](5)
    found = cj.spectrum.stationary(model)
    np.testing.assert_allclose(found.states[0].covariance, cj.steady_state(model).covariance, rtol=0, atol=1e-9)
    assert len(found.states) == 1


# ---- switching -----------------------------------------------------------------------------------


def test_two_phases_of_a_classical_chain():
    """Two spins' worth of closed form: one two-level particle is two phases by itself, κ_12 = γ_down, κ_21 = γ_up."""
    model = cj.Model(
        [cj.Block(S, 1)],
        [],
        [
            cj.LocalJump(LOWER, S, rate=lambda x: 0.3 + 0 * x, argument={S: Z}),
            cj.LocalJump(LOWER.T, S, rate=lambda x: 0.1 + 0 * x, argument={S: Z}),
        ],
    )
    found = cj.spectrum.switching(model)
    np.testing.assert_allclose(found.rates, [0.3, 0.1], rtol=0, atol=1e-13)
    np.testing.assert_allclose(found.weights, [0.25, 0.75], rtol=0, atol=1e-13)
    np.testing.assert_allclose(found.mean[:, 2], [1, -1], rtol=0, atol=1e-12)
    assert found.separation == np.inf
    assert found.negative < 1e-12


def test_the_weights_of_the_phases_make_the_steady_state():
    model = cj.systems.facilitated(16, 0.1, 5.0, 1.0)
    found = cj.spectrum.switching(model)
    np.testing.assert_allclose(found.weights @ found.mean, cj.steady_state(model).mean, rtol=0, atol=1e-10)
    np.testing.assert_allclose(found.rates.sum(), cj.spectrum.gap(model), rtol=0, atol=1e-10)
    assert found.mean[0, 2] > found.mean[1, 2] + 1


@pytest.mark.parametrize("method", ["populations", "full"])
def test_the_other_phase_of_an_absorbing_state_is_quasi_stationary(method):
    """A contact process: the left-over of what survives, from the chain of n spins up without its absorbing end."""
    N, kappa, gamma = 8, 6.0, 1.0
    found = cj.spectrum.switching(cj.systems.facilitated(N, 0.0, kappa, gamma), method=method)
    n = np.arange(1, N + 1)
    up, down = kappa * (n / N) ** 2 * (N - n), gamma * n
    chain = np.diag(-up - down) + np.diag(up[:-1], -1) + np.diag(down[1:], 1)
    values, vectors = np.linalg.eig(chain)
    slowest = int(np.argmax(values.real))
    lasting = vectors[:, slowest].real / vectors[:, slowest].real.sum()
    np.testing.assert_allclose(found.rates, [-values[slowest].real, 0.0], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.weights, [0.0, 1.0], rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.mean[:, 2], [2 * lasting @ n / N - 1, -1.0], rtol=0, atol=1e-9)
    assert found.times[1] == np.inf
    assert found.negative < 1e-9


def test_a_dark_state_that_coherence_leads_to():
    """The slowest mode of two spins with a drive: nothing is divided by the weight of the phase that dies out."""
    found = cj.spectrum.switching(cj.systems.constrained(2, 0.0, 1.0, 1.0))
    assert np.isfinite(found.mean).all()
    np.testing.assert_allclose(found.rates, [found.gap, 0.0], rtol=0, atol=1e-12)


@pytest.mark.validation
@pytest.mark.parametrize(("size", "trajectories"), [(30, 10), (45, 15), (60, 30)])
def test_rates_of_switching_are_inverse_residence_times(size, trajectories):
    """Within the standard errors and the ratio of the first to the second decay rate, to which both are defined."""
    model, times = cj.systems.facilitated(size, 0.1, 5.0, 1.0), np.arange(20.0, 10_000.0, 0.5)
    found = cj.spectrum.switching(model)
    ones = [cj.longtime.at_jumps(model, cj.tilted(model, 0, 0), times, seed=size, index=i) for i in range(trajectories)]
    stays = cj.longtime.residence([one.times for one in ones], [one.mean[:, 2] for one in ones], -0.7, 0.0)
    for phase in (0, 1):
        mean, error = stays.mean[1 - phase], stays.stderr[1 - phase]
        rate, spread = 1 / mean, error / mean**2
        print(f"N = {size}, phase {phase + 1}: {found.rates[phase]:.5f}, residence {rate:.5f} ± {spread:.5f}")
        assert spread < 0.06 * rate
        assert abs(found.rates[phase] - rate) < 3 * np.hypot(spread, rate / found.separation)
        if size != 45:  # where the two rates are alike
            # wrong on purpose: the rate of the other phase
            assert abs(found.rates[1 - phase] - rate) > 3 * np.hypot(spread, rate / found.separation)


# ---- refusals ------------------------------------------------------------------------------------


def test_what_has_no_gap_or_no_phases():
    still = cj.Model([cj.Block(S, 3)], [cj.OneBody(X, S)], [])
    with pytest.raises(cj.UnsupportedError, match="No mode of the generator decays"):
        cj.spectrum.gap(still)
    driven = cj.Model([cj.Block(S, 3)], [cj.OneBody(X, S, envelope=np.cos)], [cj.LocalJump(LOWER, S)])
    for f in (cj.spectrum.gap, cj.spectrum.slowest, cj.spectrum.stationary, cj.spectrum.switching):
        with pytest.raises(cj.UnsupportedError, match="has an envelope"):
            f(driven)
    with pytest.raises(cj.UnsupportedError, match="does not oscillate"):
        cj.spectrum.switching(cj.Model([cj.Block(S, 1)], [cj.OneBody(X + 5 * Z, S)], [cj.LocalJump(LOWER, S)]))
    with pytest.raises(cj.UnsupportedError, match="4 eigenvalues vanish"):
        cj.spectrum.switching(cj.systems.boundary_time_crystal(6, 0.8, 1.2))
    with pytest.raises(cj.UnsupportedError, match="without modes"):
        cj.spectrum.switching(cj.systems.dicke(2, 1.0, 0.9, 0.3, 0.7))
    with pytest.raises(cj.ArgumentError, match="memory = 4 GiB"):
        cj.spectrum.gap(MODELS["constrained"](10**9))
    with pytest.raises(cj.ArgumentError, match="Argument `k`"):
        cj.spectrum.slowest(MODELS["constrained"](3), 0)
