"""Input that was once accepted, hung, or ended in a traceback: each is one clear line, or works."""

import numpy as np
import pytest

import cojump as cj

S = "spins"
X, Z = np.array([[0, 1], [1, 0]]), np.diag([1.0, -1.0])
DOWN = np.array([[0, 0], [1, 0]])


def spins(*jumps, size=6):
    return cj.Model([cj.Block(S, size)], [cj.OneBody(0.7 * X, S)], list(jumps))


@pytest.mark.parametrize("times", [["0", "1"], [0, 1j], [True, False], [[0.0, 1.0]], []])
def test_times_that_are_no_times(times):
    model = spins()
    with pytest.raises(cj.ArgumentError, match="Argument `times` must be"):
        cj.simulate(model, cj.tilted(model, 1.1, 0.4), times, n_traj=1)


@pytest.mark.parametrize("times", [[0, 1e-310, 1.0], [5e-324]])
def test_times_that_are_hardly_numbers(times):
    model = spins()
    with pytest.raises(cj.ArgumentError, match=r"`times` must be 1e-300 or later behind 0, but times\[.\] = "):
        cj.simulate(model, cj.tilted(model, 1.1, 0.4), times, n_traj=1)


@pytest.mark.parametrize("end", [0.0, 1e-300, 1e-299])
def test_times_at_the_end_of_numbers(end):
    """Beside a mode, too, whose frame follows mean field until then."""
    model = cj.systems.dicke(2, 1.0, 1.0, 0.4, 1.0)
    state = cj.tilted(model, 0.3, 0.0)
    times = np.unique([0.0, end])
    for found in (
        cj.master_equation(model, state, times),
        cj.simulate(model, state, times, n_traj=1),
        cj.mean_field(model, state, times),
    ):
        assert np.abs(found.mean - found.mean[0]).max() < 1e-12


@pytest.mark.parametrize("element", [1e-160, 1e-161])
def test_rates_that_are_hardly_numbers(element):
    """They divided by a unit of time that had become 0."""
    model = cj.Model([cj.Block(S, 6)], [], [cj.LocalJump(element * DOWN, S)])
    assert model.unit_rate == 2.0**-1000
    state = cj.dicke(model, {S: (3, 2)})
    result = cj.simulate(model, state, [0.0, 1.0], n_traj=2)
    assert result.n_jumps == 0
    np.testing.assert_allclose(result.mean, np.tile(cj.mean_field(model, state, [0.0]).mean, (2, 1)), atol=1e-12)


@pytest.mark.parametrize(
    "find",
    [
        lambda model: cj.steady_state(model),
        lambda model: cj.counting.theta(model, [0.0, 0.5]),
        lambda model: cj.spectrum.gap(model),
        lambda model: cj.spectrum.slowest(model),
        lambda model: cj.spectrum.stationary(model),
        lambda model: cj.attractors.fixed_points(model, starts=4),
        lambda model: cj.attractors.survey(model),
        lambda model: cj.attractors.stability(model, cj.tilted(model, 0.3, 0.0)),
        lambda model: cj.attractors.limit_cycle(model, cj.tilted(model, 0.3, 0.0)),
        lambda model: cj.fluctuations.stationary(model, cj.tilted(model, 0.3, 0.0)),
    ],
)
@pytest.mark.parametrize("rate", [1e-310, 1e-150])
def test_rests_of_what_hardly_moves(find, rate):
    """The search for fixed points went on for ever, θ(s) had numbers that are none."""
    with pytest.raises(cj.ArgumentError, match=r"`model` must move at a rate of 1e-100 or more, .* fastest one is 1e-"):
        find(cj.systems.free_flips(size=6, omega=0.0, rate_up=rate, rate_down=rate / 2))


def test_rests_in_a_long_unit_of_time():
    rate = 1e-99
    model = cj.systems.free_flips(size=6, omega=0.0, rate_up=rate, rate_down=rate / 2)
    assert cj.steady_state(model)["spins.z"].mean == pytest.approx(1 / 3)
    assert cj.counting.theta(model, 0.0).mean / rate == pytest.approx(6 * 2 / 3)
    (point,) = cj.attractors.fixed_points(model, starts=4)
    assert point["spins.z"].mean == pytest.approx(1 / 3)


def test_a_dicke_state_of_another_size():
    state = cj.dicke(spins(size=6), {S: (3, 1)})
    with pytest.raises(cj.ArgumentError, match="be made for this model"):
        cj.simulate(spins(size=8), state, [0.0, 0.5], n_traj=1)


def test_a_rate_that_raises_names_itself():
    with pytest.raises(cj.ArgumentError, match=r"`jumps\[0\].amplitude` must be a function that works .* TypeError"):
        spins(cj.LocalJump(DOWN, S, amplitude={}.__getitem__, argument={S: Z}))


def test_distributions_between_output_times():
    model = spins()
    with pytest.raises(cj.ArgumentError, match=r"`distributions` must hold output times only, but 0.3 is none"):
        cj.simulate(model, cj.tilted(model, 1.1, 0.4), [0.0, 1.0], n_traj=1, distributions=[0.3])


def test_many_patterns_are_refused_at_once():
    model = cj.systems.hopfield(cj.systems.random_patterns(8, 40, 1), 0.5, 1.0)
    with pytest.raises(cj.ArgumentError, match=r"fits in memory, but .* amplitudes need .* GiB"):
        cj.simulate(model, cj.tilted(model, 1.1, 0.4), [0.0, 1.0], n_traj=1)


def test_a_stiff_flow_is_integrated():
    model = spins(cj.LocalJump(1e3 * DOWN, S))
    final = cj.mean_field(model, cj.tilted(model, 1.1, 0.4), [0.0, 1.0]).mean[-1]
    # the adiabatic state of the Bloch equations: m_y = 2Ω·2/γ of the damping, m_z = -1 to first order
    assert final == pytest.approx([0, 4 * 0.7 / 1e6, -1], abs=1e-9)


def test_a_flow_beyond_numbers_is_refused():
    with pytest.raises(
        cj.ArgumentError, match=r"`omega` must be a number of at most 1e\+50 in size, but it is 1e\+300"
    ):
        cj.systems.free_flips(6, 1e300, 1.0, 1.0)
    model = cj.systems.free_flips(6, 1e50, 1.0, 1.0)
    with pytest.raises(cj.ConvergenceError, match="mean-field equations could not be integrated"):
        cj.mean_field(model, cj.tilted(model, 1.1, 0.4), [0.0, 1.0])


def test_dark_states_stay():
    model = cj.systems.constrained(6, 0.0, 1.0, 1.0)
    result = cj.simulate(model, cj.dicke(model, {S: (3, -3)}), [0.0, 1e6], n_traj=2)
    assert result.n_jumps == 0
    assert result.mean[:, 2] == pytest.approx([-1, -1], abs=1e-12)
