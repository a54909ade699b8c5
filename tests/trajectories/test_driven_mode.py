"""Blocks of two levels beside a mode whose terms change in time: trajectories against the steps in tensor products."""

from dataclasses import replace

import numpy as np
import pytest

import cojump as cj
from cojump.trajectories import counting_engine, spin_mode_engine
from cojump.trajectories.driven_mode_engine import DrivenModeEngine
from cojump.trajectories.kernel_cache import compiled
from cojump.trajectories.kernels.driven_mode_state import _until_tick
from cojump.trajectories.mode_state import ModeState
from cojump.trajectories.product_engine import ProductEngine
from cojump.trajectories.recipe import recipe_of
from cojump.trajectories.representations import DRIVEN_MODES, DRIVEN_SPIN_MODE, compiled_first
from tests.support.pauli import LOWER, X, Z
from tests.support.twin_trajectories import assert_same_trajectories
from tests.trajectories import test_spin_mode
from tests.trajectories.test_driven_bands import GATE, PULSE, RAMP, fast, slow

TIMES = np.linspace(0, 1.2, 7)
ENVELOPES = [{}, {"envelope": slow}, {"envelope": fast}, GATE, RAMP, {"envelope": PULSE}, {"envelope": np.sin}]


@pytest.fixture(scope="module", autouse=True)
def _compiled():
    compiled_first([DRIVEN_SPIN_MODE])


@pytest.fixture(autouse=True)
def _by_matrices(monkeypatch):
    """Steps of the twin go by the matrices of H_eff, in Python."""
    monkeypatch.setattr(ModeState, "_by_rows", False)


def with_envelopes(build, *drawn):
    """A model of test_spin_mode, each term with one of all envelopes."""
    model, state = build()
    places = iter(np.resize(drawn, 20))
    terms, jumps = (
        [replace(term, **ENVELOPES[next(places)]) for term in some] for some in (model.hamiltonian, model.jumps)
    )
    return replace(model, hamiltonian=terms, jumps=jumps), state


def pumped():
    """Light that is switched on, and a coupling that oscillates: the frame of the mode moves often."""
    model, _ = test_spin_mode.dicke(12)
    terms = [*model.hamiltonian, cj.ModeDrive(1.5 + 0.5j, mode="cavity", **RAMP)]
    terms = [replace(t, envelope=slow) if isinstance(t, cj.ModeCoupling) else t for t in terms]
    return replace(model, hamiltonian=terms), cj.product(model, {"spins": [0.6, 0.8], "cavity": 0.8})


CASES = {
    "pumped": pumped,
    "dicke": lambda: with_envelopes(test_spin_mode.dicke, 1, 0, 5, 3),
    "wider": lambda: with_envelopes(lambda: test_spin_mode.dicke(150), 0, 0, 1, 0, 6),
    "everything": lambda: with_envelopes(test_spin_mode.everything, 1, 0, 6, 4, 2, 5, 3),
    "everything, otherwise": lambda: with_envelopes(test_spin_mode.everything, 5, 3, 0, 1, 4, 6, 0, 2),
    "dephasing": lambda: with_envelopes(test_spin_mode.dephasing, 0, 4, 1, 3, 6),
    "real photons": lambda: with_envelopes(test_spin_mode.real_photons, 1, 3, 0, 5),
    "nothing lost": lambda: with_envelopes(test_spin_mode.nothing_lost, 4, 1, 0),
    "species": lambda: with_envelopes(test_spin_mode.species, 1, 0, 6, 4, 2, 5, 3),
    "species, otherwise": lambda: with_envelopes(test_spin_mode.species, 5, 3, 0, 1, 4, 6, 0, 2),
    "wider species": lambda: with_envelopes(lambda: test_spin_mode.species((140, 9)), 0, 0, 1, 2, 6, 1),
    "one has no coupling": lambda: with_envelopes(test_spin_mode.one_has_no_coupling, 1, 2, 6, 3),
    "collective": lambda: with_envelopes(test_spin_mode.collective, 1, 0, 2, 6, 5, 3, 0, 4),
    "collective, species": lambda: with_envelopes(lambda: test_spin_mode.collective((5, 4)), 1, 0, 2, 6, 5, 3, 0, 4),
    "modes": lambda: with_envelopes(lambda: test_spin_mode.modes((5,)), 1, 0, 2, 6, 5, 3, 0, 4),
    "modes, two blocks": lambda: with_envelopes(lambda: test_spin_mode.modes((3, 4)), 0, 1, 3, 6, 2, 4, 5),
    "bright modes": lambda: with_envelopes(test_spin_mode.bright_modes, 1, 0, 2, 3),
    "three blocks": lambda: with_envelopes(test_spin_mode.three_blocks, 6, 1, 0, 5, 3, 2),
}


