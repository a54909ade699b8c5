"""Terms that change in time: mean field and fluctuations against closed forms and against models that do not change."""

from dataclasses import replace

import numpy as np
import pytest

import cojump as cj
from cojump.model.driven import Drive, jump_rate
from tests.support.longer import few
from tests.support.pauli import LOWER, RAISE, X, Y, Z

S = "spins"
TIMES = np.array([0.0, 0.4, 1.0, 1.7])


def spins(hamiltonian, jumps=(), size=10):
    return cj.Model([cj.Block(S, size)], hamiltonian, jumps)


def test_the_area_of_a_pulse_is_the_angle():
    def pulse(t):
        return np.exp(-(((t - 5) / 0.03) ** 2))

    model = spins([cj.OneBody(7 * X, S, envelope=pulse)])
    mf = cj.mean_field(model, cj.tilted(model, 0, 0), [0, 4, 10, 50])
    angle = 2 * 7 * 0.03 * np.sqrt(np.pi)
    np.testing.assert_allclose(mf[f"{S}.z"].mean, [1, 1, np.cos(angle), np.cos(angle)], atol=1e-9)


def test_an_envelope_that_has_hardly_begun():
    """Times in a unit of the rates are 0."""
    model = spins([cj.OneBody(X, S, envelope=np.sin)])
    mf = cj.mean_field(model, cj.tilted(model, 0.3, 0), [1e-290, 1e-280])
    np.testing.assert_allclose(mf.mean, [[np.sin(0.3), 0, np.cos(0.3)]] * 2, atol=1e-15)


def test_a_quench_by_hand():
    """A field along z turns +x by an angle, then one along x."""
    t1, a, b = 0.7, 0.9, 1.3
    terms = [
        cj.OneBody(a * Z, S, envelope=lambda t: float(t < t1), breaks=[t1]),
        cj.OneBody(b * X, S, envelope=lambda t: np.where(t < t1, 0.0, 1.0), breaks=[t1]),
    ]
    model = spins(terms)
    times = np.array([0.0, 0.3, t1, 1.0, 2.0])
    mf = cj.mean_field(model, cj.tilted(model, np.pi / 2, 0), times)
    phi, psi = 2 * a * np.minimum(times, t1), 2 * b * np.maximum(times - t1, 0)
    wanted = np.stack([np.cos(phi), np.sin(phi) * np.cos(psi), np.sin(phi) * np.sin(psi)], axis=1)
    np.testing.assert_allclose(mf.mean, wanted, atol=1e-10)


@pytest.mark.parametrize("speed", few([0.5, 2.0], 0.5))
def test_landau_zener(speed):
    """H = (v t/2) σ_z + g σ_x between eigenstates far away: a part e^{-2π g²/v} does not follow."""
    g, end = 0.4, 30.0
    model = spins([cj.OneBody(0.5 * speed * Z, S, envelope=lambda t: t - end), cj.OneBody(g * X, S)])

    def upper(detuning):
        return np.linalg.eigh(0.5 * detuning * Z + g * X)[1][:, 1]

    mf = cj.mean_field(model, cj.product(model, {S: upper(-speed * end)}), [0, 2 * end])
    ket = upper(speed * end)
    stays = (ket.conj() @ mf.densities[0][-1] @ ket).real
    # what oscillates around it goes as g/(v t)² between eigenstates
    assert 1 - stays == pytest.approx(np.exp(-2 * np.pi * g**2 / speed), abs=5 * g / (speed * end) ** 2)


@pytest.mark.parametrize("unit", [1e-6, 3.7, 1e9])
def test_the_unit_of_time_does_not_matter(unit):
    def made(s):
        f = {"envelope": lambda t: np.cos(3 * t * s)}
        return spins(
            [cj.OneBody(0.7 * s * X, S, **f), cj.TwoBody(Z, Z, 0.4 * s, (S, S))],
            [cj.LocalJump(np.sqrt(s) * LOWER, S, envelope=lambda t: np.where(t * s < 1, 1.0, 0.2), breaks=[1 / s])],
        )

    one, other = (cj.mean_field(made(s), cj.tilted(made(s), 1.1, 0.4), TIMES / s) for s in (1.0, unit))
    np.testing.assert_allclose(other.mean, one.mean, rtol=0, atol=1e-9)
    np.testing.assert_allclose(other.covariance, one.covariance, rtol=0, atol=1e-7)
    np.testing.assert_allclose(other.correction, one.correction, rtol=0, atol=1e-7)


