"""One block of two levels whose arguments do not commute: its bands, and whole trajectories against tensor products."""

import numpy as np
import pytest

import cojump as cj
from cojump.trajectories import counting_engine, polynomial_tables
from cojump.trajectories.compilation import prepare
from cojump.trajectories.kernel_cache import compiled
from cojump.trajectories.kernels.polynomial_bands import BANDS, HI, LO, UNKNOWN, apply_bands, apply_pairs, whole_window
from cojump.trajectories.kernels.polynomial_state import settle
from cojump.trajectories.kernels.vectors import LANES
from cojump.trajectories.polynomial_engine import PolynomialEngine
from cojump.trajectories.product_engine import ProductEngine
from cojump.trajectories.recipe import recipe_of
from cojump.trajectories.representations import BANDED, POLYNOMIALS, PRODUCT, SPARSE
from cojump.trajectories.sector_matrix import program_matrix
from tests.support.pauli import LOWER, RAISE, X, Y, Z
from tests.support.pauses import assert_no_influence_of_pauses
from tests.support.random_models import random_hermitian, random_matrix
from tests.support.twin_trajectories import assert_same_trajectories

TIMES = np.linspace(0, 1.2, 7)


@pytest.fixture(scope="module", autouse=True)
def _compiled():
    prepare([two_axes()[0]])


def _affine(x):
    return 1.0 + 0.4 * x


def two_axes(size=14):
    jumps = [
        cj.LocalJump(LOWER + 0.2 * Z, "a", amplitude=_affine, argument={"a": Z}),
        cj.LocalJump(RAISE, "a", amplitude=np.cos, argument={"a": X}),
    ]
    model = cj.Model([cj.Block("a", size)], [cj.OneBody(0.5 * X, "a")], jumps)
    return model, cj.tilted(model, 1.1, 0.4)


def odd_rate():
    """Γ(Δ) leads where H_eff does not."""
    jumps = [
        cj.LocalJump(Z, "a", amplitude=np.sin, argument={"a": X}),
        cj.LocalJump(Z, "a", amplitude=_affine, argument={"a": Z}),
    ]
    model = cj.Model([cj.Block("a", 9)], [], jumps)
    return model, cj.dicke(model, {"a": (4.5, 0.5)})


def everything():
    """Complex matrices, three axes, interactions, potentials, collective jumps; one rate leaves the particle out."""
    rng = np.random.default_rng(4)
    jumps = [
        cj.LocalJump(random_matrix(rng), "a", amplitude=np.cos, argument={"a": X}),
        cj.LocalJump(random_matrix(rng), "a", amplitude=np.sin, argument={"a": 0.6 * Y + 0.8 * Z}),
        cj.LocalJump(LOWER + 0.3 * Z, "a", amplitude=_affine, argument={"a": Z}, exclude_self=True),
        cj.LocalJump(RAISE, "a", amplitude=_affine, argument={"a": Z}, exclude_self=True),
        cj.LocalJump(0.5 * LOWER, "a"),
        cj.CollectiveJump({"a": 0.5 * random_matrix(rng)}, 0.8),
        cj.CollectiveJump({"a": LOWER}, 0.3),
    ]
    pair = random_hermitian(rng)
    terms = [cj.OneBody(random_hermitian(rng), "a"), cj.TwoBody(pair, pair, 0.4, blocks=("a", "a"))]
    terms += [cj.Potential(np.cosh, {"a": Z}), cj.Potential(np.cos, {"a": Y})]
    model = cj.Model([cj.Block("a", 21)], terms, jumps)
    return model, cj.product(model, {"a": [0.8, 0.6j]})


def mixed_start():
    model, _ = two_axes(16)
    return model, cj.product(model, {"a": np.array([[0.6, 0.2j], [-0.2j, 0.4]])})


def few_averages():
    model, state = two_axes(15)
    return cj.Model(model.blocks, model.hamiltonian, model.jumps, averages=["a.y"]), state


def no_jumps():
    terms = [cj.Potential(lambda x, g=g: g * np.cos(x), {"a": axis}) for g, axis in ((0.9, X), (0.4, Z))]
    model = cj.Model([cj.Block("a", 24)], [*terms, cj.OneBody(Y, "a")])
    return model, cj.tilted(model, 1.1, 0.4)


CASES = {
    "two axes": two_axes,
    "odd rate": odd_rate,
    "everything": everything,
    "mixed start": mixed_start,
    "few averages": few_averages,
    "no jumps": no_jumps,
    "narrow beside the sector": lambda: two_axes(150),
}


