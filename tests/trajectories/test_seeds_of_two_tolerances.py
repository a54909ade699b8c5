"""The tolerance is kept seed for seed: 1e-9 against 1e-12, for models of every representation that only jumps.

A jump that differs is no error of the averages: u chose the channel so close to the edge between two that the weights
of 1e-9 and of 1e-12 lie on either side. Until then all agrees; how many trajectories have one is printed.
"""

from dataclasses import replace

import numpy as np
import pytest

import cojump as cj
from cojump.trajectories import representations
from cojump.trajectories.compilation import prepare
from cojump.trajectories.engine import make_engine
from cojump.trajectories.recipe import recipe_of
from tests.support.pauli import LOWER, RAISE, X, Z

TIMES = np.linspace(0.0, 2.0, 21)
TRAJECTORIES = 40


def flips(size=200):
    model = cj.systems.constrained(size, 0.7, 1.3, 0.8)
    return model, cj.tilted(model, 1.1, -np.pi / 2)


def with_an_energy(made):
    """By which states do not stay real."""
    model, state = made()
    return replace(model, hamiltonian=[*model.hamiltonian, cj.OneBody(0.4 * Z, model.blocks[0].name)]), state


def driven():
    model = cj.systems.free_flips(12, 0.7, 1.3, 0.8)
    drive = [replace(term, envelope=np.cos) for term in model.hamiltonian]
    return cj.Model(model.blocks, drive, model.jumps), cj.tilted(model, 1.1, 0.4)


def driven_levels():
    model = cj.systems.lambda_pump(8, 1.3, 0.9, 1.1)
    drive = [replace(term, envelope=np.cos) for term in model.hamiltonian]
    return cj.Model(model.blocks, drive, model.jumps), cj.product(model, {"particles": [0.6, 0.48, 0.64]})


def cavity():
    model = cj.systems.dicke(12, 1.0, 1.0, 0.9, 1.0)
    return model, cj.product(model, {"spins": [0.0, 1.0]})


def driven_cavity():
    model = cj.systems.dicke(12, 1.0, 1.0, 0.9, 1.0, gamma=0.5)
    drive = [replace(term, envelope=np.cos) for term in model.hamiltonian]
    return replace(model, hamiltonian=drive), cj.product(model, {"spins": [0.8, 0.6]})


def two_species():
    """Beside one mode."""
    couplings = [cj.ModeEnergy(1.0, mode="cavity"), cj.ModeCoupling({"a": 1.4 * X, "b": 0.9 * X}, mode="cavity")]
    parts = [cj.Block("a", 6), cj.Block("b", 5), cj.Mode("cavity")]
    model = cj.Model(parts, [*couplings, cj.OneBody(Z, "a")], [cj.ModeLoss(3.0, mode="cavity")])
    return model, cj.product(model, {"a": [1.0, 0.0], "b": [0.8, 0.6]})


def interacting_species():
    """With an interaction that flips particles of both."""
    model, state = two_species()
    return replace(model, hamiltonian=[*model.hamiltonian, cj.TwoBody(X, X, 0.5, ("a", "b"))]), state


def two_modes():
    """Beside one block, with collective decay."""
    names = ("cavity", "other")
    terms = [*(cj.ModeEnergy(1.0, mode=name) for name in names), cj.OneBody(0.5 * Z, "a")]
    terms += [cj.ModeCoupling({"a": g * X}, mode=name) for name, g in zip(names, (1.2, 0.8), strict=True)]
    jumps = [*(cj.ModeLoss(1.5, mode=name) for name in names), cj.CollectiveJump({"a": LOWER}, 0.5)]
    model = cj.Model([cj.Block("a", 8), *map(cj.Mode, names)], terms, jumps)
    return model, cj.product(model, {"a": [1.0, 0.0]})


def driven_species(build):
    model, state = build()
    drive = [replace(term, envelope=np.cos) for term in model.hamiltonian]
    return replace(model, hamiltonian=drive, jumps=[*model.jumps, cj.LocalJump(LOWER, "a")]), state


def hopfield():
    model = cj.systems.hopfield(cj.systems.random_patterns(3, 18, 1), 0.5, 1.7, merge=True)
    return model, cj.corrupted(model, 0, 0.8)


def driven_hopfield():
    model, state = hopfield()
    jumps = [replace(jump, envelope=np.cos) for jump in model.jumps]
    terms = [replace(term, envelope=cj.envelopes.gaussian(0.5, 0.2)) for term in model.hamiltonian]
    return replace(model, hamiltonian=terms, jumps=jumps), state


def potts():
    model = cj.systems.potts_hopfield([[0] * 20], 3, 0.3, 2.0)
    return model, cj.corrupted(model, 0, 0.8)


def exchanging():
    """Atoms of three levels that exchange excitations, decay together, and each alone."""
    down = np.diag([1.0, 1.0], 1)
    terms = [cj.OneBody(down + down.T, "a"), cj.TwoBody(down, down.T, 0.5, ("a", "a"))]
    jumps = [cj.CollectiveJump({"a": down}, rate=1.0), cj.LocalJump(down + 0.3 * np.diag([1.0, 0, -1]), "a")]
    model = cj.Model([cj.Block("a", 22, 3)], terms, jumps)
    return model, cj.product(model, {"a": [0, 0, 1]})