def of_all_kinds(factor=1.0, **own):
    """Every kind of term, its strength times a factor."""
    root = np.sqrt(factor) if not own else 1.0
    blocks = [cj.Block(S, 6), cj.Block("b", 4), cj.Mode("m")]
    n = np.diag([1.0, 0.0])
    return cj.Model(
        blocks,
        [
            cj.OneBody(0.7 * factor * X, S, **own),
            cj.TwoBody(Z, X, 0.3 * factor, (S, "b"), **own),
            cj.Potential(lambda m: m**3, {S: Y}, factor=0.4 * factor, **own),
            cj.ModeEnergy(0.6 * factor, "m", **own),
            cj.ModeDrive(0.2j * factor, "m", **own),
            cj.ModeCoupling({S: 0.5 * factor * LOWER, "b": 0.2 * factor * X}, "m", **own),
        ],
        [
            cj.LocalJump(0.5 * factor * LOWER, S, rate=lambda x: 1 + x**2, argument={"b": n}, **own),
            cj.LocalJump(0.5 * factor * RAISE, "b", amplitude=np.exp, argument={"b": n}, exclude_self=True, **own),
            cj.CollectiveJump({S: LOWER, "b": 1j * RAISE}, 0.4 * root**4, **own),
            cj.ModeLoss(0.8 * root**4, "m", thermal=0.3, **own),
        ],
    )


def start(model):
    return cj.product(model, {S: [0.6, 0.8j], "b": [0.8, 0.6], "m": 0.2 - 0.4j})


@pytest.mark.parametrize("factor", few([1.0, 2.0], 2.0))
def test_a_constant_envelope_is_a_factor(factor):
    driven, plain = of_all_kinds(envelope=lambda _: factor), of_all_kinds(factor)
    one, other = (cj.mean_field(model, start(model), TIMES) for model in (driven, plain))
    np.testing.assert_allclose(one.mean, other.mean, rtol=0, atol=1e-9)
    np.testing.assert_allclose(one.covariance, other.covariance, rtol=0, atol=1e-7)
    np.testing.assert_allclose(one.correction, other.correction, rtol=0, atol=1e-7)
    # control
    wrong = of_all_kinds(1.02 * factor)
    assert np.abs(cj.mean_field(wrong, start(wrong), TIMES).mean - one.mean).max() > 1e-3


@pytest.mark.parametrize("place", range(10))
def test_each_term_has_its_own(place):
    """A term alone that is twice as strong, against one whose envelope is 2."""

    def twice(model, change):
        terms = list(model.terms)
        terms[place] = change(terms[place])
        n = len(model.hamiltonian)
        return replace(model, hamiltonian=terms[:n], jumps=terms[n:])

    strength = ("eps", "g", "factor", "omega", "eta", "matrices", "j", "j", "rate", "kappa")[place]

    def stronger(term):
        value = getattr(term, strength)
        factor = 4 if place >= 8 else 2
        more = {b: factor * y for b, y in value.items()} if isinstance(value, dict) else factor * value
        return replace(term, **{strength: more})

    plain = of_all_kinds()
    one = twice(plain, stronger)
    other = twice(plain, lambda term: replace(term, envelope=lambda _: 2.0))
    means = [cj.mean_field(model, start(model), TIMES).mean for model in (one, other, plain)]
    np.testing.assert_allclose(means[1], means[0], rtol=0, atol=1e-9)
    assert np.abs(means[2] - means[0]).max() > 1e-3


def test_pieces_are_joined():
    """f that changes at a break is two models, one after the other."""
    first, second = of_all_kinds(1.0), of_all_kinds(0.5)
    driven = of_all_kinds(envelope=lambda t: 1.0 if t < 0.8 else 0.5, breaks=(0.8,))
    before = cj.mean_field(first, start(first), [0, 0.8])
    halfway = cj.product(
        second, {S: before.densities[0][-1], "b": before.densities[1][-1], "m": complex(before.amplitudes[-1, 0])}
    )
    after = cj.mean_field(second, halfway, [0, 0.2, 0.9])
    found = cj.mean_field(driven, start(driven), [0.8, 1.0, 1.7])
    np.testing.assert_allclose(found.mean, after.mean, rtol=0, atol=1e-9)


