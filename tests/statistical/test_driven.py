"""Terms that change in time: trajectories against the full space, and what they do at breaks and between them."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest

import cojump as cj
from cojump.trajectories import recipe
from cojump.trajectories.representations import DRIVEN, MODES, PRODUCT
from tests import oracle
from tests.statistical.rules import against_oracle, pool
from tests.support.pauli import LOWER, RAISE, X, Y, Z

TIMES = np.array([0.0, 0.3, 0.7, 1.1])
N_TRAJ = 250
LARGEST_ERROR = 0.04
"""The test has power only while no standard error exceeds this (√(1/250) = 0.063 is the worst there can be)."""

ALONG = 0.6 * X - 0.2 * Y + 0.7 * Z


def wave(t):
    return 1.2 * np.cos(4 * t)


def pulse(t):
    return 2 * np.exp(-(((t - 0.5) / 0.1) ** 2))


def quench(t):
    """Of numbers only; it jumps at 0.45, where it has a ramp behind it."""
    return 0.2 if t < 0.45 else 0.7 + t


QUENCH = {"envelope": quench, "breaks": (0.45,)}


def spins(hamiltonian, jumps, size=4):
    return cj.Model([cj.Block("a", size)], hamiltonian, jumps)


def rate(axis=Z, **own):
    return cj.LocalJump(LOWER, "a", amplitude=lambda x: 1 + 0.4 * x, argument={"a": axis}, **own)


def of_two_blocks():
    blocks = [cj.Block("a", 2), cj.Block("b", 2)]
    terms = [
        cj.OneBody(0.9 * X, "a", envelope=wave),
        cj.TwoBody(Z, X, 0.8, ("a", "b"), **QUENCH),
        cj.Potential(lambda m: np.abs(m - 0.1), {"a": Z, "b": Z}, envelope=pulse),
    ]
    jumps = [cj.LocalJump(RAISE, "b", rate=lambda x: 1 + x**2, argument={"a": Z}, envelope=pulse), rate()]
    return cj.Model(blocks, terms, jumps)


def of_three_levels():
    step = [np.eye(3)[:, [a]] @ np.eye(3)[[b]] for a, b in ((0, 1), (1, 2))]
    drive = 0.9 * (step[0] + step[0].T) + 0.6j * (step[1] - step[1].T)
    terms = [cj.OneBody(drive, "a", envelope=wave), cj.OneBody(np.diag([0.5, 0, -1]), "a")]
    return cj.Model(
        [cj.Block("a", 3, levels=3)], terms, [cj.LocalJump(step[0], "a", **QUENCH), cj.LocalJump(step[1], "a")]
    )


MODELS = {
    "H": lambda: spins([cj.OneBody(X, "a", envelope=wave), cj.TwoBody(Z, Z, 0.5, ("a", "a"))], [rate()]),
    "a rate, with a break": lambda: spins([cj.OneBody(X, "a")], [rate(**QUENCH), cj.LocalJump(0.5 * RAISE, "a")]),
    "a collective jump": lambda: spins(
        [cj.OneBody(X, "a", **QUENCH)], [cj.CollectiveJump({"a": LOWER + 0.3 * Z}, 2.0, envelope=pulse), rate()]
    ),
    "tilted": lambda: spins([cj.OneBody(Y, "a", envelope=pulse)], [rate(), rate(ALONG, envelope=wave)]),
    "two blocks": of_two_blocks,
    "three levels": of_three_levels,
}


def start(model):
    kets = {}
    for n, block in enumerate(model.blocks):
        ket = np.arange(1, block.levels + 1) + 1j * (np.arange(block.levels)[::-1] - 0.5 * n)
        kets[block.name] = ket / np.linalg.norm(ket)
    return cj.product(model, kets), oracle.product_state(model, kets)


@lru_cache
def _solved(name):
    model = MODELS[name]()
    return oracle.DrivenOracle(model).solve(start(model)[1], TIMES)


def without(model):
    """The same model without its envelopes."""
    hamiltonian, jumps = (
        [replace(term, envelope=None, breaks=()) for term in terms] for terms in (model.hamiltonian, model.jumps)
    )
    return replace(model, hamiltonian=hamiltonian, jumps=jumps)


def ensemble(model, seed, **options):
    return cj.simulate(model, start(model)[0], TIMES, n_traj=N_TRAJ, seed=seed, chunk=200, **options)


@pytest.mark.parametrize("name", MODELS)
def test_the_master_equation_is_that_of_the_full_space(name):
    model = MODELS[name]()
    exact = cj.master_equation(model, start(model)[0], TIMES)
    np.testing.assert_allclose(exact.mean, _solved(name).mean, rtol=0, atol=1e-8)
    np.testing.assert_allclose(exact.second, _solved(name).second, rtol=0, atol=1e-8)
    finer = cj.master_equation(model, start(model)[0], TIMES, tolerance=1e-12)
    np.testing.assert_allclose(exact.mean, finer.mean, rtol=0, atol=1e-10)
    # control: a missing envelope is seen
    wrong = without(model)
    assert np.abs(cj.master_equation(wrong, start(wrong)[0], TIMES).mean - _solved(name).mean).max() > 1e-2


def test_trajectories_agree_with_the_full_space():
    verdicts = {name: against_oracle(ensemble(MODELS[name](), len(name)), _solved(name)) for name in MODELS}
    for name, verdict in verdicts.items():
        print(f"\n{name}: {verdict}", end="")
    together = pool(verdicts.values())
    assert together.passes, verdicts
    assert together.largest_error < LARGEST_ERROR


@pytest.mark.parametrize("name", MODELS)
def test_a_missing_envelope_is_seen(name):
    assert not against_oracle(ensemble(without(MODELS[name]()), 1), _solved(name)).passes


@pytest.mark.parametrize("name", MODELS)
def test_to_the_tolerance(name):
    """Seed for seed, as long as the jumps are the same."""
    model = MODELS[name]()
    for index in range(2):
        one, other = (
            cj.trajectory(model, start(model)[0], TIMES, seed=4, index=index, tolerance=tolerance)
            for tolerance in (1e-9, 1e-12)
        )
        np.testing.assert_array_equal(one.jumps["channel"], other.jumps["channel"])
        np.testing.assert_allclose(one.jumps["time"], other.jumps["time"], rtol=0, atol=1e-7)
        np.testing.assert_allclose(one.mean, other.mean, rtol=0, atol=1e-7)


@pytest.mark.parametrize("factor", [1.0, 2.0])
def test_a_constant_envelope_is_a_factor(factor, monkeypatch):
    """The same jumps as of the model that it stands for; of modes too, whose references know f."""
    # seed for seed in one representation alone: another one draws the outcomes of a jump in another order
    monkeypatch.setattr(recipe, "REPRESENTATIONS", (DRIVEN, MODES, PRODUCT))
    one = {"envelope": lambda _: factor}
    blocks, state = [cj.Block("a", 5), cj.Mode("m")], {"a": [0.6, 0.8], "m": 0.5}

    def made(f=1.0, **own):
        terms = [
            cj.OneBody(f * X, "a", **own),
            cj.ModeEnergy(0.7 * f, "m", **own),
            cj.ModeDrive(0.3j * f, "m", **own),
            cj.ModeCoupling({"a": 0.4 * f * LOWER}, "m", **own),
        ]
        jumps = [cj.LocalJump(f * LOWER, "a", **own), cj.ModeLoss(0.8 * f**2, "m", thermal=0.2, **own)]
        return cj.Model(blocks, terms, jumps)

    driven, plain = made(**one), made(factor)
    for index in range(4):
        a, b = (cj.trajectory(m, cj.product(m, state), TIMES / 2, seed=2, index=index) for m in (driven, plain))
        np.testing.assert_array_equal(a.jumps["channel"], b.jumps["channel"])
        np.testing.assert_allclose(a.mean, b.mean, rtol=0, atol=1e-6)


def test_a_mode_alone_stays_coherent():
    """Energy, drive and loss change in time: no fluctuations, and the amplitude of mean field."""
    terms = [cj.ModeEnergy(2.0, "m", envelope=wave), cj.ModeDrive(1 + 0.5j, "m", envelope=pulse)]
    model = cj.Model([cj.Block("a", 1), cj.Mode("m")], terms, [cj.ModeLoss(1.5, "m", **QUENCH)])
    state = cj.product(model, {"a": [1, 0], "m": 0.8})
    one, mf = cj.trajectory(model, state, TIMES, seed=1, index=0), cj.mean_field(model, state, TIMES)
    np.testing.assert_allclose(one.mean, mf.mean, rtol=0, atol=1e-7)
    for place in range(3):
        plain = list(model.terms)
        plain[place] = replace(plain[place], envelope=None, breaks=())
        wrong = replace(model, hamiltonian=plain[:2], jumps=plain[2:])
        assert np.abs(cj.mean_field(wrong, state, TIMES).mean - one.mean).max() > 0.05


def test_breaks_are_met_exactly():
    """A pulse of area π between two breaks turns a spin over; nothing before it and nothing behind."""
    t1, t2 = 0.4, 0.4 + 1e-4
    flip = cj.OneBody(np.pi / 2 / (t2 - t1) * X, "a", envelope=lambda t: float(t1 < t < t2), breaks=(t1, t2))
    model = spins([flip], [cj.LocalJump(0.0 * LOWER, "a")], size=3)
    one = cj.trajectory(model, cj.tilted(model, 0, 0), [0.0, t1, (t1 + t2) / 2, t2, 1.0], seed=1, index=0)
    np.testing.assert_allclose(one["a.z"].mean, [1, 1, 0, -1, -1], atol=1e-8)


def test_the_number_of_jumps_of_a_pulse():
    """Spins that decay where a pulse says: the mean number is N (1 - e^{-∫f²})."""
    model = spins([], [cj.LocalJump(LOWER, "a", envelope=pulse)], size=20)
    result = cj.simulate(model, cj.tilted(model, 0, 0), [0.0, 0.5, 2.0], n_traj=150, seed=5)
    area = 4 * 0.1 * np.sqrt(np.pi / 2)
    wanted = 2 * np.exp(-np.array([0, area / 2, area])) - 1
    assert (np.abs(result["a.z"].mean - wanted) <= 4 * result["a.z"].stderr + 1e-9).all()
    assert result["a.z"].stderr.max() < 0.02


def test_the_unit_of_time_does_not_matter():
    def made(s):
        return spins(
            [cj.OneBody(0.7 * s * X, "a", envelope=lambda t: np.cos(3 * t * s))],
            [
                cj.LocalJump(
                    np.sqrt(s) * LOWER, "a", envelope=lambda t: np.where(t * s < 0.5, 1.0, 0.2), breaks=[0.5 / s]
                )
            ],
        )

    one, other = (
        cj.trajectory(made(s), cj.tilted(made(s), 1.1, 0.4), TIMES / s, seed=3, index=1) for s in (1.0, 2.0**30)
    )
    np.testing.assert_allclose(other.mean, one.mean, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(other.jumps["channel"], one.jumps["channel"])
