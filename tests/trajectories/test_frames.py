"""The frame of each block: the same whatever the axes are called, and all that is reported is in the user's axes."""

from dataclasses import replace

import numpy as np
import pytest

import cojump as cj
from cojump.basis.spin_sector import rotation_matrix, turned
from cojump.trajectories import frames, representations
from cojump.trajectories.axes import axis_of, axis_rotation, lines_of
from cojump.trajectories.engine import make_engine
from cojump.trajectories.frame_cost import acting_on, cost
from cojump.trajectories.frames import common_frame, main_frames, named_frames
from cojump.trajectories.no_jump_tables import LADDER_DOWN, LADDER_UP
from cojump.trajectories.product_engine import ProductEngine
from cojump.trajectories.product_sectors import ProductBasis
from cojump.trajectories.recipe import recipe_of
from cojump.trajectories.spin_tables import build
from tests.support.pauli import LOWER, ONE, PAULI, RAISE, X, Y, Z
from tests.support.random_models import random_unitary
from tests.support.twin_trajectories import weights_of_M

TIMES = np.linspace(0, 0.8, 5)
UNITS = np.eye(3)[:, None, :, None] * np.eye(3)[None, :, None, :]  # |a><b| of three levels


def affine(x):
    return 1 + 0.4 * x


def one(hamiltonian, jumps, size=12, levels=2):
    return cj.Model([cj.Block("s", size, levels)], hamiltonian, jumps)


def local(*matrices):
    return [cj.LocalJump(j, "s") for j in matrices]


def unit(a, b):
    return UNITS[a, b].astype(complex)


def two(argument_of_b=None):
    """Two coupled blocks; a alone has an argument unless another one is given."""
    return cj.Model(
        [cj.Block("a", 5), cj.Block("b", 6)],
        [cj.OneBody(0.6 * X, "a"), cj.OneBody(0.3 * X, "b"), cj.TwoBody(Z, Z, 0.5, ("a", "b"))],
        [
            cj.LocalJump(LOWER, "a", amplitude=affine, argument={"a": Z, **(argument_of_b or {})}),
            cj.LocalJump(RAISE, "b"),
        ],
    )


def three_levels(argument):
    """A Λ system whose rate depends on one population; an argument that is degenerate leaves two levels open."""
    return one(
        [cj.OneBody(0.4 * (unit(0, 1) + unit(1, 0)), "s")],
        [
            cj.LocalJump(unit(0, 2), "s", amplitude=affine, argument={"s": argument}),
            cj.LocalJump(0.7 * unit(1, 2), "s"),
            cj.LocalJump(0.5 * unit(2, 0), "s"),
        ],
        5,
        3,
    )


MODELS = {
    "ladder jumps": lambda: one([], local(LOWER, 0.8 * RAISE)),
    "with a drive": lambda: one([cj.OneBody(0.7 * X, "s")], local(LOWER, 0.8 * RAISE)),
    "complex phases": lambda: one([cj.OneBody(0.7 * X, "s")], local(np.exp(0.7j) * LOWER, 0.8j * RAISE)),
    "identity and a ladder": lambda: one([], local(0.8 * LOWER + 0.5 * ONE)),
    "dephasing and a drive": lambda: one([cj.OneBody(0.7 * X, "s")], local(0.6j * Z)),
    "decay beside dephasing": lambda: one([cj.OneBody(0.7 * X, "s")], local(LOWER, 0.7 * Z)),
    "collective": lambda: one([cj.OneBody(1.5 * X, "s")], [cj.CollectiveJump({"s": LOWER}, 1.0)]),
    "collective beside local": lambda: one([], [cj.CollectiveJump({"s": LOWER}, 1.0), *local(RAISE)]),
    "two collective": lambda: one([], [cj.CollectiveJump({"s": m}, 1.0) for m in (LOWER, RAISE)]),
    "one-axis twisting": lambda: one([cj.TwoBody(Z, Z, 0.5, ("s", "s"))], local(LOWER)),
    "exchange": lambda: one(
        [cj.TwoBody(X, X, 0.5, ("s", "s")), cj.TwoBody(Y, Y, 0.5, ("s", "s")), cj.OneBody(0.2 * Z, "s")], local(LOWER)
    ),
    "an argument that is 1": lambda: one(
        [], [cj.LocalJump(LOWER, "s", amplitude=affine, argument={"s": 0.5 * ONE}), *local(RAISE)]
    ),
    "argument": lambda: one([], [cj.LocalJump(LOWER, "s", amplitude=affine, argument={"s": Z}), *local(RAISE)]),
    "potential": lambda: one([cj.Potential(np.cos, {"s": Z}), cj.OneBody(0.5 * X, "s")], local(LOWER)),
    "two blocks": two,
    "two blocks with arguments": lambda: two({"b": 0.5 * Z}),
    "Λ": lambda: cj.systems.lambda_pump(5, 1.7, 4.0, 3.0),
    "three levels, degenerate argument": lambda: three_levels(np.diag([0, 0, 1.0])),
    "three levels, argument 1": lambda: three_levels(np.eye(3)),
    "Potts": lambda: cj.systems.potts_hopfield(np.array([[0, 1, 2, 0, 1]]), 3, 0.3, 2.0),
}


