"""Rows of patterns whose terms change in time: whole trajectories against the steps in tensor products."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from scipy.sparse import csr_array

import cojump as cj
from cojump.basis.diagram_sector import diagram_sector
from cojump.trajectories import counting_engine
from cojump.trajectories.compilation import prepare
from cojump.trajectories.driven_pattern_engine import DrivenPatternEngine
from cojump.trajectories.kernel_cache import compiled
from cojump.trajectories.kernels.driven_patterns import begin_patterns, gone_of_patterns, row_of_patterns
from cojump.trajectories.kernels.pattern_rows import FIRST, ROWS
from cojump.trajectories.pattern_engine import first_patterns
from cojump.trajectories.product_engine import ProductEngine
from cojump.trajectories.recipe import recipe_of
from cojump.trajectories.representations import DRIVEN_LIST, DRIVEN_MODES, DRIVEN_PATTERNS
from cojump.trajectories.sector_matrix import program_matrix
from tests.support.longer import few
from tests.support.pauses import assert_same_bits
from tests.support.twin_trajectories import assert_same_trajectories
from tests.trajectories import test_pattern_rows
from tests.trajectories.test_driven_bands import GATE, PULSE, fast, slow
from tests.trajectories.test_driven_list import ENVELOPES, assert_same_from_nearly_an_eigenstate

TIMES = np.linspace(0, 1.2, 7)


@pytest.fixture(scope="module", autouse=True)
def _compiled():
    prepare([pump()[0]])


def pump():
    """A pulsed drive, and decay that is closed for a while."""
    model, state = test_pattern_rows.pump()
    terms = [replace(term, envelope=PULSE) for term in model.hamiltonian]
    return replace(model, hamiltonian=terms, jumps=[replace(jump, **GATE) for jump in model.jumps]), state


def with_envelopes(name, seed):
    """A model of test_pattern_rows, each term with an envelope drawn from all."""
    model, state = test_pattern_rows.CASES[name]()
    rng = np.random.default_rng(seed)
    terms, jumps = (
        [replace(term, **ENVELOPES[rng.integers(len(ENVELOPES))]) for term in some]
        for some in (model.hamiltonian, model.jumps)
    )
    return replace(model, hamiltonian=terms, jumps=jumps), state


CASES = {"pulses": pump} | {
    f"{name} {seed}": partial(with_envelopes, name, seed) for name in test_pattern_rows.CASES for seed in (0, 1)
}
del CASES["no jumps 0"]  # the term that it has stays


QUICK = (
    "pulses",
    "potts 0",
    "four levels 0",
    "four levels 1",
    "no jumps 1",
    "collective 0",
    "exchange 1",
    "rates that cancel 1",
    "rated 0",
    "rated of four 1",
)


@pytest.mark.parametrize("name", few(CASES, *QUICK))
def test_trajectories_are_those_of_the_twin(name):
    """Many parts, of which some are diagonal, are complex, lead to the fourth level, or nowhere at the start."""
    model, state = CASES[name]()
    assert model.is_driven
    assert DRIVEN_PATTERNS.can_hold(model)
    twin, engine = (kind(model, state, TIMES, 1e-10, [0, 2, 6]) for kind in (ProductEngine, DrivenPatternEngine))
    assert assert_same_trajectories(twin, engine, seed=3, trajectories=2) > (-1 if "no jumps" in name else 0)


def row(engine, k):
    """Row k of the last series as a vector over all patterns of the sector."""
    rows, work = engine._h_eff.rows, engine._work
    patterns, count = diagram_sector(tuple(rows.diagram.tolist())).patterns, int(rows.extent[ROWS])
    made, first = np.zeros(patterns.count, dtype=complex), first_patterns(patterns, rows.entry[:, :count])
    for r in range(count):
        q, a, b = rows.entry[2, r], max(rows.spans[k, r, 0], rows.entry[2, r]), rows.spans[k, r, 1]
        b = min(b, rows.entry[1, r] + 1)
        if a < b:
            cells = slice(rows.base[r] + a, rows.base[r] + b)
            made[first[r] + a - q : first[r] + b - q] = work.taylor_re[k, cells] + 1j * work.taylor_im[k, cells]
    return made


@pytest.mark.parametrize("name", ["pulses", "potts 0", "four levels 0", "exchange 0", "collective 1", "rated 0"])
def test_rows_of_the_series_obey_its_equation(name):
    """Row by row, with the matrices that the parts have on a product basis."""
    model, state = CASES[name]()
    engine = DrivenPatternEngine(model, state, np.array([0.0, 0.3]), 1e-12)
    engine.run(3, 0)
    factors, label = engine._h_eff.factors, (tuple(engine._h_eff.rows.diagram.tolist()),)
    matrices = [csr_array(program_matrix(b.sector(label).h_eff)) for b in engine.state.driven.bases]
    active, rows = np.flatnonzero(factors.terms), [row(engine, k) for k in range(6)]
    unit = rate = 0.0
    for p in active:
        made = matrices[p] @ rows[0]
        assert np.vdot(rows[0], made).real == pytest.approx(factors.energy[p], abs=1e-9)
        rate -= 2 * factors.coefficients[p, 0] * np.vdot(rows[0], made).imag
    assert len(active) > 1
    for k in range(5):
        made = 0.5 * rate * rows[k]
        for p in active:
            back = sum(factors.coefficients[p, j] * rows[k - j] for j in range(k + 1))
            made = made - 1j * (matrices[p] @ back - factors.energy[p] * back)
        if k == 0:
            unit = np.linalg.norm(rows[1]) / np.linalg.norm(made)
            assert np.log2(unit) == pytest.approx(np.rint(np.log2(unit)), abs=1e-6)
        np.testing.assert_allclose(rows[k + 1], unit / (k + 1) * made, rtol=0, atol=1e-13)


def test_what_rows_leave_out_is_counted():
    """Against the same row of which nothing is left out."""
    model, state = test_pattern_rows.potts(40)
    model = replace(model, hamiltonian=[replace(term, envelope=np.cos) for term in model.hamiltonian])
    engine = DrivenPatternEngine(model, state, np.array([0.0, 0.1]), 1e-9)
    engine.run(3, 0)
    h_eff, work, made, spare = engine._h_eff, engine._work, [], 1e-3
    _, unit, lo, hi = begin_patterns(h_eff, work, FIRST, 0, 0.5, 1e-9)
    np.minimum(h_eff.factors.terms, 1, out=h_eff.factors.back)
    for least in (0.0, spare):
        for order in (0, 1):
            norm2, lo, hi = row_of_patterns(
                h_eff, work, np.int64(order), lo, hi, unit, unit, True, 0.0, 0.0, 1e-9, least, np.inf
            )
            work.norms[order + 1] = np.sqrt(norm2)
        made.append(row(engine, 2))
    gone = np.linalg.norm(made[1] - made[0])
    assert 1e-3 * spare < gone <= spare
    assert h_eff.parts.gone[2] == pytest.approx(gone, rel=1e-9)
    assert gone_of_patterns(h_eff, 2, 0.5) == (pytest.approx(0.25 * gone, rel=1e-9), 0.0)


@pytest.mark.parametrize("tolerance", [1e-6, 1e-9])
def test_tolerance_holds_from_where_parts_do_nothing(tolerance):
    """All parts but one are diagonal: how much they do far from the start is not seen there."""
    level = np.diag([4.0, 0.0, -3.0])
    field = np.array([[0, 1, 0.5], [1, 0, 1], [0.5, 1, 0]])
    terms = [
        cj.OneBody(0.7 * field, "a", envelope=np.cos),
        cj.OneBody(level, "a", envelope=fast),
        cj.TwoBody(level, level, 1.5, ("a", "a"), envelope=slow),
    ]
    jumps = [cj.LocalJump(np.eye(3, k=1), "a", envelope=slow), cj.LocalJump(np.eye(3, k=-2), "a", **GATE)]
    model = cj.Model([cj.Block("a", 12, 3)], terms, jumps)
    state = cj.occupation(model, {"a": [0, 6, 6]})
    coarse, fine = (DrivenPatternEngine(model, state, TIMES, t) for t in (tolerance, 1e-12))
    for index in range(6):
        mine, other = (engine.run(5, index) for engine in (coarse, fine))
        assert mine.n_jumps == other.n_jumps
        np.testing.assert_allclose(mine.mean, other.mean, rtol=0, atol=tolerance)


def test_pauses_have_no_influence(monkeypatch):
    model, state = CASES["four levels 1"]()
    whole = DrivenPatternEngine(model, state, TIMES, 1e-9, [3]).run(1, 0, record=True)
    monkeypatch.setattr(counting_engine, "_SEGMENT", 3)
    monkeypatch.setattr(counting_engine, "_EFFORT", 1)
    engine = DrivenPatternEngine(model, state, TIMES, 1e-9, [3])
    assert whole.n_jumps > 4
    assert_same_bits(whole, engine)


@pytest.mark.parametrize("strength", [1e-2, 1e-5])
def test_nearly_an_eigenstate(strength):
    """Its first rows say nothing about the next ones."""
    assert_same_from_nearly_an_eigenstate(DrivenPatternEngine, strength)


def test_parts_that_are_the_opposite_of_each_other():
    """With all factors 1 nothing leads from level to level."""
    field = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]])
    terms = [cj.OneBody(field, "a", envelope=np.cos), cj.OneBody(-field, "a", envelope=np.sin)]
    model = cj.Model([cj.Block("a", 5, 3)], terms, [cj.LocalJump(np.diag([1.0, 1.0], 1), "a")])
    state = cj.product(model, {"a": [0, 0, 1]})
    twin, engine = (kind(model, state, TIMES, 1e-10, [0, 2, 6]) for kind in (ProductEngine, DrivenPatternEngine))
    assert assert_same_trajectories(twin, engine, seed=3, trajectories=2) > 2


def test_what_it_holds():
    def representation(size, levels=3, modes=0):
        field = np.ones((levels, levels))
        terms = [cj.OneBody(field, "a", envelope=np.cos), *(cj.ModeCoupling({"a": field}, mode="m"),) * modes]
        return (
            recipe_of(cj.Model([cj.Block("a", size, levels), *(cj.Mode("m"),) * modes], terms)).parts[0].representation
        )

    assert representation(20) is DRIVEN_PATTERNS
    assert representation(40) is DRIVEN_PATTERNS
    assert representation(5) is DRIVEN_LIST  # few states
    assert representation(10, levels=4) is DRIVEN_LIST  # tables of all sectors stay in memory
    assert representation(24, levels=4) is DRIVEN_PATTERNS
    assert representation(20, modes=1) is DRIVEN_MODES


def test_all_kernels_are_compiled_before():
    before = compiled()["compiled"]
    for name in ("four levels 0", "exchange 0"):
        model, state = CASES[name]()
        DrivenPatternEngine(model, state, TIMES / 4, 1e-9, [2]).run(1, 0, record=True)
    assert compiled()["compiled"] == before
