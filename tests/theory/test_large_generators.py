"""Generators without a stored matrix and steady states without factors: as the small ones, and beyond their reach."""

import subprocess
import sys

import numpy as np
import pytest

import cojump as cj
from cojump.basis.sector_densities import block_densities
from cojump.basis.sector_operators import Operators
from cojump.basis.sectors import sector_labels, sector_of
from cojump.theory import stationary_vector as solver
from cojump.theory.generator import Generator
from cojump.theory.no_jump_inverse import NoJumpInverse
from cojump.theory.sector_maps import SectorMaps
from tests.statistical.block_cases import MODELS as SEVERAL
from tests.statistical.block_cases import across, axes, hopfield, start, together
from tests.statistical.cases import MODELS
from tests.support.longer import few
from tests.support.pauli import LOWER, RAISE, X, Z

CASES = {
    "traced": lambda: MODELS["traced_excluded"](5),
    "axes": lambda: axes(4),
    "two blocks, several axes": lambda: across((3, 2), exclude_self=True),
    "collective jumps": lambda: together((3, 2)),
    "Hopfield": lambda: hopfield("one"),
    "three levels": lambda: cj.systems.lambda_pump(3, 1.0, 0.7, 0.4),
}


def generator_of(model, memory=4.0):
    return Generator(model, [sector_labels(block) for block in model.blocks], memory=memory)


@pytest.mark.parametrize("name", CASES)
def test_the_operators_act_as_the_matrix(name):
    generator = generator_of(CASES[name]())
    assert generator.stored
    y = np.random.default_rng(1).normal(size=generator.unknowns)
    for operators, matrix in zip(generator._operators, generator._maps, strict=True):
        applied = SectorMaps(operators, generator.packing)
        np.testing.assert_allclose(applied @ y, matrix @ y, rtol=0, atol=1e-14 * applied.norm)
        assert np.abs(matrix @ y).sum() <= applied.norm * np.abs(y).sum()


@pytest.mark.parametrize("name", CASES)
def test_all_but_the_jumps_is_inverted(name):
    """X = (𝓛_0 - s)⁻¹ R solves -i(H_eff X - X H_eff†) - s X = R."""
    generator = generator_of(CASES[name]())
    right = np.random.default_rng(2).normal(size=generator.unknowns)
    found = generator.packing.unpack(NoJumpInverse(generator)(right))
    for labels, R in generator.packing.unpack(right).items():
        H, X = generator.effective_hamiltonian(labels), found[labels]
        shift = 1e-10 * generator.norm * X
        np.testing.assert_allclose(-1j * (H @ X - X @ H.conj().T) - shift, R, rtol=0, atol=1e-12 * np.abs(X).max())


@pytest.mark.parametrize("name", ["axes", "two blocks, several axes", "collective jumps"])
def test_the_effective_hamiltonian_of_all_frames(name):
    """<H_eff> = <H> - (i/2) Σ <rate> of a product state, with the operators in the user's frame."""
    model = CASES[name]()
    generator, plain = generator_of(model), Operators(model)
    state = start(model)[0]
    densities = [block_densities(block, own) for block, own in zip(model.blocks, state.blocks, strict=True)]
    expected = 0j
    for labels in generator.packing.dims:
        rho = np.ones((1, 1))
        for own, label in zip(densities, labels, strict=True):
            rho = np.kron(rho, own.get(label, np.zeros((sector_of(model.blocks[0], label).dim,) * 2)))
        rates = sum(plain.rate(l, labels) for l in range(len(model.jumps)))
        expected += ((plain.hamiltonian(labels) - 0.5j * rates) @ rho).trace()
    blocks = generator.packing.unpack(generator.start(densities))
    found = sum(np.trace(generator.effective_hamiltonian(labels) @ rho) for labels, rho in blocks.items())
    assert found == pytest.approx(expected, abs=1e-12)


def test_less_memory_gives_the_same_solution():
    model = MODELS["constrained"](20)
    state, times = cj.tilted(model, 1.1, 0.4), np.linspace(0, 2, 30)
    stored, applied = (cj.master_equation(model, state, times, memory=m) for m in (4.0, 0.00015))
    assert not generator_of(model, 0.00015).stored
    np.testing.assert_allclose(applied.mean, stored.mean, rtol=0, atol=1e-11)
    np.testing.assert_allclose(applied.covariance, stored.covariance, rtol=0, atol=1e-9)
    with pytest.raises(cj.ArgumentError, match=r"its 1,771 unknowns need about 0\.000132 GiB"):
        cj.master_equation(model, state, times, memory=0.00013)