def rotated(model, seed):
    """The same model with random axes on every block, and the unitaries."""
    rng = np.random.default_rng(seed)
    unitaries = {b.name: random_unitary(rng, b.levels) for b in model.blocks}
    return change_of_basis(model, unitaries), unitaries


def change_of_basis(model, unitaries):
    def change(block, matrix):
        return unitaries[block] @ matrix @ unitaries[block].conj().T

    terms, jumps = ([term.mapped(change) for term in terms] for terms in (model.hamiltonian, model.jumps))
    return replace(model, hamiltonian=terms, jumps=jumps, order_parameters={})


def product_start(model, unitaries, mixed=False):
    """A product state without symmetries, turned with the model."""
    states = {}
    for n, block in enumerate(model.blocks):
        ket = np.exp(0.3j * (n + 1) * np.arange(block.levels) ** 2) / (1.5 + np.arange(block.levels))
        density = np.outer(ket, ket.conj()) / np.vdot(ket, ket).real
        if mixed:
            density = 0.7 * density + 0.3 * np.diag(np.arange(1.0, block.levels + 1)) * 2 / (
                block.levels * (block.levels + 1)
            )
        U = unitaries[block.name]
        states[block.name] = U @ density @ U.conj().T
    return cj.product(model, states)


def seen_by(model, unitaries):
    """(1 + A, 1 + A): averages of the rotated model, behind a 1, from those of the model."""
    A = len(model.observables)
    made = np.zeros((1 + A, 1 + A))
    made[0, 0] = 1
    for row, o in enumerate(model.observables, start=1):
        U = unitaries[model.blocks[o.block].name]
        back = U.conj().T @ o.matrix @ U
        own = [n for n, other in enumerate(model.observables) if other.block == o.block]
        basis = [np.eye(len(U)), *(model.observables[n].matrix for n in own)]
        found, *_ = np.linalg.lstsq(np.array([m.ravel() for m in basis]).T, back.ravel(), rcond=None)
        made[row, [0, *(1 + n for n in own)]] = found.real
    return made


def moments_of(outcome):
    """(T, 1 + A, 1 + A) products of pairs of 1 and the averages."""
    T, A = outcome.mean.shape
    full = np.ones((T, 1 + A, 1 + A))
    rows, columns = np.triu_indices(A)
    full[:, 1 + rows, 1 + columns] = full[:, 1 + columns, 1 + rows] = outcome.second
    full[:, 0, 1:] = full[:, 1:, 0] = outcome.mean
    return full


def how(model):
    """What the engines have to do: kinds of jumps and bands."""
    found = []
    for part in recipe_of(model).parts:
        kind = type(part.representation).__name__
        if kind == "Banded":
            tables = build(part.model)
            ladders = [k in (LADDER_DOWN, LADDER_UP) for k in tables.jumps.kind]
            found.append((kind, tables.h_eff.band, tables.h_eff.is_real, ladders))
        else:
            basis = ProductBasis(part.model)
            h_eff = basis.sector(tuple(map(_largest, basis.blocks))).h_eff
            entries = [np.count_nonzero(c.matrix) for c in basis.channels if c is not None]
            found.append((kind, len(h_eff.values_re), len(h_eff.values_im), len(h_eff.program.values), entries))
    return found


def _largest(block):
    """The label of the symmetric sector."""
    return block.size if block.levels == 2 else (block.size, *[0] * (block.levels - 1))


@pytest.mark.parametrize("name", MODELS)
def test_the_axes_may_have_any_names(name):
    model = MODELS[name]()
    for seed in range(3):
        other, _ = rotated(model, seed)
        best = [cost(*pair) for pair in zip(acting_on(model), main_frames(model), strict=True)]
        found = [cost(*pair) for pair in zip(acting_on(other), main_frames(other), strict=True)]
        assert np.all(np.array(found) <= 1.1 * np.array(best))
        assert how(other) == how(model)
        assert "block" in recipe_of(other).parts[0].method


