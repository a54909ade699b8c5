"""States as rows of Gelfand-Tsetlin patterns: elements in closed form, whole trajectories against tensor products."""

import itertools

import numpy as np
import pytest
from scipy.linalg import expm
from scipy.sparse import csr_array
from scipy.sparse.linalg import expm_multiply

import cojump as cj
from cojump.basis.diagram_sector import diagram_sector
from cojump.trajectories import counting_engine, pattern_engine
from cojump.trajectories.compilation import prepare
from cojump.trajectories.kernel_cache import compiled
from cojump.trajectories.kernels.pattern_links import (
    key_of_path,
    may_move,
    moved_along,
    path_weight,
    set_diagram,
    weights_of_three,
)
from cojump.trajectories.kernels.pattern_pairs import BESIDE_DIAGONAL, COLLECTIVE, DIAGONAL, RATED, apply_rows
from cojump.trajectories.kernels.pattern_rows import FIRST, KEPT_CELLS, KEPT_ROWS, ROWS, trim
from cojump.trajectories.kernels.pattern_state import add_products, settle
from cojump.trajectories.kernels.series import LONGEST, expand
from cojump.trajectories.kernels.waiting_time import find_jump
from cojump.trajectories.pattern_cost import keeps_a_number
from cojump.trajectories.pattern_engine import PatternEngine
from cojump.trajectories.product_engine import ProductEngine
from cojump.trajectories.recipe import recipe_of
from cojump.trajectories.representations import PATTERN_ROWS, PRODUCT, SPARSE
from cojump.trajectories.sector_matrix import program_matrix
from tests.support.pauses import assert_same_bits
from tests.support.random_models import random_hermitian, random_matrix, random_unitary
from tests.support.twin_trajectories import assert_same_trajectories

TIMES = np.linspace(0, 1.2, 7)


@pytest.fixture(scope="module", autouse=True)
def _compiled():
    prepare([potts(3)[0]])


def potts(size):
    model = cj.systems.potts_hopfield([[0] * size], 3, 0.3, 2.0)
    return model, cj.corrupted(model, 0, 0.8)


def pump():
    """The drive couples two of three levels."""
    model = cj.systems.lambda_pump(9, 1.2, 1.0, 0.7)
    return model, cj.occupation(model, {"particles": [0, 4, 5]})


def four_levels():
    """Complex drive, interactions, a potential; jumps that permute levels or are diagonal, with the self or without."""
    rng, unit = np.random.default_rng(1), np.eye(4)
    level = np.diag([1.0, 0.3, -0.2, -1.0])
    jumps = [
        cj.LocalJump(np.outer(unit[b], unit[a]), "a", amplitude=_affine, argument={"a": level}, exclude_self=own)
        for a, b, own in ((0, 1, True), (1, 2, False), (2, 3, True), (3, 0, False), (0, 2, True))
    ]
    jumps.append(cj.LocalJump(0.5j * np.diag([1.0, -1, 0.5, 0]), "a", amplitude=np.cos, argument={"a": level}))
    jumps.append(cj.LocalJump(0.3 * np.exp(0.3j) * unit[[1, 2, 3, 0]], "a"))
    terms = [cj.OneBody(random_hermitian(rng, 4), "a"), cj.Potential(np.cos, {"a": level})]
    terms.append(cj.TwoBody(np.diag([1.0, 2, 0, -1]), np.diag([1.0, 0, 0, -1]), 0.4, ("a", "a")))
    model = cj.Model([cj.Block("a", 6, 4)], terms, jumps)
    return model, cj.product(model, {"a": np.diag([0.4, 0.3, 0.2, 0.1])})


def other_axes():
    """The same model in another basis of the levels."""
    model, _ = potts(8)
    turned = random_unitary(np.random.default_rng(5), 3)
    model = model.mapped(lambda _, m: turned @ m @ turned.conj().T)
    return model, cj.product(model, {"0": turned[:, 0]})


