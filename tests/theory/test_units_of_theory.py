"""The same physics in other units of time: every figure of the theory is the same."""

import numpy as np
import pytest

import cojump as cj
from cojump import bounds, fluctuations, longtime, reduced
from cojump.results.longtime.correlation_time import equal_step
from tests.support.longer import few
from tests.support.pauli import LOWER, X, Y, Z
from tests.support.rescaled_models import UNITS, draw

TIMES = np.array([0.0, 0.3, 1.0, 2.0])
SAME = 1e-9


def _figures(drawn, c, *, rest=True):
    """All theory of a model at c, as numbers without a dimension: rates by c, amplitudes by √c."""
    model, times = drawn.make(c), TIMES / c
    state = drawn.state(model)
    exact = cj.master_equation(model, state, times, tolerance=1e-11)
    steady = cj.steady_state(model)
    mf = cj.mean_field(model, state, times)
    found = {
        "exact": exact.mean,
        "exact.second": exact.second,
        "exact.sectors": exact.sector_weights,
        "exact.deviation": exact.deviation,
        "steady": steady.mean,
        "steady.second": steady.second,
        "mean field": mf.mean,
        "covariance": mf.covariance,
        "correction": mf.correction,
        "deviation": mf.deviation,
    }
    name = model.blocks[0].name
    found["reduced.one"] = reduced.one(model, exact, name)
    found["reduced.distance"] = reduced.distance(model, exact, mf, name)[0]
    if model.blocks[0].size > 1:
        found["reduced.two"] = reduced.two(model, exact, name, name)
    local = drawn.make(c, local_only=True)
    try:
        bound = bounds.gronwall(local, drawn.state(local), times)
    except cj.UnsupportedError:  # the series of Γ does not reach: the same in every unit
        found["gronwall refuses"] = np.ones(1)
    else:
        found["gronwall"] = bound.log10_bound
        found["C_1, C_2"] = np.log10([bound.constants.C_1 / c, bound.constants.C_2 / c])
    return found | _at_rest(model, mf, c) if rest else found


def _at_rest(model, mf, c):
    """Stationary fluctuations where the flow comes to rest, or that it does not."""
    end = cj.mean_field(model, cj.product(model, _last(model, mf)), [0.0, 60 / c])
    try:
        found = fluctuations.stationary(model, [r[-1] for r in end.densities])
    except cj.ArgumentError:  # it moves for ever
        return {"at rest": np.zeros(1)}
    return {"at rest": np.ones(1), "stationary": found.covariance, "stationary correction": found.correction}


def _last(model, mf):
    return {block.name: r[-1] for block, r in zip(model.blocks, mf.densities, strict=True)}


def _compare(found, expected):
    assert found.keys() == expected.keys()
    for name, value in found.items():
        scale = max(1.0, float(np.abs(expected[name]).max()))
        assert np.abs(value - expected[name]).max() <= SAME * scale, name


def _check(drawn, units=UNITS, *, rest=True):
    expected = _figures(drawn, 1.0, rest=rest)
    for c in units:
        _compare(_figures(drawn, c, rest=rest), expected)


SMALL = [(2, (4,)), (2, (2, 1)), (2, (1, 1, 1)), (3, (2,))]
"""Levels and sizes of blocks that take no time."""


