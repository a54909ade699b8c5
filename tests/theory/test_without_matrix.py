"""θ(s), rates of switching and stationary states without the matrix of the generator: the same as with it."""

import numpy as np
import pytest

import cojump as cj
from cojump.theory import generator, invariant_parts
from cojump.theory.spectrum import eigenpairs

X, Z, DOWN = cj.operators.sigma_x, cj.operators.sigma_z, cj.operators.sigma_minus


@pytest.fixture
def without(monkeypatch):
    """Runs something without a matrix."""

    def run(function, *arguments, **options):
        with monkeypatch.context() as patch:
            for module in (generator, invariant_parts):
                patch.setattr(module, "ENTRY", 1e12)
            return function(*arguments, **options)

    return run


def axes():
    """Two blocks, rates of arguments along two axes: two frames."""
    jumps = [
        cj.LocalJump(DOWN, "a", rate=lambda x: 2.2 + x, argument={"a": Z, "b": Z}, name="seen"),
        cj.LocalJump(X + 0.3 * Z, "b", rate=lambda x: 1.5 + x, argument={"b": X}),
        cj.CollectiveJump({"a": DOWN, "b": DOWN}, rate=0.7),
    ]
    blocks = [cj.Block("a", 2), cj.Block("b", 1)]
    return cj.Model(blocks, [cj.OneBody(X, "a"), cj.TwoBody(X, X, 0.5, ("a", "b"))], jumps)


@pytest.mark.parametrize(
    ("model", "channels"),
    [(cj.systems.constrained(5, 0.3, 2.0, 1.0), None), (axes(), {"seen": 1.0, 1: -0.5})],
    ids=["one block", "two frames"],
)
def test_theta(model, channels, without):
    s = [-0.1, 0.2]
    with_it, found = cj.counting.theta(model, s, channels), without(cj.counting.theta, model, s, channels)
    assert not np.array_equal(found.variance, with_it.variance)  # it was another way
    for name in ("theta", "mean", "variance", "third", "fourth"):
        np.testing.assert_allclose(getattr(found, name), getattr(with_it, name), rtol=1e-9, atol=1e-12)
    wrong = cj.counting.theta(model, s, 0 if channels is None else None)
    assert np.abs(wrong.theta - found.theta).max() > 1e-3


def test_switching(without, monkeypatch):
    monkeypatch.setattr(eigenpairs, "DENSE", 10)
    model = cj.systems.facilitated(size=3, omega=0.1, kappa=5.0, gamma=1.0)
    with_it, found = cj.spectrum.switching(model), without(cj.spectrum.switching, model)
    np.testing.assert_allclose(found.rates, with_it.rates, rtol=1e-9)
    np.testing.assert_allclose(found.mean, with_it.mean, rtol=0, atol=1e-9)


def several():
    crystal = cj.systems.boundary_time_crystal(size=4, omega=0.8, kappa=1.2)
    apart = [cj.LocalJump(DOWN, "a"), cj.LocalJump(Z, "b")]
    yield "sectors", crystal, None
    yield "a start", crystal, cj.product(crystal, {"spins": np.diag([0.7, 0.3])})
    yield "populations of b", cj.Model([cj.Block("a", 2), cj.Block("b", 2)], [cj.OneBody(X, "a")], apart), None
    yield "nothing decays", cj.Model([cj.Block("a", 2)], [cj.OneBody(Z, "a")], []), None
    yield "dark", cj.systems.facilitated(size=5, omega=0.0, kappa=5.0, gamma=1.0), None


@pytest.mark.parametrize(("model", "state"), [pytest.param(m, s, id=name) for name, m, s in several()])
def test_stationary_states(model, state, without):
    with_it, found = cj.spectrum.stationary(model, state), without(cj.spectrum.stationary, model, state)
    assert (len(found.states), found.coherences) == (len(with_it.states), with_it.coherences)

    def listed(result):
        weights = np.zeros(len(result.states)) if result.weights is None else result.weights
        rows = [np.append(own.second.ravel(), w) for own, w in zip(result.states, weights, strict=True)]
        return np.array(sorted(np.round(rows, 7).tolist())) + 0.0

    np.testing.assert_allclose(listed(found), listed(with_it), rtol=0, atol=2e-7)
    np.testing.assert_allclose(found.reached.sum(axis=0), 1, atol=1e-10)