def few_averages():
    model, state = potts(9)
    return cj.Model(model.blocks, model.hamiltonian, model.jumps, averages=["0.n0", "0.x01"]), state


def no_jumps():
    rng = np.random.default_rng(2)
    model = cj.Model([cj.Block("a", 7, 3)], [cj.OneBody(2 * random_hermitian(rng, 3), "a")])
    return model, cj.product(model, {"a": np.diag([0.5, 0.3, 0.2])})


def _affine(x):
    return 1.0 + 0.4 * x


LOWER_3 = np.diag([1.0, 1.0], 1)


def collective():
    """Decay of all atoms together, of two transitions, and of each alone."""
    rng = np.random.default_rng(7)
    jumps = [cj.CollectiveJump({"a": y}, rate=0.8) for y in (LOWER_3, 0.4 * random_matrix(rng, 3))]
    jumps.append(cj.LocalJump(np.eye(3, k=2), "a", amplitude=_affine, argument={"a": np.diag([1.0, 0, -1])}))
    model = cj.Model([cj.Block("a", 9, 3)], [cj.OneBody(LOWER_3 + LOWER_3.T, "a")], jumps)
    return model, cj.product(model, {"a": [0, 0, 1]})


def exchange():
    """Spins 1 that exchange, and jumps whose rates are not diagonal."""
    rng, spin = np.random.default_rng(8), spin_one()
    terms = [cj.TwoBody(f, f, -1.0, ("a", "a")) for f in spin]
    terms += [cj.TwoBody(LOWER_3, LOWER_3.T, 0.7, ("a", "a")), cj.OneBody(random_hermitian(rng, 3), "a")]
    jumps = [cj.LocalJump(0.5 * random_matrix(rng, 3), "a"), cj.LocalJump(LOWER_3 + 0.3 * spin[2], "a")]
    model = cj.Model([cj.Block("a", 8, 3)], terms, jumps)
    return model, cj.product(model, {"a": np.diag([0.2, 0.5, 0.3])})


def spin_one():
    """F_x, F_y, F_z of a spin 1."""
    up = np.sqrt(2) * LOWER_3
    return (up + up.T) / 2, (up - up.T) / 2j, np.diag([1.0, 0, -1])


def exchange_of_four():
    """All of it, of four levels."""
    rng, level = np.random.default_rng(9), np.diag([1.0, 0.3, -0.2, -1.0])
    A, y = random_hermitian(rng, 4), random_matrix(rng, 4)
    terms = [cj.TwoBody(A, A, 0.3, ("a", "a")), cj.TwoBody(level, level, 0.5, ("a", "a"))]
    jumps = [
        cj.CollectiveJump({"a": 0.5 * y}, rate=0.5),
        cj.LocalJump(0.5 * y.T, "a"),
        cj.LocalJump(np.eye(4, k=1), "a", amplitude=np.cosh, argument={"a": level}, exclude_self=True),
    ]
    model = cj.Model([cj.Block("a", 5, 4)], terms, jumps)
    return model, cj.product(model, {"a": [0, 0, 1, 0]})


def rates_that_cancel():
    """j†j of two jumps are not diagonal, their sum is; what is measured leads nowhere."""
    unit, level = np.eye(3), np.diag([1.0, 0, -1])
    jumps = [cj.LocalJump(np.outer(unit[0], unit[1] + sign * unit[2]), "a") for sign in (1, -1)]
    jumps.append(cj.LocalJump(0.4 * np.outer(unit[2], unit[0]), "a", amplitude=np.cosh, argument={"a": level}))
    field = np.outer(unit[0], unit[1]) + np.outer(unit[1], unit[0])
    model = cj.Model([cj.Block("a", 8, 3)], [cj.OneBody(field, "a")], jumps, averages=["a.n0"])
    return model, cj.product(model, {"a": np.ones(3) / np.sqrt(3)})