def test_fluctuations_are_the_limit_of_exact_ones():
    """N·covariance and N·(mean - mean field) of 16 and 32 spins, extrapolated, while everything changes in time."""

    def made(size):
        n = np.diag([1.0, 0.0])
        terms = [
            cj.OneBody(0.8 * X, S, envelope=lambda t: np.cos(3 * t)),
            cj.TwoBody(Z, Z, 0.5, (S, S), envelope=lambda t: 1.0 if t < 0.6 else 0.2, breaks=[0.6]),
        ]
        jumps = [
            cj.LocalJump(LOWER, S, rate=lambda x: 1 + x**2, argument={S: n}, envelope=lambda t: 0.5 + t),
            cj.CollectiveJump({S: LOWER}, 0.5, envelope=np.sin),
        ]
        return spins(terms, jumps, size)

    times = [0.0, 0.5, 1.0]
    mf = cj.mean_field(made(8), cj.tilted(made(8), 1.1, 0.4), times)
    found = []
    for size in (16, 32):
        exact = cj.master_equation(made(size), cj.tilted(made(size), 1.1, 0.4), times)
        found.append((exact.covariance, size * (exact.mean - mf.mean)))
    for theory, small, large in zip((mf.covariance, mf.correction), *found, strict=True):
        limit = 2 * large - small
        assert np.abs(limit - theory)[1:].max() < 0.02 * np.abs(theory).max()
        # control: one system alone is not the limit to this
        assert np.abs(small - theory)[1:].max() > 0.02 * np.abs(theory).max()


def test_errors_number_terms_as_the_model_does():
    """A part of the model has its own first jump; its errors do not call it so."""
    kinked = cj.LocalJump(LOWER, S, rate=lambda x: np.abs(x - 0.1), argument={S: Z}, envelope=np.cos)
    model = spins([cj.OneBody(X, S)], [cj.LocalJump(RAISE, S), kinked])
    with pytest.raises(cj.UnsupportedError, match=r"rate of jumps\[1\] is not smooth at Δ = 0\.1"):
        cj.fluctuations.fluctuations(model, cj.product(model, {S: np.diag([0.55, 0.45])}), [0.0, 1.0])
    wrong = replace(kinked, rate=np.square, derivatives=(lambda x: x * np.nan, np.ones_like))
    model = spins([cj.OneBody(X, S)], [cj.LocalJump(RAISE, S), wrong])
    line = r"`jumps\[1\].derivatives\[0\]` must return a number at each point inside the spectrum, but at Δ = "
    with pytest.raises(cj.ArgumentError, match=line):
        cj.fluctuations.fluctuations(model, cj.tilted(model, 1.1, 0.4), [0.0, 1.0])


def test_rates_and_scales_know_f():
    """The number of jumps that is expected, and the unit of time that integrators see."""
    ramp = cj.envelopes.linear(0.0, 2.0, 0.0, 3.0)
    model = spins([], [cj.LocalJump(LOWER, S, envelope=ramp), cj.LocalJump(RAISE, S)], size=10)
    assert jump_rate(model, 2.0) == pytest.approx(10 * (1 + 9 / 3), rel=1e-3)
    assert jump_rate(replace(model, jumps=model.jumps[1:]), 2.0) == pytest.approx(10)
    strong = spins([cj.OneBody(X, S, envelope=cj.envelopes.step(1e-13, 0.0, 2.0**40))])
    assert Drive(strong, 1e-12).unit_rate == 2.0**40
    assert Drive(model, 2.0).unit_rate == 1.0
    mf = cj.mean_field(strong, cj.tilted(strong, 0, 0), [0.0, 1e-12])
    assert mf[f"{S}.z"].mean[-1] == pytest.approx(np.cos(2 * 2.0**40 * 9e-13), abs=1e-9)
