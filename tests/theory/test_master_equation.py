"""The exact master equation against the brute-force oracle, closed forms and the theory of large N."""

import numpy as np
import pytest
from scipy.linalg import expm

import cojump as cj
from cojump import steady_state
from cojump.basis.sector_densities import block_densities
from cojump.theory.generator import Generator
from cojump.theory.taylor_steps import evolve
from tests import oracle
from tests.statistical.block_cases import MODELS as SEVERAL
from tests.statistical.block_cases import across, hopfield, start, together
from tests.statistical.cases import MODELS, STARTS
from tests.support.pauli import LOWER, ONE, X, Y, Z

TIMES = np.array([0.0, 0.3, 1.1, 2.0])
AGREE = 1e-10
"""Agreement with the oracle: the tolerance, a bound on the trace norm of the error."""


def agree(exact, solution, atol=AGREE):
    np.testing.assert_allclose(exact.mean, solution.mean, rtol=0, atol=atol)
    np.testing.assert_allclose(exact.second, solution.second, rtol=0, atol=atol)
    np.testing.assert_allclose(exact.covariance, solution.covariance, rtol=0, atol=10 * atol)


def differ(exact, solution):
    return max(float(np.abs(exact.mean - solution.mean).max()), float(np.abs(exact.second - solution.second).max()))


# ---- the oracle ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", sorted(STARTS))
@pytest.mark.parametrize("name", sorted(MODELS))
def test_one_block_agrees_with_the_full_space(name, kind):
    for size in (2, 5) if kind in ("pure", "dicke") else (1, 4):
        model = MODELS[name](size)
        state, density = STARTS[kind](model)
        agree(cj.master_equation(model, state, TIMES), oracle.solve(model, density, TIMES))


SMALL = sorted(name for name in SEVERAL if SEVERAL[name]().size <= 5)


@pytest.mark.parametrize("name", SMALL)
def test_several_blocks_agree_with_the_full_space(name):
    model = SEVERAL[name]()
    state, density = start(model, SMALL.index(name) % 4)
    agree(cj.master_equation(model, state, TIMES), oracle.solve(model, density, TIMES))


@pytest.mark.validation
@pytest.mark.parametrize("name", sorted(MODELS))
def test_one_block_of_six(name):
    model = MODELS[name](6)
    for kind in STARTS:
        state, density = STARTS[kind](model)
        agree(cj.master_equation(model, state, TIMES), oracle.solve(model, density, TIMES))


@pytest.mark.validation
@pytest.mark.parametrize("name", sorted(SEVERAL))
def test_every_model_of_several_blocks_and_every_start(name):
    model = SEVERAL[name]()
    for first in range(4 if model.size <= 6 else 1):
        state, density = start(model, first)
        agree(cj.master_equation(model, state, TIMES), oracle.solve(model, density, TIMES))


CONTROLS = {
    "Hopfield, the other self-exclusion": (hopfield("one"), hopfield("one", exclude_self=False)),
    "the conjugate two-body strength": (across((3, 2)), across((3, 2), coupling=0.9 - 0.5j)),
    "one axis changed": (across((3, 2)), across((3, 2), second=X)),
    "rates blind to the other block": (across((3, 2)), across((3, 2), other=0.5)),
    "the other self-exclusion, several axes": (across((3, 2)), across((3, 2), exclude_self=True)),
    "a weaker collective jump": (together((3, 2)), together((3, 2), rate=0.65)),
}


@pytest.mark.parametrize("control", CONTROLS)
def test_a_wrong_model_is_told_apart(control):
    model, wrong = CONTROLS[control]
    state, density = start(model)
    exact = cj.master_equation(model, state, TIMES)
    assert differ(exact, oracle.solve(model, density, TIMES)) < AGREE
    assert differ(exact, oracle.solve(wrong, density, TIMES)) > 1e-3


def test_the_rate_after_the_jump_is_told_apart():
    model = MODELS["constrained"](4)
    state, density = STARTS["pure"](model)
    exact = cj.master_equation(model, state, TIMES)
    assert differ(exact, oracle.solve(model, density, TIMES, gamma_after=True)) > 1e-3


