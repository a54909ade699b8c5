"""What a model is, and what it refuses, message by message."""

import numpy as np
import pytest

import cojump as cj
from cojump.errors import ArgumentError
from tests.oracle import Oracle
from tests.support.pauli import LOWER, ONE, RAISE, X, Y, Z

UP = np.diag([1.0, 0.0])


def spins(hamiltonian=(), jumps=(), size=3):
    return cj.Model([cj.Block("s", size)], list(hamiltonian), list(jumps))


def pair(hamiltonian=(), jumps=(), sizes=(2, 3), levels=(2, 2)):
    blocks = [cj.Block(n, s, d) for n, s, d in zip("ab", sizes, levels, strict=True)]
    return cj.Model(blocks, list(hamiltonian), list(jumps))


def two(A, B, g=1.0, blocks=("s", "s")):
    return cj.TwoBody(A, B, g, blocks=blocks)


def local(**options):
    return cj.LocalJump(LOWER, "s", **options)


def must(name, rule, found):
    """The one form of error."""
    return f"Argument `{name}` must {rule}, but {found}"


BAD = [
    # blocks
    (lambda: cj.Block("s", 0), must("size", "be an integer of at least 1", "it is 0")),
    (lambda: cj.Block("s", True), must("size", "be an integer of at least 1", "it is True")),
    (lambda: cj.Block("s", 2.0), must("size", "be an integer of at least 1", "it is 2.0")),
    (lambda: cj.Block("s", 2, levels=1), must("levels", "be an integer of at least 2", "it is 1")),
    (lambda: cj.Block("", 2), must("name", "be the name of a block", "it is ''")),
    (lambda: cj.Block(3, 2), must("name", "be the name of a block", "it is 3")),
    (lambda: cj.Block("a.b", 2), must("name", "have no '.' (labels are 'block.x')", "it is 'a.b'")),
    (lambda: cj.Model([]), must("blocks", "hold at least one block", "it is empty")),
    (lambda: cj.Model("s"), must("blocks", "be a list", "it is 's'")),
    (lambda: cj.Model(["s"]), must("blocks[0]", "be one of cojump's terms for it", "it is 's'")),
    (
        lambda: cj.Model([cj.Block("s", 1), cj.Block("s", 2)]),
        must("blocks", "have different names", "the names are ['s', 's']"),
    ),
    # matrices
    (lambda: cj.OneBody(RAISE, "s"), must("eps", "be Hermitian", "|X - X†| reaches 1")),
    (lambda: cj.OneBody([[1, 2, 3]], "s"), must("eps", "be a square matrix (levels, levels)", "its shape is (1, 3)")),
    (lambda: cj.OneBody(2.0, "s"), must("eps", "be a square matrix (levels, levels)", "its shape is ()")),
    (lambda: cj.OneBody([[1, np.nan], [0, 1]], "s"), must("eps", "have finite entries", "it has NaN or infinite ones")),
    (lambda: cj.OneBody("x", "s"), must("eps", "be a matrix of numbers", "it is 'x'")),
    (lambda: cj.OneBody(X, None), must("block", "be the name of a block", "it is None")),
    (
        lambda: spins([cj.OneBody(np.eye(3), "s")]),
        must("hamiltonian[0].eps", "have the shape (2, 2) of block 's'", "its shape is (3, 3)"),
    ),
    (
        lambda: spins([two(np.eye(3), X)]),
        must("hamiltonian[0].A", "have the shape (2, 2) of block 's'", "its shape is (3, 3)"),
    ),
    (
        lambda: spins([two(X, np.eye(3))]),
        must("hamiltonian[0].B", "have the shape (2, 2) of block 's'", "its shape is (3, 3)"),
    ),
    (
        lambda: spins(jumps=[cj.LocalJump(np.eye(3), "s")]),
        must("jumps[0].j", "have the shape (2, 2) of block 's'", "its shape is (3, 3)"),
    ),
    (
        lambda: pair(jumps=[cj.LocalJump(X, "a", amplitude=np.exp, argument={"b": Z})], levels=(2, 3)),
        must("jumps[0].argument['b']", "have the shape (3, 3) of block 'b'", "its shape is (2, 2)"),
    ),
    (
        lambda: pair(jumps=[cj.CollectiveJump({"a": X, "b": X}, 1.0)], levels=(2, 3)),
        must("jumps[0].matrices['b']", "have the shape (3, 3) of block 'b'", "its shape is (2, 2)"),
    ),
    # names
    (lambda: spins([cj.OneBody(X, "t")]), must("hamiltonian[0].block", "be one of 's'", "it is 't'")),
    (lambda: spins([two(X, X, blocks=("s", "t"))]), must("hamiltonian[0].blocks", "be one of 's'", "it is 't'")),
    (lambda: pair(jumps=[cj.LocalJump(X, "c")]), must("jumps[0].block", "be one of 'a', 'b'", "it is 'c'")),
    (
        lambda: spins(jumps=[local(amplitude=np.exp, argument={"t": Z})]),
        must("jumps[0].argument", "have names of blocks as keys ('s')", "one is 't'"),
    ),
    (
        lambda: pair(jumps=[cj.CollectiveJump({"a": X, "c": X}, 1.0)]),
        must("jumps[0].matrices", "have names of blocks as keys ('a', 'b')", "one is 'c'"),
    ),
    (
        lambda: cj.Model([cj.Block("s", 3)], order_parameters={"m": {"t": Z}}),
        must("order_parameters['m']", "have names of blocks as keys ('s')", "one is 't'"),
    ),
    (lambda: spins().block_index("t"), must("block", "be one of 's'", "it is 't'")),
    (lambda: spins(["x"]), must("hamiltonian[0]", "be one of cojump's terms for it", "it is 'x'")),
    # two-body terms
    (lambda: two(X, X, "1"), must("g", "be a finite number", "it is '1'")),
    (lambda: two(X, X, np.inf), must("g", "be a finite number", "it is inf")),
    (lambda: two(X, X, True), must("g", "be a finite number", "it is True")),
    (lambda: two(X, X, blocks="ss"), must("blocks", "be a pair of block names", "it is 'ss'")),
    (lambda: two(X, X, blocks=("s",)), must("blocks", "be a pair of block names", "it is ('s',)")),
    # jumps
    (
        lambda: local(amplitude=1.0, argument={"s": Z}),
        must("amplitude", "be a function of the average Δ (a constant belongs into the matrix, √γ·j)", "it is 1.0"),
    ),
    (
        lambda: local(amplitude=np.exp, rate=np.exp, argument={"s": Z}),
        must("rate", "be left out when `amplitude` is given", "both are there"),
    ),
    (lambda: local(amplitude=np.exp), must("argument", "be given together with `amplitude`", "it is missing")),
    (
        lambda: local(argument={"s": Z}),
        must("amplitude` or `rate", "be given together with `argument`", "it is missing"),
    ),
    (lambda: local(amplitude=np.exp, argument=Z), None),
    (
        lambda: local(amplitude=np.exp, argument={}),
        must("argument", "map block names to matrices, {block: matrix}", "it is {}"),
    ),
    (
        lambda: local(amplitude=np.exp, argument={"s": RAISE}),
        must("argument['s']", "be Hermitian", "|X - X†| reaches 1"),
    ),
    (lambda: local(exclude_self=1), must("exclude_self", "be True or False", "it is 1")),
    (lambda: cj.CollectiveJump({"s": X}, -1), must("rate", "be a finite number of at least 0", "it is -1")),
    (lambda: cj.CollectiveJump(X, 1), None),
    (lambda: cj.CollectiveJump({}, 1), must("matrices", "map block names to matrices, {block: matrix}", "it is {}")),
]


