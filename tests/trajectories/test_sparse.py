"""States as lists of occupied basis states: the tables, and whole trajectories against those of tensor products."""

import numpy as np
import pytest
from scipy.sparse import csr_array

import cojump as cj
from cojump.basis.diagram_sector import diagram_sector
from cojump.trajectories import counting_engine, sparse_engine
from cojump.trajectories.compilation import prepare
from cojump.trajectories.kernel_cache import compiled
from cojump.trajectories.product_engine import ProductEngine
from cojump.trajectories.recipe import recipe_of
from cojump.trajectories.representations import LATTICE, PRODUCT, SPARSE
from cojump.trajectories.sector_matrix import program_matrix
from cojump.trajectories.sparse_engine import SparseEngine
from tests.support.pauli import LOWER, RAISE, X, Z
from tests.support.random_models import random_hermitian, random_matrix
from tests.support.twin_trajectories import assert_same_trajectories

TIMES = np.linspace(0, 1.2, 7)


def potts(patterns):
    model = cj.systems.potts_hopfield(patterns, 3, 0.3, 2.0)
    return model, cj.corrupted(model, 0, 0.8)


def potts_in_two_blocks():
    return potts([[0] * 5 + [1] * 4])


def pump():
    model = cj.systems.lambda_pump(9, 1.2, 1.0, 0.7)
    return model, cj.occupation(model, {"particles": [0, 4, 5]})


def two_axes():
    jumps = [
        cj.LocalJump(LOWER + 0.2 * Z, "a", amplitude=_affine, argument={"a": Z}, exclude_self=True),
        cj.LocalJump(RAISE, "a", amplitude=np.cos, argument={"a": X}, exclude_self=True),
    ]
    model = cj.Model([cj.Block("a", 14)], [cj.OneBody(0.5 * X, "a")], jumps)
    return model, cj.tilted(model, 1.1, 0.4)


def two_axes_of_two_blocks():
    jumps = [
        cj.LocalJump(LOWER, "a", amplitude=_affine, argument={"a": Z, "b": Z}),
        cj.LocalJump(RAISE, "b", amplitude=np.cos, argument={"a": X}),
        cj.LocalJump(RAISE, "a", amplitude=np.cos, argument={"a": X}, exclude_self=True),
    ]
    terms = [cj.OneBody(0.5 * X, "a"), cj.TwoBody(Z, Z, 0.4, blocks=("a", "b"))]
    model = cj.Model([cj.Block("a", 16), cj.Block("b", 3)], terms, jumps)
    return model, cj.tilted(model, 1.1, 0.4)


def two_levels_beside_three():
    rng = np.random.default_rng(3)
    blocks = [cj.Block("a", 4), cj.Block("b", 3, 3), cj.Block("c", 2)]
    flip, level = random_matrix(rng, 3), np.diag([1.0, 0.0, -1.0])
    terms = [cj.OneBody(random_hermitian(rng), "a"), cj.OneBody(random_hermitian(rng, 3), "b")]
    terms += [cj.TwoBody(X, random_hermitian(rng, 3), 0.4, blocks=("a", "b")), cj.TwoBody(Z, Z, 0.3, blocks=("a", "c"))]
    jumps = [
        cj.LocalJump(LOWER + 0.3 * Z, "a", amplitude=_affine, argument={"a": Z, "b": level}, exclude_self=True),
        cj.LocalJump(0.5 * flip, "b", amplitude=np.cos, argument={"b": level, "c": Z}),
        cj.LocalJump(0.3 * flip, "b", amplitude=np.cos, argument={"b": level}, exclude_self=True),
        cj.LocalJump(RAISE, "c"),
        cj.CollectiveJump({"a": LOWER, "b": 0.4 * random_matrix(rng, 3)}, 0.6),
    ]
    model = cj.Model(blocks, terms, jumps)
    return model, cj.product(model, {"a": [0.8, 0.6], "b": [1, 0, 0], "c": [0, 1]})


def mixed_start():
    model, _ = potts_in_two_blocks()
    return model, cj.product(model, {block.name: np.diag([0.6, 0.3, 0.1]) for block in model.blocks})


