"""Populations alone, where nothing couples them to coherences: the whole solution, and closed forms far beyond it."""

import numpy as np
import pytest

import cojump as cj
from cojump.theory.populations import closed_frame
from tests.support.command_line import invoke

X, Y, Z = cj.operators.sigma_x, cj.operators.sigma_y, cj.operators.sigma_z
DOWN, UP, N_UP = cj.operators.sigma_minus, cj.operators.sigma_plus, cj.operators.projector(0, 2)
TURN = np.array([[np.cos(0.6), -np.sin(0.6)], [np.sin(0.6), np.cos(0.6)]])
TIMES = [0, 0.4, 1.5]


def laser(size, twist=0.0):
    """Collective decay against pumps one by one, with dephasing, a rate by the number that is up, and H diagonal."""
    gated = cj.LocalJump(DOWN, "a", rate=lambda x: 0.3 + x**2, argument={"a": N_UP}, exclude_self=True)
    jumps = [cj.CollectiveJump({"a": DOWN}, rate=1.0, name="light"), cj.LocalJump(np.sqrt(0.7) * UP, "a"), gated]
    terms = [cj.OneBody(0.3 * Z, "a"), cj.TwoBody(X, X, twist, ("a", "a")), cj.TwoBody(Y, Y, twist, ("a", "a"))]
    return cj.Model([cj.Block("a", size)], terms, [*jumps, cj.LocalJump(np.sqrt(0.2) * Z, "a")])


def turned(size):
    """The same in another basis of one particle."""
    return laser(size).mapped(lambda _, x: TURN @ x @ TURN.conj().T)


def two_blocks():
    caught = cj.LocalJump(DOWN, "a", rate=lambda x, y: y / (1 + x), argument=({"a": N_UP}, {"b": N_UP}))
    together = cj.CollectiveJump({"a": Z, "b": 0.5 * Z}, rate=0.4)
    shower = cj.CollectiveJump({"b": UP}, rate=0.8, amplitude=lambda x: 1 - x / 2, argument={"b": N_UP})
    blocks = [cj.Block("a", 3), cj.Block("b", 2)]
    return cj.Model(blocks, [cj.TwoBody(Z, Z, 0.3, ("a", "b"))], [caught, together, shower, cj.LocalJump(UP, "a")])


def starts():
    one, twisted, both = laser(5), laser(4, twist=0.5), two_blocks()
    mixed = cj.product(both, {"a": np.diag([0.3, 0.7]), "b": np.diag([0.0, 1.0])})
    cat = cj.mixture([(0.3, cj.dicke(twisted, {"a": (2, 0)})), (0.7, cj.tilted(twisted, 0, 0))])
    along = turned(4)
    yield "laser", one, cj.tilted(one, 0, 0)
    yield "a mixture, a twist that is diagonal", twisted, cat
    yield "two blocks", both, mixed
    yield "another axis", along, cj.product(along, {"a": TURN @ np.diag([0.8, 0.2]) @ TURN.T})


@pytest.mark.parametrize(("model", "state"), [pytest.param(m, s, id=name) for name, m, s in starts()])
def test_the_whole_solution(model, state):
    ours, whole = (cj.master_equation(model, state, TIMES, method=m) for m in ("auto", "full"))
    assert (ours.method, whole.method) == ("populations", "full")
    assert "populations alone" in str(ours)
    assert "populations" not in str(whole)
    assert len(ours.final.packed) < len(whole.final.packed)
    for name in ("mean", "second", "sector_weights"):
        np.testing.assert_allclose(getattr(ours, name), getattr(whole, name), rtol=0, atol=1e-10)
    for labels in ours.sectors:
        np.testing.assert_allclose(ours.final.matrix(*labels), whole.final.matrix(*labels), rtol=0, atol=1e-10)
    wrong = cj.master_equation(model, cj.tilted(model, np.pi, 0), TIMES, method="full")
    assert np.abs(wrong.mean - whole.mean).max() > 0.01


def test_going_on():
    model = laser(4)
    first = cj.master_equation(model, cj.tilted(model, 0, 0), [0.5])
    driven = cj.Model(model.blocks, [cj.OneBody(X, "a")], model.jumps)
    for later, method in ((model, "populations"), (driven, "full")):
        found = cj.master_equation(later, first.final, [1.0])
        whole = cj.master_equation(model, cj.tilted(model, 0, 0), [0.5], method="full").final
        assert found.method == method
        np.testing.assert_allclose(
            found.second, cj.master_equation(later, whole, [1.0], method="full").second, rtol=0, atol=1e-10
        )
    # what is without coherences can be told to go on with populations alone
    assert cj.master_equation(model, whole, [1.0], method="populations").method == "populations"


