"""Streaming moments that merge, and the results made of them, against brute force over all trajectories."""

import numpy as np
import pytest

from cojump.measure.averages import Layout
from cojump.measure.moments import Moments
from cojump.results.result import Result

PAIRS = np.array([[0, 0, 1, 2, 2], [0, 1, 1, 0, 2]])


def sample(n, shape=(4, 3), seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, *shape)) + rng.normal(size=shape)


def add_all(vectors, pairs=PAIRS):
    moments = Moments.empty(vectors.shape[1:], pairs)
    for v in vectors:
        moments.add(v)
    return moments


def brute(vectors, pairs=PAIRS):
    centred = vectors - vectors.mean(axis=0)
    return (centred[..., pairs[0]] * centred[..., pairs[1]]).sum(axis=0)


@pytest.mark.parametrize("n", [1, 2, 3, 50])
def test_adding(n):
    vectors = sample(n)
    moments = add_all(vectors)
    assert moments.count == n
    np.testing.assert_allclose(moments.mean, vectors.mean(axis=0), atol=1e-14)
    np.testing.assert_allclose(moments.comoment, brute(vectors), atol=1e-12)
    if n > 1:
        np.testing.assert_allclose(moments.covariance(), brute(vectors) / (n - 1), atol=1e-13)
    else:
        assert np.isnan(moments.covariance()).all()