def rated():
    """Γ(Δ) of jumps whose j†j is not diagonal, with the self and without, and of collective ones."""
    rng, level = np.random.default_rng(10), np.diag([1.0, 0.2, -1])
    mixing, complex_one = np.array([[0, 1.0, 0.5], [0, 0, 0], [0, 0, 0]]), 0.4 * random_matrix(rng, 3)
    jumps = [
        cj.LocalJump(mixing, "a", amplitude=np.exp, argument={"a": level}),
        cj.LocalJump(complex_one, "a", amplitude=_affine, argument={"a": level}),
        cj.LocalJump(complex_one.T, "a", amplitude=np.exp, argument={"a": level}, exclude_self=True),
        cj.CollectiveJump({"a": LOWER_3 + 0.2 * level}, 0.7, amplitude=np.exp, argument={"a": level}),
        cj.CollectiveJump({"a": 0.3 * random_matrix(rng, 3)}, 0.5),
    ]
    model = cj.Model([cj.Block("a", 8, 3)], [cj.OneBody(LOWER_3 + LOWER_3.T, "a")], jumps)
    return model, cj.product(model, {"a": np.diag([0.2, 0.3, 0.5])})


def rated_of_four():
    """The same of four levels."""
    rng, level = np.random.default_rng(11), np.diag([1.0, 0.3, -0.2, -1.0])
    j = 0.5 * random_matrix(rng, 4)
    jumps = [
        cj.LocalJump(j, "a", amplitude=np.exp, argument={"a": level}, exclude_self=True),
        cj.LocalJump(j.T.real, "a", amplitude=np.cosh, argument={"a": level}),
        cj.CollectiveJump({"a": 0.4 * j}, 0.8, amplitude=np.exp, argument={"a": level}),
    ]
    model = cj.Model([cj.Block("a", 5, 4)], [cj.OneBody(random_hermitian(rng, 4), "a")], jumps)
    return model, cj.product(model, {"a": [0, 0, 1, 0]})


def rated_alone():
    """Nothing but the rate of one jump leads between two of the levels."""
    unit, level = np.eye(3), np.diag([1.0, 0, -1])
    jumps = [cj.LocalJump(np.outer(unit[0], unit[1] + 0.5 * unit[2]), "a", amplitude=np.exp, argument={"a": level})]
    jumps.append(cj.LocalJump(0.4 * np.outer(unit[2], unit[0]), "a"))
    field = np.outer(unit[0], unit[1]) + np.outer(unit[1], unit[0])
    model = cj.Model([cj.Block("a", 8, 3)], [cj.OneBody(field, "a")], jumps, averages=["a.n0"])
    return model, cj.product(model, {"a": np.array([0.6, 0.8, 0])})


CASES = {
    "rated": rated,
    "rated of four": rated_of_four,
    "rated alone": rated_alone,
    "rates that cancel": rates_that_cancel,
    "collective": collective,
    "exchange": exchange,
    "exchange of four": exchange_of_four,
    "potts": lambda: potts(14),
    "pump": pump,
    "four levels": four_levels,
    "other axes": other_axes,
    "few averages": few_averages,
    "no jumps": no_jumps,
}


PRODUCTS = ("collective", "exchange", "exchange of four", "rated", "rated of four", "rated alone")
"""Cases in which not all of H_eff is a closed form."""


@pytest.mark.parametrize("name", CASES)
def test_trajectories_are_those_of_the_twin(name):
    model, state = CASES[name]()
    assert PATTERN_ROWS.can_hold(model)
    twin, engine = (kind(model, state, TIMES, 1e-10, [0, 2, 6]) for kind in (ProductEngine, PatternEngine))
    assert assert_same_trajectories(twin, engine, seed=3, trajectories=4) > (-1 if name == "no jumps" else 4)


