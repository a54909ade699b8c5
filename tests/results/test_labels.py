"""One average of anything that has labels, by its label; and the matrices of cj.operators."""

import numpy as np
import pytest

import cojump as cj
from tests.support.pauli import LOWER, RAISE, X, Y, Z

TIMES = [0.0, 0.5, 1.0]


@pytest.fixture(scope="module")
def made():
    model = cj.systems.free_flips(4, 0.7, 1.3, 0.8)
    state = cj.tilted(model, 1.1, 0.4)
    result = cj.simulate(model, state, TIMES, n_traj=20, observables={"zz": [({"spins": Z}, {"spins": Z})]})
    return model, state, result


def test_every_result_has_its_averages_by_label(made):
    model, state, result = made
    (point,) = cj.attractors.fixed_points(model)
    exact = [cj.mean_field(model, state, TIMES), cj.master_equation(model, state, TIMES), cj.steady_state(model), point]
    exact.append(cj.trajectory(model, state, TIMES, seed=0, index=3))
    for one in (result, *exact):
        for place, label in enumerate(model.labels):
            found = one[label]
            assert found.label == label
            np.testing.assert_array_equal(found.mean, np.asarray(one.mean)[..., place])
    z = result["spins.z"]
    np.testing.assert_array_equal(z.stderr, result.mean_stderr[:, 2])
    np.testing.assert_array_equal(z.uncertain, result.uncertain[:, 2])
    assert z.stderr[-1] > 0
    assert all((one["spins.z"].stderr == 0).all() for one in exact)
    mean, stderr = result.observables["zz"]
    np.testing.assert_array_equal(mean, result.observables.mean[:, 0])
    np.testing.assert_array_equal(stderr, result.observables.stderr[:, 0])


@pytest.mark.parametrize("wrong", ["spins.q", 0, None, ("spins.z",)])
def test_a_label_that_is_none(made, wrong):
    kind = "one of" if isinstance(wrong, str) else "a text, one of"
    with pytest.raises(cj.ArgumentError, match=rf"`label` must be {kind} spins\.x, spins\.y, spins\.z, but it is "):
        made[2][wrong]


def test_operators():
    o = cj.operators
    for mine, known in ((o.sigma_x, X), (o.sigma_y, Y), (o.sigma_z, Z), (o.sigma_plus, RAISE), (o.sigma_minus, LOWER)):
        np.testing.assert_array_equal(mine, known)
        with pytest.raises(ValueError, match="read-only"):
            mine[0, 0] = 2
    np.testing.assert_array_equal(o.transition(0, 1, 2), o.sigma_plus)
    np.testing.assert_array_equal(sum(o.projector(a, 4) for a in range(4)), np.eye(4))
    np.testing.assert_array_equal(o.transition(0, 2, 3) @ o.transition(2, 1, 3), o.transition(0, 1, 3))
    for wrong in ((3, 0, 3), (0, -1, 3), (0, 1, 1), (0, 1, "3"), (0.5, 1, 3)):
        with pytest.raises(cj.ArgumentError):
            o.transition(*wrong)
    assert set(dir(o)) == set(o.__all__)