@pytest.mark.parametrize(("make", "message"), BAD, ids=[m or str(i) for i, (_, m) in enumerate(BAD)])
def test_bad_inputs(make, message):
    with pytest.raises(ArgumentError) as caught:
        make()
    if message is None:
        assert "must map block names to matrices, {block: matrix}, but it is of type ndarray" in str(caught.value)
    else:
        assert str(caught.value) == message


# ---- rates over the spectrum ---------------------------------------------------------------------

RATES = [
    (
        {"rate": lambda x: x - 0.5},
        must("jumps[0].rate", "be finite over the whole spectrum of Δ and never negative", "at Δ = 0 it returns -0.5"),
    ),
    (
        {"rate": lambda x: np.where(x > 0.9, np.nan, 1.0)},
        must("jumps[0].rate", "be finite over the whole spectrum of Δ and never negative", "at Δ = 1 it returns nan"),
    ),
    (
        {"amplitude": lambda x: 1 / x},
        must("jumps[0].amplitude", "be finite over the whole spectrum of Δ", "at Δ = 0 it returns inf"),
    ),
    (
        {"amplitude": lambda x: 1.0},
        must(
            "jumps[0].amplitude",
            "return one value per point (a vectorised numpy function)",
            "for an argument of shape (4,) it returns shape ()",
        ),
    ),
    (
        {"amplitude": lambda x: x[:2]},
        must(
            "jumps[0].amplitude",
            "return one value per point (a vectorised numpy function)",
            "for an argument of shape (4,) it returns shape (2,)",
        ),
    ),
    ({"amplitude": lambda x: x * 1j}, must("jumps[0].amplitude", "return real numbers", "it returns dtype complex128")),
    ({"amplitude": lambda x: x > 0}, must("jumps[0].amplitude", "return real numbers", "it returns dtype bool")),
]


