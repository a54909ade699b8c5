"""Biased ensembles by cloning against the exact θ(s), and their bits."""

from __future__ import annotations

import numpy as np
import pytest

import cojump as cj
from cojump.ensemble import cloning
from tests.statistical.block_cases import across
from tests.support.pauli import LOWER, X

S = "spins"
WITHIN = 4.5
"""Standard errors, which are those of few populations."""

EXACT = {-0.1: 1.1724312236, -0.05: 0.5656642288, 0.05: -0.5292928757, 0.1: -1.0260492800, 0.3: -2.7439760760}
"""θ(s) of the constrained model with N = 40, as cj.counting.theta has it (a test below asks it again)."""


def constrained(size=40):
    return cj.systems.constrained(size, 0.7, 1.3, 0.8)


def cloned(s, *, n_clones, time, burn_in, populations=8, seed=2):
    model = constrained()
    return cj.counting.clones(
        model,
        cj.tilted(model, 1.1, 0.4),
        s,
        n_clones=n_clones,
        time=time,
        interval=0.5,
        burn_in=burn_in,
        populations=populations,
        seed=seed,
    )


def test_one_counting_field_at_forty_particles():
    found = cloned(0.1, n_clones=24, time=26.0, burn_in=16.0, populations=5)
    assert abs(found.theta - EXACT[0.1]) < WITHIN * found.stderr
    assert found.stderr < 0.025
    assert 0.85 < found.effective < 1
    # wrong on purpose: without the weights, -s times the mean rate
    unbiased = -0.1 * 10.9355
    assert abs(found.theta - unbiased) > WITHIN * found.stderr


@pytest.mark.validation
@pytest.mark.parametrize("s", EXACT)
def test_five_counting_fields_at_forty_particles(s):
    exact = cj.counting.theta(constrained(), s)
    assert float(exact) == pytest.approx(EXACT[s], abs=1e-8)
    found = cloned(s, n_clones=80, time=48.0, burn_in=18.0)
    print(f"s = {s}: {found.theta:.4f} ± {found.stderr:.4f}, exactly {float(exact):.4f}")
    assert abs(found.theta - float(exact)) < WITHIN * found.stderr < 0.15
    assert abs(found.mean - float(exact.mean)) < WITHIN * found.mean_stderr < 2.0


def test_an_atom_and_channels():
    """A driven atom that is also dephased: photons alone are counted."""
    model = cj.Model(
        [cj.Block(S, 1)],
        [cj.OneBody(0.5 * X, S)],
        [cj.LocalJump(LOWER, S), cj.LocalJump(np.diag([1.0, -1.0]) / 2, S)],
    )
    start = cj.tilted(model, np.pi, 0)
    options = {"n_clones": 24, "time": 18.0, "interval": 1.0, "burn_in": 8.0, "seed": 4, "populations": 6}
    for channels in (0, {0: 1.0, 1: 0.5}):
        found = cj.counting.clones(model, start, 0.6, channels=channels, **options)
        exact = cj.counting.theta(model, 0.6, channels)
        assert abs(found.theta - float(exact)) < WITHIN * found.stderr < 0.1
        assert abs(found.mean - float(exact.mean)) < WITHIN * found.mean_stderr < 0.4


def test_without_a_bias_nothing_grows():
    model = across((3, 2))
    state = cj.product(model, {b.name: [1, 0] for b in model.blocks})
    found = cj.counting.clones(model, state, 0.0, n_clones=4, time=2.0, interval=0.5, populations=3)
    assert found.theta == 0.0
    assert found.stderr == 0.0
    assert found.effective == 1.0
    assert found.mean > 0


def test_a_clone_is_a_trajectory_of_its_own():
    """The first generation are the trajectories of an ensemble; a clone's twin goes its own way."""
    model = constrained(6)
    state = cj.tilted(model, 1.1, 0.4)
    options = {"n_clones": 5, "populations": 3, "interval": 0.5, "seed": 7}
    once = cj.counting.clones(model, state, 0.0, time=0.5, **options)
    result = cj.simulate(model, state, [0.5], n_traj=15, seed=7)
    assert once.mean * 0.5 == pytest.approx(float(result.counts["total"].mean[-1]), rel=1e-12)
    twice = cj.counting.clones(model, state, 0.0, time=1.0, **options)
    assert twice.mean != once.mean


