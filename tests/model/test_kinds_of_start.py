"""Another kind of initial state in each block, and states of any sector, against the full space."""

from math import sqrt

import numpy as np
import pytest

import cojump as cj
from cojump.model.states import SymmetricBlock
from tests import oracle
from tests.statistical.rules import against_oracle
from tests.support.pauli import LOWER, X, Y, Z

TIMES = np.linspace(0, 0.8, 3)
N_TRAJ = 2500
LARGEST_ERROR = 0.025


def sector_block(size, J, amplitudes):
    """Σ_M a_M |J, M>, spread evenly over the copies of J: J_-^k takes the top of each copy to M = J - k."""
    lower = np.zeros((2**size, 2**size), dtype=complex)
    for k in range(size):
        lower += np.kron(np.kron(np.eye(2**k), LOWER), np.eye(2 ** (size - k - 1)))
    made, step = np.zeros_like(lower), np.eye(2**size, dtype=complex)
    for k, a in enumerate(amplitudes):
        made += a * step
        step = lower @ step / sqrt(max((2 * J - k) * (k + 1), 1))
    return made @ oracle.dicke_block(size, J, J) @ made.conj().T


def mixed_levels():
    """Two levels beside three, coupled by a rate along another axis than the jumps."""
    down = np.zeros((3, 3))
    down[2, 0] = 0.8
    return cj.Model(
        [cj.Block("spins", 3), cj.Block("atoms", 2, levels=3)],
        [cj.OneBody(0.7 * X + 0.3 * Y, "spins")],
        [
            cj.LocalJump(0.8 * LOWER, "spins", amplitude=lambda x: 1 + 0.4 * x, argument={"spins": 0.6 * Z + 0.8 * X}),
            cj.LocalJump(down, "atoms", amplitude=lambda x: 1.2 + x, argument={"spins": Z}),
        ],
    )


def spins():
    jump = cj.LocalJump(0.8 * LOWER, "spins", amplitude=lambda x: 1 + 0.5 * x, argument={"spins": 0.6 * Z + 0.8 * X})
    return cj.Model([cj.Block("spins", 4)], [cj.OneBody(0.4 * X + 0.3 * Y, "spins")], [jump])


AMPLITUDES = np.array([0.6, 0.48j, -0.64])
DENSITY = np.array([[0.5, 0.1j, 0], [-0.1j, 0.3, 0], [0, 0, 0.2]])


def cases():
    model = spins()
    rho = sector_block(4, 1, AMPLITUDES)
    yield "sector", model, cj.start(model, {"spins": cj.Sector(1, AMPLITUDES)}), rho
    model = mixed_levels()
    half, whole = np.array([0.6, 0.8j]), np.array([0.5, 0.5, 0.5j, -0.5])
    one = oracle.product_state(cj.Model([cj.Block("q", 2, levels=3)]), {"q": DENSITY})
    pair = np.zeros(9)
    pair[[1, 3]] = sqrt(0.5)  # one in level 0, one in level 1
    for name, value, rho in (
        ("sector beside levels", cj.Sector(0.5, half), sector_block(3, 0.5, half)),
        ("dicke beside levels", cj.Dicke(0.5, -0.5), oracle.dicke_block(3, 0.5, -0.5)),
        ("symmetric beside levels", cj.Symmetric(whole), oracle.symmetric_block(3, whole)),
    ):
        state = cj.start(model, {"spins": value, "atoms": DENSITY})
        yield name, model, state, oracle.join_blocks(model, {"spins": rho, "atoms": one})
    state = cj.start(model, {"spins": cj.Occupation([2, 1]), "atoms": cj.Occupation([1, 1, 0])})
    rho = {"spins": oracle.dicke_block(3, 1.5, 0.5), "atoms": np.outer(pair, pair)}
    yield "occupations", model, state, oracle.join_blocks(model, rho)

    model = levels()
    for counts, rows in (
        ((3, 1, 0), (3, 1, 0)),
        ((1, 0, 3), (3, 1, 0)),
        ((2, 0, 2), (2, 2, 0)),
        ((1, 2, 1), (2, 1, 1)),
    ):
        state = cj.start(model, {"atoms": cj.Occupation(counts, diagram=rows)})
        yield f"{counts} of {rows}", model, state, diagram_block(counts, rows)


