"""The states that are handed over at snapshots, against the averages of the same trajectory."""

import numpy as np
import pytest

import cojump as cj
from cojump.basis.spin_sector import rotation_matrix
from cojump.trajectories.engine import make_engine
from cojump.trajectories.observed_state import ObservedState, without_terms
from tests.support.pauli import LOWER, RAISE, X, Z

TIMES = np.linspace(0.0, 1.0, 5)
SNAPSHOTS = [0, 3]


def blocks(*, coupled, axis, mixed=False, levels=2):
    """Blocks a and b, rates along one axis; they are independent unless they are coupled."""
    names = [cj.Block("a", 5), cj.Block("b", 4, levels=levels)]
    up = np.diag([1.0, *[0.0] * (levels - 1)])
    jumps = [
        cj.LocalJump(LOWER, "a", amplitude=lambda x: 1 + 0.4 * x, argument={"a": axis}),
        cj.LocalJump(np.eye(levels, k=1), "b", amplitude=np.cos, argument={"b": up}),
    ]
    terms = [cj.OneBody(0.7 * X, "a"), cj.OneBody(np.ones((levels, levels)), "b")]
    terms += [cj.TwoBody(X, up, 0.8, ("a", "b"))] if coupled else []
    model = cj.Model(names, terms, jumps)
    start = np.array([[0.7, 0.2], [0.2, 0.3]]) if mixed else np.array([0.8, 0.6j])
    return model, cj.product(model, {"a": start, "b": np.eye(levels)[0]})


CASES = {
    "independent parts": blocks(coupled=False, axis=Z),
    "along another axis": blocks(coupled=False, axis=X),
    "coupled": blocks(coupled=True, axis=Z),
    "coupled, along another axis": blocks(coupled=True, axis=X + Z),
    "a mixed start": blocks(coupled=False, axis=X, mixed=True),
    "beside three levels": blocks(coupled=True, axis=X, levels=3),
}


@pytest.mark.parametrize("name", CASES)
def test_the_state_at_a_snapshot_is_the_one_whose_averages_are_reported(name):
    model, start = CASES[name]
    states = {}
    one = make_engine(model, start, TIMES, 1e-9, SNAPSHOTS).run(3, 1, watch=states.__setitem__)
    assert list(states) == SNAPSHOTS
    for place, state in states.items():
        seen = ObservedState(without_terms(model), TIMES[place], state)
        assert seen.mean == pytest.approx(one.mean[place], abs=1e-9)
        for block in model.blocks:
            assert np.linalg.norm(seen.amplitudes(block.name)) == pytest.approx(1)


def test_nothing_is_handed_over_unasked():
    model, start = CASES["independent parts"]
    watched = make_engine(model, start, TIMES, 1e-9, SNAPSHOTS).run(3, 1, watch=lambda place, state: None)
    alone = make_engine(model, start, TIMES, 1e-9).run(3, 1)
    np.testing.assert_array_equal(watched.mean, alone.mean)


def test_amplitudes_of_one_spin():
    """A product of N kets is |J = N/2> turned."""
    model = cj.Model([cj.Block("s", 6)], [], [cj.LocalJump(RAISE, "s", amplitude=np.cos, argument={"s": X})])
    states = {}
    make_engine(model, cj.tilted(model, 0.9, 0.7), [0.0], 1e-9, [0]).run(0, 0, watch=states.__setitem__)
    c, s = np.cos(0.45), np.exp(0.7j) * np.sin(0.45)
    expected = rotation_matrix(6, np.array([[c, -s.conjugate()], [s, c]]))[:, -1]
    found = ObservedState(without_terms(model), 0.0, states[0]).amplitudes("s")
    assert abs(np.vdot(found, expected)) == pytest.approx(1, abs=1e-9)
