"""Only the averages that are asked for are measured, and everything else follows: labels, E_N, theory, files."""

import numpy as np
import pytest

import cojump as cj
from cojump.ensemble.fingerprint import differences, identity_of
from cojump.ensemble.point import Point
from cojump.model.stored import described
from tests.support.command_line import invoke

TIMES = np.linspace(0, 1.0, 4)


def ladder(levels, size, **more):
    """Particles that hop up and down between neighbouring levels and decay towards the last one."""
    down = np.eye(levels, k=-1)
    hop = cj.OneBody(0.4 * (down + down.T), block="atoms")
    return cj.Model([cj.Block("atoms", size, levels)], [hop], [cj.LocalJump(down, "atoms")], **more)


def ladder_start(model, size, levels):
    return cj.occupation(model, {"atoms": [size, *[0] * (levels - 1)]})


def tilted_argument():
    """Two levels beside three, an argument along x, and a block that nothing couples to the others."""
    x, z, down = cj.operators.sigma_x, cj.operators.sigma_z, cj.operators.sigma_minus
    lower = np.eye(3, k=-1)
    blocks = [cj.Block("a", 4), cj.Block("b", 2, levels=3), cj.Block("c", 3)]
    jumps = [
        cj.LocalJump(down, "a", rate=np.square, argument={"a": x}),
        cj.LocalJump(lower, "b"),
        cj.LocalJump(down, "c"),
    ]
    hamiltonian = [
        cj.OneBody(0.4 * x, block="a"),
        cj.TwoBody(z, lower + lower.T, 0.6, blocks=("a", "b")),
        cj.OneBody(0.7 * x, block="c"),
    ]
    model = cj.Model(blocks, hamiltonian, jumps)
    ket = np.ones(3) / np.sqrt(3)
    return model, cj.product(model, {"a": [0.6, 0.8], "b": ket, "c": [1, 0]})


def two_coupled():
    """Two blocks of two levels: the compiled loop of several blocks."""
    x, z, down = cj.operators.sigma_x, cj.operators.sigma_z, cj.operators.sigma_minus
    jumps = [cj.LocalJump(down, "a", rate=np.square, argument={"b": z}), cj.LocalJump(down, "b")]
    blocks = [cj.Block("a", 4), cj.Block("b", 3)]
    model = cj.Model(blocks, [cj.OneBody(0.4 * x, block="a"), cj.OneBody(0.3 * x, block="b")], jumps)
    return model, cj.tilted(model, theta=1.1, phi=0.4)


def one_block(axis):
    """One block of two levels: the engine of bands."""
    x, z, down = cj.operators.sigma_x, cj.operators.sigma_z, cj.operators.sigma_minus
    jump = cj.LocalJump(down, "spins", rate=np.square, argument={"spins": z if axis == "z" else x})
    model = cj.Model([cj.Block("spins", 6)], [cj.OneBody(0.4 * x, block="spins")], [jump])
    return model, cj.tilted(model, theta=1.1, phi=0.4)


def cases():
    model = ladder(4, 3)
    yield model, ladder_start(model, 3, 4), ["atoms.y02", "atoms.n3", "atoms.x01"]
    yield *tilted_argument(), ["b.n2", "a.z", "a.x"]
    yield *tilted_argument(), ["c.y", "b.x01"]
    yield *two_coupled(), ["b.y", "a.z"]
    yield *one_block("z"), ["spins.y"]
    yield *one_block("x"), ["spins.z", "spins.x"]


@pytest.mark.parametrize(("model", "state", "chosen"), list(cases()))
def test_the_chosen_are_what_they_are_among_all(model, state, chosen):
    """Same trajectories, same figures; E_N is the sum over them alone."""
    whole = cj.simulate(model, state, TIMES, n_traj=6, seed=3, keep=2)
    some = cj.simulate(model, state, TIMES, n_traj=6, seed=3, keep=2, averages=chosen)
    places = [a for a, label in enumerate(whole.labels) if label in chosen]
    assert some.labels == tuple(whole.labels[a] for a in places)
    assert some.n_jumps == whole.n_jumps > 0
    for name in ("mean", "mean_stderr", "reference"):
        np.testing.assert_allclose(getattr(some, name), getattr(whole, name)[:, places], atol=1e-12)
    for name in ("second", "covariance", "covariance_stderr", "within", "between"):
        expected = getattr(whole, name)[:, places][:, :, places]
        np.testing.assert_allclose(getattr(some, name), expected, atol=1e-11, err_msg=name)
    np.testing.assert_allclose(some.trajectories, whole.trajectories[:, :, places], atol=1e-12)
    off = np.diagonal(whole.covariance, axis1=1, axis2=2) / model.size + (whole.mean - whole.reference) ** 2
    np.testing.assert_allclose(some.deviation, (off @ np.diag(model.deviation_weights))[:, places].sum(axis=1))


def test_the_same_choice_in_the_model_is_the_same_run():
    model, state, chosen = next(iter(cases()))
    asked = cj.simulate(model, state, TIMES, n_traj=3, averages=chosen)
    made = cj.simulate(ladder(4, 3, averages=chosen), state, TIMES, n_traj=3)
    assert made.moments.mean.tobytes() == asked.moments.mean.tobytes()
    one = Point(model, state, TIMES, n_traj=3, averages=chosen)
    other = Point(ladder(4, 3, averages=chosen[::-1]), state, TIMES, n_traj=3)
    assert differences(identity_of(one), identity_of(other)) == []
    every = Point(model, state, TIMES, n_traj=3)
    assert "averages" in str(differences(identity_of(one), identity_of(every)))
    assert identity_of(Point(model, state, TIMES, n_traj=3, averages=model.labels)) == identity_of(every)