@pytest.mark.parametrize("name", MODELS)
def test_rotated_models_have_the_same_trajectories(name):
    model = MODELS[name]()
    still = {b.name: np.eye(b.levels) for b in model.blocks}
    for seed, mixed in ((1, False), (2, True)):
        other, unitaries = rotated(model, seed)
        if mixed and any(b.levels > 2 for b in model.blocks):  # which word of eigenkets is drawn depends on their order
            continue
        plain = make_engine(model, product_start(model, still, mixed), TIMES, 1e-11).run(5, 1, record=True)
        turned_ = make_engine(other, product_start(other, unitaries, mixed), TIMES, 1e-11).run(5, 1, record=True)
        assert plain.n_jumps >= 2
        assert np.array_equal(turned_.jumps["channel"], plain.jumps["channel"])
        assert np.array_equal(turned_.jumps["sector"], plain.jumps["sector"])
        assert np.abs(turned_.jumps["time"] - plain.jumps["time"]).max() < 1e-9
        W = seen_by(model, unitaries)
        assert np.abs(moments_of(turned_) - W @ moments_of(plain) @ W.T).max() < 1e-9


def test_another_model_has_other_trajectories():
    """The control of the test above: axes of the state alone."""
    model = MODELS["with a drive"]()
    _, unitaries = rotated(model, 1)
    outcomes = [
        make_engine(model, product_start(model, u), TIMES, 1e-11).run(5, 1) for u in ({"s": np.eye(2)}, unitaries)
    ]
    W = seen_by(model, unitaries)
    assert np.abs(moments_of(outcomes[1]) - W @ moments_of(outcomes[0]) @ W.T).max() > 0.05


# ---- against the twin that stays in the user's axes ----------------------------------------------


@pytest.fixture
def users_axes(monkeypatch):
    """Run something in the user's axes, except where an argument has an axis of its own."""

    def first_argument(acting):
        arguments = [x for x, _ in acting.arguments]
        if acting.levels > 2:
            return common_frame(arguments, acting.levels)
        return axis_rotation(([*lines_of(arguments), np.array([0.0, 0, 1])])[0])

    def made(run):
        with monkeypatch.context() as patch:
            patch.setattr(frames, "_best", first_argument)
            return run()

    return made


def depolarised():
    """Kinds of jumps are the same along z and along the axis of H, which is better."""
    A = 0.6 * X + 0.8 * Y
    return one([cj.TwoBody(A, A, 0.5, ("s", "s"))], local(0.6 * X, 0.6 * Y, 0.6 * Z), 8)


STARTS = {
    "product": lambda m: cj.tilted(m, 1.1, 0.4),
    "mixed": lambda m: cj.product(m, {"s": np.array([[0.7, 0.2 + 0.1j], [0.2 - 0.1j, 0.3]])}),
    "Dicke": lambda m: cj.dicke(m, {"s": (3, 1)}),
    "symmetric": lambda m: cj.symmetric(m, {"s": np.arange(1, 10) * np.exp(1j * np.arange(9)) / np.sqrt(285)}),
}


@pytest.mark.parametrize("start", STARTS)
def test_everything_reported_is_in_the_axes_of_the_user(users_axes, start):
    def run():
        model = depolarised()
        model = replace(model, order_parameters={"m": {"s": 0.3 * Z + 0.4 * X}})
        pair = [{"s": X}, ({"s": X}, {"s": Y + 0.5 * Z})]
        return main_frames(model), cj.simulate(
            model,
            STARTS[start](model),
            TIMES,
            n_traj=8,
            seed=3,
            tolerance=1e-11,
            keep=2,
            observables={"both": pair},
            distributions=TIMES[[0, 3]],
        )

    (frame,), found = run()
    (plain,), expected = users_axes(run)
    assert np.allclose(axis_of(frame), [0.6, 0.8, 0])
    assert np.array_equal(plain, np.eye(2))
    figures = {
        "mean": lambda r: r.mean,
        "second": lambda r: r.second,
        "kept": lambda r: r.trajectories,
        "covariance": lambda r: r.covariance,
        "order": lambda r: r.order.mean,
        "observables": lambda r: r.observables.mean,
        "squeezing": lambda r: r.squeezing.mean,
        "spin": lambda r: r.spin.mean,
        "distribution": lambda r: r.distribution("s").probability,
        "counts": lambda r: r.counts.mean,
        "reduced": lambda r: cj.reduced.one(r.model(), r, "s"),
    }
    for name, read in figures.items():
        assert np.abs(read(found) - read(expected)).max() < 1e-8, name


