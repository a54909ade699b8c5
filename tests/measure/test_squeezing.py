"""Squeezing of one block and of sums of blocks: closed forms, the full space, the limit of many particles."""

import numpy as np
import pytest

import cojump as cj
from cojump.errors import ArgumentError
from tests.support.pauli import LOWER, X, Y, Z
from tests.support.two_time_cases import CASES, FullSpace


def twisted(N, chi, gamma=0.0):
    """One-axis twisting with dephasing of each spin, from all spins along x."""
    jumps = [cj.LocalJump(np.sqrt(gamma) * Z, "s")] if gamma else []
    return cj.Model([cj.Block("s", N)], [cj.TwoBody(Z, Z, chi, ("s", "s"))], jumps)


def closed(N, chi, times, gamma=0.0):
    """ξ_S² and ξ_W² of Kitagawa and Ueda, whose correlations dephasing multiplies with e^{-2γt} for each σ_y."""
    mu, lost = 8 * chi * np.asarray(times) / N, np.exp(-2 * gamma * np.asarray(times))
    A = (1 - np.cos(mu) ** (N - 2)) * lost**2
    B = 4 * np.sin(mu / 2) * np.cos(mu / 2) ** (N - 2) * lost
    least = 1 + (N - 1) / 4 * (A - np.hypot(A, B))
    return least, least / (lost * np.cos(mu / 2) ** (N - 1)) ** 2


@pytest.mark.parametrize(
    ("N", "chi", "gamma", "times"),
    [
        (100, 0.9, 0.0, [0.1, 0.4, 1.0]),
        pytest.param(1000, 4.0, 0.0, [0.015], marks=pytest.mark.validation),
        (16, 0.9, 0.05, [0.1, 0.4, 1.0]),
    ],
)
def test_one_axis_twisting_exactly(N, chi, gamma, times):
    model = twisted(N, chi, gamma)
    exact = cj.master_equation(model, cj.tilted(model, np.pi / 2, 0), times, tolerance=1e-12)
    kitagawa_ueda, wineland = closed(N, chi, times, gamma)
    np.testing.assert_allclose(exact.squeezing(kind="kitagawa_ueda")["s"].mean, kitagawa_ueda, rtol=0, atol=1e-9)
    np.testing.assert_allclose(exact.squeezing()["s"].mean, wineland, rtol=0, atol=1e-9)
    assert kitagawa_ueda[-1] < 0.85


@pytest.mark.parametrize(("N", "chi"), [(100, 0.9), (1000, 2.0)])
def test_one_axis_twisting_by_trajectories(N, chi):
    times, gamma = [0.2, 0.6], 0.3
    model = twisted(N, chi)
    alone = cj.simulate(model, cj.tilted(model, np.pi / 2, 0), times, n_traj=1)  # without jumps all are the same
    kitagawa_ueda, wineland = closed(N, chi, times)
    np.testing.assert_allclose(alone.kitagawa_ueda["s"].mean, kitagawa_ueda, rtol=1e-6)
    np.testing.assert_allclose(alone.squeezing["s"].mean, wineland, rtol=1e-6)
    model = twisted(N, chi, gamma)
    found = cj.simulate(model, cj.tilted(model, np.pi / 2, 0), times, n_traj=120, seed=3)
    for name, wanted in zip(("kitagawa_ueda", "squeezing"), closed(N, chi, times, gamma), strict=True):
        value, error = getattr(found, name)["s"]
        assert np.all(np.abs(value - wanted) < 4 * error), name
        assert np.all(error < 0.2 * wanted), name
        assert np.abs((value - closed(N, chi, times)[name == "squeezing"]) / error).max() > 5, name  # without dephasing


def test_a_sum_of_blocks_is_that_of_the_full_space():
    case = CASES["two_blocks"]()
    full = FullSpace(case, 0.7)
    weights, spins = {"p": 1.0, "q": -0.4}, []
    for x in (X, Y, Z):
        spins.append(sum(w * full.oracle.collective(x, b) / 2 for b, w in weights.items()))
    mean = np.array([np.trace(full.rho @ s).real for s in spins])
    normal = np.linalg.svd(mean[None])[2][1:]
    least = np.inf
    for angle in np.linspace(0, np.pi, 2001):
        n = np.cos(angle) * normal[0] + np.sin(angle) * normal[1]
        s = sum(c * own for c, own in zip(n, spins, strict=True))
        least = min(least, np.trace(full.rho @ s @ s).real)
    noise, length = (2 + 0.16 * 3) / 4, (2 + 0.4 * 3) / 2
    exact = cj.master_equation(case.model, case.state, [0.7])
    found = exact.squeezing({"both": weights}, kind="kitagawa_ueda")
    assert found["both"].mean[0] == pytest.approx(least / noise, rel=1e-5)
    found = exact.squeezing({"both": weights, "p": {"p": 2.0}})
    assert found["both"].mean[0] == pytest.approx(least / noise * length**2 / (mean @ mean), rel=1e-5)
    assert found["p"].mean[0] == pytest.approx(exact.squeezing()["p"].mean[0])


