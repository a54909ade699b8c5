"""The same physics in other units of time has the same attractors: rates and energies times c, times divided by c."""

from dataclasses import replace

import numpy as np
import pytest

import cojump as cj
from tests.support.longer import few
from tests.support.pauli import X, Z

UP, DOWN = np.array([[0.0, 1.0], [0.0, 0.0]]), np.array([[0.0, 0.0], [1.0, 0.0]])


def scaled(model, c):
    """All energies and rates times c."""
    terms = [
        replace(t, eps=c * t.eps) if isinstance(t, cj.OneBody) else replace(t, g=c * t.g) for t in model.hamiltonian
    ]
    jumps = [
        replace(j, rate=c * j.rate) if isinstance(j, cj.CollectiveJump) else replace(j, j=np.sqrt(c) * j.j)
        for j in model.jumps
    ]
    return replace(model, hamiltonian=terms, jumps=jumps)


def hopfield(omega, beta):
    return cj.systems.hopfield(np.ones((1, 100)), omega, beta)


def random_model(seed):
    """One or two blocks of two or three levels with two-body terms, rates that feed back, and a collective jump."""
    rng = np.random.default_rng(seed)
    blocks = [
        cj.Block(name, 20 + 10 * i, levels=int(rng.integers(2, 4))) for i, name in enumerate("ab"[: 1 + seed % 2])
    ]

    def matrix(d, *, hermitian=False):
        a = rng.normal(size=(d, d)) + 1j * rng.normal(size=(d, d))
        return (a + a.conj().T) / 2 if hermitian else a

    hamiltonian = [cj.OneBody(matrix(b.levels, hermitian=True), b.name) for b in blocks]
    A, B = (matrix(b.levels, hermitian=True) for b in (blocks[0], blocks[-1]))
    hamiltonian.append(cj.TwoBody(A, A if len(blocks) == 1 else B, 0.7, (blocks[0].name, blocks[-1].name)))
    argument = {b.name: matrix(b.levels, hermitian=True) for b in blocks}
    jumps = [
        cj.LocalJump(matrix(b.levels), block=b.name, rate=lambda x: np.exp(0.8 * x), argument=argument) for b in blocks
    ]
    jumps += [cj.LocalJump(matrix(b.levels), block=b.name) for b in blocks]
    jumps.append(cj.CollectiveJump({b.name: matrix(b.levels) for b in blocks}, 0.8))
    return cj.Model(blocks, hamiltonian, jumps)


@pytest.mark.parametrize("c", few([1e-12, 1e-6, 1e6, 3e6, 1e12], 1e-12, 3e6))
@pytest.mark.parametrize("model", [hopfield(0.2, 2.5), random_model(0), random_model(1), random_model(2)])
def test_fixed_points_and_their_covariances(model, c):
    expected, found = (cj.attractors.fixed_points(m, starts=3) for m in (model, scaled(model, c)))
    assert [p.stability for p in found] == [p.stability for p in expected]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one.mean, other.mean, atol=1e-9)
        np.testing.assert_allclose(one.eigenvalues / c, other.eigenvalues, atol=1e-9)
        assert one.residual < 1e-10 * c * 100
        if one.stable:
            covariances = [
                cj.fluctuations.stationary(m, p.densities).covariance
                for m, p in ((scaled(model, c), one), (model, other))
            ]
            np.testing.assert_allclose(*covariances, atol=1e-9)


def test_a_power_of_two_changes_no_bit():
    model = hopfield(0.2, 2.5)
    for c in (2.0**-40, 2.0**20):
        for one, other in zip(
            cj.attractors.fixed_points(scaled(model, c), starts=3),
            cj.attractors.fixed_points(model, starts=3),
            strict=True,
        ):
            assert one.mean.tolist() == other.mean.tolist()


@pytest.mark.parametrize("c", few([1e-12, 1e12], 1e12))
def test_cycles(c):
    model = hopfield(1.0, 1 / 0.3)
    found, expected = (
        cj.attractors.limit_cycle(m, cj.tilted(m, np.pi / 2 + 0.1, -np.pi / 2 + 0.1), time_limit=limit)
        for m, limit in ((scaled(model, c), 500 / c), (model, 500.0))
    )
    assert found.period * c == pytest.approx(expected.period, rel=1e-9)
    np.testing.assert_allclose(found.times * c, expected.times, atol=1e-8)
    np.testing.assert_allclose(found.mean, expected.mean, atol=1e-8)
    np.testing.assert_allclose(found.multipliers, expected.multipliers, atol=1e-9)
    np.testing.assert_allclose(found.phase_gradient * c, expected.phase_gradient, atol=1e-7)
    assert found.phase_diffusion * c == pytest.approx(expected.phase_diffusion, rel=1e-8)
    assert found.damping / c == pytest.approx(expected.damping, rel=1e-8)


@pytest.mark.parametrize("c", few([1e-12, 1e12], 1e12))
def test_scans(c):
    def diagram(c):
        return cj.attractors.scan(lambda x, y: scaled(hopfield(x, y), c), [0.1, 1.0], [1.3, 3.3])

    found, expected = diagram(c), diagram(1.0)
    assert found.labels.tolist() == expected.labels.tolist()
    assert "cycle" in " ".join(expected.labels.ravel())
    np.testing.assert_allclose(found.periods * c, expected.periods, rtol=1e-6)
    np.testing.assert_allclose(found.maximum, expected.maximum, atol=1e-6)


def test_neutral_cycles_and_messages():
    for c in (1e-9, 1e9):
        crystal = cj.systems.boundary_time_crystal(50, 0.6 * c, c)
        found = cj.attractors.limit_cycle(crystal, cj.tilted(crystal, 0.3, 0.2))
        assert found.period * c == pytest.approx(2 * np.pi / np.sqrt(1.44 - 0.25), abs=1e-8)
        slow = cj.systems.free_flips(50, 0.0, c, c)
        with pytest.raises(cj.ConvergenceError, match=f"by t = {5 / c:.6g}$".replace("+", r"\+")):
            cj.attractors.limit_cycle(slow, cj.tilted(slow, 0.3, 0.2), time_limit=4 / c)


def test_a_rate_without_a_derivative_at_any_simple_state_still_sets_the_unit():
    """The Jacobian is known at none of the states that set the unit of time."""

    def kinks(x):
        return 1 + np.abs(x) + np.abs(x - 1) + np.abs(x + 1) + np.abs(np.abs(x) - 0.5)

    jumps = [
        cj.LocalJump(UP, block="spins", rate=kinks, argument={"spins": Z}),
        cj.LocalJump(2 * DOWN, block="spins"),
        cj.LocalJump(X, block="spins"),
    ]
    model = cj.Model([cj.Block("spins", 20)], [], jumps)
    found = [cj.attractors.fixed_points(scaled(model, c), starts=3) for c in (1.0, 1e-12, 1e9)]
    for points in found[1:]:
        assert [p.mean.round(9).tolist() for p in points] == [p.mean.round(9).tolist() for p in found[0]]