@pytest.mark.parametrize("name", CASES)
def test_trajectories_are_those_of_the_twin(name, monkeypatch):
    """Of several blocks and modes steps of the twin go by rows of Fock states, for time."""
    model, state = CASES[name]()
    monkeypatch.setattr(ModeState, "_by_rows", len(model.blocks) + len(model.modes) > 2)
    assert recipe_of(model).parts[0].representation is DRIVEN_SPIN_MODE
    times = TIMES if model.size < 50 else TIMES / 8
    twin, engine = (kind(model, state, times, 1e-10, [0, 2, 6]) for kind in (ProductEngine, DrivenModeEngine))
    assert assert_same_trajectories(twin, engine, seed=3, trajectories=3) > 0


def weights_of(engine, row):
    """Squares by columns and Fock states."""
    work = engine._work
    weights = work.taylor_re[row] ** 2 + work.taylor_im[row] ** 2
    return engine._in_columns(weights).sum(axis=-1).reshape(len(work.span), -1)


@pytest.mark.parametrize("name", ["dicke", "wider", "pumped", "wider species"])
def test_what_rows_leave_out_is_accounted_for(name):
    """Beside what they lead on with, and beside what goes into later sums; and all together no more than its share."""
    model, state = CASES[name]()
    engine = DrivenModeEngine(model, state, TIMES / 4, 1e-9)
    engine.run(1, 0)
    work, parts, factors = engine._work, engine._h_eff.parts, engine._h_eff.factors
    some = 0.0
    for row in range(1, 7):
        weights, nowhere, not_later = weights_of(engine, row), 0.0, 0.0
        for first, last in work.columns[row].tolist():
            for k in range(first, last):
                reach, own, later = (
                    ends[k].tolist() for ends in (work.reach[row], work.cover[row], parts.later[row, :, 0])
                )
                nowhere += test_spin_mode.beside(weights[k], reach, own)
                not_later += test_spin_mode.beside(weights[k], reach, later)
        for left, gone in zip((nowhere, not_later), parts.gone[row], strict=True):
            assert left <= gone**2 * (1 + 1e-6)
        some += not_later
    assert some > 0
    x = factors.each[1] / work.norms[1]
    counted = np.sum(parts.gone[1:7, 0] * x ** np.arange(1, 7))
    # of half of the tolerance a quarter; what grows with the shift of the rate is twice that at least
    assert 0 < counted <= 0.5e-9 / 4 / 2


@pytest.mark.parametrize("name", ["dicke", "species"])
def test_rows_that_are_small_have_fewer_fock_states(name):
    """And those before the last one have fewer where they go into a sum."""
    model, state = CASES[name]()
    engine = DrivenModeEngine(model, state, TIMES, 1e-9)
    engine.run(1, 0)

    def total(ends):
        return [np.maximum(own[:, 1] - own[:, 0], 0).sum() for own in ends[1:10]]

    present = np.zeros(engine._work.cover.shape[:2], dtype=bool)
    for row, columns in enumerate(engine._work.columns):
        for first, last in columns.tolist():
            present[row, first:last] = True
    rows = total(np.where(present[..., None], engine._work.cover, 0))
    sums = total(np.where(present[..., None], engine._h_eff.parts.later[:, :, 0], 0))
    assert rows[-1] < max(rows)
    assert sum(sums) < 0.9 * sum(rows)


def brisk():
    """Strong drives that begin at once and oscillate, and many quanta: sums have much of earlier rows."""
    blocks = [cj.Block("a", 12), cj.Block("b", 4), cj.Mode("m")]
    terms = [
        cj.ModeEnergy(1.5, mode="m", envelope=slow),
        cj.ModeDrive(4.0, mode="m", **RAMP),
        cj.OneBody(2.0 * Z + X, "a", envelope=fast),
        cj.OneBody(1.5 * X, "b", envelope=np.sin),
        cj.ModeCoupling({"a": 2.0 * X, "b": Z}, mode="m", envelope=fast),
    ]
    model = cj.Model(blocks, terms, [cj.ModeLoss(1.0, mode="m"), cj.LocalJump(0.4 * LOWER, "a")])
    return model, cj.product(model, {"a": [0.6, 0.8], "b": [1, 0], "m": 2.0})


@pytest.mark.parametrize("name", ["brisk", "pumped", "species", "modes"])
def test_what_is_left_out_does_not_show(name):
    """Windows of a tolerance against those of one that is a thousandth of it: far below what the first one allows."""
    model, state = (CASES | {"brisk": brisk})[name]()
    times = TIMES / 3
    rough, fine = (DrivenModeEngine(model, state, times, tolerance) for tolerance in (1e-9, 1e-12))
    for index in range(3):
        one, other = (engine.run(4, index, record=True) for engine in (rough, fine))
        np.testing.assert_array_equal(one.jumps["channel"], other.jumps["channel"])
        np.testing.assert_allclose(one.jumps["time"], other.jumps["time"], rtol=0, atol=2e-10)
        np.testing.assert_allclose(one.mean, other.mean, rtol=1e-10, atol=2e-10)