@pytest.mark.parametrize("label", [(5, 3, 1), (9, 0, 0), (4, 4, 1), (3, 3, 3)])
@pytest.mark.parametrize("name", ["potts", "complex", "four levels", *PRODUCTS])
def test_a_row_of_the_series_is_h_eff_times_the_state(name, label):
    """Applied to a random state that fills a sector: the elements that are closed forms, all of them.

    What a real H makes of three levels is one loop over each row; a complex one and further levels go link by link.
    Products of two operators, and rates that are not diagonal, are made of these.
    """
    model, state = CASES[name]() if name in PRODUCTS else potts(9)
    if name == "complex":
        drive = cj.OneBody(random_hermitian(np.random.default_rng(3), 3), "0")
        model = cj.Model(model.blocks, [drive], model.jumps)
    if name == "four levels":
        drive = cj.OneBody(random_hermitian(np.random.default_rng(3), 4).real, "a")
        model = cj.Model([cj.Block("a", 9, 4)], [drive], [cj.LocalJump(np.eye(4)[[1, 0, 3, 2]] * 0.7, "a")])
        state = cj.product(model, {"a": np.diag([0.4, 0.3, 0.2, 0.1])})
    label = [*label, *[0] * (model.blocks[0].levels - 3)]
    while sum(label) > model.size:  # there are fewer particles
        label[np.flatnonzero(label)[-1]] -= 1
    label = tuple(label)
    engine = PatternEngine(model, state, TIMES, 1e-9)
    rng, labels = np.random.default_rng(4), (label,)
    ket = rng.normal(size=(diagram_sector(label).dim, 2)) @ [1, 1j]
    ket /= np.linalg.norm(ket)
    engine._put(labels, engine.basis.whole(labels), ket)
    work, h_eff = engine._work, engine._h_eff
    assert settle(h_eff, work, engine._room, 0.0, 12)
    _, _, before = engine._seen(work.taylor_re[0], work.taylor_im[0])
    np.testing.assert_allclose(before, ket, rtol=0, atol=1e-15)
    norm2, _, _ = apply_rows(work.taylor_re, work.taylor_im, np.int64(0), 0.5, h_eff, 0.2, 0.1, 0.0)
    _, _, after = engine._seen(work.taylor_re[1], work.taylor_im[1])
    H = program_matrix(engine.basis.sector(labels).h_eff)
    expected = -0.5j * (H @ ket - (0.2 - 0.1j) * ket)
    np.testing.assert_allclose(after, expected, rtol=0, atol=1e-13)
    assert norm2 == pytest.approx(np.vdot(expected, expected).real, rel=1e-12)


@pytest.mark.parametrize(("tail", "least"), [(0.0, 0.0), (1e-26, 0.0), (1e-20, 1e-22)])
def test_a_step_begins_without_the_tail_and_no_more(tail, least):
    """Rows of many orders of magnitude; of the last one no cell is zero, of larger ones some are."""
    engine, label = PatternEngine(*potts(9), TIMES, 1e-9), ((9, 0, 0),)
    p, rng = diagram_sector(label[0]).patterns.rows[1][0], np.random.default_rng(6)
    ket = (p < 8) * 0.03**p * np.exp(2j * np.pi * rng.random(len(p))) * (0.5 + rng.random(len(p)))
    ket /= np.linalg.norm(ket)
    engine._put(label, engine.basis.whole(label), ket)
    assert settle(engine._h_eff, engine._work, engine._room, tail, 12)
    _, _, found = engine._seen(engine._work.taylor_re[0], engine._work.taylor_im[0])
    missing = (np.abs(ket[found == 0]) ** 2).sum()
    assert least <= missing <= tail
    np.testing.assert_allclose(found[found != 0], ket[found != 0], rtol=1e-14)


def test_pauses_and_what_ran_before_have_no_influence(monkeypatch):
    model, state = potts(12)
    whole = PatternEngine(model, state, TIMES, 1e-9, [3]).run(1, 0, record=True)
    monkeypatch.setattr(counting_engine, "_SEGMENT", 3)
    monkeypatch.setattr(counting_engine, "_EFFORT", 1)
    engine = PatternEngine(model, state, TIMES, 1e-9, [3])
    assert whole.n_jumps > 1
    assert_same_bits(whole, engine)


