"""Models in the full space, against QuTiP's master equation and its trajectories: an independent program."""

from __future__ import annotations

import numpy as np
import pytest
import qutip

import cojump as cj
from tests import oracle

X, Z, DOWN, PLUS = cj.operators.sigma_x, cj.operators.sigma_z, cj.operators.sigma_minus, cj.operators.sigma_plus
SPIN = np.diag([1.0, 0.0, -1.0])
TIMES = np.linspace(0, 2, 5)
PRECISE = {"atol": 1e-12, "rtol": 1e-10, "nsteps": 100_000}


def constrained():
    model = cj.systems.constrained(size=4, omega=0.7, rate_up=1.3, rate_down=0.8)
    return model, cj.tilted(model, 1.1, 0.4), None


def hopfield():
    model = cj.systems.hopfield(np.array([[1, 1, -1, 1], [1, -1, -1, 1]]), 0.4, 1.5)
    return model, cj.corrupted(model, quality=0.8), None


def driven():
    model = cj.Model(
        [cj.Block("a", size=3), cj.Block("b", size=1, levels=3)],
        [
            cj.OneBody(X, "a", envelope=np.cos),
            cj.Potential(lambda m: m**3, {"a": X + Z, "b": SPIN}),
            cj.TwoBody(X, np.diag([1.0, 2, 3]), 0.3, blocks=("a", "b")),
        ],
        [
            cj.LocalJump(
                DOWN,
                "a",
                amplitude=lambda s: 1 + s**2,
                argument={"a": X, "b": SPIN},
                exclude_self=True,
                envelope=lambda t: 1 / (1 + t),
            ),
            cj.CollectiveJump({"a": DOWN}, 0.4),
        ],
    )
    return model, cj.start(model, {"a": cj.Symmetric([0.5, 0.5, 0.5, 0.5j]), "b": np.eye(3) / 3}), None


def cavity():
    model = cj.Model(
        [cj.Block("atoms", size=2), cj.Mode("cavity")],
        [cj.OneBody(0.5 * Z, "atoms"), cj.ModeEnergy(0.7, "cavity"), cj.ModeDrive(0.1 + 0.2j, "cavity")],
        [cj.ModeLoss(1.0, "cavity", thermal=0.1), cj.LocalJump(DOWN, "atoms")],
    )
    coupled = cj.Model(
        [*model.blocks, *model.modes],
        [*model.hamiltonian, cj.ModeCoupling({"atoms": 0.6 * DOWN}, "cavity")],
        model.jumps,
    )
    return coupled, cj.product(coupled, {"atoms": [0, 1], "cavity": 0.3}), {"cavity": 24}


def two_averages():
    model = cj.Model(
        [cj.Block("a", size=3), cj.Block("b", size=1)],
        [cj.OneBody(0.4 * Z, "a")],
        [
            cj.LocalJump(
                DOWN,
                "a",
                rate=lambda s, t: (1 + s) ** 2 + t**2,
                argument=({"a": X, "b": Z}, {"b": Z}),
                exclude_self=True,
            ),
            cj.CollectiveJump({"a": DOWN, "b": DOWN}, 0.6, amplitude=lambda s: 1 + s, argument={"a": Z, "b": X}),
        ],
    )
    return model, cj.tilted(model, 1.1, 0.4), None


@pytest.mark.parametrize("case", [constrained, hopfield, driven, cavity, two_averages])
def test_master_equation_of_qutip(case):
    model, state, fock = case()
    full = cj.to_qutip(model, state, fock=fock)
    they = qutip.mesolve(full.hamiltonian, full.state, TIMES, full.c_ops, e_ops=full.e_ops, options=PRECISE)
    we = cj.master_equation(model, state, TIMES)
    assert model.labels == tuple(full.e_ops)
    for label in model.labels:
        assert np.abs(they.e_data[label] - we[label].mean).max() < 1e-8, label


def test_trajectories_of_qutip():
    """Both ensembles around the master equation in units of their own standard error, of at most 0.04."""
    model, state, _ = constrained()
    full, n_traj = cj.to_qutip(model, state), 400
    options = {"progress_bar": "", "map": "serial", "keep_runs_results": False}
    they = qutip.mcsolve(
        full.hamiltonian, full.state, TIMES, full.c_ops, e_ops=full.e_ops, ntraj=n_traj, seeds=3, options=options
    )
    we = cj.simulate(model, state, TIMES, n_traj=n_traj, seed=3)
    exact = cj.master_equation(model, state, TIMES)
    wrong = cj.systems.constrained(size=4, omega=0.7, rate_up=1.3, rate_down=2.4)
    other = cj.master_equation(wrong, state, TIMES)["spins.z"].mean
    theirs = they.e_data["spins.z"][1:]
    error = np.asarray(they.std_e_data["spins.z"][1:]) / np.sqrt(n_traj)
    ours = we["spins.z"]
    assert max(error.max(), ours.stderr.max()) < 0.04
    assert np.abs((theirs - exact["spins.z"].mean[1:]) / error).max() < 4
    assert np.abs((ours.mean - exact["spins.z"].mean)[1:] / ours.stderr[1:]).max() < 4
    assert np.abs((theirs - other[1:]) / error).max() > 8


@pytest.mark.parametrize("case", [constrained, hopfield, cavity, two_averages])
def test_operators_are_those_of_the_oracle(case):
    model, _, fock = case()
    full, known = cj.to_qutip(model, fock=fock), oracle.Oracle(model, fock=fock)
    assert np.allclose(full.hamiltonian.full(), known.hamiltonian, rtol=0, atol=1e-12)
    assert len(full.c_ops) == len(known.jumps)
    for ours, theirs in zip(full.c_ops, known.jumps, strict=True):
        assert np.allclose(ours.full(), theirs, rtol=0, atol=1e-12)
    for ours, theirs in zip(full.e_ops.values(), known.averages, strict=True):
        assert np.allclose(ours.full(), theirs, rtol=0, atol=1e-12)
    assert full.state is None


def test_refusals():
    model, state, _ = cavity()
    with pytest.raises(cj.ArgumentError, match=r"`fock` must map the name of each mode .* 'cavity' has none"):
        cj.to_qutip(model, state)
    with pytest.raises(cj.ArgumentError, match=r"`fock\['cavity'\]` must be an integer of at least 2"):
        cj.to_qutip(model, state, fock={"cavity": 1})
    large = cj.systems.free_flips(size=50, omega=1, rate_up=1, rate_down=1)
    with pytest.raises(
        cj.UnsupportedError, match="at most 16,384 dimensions, but this model has 1,125,899,906,842,624"
    ):
        cj.to_qutip(large)
    huge = cj.systems.free_flips(size=10**9, omega=1, rate_up=1, rate_down=1)
    with pytest.raises(cj.UnsupportedError, match=r"this model has 2\^1,000,000,000"):
        cj.to_qutip(huge)
    small = cj.systems.free_flips(size=4, omega=1, rate_up=1, rate_down=1)
    with pytest.raises(cj.UnsupportedError, match="product states and symmetric ones, but block 'spins' has another"):
        cj.to_qutip(small, cj.dicke(small, {"spins": (1, 0)}))
