"""Γ of arguments that are not diagonal: polynomials against dense rotations, in matrices and in trajectories."""

import numpy as np
import pytest

import cojump as cj
from cojump.basis.sectors import rest_sector_of, sector_of
from cojump.trajectories import frames, polynomial_rates
from cojump.trajectories.product_engine import ProductEngine
from cojump.trajectories.product_jumps import ProductJumps
from cojump.trajectories.product_sectors import ProductBasis
from cojump.trajectories.recipe import recipe_of
from cojump.trajectories.sector_matrix import program_matrix
from tests import twins
from tests.support.pauli import LOWER, ONE, RAISE, X, Y, Z

TILTED = 0.6 * X - 0.3 * Y + 0.2 * Z + 0.1 * ONE
GENERAL = RAISE + 0.3 * LOWER + 0.2j * Z


def glauber(x):
    return 1 / (1 + np.exp(-x))


def cubic(x):
    return 1 + x - x**3


def one(amplitude, j=RAISE, argument=X, size=40, *, exclude_self=False):
    """One block whose two arguments do not commute."""
    return cj.Model(
        [cj.Block("s", size)],
        [cj.OneBody(0.5 * X + 0.3 * Z, "s")],
        [
            cj.LocalJump(LOWER, "s", amplitude=lambda x: 1 + 0.4 * x, argument={"s": Z}),
            cj.LocalJump(j, "s", amplitude=amplitude, argument={"s": argument}, exclude_self=exclude_self),
        ],
    )


def two():
    """Two blocks; the particles of one feel the other one along an axis of its own."""
    return cj.Model(
        [cj.Block("a", 14), cj.Block("b", 24)],
        [cj.OneBody(0.5 * X, "a"), cj.TwoBody(Z, X, 0.4, ("a", "b"))],
        [
            cj.LocalJump(LOWER, "b", amplitude=np.exp, argument={"b": Z}),
            cj.LocalJump(GENERAL, "a", amplitude=np.cos, argument={"b": TILTED}),
            cj.LocalJump(RAISE, "b", amplitude=np.exp, argument={"b": TILTED}, exclude_self=True),
        ],
    )


MODELS = {
    "cos": lambda: one(np.cos),
    "excluded": lambda: one(np.exp, exclude_self=True),
    "general": lambda: one(cubic, GENERAL, TILTED, 20),
    "excluded general": lambda: one(np.exp, GENERAL, TILTED, exclude_self=True),
    "glauber": lambda: one(glauber, GENERAL, Y, 60),
    "two blocks": two,
}


@pytest.fixture(autouse=True)
def _first_argument_is_diagonal(monkeypatch):
    """Not the one that would be best: so that the polynomials are of all kinds."""
    monkeypatch.setattr(frames, "_AS_GOOD", np.inf)


def polynomials(model):
    return [c.polynomial for c in ProductBasis(model).channels if c is not None and c.polynomial is not None]


@pytest.fixture
def pairs(monkeypatch):
    """The same twice: with polynomials, and with dense rotations."""

    def made(name, make):
        found = make(MODELS[name]())
        with monkeypatch.context() as patch:
            patch.setattr(polynomial_rates, "HIGHEST", -1)
            return found, make(MODELS[name]())

    return made