def test_spins_along_one_line_are_not_squeezed():
    model = cj.Model([cj.Block("p", 7), cj.Block("q", 4)], [], [])
    state = cj.product(model, {"p": np.array([1, 0]), "q": np.array([0, 1])})
    exact = cj.master_equation(model, state, [0.0])
    for kind in ("wineland", "kitagawa_ueda"):
        found = exact.squeezing({"difference": {"p": 1, "q": -1}, "weighted": {"p": 3, "q": -0.5}}, kind=kind)
        np.testing.assert_allclose(found.mean, 1, atol=1e-12)


def test_the_limit_and_the_steady_state():
    def made(N):
        jumps = [
            cj.CollectiveJump({"p": LOWER, "q": LOWER}, 1.0),
            cj.LocalJump(0.5 * LOWER, "p"),
            cj.LocalJump(Z / 3, "q"),
        ]
        return cj.Model([cj.Block("p", N), cj.Block("q", 2 * N)], [cj.TwoBody(Z, Z, 0.6, ("p", "q"))], jumps)

    sums, found = {"p": {"p": 1.0}, "both": {"p": 1.0, "q": 0.6}}, []
    for N in (2, 4):
        state = cj.tilted(made(N), 1.3, 0.4)
        exact = cj.master_equation(made(N), state, [0.6], tolerance=1e-8)
        found.append(exact.squeezing(sums).mean[0])
    theory = cj.mean_field(made(4), state, [0.6]).squeezing(sums).mean[0]
    np.testing.assert_allclose(2 * found[1] - found[0], theory, rtol=0.02)
    free = cj.systems.free_flips(6, 0.7, 1.3, 0.8)
    (point,) = cj.attractors.fixed_points(free)
    at_rest = cj.fluctuations.stationary(free, point.densities).squeezing()
    np.testing.assert_allclose(cj.steady_state(free).squeezing().mean, at_rest.mean, rtol=1e-6)  # of independent spins


@pytest.mark.parametrize(
    ("sums", "kind", "match"),
    [
        ({"a": {"q": 1}}, "wineland", r"`sums\['a'\]` must have blocks of two levels as keys"),
        ({"a": {"s": "x"}}, "wineland", r"`sums\['a'\]\['s'\]` must be"),
        ({"a": {"s": 0}}, "wineland", r"`sums\['a'\]` must have a weight"),
        ({}, "wineland", "`sums` must have a sum of blocks"),
        (None, "ramsey", "`kind` must be 'wineland' or 'kitagawa_ueda'"),
    ],
)
def test_what_breaks_a_rule(sums, kind, match):
    model = twisted(3, 0.1)
    with pytest.raises(ArgumentError, match=match):
        cj.master_equation(model, cj.tilted(model, 1.0, 0.0), [0.0]).squeezing(sums, kind=kind)


def test_weighted_sums_of_blocks_by_trajectories():
    """Against the master equation, within errors that are those of the trajectories; a wrong weight is seen."""
    jumps = [cj.LocalJump(0.5 * LOWER, b) for b in "pq"] + [cj.CollectiveJump({"p": LOWER, "q": LOWER}, 0.5)]
    model = cj.Model([cj.Block("p", 4), cj.Block("q", 6)], [cj.TwoBody(Z, Z, 1.2, ("p", "q"))], jumps)
    state, sums = cj.tilted(model, 1.4, 0.3), {"both": {"p": 1.0, "q": 1.0}, "weighted": {"p": 2.0, "q": -0.5}}
    found = cj.simulate(model, state, [0.2, 0.6], n_traj=600, seed=2, squeezing=sums)
    exact = cj.master_equation(model, state, [0.2, 0.6])
    for kind, name in (("wineland", "squeezing"), ("kitagawa_ueda", "kitagawa_ueda")):
        values = getattr(found, name)
        assert values.labels == ("p", "q", "both", "weighted")
        for label, weights in {"p": {"p": 1.0}, **sums}.items():
            wanted = exact.squeezing({label: weights}, kind=kind)[label].mean
            assert np.all(np.abs(values[label].mean - wanted) < 4 * values[label].stderr), (name, label)
            assert np.all(values[label].stderr < 0.15 * wanted)
    wrong = exact.squeezing({"weighted": {"p": 2.0, "q": -1.5}}, kind="kitagawa_ueda")["weighted"].mean
    value, error = found.kitagawa_ueda["weighted"]
    assert np.abs((value - wrong) / error).max() > 5


def test_a_mean_spin_that_vanishes_has_no_squeezing():
    """Rounding leaves 1e-17 of it, which is no direction, and no ξ² of 1e34."""
    model = cj.systems.free_flips(4, 0.7, 1.3, 0.8)
    mixed = cj.product(model, {"spins": np.eye(2) / 2})
    for kind in ("wineland", "kitagawa_ueda"):
        for found in (cj.master_equation(model, mixed, [0, 1]), cj.mean_field(model, mixed, [0, 1])):
            assert np.isnan(found.squeezing(kind=kind).mean[0, 0])
            assert np.isfinite(found.squeezing(kind=kind).mean[1, 0])
    result = cj.simulate(model, cj.dicke(model, {"spins": (1, 0)}), [0.0], n_traj=3)
    assert np.isnan(result.squeezing.mean[0, 0])
