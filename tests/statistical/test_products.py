"""Products of up to four averages, Hermitian or not, from trajectories against the full space."""

from itertools import permutations

import numpy as np
import pytest

import cojump as cj
from cojump.errors import ArgumentError
from tests.statistical.rules import compare
from tests.support.pauli import LOWER, RAISE, X, Z
from tests.support.two_time_cases import CASES, FullSpace

TIME, BOUND = 0.4, 3.5
"""The largest standard deviation of one trajectory over 1 + |value| is 3.06, of "the same" of three levels."""

FULL = pytest.mark.validation


def asked(case):
    """Observables of a case: two, three and four factors, a sum of orders, one factor more than once."""
    a, b = case.a, case.b
    c = {k: (1, 2j) if k in case.model.mode_names else np.asarray(x).conj().T + np.eye(len(x)) for k, x in a.items()}
    return {
        "two": [(a, b)],
        "three": [(a, b, c)],
        "four": [(a, b, c, a), a],
        "the same": [(b, b, b, b)],
    }


def exact(full, terms):
    """The real part of the mean over all orders, in the full space."""
    total = 0.0
    for term in terms:
        matrices = [full.average(f) for f in (term if isinstance(term, tuple) else (term,))]
        orders = list(permutations(matrices))
        for order in orders:
            product = full.rho
            for matrix in reversed(order):
                product = matrix @ product
            total += np.trace(product).real / len(orders)
    return total


@pytest.mark.parametrize(
    ("name", "n_traj"),
    [
        ("three_levels", 40),
        ("apart", 25),
        *(
            pytest.param(name, 1000 if name == "three_levels" else 300, marks=FULL)
            for name in ("two_blocks", "three_levels", "cavity", "apart", "one_block")
        ),
    ],
)
def test_products_are_those_of_the_full_space(name, n_traj):
    case = CASES[name]()
    polynomials, full = asked(case), FullSpace(case, TIME)
    found = cj.simulate(case.model, case.state, [TIME], n_traj=n_traj, seed=3, observables=polynomials)
    wanted = [exact(full, polynomials[label]) for label in found.observables.labels]
    assert set(found.observables.labels) == set(polynomials)
    mean, error = found.observables.mean[0], found.observables.stderr[0]
    assert compare([(mean, error, np.array(wanted))]).passes
    assert np.all(error < BOUND / np.sqrt(n_traj) * (1 + np.abs(wanted)))
    as_written = np.trace(np.linalg.multi_dot([*map(full.average, polynomials["three"][0]), full.rho])).real
    if name == "three_levels" and n_traj > 100:  # one order alone is something else
        place = found.observables.labels.index("three")
        assert abs(as_written - wanted[place]) > 5 * error[place]


def test_three_and_four_factors_of_a_state_without_jumps():
    model = cj.Model([cj.Block("s", 50)], [cj.TwoBody(Z, Z, 0.4, ("s", "s"))], [])
    z, up, down = {"s": Z}, {"s": RAISE}, {"s": LOWER}
    observables = {"z4": [(z, z, z, z)], "pair": [(up, up, down, down)], "first": z}
    times = [0.0, 0.7]
    found = cj.simulate(model, cj.tilted(model, np.pi / 2, 0), times, n_traj=2, observables=observables).observables
    assert found.labels == ("first", "z4", "pair")
    # of independent spins along x at all times: the distribution of z is binomial
    np.testing.assert_allclose(found["z4"].mean, (3 * 50**2 - 2 * 50) / 50**4, rtol=1e-8)
    N = 50
    # <S_+ S_+ S_- S_-> in symmetric order at t = 0, where S = N/2 along x: S_± = S_x ± i S_y, in a coherent state
    J = N / 2
    n = np.arange(N + 1)
    M = J - n
    raising = np.zeros((N + 1, N + 1))
    raising[n[:-1], n[1:]] = np.sqrt(J * (J + 1) - M[1:] * (M[1:] + 1))
    values, vectors = np.linalg.eigh((raising + raising.T) / 2)
    ket = vectors[:, np.argmax(values)]
    orders = [np.linalg.multi_dot([ket, *order, ket]) for order in set_of([raising, raising, raising.T, raising.T])]
    assert found["pair"].mean[0] == pytest.approx(np.mean(orders) / N**4, rel=1e-8)


def set_of(matrices):
    """All orders of some matrices."""
    return list(permutations(matrices))


def test_the_stationary_window_has_those_of_two_factors_alone():
    model = cj.Model([cj.Block("s", 4)], [cj.OneBody(X, "s")], [cj.LocalJump(LOWER, "s")])
    z, times = {"s": Z}, [0.0, 0.5, 1.0]
    observables = {"zz": [(z, z)], "zzz": [(z, z, z)]}
    found = cj.simulate(model, cj.tilted(model, 1, 0), times, n_traj=3, observables=observables, burn_in=0.5)
    assert found.stationary_observables.labels == ("zz",)
    assert found.observables.labels == ("zz", "zzz")
    assert list(found.asked_for) == ["observables"]


def test_five_factors_are_refused():
    model = cj.Model([cj.Block("s", 4)], [], [])
    with pytest.raises(ArgumentError, match=r"or a product \(tuple\) of up to 4, but one term has 5"):
        cj.simulate(model, cj.tilted(model, 1, 0), [0.0], n_traj=1, observables={"o": [({"s": Z},) * 5]})