def test_independent_decays():
    """250 particles that decay one by one: binomial."""
    size, t = 250, 0.6
    model = cj.systems.free_flips(size, omega=0.0, rate_up=0.0, rate_down=1.0)
    exact = cj.master_equation(model, cj.tilted(model, 0, 0), [t])
    p = np.exp(-t)
    np.testing.assert_allclose(exact.mean[0], [0, 0, 2 * p - 1], rtol=0, atol=1e-9)
    np.testing.assert_allclose(np.diag(exact.covariance[0]), [1, 1, 4 * p * (1 - p)], rtol=0, atol=1e-7)
    small = cj.systems.free_flips(40, omega=0.0, rate_up=0.0, rate_down=1.0)
    assert cj.spectrum.gap(small, method="populations") == pytest.approx(1.0, rel=1e-8)


def test_detailed_balance():
    """Flips at rates of the number that is up: p(n+1)/p(n) = (N - n) R_up(n/N)/((n + 1) R_down((n + 1)/N))."""
    size = 200
    rates = (lambda x: 0.4 + x**2, lambda x: 1.5 - x)
    flips = [cj.LocalJump(j, "a", rate=r, argument={"a": N_UP}) for j, r in zip((UP, DOWN), rates, strict=True)]
    steady = cj.steady_state(cj.Model([cj.Block("a", size)], jumps=flips))
    n = np.arange(size)
    logs = np.log((size - n) * rates[0](n / size) / ((n + 1) * rates[1]((n + 1) / size)))
    p = np.exp(np.concatenate([[0.0], np.cumsum(logs)]) - np.cumsum(logs).max())
    z = 2 * np.arange(size + 1) / size - 1
    mean = (p @ z) / p.sum()
    assert steady.method == "populations"
    assert steady["a.z"].mean == pytest.approx(mean, abs=1e-11)
    assert steady.covariance[2, 2] == pytest.approx(size * ((p @ z**2) / p.sum() - mean**2), rel=1e-9)
    assert steady.error < 1e-11


def test_the_steady_state():
    both = two_blocks()
    for model, state in ((laser(5), None), (turned(4), None), (both, cj.tilted(both, 0, np.pi))):
        ours, whole = (cj.steady_state(model, state, method=m) for m in ("auto", "full"))
        assert (ours.method, whole.method) == ("populations", "full")
        for name in ("mean", "second", "sector_weights"):
            np.testing.assert_allclose(getattr(ours, name), getattr(whole, name), rtol=0, atol=1e-11)


def test_several_steady_states():
    """Superradiance ends in the lowest state of each sector; a start says with which weights."""
    model = cj.Model([cj.Block("a", 5)], jumps=[cj.CollectiveJump({"a": DOWN}, rate=1.0)])
    with pytest.raises(cj.UnsupportedError, match=r"3 or more vanishing .* on 'a' no sector is ever left"):
        cj.steady_state(model)
    state = cj.product(model, {"a": np.diag([0.7, 0.3])})
    ours, whole = (cj.steady_state(model, state, method=m) for m in ("populations", "full"))
    np.testing.assert_allclose(ours.second, whole.second, rtol=0, atol=1e-10)
    bistable = [
        cj.LocalJump(j, "a", rate=lambda x, s=s: np.exp(s * x), argument={"a": Z}) for j, s in ((UP, 2), (DOWN, -2))
    ]
    with pytest.raises(cj.UnsupportedError, match="not unique to the precision"):
        cj.steady_state(cj.Model([cj.Block("a", 100)], jumps=bistable))


def test_counting_and_spectrum():
    model = laser(5)
    ours, whole = (cj.counting.theta(model, [-0.1, 0.3], {"light": 1, 1: 0.5}, method=m) for m in ("auto", "full"))
    for name in ("theta", "mean", "variance", "third", "fourth"):
        np.testing.assert_allclose(getattr(ours, name), getattr(whole, name), rtol=1e-10)
    among, all_of_them = cj.spectrum.slowest(model, 5, method="populations"), cj.spectrum.slowest(model, 30)
    for value in among.eigenvalues:
        assert np.abs(all_of_them.eigenvalues - value).min() < 1e-9
    flips = [cj.LocalJump(UP, "a", rate=lambda x: np.exp(1.7 * x), argument={"a": Z})]
    flips += [cj.LocalJump(DOWN, "a", rate=lambda x: 1.1 * np.exp(-1.7 * x), argument={"a": Z})]
    bistable = cj.Model([cj.Block("a", 15)], jumps=flips)
    ours, whole = (cj.spectrum.switching(bistable, method=m) for m in ("auto", "full"))
    np.testing.assert_allclose(ours.rates, whole.rates, rtol=1e-8)
    np.testing.assert_allclose(ours.mean, whole.mean, rtol=0, atol=1e-8)


def test_two_times():
    model = laser(5)
    state = cj.tilted(model, 0, 0)
    ours, whole = (cj.master_equation(model, state, [0.7], method=m) for m in ("auto", "full"))
    both = [cj.steady_state(model, method=m) for m in ("auto", "full")]
    for a, b in (({"a": Z}, {"a": Z}), ({"a": DOWN}, {"a": UP})):  # the latter makes coherences: the whole goes on
        pair = [one.two_time([0, 1], a, b, start=0.7).mean for one in (ours, whole)]
        np.testing.assert_allclose(*pair, rtol=0, atol=1e-9)
        np.testing.assert_allclose(*[one.two_time([0, 1], a, b).mean for one in both], rtol=0, atol=1e-9)
    np.testing.assert_allclose(*[one.g2([0, 1], "light").mean for one in both], rtol=1e-9)
    large = cj.steady_state(laser(40))
    assert large.g2([0.0], "light", memory=0.0006).mean[0] > 1.5
    with pytest.raises(cj.ArgumentError, match="12,341 unknowns need about"):
        large.two_time([0.0], {"a": DOWN}, {"a": UP}, memory=0.0006)