@pytest.fixture
def iterated(monkeypatch):
    """No generator is small."""
    monkeypatch.setattr(solver, "_SMALL", 0)


UNIQUE = {
    **{name: (lambda name=name: MODELS[name](6)) for name in ("constrained", "hopfield_self", "traced", "dephasing")},
    **{name: case for name, case in CASES.items() if name != "three levels"},
    "a dark state": lambda: cj.systems.facilitated(6, 0, 5.0, 1.0),
    "almost dark": lambda: cj.systems.facilitated(8, 0.1, 5.0, 1.0),
    "fast jumps": lambda: cj.systems.free_flips(8, 0.01, 1e4, 1.0),
    "two patterns": lambda: cj.systems.hopfield(np.ones((1, 16)), 0.5, 1.7),
}


@pytest.mark.parametrize("name", few(UNIQUE, *list(UNIQUE)[::2]))
def test_iteration_and_factors_agree(name, monkeypatch):
    model = UNIQUE[name]()
    factorised = cj.steady_state(model, method="full")
    monkeypatch.setattr(solver, "_SMALL", 0)
    found = cj.steady_state(model, method="full")
    assert not np.array_equal(found.second, factorised.second)  # it was another way
    np.testing.assert_allclose(found.mean, factorised.mean, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.second, factorised.second, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.sector_weights, factorised.sector_weights, rtol=0, atol=1e-12)
    assert max(found.residual, factorised.residual) < 1e-14
    assert max(found.error, factorised.error) < 1e-12


@pytest.fixture
def in_parts(monkeypatch):
    """No generator is small as a whole."""
    monkeypatch.setattr(solver, "_factors", lambda *given: (np.inf, False))


def laser(size):
    """Quanta and excitations each keep coherences of different orders apart."""
    jumps = [
        cj.LocalJump(np.sqrt(1.5) * RAISE, "atoms"),
        cj.ModeJump(LOWER, "atoms", "cavity", emits=True),
        cj.ModeLoss(1.5, "cavity"),
    ]
    return cj.Model([cj.Block("atoms", size), cj.Mode("cavity")], [cj.ModeEnergy(0.3, "cavity")], jumps)


def test_parts_and_iteration_agree(in_parts, monkeypatch):
    for model in (laser(1), cj.systems.facilitated(7, 0.0, 5.0, 1.0)):
        apart = cj.steady_state(model, method="full")
        with monkeypatch.context() as patch:
            patch.setattr(solver, "_SMALL", 0)
            found = cj.steady_state(model, method="full")
        assert not np.array_equal(found.second, apart.second)  # it was another way
        np.testing.assert_allclose(found.second, apart.second, rtol=0, atol=1e-11)
        assert max(found.error, apart.error) < 1e-10


def test_a_laser_of_four_atoms(in_parts):
    """Its unknowns fall into parts of a few hundred; the master equation stays where it is."""
    model = laser(4)
    found = cj.steady_state(model, method="full")
    assert found.fock["cavity"] > 12
    assert found.error < 1e-10
    alone = cj.steady_state(model)  # the part of the populations
    np.testing.assert_allclose(alone.second, found.second, rtol=0, atol=1e-9)


def test_a_wrong_model_is_told_apart(iterated):
    right, wrong = cj.steady_state(across((3, 2))), cj.steady_state(across((3, 2), other=0.9))
    assert np.abs(right.mean - wrong.mean).max() > 1e-3


def test_the_error_is_large_where_the_decay_is_slow(iterated):
    """A spin that turns 10^4 times before it decays: the residual alone says too little."""
    found = cj.steady_state(cj.systems.free_flips(12, 1e4, 1.0, 0.5))
    total, z = 1.5, 0.5 / (1.5 + 8e8 / 1.5)
    off = np.abs(found.mean - [0, -4e4 * z / total, z]).max()
    assert off <= found.error < 1e-9


