"""The label of an average stands for its matrices wherever a mapping {block: matrix} is taken."""

import numpy as np
import pytest

import cojump as cj
from tests.support.pauli import X, Z

TAUS = [0.0, 0.5]


def model(**options):
    return cj.Model(
        [cj.Block("spins", 3), cj.Block("ladder", 1, 3)],
        [cj.OneBody(0.7 * X, "spins"), cj.OneBody(np.diag([0.0, 1.0], 1) + np.diag([0.0, 1.0], -1), "ladder")],
        [cj.LocalJump(cj.operators.sigma_minus, "spins", rate=lambda m: 1 + 0.3 * m, argument={"spins": Z})],
        **options,
    )


def start(built):
    return cj.product(built, {"spins": np.eye(2)[0], "ladder": np.eye(3)[1]})


@pytest.mark.parametrize(
    ("label", "matrices"),
    [
        ("spins.z", {"spins": Z}),
        ("ladder.n1", {"ladder": np.diag([0, 1, 0])}),
        ("ladder.y12", {"ladder": np.array([[0, 0, 0], [0, 0, -1j], [0, 1j, 0]])}),
        ("half", {"spins": Z / 2}),
        ("spins.plus", {"spins": cj.operators.sigma_plus}),
    ],
)
def test_a_label_is_its_matrices(label, matrices):
    built = model(order_parameters={"half": {"spins": Z / 2}})
    exact = cj.master_equation(built, start(built), [0.0, 0.4])
    by_label, by_matrix = (exact.two_time(TAUS, a, a, start=0.4).mean for a in (label, matrices))
    assert np.array_equal(by_label, by_matrix)
    by_label, by_matrix = (
        cj.two_time(built, start(built), TAUS, a, "spins.x", n_traj=3, seed=2).mean for a in (label, matrices)
    )
    assert np.array_equal(by_label, by_matrix)
    observables = {"square": [(label, label)], "one": label}, {"square": [(matrices, matrices)], "one": matrices}
    first, second = (
        cj.simulate(built, start(built), [0.0, 0.4], n_traj=3, seed=2, observables=o).observables for o in observables
    )
    assert np.array_equal(first.mean, second.mean)
    assert not np.array_equal(first["square"].mean, first["one"].mean)


def test_an_order_parameter_is_named_by_a_label():
    named, written = (model(order_parameters={"m": own}) for own in ("spins.z", {"spins": Z}))
    assert np.array_equal(named.order_parameters["m"]["spins"], written.order_parameters["m"]["spins"])


def test_quadratures_of_a_mode():
    built = cj.systems.dicke(2, 1.0, 1.0, 0.4, 1.0)
    state = cj.tilted(built, 0.3, 0.0)
    mode = built.modes[0].name
    exact = cj.master_equation(built, state, [0.0, 0.3])
    for part, pair in ("x", (1, 0)), ("y", (0, 1)), ("a", (1, 1j)), ("adag", (1, -1j)):
        found = exact.two_time(TAUS, f"{mode}.{part}", {mode: pair}).mean
        assert np.array_equal(found, exact.two_time(TAUS, {mode: pair}, {mode: pair}).mean)


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("spins.zz", "it is 'spins.zz'; did you mean 'spins.z'?"),
        ("", "it is ''"),
        ("ladder.n3", "name one of spins.x, spins.y, spins.z, ladder.n0, ladder.n1, ladder.n2,"),
    ],
)
def test_labels_that_are_none(label, message):
    built = model()
    for call in (
        lambda: cj.two_time(built, start(built), TAUS, label, "spins.x", n_traj=3),
        lambda: cj.simulate(built, start(built), [0.0, 0.4], n_traj=3, observables={"m": label}),
        lambda: model(order_parameters={"m": label}),
    ):
        with pytest.raises(cj.ArgumentError) as caught:
            call()
        assert message in str(caught.value)
