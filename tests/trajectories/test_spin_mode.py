"""Blocks of two levels beside a mode: H_eff on columns of Fock states, and trajectories against the general loop."""

import itertools
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import cojump as cj
from cojump.basis.fock_window import displacement
from cojump.model.unravelled import unravelled
from cojump.trajectories import counting_engine, spin_mode_engine, work_space
from cojump.trajectories.compilation import prepare
from cojump.trajectories.driven_mode_engine import DrivenModeEngine
from cojump.trajectories.kernels.mode_columns import (
    B_IM,
    B_RE,
    BETA_IM,
    BETA_RE,
    CELLS,
    IS_COMPLEX,
    LEFT,
    LEFT_THEN,
    TWO_J,
    keep_columns,
)
from cojump.trajectories.kernels.quiet_sums import STEP
from cojump.trajectories.kernels.spin_mode import apply_columns_of_mode
from cojump.trajectories.kernels.spin_mode_frames import _trimmed
from cojump.trajectories.kernels.spin_mode_state import ended_at
from cojump.trajectories.product_engine import ProductEngine
from cojump.trajectories.recipe import recipe_of
from cojump.trajectories.representations import DRIVEN_SPIN_MODE, MODES, SPIN_MODE
from cojump.trajectories.sector_matrix import program_matrix
from cojump.trajectories.spin_mode_engine import SpinModeEngine
from tests.support.pauli import LOWER, RAISE, X, Y, Z
from tests.support.twin_trajectories import assert_same_trajectories

TIMES = np.linspace(0, 1.2, 7)
COMPLEX = np.array([[0.1, 0.4j], [0.2, 0.3]])


@pytest.fixture(scope="module", autouse=True)
def _compiled():
    prepare([dicke()[0]])


def dicke(size=20):
    model = cj.systems.dicke(size, 1.0, 1.0, 0.8, 1.0, 0.3)
    return model, cj.tilted(model, 2.0, 0.0)


def everything(size=13, averages=None):
    """Complex couplings, thermal light, rates with and without the particle itself, a potential, an interaction."""
    hamiltonian = [
        cj.OneBody(0.5 * X + 0.2 * Y + 0.3 * Z, "a"),
        cj.TwoBody(Z, Z, 0.4, ("a", "a")),
        cj.Potential(np.cosh, {"a": Z}),
        cj.ModeEnergy(0.7, mode="m"),
        cj.ModeDrive(0.4 - 0.2j, mode="m"),
        cj.ModeCoupling({"a": COMPLEX}, mode="m"),
    ]
    jumps = [
        cj.LocalJump(LOWER, "a", amplitude=np.cosh, argument={"a": Z}, exclude_self=True),
        cj.ModeLoss(1.0, mode="m", thermal=0.3),
        cj.LocalJump(0.6 * RAISE, "a", amplitude=np.exp, argument={"a": Z}),
        cj.LocalJump(0.7j * RAISE, "a", amplitude=np.exp, argument={"a": Z}, exclude_self=True),
    ]
    model = cj.Model([cj.Block("a", size), cj.Mode("m")], hamiltonian, jumps, averages=averages)
    return model, cj.product(model, {"a": np.array([[0.7, 0.2], [0.2, 0.3]]), "m": 0.3 - 0.2j})


def real_photons():
    """A reference that stays away from the mode, and light that carries the frame through many moves."""
    model, _ = dicke(9)
    model = unravelled(model, {"loss": cj.unravelling.shifted(0.4 + 0.3j)}, TIMES)
    return model, cj.product(model, {"spins": [0.6, 0.8], "cavity": 1.2})


def nothing_lost():
    """The Tavis-Cummings model of a closed cavity, along another axis."""
    hamiltonian = [cj.ModeEnergy(1.0, mode="m"), cj.ModeCoupling({"a": 0.9 * (Y + 1j * Z) / 2}, mode="m")]
    jumps = [cj.LocalJump(0.5 * (Y + 1j * Z) / 2, "a")]
    model = cj.Model([cj.Block("a", 11), cj.Mode("m")], hamiltonian, jumps)
    return model, cj.product(model, {"a": [0.8, 0.6j], "m": 0.2})


def dephasing():
    """Jumps that are no ladders: diagonal, with both elements, and of a particle that leaves itself out; 16 M."""
    rotation = np.array([[0, 1j], [0.7, 0]])
    jumps = [
        cj.LocalJump(Z + 0.3 * np.eye(2), "a", amplitude=np.cosh, argument={"a": Z}),
        cj.LocalJump(rotation, "a", amplitude=np.exp, argument={"a": Z}, exclude_self=True),
        cj.LocalJump(0.5 * LOWER, "a"),
        cj.ModeLoss(0.8, mode="m"),
    ]
    hamiltonian = [cj.OneBody(0.4 * X, "a"), cj.ModeEnergy(1.0, mode="m"), cj.ModeCoupling({"a": 0.7 * X}, mode="m")]
    model = cj.Model([cj.Block("a", 15), cj.Mode("m")], hamiltonian, jumps)
    return model, cj.product(model, {"a": np.array([[0.6, 0.3], [0.3, 0.4]]), "m": 0.4})


