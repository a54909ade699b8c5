"""All fixed points are found, and the search says how sure it is: index theorem, independent solutions, more starts."""

import itertools

import numpy as np
import pytest
from scipy.optimize import fsolve

import cojump as cj
from cojump.theory.attractors.dynamics import MeanFieldDynamics
from cojump.theory.attractors.found import Found
from cojump.theory.attractors.roots import newton, zeros_along
from cojump.theory.attractors.search import Certainty, find
from cojump.theory.attractors.symmetry import continuous, discrete
from tests.support.pauli import X, Z

UP, DOWN = np.array([[0.0, 1.0], [0.0, 0.0]]), np.array([[0.0, 0.0], [1.0, 0.0]])
FOUR_BLOCKS = np.repeat([[1, 1, 1, 1], [1, 1, -1, -1], [1, -1, 1, -1]], 2, axis=1)


def crystal(kappa, drive):
    """The boundary time crystal with local decay: bistable in a narrow window near its fold."""
    jumps = [cj.CollectiveJump({"spins": DOWN}, rate=kappa), cj.LocalJump(DOWN, block="spins")]
    return cj.Model([cj.Block("spins", 100)], [cj.OneBody(drive / 2 * X, "spins")], jumps)


def ensembles(w, delta, kappa):
    """Two ensembles, detuned by delta, that are pumped one by one and decay together."""
    pumps = [cj.LocalJump(np.sqrt(w) * UP, block=b) for b in "ab"]
    return cj.Model(
        [cj.Block("a", 50), cj.Block("b", 50)],
        [cj.OneBody(delta / 4 * Z, "a"), cj.OneBody(-delta / 4 * Z, "b")],
        [*pumps, cj.CollectiveJump({"a": DOWN, "b": DOWN}, rate=kappa)],
    )


# ---- nothing is missed ---------------------------------------------------------------------------


def test_a_scan_of_a_bistable_window_finds_the_unstable_point_everywhere():
    """Newton's method from six random starts misses it, and the diagram said "2 stable, 0 unstable"."""
    diagram = cj.attractors.scan(crystal, [15.0, 15.05, 15.1], [6.0, 6.03, 6.058])
    assert set(diagram.labels.ravel()) == {"2 stable, 1 unstable"}
    assert diagram.certain.all()
    assert diagram.doubts == {}
    assert (diagram.labels == "2 stable, 1 unstable").all()
    assert "2 stable, 1 unstable        9\n" in str(diagram)


@pytest.mark.parametrize("seed", range(3))
def test_few_starts_find_what_many_find(seed):
    found = [
        [p.mean.round(8).tolist() for p in cj.attractors.fixed_points(crystal(15.1, 6.058), starts=n, seed=seed)]
        for n in (0, 3, 40)
    ]
    assert len(found[0]) == 3
    assert found[0] == found[1] == found[2]


def self_consistent(patterns, beta):
    """Solutions of m_b = tanh(β Σ_c J_bc m_c), J_bc = Σ_μ f_b^μ f_c^μ N_c/N, from a grid of starts, blocks by name."""
    signs, counts = np.unique(patterns.T * patterns[0][:, None], axis=0, return_counts=True)
    J = (signs @ signs.T) * counts / counts.sum()
    solutions = []
    for start in itertools.product(np.linspace(-1, 1, 7), repeat=len(signs)):
        z, about, status, _ = fsolve(
            lambda z: np.tanh(beta * J @ z) - z,
            start,
            fprime=lambda z: (1 - np.tanh(beta * J @ z) ** 2)[:, None] * beta * J - np.eye(len(z)),
            full_output=True,
            xtol=1e-12,
        )
        if status == 1 and np.abs(about["fvec"]).max() < 1e-10:
            z = z[np.argsort(["".join("+" if s > 0 else "-" for s in f) for f in signs])]
            if all(np.abs(z - other).max() > 1e-6 for other in solutions):
                solutions.append(z)
    return np.array(sorted(solutions, key=lambda z: tuple(z.round(6))))