@pytest.mark.parametrize("cuts", [(1,), (7,), (20,), (39,), (5, 6, 30), tuple(range(1, 40)), (0, 0, 12), (40,)])
def test_merging_equals_adding_one_by_one(cuts):
    vectors = sample(40, seed=1)
    together = Moments.empty(vectors.shape[1:], PAIRS)
    for part in np.split(vectors, cuts):
        together.merge(add_all(part))
    whole = add_all(vectors)
    assert together.count == whole.count
    np.testing.assert_allclose(together.mean, whole.mean, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(together.comoment, whole.comoment, rtol=1e-13, atol=1e-13 * 40)


def test_merging_in_any_order_and_by_pairs():
    parts = [add_all(sample(n, seed=n)) for n in (3, 1, 17, 5)]
    forward, backward = (Moments.empty((4, 3), PAIRS) for _ in range(2))
    for part in parts:
        forward.merge(part)
    for part in reversed(parts):
        backward.merge(part)
    tree = Moments.empty((4, 3), PAIRS)
    left, right = (Moments.empty((4, 3), PAIRS) for _ in range(2))
    left.merge(parts[0])
    left.merge(parts[1])
    right.merge(parts[2])
    right.merge(parts[3])
    tree.merge(left)
    tree.merge(right)
    for other in (backward, tree):
        assert other.count == forward.count == 26
        np.testing.assert_allclose(other.mean, forward.mean, rtol=1e-13, atol=1e-14)
        np.testing.assert_allclose(other.comoment, forward.comoment, rtol=1e-12)


def test_merging_leaves_the_other_set_alone():
    a, b = add_all(sample(4)), add_all(sample(5, seed=3))
    before = b.mean.copy(), b.comoment.copy(), b.count
    empty = Moments.empty((4, 3), PAIRS)
    empty.merge(b)
    empty.add(sample(1, seed=4)[0])
    a.merge(b)
    np.testing.assert_array_equal(b.mean, before[0])
    np.testing.assert_array_equal(b.comoment, before[1])
    assert b.count == before[2]
    a.merge(Moments.empty((4, 3), PAIRS))
    assert a.count == 9


def test_nothing_cancels():
    # a spread of 1e-8 around 1: raw second moments would lose every digit
    noise = np.random.default_rng(5).normal(size=(1000, 2, 3))
    vectors = 1 + 1e-8 * noise
    exact = brute((vectors - 1) * 1e8)  # exact differences in binary
    for cuts in ((), (300, 301, 640)):
        moments = Moments.empty((2, 3), PAIRS)
        for part in np.split(vectors, cuts):
            moments.merge(add_all(part))
        np.testing.assert_allclose(moments.comoment * 1e16, exact, rtol=0, atol=1e-5 * 1000)
        assert np.abs(np.mean(vectors[..., 0] ** 2) - np.mean(vectors[..., 0]) ** 2 - 1e-16) > 1e-18  # the control


# ---- results -------------------------------------------------------------------------------------

T, A, SIZE = 3, 4, 30
WEIGHTS = np.array([0.5, 0.5, 1.0, 0.5])


class Synthetic:
    """Trajectories of correlated numbers, and the result made of them."""

    def __init__(self, n, seed=0, spread=0.3):
        rng = np.random.default_rng(seed)
        layout = Layout(A)
        rows, columns = layout.rows, layout.columns
        self.reference = rng.uniform(-0.8, 0.8, size=(T, A))
        mixing = rng.normal(size=(A, A))
        self.mean = self.reference + 0.05 + spread * rng.normal(size=(n, T, A)) @ mixing / 2
        own = rng.normal(size=(n, T, A, 3))
        cov = spread**2 * np.einsum("ntak,ntbk->ntab", own, own) * (1 + self.mean[:, :, :1, None] ** 2)
        self.second = self.mean[..., :, None] * self.mean[..., None, :] + cov
        moments = Moments.empty((T, layout.width), layout.pairs)
        for m, s in zip(self.mean, self.second, strict=True):
            moments.add(layout.vector(m, s[:, rows, columns], self.reference, WEIGHTS))
        self.result = Result(
            times=np.arange(T),
            labels=tuple("abcd"),
            n_particles=SIZE,
            weights=WEIGHTS,
            reference=self.reference,
            moments=moments,
            trajectories=self.mean[:0],
            seed=seed,
            tolerance=1e-9,
            n_jumps=0,
        )

    def statistics(self, chosen):
        """Everything a result reports, from the chosen trajectories only, by its definition."""
        mean, second = self.mean[chosen].mean(axis=0), self.second[chosen].mean(axis=0)
        each = self.mean[chosen]
        inside = self.second[chosen] - each[..., :, None] * each[..., None, :]
        centred = each - mean
        m = self.reference
        squares = np.einsum("ntaa->nta", self.second[chosen]) - 2 * m * each + m**2
        return {
            "mean": mean,
            "second": second,
            "covariance": SIZE * (second - mean[:, :, None] * mean[:, None, :]),
            "within": SIZE * inside.mean(axis=0),
            "between": SIZE * (centred[..., :, None] * centred[..., None, :]).mean(axis=0),
            "deviation": (squares @ WEIGHTS).mean(axis=0),
        }

    def influence(self):
        """How one trajectory moves each quantity, to first order: its spread is the standard error."""
        mean, each = self.mean.mean(axis=0), self.mean
        outer = each[..., :, None] * each[..., None, :]
        crossed = mean[:, :, None] * each[..., None, :] + each[..., :, None] * mean[:, None, :]
        squares = np.einsum("ntaa->nta", self.second) - 2 * self.reference * each
        return {
            "mean": each,
            "second": self.second,
            "covariance": SIZE * (self.second - crossed),
            "within": SIZE * (self.second - outer),
            "between": SIZE * (outer - crossed),
            "deviation": squares @ WEIGHTS,
        }


NAMES = ["mean", "second", "covariance", "within", "between", "deviation"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n", [1, 2, 60])
def test_results_are_what_they_say(name, n):
    data = Synthetic(n)
    expected = data.statistics(slice(None))[name]
    np.testing.assert_allclose(getattr(data.result, name), expected, rtol=0, atol=1e-12 * SIZE)


@pytest.mark.parametrize("name", NAMES)
def test_standard_errors_are_the_spread_of_the_influence(name):
    data = Synthetic(80, seed=1)
    expected = data.influence()[name].std(axis=0, ddof=1) / np.sqrt(80)
    found = getattr(data.result, f"{name}_stderr")
    np.testing.assert_allclose(found, expected, rtol=1e-10)


@pytest.mark.parametrize("name", NAMES)
def test_standard_errors_equal_the_jackknife(name):
    n = 400
    data = Synthetic(n, seed=2)
    left_out = np.array([data.statistics(np.arange(n) != k)[name] for k in range(n)])
    jackknife = np.sqrt((n - 1) / n * np.sum((left_out - left_out.mean(axis=0)) ** 2, axis=0))
    found = getattr(data.result, f"{name}_stderr")
    np.testing.assert_allclose(found, jackknife, rtol=0.02)


def test_covariance_is_within_plus_between():
    result = Synthetic(50, seed=3).result
    np.testing.assert_allclose(result.covariance, result.within + result.between, atol=1e-12)
    outer = result.mean[:, :, None] * result.mean[:, None, :]
    np.testing.assert_allclose(result.covariance, SIZE * (result.second - outer), atol=1e-12)
    for name in ("second", "covariance", "within", "between"):
        for values in (getattr(result, name), getattr(result, f"{name}_stderr")):
            np.testing.assert_allclose(values, values.transpose(0, 2, 1), rtol=0, atol=1e-14 * SIZE)


def test_the_reference_changes_the_deviation_only():
    # The products are centred on the reference; all but E_N must not depend on it.
    data = Synthetic(40, seed=4)
    layout, other = Layout(A), data.reference + 0.37
    moments = Moments.empty((T, layout.width), layout.pairs)
    for m, s in zip(data.mean, data.second, strict=True):
        moments.add(layout.vector(m, s[:, layout.rows, layout.columns], other, WEIGHTS))
    fields = {k: getattr(data.result, k) for k in data.result.__dataclass_fields__}
    moved = Result(**(fields | {"reference": other, "moments": moments}))
    for name in NAMES[:-1]:
        for suffix in ("", "_stderr"):
            a, b = getattr(moved, name + suffix), getattr(data.result, name + suffix)
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-10)
    shift = -2 * 0.37 * (data.result.mean - data.reference) + 0.37**2
    np.testing.assert_allclose(moved.deviation, data.result.deviation + shift @ WEIGHTS, atol=1e-12)


def test_one_trajectory_has_no_error():
    result = Synthetic(1).result
    assert result.n_traj == 1
    for name in NAMES:
        assert np.isnan(getattr(result, f"{name}_stderr")).all()
        assert np.isfinite(getattr(result, name)).all()
    np.testing.assert_allclose(result.between, 0, atol=1e-12)


def test_equal_trajectories_have_no_spread():
    data = Synthetic(1)
    layout = Layout(A)
    moments = Moments.empty((T, layout.width), layout.pairs)
    s = data.second[0][:, layout.rows, layout.columns]
    for _ in range(7):
        moments.add(layout.vector(data.mean[0], s, data.reference, WEIGHTS))
    fields = {k: getattr(data.result, k) for k in data.result.__dataclass_fields__}
    result = Result(**(fields | {"moments": moments}))
    for name in NAMES:
        np.testing.assert_allclose(getattr(result, f"{name}_stderr"), 0, atol=1e-6)
    np.testing.assert_allclose(result.mean, data.mean[0], atol=1e-14)


def test_small_fluctuations_keep_their_digits():
    # A spread of 1e-8: from raw products nothing would be left of the covariance.
    rng = np.random.default_rng(6)
    n, layout = 500, Layout(1)
    reference = np.ones((1, 1))
    noise = rng.normal(size=n)
    moments = Moments.empty((1, layout.width), layout.pairs)
    for x in noise:
        mean = np.array([[1 + 1e-8 * x]])
        moments.add(layout.vector(mean, mean**2, reference, np.ones(1)))
    # the second moment of a trajectory has itself only 1e-16 of resolution: 1 to one in 1e-16
    between = moments.mean[0, layout.g[0]] - moments.mean[0, 0] ** 2
    assert between == pytest.approx(1e-16 * noise.var(), rel=1e-6)


def test_layout_packs_the_upper_triangle():
    layout = Layout(3)
    assert list(zip(layout.rows, layout.columns, strict=True)) == [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)]
    np.testing.assert_array_equal(layout.full, [[0, 1, 2], [1, 3, 4], [2, 4, 5]])
    assert layout.width == 3 + 6 + 6 + 1