@pytest.mark.parametrize("name", CASES)
def test_trajectories_are_those_of_the_twin(name):
    model, state = CASES[name]()
    assert recipe_of(model).parts[0].representation is POLYNOMIALS
    times = TIMES if model.size < 50 else TIMES / 6
    twin, engine = (kind(model, state, times, 1e-10, [0, 2, 6]) for kind in (ProductEngine, PolynomialEngine))
    assert assert_same_trajectories(twin, engine, seed=3, trajectories=3) > (-1 if name == "no jumps" else 4)


@pytest.mark.parametrize("name", ["two axes", "everything", "no jumps"])
def test_a_row_of_the_series_is_h_eff_times_the_state(name):
    """Applied to a random state that fills a sector, of all sectors."""
    model, state = CASES[name]()
    engine = PolynomialEngine(model, state, TIMES, 1e-9)
    rng = np.random.default_rng(4)
    for two_J in range(model.size % 2, model.size + 1, 2):
        labels, ket = (two_J,), rng.normal(size=(two_J + 1, 2)) @ [1, 1j]
        ket /= np.linalg.norm(ket)
        engine._put(labels, engine.basis.whole(labels), ket)
        engine.tables.make(two_J, 0, model.size + 1, 0)
        engine._read()
        work, where = engine._work, engine._where
        assert settle(engine._h_eff, work, engine._room, 0.0, 3)
        lo, hi = int(where[LO]), int(where[HI])
        work.taylor_re[0, :lo] = work.taylor_im[0, :lo] = work.taylor_re[0, hi:] = work.taylor_im[0, hi:] = 0.0
        h, t = engine._h_eff, engine._h_eff.tables
        wide = whole_window(lo, hi, 0, lo, hi)
        assert wide[0] <= lo < wide[0] + LANES
        assert hi <= wide[1] < hi + LANES
        bands = t.values, t.start[two_J] - t.first[two_J], t.cells[two_J]
        rows, pairs = (work.taylor_re, work.taylor_im, np.int64(0), *wide, 0.5, *bands), (t.pairs, t.place)
        assert (t.pairs >= 0) == (name == "two axes")
        work.taylor_re[1] = work.taylor_im[1] = np.nan
        norm2 = apply_bands(*rows, t.shift, t.real[-1], t.end[-1], h.width, 0.2, 0.1)
        beside = work.taylor_re[1, [*range(wide[0] - h.width, lo), *range(hi, wide[1] + h.width)]]
        np.testing.assert_array_equal(beside, 0.0)
        if name == "two axes":
            _, _, general = engine._seen(work.taylor_re[1], work.taylor_im[1])
            work.taylor_re[1] = work.taylor_im[1] = np.nan
            assert apply_pairs(*rows, *pairs, 0.2, 0.1) == pytest.approx(norm2, rel=1e-14)
            np.testing.assert_allclose(
                engine._seen(work.taylor_re[1], work.taylor_im[1])[2], general, rtol=0, atol=1e-15
            )
            assert not work.taylor_re[1, [*range(wide[0], lo), *range(hi, wide[1])]].any()
        _, _, after = engine._seen(work.taylor_re[1], work.taylor_im[1])
        H = program_matrix(engine.basis.sector(labels).h_eff).toarray()
        expected = -0.5j * (H @ ket - (0.2 - 0.1j) * ket)
        constant = 1j * np.vdot(ket, after - expected)  # of a sector, which turns the global phase alone
        assert abs(constant.imag) < 1e-13
        np.testing.assert_allclose(after, expected - 1j * constant.real * ket, rtol=0, atol=1e-13)
        assert norm2 == pytest.approx(np.vdot(after, after).real, rel=1e-12)


