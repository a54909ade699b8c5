"""Order parameters, polynomials, total spin, squeezing and distributions, against what they must be exactly."""

import numpy as np
import pytest
from scipy.stats import binom

import cojump as cj
from cojump.ensemble.point import Point
from cojump.measure.block_averages import AverageMeter
from tests.support.each_trajectory import each, error_by_weights, standard_error
from tests.support.pauli import LOWER, X, Y, Z
from tests.twins import spin

S = "spins"
PATTERNS = np.array([[1, 1, 1, -1, -1], [1, 1, -1, 1, -1]])
TIMES = np.linspace(0, 1, 3)


@pytest.fixture(scope="module")
def hopfield():
    model = cj.systems.hopfield(PATTERNS, 0.5, 1.2)
    observables = {
        "zz": [({"++": Z}, {"--": Z})],
        "mixed": [{"++": Y + 0.3 * np.eye(2)}, ({"++": Y}, {"+-": Y + Z})],
        "shifted": [({"++": Z + np.eye(2)}, {"-+": 2 * Z - np.eye(2)})],
    }
    state = cj.corrupted(model, 0, 0.8)
    return model, cj.simulate(model, state, TIMES, n_traj=40, seed=2, observables=observables, distributions=TIMES[1:])


@pytest.fixture(scope="module")
def alone(hopfield):
    """<m> (n, T, A) and <½{m_a, m_b}> (n, T, A, A) of each trajectory."""
    model, result = hopfield
    return each(model, cj.corrupted(model, 0, 0.8), TIMES, result.n_traj, result.seed)


def polynomials(labels, m, q):
    """The observables of the run, from averages (.., A) and products (.., A, A)."""
    at = labels.index
    y, z, w = at("++.y"), at("++.z"), at("-+.z")
    return {
        "zz": q[..., z, at("--.z")],
        "mixed": m[..., y] + 0.3 + q[..., y, at("+-.y")] + q[..., y, at("+-.z")],
        "shifted": 2 * q[..., z, w] - m[..., z] + 2 * m[..., w] - 1,
    }


def test_polynomials_are_maps_of_means_and_products(hopfield):
    _, r = hopfield
    for label, values in polynomials(r.labels, r.mean, r.second).items():
        assert np.abs(r.observables[label].mean - values).max() < 1e-12
    with pytest.raises(cj.ArgumentError, match="be one of zz, mixed, shifted"):
        r.observables["yy"]


def test_errors_of_polynomials_are_those_of_the_values_in_each_trajectory(hopfield, alone):
    _, r = hopfield
    for label, values in polynomials(r.labels, *alone).items():
        found = r.observables[label].stderr
        assert np.abs(found - standard_error(values)).max() < 1e-10
        assert found[1:].min() > 0.005  # they do fluctuate
        # control: means beside the products of another trajectory, as if the two were independent
        shuffled = polynomials(r.labels, np.roll(alone[0], 1, axis=0), alone[1])[label]
        if label != "zz":  # a product alone
            assert np.abs(found - standard_error(shuffled))[1:].max() > 0.005


def overlaps(model):
    """(2, A) the overlaps with the patterns as maps of the averages."""
    maps = np.zeros((2, 3 * len(model.blocks)))
    for b, block in enumerate(model.blocks):
        for mu in range(2):
            maps[mu, 3 * b + 2] = block.size / 5 * (1 if block.name[mu] == "+" else -1)
    return maps


def test_overlaps_and_their_covariance(hopfield):
    model, r = hopfield
    maps = overlaps(model)
    assert r.order.labels == ("overlap1", "overlap2")
    assert np.abs(r.order.mean - r.mean @ maps.T).max() < 1e-12
    assert np.abs(r.order.reference - r.reference @ maps.T).max() < 1e-12
    for name in ("covariance", "within", "between"):
        assert np.abs(getattr(r.order, name) - maps @ getattr(r, name) @ maps.T).max() < 1e-12


def outer(m):
    return m[..., :, None] * m[..., None, :]


COVARIANCES = {
    "covariance": lambda m, q, g: 5 * (q - outer(m)),
    "within": lambda m, q, g: 5 * (q - g),
    "between": lambda m, q, g: 5 * (g - outer(m)),
}
"""From averages over the trajectories: of m, of the products q in each, of the products g of the means in each."""