def test_deviation_and_order_parameters():
    model = hopfield("two")
    state, density = start(model, 0)
    exact, solution = cj.master_equation(model, state, TIMES), oracle.solve(model, density, TIMES)
    reference = cj.mean_field(model, state, TIMES).mean
    np.testing.assert_allclose(exact.deviation, oracle.deviation(solution, reference, model), rtol=0, atol=1e-10)
    assert exact.order.labels == tuple(model.order_parameters)
    full = oracle.Oracle(model)
    for n, matrices in enumerate(model.order_parameters.values()):
        m = sum(full.collective(x, b) / len(full.members[b]) for b, x in matrices.items())
        mean = np.einsum("tij,ji->t", solution.rho, m).real
        square = np.einsum("tij,ji->t", solution.rho, m @ m).real
        np.testing.assert_allclose(exact.order.mean[:, n], mean, rtol=0, atol=AGREE)
        np.testing.assert_allclose(exact.order.covariance[:, n, n], model.size * (square - mean**2), atol=1e-10)
    with pytest.raises(cj.ArgumentError, match="order parameters"):
        _ = cj.master_equation(MODELS["constrained"](2), cj.tilted(MODELS["constrained"](2), 1, 0), [0.0]).order


# ---- closed forms --------------------------------------------------------------------------------


def test_one_particle_obeys_the_optical_bloch_equations():
    omega, down, up = 0.7, 0.8, 1.3
    model = cj.systems.free_flips(1, omega, up, down)
    total = up + down
    bloch = np.array(
        [
            [-total / 2, 0, 0, 0],
            [0, -total / 2, -2 * omega, 0],
            [0, 2 * omega, -total, up - down],
            [0, 0, 0, 0],
        ]
    )
    theta, phi = 1.1, 0.4
    r = np.array([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta), 1])
    exact = cj.master_equation(model, cj.tilted(model, theta, phi), TIMES)
    np.testing.assert_allclose(exact.mean, [(expm(bloch * t) @ r)[:3] for t in TIMES], rtol=0, atol=AGREE)


def test_independent_flips_are_binomial():
    size, up, down = 50, 1.3, 0.8
    model = cj.systems.free_flips(size, 0.0, up, down)
    exact = cj.master_equation(model, cj.dicke(model, {"spins": (size / 2, -size / 2)}), TIMES)
    p = up / (up + down) * (1 - np.exp(-(up + down) * TIMES))
    np.testing.assert_allclose(exact.mean[:, 2], 2 * p - 1, rtol=0, atol=1e-11)
    np.testing.assert_allclose(exact.covariance[:, 2, 2], 4 * p * (1 - p), rtol=0, atol=1e-9)
    np.testing.assert_allclose(exact.covariance[:, 0, 0], 1, rtol=0, atol=1e-9)


def test_one_axis_twisting():
    size, chi = 200, 0.9
    model = cj.systems.free_flips(size, 0.0, 0.0, 0.0, chi=chi)
    exact = cj.master_equation(model, cj.tilted(model, np.pi / 2, 0), TIMES)
    np.testing.assert_allclose(exact.mean[:, 0], np.cos(4 * chi * TIMES / size) ** (size - 1), rtol=0, atol=1e-10)


def test_constrained_spins_extrapolate_to_the_theory_of_large_numbers():
    """The covariance and the correction of the mean at t = 1 for N without end."""
    C = np.array([0.9599, 0.1715, -0.2387, 0.9740, 0.1915, 0.8969])
    delta = np.array([0.0731, 0.3613, -0.5266])
    found = []
    for size in (16, 32, 64):
        model = cj.systems.constrained(size, 0.7, 1.3, 0.8)
        state = cj.tilted(model, 1.1, 0.4)
        exact = cj.master_equation(model, state, [1.0])
        correction = size * (exact.mean - cj.mean_field(model, state, [1.0]).mean)[0]
        found.append(np.concatenate([exact.covariance[0][np.triu_indices(3)], correction]))
    limit = (8 * found[2] - 6 * found[1] + found[0]) / 3
    np.testing.assert_allclose(limit, [*C, *delta], rtol=0, atol=1e-3)


