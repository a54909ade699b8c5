"""Potentials as users write them: what is refused and how, what is stored of them, what tells two of them apart."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

import cojump as cj
from cojump.ensemble.fingerprint import differences, identity_of
from cojump.ensemble.point import Point
from cojump.model.components import components
from cojump.model.systems.flips import Power
from cojump.trajectories.recipe import recipe_of
from tests.support.command_line import invoke
from tests.support.pauli import LOWER, RAISE, X, Z

S = "spins"
TIMES = np.array([0.0, 0.5, 1.0])


def model(phi=np.square, argument=None, size=6, **options):
    term = cj.Potential(phi, argument or {S: Z}, **options)
    return cj.Model([cj.Block(S, size)], [cj.OneBody(X, S), term], [cj.LocalJump(LOWER, S)])


# ---- what is refused -----------------------------------------------------------------------------


class Random:
    """No function of its argument."""

    def __init__(self):
        self.numbers = np.random.default_rng(1)

    def random_like(self, x):
        return self.numbers.random(x.shape)


RANDOM = Random()
VECTORISED = "a function that works on an array (a vectorised numpy function)"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: cj.Potential(0.3, {S: Z}),
            "`phi` must be a function of the average Δ (of one particle: OneBody, of two",
        ),
        (lambda: cj.Potential(np.square, {}), "`argument` must map block names to matrices"),
        (lambda: cj.Potential(np.square, [{S: Z}, {S: X}]), "(products of several: see the Notes of Potential)"),
        (lambda: cj.Potential(np.square, {S: RAISE}), "`argument['spins']` must be Hermitian"),
        (
            lambda: cj.Potential(np.square, {S: Z}, np.sign),
            "`derivatives` must be up to three functions, φ', φ'' and φ'''",
        ),
        (lambda: cj.Potential(np.square, {S: Z}, (np.sign,) * 4), "`derivatives` must be up to three functions"),
        (lambda: cj.Potential(np.square, {S: Z}, factor=1j), "`factor` must be a finite number"),
        (
            lambda: cj.TwoBody(Z, Z, 0.3, (S, S, S)),
            "`blocks` must be a pair of block names (three and more bodies: see",
        ),
        (lambda: model(argument={"s": Z}), "`hamiltonian[1].argument` must have names of blocks as keys"),
        (lambda: model(argument={S: np.eye(3)}), "`hamiltonian[1].argument['spins']` must have the shape (2, 2)"),
        (
            lambda: model(lambda m: 1j * m),
            "`hamiltonian[1].phi` must return real numbers, but it returns dtype complex128",
        ),
        (lambda: model(lambda _: 1.0), "`hamiltonian[1].phi` must return one value per point"),
        (lambda: model(lambda m: m[0] + float(m)), f"`hamiltonian[1].phi` must be {VECTORISED}, but it raises"),
        (lambda: model(np.log), "`hamiltonian[1].phi` must be finite over the whole spectrum of Δ, but at Δ = -1 it"),
        (lambda: model(lambda m: -1e60 - m), "`hamiltonian[1].phi` must be at most 1e+50 over the whole spectrum"),
        (
            lambda: model(RANDOM.random_like).check_rates(),
            "`hamiltonian[1].phi` must be a function of its argument alone, but for the same 7 points",
        ),
    ],
)
def test_bad_input_is_one_line(make, message):
    with pytest.raises(cj.ArgumentError) as caught:
        make()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("axis", [Z, X, 0.6 * X + 0.8 * Z])
def test_phi_is_called_inside_the_spectrum_alone(axis):
    """By all that runs a model: a function may end where its argument does."""

    def phi(m):
        assert (np.abs(m) <= 1).all()
        return np.sqrt(1 - m**2) + np.sqrt(1 + m)

    term = cj.Potential(phi, {S: axis})
    jump = cj.LocalJump(LOWER, S, amplitude=lambda x: 1 + 0.2 * x, argument={S: Z})
    made = cj.Model([cj.Block(S, 30)], [cj.OneBody(X, S), term], [jump])
    state = cj.tilted(made, 0.9, 0.4)
    cj.simulate(made, state, TIMES, n_traj=2)
    mf = cj.mean_field(made, state, TIMES)
    assert np.isfinite(mf.covariance).all()
    assert np.isfinite(mf.correction).all()
    cj.master_equation(made, state, TIMES)


# ---- parts, memory -------------------------------------------------------------------------------


def pairs():
    """Blocks a and c, coupled by a potential in which b has nothing; b alone."""
    blocks = [cj.Block("a", 2), cj.Block("b", 3), cj.Block("c", 1)]
    potential = cj.Potential(lambda m: m**3, {"a": Z, "b": 0 * X, "c": 0.5 * Z}, factor=0.7)
    own = cj.Potential(np.cos, {"b": X}, factor=1.2)
    drive = [cj.OneBody(X, name) for name in "abc"]
    return cj.Model(blocks, [own, *drive, potential], [cj.LocalJump(LOWER, name) for name in "abc"])


def test_independent_parts_have_the_energies_of_the_whole():
    whole = pairs()
    parts = components(whole)
    assert [part.blocks for part in parts] == [(0, 2), (1,)]
    assert [part.potentials for part in parts] == [(4,), (0,)]
    state = cj.tilted(whole, 1.1, 0.4)
    exact = cj.master_equation(whole, state, TIMES)
    for part in parts:
        alone = cj.master_equation(part.model, cj.tilted(part.model, 1.1, 0.4), TIMES)
        for label in alone.labels:
            np.testing.assert_allclose(alone[label].mean, exact[label].mean, rtol=0, atol=1e-10)
    # the tables that trajectories read are in units of the whole
    energies = recipe_of(whole).energies()
    assert sorted(energies) == [0, 4]
    np.testing.assert_allclose(energies[0].ravel(), 6 * 1.2 * np.cos((2 * np.arange(4) - 3) / 3), rtol=1e-14)
    assert energies[4].shape == (3, 2)


def test_memory_and_method_are_known_before():
    one, other = (cj.estimate(m, cj.tilted(m, 1.1, 0.4), TIMES, n_traj=2) for m in (model(), model(np.abs)))
    assert "banded" in str(one)
    assert one.memory >= other.memory > 0
    turned = replace(model(), jumps=[cj.LocalJump(LOWER, S, rate=np.exp, argument={S: X})])
    (part,) = recipe_of(turned).parts
    assert "functions of non-commuting arguments as polynomials of degree 2" in part.method
    assert part.nbytes > recipe_of(model()).parts[0].nbytes


# ---- what is stored, what tells points apart -----------------------------------------------------


def facts(made):
    return identity_of(Point(model=made, state=cj.tilted(made, 1.1, 0.4), times=TIMES, n_traj=3))


def changes(other, one=None):
    there = json.loads(json.dumps(facts(one or model())))
    return [difference.text for difference in differences(facts(other), there)]


def test_points_are_told_apart_by_the_values_of_phi():
    assert changes(model(lambda m: m * m)) == []
    assert changes(model(lambda m: np.square(m) * (1 + 1e-14))) == []
    (text,) = changes(model(lambda m: m**2 + 1e-7 * (m == 1)))
    assert text.startswith("hamiltonian[1] N φ over the spectrum is")
    assert changes(model(factor=1.5))[0] == "hamiltonian[1] factor is 1.5 here and 1 there"
    assert changes(model(argument={S: X}))[0].startswith("hamiltonian[1] argument 'spins' is")
    given = model(derivatives=(lambda m: 2 * m,))
    assert changes(given)[0].startswith("hamiltonian[1] derivatives[0] over the spectrum is")
    square = replace(model(), hamiltonian=[cj.OneBody(X, S), cj.TwoBody(Z, Z, 1.0, (S, S))])
    assert "hamiltonian[1] kind is Potential here and TwoBody there" in changes(model(), square)


def test_a_model_comes_back_if_phi_is_named(tmp_path):
    for phi in (np.square, Power(-0.3, 3)):
        made = model(phi, factor=0.7)
        result = cj.simulate(made, cj.tilted(made, 1.1, 0.4), TIMES, n_traj=3)
        result.save(tmp_path / "r.h5")
        again = cj.load(tmp_path / "r.h5")[0].model()
        assert not changes(again, made)
        (tmp_path / "r.h5").unlink()
    own = model(lambda m: m**2)
    cj.simulate(own, cj.tilted(own, 1.1, 0.4), TIMES, n_traj=3).save(tmp_path / "own.h5")
    with pytest.raises(cj.StorageError, match=re.escape("hamiltonian[1].phi (a lambda)")):
        cj.load(tmp_path / "own.h5")[0].model()


RUN = """
[model]
system = {system}
size = [4, 8]
coupling = 1.5
omega = 1.0
kappa = 1.0
{more}
[initial]
kind = "tilted"
theta = 1.1
phi = 0.4
[times]
end = 1.0
steps = 4
[run]
n_traj = 8
"""

OWN = """
import numpy as np
import cojump as cj