@pytest.mark.parametrize(("options", "message"), RATES, ids=[m for _, m in RATES])
def test_bad_rates(options, message):
    with pytest.raises(ArgumentError) as caught:
        spins(jumps=[local(argument={"s": UP}, **options)])
    assert str(caught.value) == message


def test_the_bad_rate_is_named_by_its_position():
    good, bad = local(), local(rate=lambda x: -1 - x, argument={"s": UP})
    with pytest.raises(ArgumentError, match=r"^Argument `jumps\[1\]\.rate`"):
        spins(jumps=[good, bad])


def test_good_rates():
    # Negative amplitudes and integer values are fine; a rate is the square of an amplitude.
    model = spins(jumps=[local(amplitude=lambda x: x - 0.5, argument={"s": UP})])
    np.testing.assert_allclose(model.jumps[0].gamma([0, 1]), [-0.5, 0.5])
    model = spins(jumps=[local(rate=lambda x: np.full(x.shape, 4), argument={"s": UP})])
    np.testing.assert_allclose(model.jumps[0].gamma([0, 1]), [2, 2])
    np.testing.assert_allclose(local().gamma([0, 1, 5]), 1)


def test_a_rate_cannot_change_the_points_it_is_given():
    def greedy(x):
        x *= 0
        return x

    model = spins(jumps=[local(amplitude=greedy, argument={"s": UP})])
    points = np.array([0.3, 0.7])
    model.jumps[0].gamma(points)
    np.testing.assert_array_equal(points, [0.3, 0.7])


class Recorder:
    def __init__(self):
        self.points = []

    def __call__(self, x):
        self.points.extend(np.asarray(x).tolist())
        return np.exp(x)


@pytest.mark.parametrize("exclude_self", [False, True])
@pytest.mark.parametrize("X_of_spin", [Z, UP, 0.3 * Z + 0.2 * ONE, X, 0.6 * X - 0.3 * Y + 0.1 * ONE])
def test_rates_are_asked_only_within_the_spectrum(X_of_spin, exclude_self):
    for N in (1, 2, 5):
        recorder = Recorder()
        jump = local(amplitude=recorder, argument={"s": X_of_spin}, exclude_self=exclude_self)
        model = spins(jumps=[jump], size=N)
        low, high = np.linalg.eigvalsh(X_of_spin)
        count = N - exclude_self
        expected = np.array([(n * high + (count - n) * low) / N for n in range(count + 1)])
        cj.trajectory(model, cj.tilted(model, 1.1, 0.3), [0.0, 0.5], seed=1, index=0)
        cj.mean_field(model, cj.tilted(model, 1.1, 0.3), [0.0, 0.5])
        points = np.array(recorder.points)
        if exclude_self:  # the mean field asks at <x>, which the sum without one particle may not reach
            points = points[(points >= expected[0] - 1e-9) & (points <= expected[-1] + 1e-9)]
        assert points.min() >= expected[0] - 1e-13
        assert points.max() <= expected[-1] + 1e-13
        for x in expected:
            assert np.abs(points - x).min() < 1e-13