# ---- conserved quantities, tolerance -------------------------------------------------------------


@pytest.mark.parametrize("name", ["constrained", "traced_excluded"])
def test_the_state_stays_a_state_for_a_long_time(name):
    """Trace one and no negative eigenvalue at t = 100, where any anti-Hermitian rounding would have taken over."""
    model = MODELS[name](8)
    state = STARTS["pure"](model)[0]
    densities = [block_densities(block, own) for block, own in zip(model.blocks, state.blocks, strict=True)]
    generator = Generator(model, [list(own) for own in densities], memory=1)
    times = np.array([0.5, 100.0])
    for y in evolve(generator, generator.start(densities), times, norm=generator.packing.norm, tolerance=1e-10):
        values = np.concatenate([np.linalg.eigvalsh(rho) for rho in generator.packing.unpack(y).values()])
        assert values.min() > -1e-11
        assert abs(values.sum() - 1) < 1e-11


def test_sectors_and_weights():
    model = MODELS["constrained"](4)
    exact = cj.master_equation(model, cj.dicke(model, {"spins": (1, 0)}), [0.0, 1.0])
    assert exact.sectors == ((0,), (2,), (4,))
    np.testing.assert_allclose(exact.sector_weights[0], [0, 1, 0], rtol=0, atol=1e-14)
    assert exact.sector_weights[1].min() > 0.01
    crystal = SEVERAL["crystal"]()
    assert cj.master_equation(crystal, cj.tilted(crystal, 0, 0), [1.0]).sectors == ((5,),)


@pytest.mark.parametrize("tolerance", [1e-3, 1e-6])
def test_the_tolerance_bounds_the_error(tolerance):
    model = MODELS["constrained"](20)
    state = cj.tilted(model, 1.1, 0.4)
    times = np.linspace(0, 3, 50)
    fine = cj.master_equation(model, state, times, tolerance=1e-12)
    coarse = cj.master_equation(model, state, times, tolerance=tolerance)
    assert 0 < differ(coarse, fine) <= tolerance


def test_output_times_do_not_change_the_solution():
    model = MODELS["hopfield"](6)
    state = cj.tilted(model, 1.1, 0.4)
    many = cj.master_equation(model, state, np.linspace(0, 2, 401))
    few = cj.master_equation(model, state, [2.0])
    np.testing.assert_allclose(many.mean[-1], few.mean[0], rtol=0, atol=1e-11)
    zero = cj.master_equation(model, state, [0.0])
    np.testing.assert_allclose(zero.mean, many.mean[:1], rtol=0, atol=0)


def test_a_model_without_any_term_stands_still():
    model = cj.Model([cj.Block("a", 3), cj.Block("b", 2)])
    exact = cj.master_equation(model, cj.tilted(model, 0.3, 0.1), [0.0, 1e6])
    np.testing.assert_allclose(exact.mean[1], exact.mean[0], rtol=0, atol=1e-15)


# ---- steady states -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "model",
    [
        MODELS["traced"](5),
        pytest.param(across((3, 2), exclude_self=True), marks=pytest.mark.validation),
        together((3, 2)),
    ],
)
def test_the_steady_state_is_where_a_long_evolution_ends(model):
    found = steady_state(model)
    exact = cj.master_equation(model, start(model)[0], [150.0])
    np.testing.assert_allclose(found.mean, exact.mean[0], rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.covariance, exact.covariance[0], rtol=0, atol=1e-8)
    np.testing.assert_allclose(found.sector_weights, exact.sector_weights[0], rtol=0, atol=1e-9)
    assert found.sectors == exact.sectors
    assert found.residual < 1e-14


def test_steady_states_in_closed_form():
    size, omega, up, down = 12, 0.7, 1.3, 0.8
    found = steady_state(cj.systems.free_flips(size, omega, up, down))
    total = up + down
    z = (up - down) / (total + 8 * omega**2 / total)
    np.testing.assert_allclose(found.mean, [0, -4 * omega * z / total, z], rtol=0, atol=1e-13)
    np.testing.assert_allclose(np.diag(found.covariance), 1 - found.mean**2, rtol=0, atol=1e-12)
    absorbed = steady_state(cj.systems.facilitated(6, 0, 5.0, 1.0))
    np.testing.assert_allclose(absorbed.mean, [0, 0, -1], rtol=0, atol=1e-13)