def test_rows_found_by_search_are_the_same(monkeypatch):
    """Where there are more keys than places, rows that meet in one place are told apart."""
    model, state = four_levels()
    first = PatternEngine(model, state, TIMES, 1e-9).run(1, 0)
    monkeypatch.setattr(pattern_engine, "_PLACES", 1)
    monkeypatch.setattr(pattern_engine, "most_rows", lambda block: 500)
    engine = PatternEngine(model, state, TIMES, 1e-9)
    assert engine._h_eff.rows.found.size == 2001 < 7**5
    np.testing.assert_array_equal(first.second, engine.run(1, 0).second)


def test_rows_that_outgrow_their_cells_move():
    """All particles alike and hardly a jump: each evolves by itself, and the state spreads far in one step."""
    h = np.array([[0.3, 1.0, 0.0], [1.0, 0.0, 0.7], [0.0, 0.7, -0.2]])
    level = np.diag([1.0, 0.0, -1.0])  # the argument keeps the axes
    flips = [cj.LocalJump(1e-7 * np.eye(3, k=k), "a", amplitude=_affine, argument={"a": level}) for k in (1, -1)]
    model = cj.Model([cj.Block("a", 60, 3)], [cj.OneBody(h, "a")], flips)
    moved = 0
    for time in (0.1, 0.4, 1.0):
        engine = PatternEngine(model, cj.product(model, {"a": np.eye(3)[0]}), np.array([0.0, time]), 1e-10)
        found = engine.run(1, 0)
        rows = engine._h_eff.rows
        kept = int(rows.extent[KEPT_ROWS])
        moved += np.count_nonzero(rows.base[:kept] != rows.settled[0, :kept])
        alone = expm(-1j * h * time)[:, 0]
        np.testing.assert_allclose(found.mean[-1, :3], np.abs(alone) ** 2, rtol=0, atol=1e-11)
    assert moved > 2


@pytest.mark.parametrize("name", ["potts", "four levels", "no jumps"])
def test_cells_beside_spans_are_not_read(name):
    """What an earlier state has left in the arrays is no number here; only the vector of zeros in front is promised."""
    model, state = CASES[name]()
    clean, spoilt = (PatternEngine(model, state, TIMES, 1e-9) for _ in range(2))
    work, room = spoilt._work, spoilt._room
    arrays = [work.taylor_re, work.taylor_im, work.out_re, work.out_im, work.new_re, work.new_im]
    arrays += [room.vectors, room.vectors_im, *(a for rows in (room.after, room.rest) for a in (rows.re, rows.im))]
    for array in arrays:
        array[..., FIRST:] = np.nan
    first, second = (engine.run(1, 0, record=True) for engine in (clean, spoilt))
    for field in ("mean", "second", "jumps"):
        np.testing.assert_array_equal(getattr(first, field), getattr(second, field), err_msg=field)


def test_ends_of_rows_are_set_to_zero_and_weighed():
    """What the bound on a series counts is what is missing in it."""
    engine = PatternEngine(*potts(14), TIMES, 1e-9)
    engine.run(1, 0)
    rows, re, im, least = engine._h_eff.rows, engine._work.taylor_re[1], engine._work.taylor_im[1], 1e-9
    count = int(rows.extent[ROWS])
    cells = [slice(*(rows.base[r] + rows.spans[1, r])) for r in range(count)]
    before = [re[c] ** 2 + im[c] ** 2 for c in cells]
    gone = trim(rows, 1, re, im, least)
    left = 0.0
    for r, weights in enumerate(before):
        start, (a, b) = cells[r].start - rows.base[r], rows.spans[1, r]
        loud = np.flatnonzero(weights > least)
        if not len(loud):
            assert a == b
            assert rows.low[r] > rows.high[r]
            continue
        low, high = start + loud[0], start + loud[-1] + 1
        assert (rows.low[r], rows.high[r]) == (low, high)
        kept = re[rows.base[r] + a : rows.base[r] + b] ** 2 + im[rows.base[r] + a : rows.base[r] + b] ** 2
        np.testing.assert_array_equal(kept[low - a : high - a], weights[loud[0] : loud[-1] + 1])
        assert not kept[: low - a].any()
        assert not kept[high - a :].any()
        left += kept.sum()
    assert gone == pytest.approx(sum(w.sum() for w in before) - left, abs=1e-15)
    assert 0 < gone < least * sum(map(len, before))


