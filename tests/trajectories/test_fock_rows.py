"""Rows of Fock states: H_eff in one pass against the program of the sector, and trajectories with either."""

from decimal import Decimal, getcontext
from fractions import Fraction
from math import comb, factorial

import numpy as np
import pytest

import cojump as cj
from cojump.basis.fock_window import radial
from cojump.trajectories.fock_tables import FockTables, fock_work
from cojump.trajectories.kernels.fock_rows import apply_fock, get_state, keep_fock, put_state
from cojump.trajectories.mode_state import ModeState
from cojump.trajectories.product_engine import ProductEngine
from cojump.trajectories.sector_matrix import program_matrix
from tests.support.pauli import LOWER, RAISE, X, Y, Z

MODE, OTHER = cj.Mode("mode"), cj.Mode("other")
COMPLEX = np.array([[0.1, 0.4j], [0.2, 0.3]])


def dicke(size):
    return cj.systems.dicke(size, 1.0, 1.0, 0.8, 1.0, 0.1, 0.2)


def two_modes(size):
    """Two blocks and two modes: another coupling to each, rates, a collective jump, and interactions."""
    blocks = [cj.Block("a", size), cj.Block("b", 2)]
    hamiltonian = [
        cj.OneBody(X + 0.3 * Y, "a"),
        cj.TwoBody(X, Y, 0.3, ("a", "b")),
        cj.Potential(lambda x: x**2, {"a": Z}),
        cj.ModeEnergy(0.7, mode="mode"),
        cj.ModeDrive(0.4 - 0.2j, mode="other"),
        cj.ModeCoupling({"a": COMPLEX, "b": 0.4 * X}, mode="mode"),
        cj.ModeCoupling({"b": 0.5 * LOWER}, mode="other"),
    ]
    jumps = [
        cj.ModeLoss(1.0, mode="mode", thermal=0.2),
        cj.ModeLoss(0.6, mode="other"),
        cj.LocalJump(X + LOWER, "a", amplitude=np.cosh, argument={"b": Z}, exclude_self=True),
        cj.CollectiveJump({"a": LOWER, "b": 1j * Z}, 0.4),
    ]
    return cj.Model([*blocks, MODE, OTHER], hamiltonian, jumps)


def exchanging(size):
    """Three levels whose jumps come with a quantum, given and taken, one of them at a rate."""
    (first, second), diagonal = np.zeros((2, 3, 3)), np.diag([1.0, 0, -1])
    first[0, 1] = second[0, 1] = second[1, 2] = 1.0
    jumps = [
        cj.ModeJump(first, "a", mode="mode", emits=True),
        cj.ModeJump(0.6 * second, "a", mode="mode", emits=False, amplitude=np.cosh, argument={"a": diagonal}),
        cj.ModeLoss(1.0, mode="mode"),
    ]
    return cj.Model([cj.Block("a", size, levels=3), MODE], [cj.ModeDrive(0.3, mode="mode")], jumps)


MODELS = {"dicke": dicke, "two modes": two_modes, "exchanging": exchanging}


def start_of(model):
    ket = {2: [0.6, 0.8], 3: [0.48, 0.6, 0.64]}
    alphas = dict.fromkeys(model.mode_names, 0.3 - 0.2j)
    return cj.product(model, {**{b.name: ket[b.levels] for b in model.blocks}, **alphas})


def applied(h_eff, ket, shift=0.0, half_shift=0.0):
    """-i (H_eff - shift + i half_shift) ψ by the kernel."""
    work, made = fock_work(h_eff), np.empty_like(ket)
    put_state(ket, work.shape, work.taylor_re, work.taylor_im)
    keep_fock(work.taylor_re, work.taylor_im, work.shape, work.cover, work.tight, 0.0)
    norm2, _ = apply_fock(
        *(work.taylor_re, work.taylor_im, np.int64(0), 1.0, *h_eff[1:], work.cover, work.tight, shift, half_shift, 0.0)
    )
    get_state(made, work.shape, work.taylor_re[1], work.taylor_im[1])
    return made, norm2