def test_an_element_is_the_same_in_every_window():
    """To the last bit: a trajectory must not know what others have made before."""
    model, state = two_axes(80)
    tables = PolynomialEngine(model, state, TIMES, 1e-9).tables
    for two_J in (80, 46, 8, 0):
        whole = tables._values(two_J, 0, two_J + 1)
        for lo, hi in ((0, two_J // 2 + 1), (two_J // 3, two_J // 3 + 1), (two_J // 2, two_J + 1)):
            window = tables._values(two_J, lo, hi)
            shift = tables.read().shift
            columns = np.arange(lo, hi)
            np.testing.assert_array_equal(window[:BANDS], whole[:BANDS, lo:hi])
            for row, far in enumerate(shift, start=BANDS):
                inside = (columns + far >= lo) & (columns + far < hi)
                np.testing.assert_array_equal(window[row, inside], whole[row, lo:hi][inside])


def test_pauses_and_tables_have_no_influence(monkeypatch):
    model, state = two_axes(120)
    engine, sectors = assert_no_influence_of_pauses(
        monkeypatch, lambda: PolynomialEngine(model, state, TIMES / 4, 1e-9, [3])
    )
    assert np.sum(engine.tables.read().start != UNKNOWN) < len(set(sectors)), "some were forgotten"


def test_a_series_that_comes_to_the_end_of_its_tables_is_thrown_away(monkeypatch):
    """It begins anew with wider tables: the trajectory is that of wide ones from the beginning."""
    model, _ = two_axes(120)
    state = cj.tilted(model, np.pi / 2, 0.0)  # one amplitude in the frame of the bands: its window grows
    times = TIMES / 4
    wide = PolynomialEngine(model, state, times, 1e-9).run(1, 0)
    monkeypatch.setattr(counting_engine, "FIRST_REACH", 1)
    monkeypatch.setattr(polynomial_tables, "_MARGIN", 0)
    engine = PolynomialEngine(model, state, times, 1e-9)
    reaches = []
    make = engine.tables.make
    monkeypatch.setattr(engine.tables, "make", lambda *rest: reaches.append(rest[-1]) or make(*rest))
    narrow = engine.run(1, 0)
    assert reaches[:2] == [1, 2]
    np.testing.assert_array_equal(wide.mean, narrow.mean)


def test_a_series_that_leads_as_far_as_its_orders_do():
    """Its window needs no tables beyond that, or it would never have what it asks for."""
    potential = cj.Potential(lambda x: x**4, {"a": X})
    jumps = [cj.LocalJump(LOWER, "a", amplitude=lambda x: 0.01 + 0.001 * x, argument={"a": o}) for o in (X, Z)]
    model = cj.Model([cj.Block("a", 1000)], [potential], jumps)
    state = cj.product(model, {"a": [0.6, 0.8]})
    coarse, fine = (PolynomialEngine(model, state, [0.0, 0.02], tolerance).run(11, 0) for tolerance in (1e-9, 1e-12))
    np.testing.assert_allclose(coarse.mean, fine.mean, rtol=0, atol=1e-9)


def test_long_steps_are_those_of_the_twin():
    """Rates far above anything that the state feels: both go on by long steps."""
    jumps = [
        cj.LocalJump(LOWER, "a", amplitude=lambda x: 1e3 * (1 + 0.1 * x), argument={"a": Z}),
        cj.LocalJump(LOWER, "a", amplitude=lambda x: np.cos(0.1 * x), argument={"a": X}),
    ]
    model = cj.Model([cj.Block("a", 10)], [cj.OneBody(0.01 * X, "a")], jumps)
    state = cj.product(model, {"a": [0.0, 1.0]})
    twin, engine = (kind(model, state, 40 * TIMES, 1e-9) for kind in (ProductEngine, PolynomialEngine))
    a, b = twin.run(1, 0), engine.run(1, 0)
    np.testing.assert_allclose(a.mean, b.mean, rtol=0, atol=1e-8)
    assert a.n_jumps == b.n_jumps


def test_what_it_holds():
    def representation(*jumps):
        return recipe_of(cj.Model([cj.Block("a", 30)], [], jumps)).parts[0].representation

    def jump(axis, function=np.cos, **options):
        return cj.LocalJump(LOWER, "a", amplitude=function, argument={"a": axis}, **options)

    assert representation(jump(X), jump(Z)) is POLYNOMIALS
    assert "polynomials of degree" in recipe_of(two_axes()[0]).parts[0].method
    assert representation(jump(X), jump(X)) is BANDED
    assert representation(jump(X), jump(Z, np.abs)) is not SPARSE  # kinked along one of them
    assert representation(jump(X, np.abs), jump(Z, np.abs)) is PRODUCT
    assert representation(*(jump(axis, exclude_self=True) for axis in (X, Z))) is SPARSE
    rated = cj.CollectiveJump({"a": LOWER}, 1.0, amplitude=np.cos, argument={"a": X})
    assert representation(jump(Z), rated) is not POLYNOMIALS


def test_all_kernels_are_compiled_before():
    models = [CASES[name]() for name in ("two axes", "everything")]
    before = compiled()["compiled"]
    for model, state in models:
        PolynomialEngine(model, state, TIMES, 1e-9, [2]).run(1, 0, record=True)
    assert compiled()["compiled"] == before