def build(size, coupling, omega, kappa):
    x, z, down = np.array([[0, 1], [1, 0]]), np.diag([1, -1]), np.array([[1, 1], [-1, -1]]) / 2
    terms = [cj.OneBody(omega * x, "spins"), cj.Potential(lambda m: -coupling * m**3, {"spins": z})]
    return cj.Model([cj.Block("spins", size)], terms, [cj.LocalJump(np.sqrt(kappa) * down, "spins")])
"""


def test_run_files_name_the_system_or_a_module_of_the_user(tmp_path):
    """The same physics both ways, resumed as it is, and refused with another φ."""
    (tmp_path / "own.py").write_text(OWN, encoding="utf-8")
    for name, system, more in (("named", '"p_spin"', "p = 3"), ("own", '"own.py:build"', "")):
        (tmp_path / f"{name}.toml").write_text(RUN.format(system=system, more=more), encoding="utf-8")
        invoke("run", tmp_path / f"{name}.toml", "-o", tmp_path / name)
    named, own = (cj.load(tmp_path / name) for name in ("named", "own"))
    for one, other in zip(named, own, strict=True):
        assert one.n_jumps == other.n_jumps > 0
    out, _ = invoke("show", tmp_path / "named.toml")
    assert "banded" in out
    invoke("run", tmp_path / "own.toml", "-o", tmp_path / "own")
    (tmp_path / "own.py").write_text(OWN.replace("m**3", "m**3 + 0.1 * m"), encoding="utf-8")
    _, err = invoke("run", tmp_path / "own.toml", "-o", tmp_path / "own", status=2)
    assert "hamiltonian[1] N φ over the spectrum" in err


def test_a_potential_needs_no_jumps_nor_two_levels():
    made = cj.Model([cj.Block("a", 2, levels=3)], [cj.Potential(np.cos, {"a": np.diag([1, 0, -1])})])
    state = cj.product(made, {"a": np.ones(3) / np.sqrt(3)})
    np.testing.assert_allclose(
        cj.simulate(made, state, TIMES, n_traj=1).mean, cj.master_equation(made, state, TIMES).mean, atol=1e-9
    )
