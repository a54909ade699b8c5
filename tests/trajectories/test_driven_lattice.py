"""Several blocks of two levels whose terms change in time: whole trajectories against the steps in tensor products."""

from dataclasses import replace

import numpy as np
import pytest

import cojump as cj
from cojump.trajectories import counting_engine, lattice_engine
from cojump.trajectories.compilation import prepare
from cojump.trajectories.driven_lattice_engine import DrivenLatticeEngine
from cojump.trajectories.kernel_cache import compiled
from cojump.trajectories.kernels.lattice import BESIDE
from cojump.trajectories.product_engine import ProductEngine
from cojump.trajectories.recipe import recipe_of
from cojump.trajectories.representations import DRIVEN, DRIVEN_LATTICE, DRIVEN_LIST, LATTICE
from tests.support.pauli import LOWER, RAISE, X, Z
from tests.support.twin_trajectories import assert_same_trajectories
from tests.trajectories.test_driven_bands import GATE, PULSE, RAMP, affine, fast, slow
from tests.trajectories.test_lattice import random_lattice

TIMES = np.linspace(0, 1.2, 7)
ENVELOPES = [{}, {"envelope": slow}, {"envelope": fast}, GATE, RAMP, {"envelope": PULSE}, {"envelope": np.sin}]
BOTH = {"a": 0.5 * Z, "b": 0.5 * Z}


@pytest.fixture(scope="module", autouse=True)
def _compiled():
    prepare([two_blocks(2)[0]])


def two_blocks(size, own=ENVELOPES[1], of_jumps=ENVELOPES[0]):
    blocks = [cj.Block("a", size), cj.Block("b", size)]
    terms = [cj.OneBody(0.6 * X, "a", **own), cj.OneBody(0.3 * X, "b"), cj.TwoBody(Z, Z, 0.5, ("a", "b"), **own)]
    jumps = [
        cj.LocalJump(LOWER, "a", amplitude=affine, argument=BOTH, **of_jumps),
        cj.LocalJump(RAISE, "b", amplitude=affine, argument=BOTH),
    ]
    model = cj.Model(blocks, terms, jumps)
    return model, cj.tilted(model, 1.1, 0.4)


def random_driven(seed, sizes):
    """Every kind of term and of jump, with random envelopes; the two halves of a complex product have the same one."""
    rng = np.random.default_rng(seed)
    model = random_lattice(rng, sizes)

    def some():
        return ENVELOPES[rng.integers(len(ENVELOPES))]

    terms, before, own = [], None, {}
    for term in model.hamiltonian:
        between = isinstance(term, cj.TwoBody) and term.blocks[0] != term.blocks[1]
        own = own if between and term.blocks == before else some()
        before = term.blocks[::-1] if between else None
        terms.append(replace(term, **own))
    jumps = [replace(jump, **some()) for jump in model.jumps]
    driven = replace(model, hamiltonian=terms, jumps=jumps)
    return driven, cj.tilted(driven, 1.1, 0.4)


def only_H(size, envelope):
    model, state = two_blocks(size)
    terms = [replace(term, envelope=envelope) for term in model.hamiltonian]
    return replace(model, hamiltonian=terms), state


def nothing_steady():
    model, _ = two_blocks(6)
    drive = {"envelope": np.sin}
    terms, jumps = ([replace(term, **drive) for term in some] for some in (model.hamiltonian, model.jumps))
    driven = replace(model, hamiltonian=terms, jumps=jumps)
    return driven, cj.product(driven, {"a": [1, 0], "b": np.diag([0.6, 0.4])})


CASES = {
    "slow": lambda: two_blocks(8),
    "many pieces": lambda: two_blocks(8, ENVELOPES[2]),
    "a rate that vanishes for a while": lambda: two_blocks(8, of_jumps=GATE),
    "nothing at all before a ramp": lambda: two_blocks(8, RAMP, RAMP),
    "nothing steady, begins at zero": nothing_steady,
    "rows": lambda: two_blocks(30, GATE, {"envelope": slow}),
    "rows, all of H in one part": lambda: only_H(26, slow),
    "everything in two blocks": lambda: random_driven(0, (3, 4)),
    "everything, rows": lambda: random_driven(1, (4, 14)),
    "everything in three blocks": lambda: random_driven(2, (2, 3, 3)),
    "rows of one of three blocks": lambda: random_driven(4, (2, 2, 33)),
}