def test_argument_spectrum_of_several_blocks_and_levels():
    Q = np.diag([0.0, 0.5, 2.0])
    jump = cj.LocalJump(X, "a", amplitude=np.exp, argument={"a": Z, "b": Q}, exclude_self=True)
    model = pair(jumps=[jump], sizes=(3, 2), levels=(2, 3))
    expected = {
        round((s1 + s2) / 3 + (q1 + q2) / 2, 10)
        for s1 in (1, -1)
        for s2 in (1, -1)
        for q1 in (0, 0.5, 2)
        for q2 in (0, 0.5, 2)
    }
    np.testing.assert_allclose(model.argument_spectrum(jump), sorted(expected), atol=1e-9)


def test_argument_spectrum_of_a_large_block_keeps_both_ends():
    jump = local(amplitude=np.exp, argument={"s": UP})
    model = spins(jumps=[jump], size=1_000_000)
    x = model.argument_spectrum(jump)
    assert len(x) <= 100_000
    assert (x[0], x[-1]) == (0.0, 1.0)
    np.testing.assert_allclose(x * 1e6, np.round(x * 1e6), atol=1e-9)


# ---- Hermiticity as an operator on the whole system ----------------------------------------------

HERMITIAN = {
    "one-axis twisting": (lambda: spins([two(Z, Z)]), True),
    "S+ S- alone": (lambda: spins([two(RAISE, LOWER, 0.7)]), True),
    "S+ S- with a complex strength": (lambda: spins([two(RAISE, LOWER, 0.7j)]), False),
    "x y alone": (lambda: spins([two(X, Y)]), False),
    "x y and y x": (lambda: spins([two(X, Y), two(Y, X)]), True),
    "i [S_x, S_y]": (lambda: spins([two(X, Y, 1j), two(Y, X, -1j)]), True),
    "x y with i": (lambda: spins([two(X, Y, 1j)]), False),
    "x y without its commutator": (lambda: spins([two(X, Y), two(ONE, Z, -1j / 3)]), True),
    "x y without too much": (lambda: spins([two(X, Y), two(ONE, Z, -1j / 4)]), False),
    "S+ S+": (lambda: spins([two(RAISE, RAISE)]), False),
    "S+ S+ with its partner": (lambda: spins([two(RAISE, RAISE, 1j), two(LOWER, LOWER, -1j)]), True),
    "S+ S+ of one spin is nothing": (lambda: spins([two(RAISE, RAISE)], size=1), True),
    "x y of one spin is i z": (lambda: spins([two(X, Y, -1j)], size=1), True),
    "x y of one spin": (lambda: spins([two(X, Y)], size=1), False),
    "between blocks: S+ S- alone": (lambda: pair([two(RAISE, LOWER, blocks=("a", "b"))]), False),
    "between blocks: with its partner": (
        lambda: pair([two(RAISE, LOWER, 1j, ("a", "b")), two(LOWER, RAISE, -1j, ("a", "b"))]),
        True,
    ),
    "between blocks: partner the other way round": (
        lambda: pair([two(RAISE, LOWER, 1j, ("a", "b")), two(RAISE, LOWER, -1j, ("b", "a"))]),
        True,
    ),
    "between blocks: x y": (lambda: pair([two(X, Y, blocks=("a", "b"))]), True),
    "between blocks: x y with i": (lambda: pair([two(X, Y, 1j, ("a", "b"))]), False),
    "imaginary scalar": (lambda: spins([two(ONE, ONE, 1j)]), False),
    "imaginary one-body part": (lambda: spins([two(ONE, Z, 1j)]), False),
    "imaginary one-body parts that cancel": (lambda: spins([two(ONE, Z, 1j), two(Z, ONE, -1j)]), True),
    "a product hides an imaginary field": (lambda: spins([two(RAISE, LOWER), two(LOWER, RAISE, 1e-3j)]), False),
    "anti-Hermitian pair within a sum": (lambda: spins([two(X, X, 1 + 1e-6j)]), False),
}