def test_a_box_moves_where_a_pattern_stays_one():
    """All patterns of a diagram of four levels, along all paths, in and out; and the keys of what comes of them."""
    diagram, trial, radix, moved = np.array([3, 2, 1, 0]), np.zeros((10, 1), dtype=np.int64), 7, 0
    entry = np.concatenate(diagram_sector(tuple(diagram.tolist())).patterns.rows)

    def key(entries):
        return sum(int(m) * radix**n for n, m in enumerate(entries[5:0:-1]))

    for stop in (2, 3, 4):
        for way in itertools.product(*map(range, range(stop, 5))):
            path = np.array([0] * stop + list(way))
            for sign in (1, -1):
                grown = diagram + sign * (np.arange(4) == path[4])
                if (np.diff(grown) > 0).any() or grown[-1] < 0:
                    continue
                set_diagram.py_func(trial, grown)
                step = sign * key_of_path.py_func(path, stop, 4, radix)
                for q in range(entry.shape[1]):
                    wanted = moved_along.py_func(trial, entry, q, path, stop, 4, sign, 4)
                    assert may_move.py_func(entry, q, path, stop, 4, sign) == wanted
                    assert not wanted or key(trial[:, 0]) == key(entry[:, q]) + step
                    moved += wanted
    assert moved > 1000


@pytest.mark.parametrize("sign", [1, -1])
def test_weights_of_paths_of_three_levels(sign):
    """All rows of a diagram at once, against one path of one row."""
    diagram, seen = np.array([5, 3, 1]), 0
    entry = np.concatenate(diagram_sector(tuple(diagram.tolist())).patterns.rows)
    for c, i in itertools.product(range(3), (-1, 0, 1)):
        stop, path = (3 if i < 0 else 2), np.array([0, 0, i, c])
        made, weights = diagram + sign * (np.arange(3) == c), np.full(entry.shape[1], np.nan)
        weights_of_three(entry, len(weights), made, c, i, sign, 0.3, weights)
        fewer = entry.copy()
        if sign < 0:
            fewer[3 + c] -= 1
            fewer[1 + i] -= i >= 0
        for r, weight in enumerate(weights):
            wanted = 0.0
            if may_move(entry, r, path, stop, 3, sign):
                wanted = 0.3 * path_weight(fewer, r, path, stop, 3)
            assert weight == pytest.approx(wanted, rel=1e-14, abs=0.0)
            seen += wanted != 0.0
    assert seen > 100


def test_real_parts_of_inner_products():
    re, im = np.random.default_rng(3).normal(size=(2, 5, 24))
    made, vectors = np.zeros((5, 5), dtype=complex), re + 1j * im
    for v, w in ((0, 0), (0, 3), (3, 3)):
        add_products(re, im, v, w, 8, 24, made)
    wanted = np.triu((vectors[:, 8:].conj() @ vectors[:, 8:].T).real)
    np.testing.assert_allclose(made, wanted, rtol=1e-13, atol=1e-13)


def test_only_what_is_occupied_is_gone_through():
    model, state = potts(40)
    engine = PatternEngine(model, state, np.array([0.0, 0.1]), 1e-9)
    engine.run(1, 0)
    rows = engine._h_eff.rows
    count, size = int(rows.extent[0]), diagram_sector(tuple(rows.diagram.tolist())).dim
    assert 10 < (rows.high - rows.low)[:count].clip(0).sum() < size / 3