def test_four_blocks_without_a_field_against_the_self_consistency():
    """51 points, of which 49 were found."""
    model = cj.systems.hopfield(FOUR_BLOCKS, 0.0, 2.0, merge=True)
    points = cj.attractors.fixed_points(model)
    expected = self_consistent(FOUR_BLOCKS, 2.0)
    assert len(points) == len(expected) == 51
    found = np.array(sorted((p.mean[2::3] for p in points), key=lambda z: tuple(z.round(6))))
    np.testing.assert_allclose(found, expected, atol=1e-8)
    assert points.certain
    assert points.certainty.index == 1


def test_four_blocks_in_a_field_have_as_many():
    """45 of 51 were found. The field enters the self-consistency as tanh(β J m) = (1 + 8Ω²) m."""
    points = cj.attractors.fixed_points(cj.systems.hopfield(FOUR_BLOCKS, 0.2, 3.0, merge=True), starts=10)
    assert len(points) == 51
    assert sum(p.stable for p in points) == 14
    assert points.certain


def test_a_curve_passes_the_pair_that_newton_is_led_away_from():
    dynamics = MeanFieldDynamics(crystal(15.0, 6.058))
    start = dynamics.point(cj.tilted(dynamics.model, 1.4, -1.3).densities)
    zeros = [newton(dynamics, q) for q in zeros_along(dynamics, start)]
    assert np.sort([dynamics.averages(q)[2] for q in zeros]) == pytest.approx([-0.4509, -0.3906, -0.0252], abs=1e-4)
    signs = [np.sign(np.linalg.det(-dynamics.jacobian(q))) for q in zeros]
    assert signs == [1, -1, 1]


# ---- how sure it is ------------------------------------------------------------------------------


def test_indices_tell_that_a_point_is_missing():
    dynamics = MeanFieldDynamics(crystal(15.0, 6.0))
    points = cj.attractors.fixed_points(dynamics.model)
    found = Found(dynamics)
    for p in points:
        if p.stable:
            found.add(dynamics.point(p.densities))
    assert found.sum_of_indices == 2
    certainty = Certainty(found.sum_of_indices, 0.1, 10, 0)
    assert "add up to 2 instead of 1: at least one is missing" in certainty.doubt
    listed = cj.attractors.FixedPoints([p for p in points if p.stable], certainty)
    assert not listed.certain
    assert "count not certain\n\n  certain  the indices" in str(listed)
    assert "not certain" in repr(listed)
    survey = cj.attractors.Survey(dynamics.model, listed, [], [])
    assert survey.label == "2 stable, 0 unstable, count not certain"


def test_a_search_that_finds_too_little_says_so(monkeypatch):
    """Without curves and with Newton's method from the mixed state alone, one of three points is found, or two."""
    monkeypatch.setattr("cojump.theory.attractors.search.zeros_along", lambda *_: [])
    monkeypatch.setattr("cojump.theory.attractors.search._random_starts", lambda *_: [])
    monkeypatch.setattr("cojump.theory.attractors.search._FURTHER", 0)
    monkeypatch.setattr("cojump.theory.attractors.search._AT_LEAST", 1)
    diagram = cj.attractors.scan(crystal, [15.0], [6.058], search=1)
    assert diagram.labels[0, 0] == "2 stable, 0 unstable, count not certain"
    assert not diagram.certain[0, 0]
    assert "at least one is missing" in diagram.doubts[0, 0]
    assert "not certain  1 point; at [0, 0] the indices" in str(diagram)


def test_a_point_that_one_start_alone_has_met_is_a_doubt():
    assert "3 of the points came from one of 50 random starts alone" in Certainty(1, 4 / 51, 50, 3).doubt
    assert Certainty(1, 1 / 51, 50, 0).doubt == ""
    assert Certainty(None, 1 / 51, 50, 0).doubt != ""