@pytest.mark.parametrize("name", CASES)
def test_trajectories_are_those_of_the_twin(name):
    model, state = CASES[name]()
    assert recipe_of(model).parts[0].representation is DRIVEN_LATTICE
    times = TIMES if model.size < 20 else TIMES / 6
    twin, engine = (kind(model, state, times, 1e-10, [0, 2, 6]) for kind in (ProductEngine, DrivenLatticeEngine))
    assert assert_same_trajectories(twin, engine, seed=3, trajectories=2) > 4
    if name.startswith("rows,") or name == "rows":
        assert engine._h_eff.elements.row[BESIDE] == 1


def test_pauses_and_boxes_have_no_influence(monkeypatch):
    model, state = two_blocks(30, ENVELOPES[2], GATE)
    whole = DrivenLatticeEngine(model, state, TIMES / 4, 1e-9, [3]).run(1, 0, record=True)
    for home, name, value in (
        (counting_engine, "_SEGMENT", 3),
        (counting_engine, "_EFFORT", 1),
        (lattice_engine, "_FIRST_CELLS", 16),
    ):
        monkeypatch.setattr(home, name, value)
    engine = DrivenLatticeEngine(model, state, TIMES / 4, 1e-9, [3])
    engine.run(1, 1)
    pieces = engine.run(1, 0, record=True)
    assert whole.n_jumps > 10
    for field in ("mean", "second", "sectors", "counts", "jumps"):
        np.testing.assert_array_equal(getattr(whole, field), getattr(pieces, field), err_msg=field)


def test_a_box_that_is_too_small_is_made_larger(monkeypatch):
    model, state = two_blocks(150, ENVELOPES[2])
    wide, narrow = (DrivenLatticeEngine(model, state, TIMES / 60, 1e-10, [3]) for _ in range(2))
    seen = wide.run(1, 0, record=True)
    monkeypatch.setattr(counting_engine, "FIRST_REACH", 1)
    found = narrow.run(1, 0, record=True)
    assert seen.n_jumps > 3
    np.testing.assert_array_equal(found.jumps["channel"], seen.jumps["channel"])
    np.testing.assert_allclose(found.jumps["time"], seen.jumps["time"], rtol=0, atol=1e-10)
    np.testing.assert_allclose(found.mean, seen.mean, rtol=0, atol=1e-9)


def test_no_step_is_longer_than_its_bound_says():
    """Strong rates that change much while hardly anything jumps: steps as long as the orders of the series last."""
    dark = [cj.LocalJump(LOWER, "a", amplitude=lambda x: 3 * (1 + x), argument=BOTH, envelope=fast)]
    model, _ = two_blocks(16, {"envelope": slow})
    model = replace(model, jumps=dark)
    state = cj.product(model, {"a": [0.1, np.sqrt(0.99)], "b": [0.1, np.sqrt(0.99)]})
    coarse, fine = (DrivenLatticeEngine(model, state, TIMES, e).run(1, 0, record=True) for e in (1e-7, 1e-12))
    np.testing.assert_array_equal(coarse.jumps["channel"], fine.jumps["channel"])
    np.testing.assert_allclose(coarse.mean, fine.mean, rtol=0, atol=3e-7)
    assert np.abs(coarse.mean - fine.mean).max() > 1e-13  # the tolerance is felt


def test_a_row_that_is_nothing_hides_none_before_it():
    """A field grows as t³ from where a steady one cancels it: rows 1 to 3 vanish, and row 4 is made of the state."""
    terms = [term for n in "ab" for term in (cj.OneBody(X, n, envelope=lambda t: 1 + t**3), cj.OneBody(-X, n))]
    model = cj.Model([cj.Block("a", 40), cj.Block("b", 30)], terms, [])
    found = DrivenLatticeEngine(model, cj.tilted(model, 1.1, 0.4), np.array([0.0, 1.0]), 1e-10, []).run(1, 0).mean[1]
    turned = (np.sin(1.1) * np.sin(0.4) + 1j * np.cos(1.1)) * np.exp(0.5j)  # each spin, by twice the integral of t³
    np.testing.assert_allclose(found.reshape(2, 3)[:, 1:], [[turned.real, turned.imag]] * 2, rtol=0, atol=1e-9)


@pytest.mark.parametrize(("J", "M", "field"), [(2, 1, 1e-6), (2, -2, 1e-4), (8, 3, 1e-6)])
def test_a_part_is_known_by_what_it_does_behind_the_start(J, M, field):
    """Of which it makes nothing; and of what a weak field makes of that, its factor makes nothing at first."""
    strong = [cj.OneBody(s * 4 * Z, n, envelope=np.sin) for n, s in zip("ab", (1, -1), strict=True)]
    terms = [*strong, cj.OneBody(field * X, "a"), cj.TwoBody(Z, Z, 0.1 * field, ("a", "b"))]
    model = cj.Model([cj.Block("a", 2 * J), cj.Block("b", 2 * J)], terms, [])
    state = cj.dicke(model, {"a": (J, M), "b": (J, M)})
    twin, engine = (kind(model, state, TIMES, 1e-10, []) for kind in (ProductEngine, DrivenLatticeEngine))
    np.testing.assert_allclose(engine.run(1, 0).mean, twin.run(1, 0).mean, rtol=0, atol=1e-9)
    assert engine._h_eff.elements.row[BESIDE] == (J > 2)