def collective():
    down = np.eye(3, k=-1)
    jumps = [
        cj.CollectiveJump({"a": down}, 0.8),
        cj.LocalJump(down.T, "a", amplitude=_affine, argument={"a": np.diag([1.0, 0, -1])}),
    ]
    model = cj.Model([cj.Block("a", 6, 3)], [], jumps)
    return model, cj.product(model, {"a": [0.48, 0.64j, 0.6]})


def one_particle():
    a = np.diag(np.sqrt(np.arange(1.0, 8)), 1)
    jumps = [cj.LocalJump(np.sqrt(2.0) * a, "site"), cj.LocalJump(0.4 * a.T, "site")]
    averages = ["site.n0", "site.n1", "site.x01"]
    model = cj.Model([cj.Block("site", 1, 8)], [cj.OneBody(0.8 * (a + a.T), "site")], jumps, averages=averages)
    return model, cj.product(model, {"site": np.eye(8)[0]})


def equal_weights():
    """Amplitudes whose weights are at the edges of the bins by which states are cut."""
    one = np.ones((3, 3))
    jumps = [
        cj.CollectiveJump({"a": 1j * one, "b": X}, 4.0),
        cj.LocalJump(one, "a", amplitude=np.sin, argument={"a": one}, exclude_self=True),
    ]
    model = cj.Model([cj.Block("a", 3, 3), cj.Block("b", 2)], [], jumps)
    return model, cj.product(model, {"a": np.eye(3) / 3, "b": np.eye(2) / 2})


def _affine(x):
    return 1.0 + 0.4 * x


CASES = {
    "potts": lambda: potts([[0] * 14]),
    "potts in two blocks": potts_in_two_blocks,
    "pump": pump,
    "two axes": two_axes,
    "two axes of two blocks": two_axes_of_two_blocks,
    "two levels beside three": two_levels_beside_three,
    "mixed start": mixed_start,
    "collective": collective,
    "one particle": one_particle,
    "equal weights": equal_weights,
}


@pytest.mark.parametrize("name", CASES)
def test_trajectories_are_those_of_the_twin(name):
    model, state = CASES[name]()
    assert SPARSE.holds(model)
    twin, engine = (kind(model, state, TIMES, 1e-10, [0, 2, 6]) for kind in (ProductEngine, SparseEngine))
    assert assert_same_trajectories(twin, engine, seed=3, trajectories=4) > 4


@pytest.mark.parametrize("name", ["potts", "two axes", "two levels beside three"])
def test_the_rows_are_those_of_the_program(name):
    """Every sector that trajectories come to: the rows, and what a step makes of a state."""
    model, state = CASES[name]()
    engine = SparseEngine(model, state, TIMES, 1e-9)
    engine.run(1, 0)
    matrices, sectors, _ = engine.tables.read()
    known = np.flatnonzero(sectors.known)
    assert len(known) > 1
    for s in known:
        expected = program_matrix(engine.basis.sector(engine.tables.labels[s]).h_eff).toarray()
        found = np.zeros_like(expected)
        facts = sectors.facts[sectors.facts_at[s] : sectors.facts_at[s] + sectors.size[s]]
        np.fill_diagonal(found, facts[:, 0] - 1j * facts[:, 1])
        matrix, beyond = sectors.h_eff[s], matrices.imaginary[sectors.h_eff[s]]
        for p in range(len(found)):
            first = matrices.first[matrices.row[matrix] + p]
            for k in range(first, first + matrices.length[matrices.row[matrix] + p]):
                found[p, matrices.column[k]] += matrices.re[k] + (
                    0 if beyond < -(2**60) else 1j * matrices.im[k + beyond]
                )
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13 * np.abs(expected).max())


def test_elements_of_one_more_particle_are_those_of_the_basis():
    """Compiled, against the same closed form written with arrays: all levels of all ways into a sector."""
    for label in [(5, 3, 1), (7, 0, 0), (4, 4, 2), (3, 2, 1, 0), (4, 2, 2, 1, 0), (1, *[0] * 8), (2, 1, *[0] * 25)]:
        d, sector = len(label), diagram_sector(label)
        model = cj.Model([cj.Block("a", sum(label), d)], averages=["a.n0"])
        tables = SparseEngine(model, cj.product(model, {"a": np.eye(d)[0]}), TIMES, 1e-9).tables
        for rest, _ in sector.removals():
            starts, p, level, values = tables._entrance(0, label, rest, 5)
            q = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
            for a, expected in enumerate(sector.entrance(rest)):
                found = csr_array((values[level == a], (q[level == a], p[level == a])), shape=expected.shape)
                assert np.abs(found - expected.real).max() < 1e-13
                assert found.nnz == expected.nnz