def levels():
    """Three levels with a rate along another axis than the jump."""
    hop = np.diag([1.0, 0.8], 1)
    jump = cj.LocalJump(hop, "atoms", amplitude=lambda x: 1 + 0.5 * x, argument={"atoms": 0.5 * (hop + hop.T)})
    return cj.Model([cj.Block("atoms", 4, levels=3)], [cj.OneBody(0.6 * (hop + hop.T), "atoms")], [jump])


def diagram_block(counts, rows):
    """The equal mixture of the copies of a sector, told by its Casimir number, with these numbers of particles."""
    size, d = sum(counts), len(counts)
    full = oracle.Oracle(cj.Model([cj.Block("q", size, levels=d)]))
    E = [[full.collective(np.outer(np.eye(d)[a], np.eye(d)[b]), "q") for b in range(d)] for a in range(d)]
    casimir, V = np.linalg.eigh(sum(E[a][b] @ E[b][a] for a in range(d) for b in range(d)))
    V = V[:, np.abs(casimir - sum(n * (n + d - 1 - 2 * i) for i, n in enumerate(rows))) < 0.1]
    there = np.all([np.abs(np.diag(E[a][a]).real - counts[a]) < 0.1 for a in range(d)], axis=0)
    projector = V @ V.conj().T @ np.diag(there)
    return (projector + projector.conj().T) / (2 * np.trace(projector).real)


CASES = {name: rest for name, *rest in cases()}


@pytest.mark.parametrize("name", CASES)
def test_the_master_equation_is_that_of_the_full_space(name):
    model, state, rho = CASES[name]
    solution = oracle.solve(model, rho, TIMES)
    exact = cj.master_equation(model, state, TIMES)
    np.testing.assert_allclose(exact.mean, solution.mean, rtol=0, atol=1e-10)
    np.testing.assert_allclose(exact.second, solution.second, rtol=0, atol=1e-10)
    densities = cj.mean_field(model, state, [0.0]).mean[0]
    np.testing.assert_allclose(densities, solution.mean[0], rtol=0, atol=1e-12)


def test_trajectories_start_in_the_sector_of_a_diagram():
    name, other = "(1, 0, 3) of (3, 1, 0)", "(2, 0, 2) of (2, 2, 0)"
    model, state, rho = CASES[name]
    result = cj.simulate(model, state, TIMES, n_traj=300, seed=6)
    verdict = against_oracle(result, oracle.solve(model, rho, TIMES))
    assert verdict.passes, verdict
    assert verdict.largest_error < 0.06, verdict
    assert not against_oracle(result, oracle.solve(model, CASES[other][2], TIMES)).passes
    start = cj.trajectory(model, state, [0.0], seed=1, index=0)
    assert start.sectors.tolist() == [[3, 1, 0]]


@pytest.mark.parametrize(
    ("particles", "diagram", "line"),
    [
        ([2, 1, 1], (3, 1), "be 3 rows of a Young diagram, none longer than the one before, but it is (3, 1)"),
        ([2, 1, 1], (1, 2, 1), "be 3 rows of a Young diagram, none longer than the one before, but it is (1, 2, 1)"),
        ([2, 1, 1], (3, 1, 0), "have the numbers of particles for its rows, in any order"),
        ([2, 1, 1], 3, "`states['atoms'] diagram`"),
    ],
)
def test_no_such_state_of_a_diagram(particles, diagram, line):
    with pytest.raises(cj.ArgumentError) as caught:
        cj.start(levels(), {"atoms": cj.Occupation(particles, diagram=diagram)})
    assert line in str(caught.value)