@pytest.mark.parametrize("strength", [1e-2, 1e-5])
def test_nearly_an_eigenstate(strength):
    """Nothing happens at first: the first rows say nothing about the next ones."""
    terms = [
        cj.ModeEnergy(2.0, mode="m"),
        cj.ModeDrive(strength, mode="m", envelope=np.sin),
        cj.ModeCoupling({"a": X}, mode="m", **RAMP),
        cj.OneBody(0.7 * Z, "a"),
    ]
    model = cj.Model([cj.Block("a", 5), cj.Mode("m")], terms, [cj.ModeLoss(1e-3, mode="m")])
    state = cj.product(model, {"a": [1, 0]})
    twin, engine = (kind(model, state, TIMES, 1e-10).run(1, 0) for kind in (ProductEngine, DrivenModeEngine))
    np.testing.assert_allclose(engine.mean, twin.mean, rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", ["everything", "species, otherwise", "modes, two blocks"])
def test_what_lies_beside_a_state_is_never_read(name):
    model, state = CASES[name]()
    clean, engine = (DrivenModeEngine(model, state, TIMES, 1e-9) for _ in range(2))
    work, factors = engine._work, engine._h_eff.factors
    beside = work.taylor_re, work.taylor_im, work.out_re, work.out_im, work.other_re, work.other_im
    for array in (*beside, factors.sum_re, factors.sum_im):
        array[:] = np.nan
    for number in range(2):
        one, other = (e.run(2, number, record=True) for e in (clean, engine))
        assert one.n_jumps > 1
        for field in ("mean", "second", "sectors", "counts", "jumps"):
            np.testing.assert_array_equal(getattr(one, field), getattr(other, field), err_msg=field)


def test_neither_pauses_nor_what_ran_before_change_a_bit(monkeypatch):
    """Columns that have grown, displacements that are made anew, and a return to Python after every step."""
    model, state = pumped()

    def build():
        return DrivenModeEngine(model, state, 2 * TIMES, 1e-9, [3])

    whole = build().run(1, 0, record=True)
    for home, name, value in (
        (counting_engine, "_SEGMENT", 3),
        (counting_engine, "_EFFORT", 1),
        (spin_mode_engine, "SIZES", 1),
        (spin_mode_engine, "FIRST_ROWS", 2),
    ):
        monkeypatch.setattr(home, name, value)
    pieces = build()
    few = int(pieces._work.shape[0])
    pieces.run(1, 1)
    assert pieces._work.shape[0] > few
    found = pieces.run(1, 0, record=True)
    assert pieces._next_size > 2
    assert whole.n_jumps > 4
    for field in ("mean", "second", "sectors", "counts", "jumps"):
        np.testing.assert_array_equal(getattr(whole, field), getattr(found, field), err_msg=field)


def test_a_run_that_is_over_at_once_has_no_piece_of_the_time_axis():
    assert _until_tick.py_func(np.zeros(0), np.zeros(0), np.zeros(1, dtype=int), np.zeros(1)) == np.inf


@pytest.mark.parametrize(("name", "sizes"), [("dephasing", (2000,)), ("three blocks", (20, 30, 40)), ("modes", (200,))])
def test_memory_is_at_least_that_of_its_arrays(name, sizes):
    """With jumps that are no ladders, which need most."""
    model, _ = CASES[name]()
    model = replace(model, blocks=[cj.Block(name, size) for name, size in zip("abc", sizes, strict=False)])
    state = cj.product(model, {block.name: [0, 1] for block in model.blocks})
    engine = DrivenModeEngine(model, state, np.zeros(1), 1e-9)
    found = {}

    def gather(what):
        if isinstance(what, np.ndarray):
            found[id(what)] = what.nbytes
        elif isinstance(what, tuple):
            for part in what:
                gather(part)

    gather((engine._h_eff, engine._work, engine._room, engine._shown_too()))
    assert 0.7 < sum(found.values()) / DRIVEN_SPIN_MODE.nbytes(model) <= 1.0


def test_what_it_does_not_hold_goes_step_by_step():
    """Interactions that are not diagonal, collective jumps, quanta that come with jumps."""
    spins, mode, loss = cj.Block("a", 4), cj.Mode("m"), cj.ModeLoss(1.0, mode="m", envelope=slow)
    coupled, one = cj.ModeCoupling({"a": X}, mode="m"), cj.OneBody(Z, "a")
    assert recipe_of(cj.Model([spins, mode], [coupled], [loss])).parts[0].representation is DRIVEN_SPIN_MODE
    for model in (
        cj.Model([spins, cj.Block("b", 2), mode], [coupled, cj.TwoBody(X, X, 0.1, ("a", "b")), one], [loss]),
        cj.Model([spins, mode], [coupled], [loss, cj.CollectiveJump({"a": LOWER + Z}, 1.0)]),
        cj.Model([spins, mode], [coupled], [loss, cj.ModeJump(LOWER, "a", mode="m", emits=True)]),
    ):
        (part,) = recipe_of(model).parts
        assert part.representation is DRIVEN_MODES, model
        assert "terms that change in time" in part.method


def test_all_kernels_are_compiled_before():
    before = compiled()["compiled"]
    model, state = CASES["everything"]()
    DrivenModeEngine(model, state, TIMES / 4, 1e-9, [2]).run(1, 0, record=True)
    assert compiled()["compiled"] == before