@pytest.mark.parametrize("name", ["two blocks", "ladder jumps", "three levels, degenerate argument", "Λ"])
def test_a_tensor_product_in_two_frames(users_axes, monkeypatch, name):
    """There the outcomes of a jump come in the same order in every frame."""
    monkeypatch.setattr(representations, "REPRESENTATIONS", (representations.PRODUCT,))
    other, unitaries = rotated(MODELS[name](), 4)

    def run():
        model = replace(other)
        states = {}
        engine = ProductEngine(model, product_start(model, unitaries), TIMES, 1e-11, [0, 3])
        outcome = engine.run(5, 1, record=True, watch=states.__setitem__)
        spins = any(block.levels == 2 for block in model.blocks)
        kets = [weights_of_M(states[t], model) for t in (0, 3) if spins]
        return main_frames(model), outcome, np.concatenate([np.zeros(1), *kets])

    fast, found, weights = run()
    slow, expected, others = users_axes(run)
    assert any(np.abs(f - s).max() > 0.1 for f, s in zip(fast, slow, strict=True))
    assert expected.n_jumps >= 2
    assert np.array_equal(found.jumps["channel"], expected.jumps["channel"])
    assert np.array_equal(found.jumps["sector"], expected.jumps["sector"])
    assert np.abs(found.mean - expected.mean).max() < 1e-9
    assert np.abs(found.second - expected.second).max() < 1e-9
    assert np.abs(weights - others).max() < 1e-9


def test_the_distribution_along_z_has_the_moments_of_the_averages():
    other, unitaries = rotated(MODELS["with a drive"](), 7)
    result = cj.simulate(other, product_start(other, unitaries), TIMES, n_traj=5, seed=1, distributions=TIMES)
    shot = result.distribution("s")
    z = 2 * shot.M / other.size
    places = result.labels.index("s.z")
    assert np.abs(shot.probability @ z - result.mean[:, places]).max() < 1e-8
    assert np.abs(shot.probability @ z**2 - result.second[:, places, places]).max() < 1e-8


def test_a_large_sector_is_turned_without_its_matrix():
    rng = np.random.default_rng(3)
    U, ket = random_unitary(rng), rng.normal(size=(61, 2)) + 1j * rng.normal(size=(61, 2))
    assert np.abs(turned(60, U, ket) - rotation_matrix(60, U) @ ket).max() < 1e-11


# ---- which frame it is ---------------------------------------------------------------------------


def test_the_users_axes_are_kept_where_they_are_as_good():
    patterns = cj.systems.random_patterns(2, 12, 1)
    models = [
        cj.systems.free_flips(9, 0.7, 1.3, 0.8, 0.3),
        cj.systems.constrained(9, 0.7, 1.3, 0.8),
        cj.systems.facilitated(9, 0.3, 5.0, 1.0),
        cj.systems.boundary_time_crystal(9, 1.5, 1.0),
        cj.systems.hopfield(patterns, 0.5, 1.7),
        cj.systems.lambda_pump(9, 0.7, 1.0, 0.5),
        cj.systems.potts_hopfield(np.array([[0, 1, 2, 0, 1]]), 3, 0.3, 2.0),
        one([], local(X, Y, Z)),
        one([], []),
        *(make() for name, make in MODELS.items() if name != "identity and a ladder"),
    ]
    for model in models:
        for frame, block in zip(main_frames(model), model.blocks, strict=True):
            assert np.array_equal(frame, np.eye(block.levels))
        assert named_frames(model) == ""


def test_phases_make_the_hops_real():
    field = np.cos(1.2) * X + np.sin(1.2) * Y
    (frame,) = main_frames(one([cj.OneBody(field, "s")], local(LOWER)))
    assert np.allclose(frame.conj().T @ field @ frame, X)
    model = two({"b": Z})
    phased = change_of_basis(model, {name: np.diag([1, np.exp(0.9j)]) for name in "ab"})
    for before, after in zip(acting_on(model), acting_on(phased), strict=True):
        assert cost(after, np.eye(2)) > cost(before, np.eye(2)) + 0.3
    for acting, frame, before in zip(acting_on(phased), main_frames(phased), acting_on(model), strict=True):
        assert cost(acting, frame) == pytest.approx(cost(before, np.eye(2)))


def test_of_arguments_that_do_not_commute_the_one_with_the_highest_degree_is_diagonal():
    down = cj.LocalJump(LOWER, "s", amplitude=affine, argument={"s": Z})
    up = cj.LocalJump(RAISE, "s", amplitude=np.cos, argument={"s": X})
    for jumps, size in (([down, up], 30), ([up, down], 1000)):
        (frame,) = main_frames(one([], jumps, size))
        assert np.allclose(np.abs(axis_of(frame)), [1, 0, 0])


def test_the_frame_is_named():
    model = one([], local((Y + 1j * Z) / 2, (Y - 1j * Z) / 2))
    assert named_frames(model) == "block s: axis (1, 0, 0)"
    assert recipe_of(model).parts[0].method == "banded H_eff, windowed, block s: axis (1, 0, 0)"
    skew = sum(c * p for c, p in zip((0, 0.6, 0.8), PAULI, strict=True))
    model = one([], [cj.LocalJump(LOWER, "s", amplitude=affine, argument={"s": skew})])
    assert named_frames(model) == "block s: axis (0, 0.6, 0.8)"
    other, _ = rotated(MODELS["Λ"](), 1)
    assert named_frames(other) == f"block {other.blocks[0].name}: a basis of its own"