def species(sizes=(11, 9)):
    """Two kinds of particles in thermal light; rates that depend on both, with and without the particle itself."""
    a, b = sizes
    hamiltonian = [
        cj.OneBody(0.4 * Z + 0.3 * X, "a"),
        cj.OneBody(0.7 * Z, "b"),
        cj.TwoBody(Z, Z, 0.5, ("a", "b")),
        cj.Potential(np.cosh, {"a": Z, "b": 0.5 * Z}),
        cj.ModeEnergy(0.9, mode="m"),
        cj.ModeDrive(0.2 + 0.1j, mode="m"),
        cj.ModeCoupling({"a": 0.8 * X, "b": -0.5 * X}, mode="m"),
    ]
    both = {"a": 0.5 * Z, "b": 0.3 * Z}
    jumps = [
        cj.LocalJump(0.6 * LOWER, "a", amplitude=np.cosh, argument=both, exclude_self=True),
        cj.ModeLoss(1.0, mode="m", thermal=0.2),
        cj.LocalJump(0.5 * LOWER, "b", amplitude=np.exp, argument=both, exclude_self=True),
        cj.LocalJump(0.3 * RAISE, "b", amplitude=np.exp, argument={"a": Z}),
        cj.LocalJump(0.2j * RAISE, "a"),
    ]
    model = cj.Model([cj.Block("a", a), cj.Block("b", b), cj.Mode("m")], hamiltonian, jumps)
    return model, cj.product(model, {"a": np.array([[0.7, 0.2], [0.2, 0.3]]), "b": [0.6, 0.8j], "m": 0.3 - 0.2j})


def one_has_no_coupling():
    """The first block is beside the light, and of one particle; complex elements of the last one alone."""
    hamiltonian = [
        cj.OneBody(0.5 * X + 0.3 * Y, "a"),
        cj.OneBody(0.4 * Y, "b"),
        cj.ModeEnergy(1.0, mode="m"),
        cj.ModeCoupling({"b": COMPLEX}, mode="m"),
    ]
    jumps = [cj.LocalJump(LOWER, "a", amplitude=np.exp, argument={"b": Z}), cj.ModeLoss(0.7, mode="m")]
    model = cj.Model([cj.Block("a", 1), cj.Block("b", 17), cj.Mode("m")], hamiltonian, jumps)
    return model, cj.product(model, {"a": [1.0, 0.0], "b": [0.6, 0.8]})


def three_blocks():
    """All elements complex, and jumps that are no ladders, in the first, the middle and the last block."""
    rotation = np.array([[0, 1j], [0.7, 0]])
    everywhere = {"a": 0.4 * Z, "b": 0.2 * Z, "c": -0.3 * Z}
    hamiltonian = [
        cj.OneBody(0.4 * X + 0.2 * Y, "b"),
        cj.OneBody(0.3 * Z, "c"),
        cj.TwoBody(Z, Z, 0.7, ("a", "c")),
        cj.ModeEnergy(0.8, mode="m"),
        cj.ModeCoupling({"a": COMPLEX, "b": 0.5 * X, "c": 1j * COMPLEX}, mode="m"),
    ]
    jumps = [
        cj.LocalJump(rotation, "a", amplitude=np.exp, argument=everywhere, exclude_self=True),
        cj.LocalJump(Z + 0.2 * np.eye(2), "b", amplitude=np.cosh, argument=everywhere),
        cj.LocalJump(0.8 * rotation, "c", amplitude=np.exp, argument=everywhere, exclude_self=True),
        cj.LocalJump(0.7 * LOWER, "b", amplitude=np.cosh, argument=everywhere, exclude_self=True),
        cj.ModeLoss(0.8, mode="m"),
    ]
    blocks = [cj.Block(name, size) for name, size in (("a", 4), ("b", 5), ("c", 6))]
    model = cj.Model([*blocks, cj.Mode("m")], hamiltonian, jumps)
    return model, cj.product(model, {"a": [0.6, 0.8], "b": np.diag([0.7, 0.3]), "c": [0.8j, 0.6], "m": 0.4})


def collective(sizes=(11,)):
    """Collective jumps of one block: both ladders, and a diagonal one with two phases, beside those of particles."""
    names = "abc"[: len(sizes)]
    dephasing = np.diag([0.5 + 0.2j, -0.3j])
    hamiltonian = [
        *(cj.OneBody(0.4 * Z, name) for name in names),
        cj.ModeEnergy(0.9, mode="m"),
        cj.ModeCoupling({name: (0.3 + 0.2 * n) * X for n, name in enumerate(names)}, mode="m"),
    ]
    jumps = [
        cj.CollectiveJump({names[-1]: LOWER}, 0.8),
        cj.CollectiveJump({names[0]: 0.7j * RAISE}, 0.5),
        cj.ModeLoss(1.0, mode="m"),
        cj.CollectiveJump({names[0]: LOWER}, 0.3),
        cj.CollectiveJump({names[0]: dephasing}, 0.6),
        cj.CollectiveJump({names[-1]: dephasing}, 0.4),
        *(cj.LocalJump(0.5 * LOWER, name) for name in names),
    ]
    blocks = [cj.Block(name, size) for name, size in zip(names, sizes, strict=True)]
    model = cj.Model([*blocks, cj.Mode("m")], hamiltonian, jumps)
    return model, cj.product(model, {name: np.array([[0.6, 0.3], [0.3, 0.4]]) for name in names})