@pytest.mark.parametrize("name", ["potts in two blocks", "two axes of two blocks"])
def test_pauses_and_memory_have_no_influence(name, monkeypatch):
    """Bits do not depend on where the loop returns to Python, on what ran before, nor on what has been forgotten."""
    model, state = CASES[name]()
    whole = SparseEngine(model, state, TIMES, 1e-9, [3]).run(1, 0, record=True)
    monkeypatch.setattr(counting_engine, "_SEGMENT", 3)
    monkeypatch.setattr(counting_engine, "_EFFORT", 1)
    engine = SparseEngine(model, state, TIMES, 1e-9, [3])
    engine.tables._memory = 20_000
    forgotten = []
    forget = engine.tables._forget
    monkeypatch.setattr(engine.tables, "_forget", lambda: forgotten.append(forget()))
    engine.run(1, 1)
    pieces = engine.run(1, 0, record=True)
    assert forgotten
    assert whole.n_jumps > 1
    for field in ("mean", "second", "sectors", "counts", "jumps"):
        np.testing.assert_array_equal(getattr(whole, field), getattr(pieces, field), err_msg=field)


def test_a_tolerance_is_kept():
    """Until the first jump that differs, trajectories of two tolerances agree; a coarse one does not agree as well."""
    model, state = potts([[0] * 20])
    coarse, middle, fine = (SparseEngine(model, state, TIMES, tolerance) for tolerance in (1e-4, 1e-8, 1e-12))
    largest = []
    for index in range(6):
        a, b, c = (e.run(5, index, record=True) for e in (coarse, middle, fine))
        np.testing.assert_array_equal(b.jumps["channel"], c.jumps["channel"])
        np.testing.assert_allclose(b.mean, c.mean, atol=1e-6)
        if np.array_equal(a.jumps["channel"], c.jumps["channel"]):
            largest.append(np.abs(a.mean - c.mean).max())
    assert max(largest) > 1e-7


def test_only_what_is_occupied_is_gone_through():
    model, state = potts([[0] * 40])
    engine = SparseEngine(model, state, np.array([0.0, 0.1]), 1e-9)
    engine.run(1, 0)
    kept, used, size = *engine._occupied.slots[1:3], engine._h_eff.sectors.size[engine._occupied.slots[0]]
    assert 10 < kept <= used < size / 3


def test_what_lists_hold():
    def representation(*model):
        return recipe_of(cj.Model(*model)).parts[0].representation

    jumps = [cj.LocalJump(LOWER, "a", amplitude=np.abs, argument={"a": o}) for o in (X, Z)]
    assert representation([cj.Block("a", 6)], [], jumps) is PRODUCT  # kinked: dense rotations
    assert "dense rotations" in recipe_of(cj.Model([cj.Block("a", 6)], [], jumps)).parts[0].method
    shared = [cj.CollectiveJump({"a": np.eye(3), "b": X}, 1.0)]
    assert representation([cj.Block("a", 2, 3), cj.Block("b", 2)], [], shared) is SPARSE
    assert representation([cj.Block("a", 400, 3), cj.Block("b", 2)], [], shared) is PRODUCT  # too large a sector
    assert (
        representation([cj.Block("a", 2), cj.Block("b", 2)], [], [cj.CollectiveJump({"a": X, "b": X}, 1.0)]) is LATTICE
    )


def test_all_kernels_are_compiled_before():
    models = [CASES[name]() for name in ("potts", "two axes", "two levels beside three")]
    prepare([model for model, _ in models])
    before = compiled()["compiled"]
    for model, state in models:
        sparse_engine.SparseEngine(model, state, TIMES, 1e-9, [2]).run(1, 0, record=True)
    assert compiled()["compiled"] == before