@pytest.mark.parametrize("name", MODELS)
def test_a_row_of_the_series_is_that_of_the_matrix(name):
    """On random states, in all cells and in few of them, in windows from some Fock state on, in two frames."""
    model, rng = MODELS[name](5), np.random.default_rng(5)
    state = ModeState(model, start_of(model), 1e-9, rng)
    state.begin(rng)
    labels, M = state.sector, len(model.modes)
    box = (*state.basis.whole(labels)[: len(labels)], *((3, 9), (2, 15))[-M:])
    sector = state.basis.sector(labels, box)
    tables = FockTables(sector.h_eff, sector.half_rate, sector.modes.windows[-1], sector.modes.displaced)
    for b, beta in ((0.4 + 0.1j, -0.2j), (0.0, 0.0)):
        sector.displace([b, -b][:M], [beta, 2 * beta][:M])
        tables.refresh()
        matrix = program_matrix(sector.h_eff)
        ket = rng.normal(size=sector.size) + 1j * rng.normal(size=sector.size)
        few = ket.copy()
        few[rng.random(sector.size) < 0.9] = 0
        for psi in (ket, few):
            made, norm2 = applied(tables.h_eff, psi, 0.3, 0.2)
            expected = -1j * (matrix @ psi - (0.3 - 0.2j) * psi)
            np.testing.assert_allclose(made, expected, rtol=0, atol=1e-14 * np.abs(expected).max() * 10)
            assert norm2 == pytest.approx(np.vdot(expected, expected).real, rel=1e-13)


@pytest.mark.parametrize(("name", "size"), [("dicke", 60), ("two modes", 3), ("exchanging", 8)])
def test_trajectories_are_those_of_the_program(name, size, monkeypatch):
    """The same jumps at the same times, and the same averages, as by the instructions one after the other."""
    model, times = MODELS[name](size), np.array([0.5, 2.0])
    one = ProductEngine(model, start_of(model), times, 1e-10).run(3, 1, record=True)
    monkeypatch.setattr(ModeState, "_by_rows", False)
    twin = ProductEngine(model, start_of(model), times, 1e-10).run(3, 1, record=True)
    assert one.n_jumps == twin.n_jumps > 1
    np.testing.assert_array_equal(one.jumps["channel"], twin.jumps["channel"])
    np.testing.assert_allclose(one.jumps["time"], twin.jumps["time"], rtol=0, atol=1e-9)
    np.testing.assert_allclose(one.mean, twin.mean, rtol=0, atol=1e-9)
    np.testing.assert_allclose(one.second, twin.second, rtol=0, atol=1e-9)


def test_turned_arguments_go_by_the_program():
    """Their changes of frame are full matrices of one axis each, and a matrix of all rows would be far larger."""
    jump = cj.LocalJump(LOWER, "a", amplitude=np.cosh, argument={"a": X})
    other = cj.LocalJump(RAISE, "a", amplitude=np.cosh, argument={"a": Z})
    model, rng = cj.Model([cj.Block("a", 3), MODE], [], [jump, other]), np.random.default_rng(0)
    assert not ModeState(model, cj.product(model, {"a": [1, 0]}), 1e-9, rng)._by_rows
    assert ModeState(dicke(3), start_of(dicke(3)), 1e-9, rng)._by_rows


@pytest.mark.parametrize(("size", "top"), [(0.5, 64), (4.0, 200), (45.0, 600)])
def test_a_displacement_has_the_elements_of_the_closed_form(size, top):
    """Against sums of fractions and 120 digits, also where e^{-δ²/2} alone would be no number."""
    getcontext().prec = 120

    def number(fraction):
        return Decimal(fraction.numerator) / Decimal(fraction.denominator)

    made, rng, x = radial(size, top), np.random.default_rng(1), Fraction(size) ** 2
    for n, m in np.sort(rng.integers(0, top, (12, 2))).tolist():
        k = m - n
        laguerre = sum(Fraction((-1) ** j * comb(m, n - j), factorial(j)) * x**j for j in range(n + 1))
        root = number(Fraction(factorial(n), factorial(m)) * x**k).sqrt()
        exact = float(root * (-number(x) / 2).exp() * number(laguerre))
        assert made[m, n] == pytest.approx(exact, rel=0, abs=2e-14)
        assert made[n, m] == pytest.approx((-1) ** k * exact, rel=0, abs=2e-14)