def modes(sizes=(9,)):
    """Two modes, each with a drive and thermal light, the reference of the second one at rest; complex couplings."""
    names = "abc"[: len(sizes)]
    hamiltonian = [
        *(cj.OneBody(0.4 * Z + 0.3 * Y, name) for name in names),
        cj.ModeEnergy(0.9, mode="m"),
        cj.ModeEnergy(-0.6, mode="n"),
        cj.ModeDrive(0.3, mode="n"),
        cj.ModeCoupling(dict.fromkeys(names, 0.5 * X), mode="m"),
        cj.ModeCoupling({name: COMPLEX / (1 + n) for n, name in enumerate(names)}, mode="n"),
    ]
    jumps = [
        cj.ModeLoss(0.7, mode="n", thermal=0.2, name="seen"),
        cj.LocalJump(0.5 * LOWER, names[0], amplitude=np.cosh, argument={names[-1]: Z}),
        cj.ModeLoss(1.0, mode="m", thermal=0.1),
        cj.LocalJump(0.5 * Z + 0.2 * np.eye(2), names[-1], amplitude=np.exp, argument={names[0]: Z}),
        cj.CollectiveJump({names[0]: LOWER}, 0.4),
    ]
    blocks = [cj.Block(name, size) for name, size in zip(names, sizes, strict=True)]
    model = cj.Model([*blocks, cj.Mode("m"), cj.Mode("n")], hamiltonian, jumps)
    model = unravelled(model, {"seen": cj.unravelling.shifted(0.2 - 0.3j)}, TIMES)
    return model, cj.product(
        model, {**{name: np.array([[0.6, 0.3], [0.3, 0.4]]) for name in names}, "m": 0.3, "n": 0.4j}
    )


def bright_modes():
    """Light in both of two modes that carries the frames through many moves."""
    hamiltonian = [
        cj.ModeEnergy(1.0, mode="m"),
        cj.ModeEnergy(-0.7, mode="n"),
        cj.ModeCoupling({"a": 0.5 * X}, mode="m"),
        cj.ModeCoupling({"a": 0.4 * X}, mode="n"),
    ]
    jumps = [cj.ModeLoss(1.0, mode="m"), cj.ModeLoss(0.6, mode="n"), cj.LocalJump(0.4 * LOWER, "a")]
    model = cj.Model([cj.Block("a", 6), cj.Mode("m"), cj.Mode("n")], hamiltonian, jumps)
    return model, cj.product(model, {"a": [0.6, 0.8], "m": 1.1, "n": -0.9j})


def few_averages_of_species():
    """Averages along other axes, of one block alone, and of the light."""
    model, state = species((6, 7))
    return replace(model, averages=["b.y", "m.x"]), state


