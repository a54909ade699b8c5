"""Windows along every axis: the same trajectories as with whole sectors."""

import numpy as np
import pytest

import cojump as cj
from cojump.trajectories import product_windows
from cojump.trajectories.product_engine import ProductEngine
from cojump.trajectories.product_windows import moved, support
from tests.support.pauli import LOWER, X, Z


def coupled(a, b):
    """Two blocks with a rate, a two-body term and a collective jump between them."""
    return cj.Model(
        [cj.Block("a", a), cj.Block("b", b)],
        [cj.OneBody(0.5 * X, "a"), cj.OneBody(0.3 * X, "b"), cj.TwoBody(Z, X, 0.4, ("a", "b"))],
        [
            cj.LocalJump(LOWER, "a", amplitude=lambda x: 1 + 0.3 * x, argument={"a": Z, "b": Z}, exclude_self=True),
            cj.LocalJump(0.7 * LOWER.T + 0.1 * Z, "b", amplitude=np.exp, argument={"a": 0.3 * Z}),
            cj.CollectiveJump({"a": LOWER, "b": LOWER}, 0.3),
        ],
    )


@pytest.mark.parametrize("start", ["tilted", "mixed"])
def test_windowed_trajectories_are_those_of_whole_sectors(start, monkeypatch):
    model, times = coupled(400, 30), np.linspace(0, 0.03, 4)
    ket = np.array([0.8, 0.6])
    rho = 0.95 * np.outer(ket, ket) + 0.05 * np.diag([0.0, 1.0])
    state = cj.tilted(model, 1.1, 0.4) if start == "tilted" else cj.product(model, {"a": rho, "b": rho})
    outcomes, widest = [], []
    for small in (0, 10**9):
        monkeypatch.setattr(product_windows, "SMALL", small)
        engine = ProductEngine(model, state, times, 1e-9)
        outcomes.append(engine.run(4, 0, record=True))
        widest.append(max(sector.size for sector in engine.basis._kept.values()))
    windowed, whole = outcomes
    assert widest[0] < 0.8 * widest[1]
    assert whole.n_jumps >= 5
    assert windowed.n_jumps == whole.n_jumps
    assert np.array_equal(windowed.jumps["channel"], whole.jumps["channel"])
    assert np.array_equal(windowed.jumps["sector"], whole.jumps["sector"])
    assert np.abs(windowed.mean - whole.mean).max() < 1e-8
    assert np.abs(windowed.second - whole.second).max() < 1e-8


def test_support_keeps_all_but_the_tails():
    weights = np.array([1e-30, 1e-25, 0.5, 0.0, 0.5, 1e-21, 1e-30])
    assert support(weights, 1e-20) == (2, 5)
    assert support(weights, 1e-22) == (2, 6)
    assert support(np.zeros(3), 1.0) == (0, 3)


def test_moving_a_window_keeps_what_is_inside():
    state = np.arange(6.0) + 1j
    wider = moved(state, ((1, 3), (2, 5)), ((0, 4), (2, 6)))
    assert np.array_equal(wider.reshape(4, 4)[1:3, :3].ravel(), state)
    assert np.abs(wider).sum() == pytest.approx(np.abs(state).sum())
    assert np.array_equal(moved(wider, ((0, 4), (2, 6)), ((1, 3), (2, 5))), state)
