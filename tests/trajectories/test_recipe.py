"""The recipe of a model: what is worked out once, and how often a user's rate is asked for it."""

from __future__ import annotations

import numpy as np
import pytest

import cojump as cj
from cojump.trajectories.product_channels import channels_of
from cojump.trajectories.recipe import recipe_of
from cojump.trajectories.representations import REAL_BANDED, REPRESENTATIONS, SPARSE
from cojump.trajectories.sparse_engine import SparseEngine
from cojump.trajectories.spin_engine import Engine
from cojump.trajectories.spin_tables import build
from tests.support.pauli import LOWER, RAISE, X, Z


def model(asked):
    """Two parts, one for each representation; ``asked`` takes the points of each call of a rate on a whole table."""

    def rate(x):
        if x.size > 1:
            asked.append(x.size)
        return 1 + 0.4 * x

    return cj.Model(
        [cj.Block("a", 30), cj.Block("b", 6)],
        [cj.OneBody(0.7 * X, "a"), cj.OneBody(0.3 * X, "b")],
        [
            cj.LocalJump(RAISE, "b", amplitude=np.cos, argument={"b": X}),
            cj.LocalJump(LOWER, "a", amplitude=rate, argument={"a": Z}),
            cj.LocalJump(LOWER, "b", amplitude=rate, argument={"b": Z}, exclude_self=True),
        ],
    )


def test_the_parts_of_a_recipe():
    made = model([])
    recipe = recipe_of(made)
    assert recipe is recipe_of(made)
    assert [part.names for part in recipe.parts] == [("a",), ("b",)]
    assert [part.representation for part in recipe.parts] == [REAL_BANDED, SPARSE]
    assert [part.amplitudes for part in recipe.parts] == [31, 7]
    assert recipe.nbytes() == sum(part.nbytes for part in recipe.parts)
    assert recipe.nbytes(3) == recipe.nbytes() + 3 * 16 * (31 + 7), "one part keeps its states for the other"
    assert {place: gamma.shape for place, gamma in recipe.rates().items()} == {0: (7,), 1: (31,), 2: (6,)}
    assert REPRESENTATIONS[-1].holds(made), "the last one holds whatever is made of blocks"


def test_cost_grows_with_time_and_amplitudes():
    small, large = (recipe_of(cj.systems.free_flips(size, 0.7, 1.3, 0.8)) for size in (10, 100))
    assert small.cost(1.0) < small.cost(2.0) < large.cost(2.0)


def test_what_a_run_works_out_of_a_model():
    """Each table is made once; a rate is asked for it once, and compared where trajectories begin."""
    asked: list[int] = []
    one = model(asked)
    spins, pair = (part.model for part in recipe_of(one).parts)
    tables, channels = build(spins), channels_of(pair)
    asked.clear()
    cj.simulate(one, cj.tilted(one, 1.1, 0.4), [0.0, 0.5], n_traj=3)
    assert build(spins) is tables
    assert channels_of(pair) is channels
    assert 0 < len(asked) <= 2 * 5, "two rates: what can jump, how often, how fast, and whether they are the same still"


@pytest.mark.parametrize(("name", "kind"), [("a", Engine), ("b", SparseEngine)])
def test_a_representation_makes_its_engine(name, kind):
    one = model([])
    (part,) = (part for part in recipe_of(one).parts if part.names == (name,))
    state = cj.tilted(part.model, 1.1, 0.4)
    assert type(part.representation.engine(part.model, state, np.array([0.0, 1.0]), 1e-9, [])) is kind