@pytest.mark.parametrize("strength", [1e-2, 1e-5])
@pytest.mark.parametrize("size", [3, 14])
def test_nearly_an_eigenstate(size, strength):
    """Its first rows say nothing about the next ones."""
    terms = [cj.OneBody(2 * Z, "a"), cj.TwoBody(Z, Z, 1.0, ("a", "b"))]
    terms += [cj.OneBody(strength * X, n, envelope=np.cos) for n in "ab"]
    jumps = [cj.LocalJump(1e-3 * LOWER, "a")]
    model = cj.Model([cj.Block("a", size), cj.Block("b", size)], terms, jumps)
    state = cj.product(model, {"a": [0, 1], "b": [1, 0]})
    twin, engine = (kind(model, state, TIMES, 1e-10) for kind in (ProductEngine, DrivenLatticeEngine))
    np.testing.assert_allclose(engine.run(1, 0).mean, twin.run(1, 0).mean, rtol=0, atol=1e-10)


@pytest.mark.parametrize("factor", [1.0, 1.5])
def test_a_constant_envelope_is_a_factor(factor):
    """The same jumps as of the model that it stands for, where nothing changes and series are other ones."""

    def made(f, **own):
        blocks = [cj.Block("a", 12), cj.Block("b", 9)]
        terms = [cj.OneBody(0.5 * f * X, "a", **own), cj.TwoBody(X, X, 0.7 * f, ("a", "b"), **own)]
        jumps = [
            cj.LocalJump(f * LOWER, "a", amplitude=affine, argument=BOTH, **own),
            cj.LocalJump(f * (RAISE + 0.3 * Z), "b", amplitude=affine, argument=BOTH, **own),
            cj.CollectiveJump({"a": f * LOWER, "b": f * RAISE}, 0.4, **own),
        ]
        model = cj.Model(blocks, terms, jumps)
        return model, cj.tilted(model, 1.1, 0.4)

    (steady, state), (driven, _) = made(factor), made(1.0, envelope=lambda _: factor)
    assert [recipe_of(m).parts[0].representation for m in (steady, driven)] == [LATTICE, DRIVEN_LATTICE]
    for index in range(2):
        a, b = (cj.trajectory(m, state, TIMES / 2, seed=2, index=index, tolerance=1e-10) for m in (driven, steady))
        np.testing.assert_array_equal(a.jumps["channel"], b.jumps["channel"])
        np.testing.assert_allclose(a.jumps["time"], b.jumps["time"], rtol=0, atol=1e-9)
        np.testing.assert_allclose(a.mean, b.mean, rtol=0, atol=1e-9)


def test_what_it_holds():
    def part(axes, levels=2, **options):
        blocks = [cj.Block("a", 5), cj.Block("b", 5, levels)]
        argument = {"a": Z, "b": np.diag(np.arange(1.0, levels + 1))}
        jumps = [cj.LocalJump(LOWER, "a", amplitude=np.abs, argument=argument, envelope=np.cos, **options)]
        jumps += [cj.LocalJump(LOWER, "a", amplitude=np.abs, argument={"a": axis}) for axis in axes]
        return recipe_of(cj.Model(blocks, [], jumps)).parts[0]

    assert part([Z]).representation is DRIVEN_LATTICE
    assert part([Z], exclude_self=True).representation is DRIVEN_LATTICE
    assert part([Z]).method.endswith("terms that change in time")
    assert part([X]).representation is DRIVEN
    assert part([Z], levels=3).representation is DRIVEN_LIST


def test_all_kernels_are_compiled_before():
    before = compiled()["compiled"]
    for name in ("rows", "everything in three blocks"):
        model, state = CASES[name]()
        DrivenLatticeEngine(model, state, TIMES / 20, 1e-9, [2]).run(1, 0, record=True)
    assert compiled()["compiled"] == before


def test_a_run_that_is_over_at_once():
    """It has no pieces of the time axis."""
    model, state = two_blocks(4)
    found = cj.trajectory(model, state, [0.0], seed=1, index=0)
    np.testing.assert_allclose(found.mean[0, 2], np.cos(1.1), rtol=0, atol=1e-9)