@pytest.mark.parametrize("name", MODELS)
def test_the_matrices_are_those_of_dense_rotations(pairs, name):
    fast, dense = pairs(name, ProductBasis)
    assert any(c.polynomial is not None for c in fast.channels)
    assert not any(c.turn for c in fast.channels)
    assert any(c.turn for c in dense.channels)
    sizes = [b.size for b in fast.blocks]
    for labels in [tuple(sizes), tuple(size // 2 - size // 2 % 2 + size % 2 for size in sizes)]:
        found, expected = (program_matrix(basis.sector(labels).h_eff).toarray() for basis in (fast, dense))
        assert np.abs(found - expected).max() < 3e-13 * np.abs(expected).max()
        # a window has the elements of the whole, also those that Γ reaches by way of what is outside
        box = tuple((label // 4, label // 4 + label // 3) for label in labels)
        inside = np.ix_(*(np.arange(lo, hi) for lo, hi in box))
        places = np.arange(len(found)).reshape([label + 1 for label in labels])[inside].ravel()
        cut = program_matrix(fast.sector(labels, box).h_eff).toarray()
        assert np.abs(cut - found[np.ix_(places, places)]).max() < 3e-13 * np.abs(found).max()


@pytest.mark.parametrize("name", MODELS)
def test_the_weights_of_jumps_are_those_of_dense_rotations(pairs, name):
    fast, dense = (basis.sector(tuple(b.size for b in basis.blocks)) for basis in pairs(name, ProductBasis))
    rng = np.random.default_rng(1)
    state = rng.normal(size=fast.size) + 1j * rng.normal(size=fast.size)
    found, expected = (np.array(ProductJumps(s.basis, [])._weights(s, state)) for s in (fast, dense))
    assert expected.min() > 0
    assert np.abs(found - expected).max() < 1e-12 * expected.max()


@pytest.mark.parametrize("name", MODELS)
def test_the_trajectories_are_those_of_dense_rotations(pairs, name):
    times = np.linspace(0, 0.5, 4)

    def outcome(model):
        return ProductEngine(model, cj.tilted(model, 1.1, 0.4), times, 1e-9).run(4, 0, record=True)

    fast, dense = pairs(name, outcome)
    assert dense.n_jumps >= 5
    assert np.array_equal(fast.jumps["channel"], dense.jumps["channel"])
    assert np.array_equal(fast.jumps["sector"], dense.jumps["sector"])
    assert np.abs(fast.jumps["time"] - dense.jumps["time"]).max() < 1e-10
    assert np.abs(fast.mean - dense.mean).max() < 1e-10
    assert np.abs(fast.second - dense.second).max() < 1e-10


@pytest.mark.parametrize("function", [np.cos, np.exp, cubic, glauber, lambda x: np.exp(3 * x)])
def test_the_error_is_no_more_than_what_is_said(function):
    size = 60
    (rate,) = polynomials(one(function, argument=TILTED, size=size))
    assert rate.error <= polynomial_rates.BOUND
    largest = np.abs(function(np.linspace(*np.linalg.eigvalsh(TILTED)[[0, -1]], 1000))).max()
    block = cj.Block("s", size)
    for count, sector in [(size, sector_of(block, 60)), (size, sector_of(block, 12)), (59, rest_sector_of(block, 41))]:
        exact = twins.function_of(function, twins.collective(TILTED, count, sector.dim - 1) / size)
        off = np.linalg.norm(rate.gamma(sector).toarray() - exact, 2)
        assert off < (rate.error + 1e-13) * largest  # the rest is rounding of what it is compared with


def test_few_bands_for_a_smooth_function():
    (rate,) = polynomials(one(cubic, size=200))
    assert rate.degree == 3
    assert rate.gamma(sector_of(cj.Block("s", 200), 200)).nnz <= 7 * 201
    (rate,) = polynomials(one(np.cos, size=200))
    assert rate.degree <= 14


def kinked(x):
    return np.abs(x)


def stepped(x):
    return np.where(x > 0.05, 1.0, 0.3)


def on_the_spectrum_alone(x):
    i = 20 * (x + 1)
    return np.where(np.abs(i - np.round(i)) < 1e-9, 1.0, np.nan)


@pytest.mark.parametrize("function", [kinked, stepped, lambda x: np.exp(30 * x), on_the_spectrum_alone])
def test_dense_rotations_where_no_polynomial_is_good(function):
    model = one(function)
    assert polynomials(model) == []
    (part,) = recipe_of(model).parts
    assert "dense rotations" in part.representation.method(model)


def test_the_degree_and_the_error_are_stated():
    model = one(np.cos, size=100)
    (part,) = recipe_of(model).parts
    method = part.representation.method(model)
    (rate,) = polynomials(model)
    assert f"polynomials of degree {rate.degree} (error {rate.error:.0e})" in method
    assert "dense" not in method


def test_memory_grows_with_the_bands_and_not_with_the_square():
    (few,), (many,) = (recipe_of(one(np.cos, size=size)).parts for size in (3000, 30000))
    assert few.nbytes < 2**30
    assert many.nbytes < 12 * few.nbytes
