"""Particles with three and four levels against the master equation in the full space, by the statistical rule."""

from functools import lru_cache

import numpy as np
import pytest

import cojump as cj
from tests import oracle
from tests.statistical.level_cases import MODELS, beside_spins, mixing, potts, pumped, start
from tests.statistical.rules import against_oracle, pool
from tests.support.longer import few

TIMES = np.linspace(0, 0.6, 4)
FEW, MANY = 3_000, 20_000
LARGEST_ERROR = 0.6
"""No standard error may exceed this share of 1/√n: the averages are bounded, so that none could exceed 1/√n."""

SELECTION = [
    ("mixing_3_3", "pure"),
    ("mixing_3_2_excluded", "mixed"),
    ("mixing_4_2_excluded", "pure"),
    ("potts", "mixed"),
    ("beside_spins", "pure"),
]


@lru_cache
def _ensemble(name, kind, n_traj):
    model = MODELS[name]()
    seed = sum(ord(c) for c in name + kind)
    return cj.simulate(model, start(model, kind)[0], TIMES, n_traj=n_traj, seed=seed, chunk=1000)


def _verdict(name, kind, n_traj, true_model=None, **oracle_options):
    model = MODELS[name]()
    solution = oracle.solve(true_model or model, start(model, kind)[1], TIMES, **oracle_options)
    return against_oracle(_ensemble(name, kind, n_traj), solution)


def _judged(name, kind, n_traj):
    verdict = _verdict(name, kind, n_traj)
    print(f"{name} {kind}: {verdict}", flush=True)
    return verdict


def _require(verdict, n_traj):
    assert verdict.passes, verdict
    assert verdict.largest_error < LARGEST_ERROR / np.sqrt(n_traj), verdict


@pytest.mark.parametrize(
    ("name", "kind"),
    few(SELECTION, ("potts", "mixed"), ("beside_spins", "pure"), ("mixing_3_2_excluded", "mixed"), rows=True),
)
def test_trajectories_agree_with_the_master_equation(name, kind):
    _require(_judged(name, kind, FEW), FEW)


FAMILIES = sorted({name.split("_")[0] for name in MODELS})


@pytest.mark.validation
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_model(family):
    members = [name for name in MODELS if name.split("_")[0] == family]
    _require(pool([_judged(name, kind, MANY) for name in members for kind in ("pure", "mixed")]), MANY)


CONTROLS = {
    "a wrong coefficient of the rate": ("mixing_3_3", "pure", lambda: mixing(3, 3, linear=-0.2)),
    "no square in H": ("mixing_3_3", "pure", lambda: mixing(3, 3, square=0.0)),
    "the other self-exclusion": ("mixing_4_2_excluded", "pure", lambda: mixing(4, 2)),
    "the other self-exclusion of Potts spins": ("potts", "mixed", lambda: potts(exclude_self=False)),
    "another temperature": ("potts", "mixed", lambda: potts(beta=0.6)),
    "no coupling of spins and particles": ("beside_spins", "pure", lambda: beside_spins(coupling=0.0)),
}


@pytest.mark.parametrize("control", few(CONTROLS, "no square in H", "the other self-exclusion of Potts spins"))
def test_control_fails(control):
    name, kind, true_model = CONTROLS[control]
    verdict = _verdict(name, kind, FEW, true_model())
    print(f"{control}: {verdict}")
    assert not verdict.passes


@pytest.mark.parametrize(("name", "kind"), [("mixing_3_3", "pure"), ("mixing_3_2_excluded", "mixed")])
def test_control_with_the_rate_after_the_jump_fails(name, kind):
    assert not _verdict(name, kind, FEW, gamma_after=True).passes


@pytest.mark.validation
def test_control_of_the_pumped_particles_fails():
    assert not _verdict("pumped", "pure", MANY, pumped(4, kappa=3.0)).passes
