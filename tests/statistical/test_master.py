"""Trajectories at N = 40, beyond the reach of the full space, against the exact master equation."""

import numpy as np
import pytest

import cojump as cj
from tests.statistical.block_cases import across, ket
from tests.statistical.cases import STARTS
from tests.statistical.rules import against_oracle, pool

TIMES = np.linspace(0, 2, 9)
N_TRAJ = 10_000
LARGEST_ERROR = 0.007
"""The test has power only while no standard error exceeds this (√(1/10,000) = 0.01 is the worst there can be)."""

CASES = {
    "constrained": lambda: cj.systems.constrained(40, 0.7, 1.3, 0.8),
    "Hopfield, self-excluded": lambda: cj.systems.hopfield(np.ones((1, 40)), 0.5, 1.7),
    "two blocks, several axes, self-excluded": lambda: across((6, 4), exclude_self=True),
}
WRONG = {
    "constrained": lambda: cj.systems.constrained(40, 0.7, 1.05 * 1.3, 0.8),
    "Hopfield, self-excluded": lambda: cj.systems.hopfield(np.ones((1, 40)), 0.5, 1.7, exclude_self=False),
    "two blocks, several axes, self-excluded": lambda: across((6, 4)),
}


def _start(model, kind):
    if len(model.blocks) == 1:
        return STARTS[kind](cj.Model([cj.Block("spins", 1)]))[0] if kind in ("pure", "mixed") else _dicke(model)
    return cj.product(model, {b.name: ket(0.9 + 0.5 * n, 0.4 - n) for n, b in enumerate(model.blocks)})


def _dicke(model):
    return cj.dicke(model, {b.name: (b.size / 2 - 3, 4) for b in model.blocks})


@pytest.mark.validation
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", CASES)
def test_trajectories_agree_with_the_exact_master_equation(name):
    model, wrong = CASES[name](), WRONG[name]()
    verdicts = []
    for seed, kind in enumerate(("pure", "mixed", "dicke") if len(model.blocks) == 1 else ("pure",)):
        state = _start(model, kind)
        result = cj.simulate(model, state, TIMES, n_traj=N_TRAJ, seed=500 + seed, chunk=500)
        verdicts.append(against_oracle(result, cj.master_equation(model, state, TIMES)))
        print(f"{name}, {kind}: {verdicts[-1]}", flush=True)
        assert not against_oracle(result, cj.master_equation(wrong, state, TIMES)).passes
    verdict = pool(verdicts)
    assert verdict.passes, verdict
    assert verdict.largest_error < LARGEST_ERROR, verdict
