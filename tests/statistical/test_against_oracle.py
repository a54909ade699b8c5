"""Trajectories against the master equation in the full d^N space: 8,000 of them, 20,000 in the validation."""

import numpy as np
import pytest

import cojump as cj
from tests import oracle
from tests.statistical.cases import MODELS, STARTS
from tests.statistical.rules import against_oracle, pool
from tests.support.longer import few

TIMES = np.linspace(0, 2, 9)
N_TRAJ, MANY = 8_000, 20_000
LARGEST_ERROR = 0.85
"""The test has power only while no standard error exceeds this times √(1/n), the worst there can be."""

NAMES = sorted(MODELS)
# Every model, every size and every start once or more; in every test run those of ONCE; the full product is the
# validation below.
SELECTION = [
    ("free_flips", 5, "pure"),
    ("constrained", 2, "mixed"),
    ("constrained", 6, "pure"),
    ("constrained", 5, "dicke"),
    ("facilitated", 4, "pure"),
    ("contact", 3, "symmetric"),
    ("hopfield", 3, "pure"),
    ("hopfield", 2, "mixed"),
    ("hopfield_self", 4, "dicke"),
    ("traced", 2, "mixed"),
    ("traced", 3, "symmetric"),
    ("traced_excluded", 5, "pure"),
    ("traced_excluded", 2, "dicke"),
    ("dephasing", 4, "dicke"),
    ("dephasing", 6, "pure"),
]
ONCE = [
    ("free_flips", 5, "pure"),
    ("constrained", 6, "pure"),
    ("facilitated", 4, "pure"),
    ("contact", 3, "symmetric"),
    ("hopfield", 2, "mixed"),
    ("hopfield_self", 4, "dicke"),
    ("traced", 2, "mixed"),
    ("traced_excluded", 5, "pure"),
    ("dephasing", 4, "dicke"),
]
"""Every model and every start, every size."""


def _verdict(name, size, start, seed, true_model=None, n_traj=N_TRAJ, **oracle_options):
    model = MODELS[name](size)
    state, density = STARTS[start](model)
    result = cj.simulate(model, state, TIMES, n_traj=n_traj, seed=seed, chunk=1000)
    solution = oracle.solve(true_model or model, density, TIMES, **oracle_options)
    return against_oracle(result, solution)


def _judged(name, size, start, n_traj=N_TRAJ):
    verdict = _verdict(name, size, start, seed=100 * size + len(name) + len(start), n_traj=n_traj)
    print(f"{name} N={size} {start}: {verdict}", flush=True)
    return verdict


def _require(verdict, n_traj=N_TRAJ):
    assert verdict.passes, verdict
    assert verdict.largest_error < LARGEST_ERROR / np.sqrt(n_traj), verdict


@pytest.mark.parametrize(("name", "size", "start"), few(SELECTION, *ONCE, rows=True))
def test_trajectories_agree_with_the_master_equation(name, size, start):
    _require(_judged(name, size, start))


@pytest.mark.validation
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("name", NAMES)
def test_every_size_and_start(name):
    _require(pool([_judged(name, size, start, MANY) for size in (2, 3, 4, 5, 6) for start in sorted(STARTS)]), MANY)


@pytest.mark.parametrize("size", [4, 6])
def test_control_with_a_wrong_rate_fails(size):
    true_model = cj.systems.constrained(size, 0.7, 1.2 * 1.3, 0.8)
    assert not _verdict("constrained", size, "pure", seed=1, true_model=true_model).passes


@pytest.mark.parametrize("size", [4, 6])
def test_control_with_the_rate_after_the_flip_fails(size):
    assert not _verdict("constrained", size, "pure", seed=1, gamma_after=True).passes


def test_control_with_the_other_self_exclusion_fails():
    assert not _verdict("hopfield", 4, "pure", seed=1, true_model=MODELS["hopfield_self"](4)).passes