def test_a_degenerate_point_leaves_the_count_open():
    points = cj.attractors.fixed_points(cj.systems.facilitated(50, 0.0, 4.0, 1.0), starts=3)
    assert points.certainty.index is None
    assert not points.certain


@pytest.mark.parametrize(
    ("model", "indices"),
    [
        # the absorbing state is on the edge: depolarisation moves it out where it is unstable, in where it is stable
        (cj.systems.facilitated(50, 0.0, 1.25, 1.0, power=1), [0, 1]),
        (cj.systems.facilitated(50, 0.0, 0.9, 1.0, power=1), [1]),
        (cj.systems.facilitated(50, 0.0, 5.0, 1.0), [1, -1, 1]),
        # a circle made by a symmetry adds nothing to the unstable state without light
        (ensembles(0.3, 0.0, 2.0), [1, 0]),
    ],
)
def test_indices_on_the_edge_and_of_circles(model, indices):
    dynamics = MeanFieldDynamics(model)
    found, certainty = find(dynamics, 10, 0)
    order = np.argsort([dynamics.averages(q)[2] for q in found.points])
    if len(model.blocks) > 1:
        order = order[::-1]
    assert [found.index(i) for i in order] == indices
    assert certainty.doubt == ""


# ---- symmetries ----------------------------------------------------------------------------------


def test_symmetries_are_found_where_they_are_and_nowhere_else():
    def count(model):
        dynamics = MeanFieldDynamics(model)
        return len(discrete(dynamics)), len(continuous(dynamics))

    assert count(ensembles(0.3, 0.0, 2.0))[1] == 1  # the common phase
    assert count(ensembles(0.3, 1.0, 2.0))[1] == 1
    assert count(cj.systems.boundary_time_crystal(50, 0.2, 1.0))[1] == 0
    assert count(cj.systems.free_flips(50, 0.0, 1.0, 2.0))[1] == 1
    assert count(cj.systems.free_flips(50, 0.3, 1.0, 2.0)) == (1, 0)  # x -> -x
    rng = np.random.default_rng(3)
    generic = cj.Model(
        [cj.Block("a", 3), cj.Block("b", 4)],
        [cj.OneBody(h + h.T, b) for b in "ab" for h in [rng.normal(size=(2, 2))]],
        [cj.LocalJump(rng.normal(size=(2, 2)) + 1j * rng.normal(size=(2, 2)), block=b) for b in "ab"],
    )
    assert count(generic) == (0, 0)
    # exchanges of the four blocks, alone or with a sign, and the global mirror images
    dynamics = MeanFieldDynamics(cj.systems.hopfield(FOUR_BLOCKS, 0.2, 3.0, merge=True))
    moves = discrete(dynamics)
    assert len(moves) >= 6
    q = np.random.default_rng(1).normal(size=dynamics.dimension) * 0.1
    for move in moves:
        np.testing.assert_allclose(dynamics.flow(move(q)), move(dynamics.flow(q)), atol=1e-12)


@pytest.mark.validation
def test_long_searches_find_nothing_more():
    """Hopfield networks with random patterns (unequal blocks) and rates of three levels that feed back."""
    models = [cj.systems.hopfield(cj.systems.random_patterns(3, 40, s), 0.1, 3.0, merge=True) for s in range(4)]
    for model in models:
        few, many = (cj.attractors.fixed_points(model, starts=n, seed=n) for n in (6, 400))
        assert len(few) == len(many)
        assert few.certain
        assert many.certain


def test_more_starts_than_anybody_waits_for_are_refused():
    model = cj.systems.hopfield(np.ones((1, 4), dtype=int), omega=0.0, beta=2.0)
    with pytest.raises(cj.ArgumentError, match="`starts` must be an integer within 0 and 10000, but it is 1000000000"):
        cj.attractors.fixed_points(model, starts=10**9)
    with pytest.raises(cj.ArgumentError, match="`search` must be an integer within 0 and 10000, but it is 1000000000"):
        cj.attractors.survey(model, search=10**9)
