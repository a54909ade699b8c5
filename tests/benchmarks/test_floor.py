"""The floor is made of what the steps need, its loop does that arithmetic, and a ratio beyond the margin is found."""

import numpy as np
import pytest

import cojump as cj
from tests.benchmarks import floor, recorded
from tests.benchmarks.cases import CASES, THEORY, constrained, dicke, free_flips, other_axes, two_blocks


def test_the_loop_does_what_it_says():
    """One product with k diagonals, and one step: series and jump, against numpy."""
    generator = np.random.default_rng(1)
    for k in (1, 2, 3, 5, 7):
        seen = floor.Seen(1, np.array([9]), np.array([4]), k)
        supports, orders, sums, diagonals, rows_re, rows_im = floor.prepared(seen)
        row = generator.normal(size=9 + k) + 1j * generator.normal(size=9 + k)
        rows_re[0], rows_im[0] = row.real, row.imag
        rows_re[1, 9:] = rows_im[1, 9:] = rows_re[0, 9:] = rows_im[0, 9:] = 0.0
        total, term = row[:9].copy(), row * (np.arange(9 + k) < 9)
        for order in range(4):
            term[:9] = sum(diagonals[j] * term[j : j + 9] for j in range(k))
            total += -1j * 0.5 / (order + 1) * term[:9]
        made = floor.steps(supports, orders, sums, diagonals, rows_re, rows_im)
        assert rows_re[2, :9] + 1j * rows_im[2, :9] == pytest.approx(total, abs=1e-14)
        assert made == pytest.approx(np.sum(np.abs(diagonals[0] * total) ** 2))
        again = floor.steps(supports, orders, sums + 3, diagonals, rows_re, rows_im)
        assert again != pytest.approx(made)


def test_the_loop_through_a_list_does_the_same_arithmetic():
    """One step with the places of its neighbours, against numpy."""
    seen = floor.Seen(1, np.array([9]), np.array([4]), 3)
    supports, orders, values, places, rows_re, rows_im = floor.prepared_gathers(seen)
    assert sorted(places[0]) == [0, 3, 6]
    term = rows_re[0, :9] + 1j * rows_im[0, :9]
    total = term.copy()
    for order in range(4):
        term = sum(values[:, j] * term[places[:, j]] for j in range(3))
        total += -1j * 0.5 / (order + 1) * term
    made = floor.gathers(supports, orders, values, places, rows_re, rows_im)
    assert rows_re[2, :9] + 1j * rows_im[2, :9] == pytest.approx(total, abs=1e-14)
    assert made == pytest.approx(np.sum(np.abs(values[:, 0] * total) ** 2))


def test_the_yardstick_is_10_to_the_8():
    supports, orders, k = floor.YARDSTICK.supports, floor.YARDSTICK.orders, floor.YARDSTICK.diagonals
    assert np.sum(2 * supports * (orders * k + orders)) == pytest.approx(1e8, rel=0.3)


def test_support_leaves_out_the_square_of_the_tolerance():
    ket = np.array([1e-7, 0.6, 0.0, 0.8, 1e-3])
    assert sorted(floor.support(ket, 1e-5)) == [1, 3, 4]
    assert sorted(floor.support(ket, 1e-2)) == [1, 3]


TIMES = np.linspace(0.0, 0.5, 3)


def test_both_representations_need_the_same(monkeypatch):
    """A block in the engine of one block and in that of many, which draw other numbers: the first step is the same."""
    monkeypatch.setattr(floor, "PATIENCE", 0.0)
    model, state = constrained(30)
    own = floor.watched(model, state, TIMES, 1e-9, seed=1)
    monkeypatch.setattr(floor, "Engine", floor.ProductEngine)
    other = floor.watched(model, state, TIMES, 1e-9, seed=1)
    assert own.diagonals == other.diagonals == 3
    # one block ends its steps by the rate, many by its change as well: one step is a little longer than the other
    assert abs(int(own.orders[0]) - int(other.orders[0])) <= 1
    assert own.supports[0] == other.supports[0]


@pytest.mark.parametrize(("build", "most", "diagonals"), [(dicke, 1, 1), (free_flips, 60, 3), (two_blocks, 441, 6)])
def test_what_is_seen(build, most, diagonals, monkeypatch):
    monkeypatch.setattr(floor, "PATIENCE", 0.0)
    model, state = build(40)
    seen = floor.watched(model, state, TIMES, 1e-9, seed=1)
    assert seen.supports.max() <= most
    assert seen.diagonals <= diagonals
    assert len(seen.orders) >= seen.jumps > 0


def test_other_axes_are_the_same_model():
    ladder, turned = CASES["ladder jumps"].build(8), other_axes(8)
    one, two = (cj.master_equation(*made, TIMES).mean for made in (ladder, turned))
    x, y, z = one.T
    assert np.abs(two.T - [z, x, y]).max() < 1e-9


def test_every_row_is_recorded():
    rows = {recorded.name_of(case, size) for case, own in CASES.items() for size in own.sizes}
    rows |= {recorded.name_of(case, size) for case, (_, sizes) in THEORY.items() for size in sizes}
    assert rows == set(recorded.read())


def test_a_ratio_beyond_the_margin_is_found():
    known = {"a": 2.0, "b": 2.0, "c": None, "d": 3.0}
    assert recorded.beyond({"a": 2.0 * recorded.MARGIN, "b": 0.1, "c": None, "d": 3.0}, known) == []
    lines = recorded.beyond({"a": 2.01 * recorded.MARGIN, "b": None, "c": 5.0, "e": 1.0}, known)
    assert [line[0] for line in lines] == ["a", "b", "e"]