def test_what_does_not_close():
    atoms = [cj.Block("a", 4)]
    state = cj.tilted(laser(4), 0, 0)

    def asked(model, start=state):
        return cj.master_equation(model, start, [0.1], method="populations")

    jumps = laser(4).jumps
    for terms, own, reason in (
        ([cj.OneBody(X, "a")], jumps, "no basis of one particle of 'a'"),
        ([cj.TwoBody(X, X, 1.0, ("a", "a"))], jumps, "Hamiltonian couples populations"),
        ([], [cj.LocalJump(DOWN + 0.1 * Z, "a")], "neither diagonal nor a ladder"),
        ([], [cj.LocalJump(DOWN, "a", envelope=lambda t: np.exp(-t))], "change in time"),
        ([], [cj.LocalJump(X, "a"), cj.LocalJump(Z, "a")], "no basis"),
    ):
        with pytest.raises(cj.UnsupportedError, match=f"Populations alone do not .*{reason}"):
            asked(cj.Model(atoms, terms, own))
        assert isinstance(closed_frame(cj.Model(atoms, terms, own)), str)
    with pytest.raises(cj.UnsupportedError, match="the start has coherences"):
        asked(laser(4), cj.tilted(laser(4), 1.0, 0))
    with pytest.raises(cj.UnsupportedError, match="the start has coherences"):
        asked(laser(4), cj.master_equation(laser(4), cj.tilted(laser(4), 1.0, 0), [0.1]).final)
    mode = cj.systems.dicke(2, 1.0, 1.0, 0.3, 1.0)
    with pytest.raises(cj.UnsupportedError, match="it has modes"):
        cj.steady_state(mode, method="populations")
    three = cj.Model([cj.Block("a", 3, levels=3)], jumps=[cj.LocalJump(np.eye(3, k=1), "a")])
    with pytest.raises(cj.UnsupportedError, match="'a' has 3 levels, not two"):
        cj.steady_state(three, method="populations")
    with pytest.raises(cj.ArgumentError, match="`method` must be one of auto, populations, full, but it is 'some'"):
        cj.master_equation(laser(4), state, [0.1], method="some")
    with pytest.raises(
        cj.ArgumentError, match=r"fit its populations into memory = 4 GiB, but its 2\.5e\+17 populations"
    ):
        cj.master_equation(laser(10**9), cj.tilted(laser(10**9), 0, 0), [0.1])
    with pytest.raises(cj.ArgumentError, match="`symmetry` must be left out"):
        cj.spectrum.gap(laser(4), symmetry={"a": Z}, method="populations")
    two = [cj.Block("a", 2), cj.Block("b", 2)]
    together = cj.CollectiveJump({"a": DOWN, "b": DOWN}, rate=1.0)  # |0, 1> and |1, 0> come out together
    with pytest.raises(cj.UnsupportedError, match=r"jumps\[0\] is neither diagonal nor a ladder"):
        asked(cj.Model(two, [], [together]), cj.tilted(cj.Model(two, [], [together]), 0, 0))
    exchange = [cj.TwoBody(UP, DOWN, 0.5, ("a", "b")), cj.TwoBody(DOWN, UP, 0.5, ("a", "b"))]
    coupled = cj.Model(two, exchange, [cj.LocalJump(DOWN, "a")])
    assert "Hamiltonian couples" in closed_frame(coupled)


def test_show_says_it(tmp_path):
    text = """
        model = {{system = "free_flips", size = 100, omega = {}, rate_up = 1.0, rate_down = 0.5}}
        initial = {{kind = "tilted", theta = 0.0, phi = 0.0}}
        times = {{end = 1.0, steps = 2}}
        run = {{n_traj = 4}}
    """
    for omega, said in (("0.0", True), ("0.3", False)):
        (tmp_path / "run.toml").write_text(text.format(omega))
        assert ("takes 2,601 populations alone" in invoke("show", tmp_path / "run.toml")[0]) == said


def test_a_hamiltonian_that_is_diagonal_for_one_number_of_particles():
    """(1/N) Σσ_x from a commutator against a field: nothing at N = 2 and 3, where it was tried."""
    for size, vanishes in ((4, 2), (5, 3)):
        terms = [cj.TwoBody(Y, Z, -1j, ("a", "a")), cj.TwoBody(Z, Y, 1j, ("a", "a"))]
        terms.append(cj.TwoBody(np.eye(2), X, -2 / vanishes, ("a", "a")))
        model = cj.Model([cj.Block("a", size)], terms, [cj.LocalJump(DOWN, "a")])
        assert closed_frame(model) == "its Hamiltonian couples populations to coherences"