@pytest.mark.parametrize("number", few(range(6), 0, 3))
def test_theory_does_not_depend_on_the_unit_of_time(number):
    """One model after the other in other units, so that each kind of blocks meets each unit."""
    drawn = draw(number, SMALL)
    _check(drawn, (UNITS[(number + number // 4) % 4],), rest=number in (0, 3))


@pytest.mark.validation
@pytest.mark.parametrize("number", range(100, 300))
def test_theory_of_two_hundred_models_does_not_depend_on_the_unit_of_time(number):
    _check(draw(number), rest=number % 4 == 0)


DIMENSIONS = {
    "Lemma 1 i": 0.5,
    "Lemma 1 ii": 0.5,
    "Lemma 1 iii": 1,
    "Lemma 1 iv": 1,
    "Lemma 2 O": 1,
    "Lemma 2 X": 1,
    "Lemma 3": 1,
    "(32)": 1,
}
"""Powers of a rate; a jump without an amplitude has its rate in j, and Γ = 1 in any unit."""


@pytest.mark.parametrize("number", few([0, 1, 3], 0))
def test_lemmas_do_not_depend_on_the_unit_of_time(number):
    drawn = draw(number, SMALL)
    expected = bounds.lemmas(drawn.make(local_only=True))
    with_rate = [jump.has_rate for jump in drawn.make(local_only=True).jumps]
    for c in (UNITS[0], UNITS[-1]):
        found = bounds.lemmas(drawn.make(c, local_only=True))
        for one, same in zip(found, expected, strict=True):
            assert (one.name, one.jump, one.operator) == (same.name, same.jump, same.operator)
            power = DIMENSIONS[one.name]
            if one.jump is not None and not with_rate[one.jump] and one.name.startswith("Lemma 1"):
                power = 0
            assert one.norm / c**power == pytest.approx(same.norm, rel=1e-9, abs=1e-10), str(one)
            assert one.constant / c**power == pytest.approx(same.constant, rel=1e-9)
            assert (one.norm > 0) == (same.norm > 0), str(one)


@pytest.mark.parametrize("c", [1e-12, 1e12])
def test_what_vanishes_vanishes_in_any_unit(c):
    """[Γ, m_z] of a rate along z is zero: its rounding once counted as a norm in large units."""
    model = cj.Model(
        [cj.Block("s", 6)],
        [cj.OneBody(c * (0.6 * X + 0.8 * Z), "s")],
        [cj.LocalJump(LOWER, "s", amplitude=lambda v: np.sqrt(c) * (1.3 + v), argument={"s": 0.6 * X + 0.8 * Z})],
    )
    one = {i.name: i.norm for i in bounds.lemmas(model) if i.operator.endswith("1")}
    assert all(value == 0 for value in one.values())
    turned = [i for i in bounds.lemmas(model) if i.name == "Lemma 1 ii"]
    assert max(i.scaled for i in turned) == pytest.approx(np.sqrt(c), rel=10)


ENERGIES = (1e-12, 1e-6, 1.0, 1e6, 1e12)


@pytest.mark.parametrize("c", ENERGIES)
def test_hermitian_is_meant_relative_to_the_energies(c):
    block = [cj.Block("s", 50), cj.Block("t", 3)]
    rounding = c * 1e-14 * np.array([[0, 1j], [1, 0]])
    model = cj.Model(block, [cj.OneBody(c * X + rounding, "s"), cj.TwoBody(X + 1e-14 * Y, Z, c, ("s", "t"))])
    assert len(model.hamiltonian) == 2
    for wrong in (LOWER, X + 1e-6j * Z, 1j * X):
        with pytest.raises(cj.ArgumentError, match="`eps` must be Hermitian"):
            cj.OneBody(c * wrong, "s")
        with pytest.raises(cj.ArgumentError, match=r"`argument\['s'\]` must be Hermitian"):
            cj.LocalJump(LOWER, "s", amplitude=lambda v: v, argument={"s": c * wrong})
    large = cj.OneBody(1e12 * c * X, "s")  # a large energy elsewhere hides nothing
    for first, second, g, blocks in (
        (X, Z, 1j, ("s", "t")),
        (X, Y, 1.0, ("s", "s")),  # S_x S_y is not Hermitian, by 1/N
        (LOWER, LOWER, 1.0, ("s", "s")),
        (np.eye(2), X, 1j, ("t", "s")),
        (np.eye(2), np.eye(2), 1j, ("s", "s")),
        (X, Z, 1 + 1e-6j, ("s", "t")),
    ):
        for others in ([], [large]):
            with pytest.raises(cj.ArgumentError, match="`hamiltonian` must be Hermitian as an operator"):
                cj.Model(block, [cj.TwoBody(first, second, c * g, blocks), *others])


def test_a_wrong_term_of_many_particles_is_refused():
    """(g/N) σ_+ σ_+ among N = 10^8 particles is small against 1, and is no rounding."""
    with pytest.raises(cj.ArgumentError, match="`hamiltonian` must be Hermitian"):
        cj.Model([cj.Block("s", 10**8)], [cj.TwoBody(LOWER, LOWER, 1.0, ("s", "s"))])
    up = LOWER.T
    for size in (1, 2, 10**8):
        cj.Model(
            [cj.Block("s", size)], [cj.TwoBody(up, LOWER, 1.0, ("s", "s")), cj.TwoBody(X + Z, X + Z, 2, ("s", "s"))]
        )


@pytest.mark.parametrize("w", [1e-12, 1e-7, 1.0, 1e7, 1e12])
def test_precession_in_any_unit(w):
    """H = w Σσ_x from all up: <z> = cos 2wt."""
    for size in (1, 10):
        model = cj.systems.free_flips(size, w, 0.0, 0.0)
        times = np.linspace(0, 10, 5) / w
        state = cj.tilted(model, 0.0, 0.0)
        expected = np.cos(2 * w * times)
        assert cj.master_equation(model, state, times).mean[:, 2] == pytest.approx(expected, abs=1e-9)
        assert cj.mean_field(model, state, times).mean[:, 2] == pytest.approx(expected, abs=1e-9)


def test_statistics_of_long_series_in_any_unit():
    model = cj.systems.free_flips(3, 0.4, 1.0, 0.7)
    one = cj.trajectory(model, cj.tilted(model, 1.1, 0.4), np.arange(0, 400, 0.25), seed=1, index=0)
    z = longtime.kept_series(one, "spins.z")
    figures = []
    for c in (*UNITS, 1.0):
        jumps = one.jumps.copy()
        jumps["time"] /= c
        tau = longtime.autocorrelation_time(z, spacing=0.25 / c)
        stays = longtime.residence(one.times / c, z, -0.3, 0.3)
        waits = longtime.waiting_times(jumps, end=400 / c)
        density = longtime.WaitingTimes(waits.intervals, waits.cut).density(np.array([0.0, 0.5, 1.0]) / c)
        times = np.array([tau.value, tau.stderr, *stays.mean, *stays.stderr, waits.mean, waits.stderr])
        figures.append([*(times * c), *(np.array(density).ravel() / c), *stays.step_bias, waits.randomness])
        assert tau.reliable
        assert equal_step(one.times / c) == pytest.approx(0.25 / c, rel=1e-12)
    for found in figures[:-1]:
        assert found == pytest.approx(figures[-1], rel=1e-9)
