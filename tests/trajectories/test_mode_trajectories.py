"""Trajectories with boson modes: closed forms, a plain Fock space, and the frame that follows the mode."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.linalg import expm
from scipy.sparse import csr_array, eye_array, kron
from scipy.sparse.linalg import expm_multiply

import cojump as cj
from cojump.basis.fock_window import Displacements, FockWindow, displacement
from cojump.ensemble.simulate import simulate
from cojump.trajectories import loop, mode_state
from cojump.trajectories.compilation import prepare
from cojump.trajectories.engine import make_engine
from cojump.trajectories.product_engine import ProductEngine
from cojump.trajectories.product_sectors import MODES_MEMORY
from cojump.trajectories.sector_matrix import program_matrix
from tests.support.pauli import LOWER, RAISE, X, Z

VACUUM = {"atoms": [0, 1]}


def cavity(*terms, size=20, kappa=1.0, thermal=0.0, jumps=()):
    """Particles in their lower level beside a lossy mode."""
    loss = [cj.ModeLoss(kappa, mode="cavity", thermal=thermal)] if kappa else []
    return cj.Model([cj.Block("atoms", size), cj.Mode("cavity")], list(terms), [*loss, *jumps])


def dicke(size, coupling=0.9, *, thermal=0.0, decay=0.3):
    """The Dicke model with decay of single particles."""
    return cavity(
        cj.OneBody(0.5 * Z, "atoms"),
        cj.ModeEnergy(1.0, mode="cavity"),
        cj.ModeCoupling({"atoms": coupling * X}, mode="cavity"),
        size=size,
        thermal=thermal,
        jumps=[cj.LocalJump(np.sqrt(decay) * LOWER, "atoms")],
    )


# ---- Fock states ---------------------------------------------------------------------------------


def test_a_window_has_the_elements_of_the_mode():
    window = FockWindow(3, 7)
    np.testing.assert_allclose(window.lowering.toarray(), np.diag(np.sqrt([4, 5, 6]), 1))
    np.testing.assert_allclose(window.raising.toarray(), np.diag(np.sqrt([4, 5, 6]), -1))
    np.testing.assert_array_equal(window.quanta, [3, 4, 5, 6])


@pytest.mark.parametrize("delta", [0.25, -1.5 + 0.75j, 4j])
def test_a_displacement_makes_coherent_states_and_is_undone(delta):
    n = np.arange(60)
    factorials = np.cumprod(np.r_[1.0, np.arange(1.0, 60)])
    coherent = np.exp(-(abs(delta) ** 2) / 2) * delta**n / np.sqrt(factorials)
    np.testing.assert_allclose(displacement(delta, (0, 1), (0, 60))[:, 0], coherent, rtol=0, atol=1e-13)
    there = displacement(delta, (0, 8), (0, 90))
    np.testing.assert_allclose(displacement(-delta, (0, 90), (0, 8)) @ there, np.eye(8), rtol=0, atol=1e-12)


def test_a_state_is_displaced_with_a_matrix_that_many_windows_share():
    """As with a matrix made for these windows and this phase, the exponential of δ a† - δ* a, whatever came before."""
    rng, kept, alone = np.random.default_rng(3), Displacements(), []
    for delta, source, target in [
        (0.5 - 0.25j, (0, 20), (0, 44)),
        (-0.25 + 0.5j, (10, 30), (2, 60)),
        (-0.75, (0, 70), (0, 90)),
    ]:
        state = rng.normal(size=(3, source[1] - source[0], 2)) + 1j * rng.normal(size=(3, source[1] - source[0], 2))
        made = kept.displaced(delta, source, target, state)
        raising = np.diag(np.sqrt(np.arange(1.0, 200)), -1)
        whole = expm(delta * raising - np.conj(delta) * raising.T)[slice(*target), slice(*source)]
        np.testing.assert_allclose(made, np.einsum("ts,osi->oti", whole, state), rtol=0, atol=1e-11)
        alone.append(np.array_equal(made, Displacements().displaced(delta, source, target, state)))
    assert all(alone)


# ---- closed forms --------------------------------------------------------------------------------


def test_rabi_oscillations_of_one_atom_and_of_many():
    """One excitation: cos²(g t) for an atom in the vacuum; a quantum between N atoms and the mode with g too."""
    g, times = 0.8, np.linspace(0, 4, 9)
    coupled = cj.ModeCoupling({"atoms": g * LOWER}, mode="cavity")
    one = cj.trajectory(
        cavity(coupled, size=1, kappa=0), cj.product(cavity(size=1), {"atoms": [1, 0]}), times, seed=0, index=0
    )
    np.testing.assert_allclose(one["atoms.z"].mean, 2 * np.cos(g * times) ** 2 - 1, rtol=0, atol=1e-8)
    N = 30
    many = cavity(coupled, size=N, kappa=0)
    single = cj.dicke(many, {"atoms": (N / 2, -N / 2 + 1)})
    one = cj.trajectory(many, single, times, seed=0, index=0)
    expected = -1 + 2 * np.cos(g * times) ** 2 / N
    np.testing.assert_allclose(one["atoms.z"].mean, expected, rtol=0, atol=1e-8)


@pytest.mark.parametrize("size", [4, 10_000])
def test_a_driven_mode_stays_coherent_at_any_number_of_photons(size):
    """α(t) of a damped driven mode, and N cov = 1/4: every trajectory is the same coherent state."""
    omega, eta, kappa, start = 0.5, 0.7 - 0.2j, 0.8, 0.3 + 0.1j
    model = cavity(cj.ModeEnergy(omega, mode="cavity"), cj.ModeDrive(eta, mode="cavity"), size=size, kappa=kappa)
    times = np.array([0.0, 0.7, 2.5])
    result = cj.simulate(model, cj.product(model, {**VACUUM, "cavity": start}), times, n_traj=3)
    rate = 1j * omega + kappa / 2
    steady = -1j * eta / rate
    alpha = steady + (start - steady) * np.exp(-rate * times)
    found = result["cavity.x"].mean + 1j * result["cavity.y"].mean
    np.testing.assert_allclose(found, alpha, rtol=0, atol=1e-8)
    np.testing.assert_allclose(result.photons["cavity"].mean, abs(alpha) ** 2, rtol=0, atol=1e-8)
    quarter = np.broadcast_to(np.eye(2) / 4, (3, 2, 2))
    np.testing.assert_allclose(result.covariance[:, 3:, 3:], quarter, rtol=0, atol=1e-13 * size + 1e-8)


def test_thermal_light_fills_a_mode():
    """<a†a> = |α|² e^{-κt} N + n̄ (1 - e^{-κt}), and N cov(x, x) on its way from 1/4 to (1 + 2 n̄)/4."""
    thermal, times = 0.5, np.array([0.5, 2.0, 6.0])
    model = cavity(cj.ModeEnergy(0.5, mode="cavity"), size=10, thermal=thermal)
    result = cj.simulate(model, cj.product(model, {**VACUUM, "cavity": 0.3}), times, n_traj=150, seed=4)
    filled = thermal * (1 - np.exp(-times))
    photons = result.photons["cavity"]
    expected = 0.09 * np.exp(-times) + filled / 10
    assert np.all(np.abs(photons.mean - expected) < 4 * photons.stderr)
    assert np.all(photons.stderr < 0.15 * expected.max())
    spread = np.einsum("taa->ta", result.covariance)[:, 3:]
    errors = np.einsum("taa->ta", result.covariance_stderr)[:, 3:]
    assert np.all(np.abs(spread - (0.25 + filled / 2)[:, None]) < 4 * errors)
    # without the thermal quanta the spread would be 1/4
    assert np.all(np.abs(spread - 0.25)[1:] > 4 * errors[1:])


# ---- a plain Fock space --------------------------------------------------------------------------


def _plain(size, coupling, thermal, decay, start, times, quanta):
    """Means of x, y, z and of the mode from the master equation of N particles beside a truncated Fock space."""
    one, fock = np.eye(2), np.eye(quanta)

    def at(k, matrix):
        factors = [matrix if i == k else one for i in range(size)]
        made = np.eye(1)
        for factor in factors:
            made = np.kron(made, factor)
        return np.kron(made, fock)

    a = np.kron(np.eye(2**size), np.diag(np.sqrt(np.arange(1.0, quanta)), 1))
    H = a.conj().T @ a + sum(0.5 * at(k, Z) + coupling / np.sqrt(size) * (a + a.T) @ at(k, X) for k in range(size))
    jumps = [np.sqrt(1 + thermal) * a, np.sqrt(thermal) * a.T]
    jumps += [np.sqrt(decay) * at(k, LOWER) for k in range(size)]
    D, eye = len(H), eye_array(len(H))
    generator = -1j * (kron(csr_array(H), eye) - kron(eye, csr_array(H.T)))
    for J in jumps:
        JJ = J.conj().T @ J
        generator += kron(csr_array(J), J.conj()) - 0.5 * (kron(csr_array(JJ), eye) + kron(eye, csr_array(JJ.T)))
    ket = start
    for _ in range(size - 1):
        ket = np.kron(ket, start)
    ket = np.kron(ket, np.eye(quanta)[0])
    rho = np.outer(ket, ket.conj()).ravel().astype(complex)
    averages = [sum(at(k, m) for k in range(size)) / size for m in (X, -1j * (RAISE - LOWER), Z)]
    averages += [(a + a.T) / (2 * np.sqrt(size)), (a - a.T) / (2j * np.sqrt(size)), a.T @ a / size]
    generator, found = csr_array(generator), []
    for step in np.diff(times, prepend=0):
        rho = expm_multiply(generator * step, rho)
        found.append([np.trace(m @ rho.reshape(D, D)).real for m in averages])
    return np.array(found), np.abs(rho.reshape(D, D)[quanta - 1 :: quanta]).max() ** 2


def test_ensemble_averages_are_those_of_a_plain_fock_space():
    """The frame that follows the mode and its jumps leave the master equation as it is; 20 % more coupling does not."""
    times, start = np.array([0.5, 1.0, 1.5]), np.array([np.cos(0.5), np.sin(0.5)])
    model = dicke(2, thermal=0.1)
    result = cj.simulate(model, cj.product(model, {"atoms": start}), times, n_traj=1000, seed=2)
    mean = np.column_stack([result.mean, result.photons["cavity"].mean])
    error = np.column_stack([result.mean_stderr, result.photons["cavity"].stderr])
    assert error.max() < 0.03
    for coupling, holds in ((0.9, True), (1.08, False)):
        exact, edge = _plain(2, coupling, 0.1, 0.3, start, times, 14)
        assert edge < 1e-6
        worst = (np.abs(mean - exact) / error).max()
        assert (worst < 4.5) if holds else (worst > 8)


def test_the_weights_of_all_jumps_are_the_loss_of_norm():
    """-2 Im <H_eff> in any state, with the reference of the jumps away from the frame; each jump has its own share."""
    model, rng = dicke(3, thermal=0.2), np.random.default_rng(5)
    state = mode_state.ModeState(model, cj.product(model, {"atoms": [0.6, 0.8]}), 1e-8, rng)
    state.begin(rng)
    sector = state._sector
    ket = rng.normal(size=sector.size) + 1j * rng.normal(size=sector.size)
    ket.reshape(sector.dims)[..., -1] = 0  # a† leads out of the window there
    sector.displace([0.4 + 0.1j], [-0.2j])
    weights = state._jumps._weights(sector, ket)
    H = program_matrix(sector.h_eff)
    np.testing.assert_allclose(sum(weights), -2 * np.vdot(ket, H @ ket).imag, rtol=1e-12)
    decay = 0.3 * np.vdot(ket, _up(sector) * ket).real
    np.testing.assert_allclose(weights[1], decay, rtol=1e-12)


def _up(sector):
    """Number of atoms up, over a sector of three atoms with J = 3/2."""
    return np.repeat(np.arange(4.0), sector.dims[1])


# ---- the frame -----------------------------------------------------------------------------------


def test_averages_do_not_depend_on_how_closely_the_frame_follows(monkeypatch):
    """Without any jump the state is one and the same in any frame; the tail that is cut is below the tolerance."""
    model = dicke(6, decay=0.0)
    closed = cj.Model([*model.blocks, *model.modes], model.hamiltonian)
    state, times = cj.product(closed, {"atoms": [0.6, 0.8], "cavity": 0.4}), [0, 1, 2.5]
    near = cj.trajectory(closed, state, times, seed=0, index=0)
    monkeypatch.setattr(mode_state, "FAR", 2.0)
    far = cj.trajectory(closed, state, times, seed=0, index=0)
    assert not np.array_equal(near.mean, far.mean)
    np.testing.assert_allclose(near.mean, far.mean, rtol=0, atol=1e-8)


def test_a_tighter_tolerance_gives_the_same_trajectory():
    model = dicke(8)
    state = cj.product(model, {"atoms": [0.6, 0.8], "cavity": 0.4})
    loose, tight = (
        cj.trajectory(model, state, [1.0, 2.0, 4.0], seed=3, index=1, tolerance=tolerance)
        for tolerance in (1e-8, 1e-11)
    )
    assert len(loose.jumps) == len(tight.jumps) > 3
    np.testing.assert_array_equal(loose.jumps["channel"], tight.jumps["channel"])
    np.testing.assert_allclose(loose.mean, tight.mean, rtol=0, atol=1e-6)


def test_few_jumps_are_counted_at_many_photons():
    """κ N |α|² = 900 photons leave in a unit of time; in the frame that follows the mode few jumps are counted."""
    model = cavity(cj.ModeEnergy(0.3, mode="cavity"), size=1000)
    one = cj.trajectory(model, cj.product(model, {**VACUUM, "cavity": 1.0}), [1.0], seed=0, index=0)
    assert len(one.jumps) < 10


@pytest.mark.validation
def test_memory_is_flat_in_time():
    """Superradiance at N = 500: what is kept of windows, moves and displacements stays within its budgets, for good."""
    model = cj.systems.dicke(500, 1.0, 1.0, 0.84, 1.0)
    state = cj.product(model, {"spins": [np.sin(0.3), np.cos(0.3)], "cavity": 0.1})
    prepare([model])  # compiling takes memory, too
    engine = make_engine(model, state, np.array([0.0, 30.0]), 1e-9)
    held: list[float] = []
    engine.run(0, 0, poll=lambda: held.append(_resident()))
    late, end = held[len(held) // 3 : len(held) // 2], held[-len(held) // 4 :]
    assert max(end) < max(late) + 4  # MB; with 256 MB of sectors 100 and more
    assert max(held) < held[0] + 100


def _resident() -> float:
    """MB of memory of this process."""
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


def test_few_windows_of_a_mode_are_kept():
    """A frame that moves would fill any budget with windows that do not come back."""
    model = dicke(2000, decay=0.0)
    state = mode_state.ModeState(model, cj.product(model, VACUUM), 1e-9, np.random.default_rng(0))
    for box in [((0, 400 + 16 * k), (0, 96)) for k in range(48)]:
        state.basis.sector((2000,), box)
    kept = state.basis._kept
    assert len(kept) < 48
    assert kept.used <= MODES_MEMORY < 48 * state.basis.sector((2000,), ((0, 400), (0, 96))).nbytes


def test_parts_that_nothing_couples_keep_their_scales():
    """A mode of one part: its averages count all particles, whether the parts run apart or not."""
    terms = [
        cj.OneBody(0.8 * X, "a"),
        cj.ModeEnergy(0.5, mode="cavity"),
        cj.ModeCoupling({"b": 0.7 * X}, mode="cavity"),
        cj.ModeDrive(0.3, mode="cavity"),
    ]
    parts = [cj.Block("a", 3), cj.Block("b", 2), cj.Mode("cavity")]
    apart = cj.Model(parts, terms)
    joined = cj.Model(parts, [*terms, cj.TwoBody(1e-13 * Z, Z, 1.0, ("a", "b"))])
    times, kets = [0.4, 1.0], {"a": [1, 0], "b": [0.6, 0.8], "cavity": 0.2 - 0.1j}
    first, second = (simulate(m, cj.product(m, kets), times, n_traj=1) for m in (apart, joined))
    np.testing.assert_allclose(first.mean, second.mean, rtol=0, atol=1e-8)
    np.testing.assert_allclose(first.second, second.second, rtol=0, atol=1e-8)


def test_what_ran_before_changes_no_digit_of_a_trajectory(monkeypatch):
    """Sectors that are kept hold the displacements of whoever was there last; polls come after every bit of work."""
    model = dicke(5, thermal=0.2)
    state, times = cj.product(model, {"atoms": [0.6, 0.8], "cavity": 0.4}), np.array([0.5, 1.0, 1.5])
    monkeypatch.setattr(loop, "POLL", 1)
    polls = []
    used = ProductEngine(model, state, times, 1e-9)
    for index in (0, 1, 3):
        used.run(7, index)
    after, alone = used.run(7, 2, poll=lambda: polls.append(1)), ProductEngine(model, state, times, 1e-9).run(7, 2)
    np.testing.assert_array_equal(after.mean, alone.mean)
    np.testing.assert_array_equal(after.second, alone.second)
    assert after.n_jumps == alone.n_jumps
    assert len(polls) > 10


def test_order_parameters_with_a_mode():
    """An order parameter of particles and mode is the same sum of their averages."""
    plain = dicke(3)
    model = replace(plain, order_parameters={"joint": {"atoms": 0.5 * Z, "cavity": (2.0, -1.0)}})
    state = cj.product(model, {"atoms": [0.6, 0.8], "cavity": 0.2})
    result = cj.simulate(model, state, [0.5, 1.0], n_traj=6, keep=2)
    assert result.trajectories.shape == (2, 2, 5)
    expected = 0.5 * result["atoms.z"].mean + 2 * result["cavity.x"].mean - result["cavity.y"].mean
    np.testing.assert_allclose(result.order["joint"].mean, expected, rtol=0, atol=1e-12)


def test_results_with_modes_are_kept(tmp_path):
    model = dicke(4)
    result = cj.simulate(model, cj.product(model, {"atoms": [0.6, 0.8]}), [0.5, 1.0], n_traj=6)
    result.save(tmp_path / "modes.h5")
    loaded = cj.load(tmp_path / "modes.h5")[0]
    np.testing.assert_array_equal(loaded.photons.mean, result.photons.mean)
    assert loaded.model().labels == model.labels
    replayed = cj.trajectory(loaded.model(), loaded.state(), [0.5, 1.0], seed=0, index=2)
    assert replayed.labels == result.labels


def test_a_model_without_modes_has_no_photons():
    model = cj.systems.free_flips(4, 0.5, 1.0, 1.0)
    result = cj.simulate(model, cj.tilted(model, 1.0, 0.0), [0.5], n_traj=2)
    with pytest.raises(cj.ArgumentError, match="`photons` must belong to a boson mode"):
        _ = result.photons
