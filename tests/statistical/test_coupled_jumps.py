"""Jumps that touch two things at once: trajectories and the master equation against the full space."""

from functools import lru_cache

import numpy as np
import pytest

import cojump as cj
from cojump.trajectories import frames
from cojump.trajectories.recipe import recipe_of
from cojump.trajectories.representations import BANDED, LATTICE, MODES, PATTERN_ROWS, PRODUCT, SPARSE
from tests import oracle
from tests.statistical.coupled_cases import FOCK, GATED, QUANTA, SEVERAL, start
from tests.statistical.rules import against_oracle, pool
from tests.support.longer import few

TIMES = np.linspace(0, 0.9, 4)
N_TRAJ = 1000
LARGEST_ERROR = 0.018
"""The test has power only while no standard error exceeds this (√(1/1000) = 0.032 is the worst there can be)."""

MODELS = SEVERAL | GATED | QUANTA
QUICK = (
    "one axis, self excluded",
    "turned",
    "two blocks, crossed",
    "three levels",
    "collective",
    "collective, turned",
    "emission and absorption",
    "three levels with a mode",
)
"""Some of each kind; the others are for the validation."""

EACH = [name if name in QUICK else pytest.param(name, marks=pytest.mark.validation) for name in MODELS]


@pytest.fixture(autouse=True)
def _first_argument_is_diagonal(monkeypatch):
    """Not the one that would be best: so that every way to run a rate is among the models."""
    monkeypatch.setattr(frames, "_AS_GOOD", np.inf)


@lru_cache
def _solved(name):
    model = MODELS[name]()
    return _full(name, model).solve(start(model, FOCK.get(name))[1], TIMES)


def _full(name, model, **wrong):
    return oracle.Oracle(model, fock=FOCK.get(name), **wrong)


@lru_cache
def _ensemble(name, factor=1):
    model = MODELS[name](factor)
    return cj.simulate(model, start(model)[0], TIMES, n_traj=N_TRAJ, seed=len(name), chunk=1000)


@pytest.mark.parametrize("name", EACH)
def test_the_master_equation_is_that_of_the_full_space(name):
    model = MODELS[name]()
    exact = cj.master_equation(model, start(model)[0], TIMES)
    bound = 1e-8 if model.modes else 1e-10
    np.testing.assert_allclose(exact.mean, _solved(name).mean, rtol=0, atol=bound)
    np.testing.assert_allclose(exact.second, _solved(name).second, rtol=0, atol=bound)
    # control: another rate is seen
    wrong = MODELS[name](0.8)
    assert np.abs(cj.master_equation(wrong, start(wrong)[0], TIMES).mean - _solved(name).mean).max() > 5e-3


RUN_BY = {
    "one axis": BANDED,
    "one axis, self excluded": BANDED,
    "turned": PRODUCT,
    "two blocks": LATTICE,
    "two blocks, crossed": LATTICE,
    "two blocks, turned": PRODUCT,
    "three levels": PATTERN_ROWS,
    "three levels, self excluded": PATTERN_ROWS,
    "three levels, turned": PRODUCT,
    "collective": SPARSE,
    "collective, beside a local rate": SPARSE,
    "collective, turned": PRODUCT,
    "collective, two averages": SPARSE,
    "collective, two blocks": SPARSE,
    "collective, two blocks, turned": PRODUCT,
}
"""The representation of each."""


@pytest.mark.parametrize("name", MODELS)
def test_each_way_to_run_them_is_among_the_models(name):
    (part,) = recipe_of(MODELS[name]()).parts
    assert part.representation is RUN_BY.get(name, MODES), part.method


@pytest.mark.parametrize("names", [QUICK, pytest.param(tuple(MODELS), marks=pytest.mark.validation)], ids=len)
def test_trajectories_agree_with_the_full_space(names):
    verdicts = {name: against_oracle(_ensemble(name), _solved(name)) for name in names}
    for name, verdict in verdicts.items():
        print(f"\n{name}: {verdict}", end="")
    together = pool(verdicts.values())
    assert together.passes, verdicts
    assert together.largest_error < LARGEST_ERROR


@pytest.mark.parametrize(
    "name", few(["turned", "three levels", "collective, turned", "emission and absorption"], "turned")
)
def test_a_rate_a_fifth_off_is_seen(name):
    assert not against_oracle(_ensemble(name, 0.8), _solved(name)).passes


@pytest.mark.parametrize("name", ["turned", "collective"])
def test_the_other_order_is_seen(name):
    """Γ(Δ) j of a local jump, and (Σ y) Γ(Δ) of a collective one."""
    model = MODELS[name]()
    wrong = _full(name, model, gamma_after=True).solve(start(model)[1], TIMES)
    assert not against_oracle(_ensemble(name), wrong).passes