def rated():
    """Atoms of three levels that decay from two of them together, and all atoms together, at rates that depend on Δ."""
    model, state = exchanging()
    level, lower = np.diag([1.0, 0, -1]), np.array([[0, 1.0, 1], [0, 0, 0], [0, 0, 0]])
    rate = {"amplitude": np.exp, "argument": {"a": 0.5 * level}}
    jumps = [cj.LocalJump(lower, "a", exclude_self=own, **rate) for own in (True, False)]
    jumps.append(cj.CollectiveJump({"a": np.diag([1.0, 1.0], 1)}, 0.5, **rate))
    return replace(model, hamiltonian=model.hamiltonian[:1], jumps=jumps), state


def driven_exchanging():
    model, state = exchanging()
    terms, jumps = ([replace(term, envelope=np.cos) for term in some] for some in (model.hamiltonian, model.jumps))
    return replace(model, hamiltonian=terms, jumps=jumps), state


def driven_potts():
    model, state = potts()
    terms, jumps = ([replace(term, envelope=np.cos) for term in some] for some in (model.hamiltonian, model.jumps))
    return replace(model, hamiltonian=terms, jumps=jumps), state


def along_two_axes(rate, exclude_self=False):
    down = cj.LocalJump(LOWER, "a", amplitude=rate, argument={"a": Z}, exclude_self=exclude_self)
    up = cj.LocalJump(RAISE, "a", amplitude=rate, argument={"a": X}, exclude_self=exclude_self)
    model = cj.Model([cj.Block("a", 20)], [cj.OneBody(0.5 * X, "a")], [down, up])
    return model, cj.tilted(model, 1.1, 0.4)


def driven_along_two_axes():
    model, state = along_two_axes(np.abs)
    return replace(model, jumps=[replace(jump, envelope=np.cos) for jump in model.jumps]), state


CASES = {
    "REAL_BANDED": flips,
    "BANDED": lambda: with_an_energy(flips),
    "DRIVEN_BANDS": driven,
    "DRIVEN": driven_along_two_axes,
    "DRIVEN_LIST": driven_levels,
    "DRIVEN_LATTICE": driven_hopfield,
    "DRIVEN_SPIN_MODE": driven_cavity,
    "DRIVEN_SPIN_MODE, two blocks": lambda: driven_species(two_species),
    "DRIVEN_MODES": lambda: driven_species(interacting_species),
    "SPIN_MODE": cavity,
    "SPIN_MODE, two blocks": two_species,
    "SPIN_MODE, two modes": two_modes,
    "MODES": interacting_species,
    "REAL_LATTICE": hopfield,
    "LATTICE": lambda: with_an_energy(hopfield),
    "PATTERN_ROWS": potts,
    "PATTERN_ROWS, exchange": exchanging,
    "PATTERN_ROWS, any rate": rated,
    "DRIVEN_PATTERNS": driven_potts,
    "DRIVEN_PATTERNS, exchange": driven_exchanging,
    "POLYNOMIALS": lambda: along_two_axes(np.cosh),
    "SPARSE": lambda: along_two_axes(np.cosh, exclude_self=True),
    "PRODUCT": lambda: along_two_axes(np.abs),
}


def test_every_representation_has_a_case():
    jumping = set(representations.REPRESENTATIONS) - {representations.DIFFUSING}
    assert {representation_of(name) for name in CASES} == jumping


def representation_of(name):
    return getattr(representations, name.split(",")[0])


@pytest.mark.validation
@pytest.mark.parametrize("name", CASES)
def test_seed_for_seed(name):
    model, state = CASES[name]()
    assert {part.representation for part in recipe_of(model).parts} == {representation_of(name)}
    prepare([model])
    coarse, fine = (make_engine(model, state, TIMES, tolerance) for tolerance in (1e-9, 1e-12))
    differ, worst, jumps = 0, {"averages": 0.0, "jump times": 0.0}, 0
    for index in range(TRAJECTORIES):
        a, b = (engine.run(7, index, record=True) for engine in (coarse, fine))
        n = min(a.n_jumps, b.n_jumps)
        same = a.jumps["channel"][:n] == b.jumps["channel"][:n]
        sectors = zip(a.jumps["sector"][:n], b.jumps["sector"][:n], strict=True)
        same &= np.array([np.array_equal(mine, other) for mine, other in sectors], dtype=bool)
        first = n if same.all() else int(np.argmin(same))
        differs = first < n or a.n_jumps != b.n_jumps
        until = min(a.jumps["time"][first], b.jumps["time"][first]) if first < n else TIMES[-1]
        if not first < n and differs:  # a jump beside the end, before it in one of them
            longer = a if a.n_jumps > n else b
            until = longer.jumps["time"][n]
        differ += differs
        jumps += first
        compared = until > TIMES if differs else np.ones(len(TIMES), dtype=bool)
        for mine, other in ((a.mean, b.mean), (a.second, b.second)):
            worst["averages"] = max(worst["averages"], np.abs(mine[compared] - other[compared]).max(initial=0))
        times = np.abs(a.jumps["time"][:first] - b.jumps["time"][:first])
        worst["jump times"] = max(worst["jump times"], times.max(initial=0))
    print(
        f"\n{name:28} {TRAJECTORIES} trajectories, {jumps} jumps compared, {differ} with a jump that differs; "
        f"largest difference before it: averages {worst['averages']:.1e}, jump times {worst['jump times']:.1e}"
    )
    assert jumps > 40
    assert differ <= 2
    assert max(worst.values()) < 1e-6
