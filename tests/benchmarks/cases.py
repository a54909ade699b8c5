"""What is timed: a case for every representation and kind of model, at several sizes; theory; what a jump may take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

import cojump as cj
from tests.support.pauli import LOWER, RAISE, X, Y, Z
from tests.support.random_models import random_unitary

TIMES = np.linspace(0.0, 4.0, 41)
SHORT = np.linspace(0.0, 2.0, 21)
UNIT = np.linspace(0.0, 1.0, 11)
OMEGA, RATE_UP, RATE_DOWN = 0.7, 1.3, 0.8

BUDGET = {100: 6.0, 1_000: 10.0, 10_000: 20.0}
"""Microseconds per jump that free flips may take, by N."""


def free_flips(size):
    """Independent flips with a drive, from a product state in the y-z plane."""
    model = cj.systems.free_flips(size, OMEGA, RATE_UP, RATE_DOWN)
    return model, cj.tilted(model, 1.1, -np.pi / 2)


def constrained(size):
    """The constrained model from the same state."""
    model = cj.systems.constrained(size, OMEGA, RATE_UP, RATE_DOWN)
    return model, cj.tilted(model, 1.1, -np.pi / 2)


def dicke(size):
    """The same flips without a drive from a Dicke state, which stays one: a single amplitude."""
    model = cj.systems.free_flips(size, 0.0, RATE_UP, RATE_DOWN)
    return model, cj.dicke(model, {"spins": (size / 2, size / 2 - size // 4)})


def time_crystal(size):
    """H = 1.5 J_x, L = √(1/N) J_-, all spins up."""
    model = cj.systems.boundary_time_crystal(size, 0.75, 1.0)
    return model, cj.dicke(model, {"spins": (size / 2, size / 2)})


def _one_block(size, jumps):
    """One block with H = 0.5 Σσ_x from a product state."""
    model = cj.Model([cj.Block("spins", size)], [cj.OneBody(0.5 * X, "spins")], jumps)
    return model, cj.tilted(model, 1.1, 0.4)


def with_a_trace(size):
    """A jump that is no ladder operator and has a trace, Γ = 1 + 0.4 m_z."""
    j = 0.7 * LOWER + 0.3 * Z + 0.4 * np.eye(2)
    return _one_block(size, [cj.LocalJump(j, "spins", amplitude=_affine, argument={"spins": Z})])


def collective_and_local(size):
    """Collective and local decay together."""
    local = cj.LocalJump(LOWER, "spins", amplitude=_affine, argument={"spins": Z})
    return _one_block(size, [cj.CollectiveJump({"spins": LOWER}, rate=1.0), local])


def along_two_axes(size):
    """Two jumps whose arguments, m_z and m_x, do not commute."""
    down = cj.LocalJump(LOWER, "spins", amplitude=_affine, argument={"spins": Z})
    up = cj.LocalJump(RAISE, "spins", amplitude=np.cos, argument={"spins": X})
    return _one_block(size, [down, up])


def ladder_jumps(size):
    """Flips without a drive: H = 0 and the jumps (σ_x ± iσ_y)/2."""
    return _flips(size, X, Y, (np.sin(1.1) * np.cos(0.4), np.sin(1.1) * np.sin(0.4), np.cos(1.1)))


def other_axes(size):
    """The same with the axes named otherwise: y, z, x for x, y, z."""
    return _flips(size, Y, Z, (np.cos(1.1), np.sin(1.1) * np.cos(0.4), np.sin(1.1) * np.sin(0.4)))


def _flips(size, first, second, spin):
    """Jumps (first ± i second)/2 of one block, from the product state with this spin."""
    jumps = [
        cj.LocalJump(np.sqrt(rate) * (first + sign * 1j * second) / 2, "spins")
        for sign, rate in {1: RATE_UP, -1: RATE_DOWN}.items()
    ]
    model = cj.Model([cj.Block("spins", size)], [], jumps)
    x, y, z = spin
    return model, cj.tilted(model, np.arccos(z), np.arctan2(y, x))


def two_blocks(size):
    """Two blocks of N/2 that an interaction and the argument of a rate couple."""
    blocks = [cj.Block("a", size // 2), cj.Block("b", size - size // 2)]
    terms = [cj.OneBody(0.6 * X, "a"), cj.OneBody(0.3 * X, "b"), cj.TwoBody(Z, Z, 0.5, blocks=("a", "b"))]
    jumps = [
        cj.LocalJump(LOWER, "a", amplitude=_affine, argument={"a": 0.5 * Z, "b": 0.5 * Z}),
        cj.LocalJump(RAISE, "b", amplitude=_affine, argument={"a": 0.5 * Z, "b": 0.5 * Z}),
    ]
    model = cj.Model(blocks, terms, jumps)
    return model, cj.tilted(model, 1.0, 0.3)


def driven(build):
    """The same model and state with a Hamiltonian that oscillates."""

    def built(size):
        model, state = build(size)
        terms = [replace(term, envelope=_oscillating) for term in model.hamiltonian]
        return replace(model, hamiltonian=terms), state

    return built


def with_a_mode(size):
    """The Dicke model beyond its transition: a lossy mode that all spins couple to, and their own decay."""
    model = cj.systems.dicke(size, omega_atom=1.0, omega_mode=1.0, coupling=0.8, kappa=1.0, gamma=0.2)
    return model, cj.tilted(model, 2.0, 0.0)


def two_species(size):
    """Two blocks of N/2 spins of different energies, coupled to a lossy mode, each spin with its own decay."""
    blocks = [cj.Block("a", size // 2), cj.Block("b", size - size // 2), cj.Mode("light")]
    terms = [
        *(cj.OneBody(0.5 * energy * Z, block) for block, energy in (("a", 0.9), ("b", 1.1))),
        cj.ModeEnergy(1.0, mode="light"),
        cj.ModeCoupling({"a": 0.8 * X, "b": 0.5 * X}, mode="light"),
    ]
    jumps = [cj.ModeLoss(1.0, mode="light"), *(cj.LocalJump(np.sqrt(0.2) * LOWER, block) for block in "ab")]
    model = cj.Model(blocks, terms, jumps)
    return model, cj.tilted(model, 2.0, 0.0)


def three_species(size):
    """Three blocks of spins with other energies and couplings beside a lossy mode, each spin with its own decay."""
    third = size // 3
    blocks = [cj.Block("a", third), cj.Block("b", third), cj.Block("c", size - 2 * third), cj.Mode("light")]
    terms = [
        *(cj.OneBody(0.5 * energy * Z, block) for block, energy in (("a", 0.9), ("b", 1.0), ("c", 1.1))),
        cj.ModeEnergy(1.0, mode="light"),
        cj.ModeCoupling({"a": 0.8 * X, "b": 0.6 * X, "c": 0.5 * X}, mode="light"),
    ]
    jumps = [cj.ModeLoss(1.0, mode="light"), *(cj.LocalJump(np.sqrt(0.2) * LOWER, block) for block in "abc")]
    model = cj.Model(blocks, terms, jumps)
    return model, cj.tilted(model, 2.0, 0.0)


def collective_and_mode(size):
    """The Dicke model whose spins emit together, too, into light that is not kept."""
    terms = [
        cj.OneBody(0.5 * Z, "spins"),
        cj.ModeEnergy(1.0, mode="light"),
        cj.ModeCoupling({"spins": 0.6 * X}, mode="light"),
    ]
    jumps = [
        cj.ModeLoss(1.0, mode="light"),
        cj.CollectiveJump({"spins": LOWER}, 0.3),
        cj.LocalJump(np.sqrt(0.2) * LOWER, "spins"),
    ]
    model = cj.Model([cj.Block("spins", size), cj.Mode("light")], terms, jumps)
    return model, cj.tilted(model, 2.0, 0.0)


def two_modes(size):
    """Spins with their own decay, coupled to two lossy modes."""
    terms = [
        cj.OneBody(0.5 * Z, "spins"),
        *(cj.ModeEnergy(omega, mode=mode) for mode, omega in (("one", 1.0), ("other", 0.7))),
        *(cj.ModeCoupling({"spins": g * X}, mode=mode) for mode, g in (("one", 0.6), ("other", 0.4))),
    ]
    jumps = [
        *(cj.ModeLoss(kappa, mode=mode) for mode, kappa in (("one", 1.0), ("other", 0.8))),
        cj.LocalJump(np.sqrt(0.2) * LOWER, "spins"),
    ]
    model = cj.Model([cj.Block("spins", size), cj.Mode("one"), cj.Mode("other")], terms, jumps)
    return model, cj.tilted(model, 2.0, 0.0)


def ladder_and_mode(size):
    """Atoms of three levels that emit into a lossy mode, from level to level, and beside it."""
    down = np.diag([1.0, 1.0], 1)
    terms = [
        cj.OneBody(np.diag([0.0, 1.0, 2.5]), "atoms"),
        cj.ModeEnergy(1.0, mode="light"),
        cj.ModeCoupling({"atoms": 0.5 * down}, mode="light"),
    ]
    jumps = [cj.LocalJump(np.sqrt(0.2) * down, "atoms"), cj.ModeLoss(0.8, mode="light")]
    model = cj.Model([cj.Block("atoms", size, 3), cj.Mode("light")], terms, jumps)
    return model, cj.product(model, {"atoms": [0.2, 0.4, np.sqrt(0.8)], "light": 0.5})


def five_levels(size, levels=5):
    """Driven atoms of five levels that decay the faster the higher they are."""
    down, level = np.diag(np.sqrt(np.arange(1.0, levels)), 1), np.diag(np.arange(1.0 * levels)) / (levels - 1)
    decay = cj.LocalJump(down, "atoms", amplitude=_affine, argument={"atoms": level})
    model = cj.Model([cj.Block("atoms", size, levels)], [cj.OneBody(0.5 * (down + down.T), "atoms")], [decay])
    return model, cj.product(model, {"atoms": np.eye(levels)[0]})


def four_levels(size):
    """The same of four."""
    return five_levels(size, 4)


def three_together(size):
    """Driven atoms of three levels that exchange excitations, decay together, and each alone."""
    down = np.diag([1.0, 1.0], 1)
    terms = [cj.OneBody(0.5 * (down + down.T), "atoms"), cj.TwoBody(down, down.T, 0.5, ("atoms", "atoms"))]
    jumps = [cj.CollectiveJump({"atoms": down}, rate=0.5), cj.LocalJump(0.4 * down, "atoms")]
    model = cj.Model([cj.Block("atoms", size, 3)], terms, jumps)
    return model, cj.product(model, {"atoms": [0.0, 0.0, 1.0]})


def three_mixed(size):
    """Driven atoms of three levels that decay from two of them at once, the faster the more are in the third one."""
    drive = cj.OneBody(np.diag([1.0, 1.0], 1) + np.diag([1.0, 1.0], -1), "atoms")
    lower, level = np.array([[0.0, 1.0, 1.0], [0, 0, 0], [0, 0, 0]]), np.diag([1.0, 0.0, 0.0])
    decay = cj.LocalJump(lower, "atoms", amplitude=_affine, argument={"atoms": level})
    model = cj.Model([cj.Block("atoms", size, 3)], [drive], [decay])
    return model, cj.product(model, {"atoms": [0.0, 0.0, 1.0]})


def levels_and_spins(size):
    """N/2 particles of three levels and N/2 spins, which an interaction and the argument of a rate couple."""
    down, spin = np.diag([1.0, 1.0], 1), np.diag([1.0, 0.0, -1.0])
    blocks = [cj.Block("a", size // 2, 3), cj.Block("b", size - size // 2)]
    terms = [
        cj.OneBody(0.5 * (down + down.T), "a"),
        cj.OneBody(0.5 * X, "b"),
        cj.TwoBody(spin, Z, 1.0, blocks=("a", "b")),
    ]
    jumps = [cj.LocalJump(down, "a", amplitude=_affine, argument={"b": Z}), cj.LocalJump(LOWER, "b")]
    model = cj.Model(blocks, terms, jumps)
    return model, cj.product(model, {"a": [0.0, 0.0, 1.0], "b": [0.8, 0.6]})


def in_other_axes(build):
    """The same model and product state with random axes on every block."""

    def built(size):
        model, state = build(size)
        rng = np.random.default_rng(5)
        turned = {b.name: random_unitary(rng, b.levels) for b in model.blocks}

        def change(block, matrix):
            return turned[block] @ matrix @ turned[block].conj().T

        terms, jumps = ([term.mapped(change) for term in terms] for terms in (model.hamiltonian, model.jumps))
        made = replace(model, hamiltonian=terms, jumps=jumps, order_parameters={})
        densities = zip(model.blocks, state.blocks, strict=True)
        return made, cj.product(made, {block.name: change(block.name, own.density) for block, own in densities})

    return built


def hopfield_2(size):
    """Two patterns, blocks that are not merged: two independent parts."""
    model = cj.systems.hopfield(cj.systems.random_patterns(2, size, 1), 0.5, 1.7)
    return model, cj.corrupted(model, 0, 0.8)


def hopfield_3(size):
    """Three patterns, blocks merged."""
    model = cj.systems.hopfield(cj.systems.random_patterns(3, size, 1), 0.5, 1.7, merge=True)
    return model, cj.corrupted(model, 0, 0.8)


def potts(size):
    """One pattern of three levels."""
    model = cj.systems.potts_hopfield(np.zeros((1, size), dtype=int), 3, 0.3, 2.0)
    return model, cj.corrupted(model, 0, 0.8)


def potts_2(size):
    """Two patterns of three levels: three blocks of N/3."""
    patterns = np.stack([np.zeros(size, dtype=int), 3 * np.arange(size) // size])
    model = cj.systems.potts_hopfield(patterns, 3, 0.3, 2.0)
    return model, cj.corrupted(model, 0, 0.8)


def one_particle(levels):
    """One particle with many levels, three averages measured: a driven oscillator cut off, its decay, weak heating."""
    a = np.diag(np.sqrt(np.arange(1.0, levels)), 1)
    jumps = [cj.LocalJump(np.sqrt(2.0) * a, "site"), cj.LocalJump(0.4 * a.T, "site")]
    drive = [cj.OneBody(0.8 * (a + a.T), "site")]
    model = cj.Model([cj.Block("site", 1, levels)], drive, jumps, averages=["site.n0", "site.n1", "site.x01"])
    return model, cj.product(model, {"site": np.eye(levels)[0]})


def _affine(x):
    """Γ(x) = 1 + 0.4 x."""
    return 1.0 + 0.4 * x


def _oscillating(t):
    """1 + 0.3 cos 2t."""
    return 1.0 + 0.3 * np.cos(2.0 * t)


class Case(NamedTuple):
    """A model and its state at several sizes, and the output times."""

    build: Callable[[int], tuple[cj.Model, Any]]
    sizes: tuple[int, ...]
    times: np.ndarray = TIMES


LARGE = {"free flips": (100_000,)}
"""Sizes that take a minute."""

CASES = {
    "free flips": Case(free_flips, (100, 1_000, 10_000)),
    "constrained": Case(constrained, (100, 1_000, 10_000)),
    "Dicke, H = 0": Case(dicke, (100, 10_000)),
    "time crystal": Case(time_crystal, (50, 200, 800)),
    "jump with a trace": Case(with_a_trace, (100, 1_000, 10_000)),
    "collective + local": Case(collective_and_local, (100, 1_000, 10_000)),
    "arguments along two axes": Case(along_two_axes, (30, 100, 300, 1_000), SHORT),
    "ladder jumps": Case(ladder_jumps, (100, 1_000), SHORT),
    "the same, other axes": Case(other_axes, (100, 1_000), SHORT),
    "two blocks": Case(two_blocks, (40, 100, 400), SHORT),
    "two blocks, other axes": Case(in_other_axes(two_blocks), (100,), SHORT),
    "Hopfield p = 2": Case(hopfield_2, (100, 200), SHORT),
    "Hopfield p = 3, merged": Case(hopfield_3, (40, 100), SHORT),
    "Potts q = 3": Case(potts, (30, 60, 150), SHORT),
    "Potts q = 3, other axes": Case(in_other_axes(potts), (30,), SHORT),
    "Potts q = 3, two patterns": Case(potts_2, (12, 21), SHORT),
    "Potts q = 3, driven": Case(driven(potts), (30, 60), SHORT),
    "three levels together": Case(three_together, (20, 60), SHORT),
    "three levels mixed": Case(three_mixed, (20, 60), SHORT),
    "four levels": Case(four_levels, (10, 24), SHORT),
    "five levels": Case(five_levels, (10, 30), SHORT),
    "three levels and spins": Case(levels_and_spins, (20, 60), SHORT),
    "one particle of N levels": Case(one_particle, (6, 40)),
    "constrained, driven": Case(driven(constrained), (100, 1_000), SHORT),
    "two blocks, driven": Case(driven(two_blocks), (100,), SHORT),
    "Dicke model, a mode": Case(with_a_mode, (20, 100), UNIT),
    "Dicke model, a mode, driven": Case(driven(with_a_mode), (20, 100), UNIT),
    "two species, a mode": Case(two_species, (20, 100), UNIT),
    "two species, a mode, driven": Case(driven(two_species), (20, 100), UNIT),
    "three species, a mode": Case(three_species, (60,), UNIT),
    "collective jumps, a mode": Case(collective_and_mode, (20, 100), UNIT),
    "two modes": Case(two_modes, (20, 100), UNIT),
    "three levels, a mode": Case(ladder_and_mode, (10, 30), UNIT),
}


def master_equation(size):
    """The exact averages of the constrained model."""
    cj.master_equation(*constrained(size), SHORT)


def fluctuations(size):
    """The 1/N expansion of a Hopfield network of two patterns, without the jumping particle left out."""
    model = cj.systems.hopfield(cj.systems.random_patterns(2, size, 1), 0.5, 1.7, exclude_self=False)
    cj.fluctuations.fluctuations(model, cj.corrupted(model, 0, 0.8), SHORT)


def scan(size):
    """A phase diagram of the facilitated model with ``size`` points on each axis."""
    drives, rates = np.linspace(0.2, 1.0, size), np.linspace(1.0, 6.0, size)
    cj.attractors.scan(lambda omega, kappa: cj.systems.facilitated(100, omega, kappa, 1.0), drives, rates, search=4)


def homodyne(size):
    """Two trajectories of the time crystal whose light is seen by homodyne detection."""
    model, _ = time_crystal(size)
    state, seen = cj.tilted(model, 0.2, 0.0), {"decay": cj.unravelling.homodyne(0.0)}
    cj.simulate(model, state, SHORT, n_traj=2, seed=1, unravelling=seen)


THEORY = {
    "master equation": (master_equation, (30,)),
    "fluctuations": (fluctuations, (100,)),
    "scan": (scan, (2,)),
    "homodyne detection": (homodyne, (200, 1_000)),
}
"""What goes without jumps, and its sizes."""