def second_mode_flips(sizes):
    """Only quanta of the second mode come and go with flips, from one Dicke state: nothing else leads where they do.

    Eight of the last particles are up: what leads to seven is in the column before.
    """
    names = "abc"[: len(sizes)]
    hamiltonian = [cj.ModeEnergy(1.0, mode="m"), cj.ModeEnergy(0.7, mode="n"), cj.ModeDrive(0.3, mode="m")]
    hamiltonian.append(cj.ModeCoupling(dict.fromkeys(names, 0.3 * Z), mode="m"))
    hamiltonian.append(cj.ModeCoupling(dict.fromkeys(names, 0.6 * X), mode="n"))
    jumps = [cj.ModeLoss(1.0, mode=mode) for mode in "mn"]
    model = cj.Model(
        [*(cj.Block(b, n) for b, n in zip(names, sizes, strict=True)), cj.Mode("m"), cj.Mode("n")], hamiltonian, jumps
    )
    up = [*(n // 2 for n in sizes[:-1]), 8]
    return model, cj.dicke(model, {b: (n / 2, k - n / 2) for b, n, k in zip(names, sizes, up, strict=True)})


CASES = {
    "dicke": dicke,
    "species": species,
    "wider species": lambda: species((140, 9)),
    "one has no coupling": one_has_no_coupling,
    "three blocks": three_blocks,
    "few averages of species": few_averages_of_species,
    "collective": collective,
    "collective, species": lambda: collective((9, 7)),
    "collective, three blocks": lambda: collective((4, 3, 5)),
    "modes": modes,
    "modes, two blocks": lambda: modes((3, 5)),
    "modes, three blocks": lambda: modes((2, 1, 3)),
    "bright modes": bright_modes,
    "the second mode flips": lambda: second_mode_flips((15,)),
    "the second mode flips, two blocks": lambda: second_mode_flips((3, 11)),
    "wider": lambda: dicke(150),
    "everything": everything,
    "dephasing": dephasing,
    "few averages": lambda: everything(averages=["a.x", "m.y"]),
    "real photons": real_photons,
    "nothing lost": nothing_lost,
}


@pytest.mark.parametrize("name", CASES)
def test_trajectories_are_those_of_the_twin(name):
    model, state = CASES[name]()
    assert recipe_of(model).parts[0].representation is SPIN_MODE
    times = TIMES if model.size < 50 else TIMES / 8
    twin, engine = (kind(model, state, times, 1e-10, [0, 2, 6]) for kind in (ProductEngine, SpinModeEngine))
    assert assert_same_trajectories(twin, engine, seed=3, trajectories=3) > 0


INTERACTIONS = {
    "in the user's frame": [(Z + 3e-15 * X, Z + 1e-16 * Y, 0.9)],
    "turned": [(np.cos(0.3) * Z + np.sin(0.3) * X, np.cos(0.3) * Z + np.sin(0.3) * X + 2e-14 * Y, 0.9)],
    "with its adjoint": [(Z, Z, 0.45 + 0.3j), (Z, Z, 0.45 - 0.3j)],
    "imaginary factors": [(1j * Z, -1j * Z, 0.9)],
}


@pytest.mark.parametrize("envelope", [None, np.cos])
@pytest.mark.parametrize("name", INTERACTIONS)
def test_an_interaction_that_is_diagonal_but_for_rounding_is_there(name, envelope):
    """It is part of the energies, whatever is left beside its diagonal; the twin has all of it in any case."""
    tilt = 0.3 if name == "turned" else 0.0
    main = np.cos(tilt) * Z + np.sin(tilt) * X
    hamiltonian = [cj.TwoBody(A, B, g, ("a", "b"), envelope=envelope) for A, B, g in INTERACTIONS[name]]
    hamiltonian += [cj.ModeEnergy(0.9, mode="m", envelope=envelope)]
    hamiltonian += [cj.ModeCoupling({"a": 0.8 * Y, "b": 0.5 * Y}, mode="m")]
    rates = {"amplitude": np.cosh, "argument": {"a": main, "b": 0.5 * main}}
    jumps = [cj.LocalJump(0.6 * main, "a", **rates), cj.LocalJump(0.5 * main, "b", **rates), cj.ModeLoss(1.0, mode="m")]
    model = cj.Model([cj.Block("a", 5), cj.Block("b", 4), cj.Mode("m")], hamiltonian, jumps)
    kind, engine = (SPIN_MODE, SpinModeEngine) if envelope is None else (DRIVEN_SPIN_MODE, DrivenModeEngine)
    assert recipe_of(model).parts[0].representation is kind
    state = cj.product(model, {"a": [0.6, 0.8], "b": [0.8, 0.6j]})
    twin, compiled = (k(model, state, TIMES / 2, 1e-10, [6]) for k in (ProductEngine, engine))
    assert assert_same_trajectories(twin, compiled, seed=3, trajectories=3) > 0
    without = replace(model, hamiltonian=hamiltonian[-2:])
    assert np.abs(engine(without, state, TIMES / 2, 1e-10).run(3, 0).mean - twin.run(3, 0).mean).max() > 1e-3


def started(engine, labels, box, ket, *frames):
    """One step, or none, from a state in frames of the modes given as b and β; their b in the end."""

    def begin(ready):
        engine._wait((labels, box, ket))
        for own, (b, beta) in zip(engine._frame, frames, strict=True):
            own[[B_RE, B_IM, BETA_RE, BETA_IM, LEFT, LEFT_THEN]] = b.real, b.imag, beta.real, beta.imag, 1.0, 1.0

    engine._begin = begin
    engine.go(0, 0)
    return engine._displacements()


def amplitudes(engine, row):
    """A vector of the series over the sector and all Fock states; all i of each block must have room.

    Axes are blocks and modes.
    """
    work, rows = engine._work, engine._layout[-2]
    used = np.zeros((len(work.span), rows), dtype=bool)
    for first, last in work.columns[row].tolist():
        for k in range(first, last):
            used[k, slice(*work.cover[row, k])] = True
    cells = engine._in_columns(work.taylor_re[row]) + 1j * engine._in_columns(work.taylor_im[row])
    inside = (slice(1, -1),) * (cells.ndim - 2)
    whole = np.where(used.reshape(cells.shape[:-1])[..., None], cells, 0)[inside].swapaxes(-1, -2)
    whole = whole.reshape(*whole.shape[:-3], -1, rows)
    pairs, B = list(zip(engine._sizes, engine._where[TWO_J:].tolist(), strict=True)), len(engine._sizes)
    assert [n - 1 for n in whole.shape[: B - 1]] == engine._sizes[:-1]
    whole = np.moveaxis(whole, [-2, -1], [B - 1, B])
    return whole[tuple(slice((N - two_J) // 2, (N + two_J) // 2 + 1) for N, two_J in pairs)]


ROWS = "dicke", "everything", "nothing lost", "species", "one has no coupling", "three blocks", "collective, species"


@pytest.mark.parametrize("name", [*ROWS, "modes", "modes, two blocks"])
def test_rows_of_the_series_are_those_of_the_matrix(name):
    """From random states, in sectors that begin and end anywhere: H_eff times a row is a sum of it and the next one.

    What lies beside a state is never read.
    """
    model, state = CASES[name]()
    engine, rng = SpinModeEngine(model, state, np.array([0.0, 1e-3]), 1e-15), np.random.default_rng(1)
    for less in (0, 4, model.size):
        labels = tuple(max(size - less, size % 2) for size in engine._sizes)
        dims = [two_J + 1 for two_J in labels]
        quanta = [(2, 7), *((0, 3) for _ in model.modes[1:])]
        ket = rng.normal(size=(np.prod(dims) * 5 * 3 ** (len(quanta) - 1), 2)) @ [1, 1j]
        ket /= np.linalg.norm(ket)
        for array in (engine._work.taylor_re, engine._work.taylor_im, engine._work.other_re, engine._work.other_im):
            array[:] = np.nan
        frames = [(0.3 + 0.1j, -0.2j), *((0.2 - 0.4j, 0.1j) for _ in model.modes[1:])]
        b = started(engine, labels, (*((0, n) for n in dims), *quanta), ket, *frames)
        assert engine._where[IS_COMPLEX] == (name not in ("dicke", "species", "collective, species"))
        there = [int(engine._work.shape[0]), *(n - 2 for n in engine._layout[len(dims) - 1 : -3])]
        sector = engine.basis.sector(labels, (*((0, n) for n in dims), *((0, n) for n in there)))
        sector.displace(b, [complex(*own) for own in engine._frame[:, [BETA_RE, BETA_IM]]])
        matrix, vectors = program_matrix(sector.h_eff), [amplitudes(engine, k).ravel() for k in range(4)]
        assert np.linalg.norm(vectors[0]) == pytest.approx(1.0, rel=1e-14)
        factors = []
        for k, (here, following) in enumerate(itertools.pairwise(vectors)):
            applied, both = matrix @ here, np.column_stack([here, 1j * (k + 1) * following])
            factor = np.linalg.lstsq(both, applied)[0]
            np.testing.assert_allclose(both @ factor, applied, rtol=0, atol=1e-12 * np.abs(applied).max())
            factors.append(factor)
        np.testing.assert_allclose(factors, np.broadcast_to(factors[0], (3, 2)), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("alpha", [1.2 - 0.7j, -0.8 + 0.3j, 3.1j])
def test_a_frame_is_moved_to_the_state(alpha):
    """By the nearest multiple of 1/4 to <a>, as by the matrix of the displacement."""
    model, state = dicke(9)
    engine, rng = SpinModeEngine(model, state, np.zeros(1), 1e-14), np.random.default_rng(2)
    ket = rng.normal(size=(10, 1)) * displacement(alpha, (0, 1), (0, 60))[:, 0]
    ket /= np.linalg.norm(ket)
    (b,) = started(engine, (9,), ((0, 10), (0, 60)), ket.ravel(), (0.25j, 0j))
    delta = complex(round(4 * alpha.real), round(4 * alpha.imag)) / 4
    assert b == 0.25j + delta
    made = amplitudes(engine, 0)
    expected = ket @ displacement(-delta, (0, 60), (0, made.shape[1])).T
    np.testing.assert_allclose(made, expected, rtol=0, atol=1e-13)


def test_a_column_grows_with_what_is_displaced_however_small_its_rate():
    """Two Fock states go far up; the state after a jump is as small as the root of its rate."""
    model, state = dicke(1)
    engine, ket = SpinModeEngine(model, state, np.zeros(1), 1e-9), np.zeros((2, 32))
    ket[0, 30:] = np.sqrt(0.5)
    (b,) = started(engine, (1,), ((0, 2), (0, 32)), 1e-16 * ket.ravel(), (0j, 0j))
    made = amplitudes(engine, 0)
    np.testing.assert_allclose(made, ket @ displacement(-b, (0, 32), (0, made.shape[1])).T, rtol=0, atol=1e-9)


@pytest.mark.parametrize("blocks", [1, 2])
def test_neither_pauses_nor_what_ran_before_change_a_bit(monkeypatch, blocks):
    """Columns and planes that have grown, displacements that are made anew, a return to Python after every step."""
    (model, state), times = (real_photons(), 2 * TIMES) if blocks == 1 else (species((70, 5)), TIMES)

    def engine():
        return SpinModeEngine(model, state, times, 1e-9, [3])

    whole = engine().run(1, 0, record=True)
    for home, name, value in (
        (counting_engine, "_SEGMENT", 3),
        (counting_engine, "_EFFORT", 1),
        (spin_mode_engine, "SIZES", 1),
        (spin_mode_engine, "FIRST_ROWS", 2),
        (spin_mode_engine, "FIRST_PLANES", 5),
        (spin_mode_engine, "MORE_PLANES", 1),
    ):
        monkeypatch.setattr(home, name, value)
    pieces = engine()
    few = pieces._work.span.size * pieces._work.shape[0]
    pieces.run(1, 1)
    assert pieces._work.span.size * pieces._work.shape[0] > few
    found = pieces.run(1, 0, record=True)
    assert pieces._next_size > (2 if blocks == 1 else 0)
    assert whole.n_jumps > 4
    for field in ("mean", "second", "sectors", "counts", "jumps"):
        np.testing.assert_array_equal(getattr(whole, field), getattr(found, field), err_msg=field)


def test_two_modes_move_at_once_where_hardly_any_displacement_is_kept(monkeypatch):
    """By two different sizes, both of which a step needs: a drive carries one mode twice as far as the other."""
    hamiltonian = [
        cj.ModeDrive(1.0, mode="m"),
        cj.ModeDrive(2.0, mode="n"),
        *(cj.ModeCoupling({"a": 0.1 * X}, mode=name) for name in "mn"),
    ]
    model = cj.Model([cj.Block("a", 1), cj.Mode("m"), cj.Mode("n")], hamiltonian, [cj.ModeLoss(1.0, mode="m")])
    state = cj.product(model, {"a": [1.0, 0.0]})
    expected = SpinModeEngine(model, state, TIMES, 1e-9).run(0, 0)
    monkeypatch.setattr(spin_mode_engine, "SIZES", 1)
    engine, grown = SpinModeEngine(model, state, TIMES, 1e-9), []

    def grow(now):
        grown.append(now)
        assert len(grown) < 100
        SpinModeEngine._grow(engine, now)

    monkeypatch.setattr(engine, "_grow", grow)
    np.testing.assert_array_equal(engine.run(0, 0).mean, expected.mean)
    assert len(grown) > 2


def test_a_box_goes_with_the_state():
    """It has room for a part of all i, and begins higher or lower as particles go up or down; the sectors too."""
    model = cj.Model(
        [cj.Block("a", 400), cj.Block("b", 3), cj.Mode("m")],
        [cj.ModeEnergy(1.0, mode="m"), cj.ModeCoupling({"a": 0.3 * X}, mode="m")],
        [cj.LocalJump(3.0 * LOWER, "a"), cj.ModeLoss(1.0, mode="m")],
    )
    state, times, begun = cj.tilted(model, 0.3, 0.0), np.linspace(0, 0.1, 4), []
    twin, engine = (kind(model, state, times, 1e-10, range(4)) for kind in (ProductEngine, SpinModeEngine))
    assert assert_same_trajectories(twin, engine, seed=1, trajectories=1) > 100
    engine.run(1, 0, watch=lambda done, pure: begun.append(int(engine._work.first[0])))
    assert engine._layout[0] < 200
    assert begun[0] > begun[1] > begun[2] > begun[3]


def test_a_start_that_needs_more_planes_leaves_columns_as_long_as_they_are():
    """A wide state behind a trajectory whose light has made columns grow."""
    model = cj.Model(
        [cj.Block("a", 400), cj.Block("b", 1), cj.Mode("m")],
        [cj.ModeEnergy(1.0, mode="m"), cj.ModeCoupling({"a": 0.01 * Z, "b": X}, mode="m")],
        [cj.ModeLoss(1.0, mode="m")],
    )
    narrow, wide = (cj.product(model, {"a": spin, "b": [1, 0]}) for spin in ([1, 0], [0.6, 0.8]))
    clean, engine = (SpinModeEngine(model, state, TIMES[:2] / 20, 1e-9) for state in (wide, narrow))
    engine._more_room(300)
    rows, planes = engine._layout[-2], engine._layout[0]
    engine.start_from(wide)
    found, expected = engine.run(1, 0), clean.run(1, 0)
    assert engine._layout[-2] == rows
    assert engine._layout[0] > planes
    np.testing.assert_array_equal(found.mean, expected.mean)


@pytest.mark.parametrize("sizes", [(1, 17), (9, 3), (30, 2, 9)])
def test_a_jump_that_is_no_ladder_has_room_along_each_axis(sizes):
    """For the particle that is taken out one cell more, and for the state after the jump two, of all Fock states."""
    blocks = [cj.Block(name, size) for name, size in zip("abc", sizes, strict=False)]
    jumps = [cj.LocalJump(np.array([[0, 1j], [0.7, 0]]), "a")]
    coupled = cj.ModeCoupling({block.name: X for block in blocks}, mode="m")
    model = cj.Model([*blocks, cj.Mode("m")], [coupled], jumps)
    engine = SpinModeEngine(model, cj.product(model, {block.name: [1, 0] for block in blocks}), np.zeros(1), 1e-9)
    *planes, width, rows, lanes = engine._layout
    axes = [*(n - 2 for n in planes), (width - 2) * lanes]
    for n in axes:
        whole = int(np.prod(axes)) * rows // n
        assert engine._room.rest.shape[-1] >= whole * (n + 1)
        assert engine._room.after.shape[-1] >= whole * (n + 2)


def test_a_box_has_room_for_all_orders_of_a_step(monkeypatch):
    """A fast drive leads to many planes in one step, which no loss of light makes short: the box has room for them."""
    terms = [cj.OneBody(3.0 * X, "a"), cj.ModeEnergy(1.0, mode="m"), cj.ModeCoupling({"b": X}, mode="m")]
    blocks = [cj.Block("a", 80), cj.Block("b", 2), cj.Mode("m")]
    model = cj.Model(blocks, [*terms, cj.TwoBody(Z, Z, 0.3, ("a", "b"))], [cj.LocalJump(0.1 * LOWER, "a")])
    state, times, found = cj.product(model, {"a": [1.0, 0.0], "b": [0.0, 1.0]}), np.linspace(0, 0.3, 4), []
    for planes in (1, 81):
        monkeypatch.setattr(spin_mode_engine, "FIRST_PLANES", planes)
        monkeypatch.setattr(spin_mode_engine, "MORE_PLANES", 0)
        found.append(SpinModeEngine(model, state, times, 1e-12).run(1, 0))
    np.testing.assert_array_equal(found[0].mean, found[1].mean)


def beside(weights, there, kept):
    """The sum of what lies in one interval and not in another: no difference of sums, which would be rounding."""
    lo, hi = there
    first, last = kept if kept[0] < kept[1] else (hi, hi)
    return weights[lo:first].sum() + weights[max(last, lo) : hi].sum()


def ends_of(weights, least):
    """What is left of rows of eight without those at both ends in which nothing is above a bound."""
    loud = np.flatnonzero((weights > least).any(axis=1))
    return (loud[0], loud[-1] + 1) if len(loud) else (0, 0)


@pytest.mark.parametrize("most", [1e-40, 1e-20, 1e-10, 1e3])
def test_as_much_is_trimmed_as_may_be(most):
    """By steps of eight in the weight of a cell, and never more than what may be."""
    rows, columns, rng = 30, 7, np.random.default_rng(6)
    shape = columns + 2, rows, 8
    sizes = 10.0 ** (-np.abs(np.arange(rows) - 14.0)[:, None] + rng.uniform(-1, 1, shape))
    re, im = sizes * np.cos(rng.uniform(0, 6, shape)), sizes * np.sin(rng.uniform(0, 6, shape))
    span = np.stack([rng.integers(0, 9, columns + 2), rng.integers(9, rows, columns + 2)], axis=1)
    weights = [(re[k] ** 2 + im[k] ** 2)[lo:hi] for k, (lo, hi) in enumerate(span)]
    count, found = 8 * int(np.sum(span[1:-1, 1] - span[1:-1, 0])), []
    for least in most / count * STEP ** np.arange(6):
        ends = [ends_of(own, least) for own in weights[1:-1]]
        gone = sum(beside(own.sum(axis=1), (0, len(own)), kept) for own, kept in zip(weights[1:-1], ends, strict=True))
        if gone <= most:
            found.append((ends, gone))
    kept = np.zeros((columns + 2, 2), dtype=np.int64)
    _trimmed(re.ravel(), im.ravel(), span, kept, rows, columns, most, count)
    expected = [
        (lo + first, lo + last) if last else (0, 0)
        for (first, last), lo in zip(found[-1][0], span[1:-1, 0], strict=True)
    ]
    assert [tuple(own) for own in kept[1:-1].tolist()] == expected
    assert len(found) > 1 or most == 1e-10


@pytest.mark.parametrize("weight", [1e-13, 1e-24])
@pytest.mark.parametrize("name", ["dicke", "species"])
def test_what_leads_nowhere_is_counted(name, weight):
    """Of a row, all that is beside what the next one is made of: whole rows of columns at least."""
    model, state = CASES[name]()
    engine, rng = SpinModeEngine(model, state, np.array([0.0, 1e-3]), 1e-15), np.random.default_rng(4)
    dims = [size + 1 for size in engine._sizes]
    ket = rng.normal(size=(np.prod(dims), 5)) * (0.1 * weight) ** (np.arange(5) / 7)
    started(engine, tuple(engine._sizes), (*((0, n) for n in dims), (0, 5)), ket.ravel(), (0.3 + 0.1j, -0.2j))
    work, order = engine._work, np.int64(1)
    norm2, gone = apply_columns_of_mode(engine._h_eff, work, order, 1e-3, 0.0, 0.0, weight)
    columns, left, all_of_it = work.columns[2], 0.0, 0.0
    weights = work.taylor_re[2] ** 2 + work.taylor_im[2] ** 2
    weights = engine._in_columns(weights).sum(axis=-1).reshape(len(work.span), -1)
    for first, last in columns.tolist():
        for k in range(first, last):
            lo, hi = work.reach[2, k].tolist()
            all_of_it += weights[k, lo:hi].sum()
            left += beside(weights[k], (lo, hi), work.tight[k, 0].tolist())
    assert norm2 == pytest.approx(all_of_it, rel=1e-12)
    assert 0 < left <= gone * (1 + 1e-9)
    assert gone < 3 * weight


@pytest.mark.parametrize("most", [1e-10, 1e-20])
def test_what_of_a_state_need_not_lead_on(most):
    """Whole rows of its columns: no more than may be, and more than if each cell had its share alone."""
    model, state = CASES["species"]()
    engine, rng = SpinModeEngine(model, state, np.array([0.0, 1e-3]), 1e-15), np.random.default_rng(4)
    dims = [size + 1 for size in engine._sizes]
    ket = rng.normal(size=(np.prod(dims), 9)) * most ** (np.arange(9) / 13)
    started(engine, tuple(engine._sizes), (*((0, n) for n in dims), (0, 9)), ket.ravel(), (0.3 + 0.1j, -0.2j))
    work, cells, left, shared = engine._work, engine._h_eff.where[CELLS], 0.0, 0.0
    keep_columns(work.taylor_re, work.taylor_im, work, most, cells)
    by_lanes = engine._in_columns(work.taylor_re[0] ** 2 + work.taylor_im[0] ** 2)
    by_lanes = by_lanes.reshape(len(work.span), -1, by_lanes.shape[-1])
    for first, last in work.columns[0].tolist():
        for k in range(first, last):
            own, weights = work.cover[0, k].tolist(), by_lanes[k].sum(axis=-1)
            left += beside(weights, own, work.tight[k, 0].tolist())
            inside = ends_of(by_lanes[k][slice(*own)], most / cells)
            shared += beside(weights[slice(*own)], (0, own[1] - own[0]), inside)
    assert 4 * shared < left <= most


def test_what_it_does_not_hold_goes_step_by_step():
    """Three levels, three modes, other matrices, quanta that come with jumps."""
    spins, mode, loss = cj.Block("a", 4), cj.Mode("m"), cj.ModeLoss(1.0, mode="m")
    coupled, one, level = cj.ModeCoupling({"a": X}, mode="m"), cj.OneBody(Z, "a"), np.diag([1.0, 0.0, 0.0])
    in_others = [cj.ModeCoupling({"a": X}, mode=name) for name in "no"]
    gated = cj.CollectiveJump({"a": LOWER}, 1.0, amplitude=np.cosh, argument={"a": Z})
    models = [
        cj.Model([spins, cj.Block("b", 2, 3), mode], [coupled, cj.TwoBody(Z, level, 0.1, ("a", "b"))], [loss]),
        cj.Model([spins, cj.Block("b", 2), mode], [coupled, cj.TwoBody(X, X, 0.1, ("a", "b")), one], [loss]),
        cj.Model([spins, mode], [coupled], [loss, cj.LocalJump(Z + LOWER, "a", amplitude=np.cosh, argument={"a": Z})]),
        cj.Model([spins, mode], [coupled, cj.TwoBody(X, X, 0.1, ("a", "a")), one], [loss]),
        cj.Model([spins, mode], [coupled], [loss, cj.CollectiveJump({"a": LOWER + Z}, 1.0)]),
        cj.Model([spins, cj.Block("b", 2), mode], [coupled], [loss, cj.CollectiveJump({"a": LOWER, "b": LOWER}, 1.0)]),
        cj.Model([spins, mode], [coupled], [loss, gated]),
        cj.Model([spins, mode], [coupled], [cj.ModeJump(LOWER, "a", mode="m", emits=True)]),
        cj.Model([spins, mode, cj.Mode("n"), cj.Mode("o")], [coupled, *in_others], [loss]),
    ]
    for model in models:
        (part,) = recipe_of(model).parts
        assert part.representation is MODES, model


@pytest.mark.parametrize("kind", [SpinModeEngine, ProductEngine])
def test_what_follows_a_jump_is_not_cut_off_in_the_unit_of_time_before_it(kind):
    """A particle that decays at once leaves the mode to a drive that is slow against the rate of that jump."""
    hamiltonian = [cj.ModeEnergy(1.0, mode="m"), cj.ModeDrive(0.4, mode="m")]
    decays = cj.LocalJump(1e7 * LOWER, "a")
    model, times = cj.Model([cj.Block("a", 1), cj.Mode("m")], hamiltonian, [decays]), np.array([0.5, 1.0])
    up, down = (kind(model, cj.product(model, {"a": spin}), times, 1e-9).run(1, 0) for spin in ([1.0, 0.0], [0.0, 1.0]))
    assert (up.n_jumps, down.n_jumps) == (1, 0)
    np.testing.assert_allclose(up.mean, down.mean, rtol=0, atol=1e-9)


def test_a_reference_moves_at_the_end_of_its_time_to_rounding():
    """A jump so shortly before that no time is left: the rest would be a step of no length."""
    frame = np.array([0.0, 0.0, 0.0, 0.0, 0.25, 0.25])
    h_eff = SimpleNamespace(frame=frame[None])
    for t, time, left in ((1e6, 0.25 - 1e-12, 0.0), (1.0, 0.25 - 1e-12, 1e-12), (1e6, 0.125, 0.125)):
        assert ended_at(h_eff, t, time, 1, 1.0) == t + time
        assert frame[LEFT_THEN] == pytest.approx(left, rel=1e-3)


def test_displacements_of_many_fock_states_take_little_memory():
    """As many are kept as fit into some MB."""
    model, state = dicke(9)
    engine = SpinModeEngine(model, state, np.zeros(1), 1e-9)
    assert len(engine._h_eff.size) == spin_mode_engine.SIZES
    engine._more_room(2000)
    assert len(engine._h_eff.size) == 1


@pytest.mark.parametrize("kind", [SpinModeEngine, ProductEngine])
def test_a_box_larger_than_memory_is_refused(monkeypatch, kind):
    """Light that grows has no largest number of quanta; what follows is not disturbed."""
    model, state = bright_modes()
    clean, engine = (kind(model, state, TIMES[:2], 1e-9) for _ in range(2))
    with monkeypatch.context() as patched:
        patched.setattr(work_space, "for_each_rank", lambda: 10**5)
        patched.setattr(work_space, "_UNASKED", 0)
        with pytest.raises(MemoryError, match=r"box of [\d, ×]+ basis states.*GiB for it"):
            engine.run(1, 0)
    np.testing.assert_array_equal(engine.run(1, 1).mean, clean.run(1, 1).mean)


@pytest.mark.parametrize("kind", [SpinModeEngine, ProductEngine])
def test_the_frame_that_a_final_state_is_written_in_changes_no_jump(kind):
    model, state = dicke(5)
    engine, ends = kind(model, state, TIMES, 1e-10, [6]), {}
    engine.run(3, 1, watch=ends.__setitem__)
    (factor,) = ends[6].final().factors
    found, delta = [], 0.25 - 0.5j
    spins, quanta = factor.window
    moved = factor.amplitudes @ displacement(-delta, quanta, (0, 80)).T
    (b,) = factor.displacements
    for start in (factor, replace(factor, window=(spins, (0, 80)), displacements=(b + delta,), amplitudes=moved)):
        engine.start_from(start)
        found.append(engine.run(5, 2, record=True))
    one, other = found
    assert one.n_jumps == other.n_jumps > 0
    np.testing.assert_allclose(one.mean, other.mean, rtol=0, atol=1e-8)
    np.testing.assert_allclose(one.jumps["time"], other.jumps["time"], rtol=0, atol=1e-8)