def test_what_rows_hold():
    def representation(blocks, *terms):
        return recipe_of(cj.Model(blocks, *terms)).parts[0].representation

    three, level, flip = [cj.Block("a", 6, 3)], np.diag([1.0, 0, -1]), np.eye(3, k=1)
    assert representation(three, [cj.OneBody(flip + flip.T, "a")]) is PATTERN_ROWS
    both = [cj.LocalJump(flip, "a", amplitude=np.cos, argument={"a": o}) for o in (level, flip + flip.T)]
    assert representation(three, [], both) is PRODUCT  # arguments along two axes
    assert representation(three, [], [both[0], cj.LocalJump(flip + level, "a")]) is SPARSE  # few particles
    many = [cj.Block("a", 30, 3)]
    drive = [cj.OneBody(flip + flip.T, "a")]
    assert representation(many, drive, [both[0], cj.LocalJump(flip + level, "a")]) is PATTERN_ROWS
    assert representation(many, [], [both[0], cj.LocalJump(flip + level, "a")]) is SPARSE  # few states are occupied
    assert representation(many, drive, [cj.CollectiveJump({"a": flip}, 1.0)]) is PATTERN_ROWS
    rated = cj.CollectiveJump({"a": flip}, 1.0, amplitude=np.cos, argument={"a": level})
    assert representation(many, [], [rated]) is SPARSE  # few states
    assert representation(many, drive, [rated]) is PATTERN_ROWS
    beside = cj.LocalJump(flip + level, "a", amplitude=np.cos, argument={"a": level})
    assert representation(many, drive, [beside]) is PATTERN_ROWS  # neither j†j nor Γ is a number
    assert representation(three, drive, [beside]) is SPARSE
    assert representation(three, [], [cj.CollectiveJump({"a": flip}, 1.0)]) is SPARSE
    assert representation(three, [cj.TwoBody(flip, flip.T, 1.0, ("a", "a"))]) is not PATTERN_ROWS
    assert representation([cj.Block("a", 2, 3)], [cj.OneBody(flip + flip.T, "a")]) is SPARSE  # rows of few patterns
    assert representation([cj.Block("a", 6, 5)], [cj.OneBody(np.ones((5, 5)), "a")]) is SPARSE


def test_all_kernels_are_compiled_before():
    models = [CASES[name]() for name in ("potts", "four levels")]
    before = compiled()["compiled"]
    for model, state in models:
        PatternEngine(model, state, TIMES, 1e-9, [2]).run(1, 0, record=True)
    assert compiled()["compiled"] == before


def test_a_step_is_not_much_longer_than_the_unit_that_its_rows_were_cut_in():
    """After a jump to where it jumps eight times less often, say: what the first row leaves out counts more then."""
    model, state = potts(30)
    engine, labels = PatternEngine(model, state, TIMES, 1e-9), ((18, 9, 3),)
    H = csr_array(program_matrix(engine.basis.sector(labels).h_eff))
    ket = np.zeros(H.shape[0], dtype=complex)
    ket[np.argmax(H.diagonal().imag)] = 1.0
    ket = expm_multiply(-1j * H, ket)
    ket /= np.linalg.norm(ket)
    mean = np.vdot(ket, H @ ket)
    engine._put(labels, engine.basis.whole(labels), ket)
    work, h_eff = engine._work, engine._h_eff
    assert settle(h_eff, work, engine._room, 1e-24, 12)
    cells, rate = h_eff.rows.extent[KEPT_CELLS], -2.0 * mean.imag
    filled = engine._room.filled
    # as Python, over compiled kernels
    order, horizon, _, rate, bend, _, shift, unit, lo, hi = expand(
        h_eff, work, 0, FIRST, cells, filled, mean.real, 8.0 * rate, 0.01, 10.0, 0.5e-9
    )
    assert horizon <= LONGEST * unit
    time, jumped, *_ = find_jump.py_func(work, order, lo, hi, horizon, unit, shift, rate, bend, 0.01, 1e-9)
    assert jumped == 1
    _, _, found = engine._seen(work.out_re, work.out_im)
    expected = expm_multiply(-1j * time * H, ket)
    assert -2.0 * np.log(np.linalg.norm(expected)) == pytest.approx(0.01, abs=1e-9)
    expected, found = expected / np.linalg.norm(expected), found / np.linalg.norm(found)
    overlap = np.vdot(found, expected)
    assert np.linalg.norm(found * overlap / abs(overlap) - expected) < 1e-9