def test_theory_has_the_same_averages():
    model, chosen = ladder(3, 2), ["atoms.n2", "atoms.y12"]
    some, state = ladder(3, 2, averages=chosen), ladder_start(model, 2, 3)
    places = [model.labels.index(label) for label in chosen]
    exact, whole = (cj.master_equation(m, state, TIMES) for m in (some, model))
    np.testing.assert_allclose(exact.covariance, whole.covariance[:, places][:, :, places], atol=1e-9)
    product = cj.product(model, {"atoms": [1, 0, 0]})
    field, full = (cj.mean_field(m, product, TIMES) for m in (some, model))
    np.testing.assert_allclose(field.mean, full.mean[:, places], atol=1e-12)
    np.testing.assert_allclose(field.covariance, full.covariance[:, places][:, :, places], atol=1e-12)
    np.testing.assert_allclose(field.correction, full.correction[:, places], atol=1e-12)


def test_files_keep_the_choice(tmp_path):
    model, state, chosen = next(iter(cases()))
    result = cj.simulate(model, state, TIMES, n_traj=3, averages=chosen)
    result.save(tmp_path / "some.h5")
    (loaded,) = cj.load(tmp_path / "some.h5")
    assert loaded.labels == result.labels == loaded.model().labels
    assert loaded.deviation.tobytes() == result.deviation.tobytes()
    assert "averages" not in str(described(model))  # as files of earlier versions have it


def test_run_file(tmp_path):
    """`[run] averages` of a named system and of a function that knows nothing of it."""
    (tmp_path / "made.py").write_text(
        "import cojump as cj\n\n\ndef build(size):\n    return cj.systems.free_flips(size, 0.3, 1.0, 0.5)\n"
    )
    run = tmp_path / "run.toml"
    run.write_text(
        f'[model]\nsystem = "{tmp_path / "made.py"}:build"\nsize = 4\n'
        '[initial]\nkind = "tilted"\ntheta = 1.1\nphi = 0.4\n[times]\nend = 1.0\nsteps = 2\n'
        '[run]\nn_traj = 4\naverages = ["spins.z", "spins.x"]\nobservables = {zx = "spins.z * spins.x"}\n'
    )
    invoke("run", run, "-o", tmp_path / "out")
    (result,) = cj.load(tmp_path / "out")
    assert result.labels == ("spins.x", "spins.z") == result.model().labels
    np.testing.assert_allclose(result.observables.mean[:, 0], result.second[:, 0, 1], atol=1e-12)
    other = ("--set", 'run.averages=["spins.x"]', "--set", "run.observables={}")
    _, told = invoke("run", run, "-o", tmp_path / "out", *other, status=2)
    assert '[run] averages is ["spins.x"] here' in told


@pytest.mark.parametrize(
    ("averages", "message"),
    [
        ([], "`averages` must name at least one average"),
        (["spins.z", "spins.z"], "each of them once"),
        ("spins.z", "`averages` must be a list of labels"),
        (["z"], "`averages` must name averages of the model, such as 'spins.x', 'spins.y', 'spins.z', but one is 'z'"),
        ([np.ones(2)], "`averages` must name averages"),
    ],
)
def test_what_is_no_choice(averages, message):
    model, state = one_block("z")
    with pytest.raises(cj.ArgumentError, match=message) as caught:
        cj.simulate(model, state, TIMES, n_traj=2, averages=averages)
    assert "\n" not in str(caught.value)


def test_what_needs_more_than_the_chosen():
    model, state = one_block("z")
    x = cj.operators.sigma_x
    with pytest.raises(cj.ArgumentError, match=r"observables\['x'\].*sum of the `averages`.*takes spins.x too"):
        cj.simulate(model, state, TIMES, n_traj=2, averages=["spins.z"], observables={"x": {"spins": x}})
    with pytest.raises(cj.ArgumentError, match=r"order_parameters\['m'\].*takes spins.x too"):
        cj.Model(model.blocks, order_parameters={"m": {"spins": x}}, averages=["spins.y", "spins.z"])
    result = cj.simulate(model, state, TIMES, n_traj=2, averages=["spins.z"])
    with pytest.raises(cj.ArgumentError, match="must have all averages of the block"):
        cj.reduced.one(result.model(), result, "spins")
    with pytest.raises(cj.ArgumentError, match="must have the averages of the model"):
        cj.reduced.one(model, result, "spins")
    with pytest.raises(cj.ArgumentError, match="squeezing"):
        _ = result.squeezing
    assert result.spin.mean.shape == (len(TIMES), 1)


def test_few_of_many_levels_cost_what_they_are():
    """40 levels: 1,600 averages, whose products nobody makes when three are wanted."""
    model = ladder(40, 1)
    chosen = ["atoms.n0", "atoms.n39", "atoms.x01"]
    point = Point(model, ladder_start(model, 1, 40), TIMES, n_traj=3, averages=chosen)
    assert sum(point.statistics) < 10**5
    result = cj.simulate(model, ladder_start(model, 1, 40), TIMES, n_traj=3, averages=chosen)
    assert result.second.shape == (len(TIMES), 3, 3)