def test_errors_of_overlaps_and_their_covariance_are_those_of_the_trajectories(hopfield, alone):
    model, r = hopfield
    maps = overlaps(model)
    m, q = alone[0] @ maps.T, maps @ alone[1] @ maps.T
    assert np.abs(r.order.mean_stderr - standard_error(m)).max() < 1e-10
    for name, statistic in COVARIANCES.items():
        found = getattr(r.order, f"{name}_stderr")
        assert np.abs(found - error_by_weights(statistic, m, q, outer(m))).max() < 1e-7
        assert found[1:].min() > 0.005
        # control: the products alone, without what the means add to the error
        wrong = standard_error(5 * {"covariance": q, "within": q, "between": outer(m)}[name])
        assert np.abs(found - wrong)[1:].max() > 0.05


def test_distributions_have_the_moments_of_m_z(hopfield):
    model, r = hopfield
    for b, block in enumerate(model.blocks):
        d = r.distribution(block.name)
        z = 3 * b + 2
        assert np.array_equal(d.times, TIMES[1:])
        assert np.abs(d.probability.sum(axis=1) - 1).max() < 1e-12
        assert np.abs(d.probability @ (2 * d.M / block.size) - r.mean[1:, z]).max() < 1e-9
        assert np.abs(d.probability @ (2 * d.M / block.size) ** 2 - r.second[1:, z, z]).max() < 1e-9


@pytest.mark.parametrize("axis", [Z, X, 0.6 * X - 0.2 * Y + 0.7 * Z])
@pytest.mark.parametrize("size", [1, 6])
def test_the_distribution_of_a_product_state_is_binomial(size, axis):
    """Whatever frame the engine works in: the banded one, and the general one (a collective σ_x jump)."""
    flip = cj.LocalJump(LOWER, S, amplitude=lambda x: 1 + 0.1 * x, argument={S: axis})
    for extra in ([], [cj.CollectiveJump({S: X}, 0.1)]):
        model = cj.Model([cj.Block(S, size)], [], [flip, *extra])
        result = cj.simulate(model, cj.tilted(model, 1.1, 0.4), [0.0], n_traj=2, distributions=[0.0])
        exact = binom.pmf(np.arange(size + 1), size, np.cos(0.55) ** 2)
        assert np.abs(result.distribution(S).probability[0] - exact).max() < 1e-9


def test_squeezing_of_one_axis_twisting():
    """ξ² of exp(-iχt(Σσ_z)²/N) on the state along x, by dense spin matrices; a coherent state has 1."""
    N, chi, t = 20, 1.0, 0.3
    model = cj.systems.free_flips(N, 0.0, 0.0, 0.0, chi=chi)
    result = cj.simulate(model, cj.tilted(model, np.pi / 2, 0.0), [0.0, t], n_traj=2)
    x, y, z = spin(N)
    ket = np.sqrt(binom.pmf(np.arange(N + 1), N, 0.5)) * np.exp(-1j * t * chi / N * 4 * np.diag(z).real ** 2)
    J = np.array([np.vdot(ket, o @ ket).real for o in (x, y, z)])
    Q = np.array([[np.vdot(a @ ket, b @ ket).real for b in (x, y, z)] for a in (x, y, z)])
    lowest = np.linalg.eigvalsh(Q[1:, 1:])[0]  # the mean spin stays along x
    assert abs(J[1]) + abs(J[2]) < 1e-12
    assert result.squeezing.mean[:, 0] == pytest.approx([1.0, N * lowest / (J @ J)], abs=1e-9)
    assert result.squeezing.mean[1, 0] < 0.6


def squeezing(m, q):
    """(T,) ξ² of 30 particles: N times the least variance across the mean spin, over its square."""
    found = []
    for mean, Q in zip(m, q, strict=True):
        across = np.linalg.svd(mean[None, :])[2][1:]
        found.append(30 * np.linalg.eigvalsh(across @ Q @ across.T)[0] / (mean @ mean))
    return np.array(found)