class Ranks:
    """Several ranks in one process: each is asked for its part, in turn."""

    def __init__(self, rank, size, others):
        self.rank, self.size, self._others = rank, size, others

    def in_turn(self, action):
        action()

    def of_all(self, value):
        return self._others(self.rank, value)


def test_any_number_of_ranks_gives_the_same_bits():
    """Each rank of two runs by itself what rank 0 of one would, and takes the rest from it."""
    model = constrained(8)
    state = cj.tilted(model, 1.1, 0.4)
    point = cloning.Point(model, state, np.array([0.5]), n_traj=12, seed=3, chunk=4)
    made = []

    class Alone(Ranks):
        def of_all(self, value):
            made.append(value)
            return [value]

    weights = np.ones(2)
    alone = cloning._run(point, 0.4, 6, 2, weights, Alone(0, 1, None))
    for rank, own in ((0, slice(0, 6)), (1, slice(6, 12))):
        steps = iter(made)

        def others(_, value, own=own, rank=rank, steps=steps):
            whole = next(steps)
            for (counts, final), (counts_alone, final_alone) in zip(value, whole[own], strict=True):
                assert np.array_equal(counts, counts_alone)
                for one, other in zip(final.factors, final_alone.factors, strict=True):
                    assert one.amplitudes.tobytes() == other.amplitudes.tobytes()
            parts = [whole[:6], whole[6:]]
            parts[rank] = value
            return parts

        shared = cloning._run(point, 0.4, 6, 2, weights, Ranks(rank, 2, others))
        assert shared.growth.tobytes() == alone.growth.tobytes()
        assert shared.rates.tobytes() == alone.rates.tobytes()


def test_resampling_gives_each_its_share():
    rng = np.random.default_rng(1)
    logs = rng.normal(size=50)
    shares = np.exp(logs) / np.exp(logs).sum()
    for u in (0.0, 0.3, 1 - 1e-16):
        log_mean, parents, effective = cloning.resampled(logs, u)
        counts = np.bincount(parents, minlength=50)
        assert np.all(np.abs(counts - 50 * shares) < 1)
        assert counts.sum() == 50
        assert log_mean == pytest.approx(np.log(np.exp(logs).mean()))
        assert 0 < effective < 1
    drawn = sum(np.bincount(cloning.resampled(logs, u)[1], minlength=50) for u in rng.random(20000)) / 20000
    np.testing.assert_allclose(drawn, 50 * shares, atol=0.02)
    assert cloning.resampled(np.array([-1e5, -1e5 - 1.0]), 0.5)[0] == pytest.approx(-1e5 + np.log((1 + np.exp(-1)) / 2))


def test_refusals():
    model = constrained(4)
    state = cj.tilted(model, 1.1, 0.4)
    given = {"n_clones": 4, "time": 2.0, "interval": 0.5}
    for options, said in [
        ({"n_clones": 1}, "n_clones"),
        ({"time": 0.0}, "time"),
        ({"interval": 0.0}, "interval"),
        ({"interval": 1e-9}, "interval"),
        ({"burn_in": 2.0}, "burn_in"),
        ({"populations": 2}, "populations"),
        ({"channels": 5}, "channels"),
        ({"seed": -1}, "seed"),
        ({"tolerance": 1.0}, "tolerance"),
        ({"s": np.nan}, "s"),
    ]:
        with pytest.raises(cj.ArgumentError, match=f"Argument `{said}`"):
            cj.counting.clones(model, state, **{"s": 0.1, **given, **options})
    driven = cj.Model([cj.Block(S, 3)], [cj.OneBody(X, S, envelope=np.cos)], [cj.LocalJump(LOWER, S)])
    with pytest.raises(cj.UnsupportedError, match=r"Biased ensembles .* has an envelope"):
        cj.counting.clones(driven, cj.tilted(driven, 0, 0), 0.1, **given)
    lit = cj.systems.dicke(2, 1.0, 0.9, 0.3, 0.7)
    with pytest.raises(cj.UnsupportedError, match="of its displaced frame"):
        cj.counting.clones(lit, cj.tilted(lit, 0, 0), 0.1, **given)