@pytest.mark.parametrize("way", ["iterated", "in_parts"])
def test_degenerate_kernels_are_counted(way, request):
    request.getfixturevalue(way)
    flips = [
        cj.LocalJump(X, "a", amplitude=lambda x: 1 - np.abs(x), argument={"a": Z}),
        cj.LocalJump(Z, "a"),
    ]
    with pytest.raises(cj.UnsupportedError, match="2 or more vanishing eigenvalues"):
        cj.steady_state(cj.Model([cj.Block("a", 4)], [], flips))
    with pytest.raises(cj.UnsupportedError, match=r"[46] or more vanishing eigenvalues"):
        cj.steady_state(cj.Model([cj.Block("a", 3)], [cj.OneBody(X, "a")], []), method="full")
    with pytest.raises(cj.UnsupportedError, match=r"[3-9] or more .* on 'spins' no sector is ever left"):
        cj.steady_state(SEVERAL["crystal"]())


def test_a_closed_form_beyond_the_reach_of_the_factors():
    """Factors and matrix of N = 34 need 0.08 GiB."""
    size, omega, up, down = 34, 0.7, 1.3, 0.8
    found = cj.steady_state(cj.systems.free_flips(size, omega, up, down), memory=0.02)
    total = up + down
    z = (up - down) / (total + 8 * omega**2 / total)
    np.testing.assert_allclose(found.mean, [0, -4 * omega * z / total, z], rtol=0, atol=1e-12)
    np.testing.assert_allclose(np.diag(found.covariance), 1 - found.mean**2, rtol=0, atol=1e-10)
    assert found.sector_weights.sum() == pytest.approx(1, abs=1e-13)
    assert found.error < 1e-12


def test_a_sector_alone_is_factorised_however_large():
    """The time crystal, whose oscillations decay too slowly for the iteration."""
    model = cj.systems.boundary_time_crystal(100, 0.8, 0.5)
    state = cj.tilted(model, 0.3, 0.1)
    found = cj.steady_state(model, state)
    assert found.residual < 1e-14
    assert found.error < 1e-9
    model = cj.systems.boundary_time_crystal(40, 0.8, 0.5)
    with pytest.raises(cj.ConvergenceError, match=r"steady state was not found: after \d+ applications the residual"):
        cj.steady_state(model, cj.tilted(model, 0.3, 0.1), memory=0.0025)


def test_what_the_iteration_does_not_find_is_factorised(monkeypatch):
    model = MODELS["constrained"](8)
    factorised = cj.steady_state(model)
    monkeypatch.setattr(solver, "_SMALL", 0)
    monkeypatch.setattr(solver, "_MOST", 5)  # directions: too few to come anywhere
    assert np.array_equal(cj.steady_state(model).mean, factorised.mean)


def test_progress_is_told(capsys, iterated):
    model = MODELS["constrained"](10)
    cj.master_equation(model, cj.tilted(model, 1.1, 0.4), [0.0, 1.0, 5.0], progress=True)
    assert "cojump: 100/100 % of the time" in capsys.readouterr().err
    cj.steady_state(model, progress=True)
    assert "% of the digits" in capsys.readouterr().err
    cj.steady_state(model)
    assert capsys.readouterr() == ("", "")


PEAK = """
import sys
import numpy as np
import cojump as cj
from cojump.theory import stationary_vector as solver
from tests.mpi.peak import peak

def run(size, memory):
    model = cj.systems.constrained(size, 0.7, 1.3, 0.8)
    if sys.argv[1] == "steady":
        return cj.steady_state(model, memory=memory).sector_weights
    times = np.linspace(0, 0.01, 12)
    return cj.master_equation(model, cj.tilted(model, 1.1, 0.4), times, memory=memory).sector_weights

kept, solver._SMALL = solver._SMALL, 0
run(8, 0.1)
solver._SMALL = kept
before = peak()
weights = run(int(sys.argv[2]), float(sys.argv[3]))
print(peak() - before, np.abs(weights.sum(axis=-1) - 1).max())
"""


@pytest.mark.parametrize(
    ("solver_", "size", "memory", "before"),
    [("time", 110, 0.02, 60_000), pytest.param("steady", 40, 0.02, 3_100, marks=pytest.mark.validation)],
)
def test_four_times_as_many_unknowns_in_the_same_memory(solver_, size, memory, before):
    """``before`` unknowns fitted when the matrix and its factors had to."""
    command = [sys.executable, "-c", PEAK, solver_, str(size), str(memory)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    used, off = map(float, ended.stdout.split())
    assert (size + 1) * (size + 2) * (size + 3) / 6 > 3.9 * before
    assert used < 1024 * memory + 3  # the operators of the sectors, and noise
    assert off < 1e-11