@pytest.mark.parametrize("name", ["sector", pytest.param("sector beside levels", marks=pytest.mark.validation)])
def test_trajectories_start_from_it(name):
    model, state, rho = CASES[name]
    result = cj.simulate(model, state, TIMES, n_traj=N_TRAJ, seed=6, chunk=500)
    verdict = against_oracle(result, oracle.solve(model, rho, TIMES))
    print(f"\n{name}: {verdict}")
    assert verdict.passes, verdict
    assert verdict.largest_error < LARGEST_ERROR, verdict
    # control: amplitudes in the other order
    J = 1 if name == "sector" else 0.5
    turned = AMPLITUDES[::-1] if name == "sector" else np.array([0.8j, 0.6])
    beside = {"atoms": DENSITY} if name != "sector" else {}
    wrong = cj.master_equation(model, cj.start(model, {"spins": cj.Sector(J, turned), **beside}), TIMES)
    assert (np.abs(wrong.mean - result.mean) / np.maximum(result.mean_stderr, 1e-10)).max() > 10


def test_it_is_what_the_other_functions_make():
    model = spins()
    for state, same in (
        (cj.start(model, {"spins": cj.Dicke(1, 0)}), cj.dicke(model, {"spins": (1, 0)})),
        (cj.start(model, {"spins": cj.Sector(1, [0, 1, 0])}), cj.dicke(model, {"spins": (1, 0)})),
        (cj.start(model, {"spins": [0.6, 0.8]}), cj.product(model, {"spins": [0.6, 0.8]})),
    ):
        one, other = (cj.master_equation(model, s, TIMES).second for s in (state, same))
        np.testing.assert_allclose(one, other, atol=1e-12)
    top = cj.start(model, {"spins": cj.Sector(2, [1, 0, 0, 0, 0])})
    assert isinstance(top.blocks[0], SymmetricBlock)
    assert top.is_product
    mode = cj.Model([cj.Block("spins", 4), cj.Mode("m")], [], [cj.ModeLoss(1.0, "m")])
    assert cj.start(mode, {"spins": cj.Dicke(2, 0), "m": 0.3j}).amplitudes == (0.3j,)


def test_a_sector_in_a_file(tmp_path):
    model = cj.systems.free_flips(4, 0.7, 1.3, 0.8)
    state = cj.start(model, {"spins": cj.Sector(1, AMPLITUDES)})
    result = cj.simulate(model, state, TIMES, n_traj=3, seed=4)
    result.save(tmp_path / "r.h5")
    (again,) = cj.load(tmp_path / "r.h5")
    assert cj.simulate(again.model(), again.state(), TIMES, n_traj=3, seed=4).mean.tobytes() == result.mean.tobytes()
    with pytest.raises(cj.ArgumentError, match="be a product state for the theory of fluctuations"):
        cj.fluctuations.fluctuations(model, state, TIMES)


MODEL = mixed_levels()
REFUSED = {
    "levels": (
        {"spins": [1, 0], "atoms": cj.Dicke(1, 0)},
        "Argument `states['atoms']` must be no Dicke, which is a state",
    ),
    "J": ({"spins": cj.Sector(1, [1, 0, 0]), "atoms": [1, 0, 0]}, "must be half-integer for a block of 3 particles"),
    "high": ({"spins": cj.Sector(2.5, [1]), "atoms": [1, 0, 0]}, "must be within 0 and N_b/2 = 1.5"),
    "length": ({"spins": cj.Sector(0.5, [1]), "atoms": [1, 0, 0]}, "must have 2 amplitudes for J = 0.5"),
    "norm": ({"spins": cj.Sector(0.5, [1, 1]), "atoms": [1, 0, 0]}, "must have norm 1"),
    "M": ({"spins": cj.Dicke(0.5, 1.5), "atoms": [1, 0, 0]}, "must be within -J and J = 0.5"),
    "count": ({"spins": [1, 0], "atoms": cj.Occupation([2, 1, 0])}, "must add up to 2 particles"),
    "missing": ({"spins": cj.Dicke(0.5, 0.5)}, "must give a state to every block"),
    "class": ({"spins": cj.Dicke, "atoms": [1, 0, 0]}, "Argument `states['spins']`"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case):
    states, message = REFUSED[case]
    with pytest.raises(cj.ArgumentError) as caught:
        cj.start(MODEL, states)
    assert message in str(caught.value)