def test_the_error_of_the_squeezing_is_that_of_its_trajectories():
    """Every trajectory moves ξ² by the derivative with its weight; the spread of that is the error, to 10^-6 of it."""
    model = cj.systems.free_flips(30, 0.2, 0.3, 0.2, chi=1.0)
    state, times = cj.tilted(model, np.pi / 2, 0.0), [0.0, 0.25, 0.5]

    m, q = each(model, state, times, 40, seed=5)
    found = cj.simulate(model, state, times, n_traj=40, seed=5).squeezing
    assert np.abs(found.mean[:, 0] - squeezing(m.mean(axis=0), q.mean(axis=0))).max() < 1e-10
    expected = error_by_weights(squeezing, m, q)
    assert np.abs(found.stderr[1:, 0] / expected[1:] - 1).max() < 1e-6
    assert found.stderr[0, 0] < 1e-9
    # controls: one of the two kept as it is, as if it did not fluctuate
    for wrong in (
        error_by_weights(lambda products: squeezing(m.mean(axis=0), products), q),
        error_by_weights(lambda means: squeezing(means, q.mean(axis=0)), m),
    ):
        assert np.abs(wrong[1:] / expected[1:] - 1).max() > 0.1


def test_total_spin():
    model = cj.Model([cj.Block("a", 4), cj.Block("b", 3)], [], [cj.LocalJump(LOWER, "a")])
    state = cj.dicke(model, {"a": (1, 1), "b": (1.5, 0.5)})
    result = cj.simulate(model, state, [0.0, 50.0], n_traj=20)
    assert result.spin.labels == ("a", "b")
    assert result.spin.mean == pytest.approx(np.array([[1, 1.5], [2, 1.5]]))  # all down is symmetric


def test_extras_survive_the_file(hopfield, tmp_path):
    _, r = hopfield
    r.save(tmp_path / "r.h5")
    again = cj.load(tmp_path / "r.h5")[0]
    assert np.array_equal(again.order.covariance_stderr, r.order.covariance_stderr)
    assert np.array_equal(again.squeezing.stderr, r.squeezing.stderr, equal_nan=True)
    assert np.array_equal(again.observables["zz"][1], r.observables["zz"][1])
    assert np.array_equal(again.distribution("++").probability, r.distribution("++").probability)


def test_a_result_without_what_is_asked_for_says_so():
    model = cj.systems.free_flips(3, 0.7, 1.0, 1.0)
    result = cj.simulate(model, cj.tilted(model, 1.1, 0.4), TIMES, n_traj=2)
    with pytest.raises(cj.ArgumentError, match="`order` must belong to a model with order parameters"):
        _ = result.order
    with pytest.raises(cj.ArgumentError, match="a product \\(tuple\\) of up to 4"):
        cj.simulate(model, cj.tilted(model, 1.1, 0.4), TIMES, n_traj=2, observables={"a": [({S: Z},) * 5]})


def points():
    """Models with every meter there is."""
    hopfield = cj.systems.hopfield(PATTERNS, 0.5, 1.2)
    levels = cj.Model([cj.Block("p", 3, levels=3), cj.Block(S, 4)])
    more = {"distributions": [1.0], "burn_in": 0.2}
    yield Point(
        hopfield,
        cj.tilted(hopfield, 1.1, 0.4),
        TIMES,
        n_traj=3,
        observables={"y": [{"++": Y}], "yyy": [({"++": Y},) * 3]},
        **more,
    )
    yield Point(levels, cj.product(levels, {"p": [1, 0, 0], S: [1, 0]}), TIMES, n_traj=3, **more)


@pytest.mark.parametrize("point", list(points()), ids=["hopfield", "levels"])
def test_sizes_of_meters_are_those_of_their_statistics(point):
    reference = np.zeros((len(TIMES), len(point.model.labels)))
    assert {type(meter).__name__ for meter in point.meters} >= {"AverageMeter", "WindowMeter", "DistributionMeter"}
    for meter in point.meters:
        extra, size = meter.empty(reference), meter.size
        moments = extra.moments
        assert (len(extra.times), moments.mean.shape) == (size.times, (size.times, size.values))
        followed = 0 if moments.tails is None else len(moments.tails.followed)
        assert followed == size.followed
        pairs = moments.pairs.shape[1]
        # which triples are kept for more than two levels is bounded, not counted
        assert pairs == size.pairs or (meter.name.endswith("averages") and pairs <= size.pairs <= pairs + 4 * 3**3)


def test_meters_are_made_once_for_a_point(monkeypatch):
    made = []
    real = AverageMeter.__init__
    monkeypatch.setattr(AverageMeter, "__init__", lambda self, *a: made.append(1) or real(self, *a))
    model = cj.systems.free_flips(4, 0.7, 1.3, 0.8)
    cj.simulate(model, cj.tilted(model, 1.1, 0.4), TIMES, n_traj=3)
    assert len(made) == 1
