"""Independent parts of a model side by side, against each part by itself."""

import numpy as np
import pytest

import cojump as cj
from cojump.trajectories.engine import make_engine
from cojump.trajectories.recipe import recipe_of
from tests.support.pauli import LOWER, RAISE, Z
from tests.support.random_models import random_density


def _model(kind):
    """Three parts whose blocks do not stand together, and jumps that change the sectors often."""
    blocks = [cj.Block("a", 6), cj.Block("b", 3, levels=3 if kind == "levels" else 2), cj.Block("c", 5)]
    blocks.append(cj.Block("d", 4))
    step = np.diag(np.ones(blocks[1].levels - 1), 1)
    terms = [cj.OneBody(0.3 * (step + step.T), "b"), cj.TwoBody(Z, Z, 0.5, blocks=("a", "d"))]
    jumps = [cj.LocalJump(RAISE + 0.5 * Z, "d"), cj.LocalJump(step + 0.5 * step.T, "b"), cj.LocalJump(LOWER, "c")]
    jumps += [cj.LocalJump(LOWER + 0.5 * Z, "a"), cj.LocalJump(Z, "c")]
    if kind == "a mode":
        blocks.append(cj.Mode("light"))
        terms.append(cj.ModeDrive(0.4, "light"))
        jumps.append(cj.ModeLoss(0.7, "light"))
    wanted = {"averages": ["c.z", "a.x", "d.z"]} if kind == "some averages" else {}
    return cj.Model(blocks, terms, jumps, **wanted)


def _state(model):
    rng = np.random.default_rng(5)
    return cj.product(model, {block.name: random_density(rng, block.levels) for block in model.blocks})


KINDS = ["spins", "levels", "some averages", "a mode"]


@pytest.mark.parametrize("kind", KINDS)
def test_averages_sectors_and_counts_are_those_of_the_parts(kind):
    model, times = _model(kind), np.linspace(0.3, 1.2, 4)
    state, parts = _state(model), recipe_of(model).parts
    assert len(parts) == 3
    whole = make_engine(model, state, times, 1e-9).run(2, 1)
    mean, within, sectors = {}, {}, np.zeros_like(whole.sectors)
    for c, part in enumerate(parts):
        one = part.representation.engine(part.model, part.state(state), times, 1e-9, ()).run(2, 1, part=c)
        np.testing.assert_array_equal(whole.counts[:, list(part.jumps)], one.counts)
        labels = part.model.labels
        # N of the averages of a mode is that of all particles
        scales = [np.sqrt(part.share) if label.startswith("light") else 1.0 for label in labels]
        mean |= {label: scale * one.mean[:, k] for k, (label, scale) in enumerate(zip(labels, scales, strict=True))}
        for q, (i, j) in enumerate(zip(*np.triu_indices(len(labels)), strict=True)):
            within[frozenset((labels[i], labels[j]))] = one.second[:, q] * (scales[i] * scales[j])
        own = one.sectors if len(part.blocks) > 1 else one.sectors[:, None]
        for k, b in enumerate(part.blocks):
            rows = own[:, k]
            if kind == "levels" and model.blocks[b].levels == 2:
                half = model.blocks[b].size / 2
                rows = np.stack([half + rows, half - rows, 0 * rows], axis=1)
            sectors[:, b] = rows
    np.testing.assert_array_equal(whole.sectors, sectors)
    np.testing.assert_array_equal(whole.mean, np.stack([mean[label] for label in model.labels], axis=1))
    for q, (i, j) in enumerate(zip(*np.triu_indices(len(model.labels)), strict=True)):
        a, b = model.labels[i], model.labels[j]
        np.testing.assert_array_equal(whole.second[:, q], within.get(frozenset((a, b)), mean[a] * mean[b]))


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_does_not_depend_on_where_output_begins(kind):
    # of every block it has the sector after the last jump of its part, before the first one that of the start
    model = _model(kind)
    state, differ = _state(model), 0
    for index in range(4):
        early = cj.trajectory(model, state, [0.0, 1.2], seed=3, index=index)
        late = cj.trajectory(model, state, [1.2], seed=3, index=index)
        np.testing.assert_array_equal(early.jumps, late.jumps)
        owner = {place: list(part.blocks) for part in recipe_of(model).parts for place in part.jumps}
        before = early.sectors[0]
        for jump in early.jumps:
            others = np.setdiff1d(np.arange(4), owner[jump["channel"]])
            np.testing.assert_array_equal(jump["sector"][others], before[others])
            before = jump["sector"]
        np.testing.assert_array_equal(before, early.sectors[1])
        differ += not np.array_equal(early.sectors[0], early.sectors[1])
    assert differ > 1  # else nothing is seen