def test_a_collective_jump_has_a_steady_state_within_each_sector():
    """The time crystal keeps J: unique in the symmetric sector, not over all of them."""
    model = cj.systems.boundary_time_crystal(6, 0.8, 1.2)
    found = steady_state(model, cj.tilted(model, 0.2, 0.1))
    assert found.sectors == ((6,),)
    exact = cj.master_equation(model, cj.tilted(model, 0.2, 0.1), [400.0])
    np.testing.assert_allclose(found.mean, exact.mean[0], rtol=0, atol=1e-8)
    with pytest.raises(cj.UnsupportedError, match=r"not unique.*'spins' no sector is ever left"):
        steady_state(model)


def test_a_steady_state_that_is_not_unique_is_refused():
    flips = [
        cj.LocalJump(X, "a", amplitude=lambda x: 1 - np.abs(x), argument={"a": Z}),
        cj.LocalJump(Z, "a"),
    ]
    frozen = cj.Model([cj.Block("a", 4)], [], flips)  # all up and all down are both dark
    with pytest.raises(cj.UnsupportedError, match="2 or more vanishing eigenvalues"):
        steady_state(frozen)
    with pytest.raises(cj.UnsupportedError, match="not unique"):
        steady_state(cj.Model([cj.Block("a", 3)], [cj.OneBody(X, "a")], []))
    mixing = cj.Model([cj.Block("a", 4)], [cj.OneBody(X, "a")], flips)
    np.testing.assert_allclose(steady_state(mixing).mean, 0, atol=1e-12)


# ---- refusals ------------------------------------------------------------------------------------


def test_memory_is_checked_before_work_starts():
    model = MODELS["constrained"](1000)
    mixed = cj.product(model, {"spins": np.diag([0.3, 0.7])})
    said = r"Argument `model` must fit the exact master equation into memory = 4 GiB, but its 167,668,501 unknowns need"
    with pytest.raises(cj.ArgumentError, match=said):
        cj.master_equation(model, mixed, [1.0])
    with pytest.raises(cj.ArgumentError, match=r"memory = 0\.0001 GiB"):
        cj.master_equation(MODELS["constrained"](20), cj.tilted(MODELS["constrained"](20), 1, 0), [1.0], memory=0.0001)
    with pytest.raises(cj.ArgumentError, match="memory = 4 GiB"):
        steady_state(across((30, 30)))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"times": [1.0, 0.5]}, "times"),
        ({"times": [-1.0]}, "times"),
        ({"tolerance": 0}, "tolerance"),
        ({"tolerance": 1e-15}, "tolerance"),
        ({"memory": -1}, "memory"),
        ({"model": MODELS["constrained"](4)}, "state"),
    ],
)
def test_wrong_arguments_are_refused(options, said):
    model = MODELS["constrained"](3)
    state = cj.symmetric(model, {"spins": np.ones(4) / 2})
    given = {"model": model, "state": state, "times": [1.0], **options}
    with pytest.raises(cj.ArgumentError, match=f"Argument `{said}`"):
        cj.master_equation(**given)


def test_kinked_and_vanishing_rates_at_an_edge():
    """√x at x = 0 and a rate that is zero beyond a point: no rounding turns a rate on."""
    jumps = [
        cj.LocalJump(LOWER, "a", rate=lambda x: x, argument={"a": 0.5 * ONE + 0.3 * X - 0.4 * Z}, exclude_self=True),
        cj.LocalJump(Y, "a", amplitude=lambda x: np.maximum(x, 0), argument={"a": Z}),
    ]
    model = cj.Model([cj.Block("a", 4)], [cj.OneBody(0.3 * X, "a")], jumps)
    state, density = start(model, 0)
    agree(cj.master_equation(model, state, TIMES), oracle.solve(model, density, TIMES))