def test_what_keeps_a_number():
    def keeps(terms, jumps=()):
        return keeps_a_number(cj.Model([cj.Block("a", 6, 3)], terms, jumps))

    exchange = [cj.TwoBody(f, f, 1.0, ("a", "a")) for f in spin_one()]
    field = cj.OneBody(LOWER_3 + LOWER_3.T, "a")
    assert keeps(exchange)  # the magnetisation, although F_x alone does not
    assert keeps([*exchange, cj.OneBody(np.diag([1.0, 0, 1]), "a")])
    assert not keeps([*exchange[:2], cj.TwoBody(exchange[0].A, exchange[0].A, 0.5, ("a", "a"))])
    assert keeps([*exchange, field])  # the magnetisation along the field
    assert not keeps([*exchange, field, cj.OneBody(np.diag([1.0, 0, 1]), "a")])
    assert keeps([cj.OneBody(np.eye(3, k=1) * [0, 1, 0] + np.eye(3, k=-1) * [1, 0, 0], "a")])  # two of three levels
    assert not keeps([], [cj.CollectiveJump({"a": LOWER_3 + np.eye(3)}, 1.0)])
    assert keeps([], [cj.CollectiveJump({"a": LOWER_3}, 1.0)])
    assert not keeps([field], [cj.LocalJump(LOWER_3 + np.diag([1.0, 0.5, -1]), "a")])
    unit, level = np.eye(3), np.diag([1.0, 0, -1])
    two = [cj.OneBody(np.outer(unit[0], unit[1]) + np.outer(unit[1], unit[0]), "a"), cj.Potential(np.cos, {"a": level})]
    mixed = {sign: np.outer(unit[0], unit[1] + sign * unit[2]) for sign in (1, -1)}
    assert keeps(two, [cj.LocalJump(j, "a") for j in mixed.values()])  # their j†j cancel beside the diagonal
    rates = [np.exp, lambda x: np.exp(-x)]
    rated = [
        cj.LocalJump(j, "a", amplitude=f, argument={"a": level}) for j, f in zip(mixed.values(), rates, strict=True)
    ]
    assert not keeps(two, rated)
    assert not keeps(two, [cj.CollectiveJump({"a": mixed[1]}, 1.0, amplitude=np.exp, argument={"a": level})])


@pytest.mark.parametrize("unit", [1e-12, 1.0, 1e12])
def test_what_is_diagonal_does_not_depend_on_the_unit_of_time(unit):
    fourier = np.exp(2j * np.pi / 3 * np.outer(range(3), range(3))) / np.sqrt(3)
    level = np.diag([1.0, 0, -1])
    jumps = [
        cj.LocalJump(
            np.sqrt(unit) * fourier, "a", amplitude=np.exp, argument={"a": level}
        ),  # j†j is 1, but for rounding
        cj.LocalJump(np.sqrt(unit) * np.array([[0, 1.0, 1], [0, 0, 0], [0, 0, 0]]), "a"),
        cj.CollectiveJump({"a": LOWER_3}, rate=unit),
        cj.LocalJump(np.sqrt(unit) * (LOWER_3 + level), "a", amplitude=np.exp, argument={"a": level}),
    ]
    model = cj.Model([cj.Block("a", 5, 3)], [], jumps)
    engine = PatternEngine(model, cj.product(model, {"a": [0, 0, 1]}), TIMES / unit, 1e-9)
    assert engine._h_eff.pairs.kind.tolist() == [DIAGONAL, BESIDE_DIAGONAL, COLLECTIVE, RATED]