@pytest.mark.parametrize("name", HERMITIAN)
def test_hermiticity_of_the_hamiltonian(name, monkeypatch):
    make, hermitian = HERMITIAN[name]
    if hermitian:
        model = make()
    else:
        with pytest.raises(ArgumentError, match=r"^Argument `hamiltonian` must be Hermitian as an operator"):
            make()
        monkeypatch.setattr(cj.Model, "_check_hermitian", lambda self: None)
        model = make()
    # the full matrix agrees with the verdict
    if hermitian:
        assert Oracle(model).dimension >= 2
    else:
        with pytest.raises(ValueError, match="the Hamiltonian is not Hermitian"):
            Oracle(model)


@pytest.mark.parametrize("seed", range(30))
def test_random_hamiltonians_get_the_verdict_of_the_full_matrix(seed, monkeypatch):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 4, size=2)

    def matrix():
        return rng.normal(size=(2, 2)) + 1j * rng.normal(size=(2, 2))

    terms = []
    for _ in range(2):
        A, B, g, blocks = matrix(), matrix(), complex(rng.normal(), rng.normal()), tuple(rng.choice(["a", "b"], 2))
        terms += [two(A, B, g, blocks), two(B.conj().T, A.conj().T, g.conjugate(), blocks[::-1])]
    assert pair(terms, sizes=sizes).size == sum(sizes)
    Oracle(pair(terms, sizes=sizes))
    terms[0] = two(terms[0].first, terms[0].second, terms[0].strength + 0.01j, terms[0].blocks)
    with pytest.raises(ArgumentError, match="be Hermitian as an operator on the whole"):
        pair(terms, sizes=sizes)
    monkeypatch.setattr(cj.Model, "_check_hermitian", lambda self: None)
    with pytest.raises(ValueError, match="not Hermitian"):
        Oracle(pair(terms, sizes=sizes))


# ---- what a model tells --------------------------------------------------------------------------


def test_labels_and_weights():
    model = cj.Model([cj.Block("s", 2), cj.Block("q", 3, levels=3)])
    three = ["n0", "n1", "n2", "x01", "y01", "x02", "y02", "x12", "y12"]
    assert model.labels == ("s.x", "s.y", "s.z", *(f"q.{o}" for o in three))
    np.testing.assert_allclose(model.deviation_weights, [0.5] * 3 + [1] * 3 + [0.5] * 6)
    assert model.size == 5
    assert [o.block for o in model.observables] == [0] * 3 + [1] * 9
    y01 = model.observables[7].matrix
    np.testing.assert_allclose(y01, [[0, -1j, 0], [1j, 0, 0], [0, 0, 0]])


def test_matrices_are_copied_and_read_only():
    X_own = X.copy()
    term = cj.OneBody(X_own, "s")
    X_own[0, 1] = 7
    assert term.matrix[0, 1] == 1
    with pytest.raises(ValueError, match="read-only"):
        term.matrix[0, 0] = 1


def test_leaving_out_self_needs_a_sum_with_self():
    within = cj.LocalJump(X, "a", amplitude=np.exp, argument={"a": Z}, exclude_self=True)
    without = cj.LocalJump(X, "a", amplitude=np.exp, argument={"b": Z}, exclude_self=True)
    assert within.leaves_self_out
    assert not without.leaves_self_out
    assert not local().has_rate
    model = pair(jumps=[without])
    np.testing.assert_allclose(model.argument_spectrum(without), [-1, -1 / 3, 1 / 3, 1])


def test_a_rate_that_is_negative_between_the_values_of_its_spectrum():
    """N = 2 particles never see it, and mean field does."""
    jump = cj.LocalJump([[0, 0], [1, 0]], "s", rate=lambda x: (x - 0.25) * (x - 0.75), argument={"s": np.diag([1, -1])})
    model = cj.Model([cj.Block("s", 2)], [], [jump])
    message = r"and never negative, and between its values, where mean field goes, but at Δ = 0.5 it returns -0.06"
    with pytest.raises(ArgumentError, match=message):
        cj.mean_field(model, cj.tilted(model, np.pi / 3, 0), [0, 1])
