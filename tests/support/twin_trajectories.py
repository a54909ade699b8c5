"""Whole trajectories of one engine beside those of its twin: the same jumps, the same averages."""

import numpy as np

from cojump.basis.level_weights import LevelWeights, SumValues
from cojump.trajectories import counting_engine, lattice_engine
from cojump.trajectories.lattice_engine import LatticeEngine


def probabilities(pure):
    """Weights of the basis states of a pure state of one factor; of blocks of two levels all of its sector.

    Those of Fock states are added up.
    """
    (factor,) = pure.factors
    modes = tuple(range(len(factor.blocks), factor.amplitudes.ndim))
    weights = (np.abs(factor.amplitudes) ** 2).sum(axis=modes)
    if all(isinstance(label, int) for label in factor.labels):
        pairs = zip(factor.labels, factor.window, strict=True)
        weights = np.pad(weights, [(lo, two_J + 1 - hi) for two_J, (lo, hi) in pairs])
    return weights.ravel()


def weights_of_M(pure, model):
    """(N_b + 1,) probabilities of M = -N_b/2 .. N_b/2 in the user's frame, of all blocks of two levels in a row."""
    spins = [(b, block) for b, block in enumerate(model.blocks) if block.levels == 2]
    values = [SumValues(block.size, (0.5, -0.5)) for _, block in spins]
    found = [pure.levels(b, LevelWeights(block, np.eye(2))) for b, block in spins]
    return np.concatenate([own.probabilities(*one) for own, one in zip(values, found, strict=True)])


def assert_same_trajectories(twin, engine, seed, trajectories):
    """Compare jumps, sectors, averages and states at snapshots within 2e-10; the number of jumps.

    Both engines have tolerance 1e-10 and the same snapshots.
    """
    n_jumps = 0
    for index in range(trajectories):
        seen = [], []
        a, b = (
            e.run(seed, index, record=True, watch=lambda done, pure, to=to: to.append((done, probabilities(pure))))
            for e, to in zip((twin, engine), seen, strict=True)
        )
        for (done, mine), (other_done, other) in zip(*seen, strict=True):
            assert done == other_done
            np.testing.assert_allclose(mine, other, rtol=0, atol=1e-10)
        assert len(seen[0]) > 0
        n_jumps += a.n_jumps
        for field in ("channel", "sector"):
            np.testing.assert_array_equal(a.jumps[field], b.jumps[field])
        np.testing.assert_array_equal(a.sectors, b.sectors)
        np.testing.assert_array_equal(a.counts, b.counts)
        for mine, other in ((a.mean, b.mean), (a.second, b.second), (a.jumps["time"], b.jumps["time"])):
            np.testing.assert_allclose(mine, other, rtol=0, atol=2e-10)
    return n_jumps


def in_pieces(monkeypatch, model, state, times):
    """Bits of a trajectory on a grid depend on no pauses, on no room that there is at first, on none before it."""
    whole = LatticeEngine(model, state, times, 1e-9, [3]).run(1, 0, record=True)
    monkeypatch.setattr(counting_engine, "_SEGMENT", 3)
    monkeypatch.setattr(counting_engine, "_EFFORT", 1)
    monkeypatch.setattr(lattice_engine, "_FIRST_CELLS", 1)
    engine = LatticeEngine(model, state, times, 1e-9, [3])
    engine.run(1, 1)
    pieces = engine.run(1, 0, record=True)
    for field in ("mean", "second", "sectors", "counts", "jumps"):
        assert np.array_equal(getattr(whole, field), getattr(pieces, field)), field
